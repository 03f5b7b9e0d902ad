"""The dock Segment skyrmions: found one by one in a frame or a stack, measured, corrected by hand, counted again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QDoubleSpinBox, QSpinBox

from napari_magtex.errors import MagtexError, UnusablePicture
from napari_magtex.segment.kinds import Polarity
from napari_magtex.widgets.choices import DEVICES, Choice
from napari_magtex.widgets.clicks import Clicks
from napari_magtex.widgets.dock import Dock, button_row
from napari_magtex.widgets.layers import centre_on, pixel_at
from napari_magtex.widgets.networks import NetworkChoice
from napari_magtex.widgets.pictures import shown_frame
from napari_magtex.widgets.segment_answer import SkyrmionAnswer
from napari_magtex.widgets.segment_layers import Overlay
from napari_magtex.widgets.segmenting import Found, Job, Recounted, looked_at, recounting, segmenting, writing
from napari_magtex.widgets.worker import Runner, is_open, tell

if TYPE_CHECKING:
    import pandas as pd
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_magtex.segment.counted import Counted

NO_NETWORK = "Threshold, no network"
POLARITIES = {"Auto": Polarity.AUTO, "Dark": Polarity.DARK, "Bright": Polarity.BRIGHT}
MOMENT = 120  # ms after the last stroke before the skyrmions are counted again
AT_ONCE = 16  # frames that are copied to be counted again


class SegmentDock(Dock):
    """Finds skyrmions, and keeps table, summary and charts true to what a person draws in their labels.

    Parameters
    ----------
    napari_viewer
        The viewer whose layers it segments.
    model
        Name or path of the network's weights; where they are not there, a threshold does the work.
    """

    def __init__(self, napari_viewer: Viewer, model: str | Path = "skyrmions") -> None:
        super().__init__(napari_viewer, "Segment skyrmions")
        self.overlay: Overlay | None = None
        self.counted: dict[int, list[Counted]] = {}  # of each frame, its regions in turn
        self._ask(NetworkChoice(model, "segmenter", none=NO_NETWORK))
        tools = button_row({"Draw new": self.draw_new, "Erase": self.erase, "Remove": self.remove})
        tools.setToolTip("Correct by hand, also with napari's own tools: table, summary and charts follow")
        self.region, self.answer = Choice(), SkyrmionAnswer(self.viewer, tools)
        self.form.setMinimumWidth(self.answer.minimumSizeHint().width())  # the answer is hidden until there is one
        self.view = self.answer.view
        for widget in (self.region, self.answer, self.save_row("csv", "json", "tif")):
            self.column.addWidget(widget)
        self.column.addStretch()
        self.region.currentIndexChanged.connect(self._show)
        self.view.picked.connect(self._on_row)
        self.viewer.dims.events.point.connect(self._on_slider)
        self._clicks = Clicks(self.viewer, self._on_click)

        self._edited: set[int] = set()  # frames that may have been drawn in
        self._pending: set[int] = set()  # those of them that were not looked at since
        self._checked_at = self._shown = -1
        self._stroke = QTimer(self)
        self._stroke.setSingleShot(True)
        self._stroke.setInterval(MOMENT)
        self._stroke.timeout.connect(self.recount)
        self.recounter = Runner("", lambda: iter(()), self._take_recounted, self.viewer)
        self.recounter.setParent(self)
        self.recounter.hide()
        self.recounter.ended.connect(self.recount)
        self._show()

    def _ask(self, network: NetworkChoice) -> None:
        self.network, self.device = network, Choice(DEVICES)
        self.polarity, self.threshold, self.min_area = Choice(POLARITIES), QDoubleSpinBox(), QSpinBox()
        self.threshold.setRange(0.05, 0.95)
        self.threshold.setSingleStep(0.05)
        self.threshold.setValue(0.5)
        self.threshold.setToolTip("How likely a pixel must be one of a skyrmion's; without a network how far from the "
                                  "film's grey it must be. Lower finds more")  # fmt: skip
        self.min_area.setRange(1, 1_000_000)
        self.min_area.setValue(6)
        self.min_area.setSuffix(" px")
        self.polarity.setToolTip("How skyrmions look beside the film")
        self.form.rows.setRowVisible(self.form.contrast, False)
        for caption, field in (
            ("Polarity", self.polarity),
            ("Threshold", self.threshold),
            ("Least area", self.min_area),
            ("Network", self.network),
            ("Device", self.device),
        ):
            self.form.rows.insertRow(self.form.rows.rowCount() - 1, caption, field)

    # ---- segmenting

    def prepare(self) -> Iterator[Any]:
        """Read the form; skyrmions follow frame by frame, those of the frame shown first."""
        image, shown = self.form.image, self.form.shown
        frames = sorted(self.form.chosen_frames(), key=lambda frame: frame != shown)
        seen, _ = looked_at(image, shown)
        settings = {name: getattr(self, name).value() for name in ("threshold", "min_area")}
        settings["polarity"] = self.polarity.value
        load = self.network.loader(self.device.value)
        return segmenting(Job(image, frames, self.form.regions(seen), settings, load))

    def take(self, answer: Any) -> None:
        """Show what was found in a frame, as soon as it is known."""
        if not isinstance(answer, Found):
            return
        if self.overlay is None or self.overlay.job is not answer.job:
            self.overlay = self._begun(answer.job)
        self.overlay.put(answer, shown=answer.frame == self.frame)
        self._keep(answer.frame, answer.found.counted)

    def _begun(self, job: Job) -> Overlay:
        """Let what was found before give way, now that there is something: a job may end before its first frame."""
        self.overlay = None
        for known in (self.counted, self._edited, self._pending):
            known.clear()
        self.region.offer({f"Region {n} of {len(job.regions)}": n - 1 for n in range(1, len(job.regions) + 1)})
        self.answer.of_stack(job.image, len(job.frames) > 1)
        for event in (job.image.events.scale, job.image.events.units):
            event.connect(self._on_calibrated)
        self._show()
        return Overlay(job, partial(self.add_layer, of=job.image), self.viewer.layers, self._on_edit)

    def results(self) -> list[Counted]:
        """Return what is counted, frame by frame and region by region."""
        if not self.counted:
            raise UnusablePicture("nothing is segmented yet: press Segment skyrmions first")
        return [one for frame in sorted(self.counted) for one in self.counted[frame]]

    def save(self, path: str | Path) -> None:
        """Write rows as CSV, what all skyrmions of a frame have together as JSON, or their labels as TIFF."""
        from napari_magtex.segment.measure import COLUMNS
        from napari_magtex.segment.saving import writing_rows

        path, results = Path(path), self.results()
        if self.counting:
            raise MagtexError("what you have drawn is still being counted: save again in a moment")
        if path.suffix.lower() == ".json":
            super().save(path)
            return
        if self.runner.running:
            raise MagtexError("frames are still segmented: wait for the last one, or press Cancel, and save then")
        assert self.overlay is not None
        is_image = path.suffix.lower() in (".tif", ".tiff")
        rows = [one.rows for one in results]
        self.runner.run(
            writing(self.overlay.pages(), path) if is_image else writing_rows(rows, COLUMNS, path), lambda _path: None
        )

    # ---- what a person draws

    def draw_new(self, _checked: bool = False) -> None:
        """Take the brush, as wide as a skyrmion, with a number of its own; parts that do not touch count apart."""
        if (overlay := self._in_hand()) is not None:
            try:
                overlay.labels.selected_label = overlay.free(self.frame)
            except MagtexError as error:
                tell(error)
                return
            rows = self._rows()
            if rows is not None and len(rows):
                overlay.labels.brush_size = max(1, round(2 * float(rows.radius_px.median())))
            overlay.labels.mode = "paint"

    def erase(self, _checked: bool = False) -> None:
        """Take the eraser."""
        if (overlay := self._in_hand()) is not None:
            overlay.labels.mode = "erase"

    def remove(self, _checked: bool = False) -> None:
        """Take the chosen skyrmion out."""
        if (overlay := self._in_hand()) is not None:
            if self.view.chosen is None:
                tell(UnusablePicture("no skyrmion is chosen: click it, or its row, and remove it then"))
            else:
                overlay.clear(self.frame, self.view.chosen)

    def _in_hand(self) -> Overlay | None:
        """Return the layers, their labels active and drawn in frame by frame; or tell that they are not there."""
        overlay = self.overlay
        if overlay is None or overlay.labels not in self.viewer.layers:
            tell(UnusablePicture("the layer of skyrmions was deleted: press Segment skyrmions again"))
            return None
        self.viewer.layers.selection.active = overlay.labels
        overlay.labels.n_edit_dimensions = 2
        return overlay

    def _on_edit(self, event: Event) -> None:
        if event.type == "paint":
            self._pending |= set(self.counted) if event.source.n_edit_dimensions > 2 else {self.frame}
            self._edited |= self._pending
        self._stroke.start()

    def _on_calibrated(self, event: Event) -> None:
        """Measure all frames by the same pixels, in those that follow and those that are known."""
        if self.overlay is not None and event.source is self.overlay.job.image:
            self._pending |= set(self.counted)
            self._stroke.start()

    @property
    def counting(self) -> bool:
        """Whether something that was drawn is still to be counted."""
        return bool(self._pending) or self._stroke.isActive() or self.recounter.running

    def recount(self) -> None:
        """Count frames again that have changed: the one shown, those drawn in, after an undo others, calibrated all."""
        if self.overlay is None or self.recounter.running or not is_open(self.viewer):
            return
        others = self._pending or (self._edited if self._checked_at == self.frame else set())
        self._checked_at = self.frame
        frames = [self.frame, *sorted(others - {self.frame})]
        self._pending = set(frames[AT_ONCE:])
        if drawn := self.overlay.drawn(frames[:AT_ONCE], self.counted):
            self.recounter.run(recounting(drawn))
        elif self._pending:
            self._stroke.start()

    def _take_recounted(self, answer: Recounted) -> None:
        if self.overlay is not None and answer.drawn.job is self.overlay.job:
            self.overlay.note(answer)
            self._keep(answer.drawn.frame, answer.counted)

    # ---- showing

    @property
    def frame(self) -> int:
        """The number of the frame shown, in the layer that is segmented."""
        return 0 if self.overlay is None else shown_frame(self.overlay.job.image, self.viewer.dims)

    def _rows(self) -> pd.DataFrame | None:
        """Return the rows of the frame shown, of all its regions."""
        import pandas as pd

        known = self.counted.get(self.frame)
        return None if known is None else pd.concat([one.rows for one in known]) if len(known) > 1 else known[0].rows

    def _keep(self, frame: int, counted: list[Counted]) -> None:
        self.counted[frame] = counted
        if frame == self.frame:
            self._show()
        else:
            self._show_answer()

    def _show(self, _event: Any = None) -> None:
        """Show what is known of the frame shown."""
        self.region.setVisible(self.region.count() > 1)
        self._show_answer()
        if self.overlay is not None:
            self.overlay.show_order(self._rows(), self.frame)
            self._mark()

    def _show_answer(self) -> None:
        region = self.region.value or 0
        self.answer.show_frame({frame: counted[region] for frame, counted in self.counted.items()}, self.frame)

    def _on_slider(self, _event: Any = None) -> None:
        if self.overlay is not None and self.frame != self._shown:
            self._shown = self.frame
            self.view.choose(None)
            self._show()

    def _on_row(self, row: int) -> None:
        """Bring the skyrmion of a row to the middle of the canvas."""
        assert self.overlay is not None
        centre_on(self.viewer, self.overlay.labels, (*self.overlay.index(self.frame), *self.view.table.centre(row)))
        self._mark()

    def _on_click(self, position: Sequence[float]) -> None:
        """Choose the row of the skyrmion that is clicked."""
        overlay = self.overlay
        if overlay is None or overlay.labels not in self.viewer.layers or not overlay.labels.visible:
            return
        pixel = pixel_at(position, overlay.labels, self.viewer.dims.units)
        if pixel is None or self.viewer.dims.ndisplay != 2 or pixel[:-2] != overlay.index(self.frame):
            return
        label = int(overlay.numbered(self.frame)[pixel[-2:]])
        if label:
            held = [label in one.rows.label.to_numpy() for one in self.counted.get(self.frame, [])]
            if any(held) and not held[self.region.value or 0]:
                self.region.value = held.index(True)
            self.view.choose(label)
            self._mark()

    def _mark(self) -> None:
        """Let the chosen skyrmion stand out, and the tools go on with its label."""
        rows, chosen = self._rows(), self.view.chosen
        if self.overlay is not None and rows is not None:
            self.overlay.mark(rows, chosen)
            if chosen is not None:
                self.overlay.select(self.frame, chosen)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Listen to clicks no more when napari takes the widget out of its closed dock."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._clicks.end()
        super().changeEvent(event)
