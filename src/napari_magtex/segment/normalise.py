"""Frames on one scale: middle grey at 0, the spread of noise and texture at 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

_LIGHT = 32.0  # pixels: uneven light varies more slowly, skyrmions mostly faster
_BLOCK = 8  # pixels: light so slow is worked out on block means, at a tenth of the cost
_TAILS = (0.025, 0.975)  # quantiles four standard deviations apart where the noise is Gaussian
_REACH = 5.0  # what dust and edges are bent down to


def normalised(grey: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return a frame (ny, nx) with its median at 0 and its spread at 1; the negative of a frame gives the negative.

    The spread is measured beside the uneven light, and values far outside it are bent down, so that neither light nor
    dust sets the scale.
    """
    return bent(straight(grey))


def straight(grey: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return a frame (ny, nx) with its median at 0 and its spread at 1, in proportion to its grey."""
    grey = np.asarray(grey, np.float32)
    low, high = np.quantile(grey - _light(grey), _TAILS)
    spread = max(float(high - low) / 4, 1e-6 * float(np.abs(grey).max()), 1e-30)
    return np.asarray((grey - np.float32(np.median(grey))) / np.float32(spread), np.float32)


def bent(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bend down what is far outside the spread of the values (ny, nx)."""
    return np.asarray(_REACH * np.tanh(values / _REACH), np.float32)


def _light(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what varies slowly in a frame (ny, nx)."""
    ny, nx = grey.shape
    whole = np.pad(grey, ((0, -ny % _BLOCK), (0, -nx % _BLOCK)), mode="edge")
    means = whole.reshape(whole.shape[0] // _BLOCK, _BLOCK, -1, _BLOCK).mean(axis=(1, 3))
    slow = gaussian_filter(means, _LIGHT / _BLOCK)
    return slow.repeat(_BLOCK, axis=0).repeat(_BLOCK, axis=1)[:ny, :nx]
