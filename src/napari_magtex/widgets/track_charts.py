"""Plots of how skyrmions move, in napari's theme: mean squared displacement, and what follows the slider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import LineCollection
from napari.utils.colormaps import ensure_colormap
from numpy.typing import NDArray

from napari_magtex.segment.measured import in_print
from napari_magtex.segment.motion import paths_of
from napari_magtex.segment.tracks import mean_path, stage_drift
from napari_magtex.widgets.plots import FONT_SIZE, TOP, ThemedCanvas

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_magtex.segment.motion import Motion
    from napari_magtex.segment.tracks import Tracks

EACH, COMMON, NUMBER = "each", "common", "number"
SERIES = {"Displacement of each": EACH, "Mean motion": COMMON, "Skyrmions seen": NUMBER}
COLOUR_MAP = "turbo"  # of the Tracks layer: a line has its track's colour
MOST_LINES, MOST_POINTS = 60, 400  # more can be neither told apart nor drawn while the slider moves


@dataclass(frozen=True, eq=False)
class History:
    """What is drawn against the frame, in um or px.

    Parameters
    ----------
    each
        Of the longest tracks: number, frames (n,) and distances from their first place (n,).
    mean
        How far all have gone on average by each frame, (frames, 2) as x, y up.
    seen
        How many there are in each frame, (frames,).
    drift
        Whether the stage's motion is out of ``each``.
    """

    each: tuple[tuple[int, NDArray[np.int64], NDArray[np.float64]], ...]
    mean: NDArray[np.float64]
    seen: NDArray[np.int64]
    drift: bool


def history_of(tracks: Tracks, motion: Motion) -> History:
    """Return what is drawn of tracks against the frame."""
    out = bool(motion.provenance.settings["subtract_drift"])
    paths = paths_of(tracks, stage_drift(tracks)[0] if out else None)
    begins = tracks.table.groupby("track")["frame"].first().to_numpy()
    longest = sorted(np.argsort([-len(path) for path in paths], kind="stable")[:MOST_LINES])
    each = []
    for number in longest:
        path = paths[number] - paths[number][0]
        kept = np.flatnonzero(np.isfinite(path[:, 0]))
        kept = kept[:: max(1, len(kept) // MOST_POINTS)]
        each.append((number + 1, begins[number] + kept, np.hypot(*path[kept].T) * motion.length))
    seen = np.bincount(tracks.table["frame"], minlength=tracks.frames)
    return History(tuple(each), mean_path(tracks)[0] * motion.length, seen, out)


class SpreadingChart(ThemedCanvas):
    """The mean squared displacement against the lag, the line that D and sigma imply, and the band of D's error."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer, height=230)
        self.setMaximumHeight(300)
        self._motion: Motion | None = None
        self._redraw()

    def show_motion(self, motion: Motion | None) -> None:
        """Draw a motion, or nothing."""
        self._motion = motion
        self._redraw()

    def paint(self) -> None:
        """Draw the points, the line and its band."""
        motion = self._motion
        if motion is None or not len(motion.spreading.lag):
            return
        seen, square = motion.spreading, motion.length**2
        length, time = motion.units
        lag = seen.lag * motion.time
        error = np.nan_to_num(seen.error) * square
        drift, moving = motion.stage_drift[0].value is not None, motion.speed.value is not None
        if moving:
            self.axes.plot(lag, seen.total * square, "o", mfc="none", color=self.colours["text"], ms=4, mew=0.8,
                           label="as it is")  # fmt: skip
        label = "without the stage's drift" if drift else "about the mean motion" if moving else "measured"
        self.axes.errorbar(lag, seen.about_mean * square, error, fmt="o", color=TOP, ms=4, elinewidth=1, label=label)
        if motion.diffusion is not None:
            fine = np.linspace(0, float(seen.lag[-1]), 100)
            line, band = (square * part for part in motion.line(fine))
            self.axes.plot(fine * motion.time, line, color=self.colours["text"], lw=1.2, label="4Dt + 4σ²")
            self.axes.fill_between(fine * motion.time, line - band, line + band, color=self.colours["text"], alpha=0.25,
                                   lw=0, label="± error of D")  # fmt: skip
        self.axes.set_xlabel(f"lag ({time}{'s' * (time == 'frame')})")
        self.axes.set_ylabel(f"MSD ({in_print(length)}²)")
        self.axes.set_xlim(0, float(lag[-1]) * 1.04)
        self.axes.set_ylim(min(0.0, float(self.axes.get_ylim()[0])), None)
        self.dress(columns=2)


class HistoryChart(ThemedCanvas):
    """What skyrmions did until each frame, with a line at the frame shown."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer, height=210)
        self.setMaximumHeight(280)
        self._shown: tuple[History, Motion, str] | None = None
        self._frame = 0
        self.marker: Any = None
        self._redraw()

    def show_history(self, history: History | None, motion: Motion | None, what: str = EACH) -> None:
        """Draw one of `SERIES`, or nothing."""
        self._shown = (history, motion, what) if history is not None and motion is not None else None
        self._redraw()

    def show_frame(self, frame: int) -> None:
        """Move the line."""
        self._frame = frame
        if self.marker is not None and self._shown is not None:
            self.marker.set_xdata(2 * [frame * self._shown[1].time])
            self.draw_idle()

    def paint(self) -> None:
        """Draw what was chosen."""
        self.marker = None
        if self._shown is None:
            return
        history, motion, what = self._shown
        length, time = motion.units
        frames = np.arange(len(history.seen)) * motion.time
        if what == EACH:
            self._draw_each(history, motion)
        elif what == COMMON:
            for axis, colour, label in zip(history.mean.T, (TOP, "#cc6677"), ("to the right", "up"), strict=True):
                self.axes.plot(frames, axis, color=colour, lw=1.5, label=label)
        else:
            self.axes.plot(frames, history.seen, color=TOP, lw=1.5, drawstyle="steps-mid")
            self.axes.set_ylim(0, max(int(history.seen.max(initial=0)), 1) * 1.08)
        names = {EACH: f"displacement ({in_print(length)})", COMMON: f"mean motion ({in_print(length)})",
                 NUMBER: "skyrmions"}  # fmt: skip
        self.axes.set_xlabel(f"time ({time})" if time == "s" else "frame")
        self.axes.set_ylabel(names[what])
        self.axes.set_xlim(-0.5 * motion.time, max(len(history.seen) - 0.5, 0.5) * motion.time)
        self.marker = self.axes.axvline(self._frame * motion.time, color=self.colours["text"], lw=1)
        self.dress(columns=2 if what == COMMON else 0)

    def _draw_each(self, history: History, motion: Motion) -> None:
        colours = ensure_colormap(COLOUR_MAP).map(_spread([number for number, _, _ in history.each], motion.tracks))
        lines = [np.stack([frames * motion.time, way], axis=1) for _, frames, way in history.each]
        self.axes.add_collection(LineCollection(lines, colors=colours, linewidths=0.9))
        highest = max((float(way.max()) for _, _, way in history.each), default=0.0)
        self.axes.set_ylim(0, 1.08 * highest or 1.0)
        if motion.tracks > len(history.each):
            self.axes.text(0.01, 0.97, f"the {len(history.each)} longest of {motion.tracks} tracks", va="top",
                           transform=self.axes.transAxes, fontsize=FONT_SIZE, color=self.colours["text"])  # fmt: skip


def _spread(numbers: Sequence[int], count: int) -> NDArray[np.float64]:
    """Return where a colour map of so many tracks has these."""
    return (np.array(numbers, np.float64) - 1) / max(count - 1, 1)
