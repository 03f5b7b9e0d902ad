"""Pieces of masked frames as other microscopes would have seen them: nearer or farther, dimmer, noisier, dirtier."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch.nn import functional

from napari_magtex.imaging.flaws import grain, speck, uneven_light
from napari_magtex.segment.kinds import Kind

Pixels = NDArray[np.float32]
Kinds = NDArray[np.uint8]

_SIZES = (4.5, 100.0)  # pixels across a skyrmion, after zooming
_ZOOMS = (0.45, 3.0)
_AS_IT_IS = 0.3  # share of pieces that are not zoomed
_VISIBLE = 0.35  # of the skyrmions' contrast: dust that changes the grey by less is no defect
_LEAST_SEEN = 8  # pixels of either phase that tell the contrast


def piece(grey: Pixels, kinds: Kinds, size: float, rng: np.random.Generator, side: int) -> tuple[Pixels, Kinds, float]:
    """Cut a square out of a frame (ny, nx) and zoom it to ``side`` pixels, turned and mirrored.

    Parameters
    ----------
    size
        Pixels across the frame's skyrmions: they stay from 4.5 to 100.

    Returns
    -------
    The grey values and kinds (side, side), and how many pixels a skyrmion then has across.
    """
    smallest, largest = (np.clip(limit / size, *_ZOOMS) for limit in _SIZES)
    smallest = max(smallest, side / min(grey.shape))
    zoom = 1.0
    if rng.random() >= _AS_IT_IS or smallest > 1:
        zoom = float(np.exp(rng.uniform(np.log(smallest), np.log(max(largest, smallest)))))
    window = min(round(side / zoom), *grey.shape)
    y, x = (int(rng.integers(n - window + 1)) for n in grey.shape)
    cut = slice(y, y + window), slice(x, x + window)
    pixels, what = grey[cut], kinds[cut]
    if window != side:
        pixels = functional.interpolate(
            torch.tensor(pixels)[None, None], (side, side), mode="bilinear", antialias=window > side
        )[0, 0].numpy()
        what = functional.interpolate(torch.tensor(what)[None, None], (side, side), mode="nearest-exact")[0, 0].numpy()
    quarters = int(rng.integers(4))
    pixels, what = np.rot90(pixels, quarters), np.rot90(what, quarters)
    if rng.random() < 0.5:
        pixels, what = pixels[:, ::-1], what[:, ::-1]
    return np.ascontiguousarray(pixels), np.ascontiguousarray(what), size * zoom


def disturbed(grey: Pixels, kinds: Kinds, size: float, rng: np.random.Generator) -> tuple[Pixels, Kinds]:
    """Blur and dim a piece (ny, nx), light it unevenly, dirty it, add noise, and turn over its polarity, each at times.

    All are measured against the contrast of film and skyrmions, of ``size`` pixels across.
    """
    contrast = _contrast(grey, kinds)
    pixels, kinds = grey.astype(np.float32), kinds.copy()
    if rng.random() < 0.25:
        pixels = gaussian_filter(pixels, float(rng.uniform(0.3, max(0.4, min(2.0, 0.1 * size)))))
    if rng.random() < 0.2:
        dirt = np.zeros_like(pixels)
        for _ in range(int(rng.integers(1, 8))):
            speck(dirt, 0.6, rng)
        pixels = pixels + np.float32(contrast) * dirt
        kinds[gaussian_filter(np.abs(dirt), 1.0) > _VISIBLE] = Kind.DEFECT
    if rng.random() < 0.5:
        pixels = uneven_light(pixels, 0.6 * contrast, rng, slope=1.0)
    if rng.random() < 0.5:
        most = float(np.clip(size / 9, 0.4, 1.2))
        noise = contrast * float(np.exp(rng.uniform(np.log(0.1), np.log(most))))
        pixels = pixels + np.float32(noise) * grain(pixels.shape, rng)
    if rng.random() < 0.2:
        low, high = float(pixels.min()), float(pixels.max())
        unit = (pixels - low) / max(high - low, 1e-9)
        pixels = unit ** np.float32(rng.uniform(0.6, 1.6))
    return (-pixels if rng.random() < 0.5 else pixels).astype(np.float32), kinds


def _contrast(grey: Pixels, kinds: Kinds) -> float:
    """Return how far skyrmions and film are apart; their noise where one of them is missing."""
    skyrmions, film = grey[kinds == Kind.SKYRMION], grey[kinds == Kind.FILM]
    if min(skyrmions.size, film.size) < _LEAST_SEEN:
        return float(grey.std())
    return float(abs(np.median(skyrmions) - np.median(film)))
