"""Points with their places, put onto the regular grid they were taken from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

OFF_GRID = 0.05  # of a step: places stored in four bytes are off by 1e-6 of their size
EMPTIEST = 64  # cells a point: a grid emptier than this was not meant


def onto_grid(
    places: NDArray[Any], values: NDArray[Any], steps: Sequence[float] = (0.0, 0.0, 0.0)
) -> tuple[NDArray[Any], tuple[float, float, float]] | None:
    """Put values at points onto a grid.

    Parameters
    ----------
    places
        Coordinates (n, 3) as x, y, z.
    values
        (n, valuedim).
    steps
        Distances (z, y, x) that the header gives; 0 where it does not.

    Returns
    -------
    The values (nz, ny, nx, valuedim), y upwards, 0 where there is no point, and the distances (z, y, x), 0 along an
    axis with a single point and no step in the header. None where the points lie on no grid.
    """
    found = [_axis(places[:, i], steps[2 - i]) for i in range(3)]
    if any(axis is None for axis in found):
        return None
    (ix, dx), (iy, dy), (iz, dz) = (axis for axis in found if axis is not None)
    shape = (int(iz.max()) + 1, int(iy.max()) + 1, int(ix.max()) + 1)
    if math.prod(shape) > EMPTIEST * len(places):
        return None
    flat = np.ravel_multi_index((iz, iy, ix), shape)
    if len(np.unique(flat)) < len(flat):
        return None
    grid = np.zeros((math.prod(shape), values.shape[1]), dtype=values.dtype)
    grid[flat] = values
    return grid.reshape(*shape, -1), (dz, dy, dx)


def _axis(x: NDArray[Any], given: float) -> tuple[NDArray[np.int64], float] | None:
    """Number the coordinates of one axis, with the step given or the one they show."""
    x = x.astype(np.float64) - x.min()
    gaps = np.diff(np.unique(x))
    gaps = gaps[gaps > 1e-4 * x.max()] if len(gaps) else gaps
    for step in (given, float(gaps.min()) if len(gaps) else 0.0):
        if step <= 0 and not len(gaps):
            return np.zeros(len(x), dtype=np.int64), 0.0
        if step > 0:
            index = np.round(x / step)
            if np.abs(x / step - index).max() < OFF_GRID:
                return index.astype(np.int64), step
    return None
