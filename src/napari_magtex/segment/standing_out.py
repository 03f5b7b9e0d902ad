"""Whether what was found stands out of the noise: in a frame of noise alone a network sees a few spots."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import relabel_sequential

from napari_magtex.imaging.detector import SIGMA_OF_MAD
from napari_magtex.segment.polarity import contrast_of_each

_ERRORS = 5.0  # standard errors of its mean grey: of 20 spots seen in noise alone one was above it, by half
_CROWD = 30 / (512 * 672)  # regions a pixel, four times as many as are seen in noise: then they are there


def standing_out(labels: NDArray[np.int32], grey: NDArray[np.floating]) -> NDArray[np.int32]:
    """Leave out what noise alone may be: where a frame (ny, nx) has a few skyrmions, those that hardly stand out.

    Noise is told by how neighbours differ. Where it has a grain that is less than it is, and more is kept.
    """
    count = int(labels.max(initial=0))
    if count == 0 or count > _CROWD * labels.size:
        return labels
    noise = SIGMA_OF_MAD * float(np.median(np.abs(np.diff(grey, axis=1)))) / np.sqrt(2)
    area = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    contrast = np.abs(contrast_of_each(grey, labels))
    kept = np.concatenate([[False], contrast * np.sqrt(area) >= _ERRORS * noise])
    return relabel_sequential(np.where(kept[labels], labels, 0))[0].astype(np.int32)
