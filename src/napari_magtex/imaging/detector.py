"""What a detector adds to a perfect picture: counting noise, read-out noise, blur, uneven light."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIGMA_OF_MAD = 1.4826
"""A standard deviation over a median deviation, of Gaussian noise."""


def count(intensity: NDArray[np.floating], dose: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Count particles, ``dose`` a pixel on average, and give the intensity (ny, nx) they tell of."""
    return rng.poisson(np.clip(intensity, 0, None) * dose) / dose


def add_noise(pixels: NDArray[np.floating], sigma: float, rng: np.random.Generator) -> NDArray[np.floating]:
    """Add Gaussian noise of standard deviation ``sigma``, in the pixels' own unit."""
    return pixels + sigma * rng.standard_normal(pixels.shape) if sigma > 0 else pixels


def blur(pixels: NDArray[np.floating], sigma_px: float, *, periodic: bool = True) -> NDArray[np.floating]:
    """Blur by a Gaussian of standard deviation ``sigma_px`` pixels."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(pixels, sigma_px, mode="wrap" if periodic else "nearest") if sigma_px > 0 else pixels


def illumination(shape: tuple[int, int], strength: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Uneven light (ny, nx) of mean 1: a slope and a bowl, ``strength`` from darkest to brightest, turned at random."""
    if strength == 0:
        return np.ones(shape)
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    angle, bowl = rng.uniform(0, 2 * np.pi), rng.uniform(-0.5, 0.5)
    light = x * np.cos(angle) + y * np.sin(angle) + bowl * (x * x + y * y)
    light -= light.mean()
    return 1 + strength * light / np.ptp(light)
