"""What a person chooses in a dock: a layer, a region, a contrast, a device, all frames or the one shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels, Shapes
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QWidget

from napari_magtex.compute import Device
from napari_magtex.contributions import METADATA_KEY
from napari_magtex.errors import UnusablePicture
from napari_magtex.io.acquisition import in_words
from napari_magtex.picture import Contrast, Region
from napari_magtex.widgets.layers import units_disagree
from napari_magtex.widgets.pictures import as_analysed, contrast_of, frame_count, meta_of, shown_frame
from napari_magtex.widgets.regions import regions_of

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

RESULT_KEY = "magtex result"  # in the metadata of a layer that an analysis added: an input only if it says of what kind
SOURCE_KEY = "magtex source"  # there too: the `unique_id` of the layer that it was made from and lies on
CONTRASTS = {
    "Auto": None,
    "Spin picture": Contrast.SPIN,
    "Lorentz TEM": Contrast.LORENTZ,
    "Kerr, Faraday, XMCD": Contrast.KERR,
    "MFM": Contrast.MFM,
    "Induction map (colour wheel)": Contrast.WHEEL,
    "Electron phase (rad)": Contrast.PHASE,
}
DEVICES = {"Auto": Device.AUTO, "CPU": Device.CPU, "CUDA (NVIDIA)": Device.CUDA, "MPS (Apple)": Device.MPS}


class Choice(QComboBox):
    """Captions, and the value behind each, kept as it is (Qt would turn an enum into a bare string)."""

    def __init__(self, options: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self._values: list[Any] = []
        self.offer(options or {})

    def offer(self, options: Mapping[str, Any]) -> None:
        """Replace what is offered; the choice stays where it is still among it, else it is the first."""
        chosen, had = self.value, bool(self._values)
        blocked = self.blockSignals(True)
        self.clear()
        self._values = list(options.values())
        self.addItems(options)
        if had and chosen in self._values:
            self.setCurrentIndex(self._values.index(chosen))
        self.blockSignals(blocked)
        if self.value is not chosen:
            self.currentIndexChanged.emit(self.currentIndex())

    @property
    def value(self) -> Any:
        """What is chosen; None where nothing is offered."""
        return self._values[self.currentIndex()] if self._values else None

    @value.setter
    def value(self, value: Any) -> None:
        self.setCurrentIndex(self._values.index(value))


class LayerChoice(Choice):
    """The layers of a kind that a viewer holds; the choice stays on its layer while others come, go or are renamed.

    Parameters
    ----------
    none
        Caption of the entry that means no layer; without it the newest layer is chosen where the choice has gone.
    """

    def __init__(self, viewer: Viewer, kind: type[Layer] | tuple[type[Layer], ...], *, none: str | None = None) -> None:
        super().__init__()
        self._viewer, self._kind, self._none = viewer, kind, none
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            event.connect(self._refresh)
        self._refresh()
        if none is None and self._offers(viewer.layers.selection.active):
            self.value = viewer.layers.selection.active

    def _offers(self, layer: Layer | None) -> bool:
        return isinstance(layer, self._kind) and (RESULT_KEY not in layer.metadata or METADATA_KEY in layer.metadata)

    def _refresh(self, _event: Any = None) -> None:
        # the newest first: it takes over where the chosen one has gone
        layers = {layer.name: layer for layer in reversed(self._viewer.layers) if self._offers(layer)}
        self.offer(({self._none: None} if self._none is not None else {}) | layers)


class LabelsChoice(LayerChoice):
    """The labels of a viewer, whoever made them: an analysis, or a person who corrects what it found."""

    def __init__(self, viewer: Viewer, *, none: str | None = None) -> None:
        super().__init__(viewer, Labels, none=none)

    def _offers(self, layer: Layer | None) -> bool:
        return isinstance(layer, Labels)


class InputForm(QWidget):
    """Layer, contrast, region and frames: what both analyses ask first."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.layer = LayerChoice(viewer, Image)
        self.contrast = Choice(CONTRASTS)
        self.roi = LayerChoice(viewer, Shapes, none="None: the whole picture")
        self.frames = Choice()
        self.note, self.taken = QLabel(), QLabel()
        for label in (self.note, self.taken):
            label.setWordWrap(True)
        self.rows = QFormLayout(self)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for caption, field in (
            ("Layer", self.layer),
            ("Contrast", self.contrast),
            ("ROI", self.roi),
            ("Frames", self.frames),
        ):
            self.rows.addRow(caption, field)
        self.rows.insertRow(1, "Taken at", self.taken)
        self.rows.addRow(self.note)
        self.layer.currentIndexChanged.connect(self._on_layer)
        viewer.layers.events.connect(self._on_units)
        self._on_layer()

    @property
    def image(self) -> Image:
        """The layer chosen.

        Raises
        ------
        UnusablePicture
            The viewer holds none.
        """
        if self.layer.value is None:
            raise UnusablePicture("no image layer is open: drop a file on napari, or take File > Open Sample")
        return self.layer.value

    @property
    def shown(self) -> int:
        """The number of the frame that the sliders show."""
        return shown_frame(self.image, self._viewer.dims)

    def chosen_frames(self) -> list[int]:
        """Return the numbers of the frames to analyse."""
        return list(range(frame_count(self.image))) if self.frames.value else [self.shown]

    def regions(self, seen: Image | None = None) -> list[Region | None]:
        """Return the regions to analyse; None stands for the whole picture.

        They are in pixels of ``seen``, where the layer whose pixels are analysed is not that of `as_analysed`.
        """
        if self.roi.value is None:
            return [None]
        if seen is None:
            seen, _ = as_analysed(self.image, self.shown)
        return list(regions_of(self.roi.value, seen, self._viewer.dims.units))

    def _on_layer(self, _index: int = 0) -> None:
        image = self.layer.value
        known = contrast_of(image) if image is not None else None
        auto = next(caption for caption, contrast in CONTRASTS.items() if contrast is known) if known else None
        self.contrast.setItemText(0, f"Auto ({auto})" if auto else "Auto")
        count = frame_count(image) if image is not None else 1
        self.frames.offer({f"All {count}": True, "The one shown": False})
        self.rows.setRowVisible(self.frames, count > 1)
        self.taken.setText(in_words(meta_of(image)) if image is not None else "")
        self.rows.setRowVisible(self.taken, bool(self.taken.text()))
        self._on_units()

    def _on_units(self, _event: Any = None) -> None:
        layers = [layer for layer in (self.layer.value, self.roi.value) if layer is not None]
        self.note.setVisible(units_disagree(list(self._viewer.layers)) and bool(layers))
        self.note.setText("Some layers are in pixels, others in nm or µm: napari then compares their bare numbers.")
