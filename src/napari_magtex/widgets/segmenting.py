"""What the dock Segment skyrmions asks for, and how it is computed: off the GUI thread, from reading the pixels on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray

from napari_magtex.compute import Progress
from napari_magtex.errors import MagtexError, UnusablePicture, in_brief
from napari_magtex.picture import Picture, Region
from napari_magtex.texture import Lattice, SpinTexture
from napari_magtex.widgets.layers import pixel_size_of
from napari_magtex.widgets.pictures import as_analysed, picture_of, spins_shown

if TYPE_CHECKING:
    from napari_magtex.segment.counted import Counted, CountedFrame
    from napari_magtex.segment.segmenter import Segmenter


@dataclass(frozen=True, eq=False)
class Job:
    """What is segmented: frames of a layer in the order of the work, each of the regions in them, and how."""

    image: Image
    frames: Sequence[int]
    regions: Sequence[Region | None]
    settings: Mapping[str, Any]
    load: Callable[[], Segmenter | None]


@dataclass(frozen=True, eq=False)
class Found:
    """What was found in a frame, and the pixel size of the layer that it was measured by."""

    job: Job
    frame: int
    found: CountedFrame
    pixel_size: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class Drawn:
    """A frame as a person left it, and what was counted in it before.

    Labels, what is no clean film, and the rim of what was looked at are (ny, nx). Not ``by_hand``: only the pixel size
    of the layer, which it is measured by, is another one.
    """

    job: Job
    frame: int
    labels: NDArray[np.uint16]
    rest: NDArray[np.uint8]
    rim: NDArray[np.bool_]
    counted: Sequence[Counted]
    pixel_size: tuple[float, float] | None
    stamp: int
    by_hand: bool


@dataclass(frozen=True, eq=False)
class Recounted:
    """What is counted in it now, and the labels as they count."""

    drawn: Drawn
    numbered: NDArray[np.int32]
    counted: list[Counted]


def looked_at(image: Image, frame: int) -> tuple[Image, int]:
    """Return the layer whose pixels are segmented, and the frame's number in it.

    It is the layer itself, also of a texture on a square lattice: m_z, a pixel a cell. A triangular one is drawn.
    """
    spins = spins_shown(image, frame)
    return (image, frame) if spins is None or spins.lattice is not Lattice.TRIANGULAR else as_analysed(image, frame)


def read(image: Image, frame: int) -> tuple[Picture, SpinTexture | None]:
    """Return what is segmented of a frame, with the texture that it shows."""
    from napari_magtex.segment.grey import polar

    picture, spins = polar(picture_of(image, frame=frame), spins_shown(image, frame))
    return (picture, None) if spins is None else (replace(picture, pixel_size=pixel_size_of(image)), spins)


def segmenting(job: Job) -> Iterator[Progress | Found]:
    """Segment frame by frame; one that cannot be used does not lose the others, and is told at the end."""
    total = len(job.frames)
    yield Progress(0, 0, "loading")
    from napari_magtex.segment.counted import count_frame
    from napari_magtex.segment.predict import Settings

    segmenter, settings = job.load(), Settings(**job.settings)
    refused: list[str] = []
    for done, frame in enumerate(job.frames):
        yield Progress(done, total if total > 1 else 0, "frame" if total > 1 else "looking")
        try:
            size = pixel_size_of(job.image)  # beforehand: a person may calibrate it meanwhile
            found = count_frame(*read(job.image, frame), job.regions, segmenter, settings)
            yield Found(job, frame, found, size)
        except MagtexError as error:
            refused.append(str(error) if total == 1 else f"frame {frame}: {error}")
    if refused:
        raise UnusablePicture(in_brief(refused))


def recounting(frames: Sequence[Drawn]) -> Iterator[Recounted]:
    """Count again what a person has drawn."""
    from napari_magtex.segment.counted import count_corrected
    from napari_magtex.segment.kinds import Kind

    for drawn in frames:
        image, frame = drawn.job.image, drawn.frame
        seen, _ = looked_at(image, frame)
        spins = spins_shown(image, frame) if seen is image else None
        texture = None if spins is None or spins.lattice is Lattice.TRIANGULAR else spins.middle()
        film = (drawn.rest != Kind.OUTSIDE) | (drawn.labels > 0)  # where a skyrmion is drawn there is film
        numbered, counted = count_corrected(
            drawn.labels, film, drawn.rim, drawn.counted, drawn.job.regions, pixel_size_of(seen), texture, drawn.by_hand
        )
        yield Recounted(drawn, numbered, counted)


def writing(labels: Sequence[NDArray[Any]], path: Path) -> Iterator[Progress | Path]:
    """Write label images, one after the other, into a TIFF."""
    from napari_magtex.segment.saving import label_image

    with label_image(path) as write:
        for done, frame in enumerate(labels):
            yield Progress(done, len(labels), "writing frame")
            write(np.asarray(frame, np.int32))
    yield path
