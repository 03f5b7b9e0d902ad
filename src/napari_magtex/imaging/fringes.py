"""The fringes of an off-axis electron hologram, told from a texture: fine, straight, and the same all over."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FINEST_TEXTURE = 6.0  # pixels: a micrograph whose texture has a shorter period has too few pixels to show it
LEAST_SHARE = 0.12  # of the power in fine waves that lies on the fringes' own; noise and textures have it spread out
SIDE = 1024  # pixels: no more of a frame is looked at
SLOW = 8.0  # pixels: what varies slower than this Gaussian is no fringe
SPREAD = 3  # pixels of the spectrum: half the width of the carrier's spot


def is_hologram(pixels: NDArray[np.floating]) -> bool:
    """Whether a frame (ny, nx), or one in colours (ny, nx, 3), is full of fringes too fine to be a texture.

    A hologram's carrier is one spot of the spectrum, and its opposite, beside which the phase lies.
    """
    period, share = carrier(pixels.mean(axis=2) if pixels.ndim == 3 else pixels)
    return period < FINEST_TEXTURE and share > LEAST_SHARE


def carrier(pixels: NDArray[np.floating]) -> tuple[float, float]:
    """Return the period in pixels of the strongest wave, and its share of the power of all that are not slow."""
    from scipy.fft import rfft2
    from scipy.ndimage import gaussian_filter
    from scipy.signal.windows import hann

    ny, nx = pixels.shape
    top, left = max(0, (ny - SIDE) // 2), max(0, (nx - SIDE) // 2)
    middle = np.asarray(pixels[top : top + SIDE, left : left + SIDE], dtype=np.float32)
    ny, nx = middle.shape
    fine = middle - gaussian_filter(middle, SLOW)
    window = hann(ny, sym=False)[:, None] * hann(nx, sym=False)
    power = np.abs(rfft2(fine * window.astype(np.float32))) ** 2
    power[:, 0] /= 2  # all other columns stand for their opposites too
    row, column = (int(i) for i in np.unravel_index(power.argmax(), power.shape))
    total = float(power.sum(dtype=np.float64))
    if total == 0:
        return np.inf, 0.0
    rows = np.arange(row - SPREAD, row + SPREAD + 1) % ny
    columns = slice(max(column - SPREAD, 0), column + SPREAD + 1)
    frequency = np.hypot(np.fft.fftfreq(ny)[row], np.fft.rfftfreq(nx)[column])
    return float(1 / max(frequency, 1e-9)), float(power[rows, columns].sum(dtype=np.float64)) / total
