"""The form of an electron microscope: what is set for a simulated frame, and what stays set until the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QLabel, QSlider, QVBoxLayout, QWidget

from napari_magtex.imaging.exposure import Exposure, Mode
from napari_magtex.imaging.optics import Optics
from napari_magtex.widgets.choices import Choice
from napari_magtex.widgets.dock import row_of
from napari_magtex.widgets.focus import SignPicture, in_words
from napari_magtex.widgets.fold import Fold

if TYPE_CHECKING:
    from napari.viewer import Viewer

MODES = {
    "Fresnel: out of focus": Mode.FRESNEL,
    "Phase (rad)": Mode.PHASE,
    "Foucault: knife edge": Mode.FOUCAULT,
    "Hologram: fringes": Mode.HOLOGRAM,
}
SLIDER_UM = 1000.0  # the slider reaches so far each way, or as far as what is typed
STEPS = 200  # of the slider, each way
FIELDS = {  # by the name of an Exposure's or Optics' field: caption, unit, in SI, range, decimals, at first
    "defocus": ("Defocus", "µm", 1e-6, (-1e5, 1e5), 1, 200.0),
    "direction_deg": ("Direction", "°", 1.0, (-360, 360), 0, 0.0),
    "fringe": ("Fringe spacing", "nm", 1e-9, (0.1, 1e4), 1, 20.0),
    "tilt_deg": ("Tilt", "°", 1.0, (-79, 79), 1, 0.0),
    "tilt_axis_deg": ("Tilt axis from +x", "°", 1.0, (-360, 360), 0, 0.0),
    "dose": ("Electrons a pixel", "", 1.0, (0, 1e9), 0, 0.0),
    "voltage": ("Voltage", "kV", 1e3, (1, 10_000), 0, 200.0),
    "cs": ("Cs", "mm", 1e-3, (-1e6, 1e6), 1, 0.0),
    "divergence": ("Divergence", "mrad", 1e-3, (0, 100), 4, 0.0),
    "astigmatism": ("Astigmatism", "µm", 1e-6, (-1e5, 1e5), 1, 0.0),
    "astigmatism_axis_deg": ("Its axis from +x", "°", 1.0, (-360, 360), 0, 0.0),
    "focal_spread": ("Focal spread", "µm", 1e-6, (0, 1e5), 2, 0.0),
    "blur_px": ("Detector blur", "px", 1.0, (0, 100), 2, 0.0),
    "inner_potential": ("Inner potential", "V", 1.0, (0, 100), 1, 0.0),
}
MICROSCOPE = ("voltage", "cs", "divergence", "astigmatism", "astigmatism_axis_deg", "focal_spread", "blur_px")
OF_OPTICS = ("defocus", *MICROSCOPE[:-1])
NOTHING = {"dose": "no noise", "inner_potential": "none"}  # what 0 reads as
TIPS = {
    "direction_deg": "Counter-clockwise from +x: what is deflected this way passes the edge; or how fringes follow",
    "tilt_deg": "Of the film, right-handed about its axis: untilted Néel textures show nothing",
    "divergence": "Half-angle of the illumination: it blurs by the defocus times this",
    "astigmatism": "The defocus is larger by this along its axis, and smaller across",
    "focal_spread": "Standard deviation of the focus during an exposure",
    "blur_px": "Standard deviation of what the detector makes of a point",
    "inner_potential": "Mean, of the film: its outline turns the phase beside its moments. 10 to 25 V are usual",
}
OF_MODE = {  # what a mode alone asks for
    Mode.FRESNEL: {"defocus"},
    Mode.PHASE: set(),
    Mode.FOUCAULT: {"direction_deg"},
    Mode.HOLOGRAM: {"direction_deg", "fringe"},
}
EDGES = {"Goes on": True, "Ends there": False}

_kept: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()  # a viewer's microscope, while it is open


class ExposureForm(QWidget):
    """Mode, defocus, tilt, dose, and the microscope, which a viewer's next form finds as this one leaves it."""

    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._kept = _kept.setdefault(viewer.window, {})
        self.mode, self.edges = Choice(MODES), Choice(EDGES)
        self.boxes = {name: self._box(name) for name in FIELDS}
        self.slider, self.word = QSlider(Qt.Orientation.Horizontal), QLabel()
        self.slider.setRange(-STEPS, STEPS)
        self._reach = SLIDER_UM
        self.rows, fine = _rows(), _rows()
        self._defocus = self._focus_field()
        self.rows.addRow("Mode", self.mode)
        self.rows.addRow("Defocus", self._defocus)
        for name in ("direction_deg", "fringe", "tilt_deg", "tilt_axis_deg"):
            self.rows.addRow(FIELDS[name][0], self.boxes[name])
        self.rows.addRow("At the film's edges", self.edges)
        self.rows.addRow(FIELDS["inner_potential"][0], self.boxes["inner_potential"])
        self.rows.addRow(FIELDS["dose"][0], self.boxes["dose"])
        for name in MICROSCOPE:
            fine.addRow(FIELDS[name][0], self.boxes[name])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for layout in (self.rows, fine):
            inner = QWidget()
            inner.setLayout(layout)
            column.addWidget(inner if layout is self.rows else Fold("Microscope", inner))
        column.addWidget(Fold("Which sign?", SignPicture()))
        for box in self.boxes.values():
            box.valueChanged.connect(self._on_changed)
        for choice in (self.mode, self.edges):
            choice.currentIndexChanged.connect(self._on_changed)
        self.slider.valueChanged.connect(self._on_slider)
        self._on_changed()

    @property
    def exposure(self) -> Exposure:
        """What is set, in SI units."""
        set_: dict[str, Any] = {name: box.value() * FIELDS[name][2] for name, box in self.boxes.items()}
        optics = Optics(**{name: set_.pop(name) for name in OF_OPTICS})
        dose = set_.pop("dose") or None
        return Exposure(optics, self.mode.value, self.edges.value, dose=dose, **set_)

    def _box(self, name: str) -> QDoubleSpinBox:
        _, unit, _, ends, decimals, first = FIELDS[name]
        box = QDoubleSpinBox()
        box.setRange(*ends)
        box.setDecimals(decimals)
        box.setSuffix(f" {unit}" if unit else "")
        box.setSpecialValueText(NOTHING.get(name, ""))
        box.setToolTip(TIPS.get(name, ""))
        box.setKeyboardTracking(False)
        box.setSingleStep({"defocus": 50, "voltage": 100, "dose": 100, "divergence": 0.01}.get(name, 1))
        box.setValue(self._kept.get(name, first))
        return box

    def _focus_field(self) -> QWidget:
        field = QWidget()
        column = QVBoxLayout(field)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.boxes["defocus"])
        column.addWidget(row_of(self.slider, self.word))
        return field

    def _on_slider(self, step: int) -> None:
        self.boxes["defocus"].setValue(step / STEPS * self._reach)

    def _on_changed(self, _event: Any = None) -> None:
        self._kept.update({name: self.boxes[name].value() for name in MICROSCOPE})
        defocus, asked = self.boxes["defocus"].value(), OF_MODE[self.mode.value]
        self.word.setText(in_words(defocus))
        blocked = self.slider.blockSignals(True)
        self._reach = max(self._reach, abs(defocus))
        self.slider.setValue(round(defocus / self._reach * STEPS))
        self.slider.blockSignals(blocked)
        self.rows.setRowVisible(self._defocus, "defocus" in asked)
        for name in ("direction_deg", "fringe"):
            self.rows.setRowVisible(self.boxes[name], name in asked)
        self.rows.setRowVisible(self.boxes["dose"], self.mode.value is not Mode.PHASE)
        self.rows.setRowVisible(self.boxes["tilt_axis_deg"], self.boxes["tilt_deg"].value() != 0)
        self.changed.emit()


def _rows() -> QFormLayout:
    rows = QFormLayout()
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return rows
