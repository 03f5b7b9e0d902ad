"""The dock Simulate frame: what an electron microscope would show of a texture, while its settings are turned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QFormLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from napari_magtex.contributions import METADATA_KEY
from napari_magtex.errors import MagtexError, Unsuitable, UnusablePicture
from napari_magtex.imaging.exposure import Mode
from napari_magtex.picture import Contrast, Picture
from napari_magtex.widgets.choices import RESULT_KEY, SOURCE_KEY, LayerChoice
from napari_magtex.widgets.dock import Dock, row_of, wrapped_label
from napari_magtex.widgets.exposing import Film, Taken, frame_of, preview_of, series_of, shows_spins
from napari_magtex.widgets.exposure import ExposureForm
from napari_magtex.widgets.layers import flat, pixel_size_of, placed_on
from napari_magtex.widgets.pictures import DEFOCUS, shown_frame, stack_shape, texture_of
from napari_magtex.widgets.worker import Runner, is_open, tell

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_magtex.results import Result

PAUSE = 100  # ms: what is turned within it is computed once
PREVIEW = "preview of the frame"
NM = 1e-9
SAMPLES = 1 << 17  # pixels that tell the range in which frames are shown


class SimulateFrameDock(Dock):
    """Draws a texture as an electron microscope sees it: live, as a lasting layer, or as a through-focus series.

    Parameters
    ----------
    napari_viewer
        The viewer that holds the texture.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer, "Simulate")
        self.layer, self.exposure = TextureChoice(self.viewer), ExposureForm(self.viewer)
        self.saturation, self.thickness, self.cell = (
            _box("kA/m", 384, 1e5),
            _box("nm", 20, 1e5),
            _box("nm", 0, 1e5),
        )
        self.cell.setSpecialValueText("unknown")
        self.live, self.defoci = QCheckBox("Preview while turning"), QLineEdit("-400, -200, 0, 200, 400")
        self.series = QPushButton("Series")
        self.ask(self._question())
        self.notes = wrapped_label()
        self.column.addWidget(self.notes)
        self.column.addStretch()

        # previews have a runner of their own, that nobody sees: they never wait for a series, nor hold it up
        self.previewing = Runner("", self.prepare, self._show_preview, self.viewer)
        self._stale = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE)
        self._timer.timeout.connect(self._preview)
        self.previewing.ended.connect(self._on_previewed)
        self.exposure.changed.connect(self._on_changed)
        for box in (self.saturation, self.thickness, self.cell):
            box.valueChanged.connect(self._on_changed)
        self.live.setChecked(True)
        self.live.toggled.connect(self._on_changed)
        self.series.clicked.connect(self._on_series)
        self.layer.currentIndexChanged.connect(self._on_layer)
        self.viewer.dims.events.point.connect(self._on_slider)
        self._on_layer()

    def _question(self) -> QWidget:
        question = QWidget()
        column = QVBoxLayout(question)
        column.setContentsMargins(0, 0, 0, 0)
        self.rows = QFormLayout()
        self.rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for caption, field in (
            ("Texture", self.layer),
            ("Saturation", self.saturation),
            ("Thickness", self.thickness),
            ("Pixel size", self.cell),
        ):
            self.rows.addRow(caption, field)
        below = QFormLayout()
        below.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        below.addRow("Defoci (µm)", row_of(self.defoci, self.series))
        self.defoci.setToolTip("Of a through-focus series, set apart by commas; positive is underfocus")
        below.addRow(self.live)
        column.addLayout(self.rows)
        column.addWidget(self.exposure)
        column.addLayout(below)
        return question

    # ---- what is asked

    def film(self) -> Film:
        """Return the layer chosen, with what the person told of it; nothing is read yet.

        Raises
        ------
        UnusablePicture
            There is none.
        """
        if (image := self.layer.value) is None:
            raise UnusablePicture("no texture is open: open an .ovf file or a spin picture in MuMax3's colours")
        return Film(
            image,
            shown_frame(image, self.viewer.dims),
            saturation=self.saturation.value() * 1e3,
            thickness=self.thickness.value() * NM,
            pixel=self.cell.value() * NM,
        )

    # ---- computing

    def prepare(self) -> Iterator[Any]:
        """Read the form; a frame follows."""
        return frame_of(self.film(), self.exposure.exposure)

    def _on_series(self, _checked: bool = False) -> None:
        try:
            self.runner.run(series_of(self.film(), self.exposure.exposure, self.listed()))
        except MagtexError as error:
            tell(error)

    def listed(self) -> list[float]:
        """Return the defoci of a series in m.

        Raises
        ------
        Unsuitable
            What is typed is no list of numbers.
        """
        parts = [part.strip().replace("−", "-") for part in self.defoci.text().replace(";", ",").split(",")]
        try:
            found = [float(part) * 1e-6 for part in parts if part]
        except ValueError:
            found = [float("nan")]
        if not found or not np.isfinite(found).all():
            raise Unsuitable(
                f"the defoci {self.defoci.text()!r} are no numbers set apart by commas, as in -200, 0, 200"
            )
        return found

    def take(self, answer: Taken) -> None:
        """Add a lasting layer: a frame, or a stack of the series."""
        self.notes.setText("<br>".join(answer.notes))
        first = answer.frames[0]
        says = {"contrast": str(first.contrast), **first.meta, "simulated_from": answer.image.name}
        if len(answer.frames) == 1:
            name, data, placement = _caption(first), first.pixels, self._placement(answer)
        else:
            name, data = f"through focus, {len(answer.frames)} frames", np.stack([f.pixels for f in answer.frames])
            says[DEFOCUS] = [frame.meta[DEFOCUS] for frame in answer.frames]
            placement = _stacked(self._placement(answer))
        self.viewer.add_image(
            data,
            name=f"{name}: {answer.image.name}",
            metadata={METADATA_KEY: says, SOURCE_KEY: answer.image.unique_id},
            **placement,
            **_looks(first.contrast, data),
        )
        self._drop_preview()

    def _placement(self, taken: Taken) -> dict[str, Any]:
        """Lay a frame over its texture; beside nothing, in nm, where the layer does not know its pixel size."""
        size = taken.frames[0].pixel_size
        if pixel_size_of(taken.image) is None and size is not None:
            return {"scale": [d / NM for d in size], "units": ["nm", "nm"], "axis_labels": ["y", "x"]}
        return flat(placed_on(taken.image))

    # ---- previewing

    def _on_layer(self, _event: Any = None) -> None:
        image = self.layer.value
        texture = texture_of(image) if image is not None else None
        picture = image is not None and texture is None  # whose colours tell directions, and nothing else
        for field, asked in (
            (self.saturation, picture or (texture is not None and texture.saturation is None)),
            (self.thickness, picture or (texture is not None and not texture.knows_thickness)),
            (self.cell, texture.cell is None if texture is not None else picture and pixel_size_of(image) is None),
        ):
            self.rows.setRowVisible(field, asked)
        self._on_changed()

    def _on_slider(self, _event: Any = None) -> None:
        image = self.layer.value
        if image is not None and texture_of(image) is None and stack_shape(image):
            self._on_changed()

    def _on_changed(self, _event: Any = None) -> None:
        fresnel = self.exposure.mode.value is Mode.FRESNEL
        self.series.setEnabled(fresnel)
        self.defoci.setEnabled(fresnel)
        if self.live.isChecked() and self.layer.value is not None:
            if not self._timer.isActive():  # not begun anew: who drags a slider sees the picture follow
                self._timer.start()
        else:
            self._drop_preview()

    def _preview(self) -> None:
        if self.previewing.running:
            self._stale = True
            return
        if self.layer.value is not None:
            self.previewing.run(preview_of(self.film(), self.exposure.exposure))

    def _on_previewed(self) -> None:
        if self._stale and is_open(self.viewer):
            self._stale = False
            self._preview()

    def _show_preview(self, taken: Taken) -> None:
        self.notes.setText(taken.refused or "<br>".join(taken.notes))
        if not taken.frames or not self.live.isChecked() or taken.image is not self.layer.value:
            return
        (frame,) = taken.frames
        looks = _looks(frame.contrast, frame.pixels)
        layer, placement = self._previewed_layer(), self._placement(taken)
        if layer is None or layer.data.shape != frame.shape:
            self.add_result(frame.pixels, PREVIEW, placement, of=taken.image, **looks)
            return
        layer.data = frame.pixels  # in place: the person's look at it and its place in the list stay
        layer.contrast_limits = looks["contrast_limits"]
        if layer.colormap.name != looks["colormap"]:
            layer.colormap = looks["colormap"]
        if not _lies_on(layer, placement):
            for name, value in placement.items():
                setattr(layer, name, value)

    def _previewed_layer(self) -> Image | None:
        return next((la for la in self.viewer.layers if la.name == PREVIEW and RESULT_KEY in la.metadata), None)

    def _drop_preview(self) -> None:
        self._timer.stop()
        self._stale = False
        if (layer := self._previewed_layer()) is not None:
            self.viewer.layers.remove(layer)

    def results(self) -> Sequence[Result]:
        """Nothing is written: napari saves layers."""
        return []

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Take the preview away with the dock."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.previewing.quit()
            if is_open(self.viewer):
                self._drop_preview()
        super().changeEvent(event)


class TextureChoice(LayerChoice):
    """The layers that hold directions of spins: textures, and spin pictures whose colours carry them."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer, Image)

    def _offers(self, layer: Layer | None) -> bool:
        return isinstance(layer, Image) and RESULT_KEY not in layer.metadata and shows_spins(layer)


def _caption(frame: Picture) -> str:
    mode = Mode(frame.meta["mode"])
    return f"{frame.meta[DEFOCUS]:+.4g} µm" if mode is Mode.FRESNEL else str(mode)


def _stacked(placement: dict[str, Any]) -> dict[str, Any]:
    """Return the placement of a stack of frames, each where a placement of rows and columns puts one."""
    placed = dict(placement)
    placed["scale"], placed["axis_labels"] = [1.0, *placed["scale"]], ["frame", *placed["axis_labels"]]
    placed["units"] = ["pixel", *placed["units"]]
    if "translate" in placed:
        placed["translate"] = [0.0, *placed["translate"]]
        placed["shear"] = [0.0, 0.0, *placed["shear"]]
        for name in ("rotate", "affine"):
            matrix = np.eye(len(placed[name]) + 1)
            matrix[1:, 1:] = placed[name]
            placed[name] = matrix
    return placed


def _lies_on(layer: Image, placement: dict[str, Any]) -> bool:
    """Whether a layer lies where a placement would put it; each part that is set draws the window anew."""
    there = Image(np.zeros((2, 2)), **placement)
    corners = [(0, 0), (0, 1), (1, 0)]
    return np.allclose([layer.data_to_world(at) for at in corners], [there.data_to_world(at) for at in corners])


def _looks(contrast: Contrast | None, pixels: np.ndarray) -> dict[str, Any]:
    """Return how frames are shown: no noise is made of an even one, as in focus, and a film's rim hides nothing."""
    some = pixels.ravel()[:: max(1, pixels.size // SAMPLES)]
    low, high = (float(value) for value in np.quantile(some, (0.002, 0.998)))
    room = max(1e-3 - (high - low), 0) / 2
    colours = "viridis" if contrast is Contrast.PHASE else "gray"
    return {"contrast_limits": (low - room, high + room), "colormap": colours}


def _box(unit: str, value: float, most: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0, most)
    box.setDecimals(2)
    box.setSuffix(f" {unit}")
    box.setValue(value)
    box.setKeyboardTracking(False)
    return box
