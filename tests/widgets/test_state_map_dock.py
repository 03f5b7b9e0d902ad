"""The dock Map states in a real viewer, with a network that is real but untrained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.utils.notifications import notification_manager

from napari_magtex.classify.state_map import LABELS
from napari_magtex.contributions import METADATA_KEY
from napari_magtex.errors import MagtexError, UnreadableFile, Unsuitable
from napari_magtex.picture import Contrast
from napari_magtex.states.definitions import State
from napari_magtex.widgets.plots import STATE_COLOURS, quantity_label
from napari_magtex.widgets.series import Series, read_series, series_in
from napari_magtex.widgets.state_map import StateMapDock


@pytest.fixture
def dock_in(make_napari_viewer, tiny_classifier, qtbot):
    def open_dock() -> StateMapDock:
        viewer = make_napari_viewer()
        dock = StateMapDock(viewer, model=tiny_classifier)
        viewer.window.add_dock_widget(dock)
        dock.device.value = "cpu"
        dock.steps.value = 2
        return dock

    return open_dock


def run(dock: StateMapDock, qtbot: Any) -> None:
    dock.form.contrast.value = Contrast.KERR
    dock.runner.button.click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)


def last_notice() -> str:
    return notification_manager.records[-1].message


@pytest.mark.parametrize("region", [False, True])
def test_the_map_lies_exactly_over_its_input_with_a_legend(dock_in, qtbot, frame, region) -> None:
    dock = dock_in()
    image = dock.viewer.add_image(
        frame, scale=(2, 3), translate=(50, -20), rotate=37, shear=[0.1], units=("nm", "nm"), name="frame"
    )
    inside = np.ones(frame.shape, bool)
    if region:
        corners = [image.data_to_world(at) for at in [(30, 40), (30, 104), (94, 104), (94, 40)]]
        dock.viewer.add_shapes([corners], shape_type="polygon", units=("nm", "nm"), name="roi")
        dock.form.roi.value = dock.viewer.layers["roi"]
        inside[:] = False
        inside[30:94, 40:104] = True
    run(dock, qtbot)
    layer = dock.viewer.layers["states: frame"]
    assert np.array_equal(layer.data > 0, inside)
    for at in [(0, 0), (10, 20), (119, 159)]:
        np.testing.assert_allclose(layer.data_to_world(at), image.data_to_world(at), atol=1e-9)
    assert layer.units == image.units
    (result,) = dock.results()
    assert sum(result.fractions.values()) + result.declined + result.no_contrast == pytest.approx(1)
    for state in (State.FM_STRIPES, State.FM_SKYRMIONS):
        share = (layer.data[inside] == LABELS[state]).mean()
        assert result.fractions[state] == pytest.approx(share)
        assert (state.caption in dock.legend.text()) == (share > 0)
    assert f"Windows of {result.window_px} px" in dock.remark.text()
    assert "in Kerr light" in dock.remark.text()
    assert not dock.track.isVisibleTo(dock)
    assert dock.viewer.layers.selection.active is not layer
    run(dock, qtbot)
    assert sum(each.name == "states: frame" for each in dock.viewer.layers) == 1


def test_each_state_has_its_own_colour_for_good(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(frame, name="frame")
    run(dock, qtbot)
    colours = dock.labels.colormap.map(np.arange(14, dtype=np.uint8))
    assert len({tuple(colours[number]) for number in range(1, 12)}) == 11
    red = tuple(int(STATE_COLOURS[State.FM_SKYRMIONS][i : i + 2], 16) / 255 for i in (1, 3, 5))
    np.testing.assert_allclose(colours[7][:3], red, atol=1e-6)
    assert (colours[[0, 12, 13]] == 0).all()


def test_the_window_can_be_told_in_pixels_or_nm(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(frame, scale=(2, 2), units=("nm", "nm"), name="frame")
    dock.side.setValue(80)
    run(dock, qtbot)
    assert dock.results()[0].window_px == 80
    dock.unit.value = "nm"
    dock.side.setValue(120)
    run(dock, qtbot)
    assert dock.results()[0].window_px == 60
    assert "60 px (120 nm)" in dock.remark.text()
    dock.side.setValue(2000)
    run(dock, qtbot)
    assert "the picture is 160 x 120 pixels" in last_notice()


def test_nm_and_fields_are_offered_as_soon_as_the_layer_knows_them(dock_in, frame) -> None:
    dock = dock_in()
    image = dock.viewer.add_image(np.stack([frame] * 2), name="stack")
    assert dock.unit.count() == 1
    image.metadata = {METADATA_KEY: {"field_mT": [1, 2]}}
    image.scale, image.units = (1, 2, 2), ("pixel", "nm", "nm")
    assert dock.unit.count() == 2
    assert dock.against.value == Series("field_mT", (1, 2))
    dock.form.layer.value = dock.viewer.add_image(frame, name="other")
    assert dock.unit.count() == 1
    image.scale = (1, 3, 3)
    assert dock.unit.count() == 1


def test_a_stack_is_plotted_against_its_field_and_follows_the_slider(dock_in, qtbot, frame, tmp_path) -> None:
    dock = dock_in()
    stack = np.stack([np.roll(frame, 5 * n, axis=1) for n in range(4)])
    fields = [30.0, 20.0, 10.0, 0.0]
    dock.viewer.add_image(stack, scale=(10, 1, 1), name="stack", metadata={METADATA_KEY: {"field_mT": fields}})
    dock.viewer.dims.set_point(0, 20)
    run(dock, qtbot)
    assert [(result.provenance.frame, result.at["field_mT"]) for result in dock.results()] == list(enumerate(fields))
    assert len({result.window_px for result in dock.results()}) == 1
    layer = dock.viewer.layers["states: stack"]
    assert layer.data.shape == stack.shape
    assert (layer.data > 0).all()
    assert layer.extent.world[1][0] == 30
    assert dock.track.axes.get_xlabel() == "field (mT)"
    drawn = {line.get_label(): line for line in dock.track.axes.lines if not str(line.get_label()).startswith("_")}
    for caption, line in drawn.items():
        assert list(line.get_xdata()) == fields
        assert caption in {*(state.caption for state in State), "Declined", "No contrast"}
    total = np.sum([line.get_ydata() for line in drawn.values()], axis=0)
    np.testing.assert_allclose(total, 100)
    dock.viewer.dims.set_point(0, 10)
    assert list(dock.track.marker.get_xdata()) == [20.0, 20.0]
    assert dock.current().result.provenance.frame == 1
    dock.against.value = None
    assert dock.track.axes.get_xlabel() == "frame"
    assert list(dock.track.marker.get_xdata()) == [1.0, 1.0]
    (tmp_path / "T.csv").write_text("frame,temperature_K\n3,300\n2,200\n1,100\n0,5\n")
    dock.against.open_file(tmp_path / "T.csv")
    assert dock.track.axes.get_xlabel() == "temperature (K)"
    dock.save(tmp_path / "areas.csv")
    dock.save(tmp_path / "areas.json")
    assert list(pd.read_csv(tmp_path / "areas.csv")["at_temperature_K"]) == [5, 100, 200, 300]
    assert json.loads((tmp_path / "areas.json").read_text())[1]["at"] == {"temperature_K": 100}


def test_one_frame_of_a_stack_lies_on_that_frame_alone(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(np.stack([frame] * 3), scale=(10, 1, 1), name="stack")
    dock.viewer.dims.set_point(0, 20)
    dock.form.frames.value = False
    run(dock, qtbot)
    layer = dock.viewer.layers["states: stack"]
    assert layer.data.shape == (1, *frame.shape)
    assert layer.extent.world[0][0] == 20
    assert [result.provenance.frame for result in dock.results()] == [2]


def test_cancel_keeps_the_frames_that_are_done(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(np.stack([frame] * 300), name="stack")
    dock.form.contrast.value = Contrast.KERR
    dock.runner.button.click()
    qtbot.waitUntil(lambda: len(dock.areas) > 1, timeout=60_000)
    dock.runner.cancel.click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    done = {result.provenance.frame for result in dock.results()}
    assert 1 < len(done) < 300
    assert {int(n) for n in np.flatnonzero(dock.labels.data.any(axis=(1, 2)))} == done
    assert dock.runner.button.isEnabled()


def test_one_bad_frame_does_not_lose_the_others(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    stack = np.stack([frame] * 3)
    stack[0] = np.nan
    dock.viewer.add_image(stack, name="stack")
    run(dock, qtbot)
    assert [result.provenance.frame for result in dock.results()] == [1, 2]
    assert "frame 0: no pixel of the picture is finite" in last_notice()


def test_the_layer_may_be_deleted_meanwhile(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(np.stack([frame] * 3), name="stack")
    dock.runner.button.click()
    dock.viewer.layers.remove("stack")
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert len(dock.results()) == 3


def test_without_a_layer_or_a_map_the_person_is_told(dock_in, qtbot, tmp_path) -> None:
    dock = dock_in()
    dock.runner.button.click()
    assert "no image layer is open" in last_notice()
    with pytest.raises(MagtexError, match="press Map states first"):
        dock.save(tmp_path / "areas.csv")


@pytest.mark.parametrize(
    ("text", "series"),
    [
        ("frame;field_T\n0;0,1\n1;0,25\n2;0,3\n", Series("field_T", (0.1, 0.25, 0.3))),
        ("frame;field_T\n0;0.1\n1;0.25\n2;1\n", Series("field_T", (0.1, 0.25, 1))),
        ("field_T\n0,1\n0,25\n0,3\n", Series("field_T", (0.1, 0.25, 0.3))),
        ('"frame","field_mT"\r\n"0","5"\r\n"1","6"\r\n"2","7"\r\n', Series("field_mT", (5, 6, 7))),
        ("\ufefffield_mT,note,\n5,x,\n6,y,\n7,z,\n", Series("field_mT", (5, 6, 7))),
        ("frame,field_mT\n1,5\n0,-5\n2,15\n", Series("field_mT", (-5, 5, 15))),
        ("file;temperature_K\na.tif;10\nb.tif;20\nc.tif;30\n", Series("temperature_K", (10, 20, 30))),
        ("frame, pressure_GPa\n0, 1\n1, 2\n2, 3\n", Series("pressure_GPa", (1, 2, 3))),
        ("field_T\n0.1\n0.2\n0.3\n", Series("field_T", (0.1, 0.2, 0.3))),
        ("# mine\nframe\tnote\tfield_T\tI_A\n0\tx\t1\t9\n1\ty\t2\t9\n2\tz\t3\t9\n", Series("field_T", (1, 2, 3))),
    ],
)  # fmt: skip
def test_a_csv_gives_a_number_to_each_frame(text: str, series: Series, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(text, encoding="utf-8")
    assert read_series(tmp_path / "s.csv", 3) == [series]


def test_every_known_column_of_a_csv_can_be_chosen(dock_in, frame, tmp_path: Path) -> None:
    dock = dock_in()
    dock.viewer.add_image(np.stack([frame] * 3), name="stack")
    (tmp_path / "s.csv").write_text("frame,temperature_K,field_mT\n0,300,1\n1,200,2\n2,100,3\n")
    dock.against.open_file(tmp_path / "s.csv")
    assert dock.against.value == Series("field_mT", (1, 2, 3))
    dock.against.value = Series("temperature_K", (300, 200, 100))
    assert "temperature" in dock.against.choice.currentText()


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("frame,field_mT\n0,5\n1,6\n", Unsuitable, "s.csv has 2 rows, the stack 3 frames"),
        ("frame,field_mT\n1,5\n2,6\n3,7\n", Unsuitable, "the column frame must hold every frame once, from 0 to 2"),
        ("frame,field_mT\n0,5\n0,6\n1,7\n", Unsuitable, "every frame once"),
        ("frame,field_mT\n0,5\n1,inf\n2,7\n", UnreadableFile, "row 2: no number in the column field_mT"),
        ("frame,field_T\n0,0,1\n1,0,2\n2,0,3\n", UnreadableFile, "is no CSV"),
        ("frame,field_mT\n0,5\n1,high\n2,7\n", UnreadableFile, "row 2: no number in the column field_mT"),
        ("frame,a,b\n0,1,2\n1,1,2\n2,1,2\n", UnreadableFile, "has the columns frame, a, b: name one of them field_mT"),
        ("frame,note\n0,x\n1,y\n2,z\n", UnreadableFile, "has the columns frame, note"),
        ("", UnreadableFile, "is no CSV"),
    ],
)
def test_a_csv_that_does_not_fit_the_stack_is_told(text: str, error: type, says: str, tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(error, match=says):
        read_series(tmp_path / "s.csv", 3)


def test_a_csv_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="is no CSV"):
        read_series(tmp_path / "nowhere.csv", 3)


def test_acquisition_data_count_where_there_is_a_number_for_each_frame() -> None:
    meta = {"field_T": [0.1, 0.2], "temperature_K": 5.0, "field_mT": [1, 2, 3]}
    assert series_in(meta, 2) == [Series("field_T", (0.1, 0.2))]
    assert [quantity_label(name) for name in ("field_T", "temperature_K", "run")] == [
        "field (T)",
        "temperature (K)",
        "run",
    ]
