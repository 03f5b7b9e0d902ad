"""The settings of Clean frame as fields of a form, and as a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QFormLayout, QSpinBox, QVBoxLayout, QWidget

from napari_magtex.errors import UnreadableFile, Unsuitable
from napari_magtex.imaging.cleaning import HIGHEST_ORDER, LARGEST_MEDIAN, By, Cleaning, Kind
from napari_magtex.widgets.choices import Choice
from napari_magtex.widgets.layers import pixel_size_of
from napari_magtex.widgets.pictures import frame_count

CAPTIONS = {Kind.FOOTER: "Footer", Kind.CLIPPED: "Clipped area", Kind.SHADOW: "Shadow"}
WAYS = {"Divide (electrons)": By.DIVIDE, "Subtract (light)": By.SUBTRACT}
_WIDEST = 10_000.0  # pixels
_TIPS = {
    "spikes_sigma": "Pixels so many standard deviations from the median around them take that median",
    "by": "How the reference, the gradient and the flat field are taken off",
    "median_px": "Median of a square about each pixel",
    "gradient_order": "A polynomial in x and y, fitted to the whole frame",
    "flat_field_sigma_px": "The mean over a wide Gaussian stands for the illumination: much wider than the texture",
    "high_pass_sigma_px": "The mean over a Gaussian is subtracted: wider than the texture",
    "align": "Each frame is moved to where the first one lies, to a fraction of a pixel",
}
_FOUND = {
    Kind.FOOTER: "Rows of letters that a program wrote below or above the picture",
    Kind.CLIPPED: "A large area at the end of the scale: saturated, empty, a block drawn in",
    Kind.SHADOW: "A large dark area with an edge and no texture: a beam stop, the frame of a membrane",
}


class CleaningForm(QWidget):
    """The settings of `Cleaning`, and what was found to be left out."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._nm_per_px: float | None = None
        self.spikes, self.median, self.order = _numbers(" σ", 1000), QSpinBox(), QSpinBox()
        self.spikes.setSpecialValueText("kept")
        self.flat_field, self.high_pass = _numbers(" px", _WIDEST), _numbers(" px", _WIDEST)
        self.by, self.align = Choice(WAYS), QCheckBox("Take out the drift of the stack")
        for whole, highest in ((self.median, LARGEST_MEDIAN), (self.order, HIGHEST_ORDER)):
            whole.setRange(0, highest)
            whole.setSpecialValueText("off")
        self.median.setSingleStep(2)
        self.order.setPrefix("order ")
        self.left_out = {kind: QCheckBox(caption) for kind, caption in CAPTIONS.items()}
        self.rows = QFormLayout(self)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.rows.addRow("Leave out", self._found_column())
        self._fields: dict[str, tuple[str, QWidget]] = {
            "spikes_sigma": ("Hot and dead pixels", self.spikes),
            "by": ("Backgrounds", self.by),
            "median_px": ("Local median", self.median),
            "gradient_order": ("Gradient", self.order),
            "flat_field_sigma_px": ("Flat field", self.flat_field),
            "high_pass_sigma_px": ("High-pass", self.high_pass),
            "align": ("", self.align),
        }
        for name, (caption, field) in self._fields.items():
            field.setToolTip(_TIPS[name])
            self.rows.addRow(caption, field)
        for box in (self.spikes, self.median, self.order, self.flat_field, self.high_pass):
            box.valueChanged.connect(self._on_number)
        self.by.currentIndexChanged.connect(lambda _index: self.changed.emit())
        for tick in (self.align, *self.left_out.values()):
            tick.toggled.connect(lambda _on: self.changed.emit())
        self.value = Cleaning.suited_to(None)

    @property
    def value(self) -> Cleaning:
        """The settings."""
        return Cleaning(
            spikes_sigma=self.spikes.value(),
            by=self.by.value,
            median_px=self.median.value(),
            gradient_order=self.order.value(),
            flat_field_sigma_px=self.flat_field.value(),
            high_pass_sigma_px=self.high_pass.value(),
            align=self.align.isChecked(),
            left_out=tuple(kind for kind, box in self.left_out.items() if box.isChecked()),
        )

    @value.setter
    def value(self, cleaning: Cleaning) -> None:
        blocked = self.blockSignals(True)
        self.spikes.setValue(cleaning.spikes_sigma)
        self.by.value = cleaning.by
        self.median.setValue(cleaning.median_px)
        self.order.setValue(cleaning.gradient_order)
        self.flat_field.setValue(cleaning.flat_field_sigma_px)
        self.high_pass.setValue(cleaning.high_pass_sigma_px)
        self.align.setChecked(cleaning.align)
        for kind, box in self.left_out.items():
            box.setChecked(kind in cleaning.left_out)
        self.blockSignals(blocked)
        self._show_units()
        self.changed.emit()

    def suit(self, image: Image | None) -> None:
        """Show lengths in the unit of a layer, and what only a stack can be asked."""
        size = pixel_size_of(image) if image is not None else None
        self._nm_per_px = None if size is None else 0.5e9 * (size[0] + size[1])
        self.rows.setRowVisible(self.align, image is not None and frame_count(image) > 1)
        self._show_units()

    def show_found(self, found: dict[Kind, str]) -> None:
        """Say beside each kind what was found of it; what is not ticked was not looked for."""
        for kind, box in self.left_out.items():
            said = found.get(kind, "none") if box.isChecked() else ""
            box.setText(CAPTIONS[kind] + (f": {said}" if said else ""))

    def _found_column(self) -> QWidget:
        column = QWidget()
        layout = QVBoxLayout(column)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for kind, box in self.left_out.items():
            box.setToolTip(_FOUND[kind])
            layout.addWidget(box)
        return column

    def _on_number(self, _value: Any = None) -> None:
        self._show_units()
        self.changed.emit()

    def _show_units(self) -> None:
        for box in (self.median, self.flat_field, self.high_pass):
            box.setSuffix(" px" + ("" if self._nm_per_px is None else f" = {_length(box.value() * self._nm_per_px)}"))


def read_settings(path: Path) -> Cleaning:
    """Read settings that `write_settings` wrote.

    Raises
    ------
    UnreadableFile, Unsuitable
        The file is none, or holds a setting that makes no sense.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{path.name} holds no settings: {error}") from error
    if not isinstance(told, dict):
        raise UnreadableFile(f"{path.name} holds no settings: they are one JSON object")
    try:
        return Cleaning.from_dict(told)
    except Unsuitable as error:
        raise Unsuitable(f"{path.name}: {error}") from error


def write_settings(path: Path, cleaning: Cleaning) -> None:
    """Write settings as JSON."""
    from napari_magtex.files import write_text

    write_text(path, json.dumps(cleaning.to_dict(), indent=2) + "\n")


def _length(nm: float) -> str:
    return f"{nm:.4g} nm" if nm < 1e3 else f"{nm / 1e3:.4g} µm"


def _numbers(suffix: str, highest: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0, highest)
    box.setDecimals(1)
    box.setSuffix(suffix)
    box.setSpecialValueText("off")
    return box
