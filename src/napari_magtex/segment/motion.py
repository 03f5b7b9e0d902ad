"""How the skyrmions of a stack move: diffusion constant, drift, Hall angle, mean squared displacement."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_magtex.compute import Progress, passed_on
from napari_magtex.errors import MagtexError
from napari_magtex.results import Provenance
from napari_magtex.segment.diffusion import FULL_BLUR, Diffusion, Moments, diffusion_of
from napari_magtex.segment.measured import Measured
from napari_magtex.segment.msd import Spreading, spreading
from napari_magtex.segment.tracks import Tracks, stage_drift

MSD_COLUMNS = ("file", "lag", "lag_s", "msd", "msd_about_mean", "error", "count", "unit")
"""Of a row of ``msd.csv``; ``msd`` and ``error`` are in ``unit``."""

_SIGNIFICANT = 11.83  # of v C^-1 v: 3 sigma in two dimensions
_BENT, _CERTAIN = 0.2, 3.0  # of the line, and standard errors, that the last point must lie off it to be told


@dataclass(frozen=True)
class MotionSettings:
    """What a person may choose.

    ``exposure`` is the share of the time between frames that the shutter is open: of snapshots 0. ``drive`` is the
    direction of the current, or whatever drives skyrmions, in degrees from the x axis counter-clockwise as seen on
    the screen (y up); None where nothing does. ``subtract_drift`` takes the mean step of all skyrmions for the stage's.

    Raises
    ------
    MagtexError
        A number makes no sense.
    """

    exposure: float = 1.0
    drive: float | None = None
    subtract_drift: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.exposure <= 1:
            raise MagtexError(f"the shutter is open for a share from 0 to 1 of the time between frames, not "
                              f"{self.exposure:g}")  # fmt: skip
        if self.drive is not None and not math.isfinite(self.drive):
            raise MagtexError("the direction of the drive must be a number of degrees")


@dataclass(frozen=True, eq=False)
class Motion:
    """The motion of the skyrmions of a stack.

    Parameters
    ----------
    tracks, mean_length, frames
        How many skyrmions were followed, for how many frames on average, of how many in all.
    steps
        From a frame to the next.
    D, sigma
        Diffusion constant and localisation error, that of one axis.
    velocity
        Mean over all skyrmions, x to the right and y up; ``speed`` and ``direction`` are told where it is significant.
    hall_angle
        From the drive to the velocity, counter-clockwise positive as seen on the screen.
    stage_drift
        What was subtracted, its mean velocity x, y.
    spreading, diffusion
        In pixels and frames: what a chart draws, with ``length`` (um or px a pixel) and ``time`` (s or frames a frame).
    """

    provenance: Provenance
    tracks: int
    mean_length: float | None
    frames: int
    steps: int
    D: Measured
    sigma: Measured
    velocity: tuple[Measured, Measured]
    speed: Measured
    direction: Measured
    hall_angle: Measured
    stage_drift: tuple[Measured, Measured]
    spreading: Spreading
    diffusion: Diffusion | None
    length: float
    time: float
    notes: tuple[str, ...] = ()

    @property
    def units(self) -> tuple[str, str]:
        """Of length and time: um or px, s or frame."""
        length, _, time = self.speed.unit.partition("/")
        return length, time

    def line(self, lag: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the MSD about the mean motion that D and sigma imply at lags in frames, and the error that D makes.

        Both (lags,) in squared pixels: 4 D t + 4 sigma^2, less what the blur hides.
        """
        found = self.diffusion
        if found is None:
            return np.full(len(lag), np.nan), np.full(len(lag), np.nan)
        blur = self.provenance.settings["exposure"] * FULL_BLUR
        return 4 * found.D * (lag - 2 * blur) + 4 * found.sigma2, 4 * found.D_error * np.asarray(lag, np.float64)

    def msd_rows(self) -> pd.DataFrame:
        """Return one row a lag, with `MSD_COLUMNS`."""
        seen, square = self.spreading, self.length**2
        table = pd.DataFrame({"lag": seen.lag, "count": seen.count})
        for name, values in (("msd", seen.total), ("msd_about_mean", seen.about_mean), ("error", seen.error)):
            table[name] = values * square
        length, time = self.units
        table = table.assign(file=self.provenance.file, unit=f"{length}^2")
        if time == "s":
            table["lag_s"] = table["lag"] * self.time
        return table.reindex(columns=list(MSD_COLUMNS))

    def record(self) -> dict[str, Any]:
        """Return the JSON object of the stack."""
        origin = self.provenance
        settings = dict(origin.settings)
        pairs = {
            name: {"x": x.value, "x_error": x.error, "y": y.value, "y_error": y.error, "unit": x.unit}
            for name, (x, y) in (("velocity", self.velocity), ("stage_drift", self.stage_drift))
        }
        return {
            "file": origin.file,
            "roi": list(origin.roi) if origin.roi else None,
            "frames": self.frames,
            "interval_s": settings.pop("interval_s"),
            "tracks": self.tracks,
            "mean_length": self.mean_length,
            "steps": self.steps,
            "D": asdict(self.D),
            "sigma": asdict(self.sigma),
            "velocity": pairs["velocity"],
            "speed": asdict(self.speed),
            "direction": asdict(self.direction),
            "drive_deg": settings.pop("drive_deg"),
            "hall_angle": asdict(self.hall_angle),
            "stage_drift": pairs["stage_drift"],
            "notes": list(self.notes),
            "method": origin.model,
            "settings": settings,
            "version": origin.version,
        }


def motion_of(tracks: Tracks, settings: MotionSettings | None = None) -> Iterator[Progress | Motion]:
    """Measure how skyrmions move.

    Yields
    ------
    Progress, and last the Motion: what the tracks do not tell is None in it, and why stands in its notes.

    Raises
    ------
    Unsuitable
        The stage's drift is to be subtracted, and there are no two skyrmions to tell it.

    Notes
    -----
    `diffusion_of` tells of D, its error and the drift's.
    """
    settings = settings or MotionSettings()
    drift, kept = stage_drift(tracks) if settings.subtract_drift else (None, None)
    paths = paths_of(tracks, drift)
    long = [path for path in paths if len(path) > 1]
    moments = Moments.of(long)
    found = diffusion_of(moments, settings.exposure * FULL_BLUR, kept)
    about = yield from passed_on(spreading(long, np.zeros(2) if found is None else found.velocity))
    if kept is not None:
        about = replace(about, about_mean=about.about_mean / kept, error=about.error / kept)
    yield _told(tracks, settings, int(moments.steps.sum()), found, about, drift)


def paths_of(tracks: Tracks, drift: NDArray[np.float64] | None = None) -> list[NDArray[np.float64]]:
    """Return the path of each track, (frames, 2) as x, y up in pixels along x, NaN where its skyrmion was missed.

    ``drift`` (frames, 2) is subtracted.
    """
    frame = tracks.table["frame"].to_numpy()
    points = tracks.points if drift is None else tracks.points - drift[frame]
    begins = np.flatnonzero(np.diff(tracks.table["track"].to_numpy(), prepend=0))
    paths = []
    for first, last in pairwise([*begins, len(frame)]):
        path = np.full((frame[last - 1] - frame[first] + 1, 2), np.nan)
        path[frame[first:last] - frame[first]] = points[first:last]
        paths.append(path)
    return paths


def _told(
    tracks: Tracks,
    settings: MotionSettings,
    steps: int,
    found: Diffusion | None,
    about: Spreading,
    drift: NDArray[np.float64] | None,
) -> Motion:
    """Bring what was found to its units."""
    length, length_unit = (tracks.pixel_size[1] * 1e6, "um") if tracks.pixel_size else (1.0, "px")
    time, time_unit = (tracks.interval, "s") if tracks.interval else (1.0, "frame")
    nothing = Measured(None, None, f"{length_unit}/{time_unit}")
    D, sigma = Measured(None, None, f"{length_unit}^2/{time_unit}"), Measured(None, None, length_unit)
    velocity, speed, stage = (nothing, nothing), nothing, (nothing, nothing)
    direction = hall_angle = Measured(None, None, "deg")
    pace = length / time
    if found is not None:
        D = replace(D, value=found.D * length * pace, error=found.D_error * length * pace)
        sigma = replace(sigma, value=math.sqrt(found.sigma2) * length if found.sigma2 >= 0 else None)
    if drift is not None:
        x, y = (float(v) * pace for v in (drift[-1] - drift[0]) / max(tracks.frames - 1, 1))
        stage = replace(nothing, value=x), replace(nothing, value=y)
    elif found is not None:
        errors = np.sqrt(np.diag(found.covariance)) * pace
        vx, vy = (replace(nothing, value=float(v) * pace, error=float(e))
                  for v, e in zip(found.velocity, errors, strict=True))  # fmt: skip
        velocity = vx, vy
        if is_significant(found):
            size, error, angle, angle_error = polar(found)
            speed = replace(nothing, value=size * pace, error=error * pace)
            direction = Measured(angle, angle_error, "deg")
            if settings.drive is not None:
                hall_angle = Measured(between(settings.drive, angle), angle_error, "deg")
    origin = replace(
        tracks.provenance,
        settings={
            **tracks.provenance.settings,
            "exposure": settings.exposure,
            "drive_deg": settings.drive,
            "subtract_drift": settings.subtract_drift,
            "errors": None if found is None else "scatter among tracks" if found.by_scatter else "free Brownian motion",
        },
    )
    motion = Motion(origin, tracks.count, tracks.mean_length, tracks.frames, steps, D, sigma, velocity, speed,
                    direction, hall_angle, stage, about, found, length, time)  # fmt: skip
    return replace(motion, notes=(*tracks.notes, *_notes(motion, settings)))


def is_significant(found: Diffusion) -> bool:
    """Whether a mean motion stands out of its error: it lies beyond 3 sigma in two dimensions."""
    v = found.velocity
    C = found.covariance + 1e-12 * (v @ v) * np.eye(2)  # of skyrmions that move as one it is 0
    return bool(v.any() and v @ np.linalg.solve(C, v) > _SIGNIFICANT)


def polar(found: Diffusion) -> tuple[float, float, float, float]:
    """Return the mean motion's size and its error; its angle, counter-clockwise from x, and its error, in degrees."""
    v, C = found.velocity, found.covariance
    size = float(np.hypot(*v))
    along, across = v / size, np.array([-v[1], v[0]]) / size
    error, turn = (math.sqrt(max(float(axis @ C @ axis), 0.0)) for axis in (along, across))
    return size, error, math.degrees(math.atan2(v[1], v[0])), math.degrees(turn / size)


def between(start: float, end: float) -> float:
    """Return the turn from one direction to another in degrees, above -180 and up to 180."""
    return 180 - (180 - (end - start)) % 360


def _notes(motion: Motion, settings: MotionSettings) -> Iterator[str]:
    found, about = motion.diffusion, motion.spreading
    if found is None:
        yield (
            "no skyrmion is followed through three frames in turn: neither diffusion nor drift is determined"
            if motion.frames > 1
            else "one frame shows no motion"
        )
        return
    if found.D_error > found.D:
        yield "the diffusion constant is not above its error: what is seen is localisation error"
    if found.sigma2 < 0:
        yield "the localisation error is below what these tracks tell"
    if settings.subtract_drift:
        yield "the mean motion was taken for the stage's drift: velocity and Hall angle are not determined"
    elif not is_significant(found):
        yield "the mean motion is not significant: its direction is not determined"
    if (known := np.flatnonzero(np.isfinite(about.error))).size:
        last = known[-1]
        line, band = (float(each[0]) for each in motion.line(about.lag[last : last + 1]))
        away = float(about.about_mean[last]) - line
        if abs(away) > max(_CERTAIN * float(np.hypot(about.error[last], band)), _BENT * abs(line)):
            why = ("D is that of the driven, or of unequal, skyrmions" if away > 0
                   else "they are pinned or confined, and D is that of short times")  # fmt: skip
            yield f"the MSD bends {'above' if away > 0 else 'below'} the line of free diffusion: {why}"
