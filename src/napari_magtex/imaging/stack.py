"""A stack of frames cleaned one by one and put where the first of them lies; references averaged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_magtex.compute import Progress
from napari_magtex.errors import MagtexError, Unsuitable
from napari_magtex.imaging.cleaning import Cleaned, Cleaning, Kind, check_reference, clean, grey_frame, size_text
from napari_magtex.imaging.drift import Drift, Place, moved
from napari_magtex.imaging.masks import proposals
from napari_magtex.picture import checked_mask

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class CleanedStack:
    """What cleaning made of a stack.

    Parameters
    ----------
    pixels
        (n, ny, nx) float32; an array of dask, whose frames are cleaned when they are asked for, where it would not
        have fitted the memory allowed.
    mask
        (ny, nx), where nothing may be analysed in one frame or another.
    places
        Of each frame, where drift was taken out.
    remarks
        On single frames, by their number.
    found
        What was found in the first frame, and is masked in all.
    """

    pixels: Any
    mask: Mask
    places: tuple[Place, ...]
    remarks: Mapping[int, tuple[str, ...]]
    found: Mapping[Kind, Mask]


def clean_stack(
    frames: Sequence[Any],
    cleaning: Cleaning,
    *,
    mask: Mask | None = None,
    reference: NDArray[Any] | None = None,
    most_bytes: int = 1 << 31,
) -> Iterator[Progress | CleanedStack]:
    """Clean a stack, and take out its drift where the settings ask for it.

    A frame that cannot be cleaned stays as it is, and its remark says why. One that is unlike those before it is moved
    as the last of them. A mask lies still in the camera and moves with each frame.

    Parameters
    ----------
    frames
        (ny, nx) each, read one by one: the stack may be longer than the memory holds.
    cleaning, mask, reference
        As `clean` takes them; the same for all frames.
    most_bytes
        That the answer may take in memory. A larger one is lazy: its frames are read once for their drift, if that is
        asked for, and again when they are shown; areas that are not finite in single frames are filled and not masked
        where nothing is read beforehand.

    Yields
    ------
    Progress after each frame, and last the CleanedStack.

    Raises
    ------
    Unsuitable
        The reference has another size, or a frame has; the frames drift so far that no place is in all of them.
    UnusablePicture
        The first frame is no grey picture; the mask has another size or covers all.
    """
    first = grey_frame(frames[0])
    covered = checked_mask(mask, first.shape)
    mask = np.zeros(first.shape, dtype=bool) if covered is None else covered
    found = proposals(first, cleaning.left_out)
    for area in found.values():
        mask = mask | area
    cleaning = replace(cleaning, left_out=())
    checked_mask(mask, first.shape)
    if reference is not None:
        check_reference(first.shape, reference.shape)
    lazy = len(frames) * first.nbytes > most_bytes
    pixels = None if lazy else np.empty((len(frames), *first.shape), np.float32)
    left_out, places = mask.copy(), list[Place]()
    remarks: dict[int, tuple[str, ...]] = {}
    if pixels is not None or cleaning.align:
        for number, (cleaned, place) in enumerate(_each(frames, cleaning, mask, reference)):
            if pixels is not None:
                pixels[number] = cleaned.frame
            if place is not None:
                places.append(place)
            if cleaned.remarks:
                remarks[number] = cleaned.remarks
            left_out |= cleaned.mask
            yield Progress(number + 1, len(frames), "frame")
    if left_out.all():
        raise Unsuitable(
            "no place of the sample is in all frames: they drift too far, or one is unlike the others; clean fewer of "
            "them, or do not align"
        )
    answer = _lazily(frames, cleaning, mask, reference, places) if pixels is None else pixels
    yield CleanedStack(answer, left_out, tuple(places), remarks, found)


def mean_frame(frames: Sequence[Any]) -> Iterator[Progress | NDArray[np.float32]]:
    """Average a stack of references, (ny, nx) each, frame by frame; yields Progress, and last the mean.

    Raises
    ------
    UnusablePicture
        A frame is no grey picture.
    Unsuitable
        One has another size.
    """
    total = np.zeros(grey_frame(frames[0]).shape)
    for number in range(len(frames)):
        pixels = grey_frame(frames[number])
        if pixels.shape != total.shape:
            sizes = f"{size_text(pixels.shape)}, the first {size_text(total.shape)}"
            raise Unsuitable(f"frame {number} of the reference is {sizes}: average frames of one size")
        total += pixels
        yield Progress(number + 1, len(frames), "reference")
    yield np.asarray(total / len(frames), np.float32)


def _each(
    frames: Sequence[Any], cleaning: Cleaning, mask: Mask, reference: NDArray[Any] | None
) -> Iterator[tuple[Cleaned, Place | None]]:
    """Clean frame by frame, each in its place."""
    drift: Drift | None = None
    for number in range(len(frames)):
        frame = np.asarray(frames[number])
        if frame.shape != mask.shape:
            sizes = f"{size_text(frame.shape)}, the first {size_text(mask.shape)}"
            raise Unsuitable(f"frame {number} is {sizes}: a stack has frames of one size")
        cleaned = _cleaned(frame, cleaning, mask, reference)
        if not cleaning.align:
            yield cleaned, None
            continue
        drift = drift or Drift(~mask)
        place = drift.place(cleaned.frame)
        unseen = () if place.seen else ("unlike the frames before it: moved as the last of them",)
        yield replace(_in_place(cleaned, place), remarks=(*cleaned.remarks, *unseen)), place


def _cleaned(frame: NDArray[Any], cleaning: Cleaning, mask: Mask, reference: NDArray[Any] | None) -> Cleaned:
    """Clean a frame, or leave it as it is: one blank frame shall not lose the others."""
    try:
        return clean(frame, cleaning, mask=mask, reference=reference)
    except MagtexError as error:
        return Cleaned(np.nan_to_num(grey_frame(frame)), mask, (f"left as it is: {error}",))


def _in_place(cleaned: Cleaned, place: Place) -> Cleaned:
    frame, inside = moved(cleaned.frame, ~cleaned.mask, place.shift)
    return replace(cleaned, frame=frame, mask=~inside)


def _lazily(
    frames: Sequence[Any], cleaning: Cleaning, mask: Mask, reference: NDArray[Any] | None, places: Sequence[Place]
) -> Any:
    """Return (n, ny, nx) as an array of dask."""
    import dask.array as da
    from dask import delayed

    def one(number: int) -> NDArray[np.float32]:
        cleaned = _cleaned(np.asarray(frames[number]), cleaning, mask, reference)
        return (_in_place(cleaned, places[number]) if places else cleaned).frame

    blocks = [da.from_delayed(delayed(one)(i), mask.shape, np.float32) for i in range(len(frames))]
    return da.stack(blocks)
