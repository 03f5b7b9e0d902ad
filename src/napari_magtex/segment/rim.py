"""The rim of what was looked at: a skyrmion that touches it is cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion


def rim_of(seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the outermost pixels of what was looked at, (ny, nx), and all beyond them.

    What ends there may go on beyond it: at the edge of the picture or of a region, at a footer or a mask.
    """
    return np.asarray(~binary_erosion(seen))
