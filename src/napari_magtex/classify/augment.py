"""Exact variations of a texture: symmetries that leave its state what it is, and pieces that still show it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_magtex.states.library import Simulation
from napari_magtex.texture import Lattice

Spins = NDArray[np.float32]
_CANDIDATES = 4  # pieces drawn, of which the one that shows most is taken
SMALLEST = 24  # sites
_ENOUGH = 0.5  # share of the texture that a piece must show, against its share of the area
_LEAST_SHARE = 0.3


def varied(simulation: Simulation, rng: np.random.Generator, *, bloch: bool = False) -> Spins:
    """Return spins (ny, nx, 3) of the same state: shifted where periodic, turned, mirrored, reversed.

    Turning all spins about z, which makes Bloch walls of Néel walls and turns the DMI over at 180 degrees, and
    reversing them all lead to exact twins of another model. No state is told by its chirality or polarity.
    ``bloch`` turns them by about 90 degrees: simulated walls are Néel walls, of which electrons see nothing.
    """
    m = simulation.texture.m[0]
    if simulation.periodic:
        m = np.roll(m, tuple(rng.integers(m.shape[:2])), axis=(0, 1))
    if simulation.texture.lattice is Lattice.TRIANGULAR:
        m = turned(m, 2 * int(rng.integers(2)))  # of the rhombus nothing else is left by quarters
    else:
        m = turned(m, int(rng.integers(4)))
        m = mirrored(m) if rng.random() < 0.5 else m
    if rng.random() < 0.5:
        m = -m
    angle = rng.choice([-1, 1]) * np.pi / 2 + 0.2 * rng.standard_normal() if bloch else rng.uniform(0, 2 * np.pi)
    return spun(m, float(angle))


def turned(m: Spins, quarters: int) -> Spins:
    """Turn space and spins together by quarters of a circle, counter-clockwise on the screen."""
    m = np.rot90(m, quarters)
    for _ in range(quarters % 4):
        m = np.stack([-m[..., 1], m[..., 0], m[..., 2]], axis=-1)
    return m


def mirrored(m: Spins) -> Spins:
    """Mirror left and right: an axial vector keeps the component across the mirror, x, and turns over the others."""
    return m[:, ::-1] * np.array([1, -1, -1], np.float32)


def spun(m: Spins, angle: float) -> Spins:
    """Turn every spin about z by an angle in radians, space staying as it is."""
    c, s = np.cos(angle), np.sin(angle)
    return m @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]], np.float32)


def activity(m: Spins) -> NDArray[np.float32]:
    """How much spins two sites apart differ, (ny, nx), 0 to 1: textured places, also of a checkerboard."""
    change = np.zeros(m.shape[:2], np.float32)
    for axis in (0, 1):
        shifted = np.roll(m, 2, axis)
        change += 1 - np.einsum("yxc,yxc->yx", m, shifted) ** 2
    return (change / 2).astype(np.float32)


def piece(m: Spins, rng: np.random.Generator, *, least: float = 0.4, most: int = 1000) -> tuple[slice, slice]:
    """Choose a rectangle at random that still shows the texture; everything, where none does.

    Parameters
    ----------
    m
        Spins (ny, nx, 3).
    least
        Smallest share of each side that is kept.
    most
        Largest number of sites along a side; where all is smaller and no piece shows enough, it is everything.
    """
    change = activity(m)
    whole = float(change.sum())
    best, shown = (slice(0, min(m.shape[0], most)), slice(0, min(m.shape[1], most))), 0.0
    for _ in range(_CANDIDATES):
        ny, nx = (min(n, most, max(SMALLEST, round(n * rng.uniform(least, 1)))) for n in m.shape[:2])
        y, x = int(rng.integers(m.shape[0] - ny + 1)), int(rng.integers(m.shape[1] - nx + 1))
        inside = slice(y, y + ny), slice(x, x + nx)
        share = float(change[inside].sum()) / whole if whole > 0 else 1.0
        enough = share >= max(_ENOUGH * ny * nx / change.size, _LEAST_SHARE)
        if enough and share / (ny * nx) > shown:
            best, shown = inside, share / (ny * nx)
    return best
