"""The dock New experiment: describe how a picture came about, and train an estimator for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QFileDialog, QLineEdit, QPushButton, QWidget

from napari_magtex.compute import Device, Progress
from napari_magtex.errors import BadExperiment, MagtexError
from napari_magtex.picture import Picture
from napari_magtex.widgets.choices import DEVICES, Choice
from napari_magtex.widgets.dock import Dock, row_of, wrapped_label
from napari_magtex.widgets.estimate import EstimateDock
from napari_magtex.widgets.experiment import WRONG, ExperimentForm
from napari_magtex.widgets.fold import Fold
from napari_magtex.widgets.networks import free_path, networks_folder
from napari_magtex.widgets.pictures import picture_of
from napari_magtex.widgets.training_chart import FilmSample, LearningCurve
from napari_magtex.widgets.worker import Runner

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_magtex.estimate.experiment import Experiment
    from napari_magtex.estimate.forecast import Forecast

_PATIENCE = 0.05  # seconds between two looks at whether films are still timed
SETTLED = 800  # milliseconds without a change, after which the time is foretold
KEPT = "Films are kept chunk by chunk, the training every 50 steps: after Cancel, Train goes on from there."


@dataclass(frozen=True, eq=False)
class Own:
    """The person's picture as the network sees it, (channels, rows, columns); or why it cannot be shown so."""

    values: NDArray[np.float32] | None
    refused: str = ""


class TrainDock(Dock):
    """Asks for an experiment, and trains an estimator while it shows how that goes.

    Parameters
    ----------
    napari_viewer
        The viewer whose picture the estimator is for.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer, "Train")
        self.experiment, self.device = ExperimentForm(), Choice(DEVICES)
        self.fold = Fold("Experiment", self.experiment, unfolded=True)
        self.name, self.foretold = QLineEdit("my-estimator"), wrapped_label()
        rows, last = self.form.rows, self.form.rows.rowCount() - 1
        rows.setRowVisible(self.form.contrast, False)  # the experiment says it
        rows.insertRow(last, self.fold)
        rows.insertRow(last + 1, "Save as", self._name_row())
        rows.insertRow(last + 2, "Device", self.device)
        rows.insertRow(last + 3, self.foretold)

        self.said, self.beside = wrapped_label(), wrapped_label()
        self.curve, self.films = LearningCurve(self.viewer), FilmSample(self.viewer)
        self.use = QPushButton("Estimate with it")
        self.clock, self.waiting = Runner("", self._foretelling, self._on_foretold, self.viewer), QTimer(self)
        for widget in (self.said, self.use, self.curve, self.beside, self.films, self.clock):
            self.column.addWidget(widget)
            widget.hide()
        self.column.addStretch()

        self.trained: Path | None = None
        self.running: Experiment | None = None
        self._own: NDArray[np.float32] | None = None
        self._refused = ""  # why the experiment cannot be trained, beyond what the form knows
        self.waiting.setSingleShot(True)
        self.waiting.setInterval(SETTLED)
        self.waiting.timeout.connect(self._on_settled)
        self.clock.ended.connect(self._on_clock_ended)
        self.runner.ended.connect(self._on_ended)
        self.use.clicked.connect(self._on_use)
        self.experiment.changed.connect(self._on_changed)
        self.device.currentIndexChanged.connect(self._on_changed)
        self.form.layer.currentIndexChanged.connect(self._on_layer)
        self._on_layer()

    def _name_row(self) -> QWidget:
        browse = QPushButton("Folder…")
        browse.setToolTip(f"Without one it goes to {networks_folder()}")
        browse.clicked.connect(self._on_browse)
        return row_of(self.name, browse)

    def _on_browse(self, _checked: bool = False) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, "Save the estimator as", str(self.path()), "Weights (*.safetensors)"
        )
        if name:
            self.name.setText(name.removesuffix(".safetensors"))

    def path(self) -> Path:
        """Return the file that training writes: never one that is there, unless it was chosen by its folder."""
        name = Path(self.name.text().strip() or "my-estimator").expanduser()
        path = name.with_name(f"{name.name.removesuffix('.safetensors')}.safetensors")
        return path if path.is_absolute() else free_path(networks_folder() / path)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Stop foretelling, too, when the dock is closed."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.waiting.stop()
            self.clock.quit()

    # ---- the experiment

    def _on_layer(self, _index: int = 0) -> None:
        self.form.rows.setRowVisible(self.form.frames, False)  # the one shown is
        image = self.form.layer.value
        if image is not None and not self.experiment.touched:
            self.experiment.take_from(image, self.form.shown)
        self._on_changed()

    def _on_changed(self, _event: Any = None) -> None:
        """Let nothing be trained that makes no sense, and foretell the time once nothing changes any more."""
        self._refused = ""
        self.foretold.setText("")
        self._show()
        self.waiting.start()

    def _sensible(self) -> Experiment | None:
        try:
            return self.experiment.experiment()
        except BadExperiment:
            return None

    def _on_settled(self) -> None:
        if self.clock.running:
            self.clock.quit()  # of an older experiment; begins anew when it has ended
        elif not self.runner.running and self._sensible() is not None:
            self.foretold.setText("Timing a few films…")
            self.clock.start()

    def _on_clock_ended(self) -> None:
        self.clock.hide()
        if not self.foretold.text() or self.waiting.isActive():
            self.waiting.start()

    def _foretelling(self) -> Iterator[Any]:
        return _foretelling(self.experiment.experiment(), self.device.value)

    def _on_foretold(self, answer: Forecast | MagtexError) -> None:
        if isinstance(answer, MagtexError):
            self._refused = str(answer)
            self.foretold.setText(_wrong(answer))
        else:
            self.foretold.setText(f"{going_on(answer)}Training takes {answer}.")
        self._show()

    # ---- training

    def prepare(self) -> Iterator[Any]:
        """Read the form; simulated films, the loss and at last the estimator's file follow."""
        experiment, path, look = self.experiment.experiment(), self.path(), self._picture()  # or one of them refuses
        self.waiting.stop()
        self.clock.quit()
        if experiment != self.running:
            self.curve.clear()
        self.films.clear()
        self.running, self.trained, self._own = experiment, None, None
        self.fold.set_unfolded(False)
        self.foretold.setText("")
        self.said.setText(KEPT)
        self._show()
        return _training(experiment, path, self.device.value, look, lambda: self.clock.running)

    def _picture(self) -> Callable[[], Picture] | None:
        """Return what reads the person's picture, cut to the first region; None where no layer is open."""
        if self.form.layer.value is None:
            return None
        image, frame, region = self.form.image, self.form.shown, self.form.regions()[0]
        return lambda: picture_of(image, frame=frame, roi=region)

    def take(self, answer: Any) -> None:
        """Show what a training tells of itself."""
        from napari_magtex.estimate.train import Learned, SampleFilms

        if isinstance(answer, Own):
            self._own = answer.values
            self.beside.setText(answer.refused)
        elif isinstance(answer, SampleFilms):
            assert self.running is not None
            self.films.show_films(answer, self.running, self._own)
            self.films.show()
            self.beside.setText(_beside(answer, self._own is not None, self.beside.text()))
            self.beside.show()
        elif isinstance(answer, Learned):
            self.curve.add(answer)
            self.curve.show()
        elif isinstance(answer, MagtexError):
            self.said.setText(_wrong(answer))
        else:
            self.trained = answer
            self.said.setText(how_good(answer))
            if (dock := self._estimate_dock()) is not None:
                dock.offer_estimator(answer)

    def _on_ended(self) -> None:
        if self.trained is None:
            self.fold.set_unfolded(not self.curve.learned)
            if self.said.text() == KEPT:
                self.said.setText("Stopped. What was finished is kept: press Train to go on from there.")
            self.waiting.start()
        self._show()

    def _on_use(self, _checked: bool = False) -> None:
        assert self.trained is not None
        dock = self._estimate_dock()
        if dock is None:
            _, dock = self.viewer.window.add_plugin_dock_widget("napari-magtex", "Estimate parameters…")
        dock.offer_estimator(self.trained)
        if self.form.layer.value is not None:
            dock.form.layer.value = self.form.layer.value

    def _estimate_dock(self) -> EstimateDock | None:
        docks = self.viewer.window.dock_widgets.values()
        return next((dock for dock in docks if isinstance(dock, EstimateDock)), None)

    # ---- showing

    def _show(self) -> None:
        running = self.runner.running
        self.runner.button.setEnabled(not running and not self._refused and self._sensible() is not None)
        self.said.setVisible(bool(self.said.text()))
        self.use.setVisible(self.trained is not None)
        self.experiment.setEnabled(not running)
        for widget in (self.name, self.device):
            widget.setEnabled(not running)


def going_on(forecast: Forecast) -> str:
    """Say what is kept from a run before, if anything is."""
    if not forecast.films_kept:
        return ""
    steps = f" and {forecast.steps_kept} of {forecast.steps} steps" if forecast.steps_kept else ""
    return f"{forecast.films_kept} of {forecast.films} films{steps} are kept from before: it goes on from there. "


def how_good(path: Path) -> str:
    """Say in rich text what the card of an estimator tells of it."""
    from napari_magtex.models.store import read_card

    card = read_card(path)
    test, lines = card["test"], [f"<b>{card['name']}</b> is trained, and saved in {path.parent}."]
    textured = test["films"] - test["uniform"]
    errors = ", ".join(
        f"{name} {figures['median_relative_error_percent']:.2g} %" for name, figures in test["parameters"].items()
    )
    if textured:
        lines.append(f"It errs by {errors}: the median over {textured} films with a texture that it had never seen.")
    return "<br>".join(lines)


def _beside(films: Any, own: bool, refused: str) -> str:
    flat = int(films.uniform.sum())
    said = [f"{'Your picture, and' if own else ''} films that it learns from, in the same cells and colours.".strip()]
    if refused:
        said.append(f"Your picture cannot stand beside them: {refused}.")
    if flat:
        said.append(f"{flat} of {len(films.uniform)} are uniform: such films bound the constants, and fix none.")
    said[0] = said[0][:1].upper() + said[0][1:]
    return " ".join(said)


def _wrong(error: MagtexError) -> str:
    return f"<span style='color:{WRONG}'>{str(error)[:1].upper()}{str(error)[1:]}.</span>"


def _foretelling(experiment: Experiment, device: Device) -> Iterator[Progress | Forecast | MagtexError]:
    """Foretell how long a training takes, or why there can be none."""
    from napari_magtex.estimate.forecast import forecast

    try:
        yield from forecast(experiment, device=device)
    except MagtexError as error:
        yield error


def _training(
    experiment: Experiment,
    path: Path,
    device: Device,
    look: Callable[[], Picture] | None,
    timing: Callable[[], bool],
) -> Iterator[Any]:
    """Read the person's picture, then train; what goes wrong is also an answer, so that it stays in the dock.

    It waits while films are timed: that is done on one thread, to which whatever begins meanwhile would be bound.
    """
    while timing():
        yield Progress(0, 0, "waiting for the timing of films to end")
        time.sleep(_PATIENCE)
    from napari_magtex.estimate.channels import channels
    from napari_magtex.estimate.train import train_estimator

    if look is not None:
        try:
            yield Own(channels(look(), experiment).values)
        except MagtexError as error:
            yield Own(None, str(error))
    try:
        yield from train_estimator(experiment, path, device=device)
    except MagtexError as error:
        yield error
        raise
