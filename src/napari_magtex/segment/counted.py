"""What is kept of a frame once its skyrmions are measured: its rows and its record, no pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_magtex.picture import Picture, Region
from napari_magtex.results import Provenance
from napari_magtex.segment.corrected import as_counted
from napari_magtex.segment.kinds import Kind
from napari_magtex.segment.measure import Measurements, measure
from napari_magtex.segment.predict import Settings, segment
from napari_magtex.segment.segmenter import Segmenter
from napari_magtex.texture import SpinTexture

CORRECTED = "corrected by hand"


@dataclass(frozen=True, eq=False)
class Counted:
    """What is kept of a frame, or of a region of it: thousands of them fit the memory.

    ``rows`` and ``radial`` are those of `Measurements`, ``summary`` its record.
    """

    provenance: Provenance
    rows: pd.DataFrame
    radial: pd.DataFrame
    summary: dict[str, Any]

    def record(self) -> dict[str, Any]:
        """Return the JSON object of the frame."""
        return self.summary


@dataclass(frozen=True, eq=False)
class CountedFrame:
    """A frame (ny, nx): the labels of all its regions, of which no two have one number, and what is counted in each.

    ``kinds`` are of `Kind`; film where no region is.
    """

    labels: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    counted: list[Counted]


def count_frame(
    picture: Picture,
    texture: SpinTexture | None,
    regions: Sequence[Region | None],
    segmenter: Segmenter | None,
    settings: Settings,
) -> CountedFrame:
    """Find and measure the skyrmions in each region of a frame, None being all of it; with a texture, charges too."""
    labels, kinds = np.zeros(picture.shape, np.int32), np.full(picture.shape, Kind.FILM, np.uint8)
    counted = []
    for region in regions:
        seen = segment(picture, segmenter, settings, region)
        place, inside = _of_region(region, picture.shape)
        found = seen.measured(_cut(texture, place))
        before = int(labels.max(initial=0))
        labels[place][seen.labels > 0] = seen.labels[seen.labels > 0] + before
        kinds[place][inside] = seen.kinds[inside]
        counted.append(_kept(found, before))
    return CountedFrame(labels, kinds, counted)


def count_corrected(
    labels: NDArray[np.integer[Any]],
    film: NDArray[np.bool_],
    before: Sequence[Counted],
    regions: Sequence[Region | None],
    pixel_size: tuple[float, float] | None,
    texture: SpinTexture | None = None,
) -> tuple[NDArray[np.int32], list[Counted]]:
    """Measure the labels of a frame (ny, nx) anew after a person has drawn in them.

    Parameters
    ----------
    film
        Where there is film, (ny, nx).
    before
        What was counted in each region; the answers tell that they were corrected.

    Returns
    -------
    The labels as they count (`as_counted`), and what is counted in each region.
    """
    numbered = np.zeros(labels.shape, np.int32)
    counted = []
    for region, known in zip(regions, before, strict=True):
        place, inside = _of_region(region, labels.shape)
        settings, notes = dict(known.provenance.settings), tuple(known.summary["notes"])
        above = max(int(labels.max(initial=0)), int(numbered.max(initial=0)))
        here = as_counted(np.where(inside, labels[place], 0), settings["min_area"], above).astype(np.int32)
        found = measure(
            here,
            replace(known.provenance, settings={**settings, "corrected": "by hand"}),
            pixel_size=pixel_size,
            film=film[place] & inside,
            texture=_cut(texture, place),
            notes=notes if CORRECTED in notes else (*notes, CORRECTED),
        )
        numbered[place][here > 0] = here[here > 0]
        counted.append(_kept(found))
    return numbered, counted


def _kept(found: Measurements, before: int = 0) -> Counted:
    rows = found.rows().assign(label=lambda rows: rows.label + before)
    return Counted(found.provenance, rows, found.radial_rows(), found.record())


def _of_region(region: Region | None, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """Return where a region lies in a frame (ny, nx), and what of that rectangle belongs to it."""
    x0, y0, x1, y1 = region.bounds if region else (0, 0, shape[1], shape[0])
    whole = np.ones((y1 - y0, x1 - x0), bool)
    return (slice(y0, y1), slice(x0, x1)), whole if region is None or region.mask is None else region.mask


def _cut(texture: SpinTexture | None, place: tuple[slice, slice]) -> SpinTexture | None:
    return None if texture is None else replace(texture, m=texture.m[:, *place])
