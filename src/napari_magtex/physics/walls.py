"""Length of domain walls, by marching squares (Lorensen and Cline, Comput. Graph. 21, 163, 1987, in the plane)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from napari_magtex.physics.batched import precise
from napari_magtex.physics.bonds import neighbours
from napari_magtex.texture import Lattice


def wall_length(
    m: Tensor,
    *,
    easy_axis: Sequence[float] = (0.0, 0.0, 1.0),
    lattice: Lattice = Lattice.SQUARE,
    periodic: bool = True,
    cell: tuple[float, float] = (1.0, 1.0),
) -> Tensor:
    """Return the length of the contour on which spins stand across the easy axis: m_z = 0.

    It crosses the sides of a plaquette where m_z, linear along them, is zero, and runs straight between. Walls of
    atomic width, whose place between two sites no spin tells, come out longer by up to 8 %, or 15 % on the
    triangular lattice, as their direction is.

    Parameters
    ----------
    m
        Unit spins (batch, 3, ny, nx), row 0 at the top; plaquettes with an empty corner do not count. An
        antiferromagnet must be unstaggered first.
    easy_axis
        (3,).
    cell
        (dy, dx), or the lattice constant twice; default: lengths in sites.

    Returns
    -------
    Tensor
        (batch,), in the unit of ``cell``.
    """
    x, y, z = m.unbind(1)
    along = easy_axis[0] * x + easy_axis[1] * y + easy_axis[2] * z
    solid = (m != 0).any(dim=1)
    # the corners of the plaquette to the right of and above each site, counter-clockwise
    places = ((0, 1), (1, 1), (1, 0))
    a, b, c, d = along, *(neighbours(along, *place, periodic=periodic) for place in places)
    whole = solid.clone()
    for place in places:
        whole &= neighbours(solid, *place, periodic=periodic)
    # its sides: whether the contour crosses each, and where from the first corner, rightwards and upwards
    a_up, b_up, c_up, d_up = (corner >= 0 for corner in (a, b, c, d))
    bottom, right = (a_up != b_up, a / (a - b), 0.0), (b_up != c_up, 1.0, b / (b - c))
    top, left = (d_up != c_up, d / (d - c), 1.0), (a_up != d_up, 0.0, a / (a - d))
    saddle = bottom[0] & right[0] & top[0] & left[0]
    middle_up = a + b + c + d >= 0
    # two corners of a saddle are cut off, those unlike its middle
    cuts_ac, cuts_bd = ~saddle | (a_up != middle_up), ~saddle | (b_up != middle_up)
    skew, rise = (0.5, math.sqrt(3) / 2) if lattice is Lattice.TRIANGULAR else (0.0, 1.0)
    length = torch.zeros_like(along)
    for start, end, allowed in (
        (left, bottom, cuts_ac),
        (top, right, cuts_ac),
        (bottom, right, cuts_bd),
        (left, top, cuts_bd),
        (bottom, top, ~saddle),
        (left, right, ~saddle),
    ):
        across, upwards = end[1] - start[1], end[2] - start[2]
        run = ((across + skew * upwards) * cell[1]) ** 2 + (rise * upwards * cell[0]) ** 2
        length += torch.where(start[0] & end[0] & allowed & whole, run**0.5, 0.0)
    return length.sum(dim=(1, 2), dtype=precise(m.device))
