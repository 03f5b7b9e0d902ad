"""Film: a batch of micromagnetic films one cell thick, in SI units."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from scipy.constants import mu_0
from torch import Tensor

from napari_magtex.errors import BadExperiment
from napari_magtex.physics.batched import batched, directions
from napari_magtex.physics.bonds import Bond
from napari_magtex.physics.demag import Demag
from napari_magtex.physics.model import SpinModel
from napari_magtex.physics.terms.anisotropy import Cubic, Uniaxial
from napari_magtex.physics.terms.dmi import DMI, InterfacialDMI
from napari_magtex.physics.terms.exchange import Exchange
from napari_magtex.physics.terms.fused import Fused
from napari_magtex.physics.terms.stray import StrayField
from napari_magtex.physics.terms.term import Term
from napari_magtex.physics.terms.zeeman import Zeeman

_BONDS = (Bond(0, 1, 1.0, 0.0), Bond(1, 0, 0.0, 1.0))  # along x, along y


class Film(SpinModel):
    """Energy and effective field, in joules and tesla, of films that differ in their constants and share their mesh.

    The energy density is ``A (grad m)^2 + w_D - Ku (m.e)^2 + w_c - Ms m.B - (mu0/2) Ms m.H_d``
    with nearest neighbours,
    ``w_D = D m.curl m`` (bulk) or ``D [m_z div m - (m.grad) m_z]`` (interfacial), and ``w_c`` that of `Cubic`. A film
    of both has the bulk one's D and Di of the other.
    Beyond an open edge there is nothing.

    Parameters
    ----------
    shape, cell
        (ny, nx), and (dz, dy, dx) in metres; dz is the thickness.
    A, D, Ms
        J/m, J/m^2, A/m: numbers, or (batch,).
    Ku, easy_axis
        J/m^3: a number, (batch,), or by cell (batch, ny, nx); (3,), (batch, 3), or by cell (batch, 3, ny, nx).
    Kc, cubic_axes
        J/m^3, (batch,), and two edges of the cube at right angles, each (3,).
    Di
        J/m^2, (batch,): interfacial DMI beside a bulk one.
    field_T
        Applied field in tesla, (3,) or (batch, 3).

    Raises
    ------
    BadExperiment
        A constant makes no sense or has another shape.
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
        Kc: Tensor | float = 0.0,
        Di: Tensor | float = 0.0,
        field_T: Tensor | Sequence[float] = (0.0, 0.0, 0.0),
        easy_axis: Tensor | Sequence[float] = (0.0, 0.0, 1.0),
        cubic_axes: Sequence[Sequence[float]] = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
        dmi: str = "bulk",
        periodic: bool = True,
        demag: bool = True,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        if not all(0 < d < math.inf for d in cell):
            raise BadExperiment(f"cell sizes (dz, dy, dx) must be positive, not {cell}")
        batch = max(len(torch.atleast_1d(torch.as_tensor(value))) for value in (A, D, Ms, Ku, Kc, Di))
        given = (("A", A), ("D", D), ("Ms", Ms), ("Kc", Kc), ("Di", Di))
        constants = {name: batched(value, batch, name) for name, value in given}
        if (least := constants["A"].min().item()) < 0:
            raise BadExperiment(f"A must be at least 0, not {least:g} J/m")
        if (least := constants["Ms"].min().item()) <= 0:
            raise BadExperiment(f"Ms must be positive, not {least:g} A/m")
        if dmi != "bulk" and constants["Di"].any():
            raise BadExperiment("Di is interfacial DMI beside a bulk one: here D is interfacial itself")
        uniaxial = _by_cell(torch.as_tensor(Ku), shape, batch, "Ku")
        axis = _axes(torch.as_tensor(easy_axis), shape, batch)

        def place(tensor: Tensor) -> Tensor:
            return tensor.to(device, dtype)

        A64, D64, Ms64, Kc64, Di64 = constants.values()
        spacing = torch.tensor([cell[2], cell[1]], dtype=torch.float64)
        exchange = 2 * A64[:, None] / (Ms64[:, None] * spacing**2)
        chiral, other = (D[:, None] / (Ms64[:, None] * spacing) for D in (D64, Di64))
        bonds = [
            Exchange(_BONDS, place(exchange), periodic=periodic, from_aligned=True),
            DMI(_BONDS, place(chiral), dmi, periodic=periodic),
        ]
        if Di64.any():
            bonds.append(InterfacialDMI(_BONDS, place(other), periodic=periodic))
        others: list[Term] = [Zeeman(place(batched(field_T, batch, "the field", (3,))))]
        if uniaxial.any():
            others.append(Uniaxial(place(uniaxial / Ms64[:, None, None]), place(axis)))
        if Kc64.any():
            others.append(Cubic(place(Kc64 / Ms64)[:, None, None], place(_cube(cubic_axes)).repeat(batch, 1, 1)))
        moment = Ms64 * math.prod(cell)
        if demag:
            kernel = Demag(shape, cell, periodic=periodic, dtype=dtype, device=device)
            stray = StrayField(kernel, place(mu_0 * Ms64))
            super().__init__([*bonds, stray, *others], moment, acting=[Fused(bonds, stray), *others])
        else:
            super().__init__([*bonds, *others], moment)
        self.shape, self.cell, self.dmi, self.periodic = shape, cell, dmi, periodic
        self.A, self.D, self.Ms = (place(constants[name]) for name in ("A", "D", "Ms"))


def _by_cell(value: Tensor, shape: tuple[int, int], batch: int, name: str) -> Tensor:
    """Return float64 (batch, 1, 1), or (batch, ny, nx) where every cell has its own."""
    if value.dim() == 3:
        return batched(value, batch, name, shape)
    return batched(value, batch, name)[:, None, None]


def _axes(value: Tensor, shape: tuple[int, int], batch: int) -> Tensor:
    """Return unit vectors (batch, 3, 1, 1), or (batch, 3, ny, nx) where every cell has its own."""
    if value.dim() == 4:
        return directions(value, batch, "the easy axis", shape)
    return directions(value, batch, "the easy axis")[..., None, None]


def _cube(axes: Sequence[Sequence[float]]) -> Tensor:
    """Return the three edges of a cube as rows, float64 (3, 3), from two of them."""
    first, second = directions(torch.as_tensor(axes, dtype=torch.float64), 2, "a cubic axis")
    if abs(float(first @ second)) > 1e-6:
        raise BadExperiment(f"the cubic axes {axes} are not at right angles")
    return torch.stack((first, second, torch.linalg.cross(first, second)))
