"""The form of an experiment: fields for every key of its file, what a layer knows of them, and what is wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import Field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QFormLayout, QLabel, QVBoxLayout, QWidget

from napari_magtex.errors import BadExperiment, MagtexError
from napari_magtex.estimate.channels import CHANNELS
from napari_magtex.estimate.conditions import field_of, number_of
from napari_magtex.estimate.experiment import Coarseness, Experiment
from napari_magtex.estimate.parameters import CONSTANTS, PARAMETERS, tidy
from napari_magtex.estimate.sections import SECTIONS
from napari_magtex.estimate.toml import save_toml
from napari_magtex.files import with_ending
from napari_magtex.picture import Contrast
from napari_magtex.widgets.choices import CONTRASTS
from napari_magtex.widgets.dock import button_row, wrapped_label
from napari_magtex.widgets.editors import Constant, Editor, Fields, Numbers, OneOf, YesNo
from napari_magtex.widgets.fold import Fold
from napari_magtex.widgets.layers import pixel_size_of
from napari_magtex.widgets.pictures import contrast_of, meta_of_frame, texture_of
from napari_magtex.widgets.tables import UNITS
from napari_magtex.widgets.worker import tell

if TYPE_CHECKING:
    from napari.layers import Image

WRONG, DOUBTFUL = "#e8605a", "#d99a2b"  # readable on napari's dark and light backgrounds
START = "fege-spin"  # the shipped experiment that a form begins with
CAPTIONS = {  # of a key: what stands before it, the unit in the window, and how many of it the file's makes
    "field_T": ("Field (x, y, z)", "mT", 1e3),
    "thickness_nm": ("Thickness", "nm", 1.0),
    "cell_nm": ("Cell (x, y)", "nm", 1.0),
    "shape": ("Rows, columns", "cells", 1.0),
    "dmi": ("DMI", "", 1.0),
    "easy_axis": ("Easy axis", "", 1.0),
    "boundary": ("Edges", "", 1.0),
    "demag": ("Demagnetising field", "", 1.0),
    "allow_coarse": ("Allow coarse cells", "", 1.0),
    "colour_map": ("Colour map", "", 1.0),
    "defocus_um": ("Underfocus", "µm", 1.0),
    "voltage_kV": ("Voltage", "kV", 1.0),
    "dose_e_per_px": ("Dose", "e/px", 1.0),
    "noise": ("Noise", "of the contrast", 1.0),
    "kind": ("From", "", 1.0),
    "field_path_T": ("Field path", "mT", 1e3),
    "anneal_K": ("Annealed at", "K", 1.0),
    "films": ("Films to train on", "", 1.0),
    "calibration": ("… for intervals", "", 1.0),
    "test": ("… to test", "", 1.0),
}
ONLY_FOR = {  # keys that matter to some contrasts alone
    "colour_map": (Contrast.SPIN,),
    "defocus_um": (Contrast.LORENTZ,),
    "voltage_kV": (Contrast.LORENTZ,),
    "dose_e_per_px": (Contrast.LORENTZ,),
    "noise": (Contrast.KERR, Contrast.WHEEL),
}
MOSTLY_NONE = PARAMETERS["Di"].key  # what stands in a file only where there is any
ELSEWHERE = {"Ku": ("film", "Ku_kJ_per_m3"), "T": ("conditions", "temperature_K")}  # where a known one stands
GROUPS = (("Conditions", "conditions"), ("Film", "film"), ("Picture", "picture"))
FOLDED = (("Start", "start"), ("Advanced", "training"))
TOLD = ("voltage_kV", "defocus_um", "thickness_nm")  # numbers that a layer's metadata may hold


class ExperimentForm(QWidget):
    """An experiment to look at and to change.

    What it does not show, the loop of ``[hysteresis]``, stays as it was in the file that was opened.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        tables = Experiment.from_toml(START).at(0.0).to_dict()
        tables.pop("training")  # as many films and steps as make it in minutes
        self._start = Experiment.from_dict(tables)
        self._tables = self._start.to_dict()
        self.editors: dict[tuple[str, str], Editor] = {}
        self.constants = {
            name: Constant(UNITS[name][0], tidy(UNITS[name][1] * constant.scale))
            for name, constant in PARAMETERS.items()
        }
        self.touched = False  # by a person: a layer then changes nothing by itself any more
        self.lengths, self.remarks = wrapped_label(), wrapped_label()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(button_row({"Open experiment…": self._on_open, "Save experiment…": self._on_save}))
        self._rows: dict[str, tuple[QFormLayout, Editor]] = {}
        rows = _rows()
        for title, section in GROUPS:
            if section == "film":
                rows.addRow(_heading("Constants"))
                for name in CONSTANTS:
                    rows.addRow("Di (interfacial)" if name == "Di" else name, self.constants[name])
            rows.addRow(_heading(title))
            if section == "conditions":
                rows.addRow("Temperature", self.constants["T"])
            self._add_section(rows, section)
        column.addLayout(rows)
        for title, section in FOLDED:
            inside = QWidget()
            self._add_section(_rows(inside), section)
            column.addWidget(Fold(title, inside))
        column.addWidget(self.remarks)
        for editor in (*self.editors.values(), *self.constants.values()):
            editor.changed.connect(self._on_edited)
        self.show_experiment(self._start)

    def _add_section(self, rows: QFormLayout, section: str) -> None:
        for entry in fields(SECTIONS[section]):
            key = entry.metadata["key"] or entry.name
            if (section, key) in ELSEWHERE.values():
                continue
            caption = CAPTIONS.get(key, (key.replace("_", " ").capitalize(),))[0]
            editor = self.editors[section, key] = _editor(entry, key, caption)
            self._rows[key] = rows, editor
            rows.addRow("" if isinstance(editor, YesNo) else caption, editor)
            if key == "cell_nm":
                rows.addRow(self.lengths)

    # ---- the experiment

    def experiment(self) -> Experiment:
        """Read the form.

        Raises
        ------
        BadExperiment
            What it holds makes no sense.
        """
        return Experiment.from_dict(self.tables())

    def tables(self) -> dict[str, Any]:
        """Return what the form holds, as nested tables, right or wrong."""
        tables = {title: dict(table) for title, table in self._tables.items()}
        for (section, key), editor in self.editors.items():
            tables[section][key] = editor.value
        constants = {PARAMETERS[name].key: editor.value for name, editor in self.constants.items()}
        for name, (section, key) in ELSEWHERE.items():
            entry, tables[section][key] = PARAMETERS[name].key, 0.0
            if self.constants[name].known and entry not in self._tables["parameters"]:
                tables[section][key] = constants.pop(entry)
        if MOSTLY_NONE not in self._tables["parameters"] and constants[MOSTLY_NONE] == 0:
            del constants[MOSTLY_NONE]
        return tables | {"parameters": constants}

    def show_experiment(self, experiment: Experiment) -> None:
        """Fill the form."""
        self._tables = experiment.to_dict()
        self._fill({pair: self._tables[pair[0]][pair[1]] for pair in self.editors})
        known = {PARAMETERS[name].key: self._tables[section][key] for name, (section, key) in ELSEWHERE.items()}
        self._fill_constants({MOSTLY_NONE: 0.0} | known | self._tables["parameters"])
        self._show()

    def open(self, path: str | Path) -> None:
        """Show the experiment of a file.

        Raises
        ------
        BadExperiment
            There is none, or it makes no sense.
        """
        self.show_experiment(Experiment.from_toml(path))
        self.touched = True

    def save(self, path: Path) -> None:
        """Write the experiment to a file.

        Raises
        ------
        BadExperiment, MagtexError
            The form makes no sense, or the disk refuses.
        """
        save_toml(self.experiment(), path)

    def take_from(self, image: Image, frame: int = 0) -> None:
        """Fill in what a layer knows of a frame: contrast, field, optics, thickness, and cells that fit its pixels.

        The rest is as at the start: nothing of a layer before stays.
        """
        self.show_experiment(self._start)
        meta, texture, contrast = meta_of_frame(image, frame), texture_of(image), contrast_of(image)
        told: dict[tuple[str, str], Any] = {}
        if contrast in CHANNELS:
            told["picture", "contrast"] = contrast
        if (field := field_of(meta)) is not None:
            told["conditions", "field_T"] = list(field)
        for section, key in self.editors:
            if key in TOLD and (number := number_of(meta, key)) is not None:
                told[section, key] = number
        if texture is not None and texture.cell is not None and texture.shape[0] == 1:
            told["film", "thickness_nm"] = _nanometres(texture.cell[0])
        self._fill(told)
        if (heat := number_of(meta, "temperature_K")) is not None:
            self._fill_constants({PARAMETERS["T"].key: heat})
        pixel, coarseness = pixel_size_of(image), self.coarseness()
        if pixel is not None and coarseness is not None:
            dy, dx = fitting_cell(pixel, coarseness)
            self._fill({("film", "cell_nm"): [_nanometres(dx), _nanometres(dy)]})
        self._show()

    def coarseness(self) -> Coarseness | None:
        """Compare the cell with the lengths of the ranges; None where the form makes no sense for another reason."""
        tables = self.tables()
        tables["film"]["allow_coarse"] = True
        try:
            return Experiment.from_dict(tables).coarseness()
        except BadExperiment:
            return None

    # ---- showing

    def _fill(self, values: Mapping[tuple[str, str], Any]) -> None:
        for pair, value in values.items():
            self.editors[pair].blockSignals(True)
            self.editors[pair].value = value
            self.editors[pair].blockSignals(False)

    def _fill_constants(self, given: Mapping[str, Any]) -> None:
        for name, constant in self.constants.items():
            if (key := PARAMETERS[name].key) in given:
                constant.blockSignals(True)
                constant.value = given[key]
                constant.blockSignals(False)

    def _on_edited(self) -> None:
        self.touched = True
        self._show()

    def _show(self) -> None:
        """Bring what is said about the experiment to what the form holds."""
        contrast = self.editors["picture", "contrast"].value
        for key, only in ONLY_FOR.items():
            rows, editor = self._rows[key]
            rows.setRowVisible(editor, contrast in only)
        rows, editor = self._rows["easy_axis"]
        rows.setRowVisible(editor, self.constants["Ku"].value != 0)
        coarseness = self.coarseness()
        self.lengths.setText(lengths(coarseness) if coarseness else "")
        try:
            notes = self.experiment().notes()
            self.remarks.setText("<br>".join(f"<span style='color:{DOUBTFUL}'>{_sentence(n)}</span>" for n in notes))
        except BadExperiment as error:
            self.remarks.setText(f"<span style='color:{WRONG}'>{_sentence(str(error))}</span>")
        self.remarks.setVisible(bool(self.remarks.text()))
        self.changed.emit()

    # ---- files

    def _on_open(self, _checked: bool = False) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open an experiment", "", "Experiments (*.toml)")
        if name:
            try:
                self.open(name)
            except MagtexError as error:
                tell(error)

    def _on_save(self, _checked: bool = False) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the experiment", "experiment.toml", "Experiments (*.toml)")
        if name:
            try:
                self.save(with_ending(name, "toml"))
            except MagtexError as error:
                tell(error)


def fitting_cell(pixel: Sequence[float], lengths: Coarseness) -> tuple[float, float]:
    """Return the cell (dy, dx) for pixels (dy, dx), in metres.

    It is the pixel, but where that is refused as too coarse the largest whole part of it that is not, down to a
    quarter; and where it is fine the largest whole multiple of it that is not coarse.
    """
    side = max(pixel)
    if (refused := side / min(2 * lengths.exchange_length, lengths.helix / 4)) > 1:
        factor = 1 / min(4, math.ceil(refused - 1e-9))
    else:
        factor = max(1, math.floor(min(lengths.exchange_length, lengths.helix / 10) / side + 1e-9))
    return pixel[0] * factor, pixel[1] * factor


def lengths(coarseness: Coarseness) -> str:
    """Say in rich text what the cell must resolve in the whole of the ranges, in the colour of how well it does."""
    colour = WRONG if coarseness.too_coarse else DOUBTFUL if coarseness.coarse else "gray"
    return (
        f"<span style='color:{colour}'>Exchange length ≥ {coarseness.exchange_length * 1e9:.3g} nm, "
        f"4π A/D ≥ {coarseness.helix * 1e9:.3g} nm</span>"
    )


def _editor(entry: Field[Any], key: str, caption: str) -> Editor:
    """Return the field for a key: what it holds by default tells of which kind."""
    default, allowed = entry.default, entry.metadata["allowed"]
    _, unit, scale = CAPTIONS.get(key, (caption, "", 1.0))
    if key == "contrast":
        names = {contrast: name for name, contrast in CONTRASTS.items()}
        return OneOf({names.get(contrast, contrast.capitalize()): contrast for contrast in CHANNELS})
    if allowed:
        return OneOf({str(value): value for value in allowed})
    if isinstance(default, bool):
        return YesNo(caption)
    if default == ():
        return Fields()
    if isinstance(default, tuple):
        return Numbers(unit, scale, count=len(default), whole=isinstance(default[0], int))
    return Numbers(unit, scale, whole=isinstance(default, int))


def _rows(parent: QWidget | None = None) -> QFormLayout:
    rows = QFormLayout(parent)
    rows.setContentsMargins(0, 0, 0, 0)
    rows.setVerticalSpacing(3)
    rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return rows


def _heading(text: str) -> QLabel:
    return QLabel(f"<b>{text}</b>")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _nanometres(length: float) -> float:
    return float(f"{length * 1e9:.6g}")
