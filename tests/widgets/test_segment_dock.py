"""The dock Segment skyrmions in a real viewer, with a threshold and with a network that is real but untrained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from napari.layers import Labels, Points
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks
from napari.utils.notifications import notification_manager
from numpy.typing import NDArray
from wrapt import ObjectProxy

from napari_magtex.contributions import METADATA_KEY, texture_layer
from napari_magtex.errors import MagtexError
from napari_magtex.segment.kinds import Kind, Polarity
from napari_magtex.segment.measure import COLUMNS
from napari_magtex.texture import Lattice, SpinTexture
from napari_magtex.widgets.segment import SegmentDock
from napari_magtex.widgets.segment_layers import CHOSEN

PLACES = [(y, x) for y in range(20, 120, 30) for x in range(20, 160, 30)]
RADIUS = 8


def kerr(places: Sequence[tuple[int, int]] = PLACES, seed: int = 0) -> NDArray[np.float32]:
    """A frame (120, 160) of dark discs and noise."""
    y, x = np.ogrid[:120, :160]
    inside = np.zeros((120, 160), bool)
    for row, column in places:
        inside |= (y - row) ** 2 + (x - column) ** 2 <= RADIUS**2
    return (128 - 40 * inside + 8 * np.random.default_rng(seed).standard_normal(inside.shape)).astype(np.float32)


@pytest.fixture
def dock_in(make_napari_viewer, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))

    def open_dock(model: str | Path = "none") -> SegmentDock:
        viewer = make_napari_viewer()
        dock = SegmentDock(viewer, model=model)
        viewer.window.add_dock_widget(dock)
        dock.device.value = "cpu"
        return dock

    return open_dock


def run(dock: SegmentDock, qtbot: Any) -> None:
    dock.runner.button.click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)


def settle(dock: SegmentDock, qtbot: Any) -> None:
    """Wait until what was drawn is counted."""
    qtbot.waitUntil(lambda: not dock._stroke.isActive() and not dock.recounter.running, timeout=30_000)


def last_notice() -> str:
    return notification_manager.records[-1].message


def labels_in(dock: SegmentDock) -> Labels:
    return next(layer for layer in dock.viewer.layers if layer.name.startswith("skyrmions: "))


def centres_in(dock: SegmentDock) -> Points:
    return next(layer for layer in dock.viewer.layers if layer.name.startswith("order: "))


def rows_of(dock: SegmentDock) -> list[int]:
    return [dock.view.table.label(row) for row in range(dock.view.table.rowCount())]


class Mouse:
    """The mouse as napari's canvas hands it on: a press, moves, and a release at world positions."""

    def __init__(self, kind: str, position: Sequence[float], pixel: tuple[float, float], viewer: Any) -> None:
        self.type, self.position, self.pos, self.button, self.buttons = kind, tuple(position), pixel, 1, [1]
        self.view_direction, self.up_direction, self.dims_displayed = None, None, list(viewer.dims.displayed)
        self.dims_point, self.modifiers, self.handled, self.is_dragging = viewer.dims.point, [], False, False
        self.camera_zoom = 1.0


def click(viewer: Any, position: Sequence[float], *, drag: float = 0) -> None:
    """Click in the canvas, or drag by so many of its pixels."""
    steps = [("mouse_press", 0.0, mouse_press_callbacks), ("mouse_move", drag, mouse_move_callbacks),
             ("mouse_release", drag, mouse_release_callbacks)]  # fmt: skip
    for kind, moved, hand_on in steps:
        if kind != "mouse_move" or drag:
            for obj in (viewer, viewer.layers.selection.active):
                if obj is not None:
                    hand_on(obj, ObjectProxy(Mouse(kind, position, (100 + moved, 100), viewer)))


def drawn_at(dock: SegmentDock, y: float, x: float) -> Sequence[float]:
    """Return where in the world a pixel of the labels lies, on the frame shown."""
    layer = labels_in(dock)
    lead = dock.overlay.index(dock.frame)
    return layer.data_to_world((*lead, y, x))


# ---- where things lie


@pytest.mark.parametrize("region", [False, True])
def test_labels_lie_exactly_over_a_turned_and_scaled_layer(dock_in, qtbot, region) -> None:
    dock = dock_in()
    image = dock.viewer.add_image(
        kerr(), scale=(2, 3), translate=(50, -20), rotate=37, shear=[0.1], units=("nm", "nm"), name="frame"
    )
    wanted = PLACES
    if region:
        corners = [image.data_to_world(at) for at in [(5, 35), (5, 155), (65, 155), (65, 35)]]
        dock.viewer.add_shapes([corners], shape_type="polygon", units=("nm", "nm"), name="roi")
        dock.form.roi.value = dock.viewer.layers["roi"]
        wanted = [(y, x) for y, x in PLACES if y < 65 and x > 35]
    run(dock, qtbot)
    layer, centres = labels_in(dock), centres_in(dock)
    assert layer.data.shape == image.data.shape
    assert sorted(layer.data[place] for place in wanted) == list(range(1, len(wanted) + 1)) == rows_of(dock)
    assert np.unique(layer.data).size == len(wanted) + 1
    for shown in (layer, centres):
        for at in [(0, 0), (10, 20), (119, 159)]:
            np.testing.assert_allclose(shown.data_to_world(at), image.data_to_world(at), atol=1e-9)
        assert shown.units == image.units
    found = sorted(tuple(int(v) for v in point.round(-1)) for point in centres.data)
    assert found == sorted(wanted)
    (result,) = dock.results()
    assert result.provenance.roi == ((35, 5, 155, 65) if region else None)
    assert result.rows.radius_nm.mean() == pytest.approx(RADIUS * np.sqrt(6), rel=0.1)
    assert "nm" in dock.answer.summary.text()
    assert "/µm²" in dock.answer.summary.text()
    assert dock.viewer.layers.selection.active is not layer
    run(dock, qtbot)
    assert [each.name for each in dock.viewer.layers].count("skyrmions: frame") == 1


def test_each_shape_is_a_region_of_its_own(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_image(kerr(), name="frame")
    halves = [[[0, 0], [0, 64], [119, 64], [119, 0]], [[0, 66], [0, 159], [119, 159], [119, 66]]]
    dock.viewer.add_shapes(halves, shape_type="polygon", name="roi")
    dock.form.roi.value = dock.viewer.layers["roi"]
    run(dock, qtbot)
    left, right = dock.results()
    assert (left.summary["count"], right.summary["count"]) == (8, 12)
    assert dock.region.isVisibleTo(dock)
    assert len(rows_of(dock)) == 8
    dock.region.value = 1
    assert rows_of(dock) == list(range(9, 21))
    assert len(centres_in(dock).data) == 20


def test_a_texture_is_looked_at_cell_by_cell_and_tells_its_charges(dock_in, qtbot) -> None:
    import torch

    from napari_magtex.physics.starts import paint_skyrmion, uniform_start

    m = uniform_start(1, (64, 96), (0.0, 0.0, 1.0))[0]
    for centre in ((25.0, 40.0), (70.0, 30.0)):
        paint_skyrmion(m, centre, 7.0, 2.0, helicity=0.0, lattice=Lattice.SQUARE)
    assert isinstance(m, torch.Tensor)
    texture = SpinTexture.from_layer(m.permute(1, 2, 0).numpy(), cell=(1e-9, 2e-9, 2e-9), saturation=1e6)
    dock = dock_in()
    data, keywords, _ = texture_layer(texture, "two")
    image = dock.viewer.add_image(data, **keywords)
    run(dock, qtbot)
    layer = labels_in(dock)
    assert layer.data.shape == (64, 96)
    for at in [(0, 0), (63, 95)]:
        np.testing.assert_allclose(layer.data_to_world(at), image.data_to_world(at))
    (result,) = dock.results()
    assert result.rows.charge.to_numpy() == pytest.approx([-1, -1], abs=0.05)
    assert result.rows.radius_nm.to_numpy() == pytest.approx(14, rel=0.15)
    assert "-2.0" in dock.answer.summary.text()
    dock.view.choose(1)
    dock.remove()
    settle(dock, qtbot)
    assert dock.results()[0].rows.charge.to_numpy() == pytest.approx([-2], abs=0.1)  # the film's is that of the nearest


# ---- stacks


@pytest.fixture
def stack() -> NDArray[np.float32]:
    return np.stack([kerr(PLACES[: 20 - 4 * n], seed=n) for n in range(4)])


def test_a_stack_is_counted_and_plotted_against_its_field(dock_in, qtbot, stack) -> None:
    dock = dock_in()
    fields = [30.0, 20.0, 10.0, 0.0]
    dock.viewer.add_image(stack, scale=(10, 1, 1), name="stack", metadata={METADATA_KEY: {"field_mT": fields}})
    dock.viewer.dims.set_point(0, 20)
    run(dock, qtbot)
    assert [result.summary["count"] for result in dock.results()] == [20, 16, 12, 8]
    layer = labels_in(dock)
    assert layer.data.shape == stack.shape
    assert [int(frame.max()) for frame in layer.data] == [20, 16, 12, 8]
    assert len(rows_of(dock)) == 12
    dock.answer.draw()
    (line, marker) = dock.answer.track.axes.lines
    assert list(line.get_xdata()) == fields
    assert list(line.get_ydata()) == [20, 16, 12, 8]
    assert dock.answer.track.axes.get_xlabel() == "field (mT)"
    assert list(marker.get_xdata()) == [10, 10]
    dock.viewer.dims.set_point(0, 30)
    dock.answer.draw()
    assert list(dock.answer.track.marker.get_xdata()) == [0, 0]
    assert len(rows_of(dock)) == len(centres_in(dock).data) == 8
    assert (centres_in(dock).data[:, 0] == 3).all()
    dock.answer.against.value = None
    dock.answer.quantity.value = "Density"
    (line, _) = dock.answer.track.axes.lines
    assert list(line.get_xdata()) == [0, 1, 2, 3]
    assert line.get_ydata()[0] == pytest.approx(20 / (120 * 160))


def test_one_frame_of_a_stack_lies_on_that_frame_alone(dock_in, qtbot, stack) -> None:
    dock = dock_in()
    dock.viewer.add_image(stack, scale=(10, 1, 1), name="stack")
    dock.viewer.dims.set_point(0, 20)
    dock.form.frames.value = False
    run(dock, qtbot)
    layer = labels_in(dock)
    assert layer.data.shape == (1, 120, 160)
    assert layer.extent.world[0][0] == 20
    assert [result.provenance.frame for result in dock.results()] == [2]
    dock.viewer.dims.set_point(0, 10)
    assert rows_of(dock) == []
    assert "not segmented" in dock.answer.summary.text()


def test_cancel_keeps_the_frames_that_are_finished(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_image(np.stack([kerr()] * 300), name="stack")
    dock.runner.button.click()
    qtbot.waitUntil(lambda: len(dock.counted) > 1, timeout=60_000)
    dock.runner.cancel.click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    done = {result.provenance.frame for result in dock.results()}
    assert 1 < len(done) < 300
    assert {int(n) for n in np.flatnonzero(labels_in(dock).data.any(axis=(1, 2)))} == done
    assert dock.runner.button.isEnabled()


def test_a_lazy_stack_is_read_frame_by_frame(dock_in, qtbot) -> None:
    import dask.array as da

    read: list[int] = []

    def frame(block_info: Any = None) -> NDArray[np.float32]:
        number = block_info[None]["chunk-location"][0]
        read.append(number)
        return kerr(seed=number)[None]

    dock = dock_in()
    lazy = da.map_blocks(frame, chunks=((1,) * 5, 120, 160), dtype=np.float32, meta=np.zeros((0, 0, 0), np.float32))
    dock.viewer.add_image(lazy, name="lazy", contrast_limits=(60, 160), cache=False)
    run(dock, qtbot)
    assert [result.summary["count"] for result in dock.results()] == [20] * 5
    assert set(read) == set(range(5))


# ---- table and canvas


def test_a_row_brings_its_skyrmion_to_the_middle(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_image(kerr(), scale=(2, 3), translate=(50, -20), rotate=20, units=("nm", "nm"), name="frame")
    run(dock, qtbot)
    dock.view.setCurrentIndex(dock.view.table.index(7, 2))
    label = dock.view.table.label(7)
    place = next(place for place in PLACES if labels_in(dock).data[place] == label)
    np.testing.assert_allclose(dock.viewer.scene.camera.center[-2:], labels_in(dock).data_to_world(place), atol=3)
    assert labels_in(dock).selected_label == label
    marked = np.all(np.isclose(centres_in(dock).border_color[:, :3], _rgb(CHOSEN)), axis=1)
    assert np.flatnonzero(marked).tolist() == [7]


def test_a_click_on_a_skyrmion_chooses_its_row(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_image(kerr(), scale=(2, 3), rotate=20, name="frame")
    run(dock, qtbot)
    dock.view.table.sort(3)
    before = dock.viewer.scene.camera.center
    click(dock.viewer, drawn_at(dock, 50, 80))
    label = labels_in(dock).data[50, 80]
    assert dock.view.chosen == label
    assert dock.view.table.label(dock.view.currentIndex().row()) == label
    assert [index.row() for index in dock.view.selectionModel().selectedRows()] == [dock.view.table.row(label)]
    assert labels_in(dock).selected_label == label
    assert dock.viewer.scene.camera.center == before
    click(dock.viewer, drawn_at(dock, 80, 80), drag=30)  # who drags does not choose
    assert dock.view.chosen == label
    click(dock.viewer, drawn_at(dock, 35, 35))  # the film
    assert dock.view.chosen == label


def test_a_stroke_of_the_brush_chooses_nothing(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_image(kerr(), name="frame")
    run(dock, qtbot)
    dock.erase()
    assert dock.viewer.layers.selection.active is labels_in(dock)
    click(dock.viewer, drawn_at(dock, 50, 80))
    assert dock.view.chosen is None
    settle(dock, qtbot)


def test_the_table_sorts_by_number_and_keeps_the_chosen_one(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_image(kerr(), scale=(50, 50), units=("nm", "nm"), name="frame")
    run(dock, qtbot)
    table = dock.view.table
    names = [table.headerData(n, _horizontal()) for n in range(table.columnCount())]
    assert {"x (px)", "Diameter (px)", "Diameter (nm)", "Area (nm²)", "Nearest (nm)", "|ψ₆|"} <= set(names)
    assert "Charge" not in names
    dock.view.choose(4)
    column = names.index("x (px)")
    dock.view.sortByColumn(column, _falling())
    shown = [float(table.data(table.index(row, column))) for row in range(20)]
    assert shown == sorted(shown, reverse=True)
    assert table.label(dock.view.currentIndex().row()) == 4
    assert table.data(table.index(0, 0), _alignment()) & _right()


# ---- corrections


def test_what_is_painted_and_undone_is_counted_at_once(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_image(kerr(), name="frame")
    run(dock, qtbot)
    layer = labels_in(dock)
    (found,) = dock.results()
    assert "corrected" not in found.summary["settings"]
    dock.draw_new()
    assert layer.mode == "paint"
    assert layer.selected_label == 21
    layer.paint((35, 35), 21)
    settle(dock, qtbot)
    (drawn,) = dock.results()
    assert drawn.summary["count"] == 21
    assert drawn.rows.iloc[-1][["x_px", "y_px"]].tolist() == pytest.approx([35, 35], abs=0.6)
    assert drawn.summary["settings"]["corrected"] == "by hand"
    assert "Corrected by hand" in dock.answer.remarks.text()
    assert "21 skyrmions" in dock.answer.summary.text()
    assert len(centres_in(dock).data) == 21
    layer.undo()
    settle(dock, qtbot)
    assert dock.results()[0].summary["count"] == 20
    layer.redo()
    settle(dock, qtbot)
    assert dock.results()[0].summary["count"] == 21


def test_strokes_that_do_not_touch_count_apart_and_specks_do_not(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_image(kerr(), name="frame")
    run(dock, qtbot)
    layer = labels_in(dock)
    dock.draw_new()
    for place in ((35, 35), (65, 35)):
        layer.paint(place, layer.selected_label)
    layer.data_setitem((np.array([2, 2]), np.array([2, 3])), layer.selected_label)  # two pixels
    settle(dock, qtbot)
    assert rows_of(dock) == list(range(1, 23))
    click(dock.viewer, drawn_at(dock, 65, 35))
    assert dock.view.chosen is None  # the brush is in the hand
    layer.mode = "pan_zoom"
    chosen = set()
    for place in ((65, 35), (35, 35)):
        click(dock.viewer, drawn_at(dock, *place))
        y, x = dock.view.table.centre(dock.view.currentIndex().row())
        assert (y, x) == pytest.approx(place, abs=0.6)
        chosen.add(dock.view.chosen)
    assert chosen == {21, 22}
    dock.remove()
    settle(dock, qtbot)
    assert len(rows_of(dock)) == 21
    assert layer.data[35, 35] == 0
    assert layer.data[65, 35] == 21


def test_an_eraser_through_the_middle_makes_two_of_one(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_image(kerr(), name="frame")
    run(dock, qtbot)
    layer = labels_in(dock)
    rows = np.arange(80, 80 + 1)
    y, x = np.meshgrid(rows, np.arange(60, 100), indexing="ij")
    layer.data_setitem((y.ravel(), x.ravel()), 0)
    settle(dock, qtbot)
    assert dock.results()[0].summary["count"] == 21


def test_only_the_frame_that_was_drawn_in_says_so(dock_in, qtbot, stack) -> None:
    dock = dock_in()
    dock.viewer.add_image(stack, name="stack")
    run(dock, qtbot)
    layer = labels_in(dock)
    dock.viewer.dims.set_point(0, 1)
    layer.fill((1, *PLACES[0]), 0)
    settle(dock, qtbot)
    dock.viewer.dims.set_point(0, 3)
    settle(dock, qtbot)
    assert [result.summary["count"] for result in dock.results()] == [20, 15, 12, 8]
    corrected = [result.provenance.frame for result in dock.results() if "corrected" in result.provenance.settings]
    assert corrected == [1]
    layer.undo()  # of a frame that is not shown
    settle(dock, qtbot)
    assert [result.summary["count"] for result in dock.results()] == [20, 16, 12, 8]


def test_dust_and_what_is_no_film_lie_in_a_layer_of_their_own_that_can_be_drawn_in(dock_in, qtbot) -> None:
    frame = kerr()
    frame[100:] = 7  # a footer
    dock = dock_in()
    dock.viewer.add_image(frame, name="frame")
    run(dock, qtbot)
    rest = dock.viewer.layers["dust and outside: frame"]
    assert (rest.data[100:] == Kind.OUTSIDE).all()
    assert not rest.data[:100].any()
    (found,) = dock.results()
    assert found.summary["film_px"] == 100 * 160
    assert "footer: left out" in dock.answer.remarks.text()
    y, x = np.mgrid[:100, :80]
    rest.data_setitem((y.ravel(), x.ravel()), int(Kind.OUTSIDE))
    settle(dock, qtbot)
    assert dock.results()[0].summary["film_px"] == 100 * 80


# ---- networks


def test_a_network_finds_dust_apart_from_the_ground(dock_in, qtbot, tiny_segmenter) -> None:
    dock = dock_in(tiny_segmenter)
    dock.viewer.add_image(kerr(), name="frame")
    run(dock, qtbot)
    (result,) = dock.results()
    assert result.provenance.model == "tiny-segmenter 0"
    assert "tiny-segmenter 0" in dock.answer.remarks.text()


def test_settings_reach_the_answer(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_image(kerr(), name="frame")
    dock.polarity.value = Polarity.BRIGHT
    dock.threshold.setValue(0.7)
    dock.min_area.setValue(40)
    run(dock, qtbot)
    (result,) = dock.results()
    assert result.provenance.model == "threshold"
    settings = result.provenance.settings
    assert (settings["polarity"], settings["threshold"], settings["min_area"]) == ("bright", 0.7, 40)
    assert (result.rows.area_px >= 40).all()


# ---- what goes wrong


def test_what_cannot_be_used_is_told(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.runner.button.click()
    assert "no image layer is open" in last_notice()
    dock.viewer.add_image(np.full((40, 40), 7, np.float32), name="constant")
    run(dock, qtbot)
    assert "is constant" in last_notice() or "every pixel of the picture is the same" in last_notice()
    colours = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    dock.form.layer.value = dock.viewer.add_image(colours, name="colours")
    run(dock, qtbot)
    assert "colours, which tell no brightness" in last_notice()
    with pytest.raises(MagtexError, match="press Segment skyrmions first"):
        dock.results()


def test_a_frame_without_skyrmions_says_so(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_image(kerr([]), name="empty")
    dock.min_area.setValue(60)
    run(dock, qtbot)
    assert rows_of(dock) == []
    assert "No skyrmion" in dock.answer.summary.text()
    assert len(centres_in(dock).data) == 0
    assert dock.results()[0].summary["count"] == 0


def test_one_bad_frame_does_not_lose_the_others(dock_in, qtbot, stack) -> None:
    dock = dock_in()
    stack[2] = 5
    dock.viewer.add_image(stack, name="stack")
    run(dock, qtbot)
    assert [result.provenance.frame for result in dock.results()] == [0, 1, 3]
    assert "frame 2: " in last_notice()


def test_layers_may_be_deleted_meanwhile_and_afterwards(dock_in, qtbot, stack) -> None:
    dock = dock_in()
    dock.viewer.add_image(stack, name="stack")
    dock.runner.button.click()
    dock.viewer.layers.remove("stack")
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert len(dock.results()) == 4
    for name in ("skyrmions: stack", "order: stack"):
        dock.viewer.layers.remove(name)
    dock.view.setCurrentIndex(dock.view.table.index(3, 0))
    dock.draw_new()
    assert "was deleted: press Segment skyrmions again" in last_notice()
    dock.viewer.dims.set_point(0, 1)


def test_two_viewers_do_not_share_what_they_found(dock_in, make_napari_viewer, qtbot) -> None:
    one, other = dock_in(), dock_in()
    one.viewer.add_image(kerr(), name="frame")
    other.viewer.add_image(kerr(PLACES[:9]), name="frame")
    run(one, qtbot)
    assert not other.counted
    run(other, qtbot)
    assert [len(rows_of(dock)) for dock in (one, other)] == [20, 9]
    click(other.viewer, drawn_at(other, 20, 20))
    assert (one.view.chosen, other.view.chosen is not None) == (None, True)


def test_a_closed_dock_hears_no_click(dock_in, qtbot) -> None:
    dock = dock_in()
    viewer = dock.viewer
    viewer.add_image(kerr(), name="frame")
    run(dock, qtbot)
    where = drawn_at(dock, 50, 80)
    listening = len(viewer.mouse_drag_callbacks)
    viewer.window.remove_dock_widget(dock)
    assert len(viewer.mouse_drag_callbacks) == listening - 1
    click(viewer, where)
    assert dock.view.chosen is None


# ---- saving


def test_what_is_saved_is_what_is_shown(dock_in, qtbot, stack, tmp_path) -> None:
    dock = dock_in()
    dock.viewer.add_image(stack, scale=(1, 50, 50), units=("pixel", "nm", "nm"), name="stack")
    dock.viewer.dims.set_point(0, 0)
    run(dock, qtbot)
    layer = labels_in(dock)
    dock.draw_new()
    for place in ((35, 35), (65, 35)):
        layer.paint((0, *place), layer.selected_label)
    with pytest.raises(MagtexError, match="still being counted"):
        dock.save(tmp_path / "skyrmions.csv")
    settle(dock, qtbot)
    for name in ("skyrmions.csv", "skyrmions.json", "labels.tif"):
        dock.save(tmp_path / name)
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=30_000)
    table = pd.read_csv(tmp_path / "skyrmions.csv")
    assert tuple(table.columns) == COLUMNS
    assert table.groupby("frame").size().tolist() == [22, 16, 12, 8]
    told = json.loads((tmp_path / "skyrmions.json").read_text())
    assert [record["count"] for record in told] == [22, 16, 12, 8]
    assert ["corrected" in record["settings"] for record in told] == [True, False, False, False]
    labels = tifffile.imread(tmp_path / "labels.tif")
    assert labels.shape == stack.shape
    assert labels.dtype == np.int32
    for row in table.itertuples():
        assert labels[row.frame, round(row.y_px), round(row.x_px)] == row.label
    with pytest.raises(MagtexError, match="cannot be written"):
        dock.save(tmp_path / "skyrmions.csv" / "below.csv")


def _rgb(colour: str) -> NDArray[np.float64]:
    return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def _horizontal() -> Any:
    from qtpy.QtCore import Qt

    return Qt.Orientation.Horizontal


def _falling() -> Any:
    from qtpy.QtCore import Qt

    return Qt.SortOrder.DescendingOrder


def _alignment() -> Any:
    from qtpy.QtCore import Qt

    return Qt.ItemDataRole.TextAlignmentRole


def _right() -> Any:
    from qtpy.QtCore import Qt

    return Qt.AlignmentFlag.AlignRight
