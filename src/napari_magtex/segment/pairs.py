"""How far skyrmions are from one another: nearest neighbours, and the radial distribution g(r)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.spatial import cKDTree

_FINEST = 512  # pixels a side of the mask that the edge correction is worked out on
_BINS = 120
_REACH = 6.0  # mean spacings that g(r) is told for
_LEAST_SEEN = 0.1  # of the film that must still face itself at a distance for g(r) to be told there


@dataclass(frozen=True, eq=False)
class RadialDistribution:
    """g(r) at the middle of bins: ``r`` (n,) in the unit of the points, ``g`` (n,), 1 where nothing is ordered."""

    r: NDArray[np.float64]
    g: NDArray[np.float64]


def nearest_distances(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each of the points (n, 2) is from its nearest neighbour, (n,); NaN for one alone."""
    if len(points) < 2:
        return np.full(len(points), np.nan)
    return np.asarray(cKDTree(points).query(points, k=2)[0][:, 1], np.float64)


def radial_distribution(
    points: NDArray[np.float64],
    film: NDArray[np.bool_],
    pixel: tuple[float, float] = (1.0, 1.0),
    *,
    bins: int = _BINS,
    reach: float | None = None,
) -> RadialDistribution:
    """Return g(r): pairs at a distance, against those that as many points thrown at random would have.

    Parameters
    ----------
    points
        (n, 2) as y, x in the unit of ``pixel``; two or more, or g is empty.
    film
        Where points may lie, (ny, nx): a film of any outline, with holes.
    pixel
        Size (dy, dx) of a pixel of the film.
    bins, reach
        Their number, and the largest distance; by default six mean spacings, or as far as a tenth of the film faces
        itself.

    Notes
    -----
    Pairs that the film's edge hides are made up for by the film's set covariance, its overlap with itself when it is
    moved by r: the translation correction of Ohser (1983), exact for any outline. See Illian et al., Statistical
    Analysis and Modelling of Spatial Point Patterns (2008), 4.3.3.
    """
    n, area = len(points), float(film.sum()) * pixel[0] * pixel[1]
    if n < 2 or area <= 0:
        return RadialDistribution(np.zeros(0), np.zeros(0))
    shift, overlap = _set_covariance(film, pixel, area)
    farthest = reach or _REACH * np.sqrt(area / n)
    edges = np.linspace(0, farthest, bins + 1)
    middle = (edges[1:] + edges[:-1]) / 2
    seen = np.interp(middle, shift, overlap, right=0.0)
    tree = cKDTree(points)
    pairs = np.diff(tree.count_neighbors(tree, edges)).astype(np.float64)  # each point's with itself cancel
    expected = n * (n - 1) / area**2 * seen * np.pi * np.diff(edges**2)
    told = seen > _LEAST_SEEN * area
    return RadialDistribution(middle[told], pairs[told] / expected[told])


def _set_covariance(
    film: NDArray[np.bool_], pixel: tuple[float, float], area: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return distances, and the area in which the film moved by so much in any direction covers itself, on average."""
    step = max(1, round(max(film.shape) / _FINEST))
    coarse = film[step // 2 :: step, step // 2 :: step].astype(np.float64)
    dy, dx = pixel[0] * step, pixel[1] * step
    shape = [next_fast_len(2 * side, real=True) for side in coarse.shape]
    together = irfft2(np.abs(rfft2(coarse, shape)) ** 2, shape) * (area / max(float(coarse.sum()), 1.0))
    y = np.fft.fftfreq(shape[0], 1 / shape[0])[:, None] * dy
    x = np.fft.fftfreq(shape[1], 1 / shape[1]) * dx
    distance = np.hypot(y, x)
    width = max(dy, dx)
    ring = np.round(distance / width).astype(int).ravel()
    counted = np.maximum(np.bincount(ring), 1)
    return np.bincount(ring, distance.ravel()) / counted, np.bincount(ring, together.ravel()) / counted
