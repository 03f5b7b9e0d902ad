"""Filters of frames in which some pixels are not known: what is masked does not bleed into what is not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, median_filter, zoom
from skimage.filters import apply_hysteresis_threshold
from skimage.morphology import remove_small_objects

from napari_magtex.imaging.detector import SIGMA_OF_MAD

Frame = NDArray[np.float32]
Mask = NDArray[np.bool_]

MEDIAN_SIDE = 5  # pixels: a hit of an X-ray lies on 1 to 9 of them
LARGEST_HIT = 16  # pixels side by side: more are a scratch, an edge or a texture
_NEAR = 8.0  # pixels: over which what is masked is filled from around
_FINE = 8  # blocks to a standard deviation: a Gaussian of so many is as good as one of pixels
_FITTED = 64  # blocks along the longer side, of which a polynomial is fitted: a texture's waves average out in them
_LITTLE = 1e-6  # of a Gaussian's weight: where less of it is known, the mean of the frame counts
_FAINTEST = 1 / 400  # of the frame's range, for a standard deviation: rounding and JPEG make less
_RANGE = (0.005, 0.995)  # quantiles


def smoothed(frame: Frame, inside: Mask, sigma: float) -> Frame:
    """Return the Gaussian mean about every pixel of (ny, nx), over those ``inside`` alone.

    Notes
    -----
    Normalised convolution, Knutsson & Westin (1993), CVPR, 515: both the values and their weights are filtered. A wide
    Gaussian works on blocks of pixels.
    """
    side = max(1, int(sigma / _FINE))
    values, weight = _blocks(frame, inside, side)
    mean = np.float32(frame[inside].mean(dtype=np.float64))
    total, share = (
        gaussian_filter(plane, sigma / side, mode="constant") for plane in ((values - mean) * weight, weight)
    )
    means = mean + total / (share + _LITTLE)
    if side == 1:
        return np.asarray(means, np.float32)
    ny, nx = frame.shape
    return np.asarray(zoom(means, side, order=1, mode="nearest", grid_mode=True)[:ny, :nx], np.float32)


def polynomial(frame: Frame, inside: Mask, order: int) -> Frame:
    """Return the polynomial in x and y, of total degree ``order``, that is nearest to the pixels inside, (ny, nx)."""
    ny, nx = frame.shape
    side = max(1, max(ny, nx) // _FITTED)
    values, weight = _blocks(frame, inside, side)
    y, x = (_centred(n, side, count) for n, count in zip(frame.shape, values.shape, strict=True))
    basis = legendre.legvander2d(*np.meshgrid(y, x, indexing="ij"), [order, order])
    low = np.add.outer(np.arange(order + 1), np.arange(order + 1)).ravel() <= order
    root = np.sqrt(weight.astype(np.float64))[..., None]
    known = weight.ravel() > 0
    left, right = (root * basis[..., low]).reshape(-1, low.sum())[known], (root[..., 0] * values).ravel()[known]
    coefficients = np.zeros(low.size)
    coefficients[low] = np.linalg.lstsq(left, right, rcond=None)[0]
    grid = legendre.leggrid2d(_centred(ny, 1, ny), _centred(nx, 1, nx), coefficients.reshape(order + 1, order + 1))
    return np.asarray(grid, np.float32)


def median(frame: Frame, inside: Mask, side: int) -> Frame:
    """Return the median of the square of ``side`` pixels about every pixel of (ny, nx); masked ones count as filled."""
    return np.asarray(median_filter(filled(frame, inside), size=side, mode="reflect"))


def filled(frame: Frame, inside: Mask) -> Frame:
    """Give masked pixels of (ny, nx) the mean of those near them."""
    return frame if inside.all() else np.where(inside, frame, smoothed(frame, inside, _NEAR))


def spikes(frame: Frame, inside: Mask, sigmas: float) -> tuple[Mask, Frame]:
    """Find hot and dead pixels, and what X-rays hit.

    Parameters
    ----------
    frame, inside
        (ny, nx).
    sigmas
        How far a pixel lies from the median of the 5 x 5 about it, in standard deviations of that difference. They are
        robust ones of the frame, or of the 10 pixels around where those are larger: a wall of a noise-free texture is a
        line of large differences, and no spike. Pixels beside a spike go with it from half as far on; more than 16
        together are none.

    Returns
    -------
    Where they are, and the medians that stand in for them, (ny, nx) each.
    """
    local = median(frame, inside, MEDIAN_SIDE)
    away = np.where(inside, np.abs(frame - local), 0)
    sigma = SIGMA_OF_MAD * float(np.median(away[inside]))
    faintest = _FAINTEST * float(np.diff(np.quantile(frame[inside], _RANGE))[0])
    # of a grainy frame one hit may not hide itself by the spread that it makes: it counts for what is asked of it
    bounded = np.minimum(away, sigmas * sigma) if sigma > faintest else away
    around = np.sqrt(np.maximum(gaussian_filter(np.square(bounded), 3.0), 0))
    threshold = sigmas * np.maximum(around, max(sigma, faintest))
    ratio = np.divide(away, threshold, out=np.zeros_like(away), where=threshold > 0)
    found = np.asarray(apply_hysteresis_threshold(ratio, 0.5, 1.0)) & inside
    return found & ~remove_small_objects(found, max_size=LARGEST_HIT, connectivity=2), local


def _blocks(frame: Frame, inside: Mask, side: int) -> tuple[Frame, Frame]:
    """Return means of the pixels inside, and the share of these, over blocks of ``side`` x ``side`` pixels."""
    weight = inside.astype(np.float32)
    values = np.where(inside, frame, 0)
    if side == 1:
        return values, weight
    share, total = _summed(weight, side), _summed(values, side)
    means = np.divide(total, share, out=np.zeros_like(total), where=share > 0)
    return means, share / np.float32(side * side)


def _summed(plane: Frame, side: int) -> Any:
    ny, nx = (-(-n // side) * side - n for n in plane.shape)
    padded = np.pad(plane, ((0, ny), (0, nx)))
    rows, columns = (n // side for n in padded.shape)
    return padded.reshape(rows, side, columns, side).sum(axis=(1, 3))


def _centred(n: int, side: int, count: int) -> NDArray[np.float64]:
    """Return the centres of ``count`` blocks along an axis of n pixels, which runs from -1 to 1."""
    return ((np.arange(count) + 0.5) * side / n * 2 - 1).clip(-1, 1)
