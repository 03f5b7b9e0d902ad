"""Frames on one scale: middle grey at 0, the spread of noise and texture at 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

_LIGHT = 32.0  # pixels: uneven light varies more slowly, skyrmions mostly faster
_TAILS = (0.025, 0.975)  # quantiles four standard deviations apart where the noise is Gaussian
_REACH = 5.0  # what dust and edges are bent down to


def normalised(grey: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return a frame (ny, nx) with its median at 0 and its spread at 1; the negative of a frame gives the negative.

    The spread is measured beside the uneven light, and values far outside it are bent down, so that neither light nor
    dust sets the scale.
    """
    grey = np.asarray(grey, np.float32)
    low, high = np.quantile(grey - gaussian_filter(grey, _LIGHT), _TAILS)
    spread = max(float(high - low) / 4, 1e-6 * float(np.abs(grey).max()), 1e-30)
    values = (grey - np.float32(np.median(grey))) / np.float32(spread)
    return np.asarray(_REACH * np.tanh(values / _REACH), np.float32)
