"""The dock New experiment in a real viewer: training is real but short, on films that are drawn, not relaxed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_magtex.compute import Progress
from napari_magtex.contributions import METADATA_KEY
from napari_magtex.errors import BadRegion
from napari_magtex.estimate import forecast, simulate, train
from napari_magtex.estimate.estimator import Estimator
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.films import FIGURES
from napari_magtex.widgets.estimate import EstimateDock
from napari_magtex.widgets.experiment import WRONG
from napari_magtex.widgets.networks import networks_folder
from napari_magtex.widgets.train import TrainDock
from napari_magtex.widgets.training_chart import FilmSample, drawn, middle

TABLES: dict[str, Any] = {
    "conditions": {"field_T": 0.1},
    "film": {"shape": [40, 40]},
    "parameters": {
        "A_pJ_per_m": {"low": 6, "high": 10},
        "D_mJ_per_m2": {"low": 1.6, "high": 2.4},
        "Ms_MA_per_m": 0.384,
    },
    "picture": {"contrast": "spin"},
    "training": {"films": 9, "calibration": 10, "test": 2, "steps": 6},
}


@pytest.fixture(autouse=True)
def own_folders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, one_thread: None) -> None:
    """Keep off the person's own networks and films."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(train, "_SAVE_EVERY", 1)


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Put a helix of the right period in place of every relaxed film; return the D of all that are made."""
    made: list[float] = []

    def relax_films(experiment: Experiment, constants: np.ndarray, seeds: Any, **_: Any) -> dict[str, np.ndarray]:
        names, (ny, nx) = list(experiment.parameters), experiment.film.shape
        A, D = (constants[:, names.index(name)] for name in ("A", "D"))
        made.extend(D)
        angle = np.arange(nx) * (D / (2 * A) * experiment.cell[2])[:, None]
        if experiment.conditions.field_T[2] > 1:
            angle = 0 * angle
        m = np.stack([0 * angle, np.sin(angle), np.cos(angle)], axis=1)[:, :, None].repeat(ny, axis=2)
        figures = {name: np.ones(len(D), column.dtype) for name, column in FIGURES.items()}
        return figures | {"m": m.astype(np.float32)}

    for module in (simulate, forecast):
        monkeypatch.setattr(module, "relax_films", relax_films)
    monkeypatch.setitem(simulate._CELLS_AT_ONCE, "cpu", 3 * 40 * 40)
    return made


@pytest.fixture
def dock(make_napari_viewer, qtbot) -> TrainDock:
    viewer = make_napari_viewer()
    dock = TrainDock(viewer)
    viewer.window.add_dock_widget(dock, name="New experiment")
    dock.device.value = "cpu"
    return dock


def with_experiment(dock: TrainDock, **sections: Any) -> TrainDock:
    tables = {title: TABLES.get(title, {}) | sections.get(title, {}) for title in TABLES | sections}
    dock.experiment.show_experiment(Experiment.from_dict(tables))
    dock.experiment.touched = True
    return dock


def run(dock: TrainDock, qtbot: Any) -> None:
    dock.runner.button.click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)


def foretold(dock: TrainDock, qtbot: Any) -> str:
    qtbot.waitUntil(lambda: len(dock.foretold.text()) > 25, timeout=30_000)
    return dock.foretold.text()


def test_an_experiment_becomes_an_estimator_that_the_other_dock_offers(dock, qtbot) -> None:
    estimate = EstimateDock(dock.viewer)
    dock.viewer.window.add_dock_widget(estimate, name="Estimate parameters")
    pixels = np.random.default_rng(0).integers(0, 256, (60, 50, 3)).astype(np.uint8)
    dock.viewer.add_image(pixels, rgb=True, scale=(4, 4), units=("nm", "nm"), name="mine")
    with_experiment(dock)
    run(dock, qtbot)
    path = networks_folder() / "my-estimator.safetensors"
    assert dock.trained == path
    assert Estimator.load(path, "cpu").experiment == dock.experiment.experiment()
    assert estimate.estimator.value == path
    assert "<b>my-estimator</b> is trained" in dock.said.text()
    assert "It errs by A" in dock.said.text()
    assert [learned.step for learned in dock.curve.learned] == [1, 2, 3, 4, 5, 6]
    assert len(dock.films._tiles) == 9
    own, said = dock.films._tiles[0]
    assert (own.shape, said) == ((3, 40, 40), "yours")
    assert all(tile[0].shape == (3, 40, 40) for tile in dock.films._tiles)
    assert dock.path() == networks_folder() / "my-estimator-2.safetensors"  # nothing is overwritten


def test_training_begins_only_when_no_films_are_timed_any_more(dock, qtbot, monkeypatch) -> None:
    timed, begun = threading.Event(), list[bool]()

    def cell_seconds(*_: Any) -> float:
        assert timed.wait(30)
        return 1e-6

    def train_estimator(*_: Any, **__: Any) -> Iterator[Any]:
        begun.append(dock.clock.running)
        yield Progress(1, 1)

    monkeypatch.setattr(forecast, "_cell_seconds", cell_seconds)
    monkeypatch.setattr(train, "train_estimator", train_estimator)
    with_experiment(dock)
    qtbot.waitUntil(lambda: dock.clock.running, timeout=30_000)
    dock.runner.button.click()
    qtbot.waitUntil(lambda: "waiting" in dock.runner.progress.format(), timeout=30_000)
    assert begun == []
    timed.set()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=30_000)
    assert begun == [False]


def test_a_region_that_is_refused_leaves_what_was_shown(dock, monkeypatch) -> None:
    with_experiment(dock)
    dock.said.setText("trained before")

    def refuse() -> None:
        raise BadRegion("no area")

    monkeypatch.setattr(dock, "_picture", refuse)
    with pytest.raises(BadRegion):
        dock.prepare()
    assert (dock.said.text(), dock.running) == ("trained before", None)


def test_the_trained_estimator_opens_the_dock_that_uses_it(dock, qtbot) -> None:
    run(with_experiment(dock, training={"steps": 1}), qtbot)
    assert dock.films._tiles[0][1] != "yours"  # there is no picture
    dock.use.click()
    (estimate,) = (w for w in dock.viewer.window.dock_widgets.values() if isinstance(w, EstimateDock))
    assert estimate.estimator.value == dock.trained


@pytest.mark.parametrize("moment", ["films", "training"])
def test_cancel_keeps_what_is_finished_and_train_goes_on(dock, qtbot, made, moment) -> None:
    with_experiment(dock)
    seen = dock.films.isVisibleTo if moment == "films" else lambda _: len(dock.curve.learned) >= 2
    dock.runner.button.click()
    qtbot.waitUntil(lambda: seen(dock) or not dock.runner.running, timeout=30_000)
    dock.runner.cancel.click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=30_000)
    assert dock.trained is None
    assert "press Train to go on" in dock.said.text()
    assert "are kept from before: it goes on from there" in foretold(dock, qtbot)
    films, before = len(made), [learned.step for learned in dock.curve.learned]
    made.clear()
    run(dock, qtbot)
    assert dock.trained is not None
    assert len(made) <= 21 + 2 - films + 2  # but for those that are timed
    steps = [learned.step for learned in dock.curve.learned]
    assert steps == sorted(set(steps))
    assert steps[: len(before)] == before  # the curve goes on
    assert steps[-1] == 6


def test_ranges_without_a_texture_are_told_in_the_dock(dock, qtbot) -> None:
    run(with_experiment(dock, conditions={"field_T": 2.0}), qtbot)
    assert dock.trained is None
    assert "of the first 9 films are uniform" in dock.said.text()
    assert WRONG in dock.said.text()
    assert "are uniform" in notification_manager.records[-1].message
    assert not list(networks_folder().glob("*"))


def test_what_makes_no_sense_cannot_be_trained_and_says_why(dock, qtbot) -> None:
    with_experiment(dock)
    assert dock.runner.button.isEnabled()
    dock.experiment.editors["film", "cell_nm"].value = [40, 40]
    dock.experiment._on_edited()
    assert not dock.runner.button.isEnabled()
    assert "are coarse for the ranges" in dock.experiment.remarks.text()
    with_experiment(dock, parameters={"A_pJ_per_m": 8, "D_mJ_per_m2": 2})
    assert "every constant is a number" in foretold(dock, qtbot)  # known a moment later, and said in its place
    assert not dock.runner.button.isEnabled()
    with_experiment(dock)
    assert dock.runner.button.isEnabled()


def test_the_time_is_foretold_once_the_form_is_settled(dock, qtbot) -> None:
    with_experiment(dock)
    said = foretold(dock, qtbot)
    assert said.startswith("Training takes about ")
    assert "21 films of" in said
    assert "6 steps of" in said
    with_experiment(dock, training={"steps": 7})
    assert dock.foretold.text() == ""
    assert "7 steps of" in foretold(dock, qtbot)


def test_a_layer_fills_in_the_form_until_a_person_has_changed_it(dock, qtbot) -> None:
    layer = {"scale": (4, 4), "units": ("nm", "nm")}
    meta = {"contrast": "lorentz", "defocus_um": 777.0}
    dock.viewer.add_image(np.zeros((50, 50)), metadata={METADATA_KEY: meta}, **layer)
    assert dock.experiment.experiment().picture.defocus == pytest.approx(777e-6)
    with_experiment(dock)
    dock.viewer.add_image(np.zeros((50, 50)), name="other", metadata={METADATA_KEY: meta}, **layer)
    dock.form.layer.value = dock.viewer.layers["other"]
    assert dock.experiment.experiment() == Experiment.from_dict(TABLES)


def test_a_picture_that_cannot_stand_beside_the_films_is_told(dock, qtbot) -> None:
    dock.viewer.add_image(np.random.default_rng(0).random((60, 60)), name="no pixel size")
    run(with_experiment(dock, training={"steps": 1}), qtbot)
    assert dock.trained is not None
    assert "cannot stand beside them: the pixel size is unknown" in dock.beside.text()


def test_grey_films_share_one_scale_and_a_cell_is_as_large_in_all(make_napari_viewer) -> None:
    dark, bright = drawn([np.full((1, 4, 4), v, np.float32) + np.eye(4, dtype=np.float32) / 9 for v in (0.9, 1.1)])
    assert dark.max() < bright.max()
    assert dark[0, 1] < bright[0, 1]
    assert middle(np.arange(60, dtype=np.float32).reshape(1, 6, 10), (4, 20)).shape == (1, 4, 10)
    canvas = FilmSample(make_napari_viewer())
    experiment = Experiment.from_dict(TABLES)
    films = train.SampleFilms(
        np.zeros((2, 3, 40, 40), np.float32), np.array([[8e-12, 2e-3, 3.84e5]] * 2), np.array([False, True])
    )
    canvas.show_films(films, experiment, np.zeros((3, 30, 90), np.float32))
    extents = [image.get_extent() for image in canvas.axes.images]
    assert [(round(x1 - x0), round(y1 - y0)) for x0, x1, y0, y1 in extents] == [(40, 30), (40, 40), (40, 40)]
    assert [text.get_text() for text in canvas.axes.texts] == ["yours", "A 8  D 2", "A 8  D 2\nuniform"]
