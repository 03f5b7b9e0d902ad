"""Layers that tracks come from and go to: stacks of labels, the line of a drive, rows of a Tracks layer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from napari.layers import Labels, Shapes
from numpy.typing import NDArray

from napari_magtex.errors import BadRegion, Unsuitable
from napari_magtex.segment.tracks import Tracks, steps_of
from napari_magtex.widgets.layers import Units, is_mirrored, pixel_size_of, to_pixels


def stack_of(labels: Labels) -> Any:
    """Return the label images of a layer, (t, y, x).

    Raises
    ------
    Unsuitable
        It is one picture, one frame, or has more axes.
    """
    data = labels.data[0] if labels.multiscale else labels.data
    if data.ndim != 3:
        raise Unsuitable(f"the layer {labels.name} has {data.ndim} axes: tracks need a stack (time, rows, columns)")
    if len(data) < 2:
        raise Unsuitable(f"the layer {labels.name} has one frame: tracks need two or more")
    return data


def interval_of(labels: Labels) -> float | None:
    """Return the time between frames in s, where the first axis of a layer is one of time."""
    step = 1 * labels.units[0]
    return float(step.to("second").magnitude * labels.scale[0]) if step.check("[time]") else None


def drive_of(shapes: Shapes, labels: Labels, world_units: Units | None) -> float:
    """Return where the first line of a layer points, in degrees counter-clockwise from the rows of the labels, as seen.

    Raises
    ------
    BadRegion
        The layer holds no line, or its ends are one point.
    """
    lines = [np.asarray(line, np.float64) for line, kind in zip(shapes.data, shapes.shape_type, strict=True)
             if kind in ("line", "path")]  # fmt: skip
    if not lines:
        raise BadRegion(f"the layer {shapes.name} holds no line: draw one in the direction of the drive")
    first, last = to_pixels(lines[0][[0, -1]], shapes, labels, world_units)[:, -2:]
    size = pixel_size_of(labels) or (1.0, 1.0)
    down, right = (last - first) * size
    if not np.hypot(down, right):
        raise BadRegion(f"the line in {shapes.name} begins where it ends: draw it in the direction of the drive")
    up = down if is_mirrored(labels) else 0.0 - down
    return math.degrees(math.atan2(up, right))


def shown_rows(tracks: Tracks) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the rows (n, 4) of a Tracks layer: number, frame, y, x; and the speed (n,) there in pixels a frame.

    Skyrmions that are seen once have no track to show.
    """
    table = tracks.table
    speed = np.full(len(table), np.nan)
    rows, steps = steps_of(tracks)
    speed[rows] = np.hypot(*steps.T)
    first = rows[~np.isin(rows - 1, rows)] - 1  # where a track, or a part of it, begins it is as fast as a frame later
    speed[first] = speed[first + 1]
    kept = table.groupby("track")["frame"].transform("size").to_numpy() > 1
    data = table.loc[kept, ["track", "frame", "y_px", "x_px"]].to_numpy(np.float64)
    return data, np.nan_to_num(speed[kept])
