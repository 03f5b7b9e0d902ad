"""Plots of states in napari's theme: nine probabilities, states against the frame, areas against the field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from napari.utils.theme import get_theme
from qtpy.QtWidgets import QSizePolicy

from napari_magtex.states.definitions import State

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from napari.viewer import Viewer

    from napari_magtex.results import StateFractions, Verdict

FONT_SIZE = 8.5  # points
TOP, IN_SET = "#3f9bff", "#2a5f99"  # readable on napari's dark and light backgrounds
STATE_COLOURS = {  # the "muted" scheme of Paul Tol, which the colour-blind can tell apart
    State.AFM: "#332288",
    State.AFM_IN_PLANE_SKYRMIONS: "#aa4499",
    State.AFM_SKYRMIONS: "#882255",
    State.AFM_STRIPES: "#117733",
    State.FM: "#44aa99",
    State.FM_IN_PLANE_SKYRMIONS: "#ddcc77",
    State.FM_SKYRMIONS: "#cc6677",
    State.FM_STRIPES: "#88ccee",
    State.NEEL_120: "#999933",
}
DECLINED_COLOUR, NO_CONTRAST_COLOUR = "#606060", "#bbbbbb"


class ThemedCanvas(FigureCanvasQTAgg):
    """A matplotlib canvas of one axes that wears napari's theme and follows it."""

    def __init__(self, viewer: Viewer, height: int) -> None:
        super().__init__(Figure(layout="constrained"))
        self._viewer = viewer
        self.axes: Axes = self.figure.add_subplot()
        self.setMinimumSize(330, height)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        viewer.events.theme.connect(self._redraw)

    def paint(self) -> None:
        """Draw the content on cleared axes; subclasses know what."""

    def dress(self, *, columns: int = 1) -> None:
        """Bring labels and legend to the theme, the legend above the axes, of so many columns; 0: without one."""
        text = self.colours["text"]
        for axis in (self.axes.xaxis, self.axes.yaxis):
            axis.label.set_color(text)
            axis.label.set_fontsize(FONT_SIZE)
        look = {"frameon": False, "labelcolor": text, "fontsize": FONT_SIZE}
        if columns:
            self.axes.legend(loc="lower center", bbox_to_anchor=(0.45, 1), ncols=columns, **look)

    @property
    def colours(self) -> dict[str, str]:
        """Colours of the theme by their role."""
        theme = get_theme(self._viewer.theme)
        return {role: getattr(theme, role).as_hex() for role in ("background", "foreground", "text", "secondary")}

    def _redraw(self, _event: Any = None) -> None:
        colours = self.colours
        self.axes.clear()
        self.figure.set_facecolor(colours["background"])
        self.axes.set_facecolor(colours["background"])
        self.axes.tick_params(colors=colours["text"], labelsize=FONT_SIZE, length=0)
        for spine in self.axes.spines.values():
            spine.set_visible(False)
        self.paint()
        self.draw_idle()


class VerdictChart(ThemedCanvas):
    """Nine bars; the state named stands out, those of its 90 % set are tinted, hidden ones say so."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer, height=230)
        self.setMaximumHeight(280)
        self._verdict: Verdict | None = None
        self._redraw()

    def show_verdict(self, verdict: Verdict | None) -> None:
        """Draw a verdict, or empty bars."""
        if verdict is not self._verdict:
            self._verdict = verdict
            self._redraw()

    def paint(self) -> None:
        """Draw the bars."""
        colours, verdict = self.colours, self._verdict
        probabilities = verdict.probabilities if verdict else {}
        places = np.arange(len(State))
        values = [probabilities.get(state, 0.0) for state in State]
        fills = [self._fill(state) for state in State]
        self.axes.barh(places, np.ones(len(State)), color=colours["foreground"], height=0.72)
        self.axes.barh(places, values, color=fills, height=0.72)
        for place, state, value in zip(places, State, values, strict=True):
            hidden = verdict is not None and state in verdict.hidden
            said = "not visible here" if hidden else f"{100 * value:.0f} %" if verdict else ""
            self.axes.text(
                1.02 if not hidden else 0.03,
                float(place),
                said,
                va="center",
                fontsize=FONT_SIZE,
                style="italic" if hidden else "normal",
                weight="bold" if verdict is not None and state == verdict.state else "normal",
                color=colours["text"],
                alpha=0.6 if hidden else 1.0,
            )
        self.axes.set_yticks(places, [state.caption for state in State])
        for label, state in zip(self.axes.get_yticklabels(), State, strict=True):
            label.set_fontweight("bold" if verdict is not None and state == verdict.state else "normal")
        self.axes.set_xticks([])
        self.axes.set_xlim(0, 1.2)
        self.axes.set_ylim(len(State) - 0.5, -0.5)

    def _fill(self, state: State) -> str:
        if self._verdict is not None and state == self._verdict.state:
            return TOP
        return IN_SET if self._verdict is not None and state in self._verdict.set else self.colours["secondary"]


class StateTrack(ThemedCanvas):
    """The state named against the frame, opaque where it is sure, with a line at the frame shown."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer, height=170)
        self.setMaximumHeight(220)
        self._verdicts: Sequence[Verdict] = ()
        self._frame = 0
        self.marker: Any = None
        self._redraw()

    def show_verdicts(self, verdicts: Sequence[Verdict]) -> None:
        """Draw the verdicts of a stack, as far as they are known."""
        self._verdicts = tuple(verdicts)
        self._redraw()

    def show_frame(self, frame: int) -> None:
        """Move the line."""
        self._frame = frame
        if self.marker is not None:
            self.marker.set_xdata([frame, frame])
            self.draw_idle()

    def paint(self) -> None:
        """Draw the track."""
        named = [state for state in State if any(verdict.state == state for verdict in self._verdicts)]
        frames = [verdict.provenance.frame for verdict in self._verdicts]
        heights = [named.index(State(verdict.state)) for verdict in self._verdicts]
        colours = [to_rgba(TOP, 0.2 + 0.8 * verdict.probability) for verdict in self._verdicts]
        self.axes.scatter(frames, heights, s=18, c=colours, linewidths=0)
        self.marker = self.axes.axvline(self._frame, color=self.colours["text"], linewidth=1)
        self.axes.set_yticks(range(len(named)), [state.caption for state in named])
        self.axes.set_ylim(max(len(named), 1) - 0.5, -0.5)
        self.axes.set_xlim(-0.5, max([*frames, self._frame, 1]) + 0.5)
        self.axes.set_xlabel("frame", color=self.colours["text"], fontsize=FONT_SIZE)
        self.axes.xaxis.set_major_locator(MaxNLocator(integer=True))


class FractionTrack(ThemedCanvas):
    """Area fractions of the states against the field, the temperature or the frame, with a line at the frame shown."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer, height=230)
        self.setMaximumHeight(300)
        self._results: Sequence[StateFractions] = ()
        self._frame = 0
        self.marker: Any = None
        self._redraw()

    def show_results(self, results: Sequence[StateFractions]) -> None:
        """Draw the fractions of a stack, as far as they are known."""
        self._results = tuple(results)
        self._redraw()

    def show_frame(self, frame: int) -> None:
        """Move the line; it hides where the frame is not mapped."""
        self._frame = frame
        places = [x for x, result in zip(*self._points(), strict=True) if result.provenance.frame == frame]
        self.marker.set_visible(bool(places))
        self.marker.set_xdata(2 * places[:1])
        self.draw_idle()

    def paint(self) -> None:
        """Draw a line for each state that occurs, in the order of the frames: a loop stays a loop."""
        text = self.colours["text"]
        x, results = self._points()
        for caption, colour, values in area_rows(results):
            self.axes.plot(x, [100 * v for v in values], "o-", color=colour, label=caption, markersize=4, linewidth=1.5)
        self.marker = self.axes.axvline(0, color=text, linewidth=1)
        self.show_frame(self._frame)
        name = next((name for result in results for name in result.at), "frame")
        self.axes.set_xlabel(quantity_label(name), color=text, fontsize=FONT_SIZE)
        self.axes.set_ylabel("area (%)", color=text, fontsize=FONT_SIZE)
        self.axes.set_ylim(-3, 103)
        if len(x):
            margin = (max(x) - min(x)) / 20 or 0.5
            self.axes.set_xlim(min(x) - margin, max(x) + margin)
            look = {"frameon": False, "labelcolor": text, "fontsize": FONT_SIZE}
            self.axes.legend(loc="lower center", bbox_to_anchor=(0.45, 1), ncols=2, **look)
        if name == "frame":
            self.axes.xaxis.set_major_locator(MaxNLocator(integer=True))

    def _points(self) -> tuple[list[float], list[StateFractions]]:
        """Where each result stands; those without a value where others have one are left out."""
        name = next((name for result in self._results for name in result.at), None)
        if name is None:
            return [float(result.provenance.frame) for result in self._results], list(self._results)
        known = [result for result in self._results if name in result.at]
        return [result.at[name] for result in known], known


def area_rows(results: Sequence[StateFractions]) -> list[tuple[str, str, list[float]]]:
    """Return caption, colour and fraction by result of all that occurs, in the order of the labels."""
    rows = [(s.caption, STATE_COLOURS[s], [result.fractions[s] for result in results]) for s in State]
    rows += [
        ("Declined", DECLINED_COLOUR, [result.declined for result in results]),
        ("No contrast", NO_CONTRAST_COLOUR, [result.no_contrast for result in results]),
    ]
    return [row for row in rows if any(row[2])]


def quantity_label(name: str) -> str:
    """Say ``field_mT`` as an axis does: field (mT)."""
    quantity, _, unit = name.rpartition("_")
    return f"{quantity.replace('_', ' ')} ({unit})" if quantity else name
