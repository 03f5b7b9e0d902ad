"""The dock Estimate parameters: A, D and Ms of regions, a table row for each, and their maps as layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray
from qtpy.QtWidgets import QAbstractItemView, QCheckBox, QDoubleSpinBox, QFileDialog, QPushButton, QWidget

from napari_magtex.compute import Device, Progress, drain
from napari_magtex.errors import MagtexError, UncalibratedPicture, Unsuitable, UnusablePicture
from napari_magtex.picture import Contrast, Picture, Region
from napari_magtex.widgets.choices import DEVICES, Choice
from napari_magtex.widgets.dock import Dock, button_row, row_of, wrapped_label
from napari_magtex.widgets.known import Known
from napari_magtex.widgets.layers import pixel_size_of
from napari_magtex.widgets.networks import FreshChoice, card_of_kind, offered
from napari_magtex.widgets.pictures import (
    frame_number,
    part_of,
    picture_of,
    source_name,
    stack_shape,
    texture_of,
    told_apart,
)
from napari_magtex.widgets.tables import UNITS, EstimateTable, estimate_row, table_view
from napari_magtex.widgets.veil import veil
from napari_magtex.widgets.worker import tell

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_magtex.estimate.anchors import Anchors
    from napari_magtex.estimate.experiment import Experiment
    from napari_magtex.estimate.predict import Estimator, ParameterMaps
    from napari_magtex.estimate.saliency import Saliency
    from napari_magtex.results import Estimate, Result

KIND = "estimator"
BY_CONTRAST = "The one for the contrast"
CHECK, HYSTERESIS = "Check by simulation…", "Predict hysteresis…"  # as the manifest names them
ATTENTION = "Show attention"


@dataclass(frozen=True)
class Area:
    """What is estimated: one frame of a layer, or a region of it; ``label`` tells it from the others."""

    image: Image
    frame: int
    region: Region | None
    label: str
    contrast: Contrast | None
    pixel_size: tuple[float, float]

    def picture(self) -> Picture:
        """Read the pixels."""
        return picture_of(
            self.image, frame=self.frame, roi=self.region, contrast=self.contrast, pixel_size=self.pixel_size
        )


@dataclass(frozen=True)
class Row:
    """One answer for an area, and whose it is; maps and anchors where the network answers."""

    area: Area
    estimate: Estimate
    estimator: Estimator
    maps: ParameterMaps | None = None
    anchors: Anchors | None = None

    @property
    def experiment(self) -> Experiment:
        """What the estimator was trained for."""
        return self.estimator.experiment

    @property
    def conditions(self) -> Experiment:
        """The experiment at the temperature that the picture, or its user, told; at rest where nothing did."""
        if "T" not in self.experiment.estimated:
            return self.experiment
        return self.experiment.at(round(self.estimate.T.value) if self.estimate.T else 0.0)


@dataclass(frozen=True)
class Measured:
    """What an electron phase tells, of which no network is asked."""

    area: Area
    anchors: Anchors


@dataclass(frozen=True)
class Told:
    """What the answer for an area hangs on."""

    area: Area
    saliency: Saliency


class EstimateDock(Dock):
    """Estimates A, D and Ms of every region chosen, and says what the picture does not fix.

    Parameters
    ----------
    napari_viewer
        The viewer whose layers it measures.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer, "Estimate parameters")
        self.rows: list[Row] = []
        self.measured: list[Measured] = []
        self._opened: list[Path] = []
        self.estimator, self.device = FreshChoice(self._refresh_estimators), Choice(DEVICES)
        self._refresh_estimators()
        self.pixel_size, self.known = _length_box(), Known()
        self.maps = QCheckBox("Add maps of A, D and Ms as layers")
        self.maps.setChecked(True)
        last = self.form.rows.rowCount() - 1
        self.form.rows.insertRow(last, "Estimator", self._estimator_row())
        self.form.rows.insertRow(last + 1, "Pixel size", self.pixel_size)
        self.form.rows.insertRow(last + 2, "Known", self.known.constant)
        self.form.rows.insertRow(last + 3, "Temperature", self.known.temperature)
        self.form.rows.insertRow(last + 4, "Field", self.known.field)
        self.form.rows.insertRow(last + 5, "Device", self.device)
        self.form.rows.insertRow(last + 6, "", self.maps)
        self.form.frames.value = False

        self.table, self.remark, self.anchors = EstimateTable(), wrapped_label(), wrapped_label()
        self.view = table_view(self.table)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.onward = button_row(
            {ATTENTION: self._on_attention, CHECK: self._on_check, HYSTERESIS: self._on_hysteresis}
        )
        self.column.addWidget(self.view, stretch=1)
        self.column.addWidget(self.anchors)
        self.column.addWidget(self.remark)
        self.column.addWidget(self.onward)
        self.column.addWidget(self.save_row("csv", "json"))
        self.form.layer.currentIndexChanged.connect(self._on_layer)
        if (selection := self.view.selectionModel()) is not None:
            selection.selectionChanged.connect(self._show_onward)
        self._on_layer()
        self._show_onward()

    def _estimator_row(self) -> QWidget:
        browse = QPushButton("Open…")
        browse.clicked.connect(self._on_browse)
        return row_of(self.estimator, browse)

    def _on_browse(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open an estimator", "", "Weights (*.safetensors)")
        if name:
            try:
                self.offer_estimator(Path(name))
            except MagtexError as error:
                tell(error)

    def offer_estimator(self, path: Path) -> None:
        """Add trained weights to those offered, and choose them.

        Raises
        ------
        ModelUnavailable
            The file is no estimator of ours.
        """
        card_of_kind(path, KIND)
        self._opened.append(path)
        self._refresh_estimators()
        self.estimator.value = path

    def _refresh_estimators(self) -> None:
        self.estimator.offer({BY_CONTRAST: None} | offered(KIND, self._opened))

    def _on_layer(self, _event: Any = None) -> None:
        image = self.form.layer.value
        self.form.rows.setRowVisible(self.pixel_size, image is not None and pixel_size_of(image) is None)

    # ---- computing

    def prepare(self) -> Iterator[Any]:
        """Read the form; a row follows for each region and frame."""
        image, regions = self.form.image, self.form.regions()
        typed = self.pixel_size.value() * 1e-9
        pixel_size = pixel_size_of(image) or ((typed, typed) if typed > 0 else None)
        if pixel_size is None:
            raise UncalibratedPicture(
                f"the pixel size of {image.name} is unknown, so no length can be measured: type it in nm, or try "
                "Layers > Data > Read calibration"
            )
        frames, contrast = self.form.chosen_frames(), self.form.contrast.value
        areas = [
            Area(image, frame, region, told_apart(number, len(regions), frame, len(frames)), contrast, pixel_size)
            for frame in frames
            for number, region in enumerate(regions, start=1)
        ]
        self.rows.clear()
        self.measured.clear()
        self._show()
        return _estimates(areas, self.estimator.value, self.known.values, self.known.conditions, self.device.value)

    def take(self, answer: Any) -> None:
        """Show a row as it comes, and lay its maps over the picture; or lay over it what an answer hangs on."""
        if isinstance(answer, Told):
            self._add_attention(answer)
            return
        if isinstance(answer, Measured):
            self.measured.append(answer)
            self._show_onward()
            return
        self.rows.append(answer)
        self._show()
        if answer.maps is not None and self.maps.isChecked():
            self._add_maps(answer)

    def results(self) -> Sequence[Result]:
        """Return the estimates, row by row; of phases what was measured."""
        if self.measured and not self.rows:
            return [measured.anchors for measured in self.measured]
        if not self.rows:
            raise UnusablePicture("nothing is estimated yet: press Estimate parameters first")
        return [row.estimate for row in self.rows]

    # ---- showing

    def _show(self) -> None:
        self.table.show_rows([estimate_row(row.estimate, _spread(row.maps)) for row in self.rows])
        refused = sum(not row.estimate.applicable for row in self.rows)
        self.remark.setVisible(refused > 0)
        self.remark.setText(
            f"{refused} of {len(self.rows)} rows are not applicable: contrast, scale or texture are not those of the "
            "estimator's experiment."
        )
        self._show_onward()

    def chosen(self) -> Row | None:
        """Return the row selected, or the only one."""
        if len(self.rows) == 1:
            return self.rows[0]
        selection = self.view.selectionModel()
        numbers = [index.row() for index in selection.selectedRows()] if selection is not None else []
        return self.rows[numbers[0]] if numbers else None

    def _show_onward(self, _event: Any = None) -> None:
        row = self.chosen()
        self.onward.setEnabled(row is not None)
        self.onward.setToolTip("" if row else "Select a row of the table")
        told = [("", row.anchors)] if row and row.anchors else []
        told += [(_of_phase(measured.area), measured.anchors) for measured in self.measured]
        lines = [(start, found.rows()) for start, found in told if found.rows()]
        self.anchors.setText("<br>".join(f"{start or 'Without the network'}: {_said(rows)}" for start, rows in lines))
        self.anchors.setToolTip("<br>".join(f"{caption}: {how}" for _, rows in lines for caption, _, how in rows))
        self.anchors.setVisible(bool(lines))

    def _on_attention(self, _checked: bool = False) -> None:
        if (row := self.chosen()) and row.maps is None:
            tell(Unsuitable("the torque balance asks every cell alike: select a row of the network"))
        elif row:
            self.runner.run(_attention(row))

    def _on_check(self, _checked: bool = False) -> None:
        if row := self.chosen():
            self._open(CHECK).fill(row.area, row.estimate, row.conditions)

    def _on_hysteresis(self, _checked: bool = False) -> None:
        if row := self.chosen():
            self._open(HYSTERESIS).fill(row.estimate, row.conditions)

    def _open(self, name: str) -> Any:
        """Return the dock of a name, opened or brought to the front."""
        dock, widget = self.viewer.window.add_plugin_dock_widget("napari-magtex", name, tabify=True)
        dock.show()
        dock.raise_()
        return widget

    def _add_maps(self, row: Row) -> None:
        maps, area = row.maps, row.area
        assert maps is not None
        lead = (np.newaxis,) * len(stack_shape(area.image))
        placement = part_of(area.image, area.frame, origin=maps.origin, step=maps.stride_px)
        for name, values in zip(maps.names, maps.values, strict=True):
            unit, scale = UNITS[name]
            shown = values * scale
            self.add_result(
                shown[lead],
                f"{name} ({unit}){area.label}: {area.image.name}",
                placement,
                of=area.image,
                colormap="viridis",
                contrast_limits=_limits(shown),
                opacity=0.6,
                visible=name == maps.names[0],  # the others would hide it
                interpolation2d="nearest",
            )

    def _add_attention(self, told: Told) -> None:
        saliency, area = told.saliency, told.area
        lead = (np.newaxis,) * len(stack_shape(area.image))
        placement = part_of(area.image, area.frame, origin=saliency.offset, step=saliency.scale)
        for name, values in zip(saliency.names, saliency.values, strict=True):
            self.add_result(
                values[lead],
                f"attention for {name}{area.label}: {area.image.name}",
                placement,
                of=area.image,
                colormap=veil(),
                contrast_limits=(0, 1),
                blending="translucent_no_depth",
                visible=name == saliency.names[0],  # the others would hide it
            )


def _length_box() -> QDoubleSpinBox:
    """Return a field for nanometres in which 0 reads as unknown."""
    box = QDoubleSpinBox()
    box.setRange(0, 1e6)
    box.setDecimals(4)
    box.setSuffix(" nm")
    box.setSpecialValueText("unknown")
    return box


def _of_phase(area: Area) -> str:
    """Say whose phase was measured."""
    return f"The phase of {area.image.name}{area.label}, without a network"


def _said(rows: Sequence[tuple[str, str, str]]) -> str:
    return "; ".join(f"{caption}: {text}" for caption, text, _ in rows)


def _spread(maps: ParameterMaps | None) -> dict[str, float]:
    """Return the standard deviation of each parameter over the windows."""
    if maps is None:
        return {}
    return {name: float(np.nanstd(values)) for name, values in zip(maps.names, maps.values, strict=True)}


def _limits(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the range of a map that may hold NaN, never an empty one."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    return (low, high) if high > low else (low - abs(low) / 100 - 1e-9, high + abs(high) / 100 + 1e-9)


def _estimates(
    areas: Sequence[Area],
    chosen: str | Path | None,
    known: Mapping[str, float],
    conditions: Mapping[str, float],
    device: Device,
) -> Iterator[Progress | Row | Measured]:
    """Estimate area by area; of a texture by its torque balance too, as a whole; of a phase only measure.

    What one area or method refuses does not lose the others, and is told at the end.
    """
    from napari_magtex.estimate.anchors import anchors
    from napari_magtex.estimate.conditions import field_of
    from napari_magtex.estimate.estimator import default_estimator
    from napari_magtex.estimate.predict import Estimator, estimate
    from napari_magtex.estimate.torque_balance import torque_balance

    count = len(areas)
    yield Progress(0, count, "loading the network")
    refused: list[str] = []
    estimator: Estimator | None = None
    for done, area in enumerate(areas):
        try:
            picture = area.picture()
            if estimator is None:
                contrast = picture.contrast or _contrast_of(picture, device)
                seen = Contrast.LORENTZ if contrast is Contrast.PHASE else contrast  # the film is that of its frames
                estimator = Estimator.load(chosen or default_estimator(seen), device=device)
            picture = replace(picture, contrast=contrast, meta={**picture.meta, **conditions})
            if contrast is Contrast.PHASE:
                yield Measured(area, anchors(picture, estimator.experiment))
                continue
            used = estimator.in_field_of(picture.meta)
            for step in estimate(picture, used, known=known):
                if isinstance(step, Progress):
                    yield Progress(done * step.total + step.done, count * step.total, step.what)
                else:
                    yield Row(area, step.estimate, used, step.maps, anchors(picture, used.experiment))
        except MagtexError as error:
            refused.append(f"{area.label.lstrip(', ')}: {error}".lstrip(": "))
    texture = texture_of(areas[0].image)
    if texture is not None and estimator is not None:
        yield Progress(0, 0, "torque balance")
        if texture.cell is None:
            dy, dx = areas[0].pixel_size
            texture = replace(texture, cell=(min(dy, dx), dy, dx), meta={**texture.meta, "thickness_known": False})
        try:
            name, frame = source_name(areas[0].image), frame_number(areas[0].image, 0)
            balance = torque_balance(
                texture, estimator.experiment, field_of({**texture.meta, **conditions}), name=name, frame=frame
            )
            yield Row(areas[0], balance, estimator)
        except MagtexError as error:
            refused.append(f"torque balance: {error}")
    if refused:
        raise Unsuitable("; ".join(dict.fromkeys(refused)))


def _attention(row: Row) -> Iterator[Progress | Told]:
    """See which places the answer of a row hangs on."""
    from napari_magtex.estimate.saliency import saliency

    picture = replace(row.area.picture(), contrast=row.estimate.provenance.contrast)
    for step in saliency(picture, row.estimator):
        yield step if isinstance(step, Progress) else Told(row.area, step)


def _contrast_of(picture: Picture, device: Device) -> Contrast:
    """Let the classifier say what contrast a picture has."""
    from napari_magtex.classify.predict import Classifier, classify

    (verdict,) = drain(classify([picture], Classifier.load(device=device)))
    return verdict.provenance.contrast
