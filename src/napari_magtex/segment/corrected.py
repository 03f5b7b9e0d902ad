"""Label images that a person has corrected: what of them counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_counted(labels: NDArray[np.integer[Any]], min_area: int, above: int = 0) -> NDArray[np.int64]:
    """Number what is drawn in a label image (ny, nx) as it counts: parts that do not touch apart, specks not at all.

    Who paints a new skyrmion seldom chooses a new number for it, and who erases through the middle of one makes two.

    Parameters
    ----------
    min_area
        Pixels: what is smaller is left out.
    above
        New numbers are larger than this one and than all that are drawn.

    Returns
    -------
    The largest part of each number keeps it, the others have new ones; 0 between them.
    """
    from skimage.measure import label

    parts = label(labels, connectivity=2)
    areas = np.bincount(parts.ravel())
    number = np.zeros(len(areas), np.int64)
    number[parts.ravel()] = labels.ravel()
    by_size = np.lexsort((-areas, number))
    repeated = by_size[1:][np.diff(number[by_size]) == 0]
    number[areas < min_area] = 0
    repeated = repeated[number[repeated] > 0]
    number[repeated] = max(int(labels.max(initial=0)), above) + 1 + np.arange(len(repeated))
    number[0] = 0
    return number[parts]
