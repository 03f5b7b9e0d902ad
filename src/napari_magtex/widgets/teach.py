"""The dock Teach skyrmions: frames whose labels a person has corrected, and a network that has learned from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray
from qtpy.QtWidgets import QAbstractItemView, QDoubleSpinBox, QFileDialog, QFormLayout, QPushButton, QWidget

from napari_magtex.compute import Progress
from napari_magtex.errors import MagtexError, ModelUnavailable, Unsuitable, UnusablePicture
from napari_magtex.models.store import shipped
from napari_magtex.picture import Region
from napari_magtex.segment.corrections import Correction, Corrections, corrections_folder
from napari_magtex.segment.finetune_recipe import Recipe
from napari_magtex.segment.kinds import Kind
from napari_magtex.widgets.choices import DEVICES, RESULT_KEY, SOURCE_KEY, Choice, LabelsChoice
from napari_magtex.widgets.dock import button_row, wrapped_label
from napari_magtex.widgets.kept import heading, selected_rows
from napari_magtex.widgets.layers import Units, to_pixels
from napari_magtex.widgets.learning import LearningDock
from napari_magtex.widgets.networks import NetworkChoice
from napari_magtex.widgets.pictures import frame_count, frame_index, frame_shape
from napari_magtex.widgets.segment_layers import LABELS, REST, said_of
from napari_magtex.widgets.segmenting import looked_at, read
from napari_magtex.widgets.tables import EstimateTable, table_view
from napari_magtex.widgets.taught import outcome, row_of, summary
from napari_magtex.widgets.worker import tell

if TYPE_CHECKING:
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_magtex.segment.finetune import Adaptation
    from napari_magtex.segment.segmenter import Segmenter

NO_NETWORK = "None is here: open one"


class TeachDock(LearningDock["Adaptation"]):
    """Keeps corrected frames, and fine-tunes a network on them.

    Parameters
    ----------
    napari_viewer
        The viewer whose layers it keeps.
    model
        Name or path of the segmenter's weights.
    """

    ending, use = "taught", "where skyrmions are segmented"

    def __init__(self, napari_viewer: Viewer, model: str | Path = "skyrmions") -> None:
        super().__init__(napari_viewer, "Keep this frame as corrected")
        self.corrections = Corrections(corrections_folder())
        self.kept: list[Correction] = []
        self._image: Image | None = None
        self.labels = LabelsChoice(self.viewer)
        self.rest = LabelsChoice(self.viewer, none="None: not looked for")
        self.labels.setToolTip("The skyrmions of the frame, as you have corrected them")
        self.rest.setToolTip(f"The layer “{REST}…” of Segment skyrmions, or one in which you have painted dust")
        self.form.rows.insertRow(1, "Corrected labels", self.labels)
        self.form.rows.insertRow(2, "Dust, outside", self.rest)
        there = model in shipped() or Path(model).suffix
        self.network = NetworkChoice(model, "segmenter", none=None if there else NO_NETWORK)
        self.device, self.minutes = Choice(DEVICES), QDoubleSpinBox()

        self.table = EstimateTable()
        self.table_view = table_view(self.table)
        self.table_view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.summary, self.beforehand = wrapped_label(), wrapped_label()
        self.manage = button_row({"Remove": self._on_remove, "Other folder…": self._on_choose_folder})
        self.tune = QPushButton("Fine-tune on my corrections")
        for widget in (
            heading("Corrections kept"),
            self.summary,
            self.table_view,
            self.manage,
            heading("A network that learns from them"),
            self._asked_of_tuning(),
            self.beforehand,
            self.tune,
            self.outcome,
            self.save_network,
        ):
            self.column.addWidget(widget)
        self.column.addStretch()

        self.form.layer.currentIndexChanged.connect(self._on_layer)
        self.viewer.layers.events.inserted.connect(self._on_inserted)
        self.minutes.valueChanged.connect(lambda _minutes: self._show())
        self.tune.clicked.connect(self._on_tune)
        self.runner.ended.connect(self._show)
        self._on_layer()
        self._show()

    def _asked_of_tuning(self) -> QWidget:
        self.minutes.setRange(0.1, 60)
        self.minutes.setValue(Recipe().minutes)
        self.minutes.setSuffix(" min")
        asked = QWidget()
        rows = QFormLayout(asked)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for caption, field in (("Network", self.network), ("Device", self.device), ("At most", self.minutes)):
            rows.addRow(caption, field)
        return asked

    # ---- corrections

    def prepare(self) -> Iterator[Any]:
        """Read the form; what the frame shown shows is kept, of each region alone."""
        image, frame, marked = self.form.image, self.form.shown, self.labels.value
        if marked is None:
            raise UnusablePicture(
                "no labels are open: press Segment skyrmions first, or paint the skyrmions in a new Labels layer"
            )
        for layer in (marked, self.rest.value):
            if layer is not None and layer.metadata.get(SOURCE_KEY, image.unique_id) != image.unique_id:
                raise Unsuitable(
                    f"{layer.name} was found in another layer than {image.name}: choose what lies on that, or "
                    "press Segment skyrmions first"
                )
        seen, index = looked_at(image, frame)
        labels, rest = (
            None if layer is None else labels_over(layer, seen, index, self.viewer.dims.units)
            for layer in (marked, self.rest.value)
        )
        assert labels is not None
        marks: tuple[Kind, ...] = (Kind.DEFECT, Kind.OUTSIDE)
        if rest is not None and not self.rest.value.metadata.get(RESULT_KEY, "").startswith(REST):
            rest, marks = np.where(rest > 0, Kind.DEFECT, Kind.FILM), (Kind.DEFECT,)
        regions = self.form.regions(seen)
        self._set_busy(True)
        said = said_of(marked)
        how = {"rest": rest, "marks": marks, "model": said.get("segmented_by", marked.name)}
        if "min_area" in said:  # what counts is what counted where it was segmented
            how["min_area"] = said["min_area"]
        return _keeping(self.corrections, image, frame, regions, labels, how)

    def take(self, answer: Any) -> None:
        """Show what has been kept."""
        self._show()

    def choose_folder(self, folder: Path) -> None:
        """Keep corrections elsewhere."""
        self.corrections = Corrections(folder)
        self._show()

    def _on_layer(self, _index: int = 0) -> None:
        for row in (self.form.contrast, self.form.frames):  # what is kept is the frame shown
            self.form.rows.setRowVisible(row, False)
        image = self.form.layer.value
        if image is not self._image:  # the dust of another frame is none of this one
            self._image, self.rest.value = image, None
        for layer in self.viewer.layers:
            self._match(layer)

    def _on_inserted(self, event: Event) -> None:
        self._match(event.value)

    def _match(self, layer: Layer) -> None:
        """Choose a layer that was found in the image; of several the last that came."""
        image = self.form.layer.value
        if image is None or not isinstance(layer, Labels) or layer.metadata.get(SOURCE_KEY) != image.unique_id:
            return
        for choice, prefix in ((self.labels, LABELS), (self.rest, REST)):
            if layer.metadata[RESULT_KEY].startswith(prefix):
                choice.value = layer

    def _on_remove(self) -> None:
        try:
            self.corrections.remove([self.kept[row] for row in selected_rows(self.table_view)])
        except MagtexError as error:
            tell(error)
        self._show()

    def _on_choose_folder(self) -> None:
        if folder := QFileDialog.getExistingDirectory(self, "Keep corrections in", str(self.corrections.folder)):
            self.choose_folder(Path(folder))

    # ---- fine-tuning

    def _on_tune(self) -> None:
        if self.network.value is None:
            tell(ModelUnavailable("there is no network to start from: choose one, or open one from a file"))
        elif not self.runner.running:
            self._set_busy(True)
            load = self.network.loader(self.device.value)
            self.runner.run(_tuning(self.corrections, load, Recipe(minutes=self.minutes.value())), self._on_learned)

    def outcome_of(self, adaptation: Adaptation) -> str:
        """Say in rich text how a fine-tuned network does."""
        return outcome(adaptation)

    # ---- showing

    def _set_busy(self, busy: bool) -> None:
        for widget in (self.manage, self.tune, self.save_network):
            widget.setEnabled(not busy)

    def _show(self) -> None:
        """Bring table and buttons to what is known."""
        try:
            kept = self.corrections.read()
            self.summary.setText(summary(kept, self.corrections.folder))
        except MagtexError as error:
            kept = []
            self.summary.setText(str(error))
        if kept != self.kept:  # rows that stay keep their selection
            self.kept = kept
            self.table.show_rows([row_of(correction) for correction in kept])
        self.beforehand.setText(
            f"The last layers learn for at most {self.minutes.value():g} minutes, also without a graphics card; to "
            "judge them takes some seconds a frame. The network chosen stays as it is."
        )
        self.table_view.setVisible(bool(self.kept))
        self.outcome.setVisible(self.adaptation is not None)
        self.save_network.setVisible(self.adaptation is not None)
        self._set_busy(self.runner.running)


def labels_over(labels: Labels, seen: Image, frame: int, world_units: Units | None) -> NDArray[np.integer]:
    """Return the labels (ny, nx) that lie over a frame of an image, pixel on pixel.

    Raises
    ------
    Unsuitable
        The layer has pixels of another size or number, or lies elsewhere.
    """
    ny, nx = frame_shape(seen)
    lead = frame_index(seen, frame)
    corners = np.array([[*lead, 0, 0], [*lead, ny - 1, nx - 1]], np.float64)
    first, last = np.round(to_pixels(corners, seen, labels, world_units)).astype(int)
    data = labels.data[0] if labels.multiscale else labels.data
    inside = all(0 <= place < count for place, count in zip(first[:-2], data.shape[:-2], strict=True))
    if data.shape[-2:] != (ny, nx) or first[-2:].any() or tuple(last[-2:]) != (ny - 1, nx - 1) or not inside:
        of = f", frame {frame}" if frame_count(seen) > 1 else ""
        raise Unsuitable(
            f"the labels {labels.name} do not lie on the {nx} x {ny} pixels of {seen.name}{of}: choose those that "
            "Segment skyrmions laid over it, or a layer of the same shape at the same place"
        )
    return np.array(data[tuple(first[:-2])])


def _keeping(
    corrections: Corrections,
    image: Image,
    frame: int,
    regions: Sequence[Region | None],
    labels: NDArray[np.integer],
    how: Mapping[str, Any],
) -> Iterator[Progress | Correction]:
    """Keep a frame, off the GUI thread: frames can be large, and folders far away."""
    yield Progress(0, 0, "keeping")
    picture, _ = read(image, frame)
    for region in regions:
        yield corrections.keep(picture, labels, region=region, **how)


def _tuning(corrections: Corrections, load: Callable[[], Segmenter], recipe: Recipe) -> Iterator[Progress | Adaptation]:
    from napari_magtex.segment.finetune import fine_tune

    yield Progress(0, 0, "loading the network")
    yield from fine_tune(corrections, load(), recipe)
