"""The dock Track skyrmions: a stack of labels as tracks, how skyrmions diffuse and drift, and plots of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Shapes
from napari.layers import Tracks as TracksLayer
from numpy.typing import NDArray
from qtpy.QtWidgets import QCheckBox, QFileDialog, QFormLayout, QSpinBox, QWidget

from napari_magtex.compute import Progress, passed_on
from napari_magtex.errors import MagtexError, Unsuitable, UnusablePicture
from napari_magtex.files import with_ending
from napari_magtex.picture import Contrast
from napari_magtex.results import Provenance
from napari_magtex.segment.motion import MSD_COLUMNS, Motion, MotionSettings, motion_of
from napari_magtex.segment.positions import positions_in
from napari_magtex.segment.saving import writing_rows
from napari_magtex.segment.tracks import TRACK_COLUMNS, Tracks, TrackSettings, follow
from napari_magtex.widgets.choices import Choice, LabelsChoice, LayerChoice
from napari_magtex.widgets.dock import Dock, button_row, wrapped_label
from napari_magtex.widgets.editors import Numbers
from napari_magtex.widgets.layers import in_layer, is_mirrored, pixel_size_of, placed_on
from napari_magtex.widgets.segment_layers import RIM_KEY, said_of
from napari_magtex.widgets.track_charts import COLOUR_MAP, SERIES, History, HistoryChart, SpreadingChart, history_of
from napari_magtex.widgets.track_layers import drive_of, interval_of, shown_rows, stack_of
from napari_magtex.widgets.worker import tell

if TYPE_CHECKING:
    from napari.viewer import Viewer

TRACK, SPEED = "track_id", "speed"
COLOURS = {"Track": TRACK, "Speed": SPEED}
TABLES = {"Save tracks": "tracks.csv", "Save MSD": "msd.csv"}


@dataclass(frozen=True, eq=False)
class Answer:
    """What came out of a stack of labels."""

    labels: Labels
    tracks: Tracks
    motion: Motion
    history: History


class TracksDock(Dock):
    """Follows the skyrmions of a stack of labels, and tells how they move.

    Parameters
    ----------
    napari_viewer
        The viewer whose layers it follows.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer, "Track skyrmions")
        self.answer: Answer | None = None
        self.layer: TracksLayer | None = None
        self._told_interval, self._snapshots = "", False  # by the layer chosen
        self.labels = LabelsChoice(self.viewer)
        self.interval, self.radius = Numbers("s"), Numbers("px")
        self.memory, self.exposure = QSpinBox(), QSpinBox()
        self.subtract = QCheckBox("Take the mean motion for the stage's drift")
        self.drive = LayerChoice(self.viewer, Shapes, none="None drawn")
        self.colour = Choice(COLOURS)
        self.ask(self._question())

        self.figures, self.remark = wrapped_label(), wrapped_label()
        self.spreading, self.history = SpreadingChart(self.viewer), HistoryChart(self.viewer)
        self.series = Choice(SERIES)
        self.saving, self.tables = self.save_row("csv", "json"), button_row(
            {caption: partial(self._ask_for_table, name) for caption, name in TABLES.items()}
        )  # fmt: skip
        for widget in (self.figures, self.spreading, self.series, self.history, self.remark, self.saving, self.tables):
            self.column.addWidget(widget)
        self.column.addStretch()
        self.labels.currentIndexChanged.connect(self._on_labels)
        self.series.currentIndexChanged.connect(self._show_history)
        self.colour.currentIndexChanged.connect(self._on_colour)
        self.viewer.dims.events.point.connect(self._on_slider)
        self._on_labels()
        self._show()

    def _question(self) -> QWidget:
        question = QWidget()
        rows = QFormLayout(question)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.labels.setToolTip("A stack of label images, frame by frame; their numbers need not agree between frames")
        self.interval.lines[0].setPlaceholderText("unknown: told per frame")
        self.radius.lines[0].setPlaceholderText("auto")
        self.radius.setToolTip("The longest step between frames; auto: half the usual way to the nearest neighbour")
        self.memory.setRange(0, 1000)
        self.memory.setValue(TrackSettings.memory)
        self.memory.setToolTip("For so many frames a skyrmion may be missed and is still the same afterwards")
        self.exposure.setRange(0, 100)
        self.exposure.setValue(round(100 * MotionSettings.exposure))
        self.exposure.setSuffix(" % of the interval")
        self.exposure.setToolTip("How long the shutter is open; 0 for snapshots. The localisation error hangs on it")
        self.drive.setToolTip("A line from its first to its last point, in the direction of the current or force")
        for caption, field in (
            ("Labels", self.labels),
            ("Interval", self.interval),
            ("Search radius", self.radius),
            ("Frames missed", self.memory),
            ("Exposure", self.exposure),
            ("Stage", self.subtract),
            ("Drive", self.drive),
            ("Colour by", self.colour),
        ):
            rows.addRow(caption, field)
        return question

    def _on_labels(self, _index: int = 0) -> None:
        """Take over what the layer knows of the time between frames and of the shutter; else what is typed stays."""
        line, labels = self.interval.lines[0], self.labels.value
        interval = interval_of(labels) if labels is not None else None
        if interval is not None:
            self.interval.value = interval
        elif line.text() == self._told_interval:
            line.clear()
        self._told_interval = line.text() if interval is not None else ""
        snapshots = labels is not None and said_of(labels).get("contrast") == Contrast.SPIN
        if snapshots is not self._snapshots:
            self._snapshots = snapshots
            self.exposure.setValue(0 if snapshots else round(100 * MotionSettings.exposure))

    # ---- computing

    def prepare(self) -> Iterator[Any]:
        """Read the form; tracks and motion follow."""
        labels = self.labels.value
        if labels is None:
            raise UnusablePicture("no labels layer is open: segment a stack first, or draw labels in it")
        stack = stack_of(labels)
        radius, interval = (
            _typed(field, name) for field, name in ((self.radius, "search radius"), (self.interval, "interval"))
        )
        following = TrackSettings(radius, self.memory.value(), interval)
        drive = None
        if self.drive.value is not None:
            drive = drive_of(self.drive.value, labels, self.viewer.dims.units)
        moving = MotionSettings(self.exposure.value() / 100, drive, self.subtract.isChecked())
        return _followed(labels, stack, following, moving)

    def take(self, answer: Answer) -> None:
        """Show tracks and motion."""
        self.answer = answer
        self.layer = self._add_tracks(answer)
        self._show()

    def results(self) -> list[Motion]:
        """Return the motion."""
        return [self._told().motion]

    def _told(self) -> Answer:
        if self.answer is None:
            raise UnusablePicture("nothing is tracked yet: press Track skyrmions first")
        return self.answer

    def save_table(self, name: str, path: str | Path) -> None:
        """Write the tracks, or the mean squared displacements, as CSV."""
        told = self._told()
        if self.runner.running:
            raise MagtexError("skyrmions are still followed: wait, or press Cancel, and save then")
        tracks = name == TABLES["Save tracks"]
        table, columns = (told.tracks.rows(), TRACK_COLUMNS) if tracks else (told.motion.msd_rows(), MSD_COLUMNS)
        self.runner.run(writing_rows([table], columns, Path(path)), lambda _path: None)

    def _ask_for_table(self, name: str, _checked: bool = False) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save CSV", name, "*.csv")
        if path:
            try:
                self.save_table(name, with_ending(path, "csv"))
            except MagtexError as error:
                tell(error)

    # ---- showing

    def _add_tracks(self, answer: Answer) -> TracksLayer | None:
        """Lay the tracks over their labels, unless every skyrmion is seen once."""
        name = f"tracks: {answer.labels.name}"
        rows, speed = shown_rows(answer.tracks)
        if not len(rows):
            self.drop_layer(name)
            return None
        layer = TracksLayer(
            rows,
            name=name,
            features={SPEED: speed},
            color_by=self.colour.value,
            colormap=COLOUR_MAP,
            blending="translucent",  # what is added to a bright frame is white
            tail_length=answer.tracks.frames,
            **placed_on(answer.labels),
        )
        return self.add_layer(layer, answer.labels)

    def _on_colour(self, _index: int = 0) -> None:
        if self.layer is not None:
            self.layer.color_by = self.colour.value

    def _show(self) -> None:
        answer = self.answer
        for widget in (self.figures, self.spreading, self.series, self.history, self.remark, self.saving, self.tables):
            widget.setVisible(answer is not None)
        if answer is None:
            return
        self.figures.setText(figures(answer.motion))
        self.remark.setText("<br>".join(f"{note[0].upper()}{note[1:]}." for note in answer.motion.notes))
        self.spreading.show_motion(answer.motion)
        self._show_history()

    def _show_history(self, _index: int = 0) -> None:
        if self.answer is not None:
            self.history.show_history(self.answer.history, self.answer.motion, self.series.value)
            self._on_slider()

    def _on_slider(self, _event: Any = None) -> None:
        if self.answer is not None:
            place = in_layer(self.viewer.dims.point, self.answer.labels, self.viewer.dims.units)[0]
            self.history.show_frame(int(np.clip(round(float(place)), 0, self.answer.tracks.frames - 1)))


def figures(motion: Motion) -> str:
    """Return a table in rich text of what was found."""
    length = (
        "" if motion.mean_length is None else f", {motion.mean_length:.3g} of {motion.frames} frames long on average"
    )
    radius = f"{motion.provenance.settings['radius_px']:.3g} px"
    rows = {
        "Tracks": f"{motion.tracks}{length} (search radius {radius})",
        "Diffusion constant": str(motion.D),
        "Localisation error": str(motion.sigma),
    }
    drive = motion.provenance.settings["drive_deg"]
    if motion.stage_drift[0].value is not None:
        rows["Stage drift"] = "; ".join(f"{axis} {v}" for axis, v in zip("xy", motion.stage_drift, strict=True))
    else:
        rows["Velocity"] = "; ".join(f"{axis} {v}" for axis, v in zip("xy", motion.velocity, strict=True))
        rows["Speed"] = str(motion.speed)
        rows["Direction"] = f"{motion.direction}" + " from x" * (motion.direction.value is not None)
    if drive is not None:
        rows["Hall angle"] = f"{motion.hall_angle}, drive at {drive:.3g}°"
    cells = "".join(f"<tr><td>{caption}</td><td>{text}</td></tr>" for caption, text in rows.items())
    return f"<table cellpadding='3'>{cells}</table>"


def _typed(field: Numbers, name: str) -> float | None:
    """Return what was typed into a field; None where nothing was."""
    value = field.value
    if isinstance(value, str):
        if value.strip():
            raise MagtexError(f"the {name} {value!r} is no number: type one, or leave it empty")
        return None
    return float(value)


def _followed(
    labels: Labels, stack: Sequence[NDArray[Any]], following: TrackSettings, moving: MotionSettings
) -> Iterator[Progress | Answer]:
    """Locate, follow and measure."""
    said = said_of(labels)
    named = said.get("contrast")
    contrast = Contrast(named) if named in set(Contrast) else Contrast.KERR
    file = said.get("file") or str(labels.source.path or labels.name)
    about = {key: value for key, value in said.items() if key not in ("file", "contrast")}
    provenance = Provenance(file, 0, contrast, None, "", "", about)
    frames, pixel, least = len(stack), pixel_size_of(labels), said.get("min_area", 1)
    rims = {
        index[0]: rim
        for index, rim in labels.metadata.get(RIM_KEY, {}).items()
        if (len(index), rim.shape) == (1, stack[0].shape)
    }
    positions = yield from passed_on(positions_in((np.asarray(frame) for frame in stack), frames, least, rims))
    linking = follow(
        positions, provenance, frames=frames, pixel_size=pixel, settings=following, mirrored=is_mirrored(labels)
    )
    tracks = yield from passed_on(linking)
    if not tracks.count:
        raise Unsuitable(
            f"none of the {frames} frames of {labels.name} shows a whole skyrmion: segment the stack first"
        )
    motion = yield from passed_on(motion_of(tracks, moving))
    yield Answer(labels, tracks, motion, history_of(tracks, motion))
