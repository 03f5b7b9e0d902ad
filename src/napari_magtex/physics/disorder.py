"""What lets a film switch that a perfect one lacks: grains, each with an anisotropy of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

from napari_magtex.errors import BadExperiment


def voronoi_grains(
    shape: tuple[int, int], cell: tuple[float, float], size: float, *, periodic: bool, generator: np.random.Generator
) -> NDArray[np.int64]:
    """Return the number of the grain that each cell lies in, (ny, nx): the Voronoi regions of points thrown at random.

    Parameters
    ----------
    shape, cell
        (ny, nx), and (dy, dx) in metres.
    size
        In metres: the mean grain's area is its square.
    periodic
        Grains go on at the opposite edge.

    Raises
    ------
    BadExperiment
        The grains are smaller than a cell, or larger than the film.
    """
    extent = np.array(shape) * cell
    count = round(float(extent.prod()) / size**2)
    if size < max(cell) or count < 1:
        raise BadExperiment(
            f"grains of {size * 1e9:g} nm do not fit cells of {max(cell) * 1e9:g} nm and a film of "
            f"{extent[1] * 1e9:g} x {extent[0] * 1e9:g} nm: choose a size between"
        )
    tree = cKDTree(generator.random((count, 2)) * extent, boxsize=extent if periodic else None)
    places = np.stack(np.meshgrid(*((np.arange(n) + 0.5) * d for n, d in zip(shape, cell, strict=True)), indexing="ij"))
    _, nearest = tree.query(np.moveaxis(places, 0, -1))
    return nearest.astype(np.int64)


def grain_strengths(grains: NDArray[np.int64], spread: float, generator: np.random.Generator) -> Tensor:
    """Return a factor for each cell, (ny, nx) float64, the same in all of a grain: log-normal, of mean 1.

    ``spread`` is its standard deviation. A log-normal factor never turns an anisotropy's sign.
    """
    width = math.sqrt(math.log1p(spread**2))
    factors = np.exp(width * generator.standard_normal(grains.max() + 1) - width**2 / 2)
    return torch.as_tensor(factors[grains])


def grain_axes(
    grains: NDArray[np.int64], axis: Sequence[float], spread_deg: float, generator: np.random.Generator
) -> Tensor:
    """Return the easy axis of each cell, (3, ny, nx) float64, the same in all of a grain.

    The grains' axes lean away from ``axis`` in directions thrown at random, by angles of root mean square
    ``spread_deg``.
    """
    along, *across = _frame(axis)
    lean = math.radians(spread_deg) / math.sqrt(2) * generator.standard_normal((2, grains.max() + 1))
    angle = np.hypot(*lean)
    axes = np.outer(along, np.cos(angle)) + np.stack(across, axis=1) @ (lean * np.sinc(angle / np.pi))
    return torch.as_tensor(axes[:, grains])


def tilted(axis: Sequence[float], angle_deg: float) -> tuple[float, float, float]:
    """Return the unit vector that leans away from an axis by an angle, midway between two directions across it."""
    along, aside, across = _frame(axis)
    angle = math.radians(angle_deg)
    x, y, z = along * math.cos(angle) + (aside + across) * (math.sin(angle) / math.sqrt(2))
    return float(x), float(y), float(z)


def _frame(axis: Sequence[float]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the unit vector along an axis and two across it."""
    along = np.asarray(axis, np.float64) / np.linalg.norm(axis)
    aside = np.eye(3)[int(np.abs(along).argmin())]
    aside = aside - (aside @ along) * along
    aside /= np.linalg.norm(aside)
    return along, aside, np.cross(along, aside)
