"""Frames of one place brought to lie over each other: shift, turn and magnification.

A lens that changes its focus moves, turns and magnifies the picture a little, and the contrast of a magnetic texture is
turned over from underfocus to overfocus. So pictures are compared by the size of their correlation, whatever its sign.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_magtex.compute import Progress
from napari_magtex.errors import Unsuitable
from napari_magtex.imaging.through_focus import ThroughFocus

FINE = 20  # parts of a pixel to which a shift is found
SIDE = 384  # pixels: turn and magnification are looked for in pictures no larger
TURN, ZOOM = 1.0, 0.01  # degrees and relative: where the search begins to look beside none
LARGEST_TURN, LARGEST_ZOOM = 10.0, 0.15
CLEARLY = 1.01  # times as high a correlation is needed to believe in a turn or a magnification
UNLIKE = 0.3  # correlation below which two frames are taken to have nothing in common but noise
PLACE = ("down", "right", "turn_deg", "zoom")


@dataclass(frozen=True)
class Pose:
    """How a frame lies on another: turned, magnified about its centre, and then shifted.

    Parameters
    ----------
    down, right
        Shift of the frame in pixels.
    turn_deg
        Counter-clockwise on the screen.
    zoom
        Magnification of the frame over that of the other.
    likeness
        Size of the correlation after undoing it, 0 to 1.
    """

    down: float = 0.0
    right: float = 0.0
    turn_deg: float = 0.0
    zoom: float = 1.0
    likeness: float = 1.0


def align(
    series: ThroughFocus, *, turn_and_zoom: bool = True
) -> Iterator[Progress | tuple[ThroughFocus, tuple[Pose, ...]]]:
    """Bring the frames of a series to the one in the middle of its defoci, and crop all to what every one shows.

    Frames are read one at a time, now to be compared and, warped, whenever one of those that come out is read. A frame
    that is like no other, as one in focus shows nothing of a pure phase, is taken to lie where its defocus puts it
    between the others.

    Yields
    ------
    Progress, and last the series and the pose of each frame as it was.

    Raises
    ------
    Unsuitable
        Less than half of a side is common to all frames, or one far out of focus is like no other.
    """
    middle = int(np.argsort(np.abs(series.defoci))[len(series) // 2])  # one with some contrast
    reference = series.intensity(middle)
    poses = []
    for number in range(len(series)):
        frame = series.intensity(number)
        poses.append(Pose() if number == middle else pose_of(frame, reference, turn_and_zoom=turn_and_zoom))
        yield Progress(number + 1, len(series), "aligning frames")
    poses = _with_unlike_ones_placed(poses, series)
    part = common(series.shape, poses)
    mask = None if series.mask is None else series.mask[part]
    frames = [_Placed(series, number, pose, part) for number, pose in enumerate(poses)]
    yield replace(series, frames=frames, mask=mask), tuple(poses)


@dataclass(frozen=True, eq=False)
class _Placed:
    """A frame of a series without its pose, cropped; read and warped when it is made an array."""

    series: ThroughFocus
    number: int
    pose: Pose
    part: tuple[slice, slice]

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = self.part
        return rows.stop - rows.start, columns.stop - columns.start

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return undone(self.series.intensity(self.number), self.pose)[self.part].astype(dtype or np.float32)


def pose_of(frame: NDArray[np.floating], reference: NDArray[np.floating], *, turn_and_zoom: bool = True) -> Pose:
    """Find how a frame (ny, nx) lies on a reference of the same size.

    Shift by scikit-image's sub-pixel correlation; turn and magnification by Nelder and Mead's search for the highest.
    """
    from scipy.optimize import minimize

    turn, zoom = 0.0, 1.0
    if turn_and_zoom:
        small, like = _reduced(frame), _reduced(reference)

        def unlike(x: NDArray[np.float64]) -> float:
            turn, zoom = TURN * x[0], math.exp(ZOOM * x[1])
            if abs(turn) > LARGEST_TURN or abs(math.log(zoom)) > LARGEST_ZOOM:
                return 0.0
            return -_shift(undone(small, Pose(turn_deg=turn, zoom=zoom)), like, 4)[2]

        corners = [[0, 0], [1, 0], [0, 1]]
        found = minimize(
            unlike,
            [0, 0],
            method="Nelder-Mead",
            options={"initial_simplex": corners, "xatol": 0.02, "fatol": 1e-5, "maxfev": 80},
        )
        # between pixels a frame is smoothed, which by itself makes noisy ones more alike: so it is for comparison
        by_chance = _shift(undone(small, Pose(down=0.5, right=0.5)), like, 4)[2]
        if found.fun < -CLEARLY * max(by_chance, -unlike(np.zeros(2))):
            turn, zoom = TURN * float(found.x[0]), math.exp(ZOOM * float(found.x[1]))
    down, right, likeness = _shift(undone(frame, Pose(turn_deg=turn, zoom=zoom)), reference, FINE)
    return Pose(down, right, turn, zoom, likeness)


def undone(frame: NDArray[np.floating], pose: Pose) -> NDArray[np.float32]:
    """Return a frame (ny, nx) as it would be without its pose; what comes from beyond the rim repeats the rim."""
    from skimage.transform import AffineTransform, warp

    if pose == replace(Pose(), likeness=pose.likeness):
        return np.asarray(frame, dtype=np.float32)
    ny, nx = frame.shape
    centre = np.array([(nx - 1) / 2, (ny - 1) / 2])
    # rows grow downwards, so a turn counter-clockwise on the screen is a negative one of (column, row)
    turn = AffineTransform(rotation=-math.radians(pose.turn_deg), scale=pose.zoom)
    to_centre, back = AffineTransform(translation=-centre), AffineTransform(translation=centre)
    moved = AffineTransform(translation=turn.params[:2, :2] @ [pose.right, pose.down])
    to_frame: Any = to_centre + turn + moved + back
    return np.asarray(warp(frame.astype(np.float32), to_frame, order=3, mode="edge", preserve_range=True), np.float32)


def _shift(frame: NDArray[np.floating], reference: NDArray[np.floating], fine: int) -> tuple[float, float, float]:
    """Return how far a frame lies down and right of a reference, in pixels, and the size of their correlation."""
    from scipy.ndimage import fourier_shift
    from skimage.registration import phase_cross_correlation

    one, other = _windowed(frame), _windowed(reference)
    if not (one.any() and other.any()):  # an even picture lies anywhere
        return 0.0, 0.0, 0.0
    shift, _, _ = phase_cross_correlation(other, one, upsample_factor=fine, normalization=None)
    moved = np.fft.ifft2(fourier_shift(np.fft.fft2(one), shift)).real
    likeness = abs(float((moved * other).sum())) / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-30)
    return -float(shift[0]), -float(shift[1]), likeness


def _windowed(frame: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return a frame without its slow and its finest waves, faded at the rim: texture, and not light or noise."""
    from skimage.filters import difference_of_gaussians, window

    band = difference_of_gaussians(frame.astype(np.float64), 1, max(min(frame.shape) / 16, 4))
    return np.asarray(band * window("hann", frame.shape))


def _reduced(frame: NDArray[np.floating]) -> NDArray[np.floating]:
    from skimage.transform import downscale_local_mean

    bins = max(1, round(max(frame.shape) / SIDE))
    ny, nx = (n // bins * bins for n in frame.shape)
    return np.asarray(downscale_local_mean(frame[:ny, :nx], (bins, bins)))


def _with_unlike_ones_placed(poses: list[Pose], series: ThroughFocus) -> list[Pose]:
    """Put frames that are like no other on the line through the others, over the defocus."""
    placed_at = sorted(zip(series.defoci, poses, strict=True), key=itemgetter(0))
    sure = [(df, pose) for df, pose in placed_at if pose.likeness >= UNLIKE]
    at = [df for df, _ in sure]
    farthest = max(abs(df) for df in series.defoci)

    def placed(number: int, pose: Pose) -> Pose:
        df = series.defoci[number]
        if pose.likeness >= UNLIKE:
            return pose
        if abs(df) > farthest / 2:
            raise Unsuitable(
                f"frame {number}, at {df * 1e6:g} um, is like no other (correlation {pose.likeness:.2f}). Does it show "
                "the same place? Leave it out, or align the series elsewhere and say that it is"
            )
        line = {name: float(np.interp(df, at, [getattr(p, name) for _, p in sure])) for name in PLACE}
        return replace(pose, **line)

    return [placed(number, pose) for number, pose in enumerate(poses)]


def common(shape: tuple[int, int], poses: Sequence[Pose]) -> tuple[slice, slice]:
    """Return the rows and columns that every frame shows, to which `align` crops.

    Raises
    ------
    Unsuitable
        Less than half of a side is left.
    """
    ny, nx = shape
    half = math.hypot(ny, nx) / 2
    lost = {"top": 0.0, "bottom": 0.0, "left": 0.0, "right": 0.0}
    for pose in poses:
        rim = half * (abs(math.radians(pose.turn_deg)) + max(1 - 1 / pose.zoom, pose.zoom - 1, 0))
        for side, by in (("top", -pose.down), ("bottom", pose.down), ("left", -pose.right), ("right", pose.right)):
            lost[side] = max(lost[side], by + rim)
    top, bottom, left, right = (math.ceil(max(by, 0) - 1e-6) for by in lost.values())
    if ny - top - bottom < ny / 2 or nx - left - right < nx / 2:
        raise Unsuitable(
            f"the frames of the series have little in common: aligned, {max(nx - left - right, 0)} x "
            f"{max(ny - top - bottom, 0)} of {nx} x {ny} pixels are left. Do they show the same place?"
        )
    return slice(top, ny - bottom), slice(left, nx - right)
