"""The dock Predict hysteresis in a real viewer, on films that switch in an instant."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from napari.utils.notifications import notification_manager
from PIL import Image as Png

from napari_magtex.errors import UnusablePicture
from napari_magtex.estimate.material import Material
from napari_magtex.results import Quantity
from napari_magtex.widgets.hysteresis import HysteresisDock, volume_text

pytestmark = pytest.mark.usefixtures("one_thread")

MAGNET = """
[film]
shape = [40, 40]
demag = false
dmi = "interfacial"
[parameters]
A_pJ_per_m = 10
D_mJ_per_m2 = 0
Ms_MA_per_m = {low = 0.5, high = 0.72}
Ku_kJ_per_m3 = 400
[hysteresis]
max_T = 1.8
steps = 18
"""


@pytest.fixture
def dock(make_napari_viewer, tmp_path) -> HysteresisDock:
    viewer = make_napari_viewer()
    dock = HysteresisDock(viewer)
    viewer.window.add_dock_widget(dock)
    path = tmp_path / "magnet.toml"
    path.write_text(MAGNET)
    dock.constants.open(path)
    dock.device.value = "cpu"
    return dock


def run(dock: HysteresisDock, qtbot: Any) -> None:
    dock.runner.button.click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert dock.runner.button.isEnabled()


def last_notice() -> str:
    return notification_manager.records[-1].message


def test_a_loop_with_its_band_is_shown_said_and_saved(dock, qtbot, tmp_path) -> None:
    with pytest.raises(UnusablePicture, match="there is no loop yet"):
        dock.save(tmp_path / "loop.csv")
    dock.moment.setText("2.4e-4")
    run(dock, qtbot)
    Hc = dock.band.field("Hc_T")
    assert Hc.low < Hc.value < Hc.high
    assert "1100 mT (1100 … 1500)" in dock.figures.text()  # to the digits that steps of 200 mT resolve
    assert "Ms was not determined: the middle of its range is used." in dock.notes.text()
    assert len(dock.chart.axes.collections) == 2
    dock.save(tmp_path / "loop.csv")
    dock.save(tmp_path / "loop.json")
    dock.save(tmp_path / "loop.png")
    assert len(pd.read_csv(tmp_path / "loop.csv")) == 38
    (record,) = json.loads((tmp_path / "loop.json").read_text())
    assert record["films"] == 3
    assert record["volume"]["value"] == pytest.approx(2.4e-7 / 0.61e6)
    assert record["experiment"]["hysteresis"]["steps"] == 18
    with Png.open(tmp_path / "loop.png") as png:
        assert png.size == (1275, 750)


def test_the_form_is_that_of_the_experiments_file_and_changes_it(dock, qtbot) -> None:
    assert dock.settings["max_T"].value == pytest.approx(1.8)
    assert dock.settings["max_T"].lines[0].text() == "1800"
    dock.settings["steps"].value = 10
    dock.settings["direction"].value = [1, 0, 0]
    dock.constants.boxes["Ms"].setValue(600)
    run(dock, qtbot)
    assert dock.band.corners == ()
    assert len(dock.band.loop.field_T) == 11
    assert dock.band.loop.conditions.axis[0] > 0.99
    assert dock.taken_of.hysteresis.steps == 10


def test_the_film_of_an_experiment_of_many_temperatures_is_taken_at_one(dock, qtbot, tmp_path) -> None:
    path = tmp_path / "warm.toml"
    path.write_text(MAGNET.replace("Ku_kJ_per_m3 = 400", "Ku_kJ_per_m3 = 800\nT_K = {low = 0, high = 300}"))
    dock.constants.open(path)
    assert dock.temperature.value == 0
    dock.constants.boxes["Ms"].setValue(600)
    run(dock, qtbot)
    assert dock.taken_of.temperature.values == (0.0,)
    assert "domain walls stick to the mesh" in dock.notes.text()
    dock.temperature.value = 5.0
    dock.prepare()  # any other is possible too


@pytest.mark.parametrize(
    ("key", "typed", "said"),
    [
        ("max_T", "much", "[hysteresis] max_T is 'much': give a number"),
        ("steps", "3", "[hysteresis] steps is 3: give a whole number, at least 10"),
        ("grain_nm", "2", "grains of 2 nm do not fit cells of 4 nm"),
    ],
)
def test_settings_that_make_no_sense_are_said(dock, qtbot, key, typed, said) -> None:
    dock.settings[key].lines[0].setText(typed)
    run(dock, qtbot)
    assert said in last_notice()
    assert dock.band is None


def test_how_grains_differ_is_asked_where_there_are_some(dock, qtbot) -> None:
    assert not dock.settings["Ku_spread"].isVisibleTo(dock)
    qtbot.keyClicks(dock.settings["grain_nm"].lines[0], "20")
    assert dock.settings["Ku_spread"].isVisibleTo(dock)
    assert dock.settings["Ku_spread"].lines[0].text() == "10"


def test_the_volume_follows_moment_unit_and_ms(dock) -> None:
    assert not dock.volume.isVisibleTo(dock)
    dock.constants.boxes["Ms"].setValue(500)
    dock.moment.setText("5e-4")
    assert dock.volume.text() == "Volume of the sample: 0.001 mm³"  # 5e-7 A m^2 / 5e5 A/m = 1e-12 m^3
    dock.unit.setCurrentText("µemu")
    assert dock.volume.text() == "Volume of the sample: 1 µm³"
    dock.moment.setText("-1")
    assert "positive moment" in dock.volume.text()
    dock.moment.setText("some")
    assert "'some' is no number" in dock.volume.text()
    dock.moment.setText("")
    assert not dock.volume.isVisibleTo(dock)


def test_a_volume_is_told_with_its_interval() -> None:
    assert volume_text(Quantity(4e-13, 3.3e-13, 4.8e-13, "m^3")) == "0.0004 mm³ (0.00033 … 0.00048)"
    assert volume_text(Quantity(4e-17, 3e-17, 5e-17, "m^3")) == "40 µm³ (30 … 50)"


def test_cancel_ends_a_long_loop(dock, qtbot) -> None:
    dock.settings["steps"].value = 100_000
    dock.runner.button.click()
    qtbot.waitUntil(lambda: "field falling" in dock.runner.progress.format(), timeout=60_000)
    dock.runner.cancel.click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert dock.band is None
    assert isinstance(dock.constants.material(), Material)
