"""Whether skyrmions are darker or brighter than the film around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, label

from napari_magtex.segment.kinds import Polarity

_TELLS = 0.25  # of all regions: by so many more of one phase than of the other it is the one in pieces
_FEWEST = 8  # regions in all that are enough to tell by


def guess_polarity(flat: NDArray[np.floating], threshold: float, *, min_area: int = 10) -> Polarity:
    """Tell the polarity of a flattened frame (ny, nx): skyrmions are the phase in pieces, and the smaller one.

    The phase that falls into more regions is that of the skyrmions: the film between them hangs together, also where
    it covers less than they do. Where both fall into about as many, it is the one with the longer tail of grey values.
    """
    counts = {polarity: _regions(polarity.sign * (flat - threshold) > 0, min_area) for polarity in _BOTH}
    dark, bright = (counts[polarity] for polarity in _BOTH)
    if dark + bright >= _FEWEST and abs(dark - bright) > _TELLS * (dark + bright):
        return Polarity.DARK if dark > bright else Polarity.BRIGHT
    spread = flat - np.median(flat)
    clipped = np.clip(spread, *np.quantile(spread, (0.001, 0.999)))
    return Polarity.DARK if float((clipped**3).mean()) <= 0 else Polarity.BRIGHT


def measured_polarity(grey: NDArray[np.floating], labels: NDArray[np.int32]) -> Polarity:
    """Tell the polarity of a frame whose skyrmions are known, by the film around them; auto where there is none."""
    signs = contrast_of_each(grey, labels)
    total = float(signs.sum())
    return Polarity.AUTO if not len(signs) or total == 0 else Polarity.BRIGHT if total > 0 else Polarity.DARK


def contrast_of_each(grey: NDArray[np.floating], labels: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return how much brighter each of skyrmions 1 to n is than the film four pixels around it, (n,)."""
    from skimage.segmentation import expand_labels

    count = int(labels.max(initial=0))
    around = expand_labels(labels, 4)
    around[binary_dilation(labels > 0)] = 0
    inside, ring = (_means(grey, which, count) for which in (labels, around))
    return np.where(np.isfinite(ring), inside - ring, 0.0)


_BOTH = (Polarity.DARK, Polarity.BRIGHT)


def _regions(mask: NDArray[np.bool_], min_area: int) -> int:
    regions, _ = label(mask)
    return int((np.bincount(regions.ravel())[1:] >= min_area).sum())


def _means(grey: NDArray[np.floating], labels: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    pixels = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    total = np.bincount(labels.ravel(), grey.ravel(), minlength=count + 1)[1:]
    return np.where(pixels > 0, total / np.maximum(pixels, 1), np.nan)
