"""The constants that a simulation takes, from an estimate or typed, and the conditions that it holds them under."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QFileDialog, QFormLayout, QLabel, QPushButton, QWidget

from napari_magtex.errors import MagtexError
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.material import Material
from napari_magtex.estimate.parameters import CONSTANTS
from napari_magtex.models.store import read_card, shipped
from napari_magtex.picture import Contrast
from napari_magtex.results import Quantity
from napari_magtex.widgets.choices import Choice
from napari_magtex.widgets.dock import row_of, wrapped_label
from napari_magtex.widgets.networks import card_of_kind
from napari_magtex.widgets.tables import UNITS
from napari_magtex.widgets.worker import tell

if TYPE_CHECKING:
    from napari_magtex.results import Estimate

LIMITS = {
    "A": (0, 1e4),
    "D": (-1e3, 1e3),
    "Ms": (0, 1e5),
    "Ku": (-1e6, 1e6),
    "Di": (-1e3, 1e3),
}  # in the units of the boxes
DECIMALS = {"A": 3, "D": 4, "Ms": 2, "Ku": 3, "Di": 4}


class ConstantsForm(QWidget):
    """A, D and Ms with their intervals, and a choice of experiments.

    What was estimated or typed stays when another experiment is chosen; the others are that experiment's own.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._known = _shipped_experiments()
        self.experiments = Choice(self._known)
        self.conditions = wrapped_label()
        self.boxes = {name: _box(name) for name in CONSTANTS}
        self.said = {name: QLabel() for name in CONSTANTS}
        self._told = Material({})
        browse = QPushButton("Open…")
        browse.setToolTip("Open an experiment (TOML), or that of an estimator")
        browse.clicked.connect(self._on_browse)
        self.rows = QFormLayout(self)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.rows.addRow("Experiment", row_of(self.experiments, browse))
        self.rows.addRow(self.conditions)
        self._rows = {name: row_of(self.boxes[name], self.said[name]) for name in CONSTANTS}
        for name, row in self._rows.items():
            self.rows.addRow(f"{name} ({UNITS[name][0]})", row)
            self.boxes[name].valueChanged.connect(lambda value, name=name: self._on_typed(name, value))
        self.experiments.currentIndexChanged.connect(self._show)
        self._show()

    @property
    def experiment(self) -> Experiment:
        """The one chosen; its constants are not those of the boxes."""
        return self.experiments.value

    @property
    def name(self) -> str:
        """What the experiment chosen is called."""
        return self.experiments.currentText()

    def material(self) -> Material:
        """Return the constants, with their intervals where an estimate gave them and nobody typed over it."""
        own = Material.of_experiment(self.experiment)
        known = {name: quantity for name, quantity in self._told.constants.items() if name in own.constants}
        return own.told(Material(known, self._told.guessed))

    def fill(self, estimate: Estimate, experiment: Experiment) -> None:
        """Take the constants of an estimate and the experiment of its estimator."""
        self._told = Material.of_record(estimate.record())
        self._offer(estimate.provenance.model, experiment)

    def suit(self, contrast: Contrast) -> None:
        """Choose an experiment of a contrast, where the one chosen is of another and there is one."""
        if self.experiment.picture.contrast is not contrast:
            fit = [e for e in self._known.values() if e.picture.contrast is contrast]
            self.experiments.value = (*fit, self.experiment)[0]

    def open(self, path: Path) -> None:
        """Take an experiment from a TOML file, or from the card of an estimator.

        Raises
        ------
        BadExperiment, ModelUnavailable
            The file holds none.
        """
        self._offer(path.stem, _experiment_of(path) if path.suffix == ".safetensors" else Experiment.from_toml(path))

    def _offer(self, name: str, experiment: Experiment) -> None:
        self._known = {name: experiment} | {key: e for key, e in self._known.items() if key != name}
        self.experiments.offer(self._known)
        self.experiments.value = experiment
        self._show()

    def _on_browse(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self, "Open an experiment", "", "Experiments and estimators (*.toml *.safetensors)"
        )
        if name:
            try:
                self.open(Path(name))
            except MagtexError as error:
                tell(error)

    def _on_typed(self, name: str, value: float) -> None:
        """A number that a person types has no interval."""
        number = value / UNITS[name][1]
        self._told = self._told.told(Material({name: Quantity(number, number, number, CONSTANTS[name].unit)}))
        self._show()

    def _show(self, _event: Any = None) -> None:
        material = self.material()
        for name, row in self._rows.items():
            quantity = material.constants.get(name)
            self.rows.setRowVisible(row, quantity is not None)
            if quantity is None:
                continue
            box, scale = self.boxes[name], UNITS[name][1]
            blocked = box.blockSignals(True)
            box.setValue(quantity.value * scale)
            box.blockSignals(blocked)
            ends = f"{quantity.low * scale:.4g} … {quantity.high * scale:.4g}"
            guessed = name in material.guessed
            self.said[name].setText("" if quantity.low == quantity.high else f"({ends})" if guessed else f"[{ends}]")
            self.said[name].setToolTip("Not determined: its range" if guessed else "90 % interval")
        self.conditions.setText("<br>".join([_conditions(self.experiment), *map(_sentence, material.assumed)]))
        self.changed.emit()


def constants_text(material: Material) -> str:
    """Write the constants in the units of the field, as a title has them."""
    return ", ".join(f"{name} {value * UNITS[name][1]:.4g} {UNITS[name][0]}" for name, value in material.values.items())


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _conditions(experiment: Experiment) -> str:
    """Say in a line what is simulated, but for the constants."""
    film, conditions = experiment.film, experiment.conditions
    field = ", ".join(f"{1e3 * component:g}" for component in conditions.field_T)
    cell = " x ".join(f"{1e9 * d:.3g}" for d in film.cell)
    return (
        f"Field ({field}) mT, {conditions.temperature_K:g} K, film of {1e9 * film.thickness:.3g} nm in cells of "
        f"{cell} nm, {film.dmi} DMI, {film.boundary}; {experiment.picture.contrast} picture."
    )


def _shipped_experiments() -> dict[str, Experiment]:
    """Return the experiments of the estimators that come with the package."""
    cards = {name: read_card(name) for name in shipped()}
    return {name: Experiment.from_dict(c["experiment"]) for name, c in cards.items() if c.get("kind") == "estimator"}


def _experiment_of(path: Path) -> Experiment:
    return Experiment.from_dict(card_of_kind(path, "estimator")["experiment"])


def _box(name: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(*LIMITS[name])
    box.setDecimals(DECIMALS[name])
    box.setKeyboardTracking(False)
    return box
