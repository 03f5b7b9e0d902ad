"""SpinLattice: a batch of atomic lattices with exchange, Dzyaloshinskii-Moriya interaction, anisotropy and field."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from napari_magtex.errors import BadExperiment
from napari_magtex.physics.bonds import Neighbours, add_bond_field, shells
from napari_magtex.texture import Lattice

DMI_KINDS = ("bulk", "interfacial")


def batched(value: Tensor | float | Sequence[float], batch: int, name: str, tail: tuple[int, ...] = ()) -> Tensor:
    """Return ``value`` as float64 (batch, *tail): a number serves every system.

    Raises
    ------
    BadExperiment
        It is not finite, or its shape fits neither one system nor the batch.
    """
    tensor = torch.as_tensor(value, dtype=torch.float64)
    if not bool(torch.isfinite(tensor).all()):
        raise BadExperiment(f"{name} must be finite, not {value}")
    try:
        return tensor.broadcast_to((batch, *tail)).clone()
    except RuntimeError as error:
        raise BadExperiment(f"{name} has the shape {tuple(tensor.shape)}: {(batch, *tail)} is needed") from error


class SpinLattice:
    """Energy and field of lattices of unit spins, in the energy unit of J.

    ``E = -sum J S_i.S_j - sum D_ij.(S_i x S_j) - sum K (S.e)^2 - sum B.S``, bonds counted once (Spirit's convention).

    Parameters
    ----------
    J, D
        Exchange and DMI by neighbour shell, (batch, shells); a number is the first shell alone.
    K, easy_axis
        Uniaxial anisotropy (batch,), and its unit axis (3,) or (batch, 3).
    B
        Field times moment, (3,) or (batch, 3).
    batch
        How many systems.
    dmi
        ``bulk`` or ``interfacial``.
    """

    def __init__(
        self,
        J: Tensor | float,
        D: Tensor | float = 0.0,
        K: Tensor | float = 0.0,
        B: Tensor | Sequence[float] = (0.0, 0.0, 0.0),
        *,
        batch: int = 1,
        easy_axis: Tensor | Sequence[float] = (0.0, 0.0, 1.0),
        dmi: str = "interfacial",
        lattice: Lattice = Lattice.SQUARE,
        periodic: bool = True,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        if dmi not in DMI_KINDS:
            raise BadExperiment(f"the DMI is bulk or interfacial, not {dmi!r}")
        by_shell = [torch.atleast_2d(torch.as_tensor(value, dtype=torch.float64)) for value in (J, D)]
        count = max(value.shape[1] for value in by_shell)
        axis = batched(easy_axis, batch, "the easy axis", (3,))

        def place(tensor: Tensor) -> Tensor:
            return tensor.to(device, dtype)

        self.lattice, self.periodic, self.dmi = Lattice(lattice), periodic, dmi
        self.shells = shells(self.lattice, count)
        self.J, self.D = (
            place(batched(value, batch, name, (value.shape[1],))) for name, value in zip("JD", by_shell, strict=True)
        )
        self.K = place(batched(K, batch, "K"))
        self.axis = place(axis / axis.norm(dim=1, keepdim=True))
        self.B = place(batched(B, batch, "B", (3,)))

    @property
    def stiffness(self) -> Tensor:
        """Bound of the largest eigenvalue of the energy's Hessian, (batch,): it sets the step of a relaxation."""
        bonds = torch.zeros_like(self.K)
        for index, shell in enumerate(self.shells):
            if index < self.J.shape[1]:
                bonds += 2 * len(shell) * self.J[:, index].abs()
            if index < self.D.shape[1]:
                bonds += 2 * len(shell) * self.D[:, index].abs()
        return 2 * bonds + 2 * self.K.abs() + self.B.norm(dim=1)

    def select(self, index: Tensor) -> SpinLattice:
        """Return the model of some systems of the batch."""
        chosen = object.__new__(SpinLattice)
        chosen.__dict__ |= self.__dict__ | {k: getattr(self, k)[index] for k in ("J", "D", "K", "axis", "B")}
        return chosen

    def field(self, m: Tensor) -> Tensor:
        """Return -dE/dS, (batch, 3, ny, nx)."""
        return self._pair_field(m) + self.B[:, :, None, None]

    def energy(self, m: Tensor) -> Tensor:
        """Return the energy of every system, (batch,)."""
        pairs = 0.5 * (m * self._pair_field(m)).sum(dim=(1, 2, 3))
        return -pairs - (m.sum(dim=(2, 3)) * self.B).sum(dim=1)

    def _pair_field(self, m: Tensor) -> Tensor:
        """Field of all that is quadratic in the spins."""
        along = torch.einsum("bcyx,bc->byx", m, self.axis)
        field = (2 * self.K[:, None] * self.axis)[:, :, None, None] * along[:, None]
        reach = max(max(abs(bond.up), abs(bond.right)) for shell in self.shells for bond in shell)
        neighbours = Neighbours(m, reach, periodic=self.periodic)
        zero = torch.zeros_like(self.K)[:, None, None]
        for index, shell in enumerate(self.shells):
            J = self.J[:, index, None, None] if index < self.J.shape[1] else zero
            has_dmi = index < self.D.shape[1] and bool(self.D[:, index].any())
            D = self.D[:, index, None, None] if has_dmi else None
            for bond in shell:
                add_bond_field(field, neighbours, bond, J, D, self.dmi)
        return field
