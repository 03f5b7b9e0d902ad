"""The dock Predict hysteresis: the loop that an estimate implies, a band over its intervals, and a sample's volume."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFormLayout, QLineEdit, QWidget

from napari_magtex import __version__
from napari_magtex.compute import Device, Progress
from napari_magtex.errors import BadExperiment, UnusablePicture
from napari_magtex.estimate.sections import Conditions, Hysteresis
from napari_magtex.files import told_if_unwritable
from napari_magtex.widgets.choices import DEVICES, Choice
from napari_magtex.widgets.constants import ConstantsForm, constants_text
from napari_magtex.widgets.dock import Dock, row_of, wrapped_label
from napari_magtex.widgets.editors import Numbers
from napari_magtex.widgets.plots import ThemedCanvas

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_magtex.estimate.band import LoopBand
    from napari_magtex.estimate.experiment import Experiment
    from napari_magtex.estimate.material import Material
    from napari_magtex.results import Estimate, Quantity

MOMENTS = {"emu": 1e-3, "µemu": 1e-9, "A m²": 1.0}  # in A m^2
_CUBIC_MILLIMETRE, _CUBIC_MICROMETRE = 1e-9, 1e-18  # in m^3
FIGURES = {"Hc_T": "Coercive field µ₀H<sub>c</sub>", "Hs_knee_T": "Saturation µ₀H<sub>s</sub>, knee"}
FIGURES |= {"Hs_95_T": "Saturation µ₀H<sub>s</sub>, 0.95 M<sub>s</sub>"}


class HysteresisDock(Dock):
    """Takes the film of an experiment around its loop, with constants that are estimated or typed.

    Parameters
    ----------
    napari_viewer
        The viewer that the dock belongs to.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer, "Predict hysteresis")
        self.band: LoopBand | None = None
        self.taken_of: Experiment | None = None  # that of the loop shown
        self.constants, self.device = ConstantsForm(), Choice(DEVICES)
        self.settings = {  # by the keys of an experiment's file
            "max_T": Numbers("mT", 1e3),
            "steps": Numbers(whole=True),
            "direction": Numbers(count=3),
            "grain_nm": Numbers("nm"),
            "Ku_spread": Numbers("%", 100),
            "axis_spread_deg": Numbers("°"),
        }
        self.temperature = Numbers("K")
        self.moment, self.unit = QLineEdit(), Choice(MOMENTS)
        self.moment.setPlaceholderText("not measured")
        self.unit.setMinimumContentsLength(4)
        self.volume = wrapped_label()
        self.ask(self._question())

        self.figures, self.notes = wrapped_label(), wrapped_label()
        self.chart, self.saving = LoopChart(self.viewer), self.save_row("csv", "json", "png")
        for widget in (self.figures, self.chart, self.notes, self.saving):
            self.column.addWidget(widget)
        self.column.addStretch()
        self.constants.experiments.currentIndexChanged.connect(self._on_experiment)
        self.constants.changed.connect(self._show_volume)
        self.moment.textChanged.connect(self._show_volume)
        self.unit.currentIndexChanged.connect(self._show_volume)
        self._on_experiment()
        self._show_volume()
        self._show(None)

    def _question(self) -> QWidget:
        question = QWidget()
        self.rows = QFormLayout(question)
        self.rows.setContentsMargins(0, 0, 0, 0)
        self.rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.rows.addRow(self.constants)
        captions = ("Largest field", "Steps", "Direction x, y, z", "Grains", "Spread of Ku", "Spread of axes")
        for caption, field in zip(captions, self.settings.values(), strict=True):
            self.rows.addRow(caption, field)
        self.rows.insertRow(4, "Temperature", self.temperature)
        self.settings["grain_nm"].setToolTip("Size of the grains, which differ in their anisotropy; 0: none")
        self.settings["grain_nm"].changed.connect(self._show_grains)
        self.rows.addRow("Saturation moment", row_of(self.moment, self.unit))
        self.rows.addRow(self.volume)
        self.rows.addRow("Device", self.device)
        return question

    def fill(self, estimate: Estimate, experiment: Experiment) -> None:
        """Take over what was estimated."""
        self.constants.fill(estimate, experiment)

    def _on_experiment(self, _event: Any = None) -> None:
        """Show the loop that an experiment's own file describes."""
        experiment = self.constants.experiment
        of_file = experiment.hysteresis.to_file()
        for key, field in self.settings.items():
            field.value = of_file[key]
        self.temperature.value = experiment.temperature.low  # where films of many were trained on: at rest
        self._show_grains()

    # ---- computing

    def prepare(self) -> Iterator[Any]:
        """Read the form; the loop and its band follow."""
        chosen = self.constants.experiment
        typed = {key: field.value for key, field in self.settings.items()}
        heat = Conditions.parse({"temperature_K": self.temperature.value}).temperature_K
        loop = Hysteresis.parse(chosen.hysteresis.to_file() | typed)
        experiment = replace(chosen.at(heat), hysteresis=loop)
        self._show(None)
        return _loops(experiment, self.constants.material(), self.device.value)

    def take(self, answer: tuple[Experiment, LoopBand]) -> None:
        """Show the loop."""
        self.taken_of, band = answer
        self._show(band)

    # ---- showing

    def _show(self, band: LoopBand | None) -> None:
        self.band = band
        self.chart.show_band(band)
        for widget in (self.figures, self.chart, self.notes, self.saving):
            widget.setVisible(band is not None)
        if band is not None and self.taken_of is not None:
            notes = (*band.material.put_into(self.taken_of).notes(), *band.notes())
            rows = [f"<tr><td>{caption}</td><td>{_field(band, name)}</td></tr>" for name, caption in FIGURES.items()]
            self.figures.setText(f"<table cellpadding='4'>{''.join(rows)}</table>{band.loop.conditions}.")
            self.notes.setText("<br>".join(f"{note[0].upper()}{note[1:]}." for note in notes))

    def _show_grains(self) -> None:
        """Ask how grains differ where there are some."""
        for key in ("Ku_spread", "axis_spread_deg"):
            self.rows.setRowVisible(self.settings[key], self.settings["grain_nm"].value != 0)

    def _show_volume(self, _event: Any = None) -> None:
        try:
            volume = self._volume(self.constants.material())
            text = "" if volume is None else f"Volume of the sample: {volume_text(volume)}"
        except BadExperiment as error:
            text = str(error)
        self.volume.setText(text)
        self.rows.setRowVisible(self.volume, bool(text))

    def _volume(self, material: Material) -> Quantity | None:
        """Return moment / Ms; None where no moment is given."""
        from napari_magtex.physics.loops import sample_volume

        typed = self.moment.text().strip()
        if not typed:
            return None
        try:
            moment = float(typed.replace("−", "-"))
        except ValueError:
            raise BadExperiment(f"the saturation moment {typed!r} is no number: type one like 2.5e-4") from None
        return sample_volume(moment * self.unit.value, material.constants["Ms"])

    def save(self, path: str | Path) -> None:
        """Write the points as CSV, the figures as JSON or the plot as PNG, as the name ends."""
        from napari_magtex.estimate.band import band_table
        from napari_magtex.estimate.figures import write_figure
        from napari_magtex.estimate.loop_chart import loop_figure
        from napari_magtex.files import write_text

        if self.band is None or self.taken_of is None:
            raise UnusablePicture("there is no loop yet: press Predict hysteresis first")
        band, path = self.band, Path(path)
        with told_if_unwritable(path):
            if path.suffix.lower() == ".json":
                volume = self._volume(band.material)
                sample = {"volume": None if volume is None else asdict(volume)}
                about = band.record() | sample | {"experiment": self.taken_of.to_dict(), "version": __version__}
                write_text(path, json.dumps([about], indent=2, allow_nan=False) + "\n")
            elif path.suffix.lower() == ".png":
                write_figure(loop_figure(band.loop, constants_text(band.material), band), path)
            else:
                write_text(path, band_table(band).to_csv(index=False, lineterminator="\n", float_format="%.9g"))


class LoopChart(ThemedCanvas):
    """M(H), its band, Hc and Hs."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer, height=380)
        self.setMaximumHeight(480)
        self._band: LoopBand | None = None
        self._redraw()

    def show_band(self, band: LoopBand | None) -> None:
        """Draw a loop with its band, or nothing."""
        self._band = band
        self._redraw()

    def paint(self) -> None:
        """Draw the loop."""
        if self._band is None:
            return
        from napari_magtex.estimate.loop_chart import draw_loop

        draw_loop(self.axes, self._band.loop, self._band, ink=self.colours["text"])
        self.dress()


def volume_text(volume: Quantity) -> str:
    """Write a volume with its interval in mm³, or in µm³ where it is below 10⁻⁴ mm³."""
    large = volume.value >= 1e-4 * _CUBIC_MILLIMETRE
    scale, unit = (_CUBIC_MILLIMETRE, "mm³") if large else (_CUBIC_MICROMETRE, "µm³")
    rounded = (float(f"{number / scale:.3g}") for number in (volume.value, volume.low, volume.high))
    value, low, high = (f"{number:,.6g}" for number in rounded)
    return f"{value} {unit}" if volume.low == volume.high else f"{value} {unit} ({low} … {high})"


def _field(band: LoopBand, name: str) -> str:
    """Write a figure of a loop in mT."""
    field, loop = band.field(name), band.loop
    if field is None:
        return "not determined"
    value, low, high = (f"{1e3 * float(loop.told(number)):g}" for number in (field.value, field.low, field.high))
    return f"{value} mT ({low} … {high})" if band.corners else f"{value} mT"


def _loops(
    experiment: Experiment, material: Material, device: Device
) -> Iterator[Progress | tuple[Experiment, LoopBand]]:
    """Take the loops; the experiment goes with them."""
    yield Progress(0, 0, "magnetising")
    from napari_magtex.estimate.band import loop_band

    for step in loop_band(experiment, material, device=device):
        yield step if isinstance(step, Progress) else (experiment, step)
