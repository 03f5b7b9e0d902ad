"""Where the windows of a picture lie, and maps of what each of them says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_magtex.errors import BadRegion
from napari_magtex.estimate.network import STRIDE, WINDOW

_MOSTLY = 0.95  # of a window holds material


@dataclass(frozen=True, eq=False)
class ParameterMaps:
    """Each parameter in every window, to be laid over the picture that it came from.

    Parameters
    ----------
    names
        Of the parameters, in the order of the maps.
    values, spread
        (parameters, rows, columns), SI units: the estimate of a window, and one standard deviation as the network
        says it; NaN where a window leaves the region.
    window_px, stride_px
        Side of a window and step between windows (y, x), in pixels of the stored picture.
    origin
        Centre (y, x) of the first window in pixels of the stored picture, where the first pixel's centre is (0, 0).
    """

    names: tuple[str, ...]
    values: NDArray[np.float64]
    spread: NDArray[np.float64]
    window_px: tuple[float, float]
    stride_px: tuple[float, float]
    origin: tuple[float, float]

    @property
    def scale(self) -> tuple[float, float]:
        """Pixels of the picture to one element of a map, (y, x)."""
        return self.stride_px

    @property
    def offset(self) -> tuple[float, float]:
        """Where the first element's centre lies, (y, x): with ``scale``, all that an overlay needs."""
        return self.origin


def grid(shape: tuple[int, int]) -> tuple[int, int, slice, slice]:
    """Centre the grid of windows in (ny, nx) cells.

    Returns
    -------
    The first row and column that a window covers, and the slices of all cells that any window covers.
    """
    firsts, slices = [], []
    for n in shape:
        covered = WINDOW + (n - WINDOW) // STRIDE * STRIDE
        first = (n - covered) // 2
        firsts.append(first)
        slices.append(slice(first, first + covered))
    return firsts[0], firsts[1], slices[0], slices[1]


def windows_inside(inside: NDArray[np.bool_], masked: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """Tell which windows of cells (ny, nx) hold material and touch nothing that is masked, (rows, columns).

    Raises
    ------
    BadRegion
        None does.
    """
    chosen = _cut(inside).mean(axis=(2, 3)) >= _MOSTLY
    if masked is not None:
        chosen &= ~_cut(masked).any(axis=(2, 3))
    if not chosen.any():
        beside = "" if masked is None else " beside what is masked"
        raise BadRegion(f"no window of {WINDOW} x {WINDOW} cells fits into the region{beside}: draw it larger")
    return np.asarray(chosen)


def _cut(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return every window of cells, (rows, columns, 32, 32), without copying them."""
    return np.lib.stride_tricks.sliding_window_view(cells, (WINDOW, WINDOW))[::STRIDE, ::STRIDE]
