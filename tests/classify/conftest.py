"""Analytic textures of all nine states, which stand in for simulations."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_magtex.states.definitions import State
from napari_magtex.states.library import Simulation
from napari_magtex.texture import Lattice, SpinTexture

SIDE = 48


def skyrmion(side: int = SIDE, centre: tuple[float, float] = (0.5, 0.5), radius: float = 8.0) -> NDArray[np.float32]:
    """A Néel skyrmion, core down, (side, side, 3)."""
    rows, columns = np.mgrid[:side, :side]
    x, y = columns - centre[1] * side, centre[0] * side - rows
    r, angle = np.hypot(x, y), np.arctan2(y, x)
    theta = np.pi * np.exp(-((r / radius) ** 2))
    m = np.stack([np.sin(theta) * np.cos(angle), np.sin(theta) * np.sin(angle), np.cos(theta)], axis=-1)
    return m.astype(np.float32)


def _texture(state: State, seed: int) -> SpinTexture:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    if state is State.NEEL_120:
        angle = 2 * np.pi / 3 * ((rows + columns) % 3) + rng.uniform(0, 2 * np.pi)
        m = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1)
        return SpinTexture.from_layer(m, lattice=Lattice.TRIANGULAR)
    if "skyrmions" in state:
        m = skyrmion(centre=tuple(rng.uniform(0.4, 0.6, 2)), radius=rng.uniform(6, 9))
    elif "stripes" in state:
        phase = 2 * np.pi * columns / 12 + rng.uniform(0, 6)
        m = np.stack([np.sin(phase), 0 * phase, np.cos(phase)], axis=-1)
    else:
        m = np.broadcast_to(np.array([0.0, 0.0, 1.0]), (SIDE, SIDE, 3))
    if "in_plane" in state:
        m = m[..., [2, 1, 0]]
    if state.startswith("afm"):
        m = m * (1 - 2 * ((rows + columns) % 2))[..., None]
    return SpinTexture.from_layer(m)


@pytest.fixture(scope="session")
def simulations() -> list[Simulation]:
    """Two textures of each state in each split."""
    return [
        Simulation(state, _texture(state, 10 * k + j), split, "analytic", True)
        for k, split in enumerate(("train", "validation", "test"))
        for state in State
        for j in range(2)
    ]
