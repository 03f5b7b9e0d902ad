"""Film: a batch of micromagnetic films one cell thick, in SI units."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from scipy.constants import mu_0
from torch import Tensor

from napari_magtex.errors import BadExperiment
from napari_magtex.physics.bonds import Bond, Neighbours, add_bond_field
from napari_magtex.physics.demag import Demag
from napari_magtex.physics.lattice import DMI_KINDS, batched


class Film:
    """Energy and effective field of films that differ in their constants and share everything else.

    The energy density is ``A (grad m)^2 + w_D - Ku (m.e)^2 - Ms m.B - (mu0/2) Ms m.H_d`` with
    ``w_D = D m.curl m`` (bulk) or ``D [m_z div m - (m.grad) m_z]`` (interfacial), on nearest neighbours; beyond an
    open edge there is nothing.

    Parameters
    ----------
    shape, cell
        (ny, nx), and (dz, dy, dx) in metres; dz is the thickness.
    A, D, Ms, Ku
        J/m, J/m^2, A/m, J/m^3: numbers, or (batch,).
    field_T
        Applied field in tesla, (3,) or (batch, 3).
    """

    def __init__(
        self,
        shape: tuple[int, int],
        cell: tuple[float, float, float],
        A: Tensor | float,
        D: Tensor | float,
        Ms: Tensor | float,
        Ku: Tensor | float = 0.0,
        *,
        field_T: Tensor | Sequence[float] = (0.0, 0.0, 0.0),
        easy_axis: Sequence[float] = (0.0, 0.0, 1.0),
        dmi: str = "bulk",
        periodic: bool = True,
        demag: bool = True,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        if dmi not in DMI_KINDS:
            raise BadExperiment(f"the DMI is bulk or interfacial, not {dmi!r}")
        if not all(d > 0 for d in cell):
            raise BadExperiment(f"cell sizes (dz, dy, dx) must be positive, not {cell}")
        batch = max(len(torch.atleast_1d(torch.as_tensor(value))) for value in (A, D, Ms, Ku))
        axis = batched(easy_axis, batch, "the easy axis", (3,))
        constants = {name: batched(v, batch, name) for name, v in (("A", A), ("D", D), ("Ms", Ms), ("Ku", Ku))}
        for name, minimum in (("A", "at least 0"), ("Ms", "positive")):
            value = constants[name].min().item()
            if value < 0 or (name == "Ms" and value == 0):
                raise BadExperiment(f"{name} must be {minimum}, not {value:g}")

        def place(tensor: Tensor) -> Tensor:
            return tensor.to(device, dtype)

        self.shape, self.cell, self.dmi, self.periodic = shape, cell, dmi, periodic
        self.A, self.D, self.Ms, self.Ku = (place(constants[name]) for name in ("A", "D", "Ms", "Ku"))
        self.axis = place(axis / axis.norm(dim=1, keepdim=True))
        self.field_T = place(batched(field_T, batch, "the field", (3,)))
        self._demag = Demag(shape, cell, periodic=periodic, dtype=dtype, device=device) if demag else None

    @property
    def stiffness(self) -> Tensor:
        """Bound of the largest eigenvalue of the energy's Hessian, (batch,) in tesla."""
        _, dy, dx = self.cell
        exchange = sum(16 * self.A / (self.Ms * d**2) for d in (dy, dx)) / 2
        chiral = sum(4 * self.D.abs() / (self.Ms * d) for d in (dy, dx))
        demag = mu_0 * self.Ms if self._demag is not None else 0.0
        return exchange + chiral + 2 * self.Ku.abs() / self.Ms + self.field_T.norm(dim=1) + demag

    def select(self, index: Tensor) -> Film:
        """Return the films of some systems of the batch."""
        chosen = object.__new__(Film)
        names = ("A", "D", "Ms", "Ku", "axis", "field_T")
        chosen.__dict__ |= self.__dict__ | {name: getattr(self, name)[index] for name in names}
        return chosen

    def field(self, m: Tensor) -> Tensor:
        """Return the effective field in tesla, (batch, 3, ny, nx)."""
        field = self._bonds(m, self.A, self.D)
        if bool(self.Ku.any()):
            field += self._anisotropy(m)
        if self._demag is not None:
            field.addcmul_(self._demag.field(m), (mu_0 * self.Ms)[:, None, None, None])
        return field.add_(self.field_T[:, :, None, None])

    def terms(self, m: Tensor) -> dict[str, Tensor]:
        """Return the effective field in tesla by term: exchange, dmi, anisotropy, demag, zeeman.

        The exchange field is that of the neighbours alone; what it lacks is along m and exerts no torque.
        """
        none = torch.zeros_like(self.A)
        demag = none[:, None, None, None] * m
        if self._demag is not None:
            demag = self._demag.field(m) * (mu_0 * self.Ms)[:, None, None, None]
        return {
            "exchange": self._bonds(m, self.A, none),
            "dmi": self._bonds(m, none, self.D),
            "anisotropy": self._anisotropy(m),
            "demag": demag,
            "zeeman": self.field_T[:, :, None, None].expand_as(m),
        }

    def energy(self, m: Tensor) -> Tensor:
        """Return the energy of every film in joules, (batch,); the uniform state has no exchange energy."""
        dz, dy, dx = self.cell
        terms = self.terms(m)
        quadratic = terms["exchange"] + terms["dmi"] + terms["anisotropy"] + terms["demag"]
        density = -0.5 * (m * quadratic).sum(dim=(1, 2, 3)) - (m * terms["zeeman"]).sum(dim=(1, 2, 3))
        material = m.square().sum(dim=1, keepdim=True)
        offset = 0.5 * (material * self._bonds(material, self.A, None)).sum(dim=(1, 2, 3))
        return (density + offset) * self.Ms * dx * dy * dz

    def _bonds(self, m: Tensor, A: Tensor, D: Tensor | None) -> Tensor:
        _, dy, dx = self.cell
        field = torch.zeros_like(m)
        neighbours = Neighbours(m, 1, periodic=self.periodic)
        has_dmi = D is not None and bool(D.any())
        for bond, d in ((Bond(0, 1, 1.0, 0.0), dx), (Bond(1, 0, 0.0, 1.0), dy)):
            J = (2 * A / (self.Ms * d**2))[:, None, None]
            chiral = (D / (self.Ms * d))[:, None, None] if has_dmi and D is not None else None
            add_bond_field(field, neighbours, bond, J, chiral, self.dmi)
        return field

    def _anisotropy(self, m: Tensor) -> Tensor:
        along = torch.einsum("bcyx,bc->byx", m, self.axis)
        strength = (2 * self.Ku / self.Ms)[:, None] * self.axis
        return strength[:, :, None, None] * along[:, None]
