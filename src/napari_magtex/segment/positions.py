"""Where skyrmions are in the label images of a stack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_magtex.compute import Progress
from napari_magtex.segment.corrected import as_counted
from napari_magtex.segment.rim import rim_of

POSITION_COLUMNS = ("frame", "label", "x_px", "y_px", "cut")
"""Of positions; those of `Measurements` do as well."""

_REPORTS = 50  # of progress


def positions_of(labels: NDArray[Any], frame: int, rim: NDArray[np.bool_] | None = None) -> pd.DataFrame:
    """Return where the skyrmions of a label image (ny, nx) are, a number each, with `POSITION_COLUMNS`.

    ``cut`` are those at the rim (`rim_of`), (ny, nx), by default the picture's edge: the centre of what is seen of them
    moves otherwise than they do.
    """
    inside = np.flatnonzero(labels != 0)
    y, x = np.divmod(inside, labels.shape[1])
    numbers, which = np.unique(labels.ravel()[inside], return_inverse=True)
    area = np.bincount(which, minlength=len(numbers))
    rim = rim_of(np.ones(labels.shape, bool)) if rim is None else rim
    return pd.DataFrame(
        {
            "frame": frame,
            "label": numbers.astype(np.int64),
            "x_px": np.bincount(which, x, minlength=len(numbers)) / area,
            "y_px": np.bincount(which, y, minlength=len(numbers)) / area,
            "cut": np.bincount(which, rim[y, x], minlength=len(numbers)) > 0,
        }
    )


def positions_in(
    stack: Iterable[NDArray[Any]], total: int, min_area: int = 1, rims: Mapping[int, NDArray[np.bool_]] | None = None
) -> Iterator[Progress | pd.DataFrame]:
    """Find the skyrmions of label images or masks (ny, nx), frame by frame, as they count (`as_counted`).

    Parameters
    ----------
    min_area
        Pixels: what is smaller is left out.
    rims
        Those of frames that were not looked at up to the picture's edge (`positions_of`).

    Yields
    ------
    Progress, and last the positions in all of them.
    """
    found, rims = [], rims or {}
    for frame, labels in enumerate(stack):
        found.append(positions_of(as_counted(labels, min_area), frame, rims.get(frame)))
        if is_told(frame, total):
            yield Progress(frame + 1, total, "locating")
    yield pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(POSITION_COLUMNS))


def is_told(frame: int, frames: int) -> bool:
    """Whether a frame's progress is told: it takes a millisecond, and to show it in a window ten."""
    return frame % max(1, frames // _REPORTS) == 0
