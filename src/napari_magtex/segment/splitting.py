"""Masks to single skyrmions: touching ones are parted at their necks, specks are left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, label, maximum
from skimage.morphology import h_maxima
from skimage.segmentation import relabel_sequential, watershed

NECK = 0.6  # of the narrower one's radius: a narrower neck parts two skyrmions, a wider one belongs to a worm
_ROUND = 0.7  # of a region's area that its largest disc covers: it is one skyrmion, however rough its outline
_ROUGHNESS = 0.7  # pixels
_LEAST = 1e-4  # pixels: the distance to the outline has a logarithm everywhere
_TOUCHING = np.ones((3, 3), int)


def separate(mask: NDArray[np.bool_], *, neck: float = NECK, min_area: int = 10) -> NDArray[np.int32]:
    """Number the skyrmions of a mask (ny, nx) from 1; 0 between them.

    Parameters
    ----------
    mask
        Where there is a skyrmion.
    neck
        Two are parted where what joins them is narrower than this fraction of the narrower one; 0 parts none.
    min_area
        Pixels: what is smaller is left out.

    Notes
    -----
    Watershed of the distance to the outline, from its maxima. They count by the ratio of their height to that of the
    saddle, not by their difference, so that skyrmions of 4 and of 100 pixels are parted by the same rule.
    """
    numbers, count = label(mask)
    if neck > 0 and count:
        distance = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        areas = np.bincount(numbers.ravel())
        covered = np.pi * maximum(distance, numbers, np.arange(count + 1)) ** 2
        covered[0] = np.inf
        joined = (covered < _ROUND * areas)[numbers]
        height = np.log(np.maximum(gaussian_filter(distance, _ROUGHNESS) * joined, _LEAST))
        peaks, _ = label(h_maxima(height, -np.log(neck)) * joined, _TOUCHING)
        numbers = np.where(joined, watershed(-height, peaks, mask=joined) + count + 1, numbers)
    areas = np.bincount(numbers.ravel())
    kept = np.where(mask & (areas[numbers] >= min_area), numbers, 0)
    return relabel_sequential(kept)[0].astype(np.int32)
