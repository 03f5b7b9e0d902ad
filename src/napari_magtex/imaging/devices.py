"""Structured films, as a microscope finds them: wires, pads in rows, discs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_FILM = 0.03  # of a frame


def devices(shape: tuple[int, int], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return where devices are on a frame: wires, pads in rows, discs, in any direction."""
    ny, nx = shape
    for _ in range(8):
        angle = rng.normal() * 0.15 if rng.random() < 0.7 else rng.uniform(0, np.pi)
        y, x = np.mgrid[:ny, :nx].astype(float)
        c, s = np.cos(angle), np.sin(angle)
        y, x = c * (y - ny / 2) - s * (x - nx / 2), s * (y - ny / 2) + c * (x - nx / 2)
        step_y, step_x = rng.uniform(0.25, 1.6, 2) * min(shape)
        width_y, width_x = step_y * rng.uniform(0.35, 0.9), step_x * rng.uniform(0.35, 0.95)
        v, u = _folded(y + rng.uniform(0, step_y), step_y), _folded(x + rng.uniform(0, step_x), step_x)
        kind = rng.random()
        if kind < 0.4:
            film = np.abs(v) < width_y / 2
        elif kind < 0.7:
            film = (np.abs(v) < width_y / 2) & (np.abs(u) < width_x / 2)
        elif kind < 0.85:
            step = min(step_x, step_y)
            film = np.hypot(_folded(y, step), _folded(x, step)) < step * rng.uniform(0.2, 0.48)
        else:
            corner = rng.uniform(0.3, 0.8) * step_x
            film = (np.abs(y) < width_y / 2) & (np.abs(y) + x < corner)
        if LEAST_FILM < film.mean() < 1:
            return film
    return np.ones(shape, bool)


def _folded(values: NDArray[np.float64], step: float) -> NDArray[np.float64]:
    return np.mod(values, step) - step / 2
