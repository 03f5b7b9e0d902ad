"""What disturbs a frame of any instrument: grain of its noise, uneven light, dust."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch.nn import functional

Pixels = NDArray[np.float32]


def grain(shape: tuple[int, ...], rng: np.random.Generator) -> Pixels:
    """Noise of variance 1: of single pixels, of a film's grain, or drawn out along a scanner's lines."""
    noise: Pixels = rng.standard_normal(shape, np.float32)
    kind = rng.random()
    if kind < 0.65:
        return noise
    if kind < 0.85:
        noise = gaussian_filter(noise, float(rng.uniform(0.5, 1.5)), truncate=3)
    else:
        noise = gaussian_filter(noise, (float(rng.uniform(0, 0.5)), float(rng.uniform(1, 6))), truncate=2)
    return noise / noise.std()


def uneven_light(pixels: Pixels, strength: float, rng: np.random.Generator, *, slope: float) -> Pixels:
    """Uneven light and vignetting, and the slow clouds of bent crystals and uneven thickness."""
    ny, nx = pixels.shape
    if rng.random() < 0.5:
        y, x = np.linspace(-1, 1, ny, dtype=np.float32)[:, None], np.linspace(-1, 1, nx, dtype=np.float32)
        a, b, c = (rng.normal(size=3) * rng.uniform(0, slope) * strength).astype(np.float32)
        light: Pixels = (a * x + b * y) + c * (x * x + y * y)
        pixels = pixels + light
    if rng.random() < 0.3:
        coarse = rng.standard_normal((1, 1, int(rng.integers(3, 7)), int(rng.integers(3, 7)))).astype(np.float32)
        slow: Pixels = functional.interpolate(torch.from_numpy(coarse), (ny, nx), mode="bicubic")[0, 0].numpy()
        pixels = pixels + slow * np.float32(rng.uniform(0, 1) * strength)
    return pixels


def speck(pixels: Pixels, strength: float, rng: np.random.Generator) -> None:
    """Put a grain of dust or a defect on a frame: dark, bright, or dark on one side and bright on the other."""
    radius = float(np.exp(rng.uniform(np.log(1), np.log(7))))
    reach = int(3 * radius)
    y, x = int(rng.integers(pixels.shape[0])), int(rng.integers(pixels.shape[1]))
    rows, columns = slice(max(0, y - reach), y + reach + 1), slice(max(0, x - reach), x + reach + 1)
    dy, dx = (
        np.arange(s.start, min(s.stop, n)) - c for s, n, c in zip((rows, columns), pixels.shape, (y, x), strict=True)
    )
    across = dy[:, None] * rng.normal() + dx * rng.normal()
    spot = np.exp(-((dy[:, None] ** 2) * rng.uniform(0.6, 1.6) + dx**2) / (2 * radius**2))
    if rng.random() < 0.4:
        spot = spot * across / radius
    pixels[rows, columns] += (rng.choice([-1, 1]) * rng.uniform(2, 6) * strength * spot).astype(np.float32)
