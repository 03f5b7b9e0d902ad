"""The dock Check by simulation: films of the constants estimated, beside the picture that they were estimated from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtWidgets import QLabel, QSpinBox

from napari_magtex.compute import Device, Progress
from napari_magtex.errors import UncalibratedPicture, UnusablePicture
from napari_magtex.files import told_if_unwritable
from napari_magtex.widgets.choices import DEVICES, Choice
from napari_magtex.widgets.constants import ConstantsForm, constants_text
from napari_magtex.widgets.dock import Dock, wrapped_label
from napari_magtex.widgets.estimate import Area
from napari_magtex.widgets.layers import pixel_size_of
from napari_magtex.widgets.pictures import as_analysed, contrast_of, part_of, stack_shape
from napari_magtex.widgets.plots import ThemedCanvas

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_magtex.estimate.compare import Comparison
    from napari_magtex.estimate.experiment import Experiment
    from napari_magtex.estimate.material import Material
    from napari_magtex.results import Estimate

GAP = 0.05  # of the picture's width, between it and the simulated one
MOST_SEEDS = 8
FIGURES = {  # caption, how many of its unit make one of SI's, format, and whether a relative difference says anything
    "period": ("Period (nm)", 1e9, ".3g", True),
    "skyrmion_density": ("Skyrmions (1/µm²)", 1e-12, ".3g", True),
    "mean_mz": ("Mean m<sub>z</sub>", 1.0, ".3f", False),
}


class CheckDock(Dock):
    """Relaxes films with given constants under a picture's conditions, and says how far they are from the picture.

    Parameters
    ----------
    napari_viewer
        The viewer whose picture is checked.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer, "Check by simulation")
        self.comparison: Comparison | None = None
        self.estimated: Area | None = None  # until another layer or region is chosen
        self.constants, self.device, self.seeds = ConstantsForm(), Choice(DEVICES), QSpinBox()
        self.seeds.setRange(1, MOST_SEEDS)
        self.seeds.setToolTip("Films from different random starts: their spread is that of chance")
        self.of_estimate = QLabel()
        last = self.form.rows.rowCount() - 1
        self.form.rows.insertRow(last, self.of_estimate)
        self.form.rows.insertRow(last + 1, self.constants)
        self.form.rows.insertRow(last + 2, "Films", self.seeds)
        self.form.rows.insertRow(last + 3, "Device", self.device)

        self.figures, self.notes = wrapped_label(), wrapped_label()
        self.chart, self.saving = SpectraChart(self.viewer), self.save_row("csv", "json", "png")
        for widget in (self.figures, self.chart, self.notes, self.saving):
            self.column.addWidget(widget)
        self.column.addStretch()
        for choice in (self.form.layer, self.form.contrast, self.form.roi):
            choice.currentIndexChanged.connect(self._on_chosen)
        self._on_chosen()
        self._show(None)

    def fill(self, area: Area, estimate: Estimate, experiment: Experiment) -> None:
        """Take over what was estimated, and of what."""
        if area.image in self.viewer.layers:
            self.form.layer.value = area.image
        self.form.contrast.value = area.contrast
        self.constants.fill(estimate, experiment)
        self.estimated = area
        self._show_area()

    def _on_chosen(self, _event: Any = None) -> None:
        self.estimated = None
        image = self.form.layer.value
        if image is not None and (contrast := self.form.contrast.value or contrast_of(image)):
            self.constants.suit(contrast)
        self._show_area()

    def _show_area(self) -> None:
        self.form.rows.setRowVisible(self.form.frames, False)  # one picture is checked: the one shown, or estimated
        self.of_estimate.setVisible(self.estimated is not None)
        if self.estimated is not None:
            region, frame = self.estimated.region, self.estimated.frame
            where = "x {0}–{2}, y {1}–{3}".format(*region.bounds) if region else "the whole picture"
            self.of_estimate.setText(f"As estimated: {where}" + (f" of frame {frame}" if frame else ""))

    # ---- computing

    def prepare(self) -> Iterator[Any]:
        """Read the form; the comparison follows."""
        area = self.estimated or self._chosen_area()
        self._show(None)
        constants = self.constants
        return _checking(
            area, constants.experiment, constants.material(), constants.name, self.seeds.value(), self.device.value
        )

    def _chosen_area(self) -> Area:
        image, regions = self.form.image, self.form.regions()
        if len(regions) > 1:
            raise UnusablePicture(
                f"{self.form.roi.currentText()} holds {len(regions)} regions, one is checked at a time: keep one shape "
                "in it, or open this dock from a row of Estimate parameters"
            )
        pixel_size = pixel_size_of(image)
        if pixel_size is None:
            raise UncalibratedPicture(
                f"the pixel size of {image.name} is unknown, so no length can be compared: take Layers > Data > Read "
                "calibration, or type it in Estimate parameters and open this dock from there"
            )
        return Area(image, self.form.shown, regions[0], "", self.form.contrast.value, pixel_size)

    def take(self, answer: tuple[Area, Comparison]) -> None:
        """Lay the simulated picture to the right of the other, and show what differs."""
        area, comparison = answer
        self._add_simulated(area, comparison)
        self._show(comparison)

    def _add_simulated(self, area: Area, comparison: Comparison) -> None:
        simulated = comparison.pictures[0]
        seen, _ = as_analysed(area.image, area.frame)
        width = (seen.data[0] if seen.multiscale else seen.data).shape[-2 if seen.rgb else -1]
        top = area.region.y0 if area.region else 0
        cell, pixel = simulated.pixel_size, comparison.provenance.settings["pixel_size"]
        assert cell is not None
        step = (cell[0] / pixel[0], cell[1] / pixel[1])
        origin = (top + (step[0] - 1) / 2, width * (1 + GAP) + (step[1] - 1) / 2)  # of the first pixel's centre
        lead = (np.newaxis,) * len(stack_shape(area.image))
        placement = part_of(area.image, area.frame, origin=origin, step=step)
        name = f"simulated: {area.image.name}"
        self.add_result(simulated.pixels[lead], name, placement, of=area.image, rgb=simulated.is_colour)
        self.viewer.reset_view()

    # ---- showing

    def _show(self, comparison: Comparison | None) -> None:
        self.comparison = comparison
        self.chart.show_comparison(comparison)
        for widget in (self.figures, self.notes, self.chart, self.saving):
            widget.setVisible(comparison is not None)
        if comparison is not None:
            self.figures.setText(figures_table(comparison))
            self.notes.setText("<br>".join(f"{note[0].upper()}{note[1:]}." for note in comparison.notes))
            self.notes.setVisible(bool(comparison.notes))

    def save(self, path: str | Path) -> None:
        """Write the spectra as CSV, all figures as JSON or the plot as PNG, as the name ends."""
        from napari_magtex.estimate.compare import spectra_table
        from napari_magtex.estimate.compare_chart import spectra_figure
        from napari_magtex.estimate.figures import write_figure
        from napari_magtex.files import write_text
        from napari_magtex.results import write_json

        if self.comparison is None:
            raise UnusablePicture("nothing is checked yet: press Check by simulation first")
        comparison, path = self.comparison, Path(path)
        with told_if_unwritable(path):
            if path.suffix.lower() == ".json":
                write_json([comparison], path)
            elif path.suffix.lower() == ".png":
                title = f"{Path(comparison.provenance.file).name}\n{constants_text(comparison.material)}"
                write_figure(spectra_figure(comparison, title), path)
            else:
                write_text(
                    path, spectra_table(comparison).to_csv(index=False, lineterminator="\n", float_format="%.6g")
                )


class SpectraChart(ThemedCanvas):
    """The radial spectra of the picture and of the films, with their periods marked."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(viewer, height=260)
        self.setMaximumHeight(340)
        self._comparison: Comparison | None = None
        self._redraw()

    def show_comparison(self, comparison: Comparison | None) -> None:
        """Draw both spectra, or nothing."""
        self._comparison = comparison
        self._redraw()

    def paint(self) -> None:
        """Draw the spectra."""
        if self._comparison is None:
            return
        from napari_magtex.estimate.compare_chart import draw_spectra

        draw_spectra(self.axes, self._comparison)
        self.dress()


def figures_table(comparison: Comparison) -> str:
    """Return a table in rich text: each figure of the picture and of the films, and how they differ."""
    rows = ["<tr><td></td><td><b>Picture</b></td><td><b>Simulated</b></td><td><b>Difference</b></td></tr>"]
    several = len(comparison.simulated) > 1
    for name, (caption, scale, digits, relative) in FIGURES.items():
        measured, spread = getattr(comparison.measured, name), comparison.spread(name)
        if measured is None and spread is None:
            continue
        simulated = "not found"
        if spread is not None:
            mean, low, high = (f"{value * scale:{digits}}" for value in (spread.mean, spread.low, spread.high))
            simulated = f"{mean}<br>{low}&nbsp;…&nbsp;{high}" if several else mean
        difference = comparison.difference(name) if relative else None
        cells = [
            caption,
            "not found" if measured is None else f"{measured * scale:{digits}}",
            simulated,
            "" if difference is None else f"<b>{100 * difference:+.1f}&nbsp;%</b>",
        ]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    return f"<table cellpadding='2'>{''.join(rows)}</table>"


def _checking(
    area: Area, experiment: Experiment, material: Material, name: str, seeds: int, device: Device
) -> Iterator[Progress | tuple[Area, Comparison]]:
    """Read the area and compare it with films."""
    yield Progress(0, 0, "reading the picture")
    from napari_magtex.estimate.compare import compare

    for step in compare(area.picture(), experiment, material, name=name, seeds=seeds, device=device):
        yield step if isinstance(step, Progress) else (area, step)
