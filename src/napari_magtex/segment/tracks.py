"""Skyrmions from frame to frame: which is which, by trackpy, and the motion that they have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_magtex.compute import Progress
from napari_magtex.errors import MagtexError, Unsuitable
from napari_magtex.results import Provenance
from napari_magtex.segment.pairs import nearest_distances
from napari_magtex.segment.positions import is_told

Points = NDArray[np.float64]  # (n, 2)

TRACK_COLUMNS = ("file", "track", "frame", "x_px", "y_px", "x_nm", "y_nm", "t_s", "label")
"""Of a row of ``tracks.csv``; ``file``, ``frame`` and ``label`` name its row of ``skyrmions.csv``."""

_NEAR = 0.5  # of the usual distance to the nearest neighbour: a skyrmion that moves less is nearer to itself
_LONG, _MANY = 0.8, 0.01  # steps longer than so much of the radius; a share of them that says it is too small


@dataclass(frozen=True)
class TrackSettings:
    """What a person may choose.

    ``radius`` is the longest step between frames in pixels along x, None for half the usual distance to the nearest
    neighbour; ``memory`` how many frames a skyrmion may be missed for; ``interval`` the time between frames in s.

    Raises
    ------
    MagtexError
        A number makes no sense.
    """

    radius: float | None = None
    memory: int = 1
    interval: float | None = None

    def __post_init__(self) -> None:
        if self.radius is not None and not 0 < self.radius < np.inf:
            raise MagtexError(f"the search radius must be above 0 pixels, not {self.radius:g}")
        if self.memory < 0:
            raise MagtexError(f"a skyrmion can be missed for 0 frames or more, not {self.memory}")
        if self.interval is not None and not 0 < self.interval < np.inf:
            raise MagtexError(f"the time between frames must be above 0 s, not {self.interval:g}")


@dataclass(frozen=True, eq=False)
class Tracks:
    """The skyrmions of a stack, each followed through its frames.

    Parameters
    ----------
    table
        A row for each skyrmion and frame, in the order of ``track`` (from 1) and ``frame``, with ``label``, ``x_px``
        and ``y_px``: pixels of the stored picture, y down.
    frames
        How many the stack has.
    pixel_size
        (dy, dx) in metres, or None.
    interval
        Between frames in s, or None.
    radius
        The longest step that was looked for, in pixels along x.
    mirrored
        Whether the picture is the mirror image of what it shows: then angles count the other way round.
    """

    provenance: Provenance
    table: pd.DataFrame
    frames: int
    pixel_size: tuple[float, float] | None
    interval: float | None
    radius: float
    notes: tuple[str, ...] = ()
    mirrored: bool = False

    @property
    def count(self) -> int:
        """How many tracks there are."""
        return int(self.table["track"].max()) if len(self.table) else 0

    @property
    def mean_length(self) -> float | None:
        """Mean number of frames that a skyrmion is seen in; None where there is none."""
        return len(self.table) / self.count if self.count else None

    @cached_property
    def points(self) -> Points:
        """Places (n, 2) as x, y in pixels along x, y up, or down where it is mirrored: of each row of the table."""
        return _square(self.table, self.pixel_size)[:, ::-1] * (1, 1 if self.mirrored else -1)

    def rows(self) -> pd.DataFrame:
        """Return one row a skyrmion and frame, with `TRACK_COLUMNS`."""
        table = self.table.assign(file=self.provenance.file)
        if self.pixel_size is not None:
            dy, dx = self.pixel_size
            table = table.assign(x_nm=table["x_px"] * dx * 1e9, y_nm=table["y_px"] * dy * 1e9)
        if self.interval is not None:
            table["t_s"] = table["frame"] * self.interval
        return table.reindex(columns=list(TRACK_COLUMNS))


def usual_radius(points: Mapping[int, Points]) -> float:
    """Return the search radius for the points (n, 2) of each frame: half the median distance to the nearest one.

    Where no frame has two there is nothing to mix up: it is as far as they go.
    """
    if not sum(map(len, points.values())):
        return 1.0
    distances = np.concatenate([nearest_distances(each) for each in points.values()])
    if np.isfinite(distances).any():
        return max(_NEAR * float(np.nanmedian(distances)), 1.0)
    return max(float(np.hypot(*np.ptp(np.concatenate(list(points.values())), axis=0))), 1.0)


def follow(
    positions: pd.DataFrame,
    provenance: Provenance,
    *,
    frames: int,
    pixel_size: tuple[float, float] | None = None,
    settings: TrackSettings | None = None,
    mirrored: bool = False,
) -> Iterator[Progress | Tracks]:
    """Follow skyrmions from frame to frame: of all ways to link them within the radius the one of least squares.

    Parameters
    ----------
    positions
        A row for each skyrmion and frame, with ``frame``, ``label``, ``x_px`` and ``y_px``: those of `positions_in`,
        or the rows of `Measurements`. The numbers of labels need not agree between frames.
    provenance
        Of the stack; the hash will be that of the positions.
    frames
        How many it has; those without a skyrmion count.
    pixel_size
        (dy, dx) in metres, or None.
    mirrored
        Whether the stack is the mirror image of what it shows.

    Yields
    ------
    Progress, and last the Tracks.

    Raises
    ------
    Unsuitable
        So many are within the radius of each other that nobody can say which is which.

    Notes
    -----
    Crocker and Grier, J. Colloid Interface Sci. 179, 298 (1996), as trackpy has it. Two that merge are one track and
    one that ends; one that splits is a track that goes on and a new one.
    """
    import trackpy

    trackpy.quiet()  # it would print a line for each frame
    settings = settings or TrackSettings()
    cut = positions["cut"].astype(bool) if "cut" in positions else pd.Series(False, index=positions.index)
    table = positions.loc[~cut, ["frame", "label", "x_px", "y_px"]].astype({"frame": np.int64, "label": np.int64})
    table = table.sort_values("frame", kind="stable")
    each = _by_frame(table, _square(table, pixel_size), frames)
    radius = settings.radius or usual_radius(each)
    numbers: list[int] = []
    frame = -1
    linked = trackpy.link_iter(each.values(), radius, memory=settings.memory, link_strategy="nonrecursive")
    try:
        for frame, found in linked:
            numbers.extend(found)
            if is_told(frame, frames):
                yield Progress(frame + 1, frames, "following")
    except trackpy.SubnetOversizeException:
        raise Unsuitable(
            f"frame {frame + 1}: more than {trackpy.linking.Linker.MAX_SUB_NET_SIZE} skyrmions are "
            f"within the search radius of {radius:.3g} px of each other, so that nobody can say which is which: give a "
            "smaller radius, or take frames in quicker succession"
        ) from None
    table = table.assign(track=np.array(numbers, dtype=np.int64) + 1).sort_values(["track", "frame"], kind="stable")
    about = {"radius_px": radius, "memory": settings.memory, "interval_s": settings.interval}
    origin = replace(
        provenance,
        frame=0,
        sha256=sha256(table[["frame", "x_px", "y_px"]].to_numpy(np.float64).tobytes()).hexdigest(),
        model=f"trackpy {trackpy.__version__}",
        settings={**provenance.settings, **about},
    )
    table = table.reset_index(drop=True)
    tracks = Tracks(origin, table, frames, pixel_size, settings.interval, radius, mirrored=mirrored)
    yield replace(tracks, notes=tuple(_notes(tracks, int(cut.sum()))))


def steps_of(tracks: Tracks) -> tuple[NDArray[np.int64], Points]:
    """Return the rows (n,) that a step from the frame before leads to, and those steps (n, 2) as x, y up, in pixels."""
    track, frame = tracks.table["track"].to_numpy(), tracks.table["frame"].to_numpy()
    rows = np.flatnonzero((np.diff(track) == 0) & (np.diff(frame) == 1)) + 1
    return rows, tracks.points[rows] - tracks.points[rows - 1]


def mean_path(tracks: Tracks) -> tuple[Points, NDArray[np.int64]]:
    """Return how far skyrmions have gone on average by each frame, and of how many that is told.

    Returns
    -------
    (frames, 2) as x, y up in pixels: the mean of the steps from frame to frame, summed up; and (frames,) of how many.
    """
    rows, steps = steps_of(tracks)
    frame = tracks.table["frame"].to_numpy()[rows]
    seen = np.bincount(frame, minlength=tracks.frames)
    total = np.stack([np.bincount(frame, step, minlength=tracks.frames) for step in steps.T], axis=1)
    return np.cumsum(total / np.maximum(seen, 1)[:, None], axis=0), seen


def stage_drift(tracks: Tracks) -> tuple[Points, float]:
    """Return how far the stage has moved by each frame, and how much of their own motion skyrmions keep without it.

    Returns
    -------
    (frames, 2) as `mean_path` has it; and the mean of 1 - 1/n: of n skyrmions that move on their own, the mean takes
    an n-th part of their variance with it.

    Raises
    ------
    Unsuitable
        No two frames in turn show the same two skyrmions: motion and drift are one.
    """
    path, seen = mean_path(tracks)
    if seen.max(initial=0) < 2:
        raise Unsuitable("a drift of the stage shows where two frames in turn show the same two skyrmions, and none "
                         "do: do not subtract it here")  # fmt: skip
    return path, float(1 - np.count_nonzero(seen) / seen.sum())


def _square(table: pd.DataFrame, pixel_size: tuple[float, float] | None) -> Points:
    """Return places (n, 2) as y, x in pixels along x: of pixels that are not square, y is stretched."""
    ratio = pixel_size[0] / pixel_size[1] if pixel_size else 1.0
    return table[["y_px", "x_px"]].to_numpy(np.float64) * (ratio, 1.0)


def _by_frame(table: pd.DataFrame, points: Points, frames: int) -> dict[int, Points]:
    bounds = np.searchsorted(table["frame"].to_numpy(), np.arange(frames + 1))
    return {frame: points[bounds[frame] : bounds[frame + 1]] for frame in range(frames)}


def _notes(tracks: Tracks, cut: int) -> Iterator[str]:
    _, steps = steps_of(tracks)
    if len(steps) and (share := float((np.hypot(*steps.T) > _LONG * tracks.radius).mean())) > _MANY:
        yield (
            f"{share:.0%} of the steps are longer than {_LONG:g} of the search radius ({tracks.radius:.3g} px): still "
            "longer ones may be missed, or skyrmions mixed up; take frames in quicker succession, or another radius"
        )
    if tracks.table.empty:
        yield f"none of {tracks.frames} frames shows a whole skyrmion"
    if cut:
        yield f"{cut} positions at the edge of what was looked at are left out: their skyrmions are cut"
