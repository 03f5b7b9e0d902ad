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
from napari_magtex.segment.measure import measure
from napari_magtex.segment.predict import Settings, segment
from napari_magtex.segment.rim import rim_of
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

    ``kinds`` are of `Kind`; film where no region is. On the ``rim`` of all regions, and beyond it, skyrmions are cut.
    """

    labels: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    rim: NDArray[np.bool_]
    counted: list[Counted]


def count_frame(
    picture: Picture,
    texture: SpinTexture | None,
    regions: Sequence[Region | None],
    segmenter: Segmenter | None,
    settings: Settings,
) -> CountedFrame:
    """Find and measure the skyrmions in each region of a frame, None being all of it; with a texture, charges too.

    Where regions overlap the first one tells what is there, and a skyrmion that lies in several has one number.
    """
    labels, kinds = np.zeros(picture.shape, np.int32), np.full(picture.shape, Kind.FILM, np.uint8)
    rim, told = np.ones(picture.shape, bool), np.zeros(picture.shape, bool)
    found = []
    for region in regions:
        seen = segment(picture, segmenter, settings, region)
        place, inside = _of_region(region, picture.shape)
        new = inside & ~told[place]
        numbers = _numbers(seen.labels, labels[place], new, int(labels.max(initial=0)), settings.min_area)
        labels[place][new] = numbers[seen.labels[new]]
        kinds[place][new] = np.where(
            (seen.kinds[new] == Kind.SKYRMION) & (labels[place][new] == 0), Kind.FILM, seen.kinds[new]
        )
        told[place] |= inside
        # a film that ends with its material is no skyrmion's end that was not looked at
        rim[place] &= rim_of(seen.seen if texture is None else seen.seen | ~texture.material[0][place])
        found.append(seen)
    film = kinds != Kind.OUTSIDE
    counted = [
        _counted(labels, film, rim, region, seen.provenance, seen.pixel_size, texture, seen.notes)
        for region, seen in zip(regions, found, strict=True)
    ]
    return CountedFrame(labels, kinds, rim, counted)


def count_corrected(
    labels: NDArray[np.integer[Any]],
    film: NDArray[np.bool_],
    rim: NDArray[np.bool_],
    before: Sequence[Counted],
    regions: Sequence[Region | None],
    pixel_size: tuple[float, float] | None,
    texture: SpinTexture | None = None,
    by_hand: bool = True,
) -> tuple[NDArray[np.int32], list[Counted]]:
    """Measure the labels of a frame (ny, nx) anew after a person has drawn in them, or found out the pixel size.

    Parameters
    ----------
    film
        Where there is film, (ny, nx).
    rim
        That of `CountedFrame`.
    before
        What was counted in each region.
    by_hand
        Whether a person has drawn: then the answers tell it.

    Returns
    -------
    The labels as they count (`as_counted`), and what is counted in each region.
    """
    looked_at = np.zeros(labels.shape, bool)
    for region in regions:
        place, inside = _of_region(region, labels.shape)
        looked_at[place] |= inside
    above, least = int(labels.max(initial=0)), before[0].provenance.settings["min_area"]
    numbered = as_counted(np.where(looked_at, labels, 0), least, above).astype(np.int32)
    counted = []
    for region, known in zip(regions, before, strict=True):
        provenance, notes = known.provenance, tuple(known.summary["notes"])
        if by_hand:
            provenance = replace(provenance, settings={**provenance.settings, "corrected": "by hand"})
            notes = notes if CORRECTED in notes else (*notes, CORRECTED)
        counted.append(_counted(numbered, film, rim, region, provenance, pixel_size, texture, notes))
    return numbered, counted


def _numbers(
    labels: NDArray[np.int32], before: NDArray[np.int32], new: NDArray[np.bool_], above: int, min_area: int
) -> NDArray[np.int32]:
    """Return the number in the frame of each label of a region, 0 first.

    It is that of the skyrmion ``before`` that most of its pixels show, which only one of them goes on with; of the
    others one above all, unless hardly a pixel of them is ``new``.
    """
    numbers = np.zeros(int(labels.max(initial=0)) + 1, np.int32)
    both = (labels > 0) & (before > 0)
    pairs, pixels = np.unique(np.stack([labels[both], before[both]]), axis=1, return_counts=True)
    for label, number in pairs.T[np.argsort(-pixels, kind="stable")]:
        if not numbers[label] and number not in numbers:
            numbers[label] = number
    fresh = (numbers == 0) & (np.bincount(labels[new], minlength=len(numbers)) >= min_area)
    fresh[0] = False
    numbers[fresh] = above + 1 + np.arange(fresh.sum())
    return numbers


def _counted(
    labels: NDArray[np.int32],
    film: NDArray[np.bool_],
    rim: NDArray[np.bool_],
    region: Region | None,
    provenance: Provenance,
    pixel_size: tuple[float, float] | None,
    texture: SpinTexture | None,
    notes: tuple[str, ...],
) -> Counted:
    """Measure what of a frame's labels (ny, nx) lies in a region."""
    place, inside = _of_region(region, labels.shape)
    here = np.where(inside, labels[place], 0)
    here[(np.bincount(here.ravel()) < provenance.settings["min_area"])[here]] = 0  # the crumb of one beyond the region
    found = measure(
        here,
        provenance,
        pixel_size=pixel_size,
        film=film[place] & inside,
        rim=rim[place] | rim_of(inside),
        texture=_cut(texture, place),
        notes=notes,
    )
    return Counted(found.provenance, found.rows(), found.radial_rows(), found.record())


def _of_region(region: Region | None, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """Return where a region lies in a frame (ny, nx), and what of that rectangle belongs to it."""
    x0, y0, x1, y1 = region.bounds if region else (0, 0, shape[1], shape[0])
    whole = np.ones((y1 - y0, x1 - x0), bool)
    return (slice(y0, y1), slice(x0, x1)), whole if region is None or region.mask is None else region.mask


def _cut(texture: SpinTexture | None, place: tuple[slice, slice]) -> SpinTexture | None:
    return None if texture is None else replace(texture, m=texture.m[:, *place])
