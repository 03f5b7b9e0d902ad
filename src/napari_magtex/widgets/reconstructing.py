"""What the dock Reconstruct series asks for, and how it is found: aligned, reconstructed, parted from the potential."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_magtex.compute import Device, Progress
from napari_magtex.errors import Unsuitable
from napari_magtex.imaging.reconstruction import Method, Reconstruction, part_phases, reconstruct
from napari_magtex.imaging.registration import UNLIKE, Pose, align, common, pose_of, undone
from napari_magtex.imaging.through_focus import ThroughFocus
from napari_magtex.picture import Contrast, Picture

if TYPE_CHECKING:
    from napari.layers import Image

ALL = slice(None)
BACK = slice(None, None, -1)
_TOUCHED = 0.1  # of a masked pixel: what has more of one is masked; less is the ringing of the interpolation


class Other(Enum):
    """What a second series shows of the same place, and how its pictures are mirrored back."""

    FLIPPED = "flipped"
    MIRROR_X = "flipped, mirrored left and right"
    MIRROR_Y = "flipped, mirrored top and bottom"
    REFERENCE = "reference"

    @property
    def mirror(self) -> tuple[slice, slice]:
        """What takes rows and columns of a frame in the order that they have in the first series."""
        return (BACK if self is Other.MIRROR_Y else ALL, BACK if self is Other.MIRROR_X else ALL)


class Aligning(Enum):
    """What is undone of how frames lie on each other."""

    ALL = "shift, turn and magnification"
    SHIFT = "shift"
    NOT = "nothing"


@dataclass(frozen=True, eq=False)
class Question:
    """One or two series, and how their phases are found; lengths in m."""

    series: ThroughFocus
    second: ThroughFocus | None
    other: Other | None
    align: Aligning
    method: Method
    cutoff: float | None
    uniform: bool
    device: Device


@dataclass(frozen=True, eq=False)
class Found:
    """A reconstruction, and where it lies: ``origin`` (y, x) is its first pixel in those of ``image``.

    ``poses`` tell how each frame of the first series lay; ``electrostatic`` is (ny, nx) in rad, where it was parted.
    """

    reconstruction: Reconstruction
    image: Image
    origin: tuple[int, int]
    defoci: tuple[float, ...]
    poses: tuple[Pose, ...] = ()
    electrostatic: NDArray[np.float64] | None = None

    def pictures(self) -> dict[str, Picture]:
        """Return what is kept, by the names of the files."""
        found = self.reconstruction.pictures()
        if self.electrostatic is not None:
            meta = {"quantity": "electrostatic", "value_unit": "rad", **self.reconstruction.settings}
            pixels = self.electrostatic.astype(np.float32)
            picture = Picture(pixels, Contrast.PHASE, self.reconstruction.pixel_size, meta=meta)
            found["electrostatic.tif"] = picture
        return found


@dataclass(frozen=True, eq=False)
class _One:
    """A series with its phase: aligned, and cropped to ``rows`` and ``columns`` of what its frames were."""

    series: ThroughFocus
    found: Reconstruction
    poses: tuple[Pose, ...]
    rows: slice
    columns: slice

    @property
    def reference(self) -> int:
        """The frame that the others were brought to."""
        return next((n for n, pose in enumerate(self.poses) if pose == Pose()), 0)


def found_of(question: Question, images: Sequence[Image]) -> Iterator[Progress | Found]:
    """Find phase and induction; ``images`` are the layers of the first series' frames.

    Yields
    ------
    Progress, and last what is found.

    Raises
    ------
    Unsuitable
        The two series differ in size, or have little in common.
    """
    one = yield from _one(question.series, question)
    origin = (one.rows.start, one.columns.start)
    image = images[one.reference]
    if question.second is None or question.other is None:
        yield Found(one.found, image, origin, question.series.defoci, one.poses)
        return
    if question.second.shape != question.series.shape:
        sizes = " and ".join(f"{nx} x {ny}" for ny, nx in (question.series.shape, question.second.shape))
        raise Unsuitable(f"the frames of the two series differ in size ({sizes} pixels): bin or crop them to one size")
    two = yield from _one(question.second, question)
    yield Progress(0, 0, "parting the phases")
    phases, mask, origin = _laid_over(one, two, question.align)
    flipped = question.other is not Other.REFERENCE
    magnetic, electrostatic = part_phases(*phases, flipped=flipped)
    settings = {**one.found.settings, "second_series": question.other.value}
    reconstruction = replace(one.found, phase=magnetic - magnetic.mean(), settings=settings, mask=mask)
    yield Found(reconstruction, image, origin, question.series.defoci, one.poses, electrostatic - electrostatic.mean())


def _one(series: ThroughFocus, question: Question) -> Generator[Progress, None, _One]:
    poses: tuple[Pose, ...] = ()
    shape = series.shape
    if question.align is not Aligning.NOT and len(series) > 1:
        for aligned in align(series, turn_and_zoom=question.align is Aligning.ALL):
            if isinstance(aligned, Progress):
                yield aligned
            else:
                series, poses = aligned
    rows, columns = common(shape, poses)
    found: Any = None
    for step in reconstruct(
        series, question.method, cutoff=question.cutoff, uniform=question.uniform, device=question.device
    ):
        if isinstance(step, Progress):
            yield step
        else:
            found = step
    return _One(series, found, poses, rows, columns)


def _laid_over(
    one: _One, two: _One, aligning: Aligning
) -> tuple[tuple[NDArray[np.floating], NDArray[np.floating]], NDArray[np.bool_] | None, tuple[int, int]]:
    """Return both phases where both are known, the second brought to lie over the first.

    After them where one of them is masked, and where their corner is.

    Frames are compared, not phases: of a reference and a magnet, they alone have something in common, the specimen's
    edges and its dirt.
    """
    rows, columns = (
        slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in ((one.rows, two.rows), (one.columns, two.columns))
    )

    def part(of: _One, pixels: NDArray[Any]) -> NDArray[Any]:
        top, left = of.rows.start, of.columns.start
        return pixels[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]

    def mask_of(of: _One) -> NDArray[np.bool_]:
        return part(of, np.zeros(of.found.phase.shape, bool) if of.found.mask is None else of.found.mask)

    phases, masks = (part(one, one.found.phase), part(two, two.found.phase)), (mask_of(one), mask_of(two))
    if aligning is Aligning.NOT:
        return phases, _none_if_empty(masks[0] | masks[1]), (rows.start, columns.start)
    nearest = int(np.argmin(np.abs(np.subtract(two.series.defoci, one.series.defoci[one.reference]))))
    frames = part(one, one.series.intensity(one.reference)), part(two, two.series.intensity(nearest))
    pose = pose_of(frames[1], frames[0], turn_and_zoom=aligning is Aligning.ALL)
    if pose.likeness < UNLIKE:
        raise Unsuitable(
            f"the second series is like the first only by {pose.likeness:.2f}, too little to lay it over: bring its "
            "frames to lie over the first ones by hand, and do not align"
        )
    inner = common(phases[0].shape, [Pose(), pose])
    corner = (rows.start + inner[0].start, columns.start + inner[1].start)
    touched = undone(masks[1].astype(np.float32), pose) > _TOUCHED
    mask = _none_if_empty(masks[0][inner] | touched[inner])
    return (phases[0][inner], undone(phases[1], pose)[inner]), mask, corner


def _none_if_empty(mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    return mask if mask.any() else None
