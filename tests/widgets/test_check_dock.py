"""The dock Check by simulation in a real viewer, on films that relax in an instant."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.utils.notifications import notification_manager
from PIL import Image as Png

from napari_magtex.colours import spin_to_rgb
from napari_magtex.errors import UnusablePicture
from napari_magtex.picture import Contrast, Region
from napari_magtex.results import Estimate, Provenance, Quantity
from napari_magtex.widgets.check import GAP, CheckDock
from napari_magtex.widgets.estimate import Area

pytestmark = pytest.mark.usefixtures("one_thread")

EXPERIMENT = """
[film]
demag = false
[parameters]
A_pJ_per_m = 8.78
D_mJ_per_m2 = 1.58
Ms_MA_per_m = 0.384
[start]
kind = "helix"
"""
ESTIMATE = Estimate(
    Provenance("x.png", 0, Contrast.SPIN, None, "", "mine", {}),
    "network",
    Quantity(8.78e-12, 8.5e-12, 9.1e-12, "J/m"),
    Quantity(1.58e-3, 1.5e-3, 1.7e-3, "J/m^2"),
    -1,
    Quantity(4e5, 2e5, 6e5, "A/m"),
    Quantity(70e-9, 68e-9, 72e-9, "m"),
    True,
    ("A", "D", "period"),
)
NM = {"scale": (4, 4), "units": ("nm", "nm")}


@pytest.fixture
def helix() -> np.ndarray:
    """A Bloch helix of 16 cells in MuMax3's colours, (48, 56, 3) of 8 bits: the one that the experiment makes."""
    phase = 2 * np.pi / 16 * np.tile(np.arange(56), (48, 1))
    m = np.stack([0 * phase, -np.sin(phase), np.cos(phase)], axis=-1)
    return np.round(255 * spin_to_rgb(m)).astype(np.uint8)


@pytest.fixture
def dock_in(make_napari_viewer, tmp_path):
    def open_dock() -> CheckDock:
        viewer = make_napari_viewer()
        dock = CheckDock(viewer)
        viewer.window.add_dock_widget(dock)
        path = tmp_path / "helix.toml"
        path.write_text(EXPERIMENT)
        dock.constants.open(path)
        dock.device.value = "cpu"
        return dock

    return open_dock


def run(dock: CheckDock, qtbot: Any) -> None:
    dock.runner.button.click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert dock.runner.button.isEnabled()


def last_notice() -> str:
    return notification_manager.records[-1].message


def test_a_simulated_picture_lies_beside_the_experiment_and_is_compared_in_numbers(
    dock_in, qtbot, helix, tmp_path
) -> None:
    dock = dock_in()
    image = dock.viewer.add_image(helix, rgb=True, name="film", translate=(100, 20), rotate=25, **NM)
    dock.seeds.setValue(2)
    assert not dock.figures.isVisibleTo(dock)
    run(dock, qtbot)
    layer = dock.viewer.layers["simulated: film"]
    assert layer.data.shape == (48, 56, 3)
    np.testing.assert_allclose(layer.scale, image.scale)
    assert layer.units == image.units
    for row, column in [(0, 0), (47, 55)]:
        beside = image.data_to_world((row, column + 56 * (1 + GAP)))
        np.testing.assert_allclose(layer.data_to_world((row, column)), beside, atol=1e-9)
    assert dock.viewer.layers.selection.active is image
    text = dock.figures.text()
    # three turns fit 48 cells of the picture; 56 cells hold 3 turns of 18.67 cells, 74.7 nm
    comparison = dock.comparison
    assert comparison.measured.period == pytest.approx(64e-9, rel=0.03)
    assert comparison.difference("period") == pytest.approx(74.7 / 64 - 1, abs=0.03)
    assert f"{100 * comparison.difference('period'):+.1f}&nbsp;%" in text
    assert "Skyrmions (1/µm²)" in text
    assert len(dock.chart.axes.lines) == 4  # two spectra, two periods
    for ending in ("csv", "json", "png"):
        dock.save(tmp_path / f"check.{ending}")
    assert len(pd.read_csv(tmp_path / "check.csv")) == len(comparison.wave_number)
    (record,) = json.loads((tmp_path / "check.json").read_text())
    assert (record["seeds"], record["experiment"]) == (2, "helix")
    with Png.open(tmp_path / "check.png") as png:
        assert png.size[0] > 500
    run(dock, qtbot)
    assert [each.name for each in dock.viewer.layers] == ["film", "simulated: film"]


def test_a_region_of_an_enlarged_stack_is_checked_at_the_films_scale(dock_in, qtbot, helix) -> None:
    dock = dock_in()
    stack = np.stack([np.zeros_like(np.kron(helix, np.ones((2, 2, 1), np.uint8)))] * 2)
    stack[1] = np.kron(helix, np.ones((2, 2, 1), np.uint8))
    image = dock.viewer.add_image(stack, rgb=True, name="stack", scale=(1, 2, 2), units=("pixel", "nm", "nm"))
    dock.viewer.dims.set_point(0, 1)
    corners = np.array([[10, 6], [10, 102], [92, 102], [92, 6]]) * 2
    dock.viewer.add_shapes([corners], units=("nm", "nm"), name="roi")
    dock.form.roi.value = dock.viewer.layers["roi"]
    assert not dock.form.frames.isVisibleTo(dock)
    run(dock, qtbot)
    assert dock.comparison.provenance.roi == (6, 10, 102, 92)
    assert dock.comparison.provenance.frame == 1
    layer = dock.viewer.layers["simulated: stack"]
    assert layer.data.shape == (1, 41, 48, 3)
    np.testing.assert_allclose(layer.scale, (1, 4, 4))
    # the outer corner of the first pixel lies level with the region's, and right of the whole picture
    corner = np.asarray(layer.data_to_world((0, -0.5, -0.5)))
    np.testing.assert_allclose(corner, image.data_to_world((1, 9.5, 112 * (1 + GAP) - 0.5)), atol=1e-9)


def test_the_area_of_an_estimate_is_checked_until_another_is_chosen(dock_in, qtbot, helix) -> None:
    dock = dock_in()
    image = dock.viewer.add_image(helix, rgb=True, name="uncalibrated")
    area = Area(image, 0, Region(8, 0, 56, 48), "", None, (4e-9, 4e-9))
    dock.fill(area, ESTIMATE, dock.constants.experiment)
    assert dock.of_estimate.text() == "As estimated: x 8–56, y 0–48"
    assert dock.constants.boxes["D"].value() == pytest.approx(-1.58)
    run(dock, qtbot)
    assert dock.comparison.provenance.roi == (8, 0, 56, 48)
    assert "Ms was not determined: the middle of its range is used." in dock.notes.text()
    dock.viewer.add_image(helix, rgb=True, name="other")
    dock.form.layer.value = dock.viewer.layers["other"]
    assert not dock.of_estimate.isVisibleTo(dock)
    run(dock, qtbot)
    assert "the pixel size of other is unknown" in last_notice()


def test_several_regions_and_coarse_constants_are_refused(dock_in, qtbot, helix) -> None:
    dock = dock_in()
    dock.viewer.add_image(helix, rgb=True, **NM)
    box = np.array([[0, 0], [0, 180], [180, 180], [180, 0]])
    dock.viewer.add_shapes([box, box + 10], units=("nm", "nm"), name="roi")
    dock.form.roi.value = dock.viewer.layers["roi"]
    run(dock, qtbot)
    assert "roi holds 2 regions, one is checked at a time" in last_notice()
    dock.form.roi.value = None
    dock.constants.boxes["D"].setValue(9)
    run(dock, qtbot)
    assert "cells of 4 nm are coarse" in last_notice()
    with pytest.raises(UnusablePicture, match="nothing is checked yet"):
        dock.save(Path("x.csv"))
