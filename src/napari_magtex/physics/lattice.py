"""SpinLattice: a batch of atomic lattices with exchange, Dzyaloshinskii-Moriya interaction, anisotropy and field."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from napari_magtex.physics.batched import batched, directions
from napari_magtex.physics.bonds import Bond, shells
from napari_magtex.physics.model import SpinModel
from napari_magtex.physics.terms.anisotropy import Cubic, Uniaxial
from napari_magtex.physics.terms.dmi import DMI
from napari_magtex.physics.terms.exchange import Exchange
from napari_magtex.physics.terms.term import Term
from napari_magtex.physics.terms.zeeman import Zeeman
from napari_magtex.texture import Lattice


class SpinLattice(SpinModel):
    """Energy and field of lattices of unit spins, in the energy unit of J.

    ``E = -sum J S_i.S_j - sum D_ij.(S_i x S_j) - sum K (S.e)^2 - sum B.S``, bonds counted once (Spirit's convention).

    Parameters
    ----------
    J, D
        Exchange and DMI by neighbour shell, (batch, shells); a number is the first shell alone.
    K, easy_axis
        Uniaxial anisotropy (batch,), and its axis (3,) or (batch, 3).
    B
        Field times moment, (3,) or (batch, 3).
    batch
        How many systems.
    cubic_K
        Cubic anisotropy along x, y and z, (batch,); see `Cubic`.
    dmi
        ``bulk`` or ``interfacial``.

    Raises
    ------
    BadExperiment
        A constant is not finite or has another shape, or the DMI is of no known kind.
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
        cubic_K: Tensor | float = 0.0,
        dmi: str = "interfacial",
        lattice: Lattice = Lattice.SQUARE,
        periodic: bool = True,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        def place(tensor: Tensor) -> Tensor:
            return tensor.to(device, dtype)

        self.lattice = Lattice(lattice)
        exchange = _by_bond(J, batch, "J", self.lattice)
        chiral = _by_bond(D, batch, "D", self.lattice)
        axis = directions(easy_axis, batch, "the easy axis")[..., None, None]
        uniaxial, cubic = batched(K, batch, "K")[:, None, None], batched(cubic_K, batch, "the cubic K")[:, None, None]
        terms: list[Term] = [
            Exchange(exchange[0], place(exchange[1]), periodic=periodic),
            DMI(chiral[0], place(chiral[1]), dmi, periodic=periodic),
        ]
        if uniaxial.any():
            terms.append(Uniaxial(place(uniaxial), place(axis)))
        if cubic.any():
            terms.append(Cubic(place(cubic), place(torch.eye(3).repeat(batch, 1, 1))))
        terms.append(Zeeman(place(batched(B, batch, "B", (3,)))))
        super().__init__(terms, torch.ones(batch))


def _by_bond(value: Tensor | float, batch: int, name: str, lattice: Lattice) -> tuple[tuple[Bond, ...], Tensor]:
    """Spread constants by shell over the bonds of each: the bonds, and (batch, bonds)."""
    by_shell = torch.atleast_2d(torch.as_tensor(value, dtype=torch.float64))
    count = by_shell.shape[1]
    bonds = [(bond, shell) for shell, of_shell in enumerate(shells(lattice, count)) for bond in of_shell]
    strength = batched(by_shell, batch, name, (count,))[:, [shell for _, shell in bonds]]
    return tuple(bond for bond, _ in bonds), strength
