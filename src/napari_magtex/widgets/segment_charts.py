"""What the skyrmions of a frame have together as charts, and how a stack goes on from frame to frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from napari_magtex.widgets.plots import FONT_SIZE, TOP, ThemedCanvas, quantity_label

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_magtex.segment.counted import Counted
    from napari_magtex.widgets.series import Series

HEIGHT = 190  # pixels

QUANTITIES: dict[str, Callable[[Mapping[str, Any]], tuple[str, float | None]]] = {  # label of the axis, and value
    "Count": lambda told: ("skyrmions", told["count"]),
    "Density": lambda told: (
        ("density (px⁻²)", told["density_px"])
        if told["density_um2"] is None
        else ("density (µm⁻²)", told["density_um2"])
    ),
    "Mean diameter": lambda told: _diameter(told),
    "Mean |ψ₆|": lambda told: ("mean |ψ₆|", told["psi6"]),
}


class FrameChart(ThemedCanvas):
    """Of what is counted in one frame."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer, height=HEIGHT)
        self._counted: Counted | None = None
        self._redraw()

    def show_counted(self, counted: Counted | None) -> None:
        """Draw what is counted in a frame."""
        if counted is not self._counted:
            self._counted = counted
            self._redraw()


class PairChart(FrameChart):
    """g(r): how many others are at a distance, against as many thrown at random."""

    def paint(self) -> None:
        """Draw the curve over the line at 1, where nothing is ordered."""
        radial = None if self._counted is None else self._counted.radial
        if radial is None or radial.empty:
            _say(self, "two skyrmions or more have a g(r)" if self._counted is not None else "")
            return
        unit = "px" if radial.r_nm.isna().all() else "nm"
        self.axes.axhline(1, color=self.colours["secondary"], linewidth=1)
        self.axes.plot(radial[f"r_{unit}"], radial.g, color=TOP, linewidth=1.5)
        self.axes.set_ylim(bottom=0)
        self.axes.set_xlim(0, None)
        _name_axes(self, f"distance r ({unit})", "g(r)")


class DiameterChart(FrameChart):
    """How many skyrmions are how large."""

    def paint(self) -> None:
        """Draw the histogram, with a line at the mean."""
        if self._counted is None or self._counted.rows.empty:
            _say(self, "")
            return
        diameters, unit = diameters_of(self._counted.rows)
        self.axes.hist(diameters, bins=list(bins_of(diameters)), color=TOP, rwidth=0.92)
        self.axes.axvline(float(diameters.mean()), color=self.colours["text"], linewidth=1)
        self.axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        _name_axes(self, f"diameter ({unit})", "skyrmions")


class CountTrack(ThemedCanvas):
    """A quantity against the frame, a field or a temperature, with a line at the frame shown."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer, height=HEIGHT)
        self._told: dict[int, Mapping[str, Any]] = {}
        self._quantity, self._frame = next(iter(QUANTITIES)), 0
        self._series: Series | None = None
        self.marker: Any = None
        self._redraw()

    def show_counted(self, counted: Mapping[int, Counted], quantity: str, series: Series | None) -> None:
        """Draw a quantity of a stack, frame by frame, as far as it is known."""
        self._told = {frame: counted[frame].summary for frame in sorted(counted)}
        self._quantity, self._series = quantity, series
        self._redraw()

    def show_frame(self, frame: int) -> None:
        """Move the line; it hides where the frame is not segmented."""
        self._frame = frame
        if self.marker is not None:
            self.marker.set_visible(frame in self._told)
            self.marker.set_xdata([self._place(frame)] * 2)
            self.draw_idle()

    def paint(self) -> None:
        """Draw the frames in their order: a loop stays a loop."""
        told = [(self._place(frame), *QUANTITIES[self._quantity](summary)) for frame, summary in self._told.items()]
        x = [place for place, _, _ in told]
        y = [np.nan if value is None else value for _, _, value in told]
        self.axes.plot(x, y, "o-", color=TOP, markersize=4, linewidth=1.5)
        self.marker = self.axes.axvline(0, color=self.colours["text"], linewidth=1)
        self.show_frame(self._frame)
        _name_axes(self, quantity_label(self._series.name if self._series else "frame"), told[0][1] if told else "")
        self.axes.yaxis.set_major_locator(MaxNLocator(5))
        if x:
            margin = (max(x) - min(x)) / 20 or 0.5
            self.axes.set_xlim(min(x) - margin, max(x) + margin)
            self.axes.set_ylim(bottom=0)
        if self._series is None:
            self.axes.xaxis.set_major_locator(MaxNLocator(integer=True))

    def _place(self, frame: int) -> float:
        return float(frame) if self._series is None else self._series.values[frame]


def diameters_of(rows: pd.DataFrame) -> tuple[NDArray[np.float64], str]:
    """Return the diameters of discs of the same area, (n,), in nm where the pixel size is known, else in px.

    Those of skyrmions that are cut are left out where there are others: what is seen of one tells no size.
    """
    unit = "px" if rows.radius_nm.isna().all() else "nm"
    cut = rows.cut.to_numpy(bool)
    return 2 * rows.loc[~cut | cut.all(), f"radius_{unit}"].to_numpy(np.float64), unit


def bins_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the edges of a histogram: as the values' spread asks for, but not more than can be told apart."""
    edges = np.histogram_bin_edges(values, bins="auto" if np.ptp(values) > 0 else 1)
    return edges if len(edges) <= 41 else np.linspace(edges[0], edges[-1], 41)


def _diameter(told: Mapping[str, Any]) -> tuple[str, float | None]:
    unit = "px" if told["radius_nm"] is None else "nm"
    radius = told[f"radius_{unit}"]
    return f"mean diameter ({unit})", None if radius is None else 2 * radius


def _name_axes(canvas: ThemedCanvas, x: str, y: str) -> None:
    text = canvas.colours["text"]
    canvas.axes.set_xlabel(x, color=text, fontsize=FONT_SIZE)
    canvas.axes.set_ylabel(y, color=text, fontsize=FONT_SIZE)


def _say(canvas: ThemedCanvas, said: str) -> None:
    canvas.axes.set_xticks([])
    canvas.axes.set_yticks([])
    look: dict[str, Any] = {"ha": "center", "va": "center", "transform": canvas.axes.transAxes, "fontsize": FONT_SIZE}
    canvas.axes.text(0.5, 0.5, said, color=canvas.colours["text"], **look)
