"""Bonds: the neighbour shells of the square and the triangular lattice, and every site's neighbour along a bond."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from torch import Tensor

from napari_magtex.texture import Lattice


@dataclass(frozen=True)
class Bond:
    """A bond to the neighbour ``up`` rows up and ``right`` columns right; (x, y) is its unit vector."""

    up: int
    right: int
    x: float
    y: float


@cache
def shells(lattice: Lattice, count: int) -> tuple[tuple[Bond, ...], ...]:
    """Return the first neighbour shells, nearest first; of two opposite bonds only the one that points up or right."""
    found: dict[int, list[tuple[int, int]]] = {}
    reach = 2 * count  # the shell number n lies within n lattice constants
    for up in range(reach + 1):
        for right in range(-reach, reach + 1):
            if up or right > 0:
                found.setdefault(_squared_length(lattice, up, right), []).append((up, right))
    nearest = sorted(found)[:count]
    return tuple(tuple(_bond(lattice, *offset) for offset in found[distance]) for distance in nearest)


def neighbours(m: Tensor, up: int, right: int, *, periodic: bool) -> Tensor:
    """Return the neighbour of every site of a field (..., ny, nx), so many rows up and columns right.

    Row 0 is the top. Beyond an open edge there is nothing: zero.
    """
    shift = [(step, axis) for step, axis in ((up, -2), (-right, -1)) if step]
    moved = m.roll([step for step, _ in shift], [axis for _, axis in shift])
    if not periodic:
        for step, axis in shift:
            beyond = moved.narrow(axis, 0 if step > 0 else moved.shape[axis] + step, abs(step))
            beyond.zero_()
    return moved


def _squared_length(lattice: Lattice, up: int, right: int) -> int:
    return right**2 + up**2 + (right * up if lattice is Lattice.TRIANGULAR else 0)


def _bond(lattice: Lattice, up: int, right: int) -> Bond:
    x, y = (right + up / 2, up * math.sqrt(3) / 2) if lattice is Lattice.TRIANGULAR else (float(right), float(up))
    length = math.hypot(x, y)
    return Bond(up, right, x / length, y / length)
