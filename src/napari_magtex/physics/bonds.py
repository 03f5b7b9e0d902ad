"""Neighbour shells of the square and the triangular lattice, and the field that bonds exert."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from napari_magtex.texture import Lattice

# One of each pair of opposite bonds, as (sites up, sites to the right), shell by shell.
_SHELLS: dict[Lattice, tuple[tuple[tuple[int, int], ...], ...]] = {
    Lattice.SQUARE: (((0, 1), (1, 0)), ((1, 1), (1, -1)), ((0, 2), (2, 0))),
    Lattice.TRIANGULAR: (((0, 1), (1, 0), (1, -1)), ((1, 1), (2, -1), (1, -2)), ((0, 2), (2, 0), (2, -2))),
}


@dataclass(frozen=True)
class Bond:
    """A bond to the neighbour ``up`` rows up and ``right`` columns right; (x, y) is its unit vector."""

    up: int
    right: int
    x: float
    y: float


def shells(lattice: Lattice, count: int) -> tuple[tuple[Bond, ...], ...]:
    """Return the first neighbour shells, each bond counted once."""
    return tuple(tuple(_bond(lattice, *offset) for offset in shell) for shell in _SHELLS[lattice][:count])


def _bond(lattice: Lattice, up: int, right: int) -> Bond:
    x, y = (right + up / 2, up * math.sqrt(3) / 2) if lattice is Lattice.TRIANGULAR else (float(right), float(up))
    length = math.hypot(x, y)
    return Bond(up, right, x / length, y / length)


class Neighbours:
    """Views of the neighbours of every site: one padded copy serves all bonds.

    Parameters
    ----------
    m
        Spins (batch, 3, ny, nx).
    reach
        Largest distance of a neighbour in rows or columns.
    periodic
        Whether the lattice closes on itself; sites beyond an open edge are zero.
    """

    def __init__(self, m: Tensor, reach: int, *, periodic: bool) -> None:
        self._reach = reach
        self._shape = m.shape[-2:]
        self._padded = functional.pad(m, (reach,) * 4, mode="circular" if periodic else "constant")

    def at(self, up: int, right: int) -> Tensor:
        """Return the neighbours so many rows up and columns right, (batch, 3, ny, nx)."""
        ny, nx = self._shape
        top, left = self._reach - up, self._reach + right
        return self._padded[..., top : top + ny, left : left + nx]


def add_bond_field(field: Tensor, neighbours: Neighbours, bond: Bond, J: Tensor, D: Tensor | None, kind: str) -> None:
    """Add the field of a bond and of its opposite to ``field`` in place.

    The energy of a bond is ``-J S_i.S_j - D_ij.(S_i x S_j)``, with ``D_ij = D r_ij`` for bulk and ``D r_ij x z`` for
    interfacial DMI (positive D is the positive D of the micromagnetic energies).

    Parameters
    ----------
    field
        (batch, 3, ny, nx), in the units of J and D.
    J, D
        (batch, 1, 1), or None for no DMI.
    kind
        ``bulk`` or ``interfacial``.
    """
    ahead, behind = neighbours.at(bond.up, bond.right), neighbours.at(-bond.up, -bond.right)
    field.addcmul_(J[:, None], ahead + behind)
    if D is None:
        return
    difference = ahead - behind
    # (D_x, D_y, 0); the field is S_j x D_ij, and D_ji = -D_ij
    unit_x, unit_y = (bond.x, bond.y) if kind == "bulk" else (bond.y, -bond.x)
    x, y, z = difference.unbind(1)
    if unit_y:
        field[:, 0].addcmul_(D, z, value=-unit_y)
        field[:, 2].addcmul_(D, x, value=unit_y)
    if unit_x:
        field[:, 1].addcmul_(D, z, value=unit_x)
        field[:, 2].addcmul_(D, y, value=-unit_x)
