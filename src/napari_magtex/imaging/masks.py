"""What in a frame is no picture of the sample, proposed from the frame itself: footer, shadow, clipped areas."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_opening
from skimage.measure import label

from napari_magtex.imaging.cleaning import Kind
from napari_magtex.imaging.filters import Frame, Mask, smoothed

_EXTREMES = (1e-4, 1 - 1e-4)  # quantiles between which greys run: a spike is beyond
_LEVELS = 256  # greys of a footer are told from one another as so many
_DRAWN = ((0.98, 0.95), (0.75, 0.5))  # share of two greys in a footer's rows, and in the row beside it: less
# the first of plain letters beside a film of few greys, the second of smooth ones, or of a JPEG, beside a grainy film
_PLAIN = 0.9  # share of two greys in all of a footer's rows together
_TALLEST, _LOWEST = 1 / 3, 4  # of the frame's height; rows
_LARGE = 0.005  # of the frame's area: less is a grain of dust, or a domain's core
_MOST = 0.6  # of the frame's area: what is more is the picture
_DARK = 0.25  # of the bright part's intensity
_RIM = 2  # pixels: about a clipped area, which a lens or a JPEG blurs
_QUIET = 0.5  # of the bright part's noise and texture
_SHARP = 0.12  # of the bright part's intensity, over the blur's length: an edge has 0.3, fringes and shading less


def proposals(frame: Frame, kinds: Collection[Kind] = tuple(Kind)) -> dict[Kind, Mask]:
    """Propose what to leave out of a frame (ny, nx); what is not found is not among it."""
    finite = np.isfinite(frame)
    if not finite.any() or not kinds:
        return {}
    frame = frame if finite.all() else np.where(finite, frame, np.median(frame[finite]))
    found: dict[Kind, Mask] = {}
    footer = footer_of(frame)
    if Kind.FOOTER in kinds and footer.any():
        found[Kind.FOOTER] = footer
    inside = ~footer  # also where it is not asked for: its black is no shadow
    for kind, propose in ((Kind.CLIPPED, clipped_areas), (Kind.SHADOW, shadow_of)):
        if kind in kinds and (mask := propose(frame, inside)).any():
            found[kind] = mask
            inside = inside & ~mask
    return found


def footer_of(frame: Frame) -> Mask:
    """Find the rows at the bottom or the top of (ny, nx) that hold two greys, a ground and letters, or one."""
    ny, nx = frame.shape
    low, high = (float(q) for q in np.quantile(frame, _EXTREMES))
    found = np.zeros(frame.shape, dtype=bool)
    if high <= low:
        return found
    levels = np.rint((np.clip(frame, low, high) - low) / (high - low) * (_LEVELS - 1)).astype(np.intp)
    counts = np.bincount((np.arange(ny)[:, None] * _LEVELS + levels).ravel(), minlength=ny * _LEVELS)
    shares = _of_two_greys(counts.reshape(ny, _LEVELS) / nx)
    for rows in (slice(None), slice(None, None, -1)):
        height = _height(shares[rows])
        found[rows][:height] = True
    return found


def clipped_areas(frame: Frame, inside: Mask) -> Mask:
    """Find large areas at the lowest or the highest grey of (ny, nx)."""
    low, high = float(frame[inside].min()), float(frame[inside].max())
    near = (high - low) / 512
    if near == 0:
        return np.zeros(frame.shape, dtype=bool)
    areas = [_large(at & inside) for at in (frame <= low + near, frame >= high - near)]
    grown = binary_dilation(areas[0] | areas[1], np.ones((3, 3), dtype=bool), iterations=_RIM)
    return _no_more_than_most(grown & inside, inside)


def shadow_of(frame: Frame, inside: Mask) -> Mask:
    """Find large areas of (ny, nx) with little light and neither noise nor texture; not in differences, below 0."""
    if frame[inside].min() < 0:
        return np.zeros(frame.shape, dtype=bool)
    sigma = max(3.0, max(frame.shape) / 200)
    light = smoothed(frame, inside, sigma)
    bright = inside & (light > 0.5 * np.quantile(light[inside], 0.9))
    spread = np.sqrt(np.maximum(smoothed(np.square(frame - light), inside, sigma), 0))
    dark = inside & (light < _DARK * np.median(light[bright]))
    slope = sigma * np.hypot(*np.gradient(light)) / np.median(light[bright])
    areas = np.zeros(frame.shape, dtype=bool)
    for area in _each(_large(dark)):
        rim = binary_dilation(area) & ~area & inside
        edged = rim.any() and np.median(slope[rim]) > _SHARP
        if edged and np.median(spread[area]) < _QUIET * np.median(spread[bright]):
            areas |= area
    return _no_more_than_most(binary_dilation(areas, iterations=round(2 * sigma)) & inside, inside)


def _of_two_greys(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of each row that has its two most frequent greys; neighbours, as a JPEG leaves them, are one."""
    padded = np.pad(shares, ((0, 0), (1, 1)))
    total = np.zeros(len(shares))
    rows = np.arange(len(shares))
    for _ in range(2):
        three = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
        best = three.argmax(axis=1)
        total += three[rows, best]
        for beside in range(3):
            padded[rows, best + beside] = 0
    return total


def _height(shares: NDArray[np.float64]) -> int:
    """Return how many rows from the first on are a footer."""
    found = 0
    for drawn, beside in _DRAWN:
        other = np.flatnonzero(shares < drawn)
        height = int(other[0]) if len(other) else len(shares)
        low = _LOWEST <= height <= _TALLEST * len(shares)
        if low and shares[height] < beside and shares[:height].mean() >= _PLAIN:
            found = max(found, height)
    return found


def _large(mask: Mask) -> Mask:
    opened = binary_opening(mask, np.ones((5, 5), dtype=bool))
    large = np.zeros(mask.shape, dtype=bool)
    for area in _each(opened):
        if area.mean() >= _LARGE:
            large |= area
    return large


def _each(mask: Mask) -> Iterator[Mask]:
    """Yield the connected areas of a mask that are large enough."""
    labels = label(mask)
    sizes = np.bincount(labels.ravel())[1:]
    for number in np.flatnonzero(sizes >= _LARGE * mask.size):
        yield labels == number + 1


def _no_more_than_most(mask: Mask, inside: Mask) -> Mask:
    return mask if mask.sum() <= _MOST * inside.sum() else np.zeros(mask.shape, dtype=bool)
