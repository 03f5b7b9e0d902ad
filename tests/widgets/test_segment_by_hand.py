"""Skyrmions found in the table and in the canvas, and corrected by hand, in a real viewer."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from qtpy.QtCore import Qt

from napari_magtex.segment.kinds import Kind
from napari_magtex.widgets.segment_layers import CHOSEN


def test_a_row_brings_its_skyrmion_to_the_middle(person) -> None:
    dock = person.opens()
    dock.viewer.add_image(
        person.frame(), scale=(2, 3), translate=(50, -20), rotate=20, units=("nm", "nm"), name="frame"
    )
    person.runs(dock)
    dock.view.setCurrentIndex(dock.view.table.index(7, 2))
    label = dock.view.table.label(7)
    place = next(place for place in person.places if dock.overlay.labels.data[place] == label)
    np.testing.assert_allclose(dock.viewer.scene.camera.center[-2:], dock.overlay.labels.data_to_world(place), atol=3)
    assert dock.overlay.labels.selected_label == label
    marked = np.all(np.isclose(dock.overlay.order.border_color[:, :3], to_rgb(CHOSEN)), axis=1)
    assert np.flatnonzero(marked).tolist() == [7]


def test_a_click_on_a_skyrmion_chooses_its_row(person) -> None:
    dock = person.opens()
    dock.viewer.add_image(person.frame(), scale=(2, 3), rotate=20, name="frame")
    person.runs(dock)
    dock.view.table.sort(3)
    before = dock.viewer.scene.camera.center
    person.clicks(dock, 50, 80)
    label = dock.overlay.labels.data[50, 80]
    assert dock.view.chosen == label
    assert dock.view.table.label(dock.view.currentIndex().row()) == label
    assert [index.row() for index in dock.view.selectionModel().selectedRows()] == [dock.view.table.row(label)]
    assert dock.overlay.labels.selected_label == label
    assert dock.viewer.scene.camera.center == before
    person.clicks(dock, 80, 80, drag=30)  # who drags does not choose
    assert dock.view.chosen == label
    person.clicks(dock, 35, 35)  # the film
    assert dock.view.chosen == label


def test_a_click_on_a_skyrmion_of_another_region_goes_to_that(person) -> None:
    dock = person.opens_halves()
    person.runs(dock)
    person.clicks(dock, 50, 80)
    assert dock.region.value == 1
    assert dock.view.chosen == dock.overlay.labels.data[50, 80]
    assert dock.view.table.label(dock.view.currentIndex().row()) == dock.view.chosen


def test_a_stroke_of_the_brush_chooses_nothing(person) -> None:
    dock = person.opens()
    dock.viewer.add_image(person.frame(), name="frame")
    person.runs(dock)
    dock.erase()
    assert dock.viewer.layers.selection.active is dock.overlay.labels
    person.clicks(dock, 50, 80)
    assert dock.view.chosen is None
    person.waits(dock)


def test_the_table_sorts_by_number_and_keeps_the_chosen_one(person) -> None:
    dock = person.opens()
    dock.viewer.add_image(person.frame(), scale=(50, 50), units=("nm", "nm"), name="frame")
    person.runs(dock)
    table = dock.view.table
    names = [table.headerData(n, Qt.Orientation.Horizontal) for n in range(table.columnCount())]
    assert {"x (px)", "Diameter (px)", "Diameter (nm)", "Area (nm²)", "Nearest (nm)", "|ψ₆|"} <= set(names)
    assert "Charge" not in names
    dock.view.choose(4)
    column = names.index("x (px)")
    dock.view.sortByColumn(column, Qt.SortOrder.DescendingOrder)
    shown = [float(table.data(table.index(row, column))) for row in range(20)]
    assert shown == sorted(shown, reverse=True)
    assert table.label(dock.view.currentIndex().row()) == 4
    assert table.data(table.index(0, 0), Qt.ItemDataRole.TextAlignmentRole) & Qt.AlignmentFlag.AlignRight


# ---- corrections


def test_what_is_painted_and_undone_is_counted_at_once(person) -> None:
    dock = person.opens()
    dock.viewer.add_image(person.frame(), name="frame")
    person.runs(dock)
    layer = dock.overlay.labels
    (found,) = dock.results()
    assert "corrected" not in found.summary["settings"]
    dock.draw_new()
    assert layer.mode == "paint"
    assert layer.selected_label == 21
    layer.paint((35, 35), 21)
    person.waits(dock)
    (drawn,) = dock.results()
    assert drawn.summary["count"] == 21
    assert drawn.rows.iloc[-1][["x_px", "y_px"]].tolist() == pytest.approx([35, 35], abs=0.6)
    assert drawn.summary["settings"]["corrected"] == "by hand"
    assert "Corrected by hand" in dock.answer.remarks.text()
    assert "21 skyrmions" in dock.answer.summary.text()
    assert len(dock.overlay.order.data) == 21
    layer.undo()
    person.waits(dock)
    assert dock.results()[0].summary["count"] == 20
    layer.redo()
    person.waits(dock)
    assert dock.results()[0].summary["count"] == 21


def test_strokes_that_do_not_touch_count_apart_and_specks_do_not(person) -> None:
    dock = person.opens()
    dock.viewer.add_image(person.frame(), name="frame")
    person.runs(dock)
    layer = dock.overlay.labels
    dock.draw_new()
    for place in ((35, 35), (65, 35)):
        layer.paint(place, layer.selected_label)
    layer.data_setitem((np.array([2, 2]), np.array([2, 3])), layer.selected_label)  # two pixels
    person.waits(dock)
    assert dock.view.table.labels == list(range(1, 23))
    person.clicks(dock, 65, 35)
    assert dock.view.chosen is None  # the brush is in the hand
    layer.mode = "pan_zoom"
    chosen = set()
    for place in ((65, 35), (35, 35)):
        person.clicks(dock, *place)
        y, x = dock.view.table.centre(dock.view.currentIndex().row())
        assert (y, x) == pytest.approx(place, abs=0.6)
        chosen.add(dock.view.chosen)
    assert chosen == {21, 22}
    dock.remove()
    person.waits(dock)
    assert len(dock.view.table.labels) == 21
    assert layer.data[35, 35] == 0
    assert layer.data[65, 35] == 21


def test_an_eraser_through_the_middle_makes_two_of_one(person) -> None:
    dock = person.opens()
    dock.viewer.add_image(person.frame(), name="frame")
    person.runs(dock)
    layer = dock.overlay.labels
    rows = np.arange(80, 80 + 1)
    y, x = np.meshgrid(rows, np.arange(60, 100), indexing="ij")
    layer.data_setitem((y.ravel(), x.ravel()), 0)
    person.waits(dock)
    assert dock.results()[0].summary["count"] == 21


def test_only_the_frame_that_was_drawn_in_says_so(person, stack) -> None:
    dock = person.opens()
    dock.viewer.add_image(stack, name="stack")
    person.runs(dock)
    layer = dock.overlay.labels
    dock.viewer.dims.set_point(0, 1)
    layer.fill((1, *person.places[0]), 0)
    person.waits(dock)
    dock.viewer.dims.set_point(0, 3)
    person.waits(dock)
    assert [result.summary["count"] for result in dock.results()] == [20, 15, 12, 8]
    corrected = [result.provenance.frame for result in dock.results() if "corrected" in result.provenance.settings]
    assert corrected == [1]
    layer.undo()  # of a frame that is not shown
    person.waits(dock)
    assert [result.summary["count"] for result in dock.results()] == [20, 16, 12, 8]


def test_dust_and_what_is_no_film_lie_in_a_layer_of_their_own_that_can_be_drawn_in(person) -> None:
    frame = person.frame()
    frame[100:] = 7  # a footer
    dock = person.opens()
    dock.viewer.add_image(frame, name="frame")
    person.runs(dock)
    rest = dock.viewer.layers["dust and outside: frame"]
    assert (rest.data[100:] == Kind.OUTSIDE).all()
    assert not rest.data[:100].any()
    (found,) = dock.results()
    assert found.summary["film_px"] == 100 * 160
    assert "footer: left out" in dock.answer.remarks.text()
    y, x = np.mgrid[:100, :80]
    assert rest.selected_label == Kind.OUTSIDE
    rest.data_setitem((y.ravel(), x.ravel()), int(Kind.OUTSIDE))
    person.waits(dock)
    drawn_over = np.count_nonzero(dock.overlay.labels.data[:, :80])  # skyrmions are on film
    assert dock.results()[0].summary["film_px"] == 100 * 80 + drawn_over


def test_dust_in_a_later_frame_corrects_none(person) -> None:
    frames = np.stack([person.frame(), person.frame()])
    frames[1, 100:] = 7  # a footer
    dock = person.opens()
    dock.viewer.add_image(frames, name="film")
    dock.viewer.dims.set_point(0, 0)
    person.runs(dock)
    assert dock.overlay.rest is not None
    dock.recount()
    person.waits(dock)
    assert not any("corrected" in result.provenance.settings for result in dock.results())


def test_a_stroke_is_counted_though_the_slider_moves_on(person, stack, tmp_path) -> None:
    dock = person.opens()
    dock.viewer.add_image(stack, name="film")
    dock.viewer.dims.set_point(0, 0)
    person.runs(dock)
    person.waits(dock)
    dock.draw_new()
    dock.overlay.labels.paint((0, 35, 35), dock.overlay.labels.selected_label)
    dock.viewer.dims.set_point(0, 1)
    person.waits(dock)
    assert [result.summary["count"] for result in dock.results()] == [21, 16, 12, 8]


def test_a_calibration_measures_every_frame_anew_and_corrects_none(person, stack, monkeypatch) -> None:
    monkeypatch.setattr("napari_magtex.widgets.segment.AT_ONCE", 2)
    dock = person.opens()
    image = dock.viewer.add_image(stack, name="film")
    dock.viewer.dims.set_point(0, 0)
    person.runs(dock)
    image.scale, image.units = (1, 50, 50), ("pixel", "nm", "nm")
    person.waits(dock)
    for found in dock.results():
        assert found.rows.radius_nm.to_numpy() == pytest.approx(50 * found.rows.radius_px.to_numpy())
        assert found.summary["density_um2"] is not None
        assert "corrected" not in found.summary["settings"]
    dock.draw_new()
    dock.overlay.labels.paint((0, 35, 35), dock.overlay.labels.selected_label)
    person.waits(dock)
    assert ["corrected" in found.summary["settings"] for found in dock.results()] == [True, False, False, False]


def test_corrected_labels_outlive_the_next_segmentation(person, stack) -> None:
    dock = person.opens()
    dock.viewer.add_image(stack, name="film")
    dock.viewer.dims.set_point(0, 0)
    person.runs(dock)
    for count in (1, 2):
        dock.draw_new()
        dock.overlay.labels.paint((0, 35, 35), dock.overlay.labels.selected_label)
        person.waits(dock)
        dock.form.frames.value = count == 2
        person.runs(dock)
        kept = [layer for layer in dock.viewer.layers if layer.name.startswith("skyrmions: film (corrected)")]
        assert len(kept) == count
        assert kept[0].data.shape == stack.shape
        assert all(layer.data[0, 35, 35] for layer in kept)
    assert not dock.overlay.labels.data[0, 35, 35]
    person.runs(dock)  # nothing was drawn in
    assert sum(layer.name.startswith("skyrmions: film") for layer in dock.viewer.layers) == 3


def test_a_job_that_finds_nothing_leaves_what_was_found_before(person) -> None:
    dock = person.opens()
    dock.viewer.add_image(person.frame(), name="frame")
    person.runs(dock)
    overlay, found = dock.overlay, dock.results()
    dock.form.layer.value = dock.viewer.add_image(np.full((40, 40), 7, np.float32), name="constant")
    person.runs(dock)
    assert (dock.overlay, dock.results()) == (overlay, found)
    dock.view.choose(3)
    dock.remove()
    person.waits(dock)
    assert dock.results()[0].summary["count"] == 19
