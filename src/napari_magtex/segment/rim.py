"""The rim of what was looked at: a skyrmion that touches it is cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def rim_of(seen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the outermost pixels of what was looked at, (ny, nx), and all beyond them.

    What ends there may go on beyond it: at the edge of the picture or of a region, at a footer or a mask.
    """
    rim = np.ones(seen.shape, bool)  # by slices: an erosion takes twice as long as to locate skyrmions
    rim[1:-1, 1:-1] = ~(seen[1:-1, 1:-1] & seen[:-2, 1:-1] & seen[2:, 1:-1] & seen[1:-1, :-2] & seen[1:-1, 2:])
    return rim
