"""The dock Estimate parameters in a real viewer, with a network that is real but untrained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.utils.notifications import notification_manager
from npe2 import PluginManager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton

from napari_magtex.errors import ModelUnavailable
from napari_magtex.estimate.estimator import Estimator
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.picture import Contrast
from napari_magtex.results import Estimate, Provenance, Quantity
from napari_magtex.widgets.estimate import ATTENTION, EstimateDock, Row
from napari_magtex.widgets.networks import networks_folder
from napari_magtex.widgets.tables import GREY, EstimateTable, estimate_row


@pytest.fixture
def dock_in(make_napari_viewer, tiny_estimator):
    def open_dock(viewer: Any = None) -> EstimateDock:
        viewer = viewer or make_napari_viewer()
        dock = EstimateDock(viewer)
        viewer.window.add_dock_widget(dock)
        dock.offer_estimator(tiny_estimator)
        dock.device.value = "cpu"
        dock.form.contrast.value = Contrast.LORENTZ
        return dock

    return open_dock


def run(dock: EstimateDock, qtbot: Any) -> None:
    dock.runner.button.click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert dock.runner.button.isEnabled()


def last_notice() -> str:
    return notification_manager.records[-1].message


def test_each_shape_gives_a_row_with_units(dock_in, qtbot, frame, tmp_path) -> None:
    dock = dock_in()
    dock.viewer.add_image(frame, scale=(4, 4), units=("nm", "nm"), name="film")
    shapes = [[[0, 0], [0, 400], [400, 400], [400, 0]], [[40, 40], [40, 460], [440, 460], [440, 40]]]
    dock.viewer.add_shapes(shapes, shape_type=["rectangle", "polygon"], units=("nm", "nm"), name="roi")
    dock.form.roi.value = dock.viewer.layers["roi"]
    run(dock, qtbot)
    first, second = dock.results()
    assert first.provenance.roi == (0, 0, 100, 100)
    assert second.provenance.roi == (10, 10, 115, 110)
    shown = dock.table.frame
    assert list(shown.columns) == ["ROI", "Method", "A (pJ/m)", "D (mJ/m²)", "Ms (kA/m)", "period (nm)", "Remark"]
    assert list(shown["ROI"]) == ["x 0–100\ny 0–100", "x 10–115\ny 10–110"]
    dock.save(tmp_path / "estimates.csv")
    table = pd.read_csv(tmp_path / "estimates.csv")
    assert list(table["roi"]) == ["0;0;100;100", "10;10;115;110"]
    assert 4e-12 <= table["A_value"][0] <= 12e-12


@pytest.mark.parametrize("turn", [0, 25])
def test_maps_lie_over_the_windows_that_they_come_from(dock_in, qtbot, frame, turn) -> None:
    dock = dock_in()
    image = dock.viewer.add_image(
        frame, scale=(4, 4), translate=(100, 7), rotate=turn, shear=[0.1], units=("nm", "nm"), name="film"
    )
    corners = [image.data_to_world(at) for at in [(8, 24), (8, 144), (112, 144), (112, 24)]]
    dock.viewer.add_shapes([corners], shape_type="polygon", units=("nm", "nm"), name="roi")
    dock.form.roi.value = dock.viewer.layers["roi"]
    run(dock, qtbot)
    maps = dock.rows[0].maps
    assert maps.names == ("A", "D", "Ms")
    layers = [dock.viewer.layers[f"{name}: film"] for name in ("A (pJ/m)", "D (mJ/m²)", "Ms (kA/m)")]
    for layer, values, scale in zip(layers, maps.values, (1e12, 1e3, 1e-3), strict=True):
        np.testing.assert_allclose(layer.data, values * scale)
        for row, column in [(0, 0), tuple(n - 1 for n in values.shape)]:
            centre = np.add(maps.origin, np.multiply(maps.stride_px, (row, column)))
            half = np.array(maps.window_px) / 2
            assert np.all(centre - half >= (7, 23))
            assert np.all(centre + half <= (112.5, 144.5))
            np.testing.assert_allclose(layer.data_to_world((row, column)), image.data_to_world(centre), atol=1e-9)
    assert [layer.visible for layer in layers] == [True, False, False]


def test_what_an_answer_hangs_on_lies_over_its_region_and_anchors_stand_beside(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    image = dock.viewer.add_image(frame, scale=(4, 4), translate=(100, 7), units=("nm", "nm"), name="film")
    square = np.add([[40, 80], [40, 320], [280, 320], [280, 80]], (100, 7))
    dock.viewer.add_shapes([square], shape_type="rectangle", units=("nm", "nm"), name="roi")
    dock.form.roi.value = dock.viewer.layers["roi"]
    run(dock, qtbot)
    assert dock.anchors.text().startswith("Without the network: period (nm): ")
    period = float(dock.anchors.text().split("(nm): ")[1].split()[0])
    assert period == pytest.approx(18 * 4, rel=0.1)
    assert "ring" in dock.anchors.toolTip()
    assert dock.onward.isEnabled()
    button = next(b for b in dock.onward.findChildren(QPushButton) if b.text() == ATTENTION)
    button.click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    layers = [layer for layer in dock.viewer.layers if layer.name.startswith("attention for ")]
    assert [layer.name.split()[2].rstrip(":") for layer in layers] == list(dock.rows[0].maps.names)
    y0, x0 = dock.results()[0].provenance.roi[1], dock.results()[0].provenance.roi[0]
    first = layers[0].data_to_world((0, 0))
    np.testing.assert_allclose(first, image.data_to_world((y0, x0)), atol=1e-6)
    assert np.nanmax(layers[0].data) == pytest.approx(1)


def test_without_a_pixel_size_it_asks_and_refuses(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    known = dock.viewer.add_image(frame, scale=(4, 4), units=("nm", "nm"), name="known")
    assert not dock.pixel_size.isVisibleTo(dock)
    unknown = dock.viewer.add_image(frame, name="unknown")
    dock.form.layer.value = unknown
    assert dock.pixel_size.isVisibleTo(dock)
    run(dock, qtbot)
    assert "the pixel size of unknown is unknown" in last_notice()
    assert dock.rows == []
    dock.pixel_size.setValue(4)
    run(dock, qtbot)
    assert len(dock.rows) == 1
    assert dock.rows[0].estimate.provenance.settings["pixel_size"] == pytest.approx((4e-9, 4e-9))
    dock.form.layer.value = known
    assert not dock.pixel_size.isVisibleTo(dock)


def test_the_frame_shown_is_estimated_and_its_maps_stay_on_it(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(np.stack([frame] * 3), scale=(1, 4, 4), units=("pixel", "nm", "nm"), name="stack")
    dock.viewer.dims.set_point(0, 2)
    run(dock, qtbot)
    assert [row.estimate.provenance.frame for row in dock.rows] == [2]
    assert dock.viewer.layers["A (pJ/m): stack"].extent.world[0][0] == 2


def test_the_maps_of_each_frame_are_layers_of_their_own(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(np.stack([frame] * 2), scale=(1, 4, 4), units=("pixel", "nm", "nm"), name="stack")
    dock.form.frames.value = True
    run(dock, qtbot)
    for number in range(2):
        assert dock.viewer.layers[f"A (pJ/m), frame {number}: stack"].extent.world[0][0] == number


def test_too_small_a_region_or_picture_is_told(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(frame[:20, :20], scale=(4, 4), units=("nm", "nm"))
    run(dock, qtbot)
    assert "cells" in last_notice()
    assert dock.rows == []


def test_the_layer_may_be_deleted_meanwhile(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(frame, scale=(4, 4), units=("nm", "nm"), name="film")
    dock.runner.button.click()
    dock.viewer.layers.remove("film")
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert len(dock.rows) == 1


def test_a_classifier_is_no_estimator(dock_in, tiny_classifier) -> None:
    with pytest.raises(ModelUnavailable, match="an estimator is needed"):
        dock_in().offer_estimator(tiny_classifier)


def test_units_that_disagree_are_said(dock_in, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(frame, scale=(4, 4), units=("nm", "nm"))
    assert not dock.form.note.isVisibleTo(dock)
    dock.viewer.add_shapes(name="bare")
    assert dock.form.note.isVisibleTo(dock)


def estimate(**more: Any) -> Estimate:
    given: dict[str, Any] = {
        "provenance": Provenance("x", 0, Contrast.LORENTZ, None, "", "tiny", {"doubts": ["the field is 1 T"]}),
        "method": "network",
        "A": Quantity(8e-12, 7e-12, 9e-12, "J/m"),
        "D": Quantity(1.6e-3, 0.8e-3, 2.4e-3, "J/m^2"),
        "D_sign": 0,
        "Ms": Quantity(384e3, 350e3, 410e3, "A/m"),
        "period": Quantity(70e-9, 68e-9, 72e-9, "m"),
        "applicable": True,
        "determined": ("A", "Ms", "period"),
    }
    return Estimate(**given | more)


def test_the_table_speaks_the_fields_units_and_greys_what_is_not_determined() -> None:
    row = estimate_row(estimate(), {"A": 0.3e-12, "D": 0.1e-3})
    assert row["A (pJ/m)"] == "8.0\n[7.0 … 9.0]\nspread 0.30"
    assert row["Ms (kA/m)"] == "384\n[350 … 410]"
    assert row["D (mJ/m²)"] == "not determined\n(0.8 … 2.4)"
    table = EstimateTable()
    table.show_rows([row, estimate_row(estimate(applicable=False))])
    grey = [
        [table.data(table.index(r, c), Qt.ItemDataRole.ForegroundRole) == GREY for c in range(table.columnCount())]
        for r in range(2)
    ]
    assert grey[0] == [False, False, False, True, False, False, False]
    assert all(grey[1])
    assert "not applicable: the field is 1 T" in table.frame["Remark"][1].replace("\n", " ")


def test_a_texture_is_estimated_by_its_torque_balance_too(dock_in, qtbot, tiny_spin_estimator) -> None:
    dock = dock_in()
    dock.offer_estimator(tiny_spin_estimator)
    dock.form.contrast.value = None
    dock.viewer.open_sample("napari-magtex", "chiral_skyrmions")
    run(dock, qtbot)
    assert [row.estimate.method for row in dock.rows] == ["network", "torque_balance"]
    assert dock.rows[1].estimate.residual is not None
    assert list(dock.table.frame["Method"]) == ["network", "torque\nbalance"]
    image = dock.form.image
    maps = [layer for layer in dock.viewer.layers if layer is not image]
    for layer in maps:  # a window is centred well inside the texture
        assert np.all(layer.extent.world[0] > image.extent.world[0])
        assert np.all(layer.extent.world[1] < image.extent.world[1])


def test_what_one_region_refuses_does_not_lose_the_others(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(frame, scale=(4, 4), units=("nm", "nm"))
    shapes = [[[0, 0], [0, 80], [80, 80], [80, 0]], [[0, 0], [0, 400], [400, 400], [400, 0]]]
    dock.viewer.add_shapes(shapes, units=("nm", "nm"), name="roi")
    dock.form.roi.value = dock.viewer.layers["roi"]
    run(dock, qtbot)
    assert [row.estimate.provenance.roi for row in dock.rows] == [(0, 0, 100, 100)]
    assert last_notice().startswith("region 1: ")


def test_a_row_opens_the_docks_that_go_on_with_it_filled(dock_in, qtbot, frame) -> None:
    manager = PluginManager.instance()
    manager.discover()
    manager.enable("napari-magtex")
    dock = dock_in()
    assert not dock.onward.isEnabled()
    dock.viewer.add_image(frame, scale=(4, 4), units=("nm", "nm"), name="film")
    shapes = [[[0, 0], [0, 400], [400, 400], [400, 0]], [[0, 40], [0, 460], [440, 460], [440, 40]]]
    dock.viewer.add_shapes(shapes, units=("nm", "nm"), name="roi")
    dock.form.roi.value = dock.viewer.layers["roi"]
    run(dock, qtbot)
    assert not dock.onward.isEnabled()  # two rows, none chosen
    dock.view.selectRow(1)
    assert dock.onward.isEnabled()
    _, check, hysteresis = dock.onward.findChildren(QPushButton)
    check.click()
    hysteresis.click()
    opened = {type(widget).__name__: widget for widget in dock.viewer.window.dock_widgets.values()}
    assert opened["CheckDock"].estimated is dock.rows[1].area
    for each in (opened["CheckDock"], opened["HysteresisDock"]):
        assert each.constants.name == "tiny-lorentz"
        assert each.constants.material().values["A"] == dock.rows[1].estimate.A.value
    dock.view.selectRow(0)
    check.click()
    assert len(dock.viewer.window.dock_widgets) == 3
    assert opened["CheckDock"].estimated is dock.rows[0].area


def test_what_is_known_goes_to_the_estimator_in_si_units(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    assert dock.known.values == {}
    dock.known.name.value = "Ms"
    dock.known.number.setValue(384)
    assert dock.known.number.suffix() == " kA/m"
    dock.viewer.add_image(frame, scale=(4, 4), units=("nm", "nm"), name="film")
    run(dock, qtbot)
    (answer,) = dock.results()
    assert (answer.Ms.low, answer.Ms.value, answer.Ms.high) == pytest.approx((384e3,) * 3)
    dock.known.number.setValue(2000)
    run(dock, qtbot)
    assert "Ms_MA_per_m = 2 is not within what this estimator was trained for" in last_notice()
    dock.known.name.value = None
    dock.known.temperature.setValue(265)
    assert dock.known.values == {"T": 265}


def test_a_field_that_is_told_goes_before_the_picture(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(frame, scale=(4, 4), units=("nm", "nm"), name="film", metadata={"field_T": 0.18})
    dock.known.temperature.setValue(-1)
    assert dock.known.conditions == {}
    dock.known.field.setValue(240)
    assert dock.known.conditions == {"field_T": pytest.approx(0.24)}
    run(dock, qtbot)
    (answer,) = dock.results()  # electrons see how strong a film is: in another field it is another experiment
    assert any("the field is (0, 0, 0.24) T" in doubt for doubt in answer.provenance.settings["doubts"])


def test_an_estimator_that_was_trained_meanwhile_is_offered(dock_in, tiny_estimator, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    dock = dock_in()
    mine = networks_folder() / "mine.safetensors"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(tiny_estimator.read_bytes())
    (mine.parent / "broken.safetensors").write_bytes(b"")
    dock.estimator.showPopup()
    dock.estimator.hidePopup()
    offered = [dock.estimator.itemText(i) for i in range(dock.estimator.count())]
    assert "mine" in offered
    assert "broken" not in offered
    assert dock.estimator.value == tiny_estimator  # the choice stays


def test_a_check_is_made_at_the_heat_that_was_told(tiny_estimator) -> None:
    hot = replace(Estimator.load(tiny_estimator), experiment=Experiment.from_toml("fege-lorentz"))
    said = Quantity(264.6, 250, 280, "K")
    for T, expected in ((said, 265), (None, 0)):
        row = Row(None, estimate(T=T), hot)
        assert row.conditions.conditions.temperature_K == expected
        assert "T" not in row.conditions.parameters


def test_a_texture_that_is_not_at_rest_is_told_so() -> None:
    row = estimate_row(estimate(method="torque_balance", applicable=False, residual=0.3))
    assert "not applicable: not at rest: 30% of the torques are left" in row["Remark"].replace("\n", " ")


def test_what_was_told_and_what_goes_beside_the_columns_is_said() -> None:
    told = estimate(Ms=Quantity(384e3, 384e3, 384e3, "A/m"), known=("Ms",), T=Quantity(265, 250, 280, "K"))
    row = estimate_row(told)
    assert row["Ms (kA/m)"] == "384\nknown"
    assert "T 265 K (250 to 280)" in row["Remark"]
