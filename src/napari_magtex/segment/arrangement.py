"""Where the domains of a simulated frame lie: lattices, scattered skyrmions, worms, a film about to be a labyrinth."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree
from torch.nn import functional

Depth = NDArray[np.float64]  # (ny, nx): pixels into a domain from its wall; negative outside it
Points = NDArray[np.float64]  # (n, 2) as y, x in pixels

_EMPTY = 0.04  # share of frames without any domain
_RANDOM = 0.15  # share of frames of an irregular phase
_MOST = 0.52  # of a frame that domains may take: beyond it nobody can say which phase is which
_TRIES = 4
_FARTHEST = 4.0  # diameters: beyond it depth is not told, the film is uniform there
_GRID = 5.0  # places across a skyrmion that its depth is worked out at; between them it is straight
_TOUCHING = 0.4  # share of frames whose skyrmions may
_GAPS = (0.0, 0.05, 0.4, 0.9, 0.99)  # of a lattice's places, at most; where a few are left they must not pass for dust
_GAPS_SHARES = (0.3, 0.25, 0.15, 0.15, 0.15)
_LONG = (0.7, 8.0)  # lattice constants along a worm
_STEP = 0.3  # radii between the points of a worm's middle line


def arranged(rng: np.random.Generator, shape: tuple[int, int], size: float) -> Depth:
    """Return how deep inside a domain each pixel of a frame (ny, nx) is, for skyrmions ``size`` pixels across."""
    chance = rng.random()
    if chance < _EMPTY:
        return np.full(shape, -_FARTHEST * size)
    if chance < _EMPTY + _RANDOM:
        return _irregular(rng, shape, size)
    depth = _painted(rng, shape, size)
    for _ in range(_TRIES):
        if np.mean(depth > 0) <= _MOST:
            break
        depth = _painted(rng, shape, size)
    return depth


def _irregular(rng: np.random.Generator, shape: tuple[int, int], size: float) -> Depth:
    """Bubbles and worms of any outline: a noise with waves of one length, cut at a level."""
    sigma = 0.3 * size
    noise = rng.standard_normal([n + int(8 * sigma) for n in shape])
    waves = gaussian_filter(noise, sigma) - gaussian_filter(noise, 1.6 * sigma)
    waves = waves[int(4 * sigma) :, int(4 * sigma) :][: shape[0], : shape[1]]
    depth = waves - np.quantile(waves, 1 - rng.uniform(0.08, 0.4))
    slope = np.hypot(*np.gradient(depth))
    return np.asarray(depth / max(float(np.median(slope)), 1e-9), np.float64)


def _painted(rng: np.random.Generator, shape: tuple[int, int], size: float) -> Depth:
    """Skyrmions on a lattice: from perfect to scattered at random, from dense to a few, some drawn out to worms."""
    spacing = size * (1.12 + rng.gamma(1.2, 0.5))
    disorder = float(rng.choice([0.03, 0.1, 0.25, 0.5])) * rng.uniform(0.5, 1)
    kept = 1 - float(rng.choice(_GAPS, p=_GAPS_SHARES)) * rng.uniform(0.7, 1)
    centres = _lattice(rng, shape, spacing, disorder)
    centres = centres[rng.random(len(centres)) < kept]
    if len(centres) == 0:
        return np.full(shape, -_FARTHEST * size)
    radii = size / 2 * np.exp(rng.normal(size=len(centres)) * rng.uniform(0, 0.3))
    if len(centres) > 1:
        gap = cKDTree(centres).query(centres, k=2)[0][:, 1]
        touching = rng.random() < _TOUCHING
        radii = np.clip(radii, 0, np.maximum(0.53 * gap if touching else 0.5 * gap - 1, 0.2 * size))
    worms = rng.random(len(centres)) < (rng.uniform(0.05, 0.6) if rng.random() < 0.25 else 0)
    points, owner = _drawn_out(rng, centres, radii, worms, spacing)
    return _depth(rng, shape, points, radii[owner], owner, size)


def _lattice(rng: np.random.Generator, shape: tuple[int, int], spacing: float, disorder: float) -> Points:
    """Return points (n, 2) of a triangular lattice at any angle that cover a frame, each moved at random."""
    reach = int(np.ceil(np.hypot(*shape) / spacing)) + 1
    i, j = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    angle = rng.uniform(0, np.pi / 3)
    across, along = spacing * np.sqrt(0.75) * i.ravel(), spacing * (j + i / 2).ravel()
    y = across * np.cos(angle) + along * np.sin(angle) + shape[0] / 2
    x = along * np.cos(angle) - across * np.sin(angle) + shape[1] / 2
    points = np.stack([y, x], axis=1) + rng.uniform(0, spacing, 2)
    points = points + rng.normal(size=points.shape) * disorder * spacing
    return points[((points > -spacing) & (points < np.array(shape) + spacing)).all(axis=1)]


def _drawn_out(
    rng: np.random.Generator, centres: Points, radii: NDArray[np.float64], worms: NDArray[np.bool_], spacing: float
) -> tuple[Points, NDArray[np.int64]]:
    """Return the points (n, 2) of all middle lines, and the domain that each belongs to."""
    points, owner = [centres], [np.arange(len(centres))]
    for number in np.flatnonzero(worms):
        step = _STEP * max(radii[number], 1.0)
        count = int(np.exp(rng.uniform(*np.log(_LONG))) * spacing / step)
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(size=count) * 0.18)
        path = np.cumsum(step * np.stack([np.sin(heading), np.cos(heading)], axis=1), axis=0)
        points.append(centres[number] + path)
        owner.append(np.full(count, number))
    return np.concatenate(points), np.concatenate(owner)


def _depth(
    rng: np.random.Generator,
    shape: tuple[int, int],
    points: Points,
    radii: NDArray[np.float64],
    owner: NDArray[np.int64],
    size: float,
) -> Depth:
    """Return the depth inside the nearest domain, whose outline is a circle somewhat out of round."""
    step = int(np.clip(size / _GRID, 1, 4))
    y, x = np.meshgrid(*(np.arange(0, n + step - 1, step) for n in shape), indexing="ij")
    pixels = np.stack([y.ravel(), x.ravel()], axis=1).astype(float)
    count = min(2, len(points))
    distance, nearest = cKDTree(points).query(pixels, k=count, distance_upper_bound=_FARTHEST * size)
    distance, nearest = distance.reshape(-1, count), nearest.reshape(-1, count)
    found = nearest < len(points)
    nearest = np.where(found, nearest, 0)
    away = pixels[:, None] - points[nearest]
    angle = np.arctan2(away[..., 0], away[..., 1])
    amount, phase = rng.uniform(0, 0.11) * rng.random((2, owner.max() + 1)), rng.uniform(0, 7, (2, owner.max() + 1))
    who = owner[nearest]
    out_of_round = 1 + sum(amount[k - 2][who] * np.cos(k * angle + phase[k - 2][who]) for k in (2, 3))
    depth = np.where(found, radii[nearest] * out_of_round - distance, -_FARTHEST * size)
    coarse = torch.from_numpy(depth.max(axis=1).reshape(y.shape))[None, None]
    sides = [(n - 1) * step + 1 for n in y.shape]
    fine = functional.interpolate(coarse, sides, mode="bilinear", align_corners=True)[0, 0].numpy()
    return fine[: shape[0], : shape[1]]
