"""Skyrmions that the engine relaxed, enlarged to a frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import label
from torch.nn import functional

from napari_magtex.states.definitions import State
from napari_magtex.states.library import Simulation, load_library
from napari_magtex.texture import Lattice

_SHARES = (0.005, 0.5)  # of a film that skyrmions take: more, and nobody can say which phase is which
_LEAST = 4  # cells of a skyrmion


def skyrmion_textures(folder: Path | None = None) -> list[Simulation]:
    """Return the skyrmions of the library that its networks learn from; none where it was not built.

    Those on triangular lattices are left out: their cells are no pixels.
    """
    found = load_library(folder, split="train", only=State.FM_SKYRMIONS)
    return [one for one in found if one.texture.lattice is Lattice.SQUARE and _SHARES[0] < _share(one) < _SHARES[1]]


def magnified(
    simulation: Simulation, rng: np.random.Generator, shape: tuple[int, int], size: float
) -> tuple[NDArray[np.float32], float]:
    """Show a texture on a frame (ny, nx), turned and mirrored, its skyrmions so many pixels across.

    Returns
    -------
    Spins (ny, nx, 3) in a film that points up, and the pixels across a skyrmion: more than asked for where the texture
    has edges and the frame would go beyond them.
    """
    m = simulation.texture.m[0]
    m = m * np.float32(np.sign(m[..., 2].mean()))
    across = _diameter(m[..., 2] < 0)
    if simulation.periodic:
        m = np.roll(m, tuple(rng.integers(m.shape[:2])), axis=(0, 1))
    m = np.rot90(m, int(rng.integers(4)))
    m = m[:, ::-1] if rng.random() < 0.5 else m
    scale = size / across
    if not simulation.periodic:
        scale = max(scale, *(n / cells for n, cells in zip(shape, m.shape[:2], strict=True)))
    window = [max(2, int(np.ceil(n / scale))) for n in shape]
    if simulation.periodic:
        m = np.tile(m, (*(-(-n // cells) for n, cells in zip(window, m.shape[:2], strict=True)), 1))
    top, left = (int(rng.integers(cells - n + 1)) for n, cells in zip(window, m.shape[:2], strict=True))
    cut = torch.tensor(m[top : top + window[0], left : left + window[1]].transpose(2, 0, 1).copy())[None]
    seen = functional.interpolate(cut, shape, mode="bilinear", antialias=scale < 1)[0].permute(1, 2, 0).numpy()
    return seen, across * scale


def _share(simulation: Simulation) -> float:
    down = float((simulation.texture.m[0, ..., 2] < 0).mean())
    return min(down, 1 - down)


def _diameter(inside: NDArray[np.bool_]) -> float:
    """Return the diameter of a disc as large as the median region (ny, nx), in cells."""
    areas = np.bincount(label(inside)[0].ravel())[1:]
    areas = areas[areas >= _LEAST]
    return float(2 * np.sqrt(np.median(areas) / np.pi)) if len(areas) else 2.0
