"""The dock Track skyrmions in a real viewer, on labels whose motion is known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.layers import Tracks as TracksLayer
from napari.utils.notifications import notification_manager
from numpy.typing import NDArray
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_magtex.contributions import METADATA_KEY
from napari_magtex.errors import BadRegion, MagtexError
from napari_magtex.segment.tracks import TRACK_COLUMNS
from napari_magtex.widgets.choices import RESULT_KEY, SOURCE_KEY
from napari_magtex.widgets.segment_layers import RIM_KEY
from napari_magtex.widgets.track_charts import COMMON, EACH, MOST_LINES, NUMBER
from napari_magtex.widgets.track_layers import drive_of
from napari_magtex.widgets.tracks import SPEED, TRACK, TracksDock

FRAMES, PLACES = 15, [(y, x) for y in (30, 60, 90) for x in (25, 55, 85, 115)]


def moving(velocity=(-0.5, 1.5), places=PLACES, frames=FRAMES, seed=0) -> NDArray[np.int32]:
    """Return label images (t, 120, 160) of discs that move by so many pixels y, x a frame, numbered at random."""
    rng = np.random.default_rng(seed)
    y, x = np.ogrid[:120, :160]
    stack = np.zeros((frames, 120, 160), np.int32)
    for t in range(frames):
        for number, place in zip(rng.permutation(len(places)) + 1, places, strict=True):
            row, column = np.array(place) + t * np.array(velocity) + rng.normal(0, 0.2, 2)
            stack[t][(y - row) ** 2 + (x - column) ** 2 <= 36] = number
    return stack


@pytest.fixture
def dock_in(make_napari_viewer):
    def open_dock() -> TracksDock:
        viewer = make_napari_viewer()
        dock = TracksDock(viewer)
        viewer.window.add_dock_widget(dock)
        return dock

    return open_dock


def run(dock: TracksDock, qtbot: Any) -> None:
    dock.runner.button.click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)


def saves(dock: TracksDock, qtbot: Any, name: str, path: Path) -> None:
    dock.save_table(name, path)
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)


def last_notice() -> str:
    return notification_manager.records[-1].message


def test_what_a_region_cuts_is_left_out(dock_in, qtbot) -> None:
    dock = dock_in()
    rim = np.zeros((120, 160), bool)
    rim[:, 85] = True  # through the third column
    metadata = {RIM_KEY: {(t,): rim for t in range(4)}}
    dock.viewer.add_labels(moving(velocity=(0, 0), frames=4), name="found", metadata=metadata)
    run(dock, qtbot)
    assert dock.answer is not None
    assert dock.answer.tracks.count == 9


def test_of_spins_every_frame_is_a_snapshot_and_tracks_tell_by_what_they_were_found(dock_in, qtbot) -> None:
    dock = dock_in()
    said = {"file": "spins.ovf", "contrast": "spin", "segmented_by": "skyrmions 1", "min_area": 6}
    dock.viewer.add_labels(moving(frames=4), name="kerr")
    spins = dock.viewer.add_labels(moving(frames=4), name="spins", metadata={METADATA_KEY: said})
    dock.labels.value = spins
    assert dock.exposure.value() == 0
    run(dock, qtbot)
    (motion,) = dock.results()
    assert motion.provenance.settings["exposure"] == 0
    assert motion.provenance.settings["segmented_by"] == "skyrmions 1"
    dock.labels.value = dock.viewer.layers["kerr"]
    assert dock.exposure.value() == 100


def test_tracks_lie_exactly_on_their_labels_wherever_they_are(dock_in, qtbot) -> None:
    dock = dock_in()
    labels = dock.viewer.add_labels(
        moving(), name="found", scale=(0.5, 20, 30), translate=(3, 50, -20),
        rotate=[[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]], units=("s", "nm", "nm"), axis_labels=("t", "y", "x"),
    )  # fmt: skip
    run(dock, qtbot)
    layer = dock.viewer.layers["tracks: found"]
    assert isinstance(layer, TracksLayer)
    assert RESULT_KEY in layer.metadata
    assert layer.data.shape == (len(PLACES) * FRAMES, 4)
    assert (layer.units, layer.axis_labels) == (labels.units, labels.axis_labels)
    for row in layer.data[::17]:
        place = labels.world_to_data(layer.data_to_world(row[1:]))
        np.testing.assert_allclose(place, row[1:], atol=1e-6)
        assert labels.data[tuple(np.round(place).astype(int))] > 0
    assert dock.viewer.layers.selection.active is labels
    run(dock, qtbot)
    assert sum(each.name == "tracks: found" for each in dock.viewer.layers) == 1


def test_the_motion_is_told_in_micrometres_and_seconds(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_labels(moving(), name="found", scale=(0.5, 20, 20), units=("s", "nm", "nm"))
    assert dock.interval.value == 0.5  # as the layer says
    run(dock, qtbot)
    (motion,) = dock.results()
    assert motion.tracks == len(PLACES)
    assert motion.velocity[0].value == pytest.approx(1.5 * 0.02 / 0.5, rel=0.05)
    assert motion.velocity[1].value == pytest.approx(0.5 * 0.02 / 0.5, rel=0.1)  # up
    said = dock.figures.text()
    assert f"{len(PLACES)}, 15 of 15 frames long" in said
    assert "µm²/s" in said
    assert str(motion.direction) in said
    assert "Hall angle" not in said
    assert dock.spreading.axes.get_xlabel() == "lag (s)"
    assert dock.spreading.axes.get_ylabel() == "MSD (µm²)"


def test_the_interval_is_the_layers_or_what_was_typed(dock_in) -> None:
    dock = dock_in()
    dock.viewer.add_labels(moving(frames=2), name="timed", scale=(40, 1, 1), units=("ms", "nm", "nm"))
    assert dock.interval.value == 0.04
    dock.viewer.add_labels(moving(frames=2), name="bare")
    dock.labels.value = dock.viewer.layers["bare"]
    assert dock.interval.value == ""
    dock.interval.lines[0].setText("3")
    dock.viewer.add_labels(moving(frames=2), name="bare too")
    dock.labels.value = dock.viewer.layers["bare too"]
    assert dock.interval.value == 3
    dock.labels.value = dock.viewer.layers["timed"]
    assert dock.interval.value == 0.04


def test_without_units_all_is_told_in_pixels_and_frames(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_labels(moving(), name="found")
    assert dock.interval.lines[0].text() == ""
    run(dock, qtbot)
    (motion,) = dock.results()
    assert motion.D.unit == "px^2/frame"
    assert motion.speed.value == pytest.approx(np.hypot(0.5, 1.5), rel=0.05)
    assert dock.spreading.axes.get_xlabel() == "lag (frames)"
    dock.interval.lines[0].setText("0.25")
    run(dock, qtbot)
    assert dock.results()[0].speed.unit == "px/s"
    assert dock.results()[0].speed.value == pytest.approx(4 * motion.speed.value)


def test_the_hall_angle_is_counted_from_the_line_that_is_drawn(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_labels(moving(), name="found", scale=(1, 20, 20), units=("pixel", "nm", "nm"))
    dock.viewer.add_shapes([[[100, 10], [100, 3000]]], shape_type="line", units=("nm", "nm"), name="current")
    dock.viewer.add_shapes([[[100, 3000], [100, 10]]], shape_type="line", units=("nm", "nm"), name="back")
    dock.drive.value = dock.viewer.layers["current"]
    run(dock, qtbot)
    angle = np.degrees(np.arctan2(0.5, 1.5))
    assert dock.results()[0].hall_angle.value == pytest.approx(angle, abs=2)  # up from a drive to the right: positive
    assert "drive at 0°" in dock.figures.text()
    dock.drive.value = dock.viewer.layers["back"]
    run(dock, qtbot)
    assert dock.results()[0].hall_angle.value == pytest.approx(angle - 180, abs=2)


@pytest.mark.parametrize("scale", [(1, -20, 20), (1, 20, -20)])
def test_the_hall_angle_is_that_of_what_is_seen_of_a_mirrored_layer(dock_in, qtbot, scale) -> None:
    dock = dock_in()
    labels = dock.viewer.add_labels(moving(), name="found", scale=scale, units=("pixel", "nm", "nm"))
    ends = [labels.data_to_world((0, 5, column))[1:] for column in (5, 150)]
    dock.viewer.add_shapes([ends], shape_type="line", units=("nm", "nm"), name="current")
    dock.drive.value = dock.viewer.layers["current"]
    run(dock, qtbot)
    assert dock.results()[0].hall_angle.value == pytest.approx(-np.degrees(np.arctan2(0.5, 1.5)), abs=2)


@pytest.mark.parametrize(("ends", "angle"), [
    ([[50, 50], [50, 90]], 0), ([[50, 50], [10, 50]], 90), ([[50, 50], [90, 50]], -90), ([[50, 90], [50, 50]], 180),
    ([[50, 50], [10, 90]], 45), ([[50, 50], [0, 0], [10, 90]], 45),
])  # fmt: skip
def test_a_drive_points_from_the_first_point_of_a_line_to_its_last(make_napari_viewer, ends, angle) -> None:
    viewer = make_napari_viewer()
    labels = viewer.add_labels(moving(frames=2))
    shapes = viewer.add_shapes([ends], shape_type="line" if len(ends) == 2 else "path")
    assert drive_of(shapes, labels, viewer.dims.units) == pytest.approx(angle)


def test_a_drive_without_a_line_is_told(make_napari_viewer) -> None:
    viewer = make_napari_viewer()
    labels, shapes = viewer.add_labels(moving(frames=2)), viewer.add_shapes(None, name="drawn")
    with pytest.raises(BadRegion, match="drawn holds no line"):
        drive_of(shapes, labels, viewer.dims.units)
    shapes.add([[5, 5], [5, 5]], shape_type="line")
    with pytest.raises(BadRegion, match="begins where it ends"):
        drive_of(shapes, labels, viewer.dims.units)


def test_the_drift_of_the_stage_is_taken_out_where_asked(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_labels(moving(), name="found")
    dock.subtract.setChecked(True)
    run(dock, qtbot)
    assert "Stage drift" in dock.figures.text()
    assert "Velocity" not in dock.figures.text()
    assert dock.results()[0].stage_drift[0].value == pytest.approx(1.5, rel=0.05)
    assert max(way.max() for _, _, way in dock.answer.history.each) < 5


def test_the_plots_follow_the_slider(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_labels(moving(), name="found", scale=(0.5, 1, 1), units=("s", "pixel", "pixel"))
    run(dock, qtbot)
    for what in (EACH, COMMON, NUMBER):
        dock.series.value = what
        dock.viewer.dims.set_point(0, 4.0)
        assert list(dock.history.marker.get_xdata()) == [4.0, 4.0]
        dock.viewer.dims.set_point(0, 1.5)
        assert list(dock.history.marker.get_xdata()) == [1.5, 1.5]
        assert dock.history.axes.get_xlabel() == "time (s)"
    late = dock.viewer.add_image(np.zeros((15, 9, 9)), scale=(500, 1, 1), units=("ms", "pixel", "pixel"))
    dock.viewer.dims.set_point(0, 4000)  # napari takes the smaller unit
    assert list(dock.history.marker.get_xdata()) == [4.0, 4.0]
    dock.viewer.layers.remove(late)
    dock.series.value = COMMON
    right, up = (line.get_ydata() for line in dock.history.axes.lines[:2])
    assert right[-1] == pytest.approx(1.5 * (FRAMES - 1), rel=0.05)
    assert up[-1] == pytest.approx(0.5 * (FRAMES - 1), rel=0.1)


def test_only_so_many_tracks_are_drawn_as_can_be_told_apart(dock_in, qtbot) -> None:
    dock = dock_in()
    places = [(y, x) for y in range(8, 115, 14) for x in range(8, 155, 14)]
    y, x = np.ogrid[:120, :160]
    one = np.zeros((120, 160), np.int32)
    for number, (row, column) in enumerate(places, start=1):
        one[(y - row) ** 2 + (x - column) ** 2 <= 9] = number
    dock.viewer.add_labels(np.stack([one] * 4), name="found")
    run(dock, qtbot)
    assert dock.results()[0].tracks == len(places) > MOST_LINES
    assert len(dock.answer.history.each) == MOST_LINES


def test_tracks_can_be_coloured_by_speed(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_labels(moving(velocity=(0, 3)), name="found")
    run(dock, qtbot)
    layer = dock.viewer.layers["tracks: found"]
    assert layer.color_by == TRACK
    dock.colour.value = SPEED
    assert layer.color_by == SPEED
    assert np.median(layer.features[SPEED]) == pytest.approx(3, abs=0.2)
    run(dock, qtbot)
    assert dock.viewer.layers["tracks: found"].color_by == SPEED


def test_results_are_saved(dock_in, qtbot, tmp_path: Path) -> None:
    dock = dock_in()
    dock.viewer.add_labels(moving(), name="found")
    with pytest.raises(MagtexError, match="press Track skyrmions first"):
        dock.save(tmp_path / "motion.json")
    run(dock, qtbot)
    dock.save(tmp_path / "motion.json")
    dock.save(tmp_path / "motion.csv")
    for name in ("tracks.csv", "msd.csv"):
        saves(dock, qtbot, name, tmp_path / name)
    (record,) = json.loads((tmp_path / "motion.json").read_text())
    assert (record["file"], record["tracks"]) == ("found", len(PLACES))
    assert len(pd.read_csv(tmp_path / "motion.csv")) == 1
    table = pd.read_csv(tmp_path / "tracks.csv")
    assert tuple(table.columns) == TRACK_COLUMNS
    assert len(table) == len(PLACES) * FRAMES
    assert pd.read_csv(tmp_path / "msd.csv").lag.tolist() == list(range(1, 11))
    saves(dock, qtbot, "msd.csv", tmp_path / "motion.json" / "msd.csv")
    assert "cannot be written" in last_notice()


def test_a_dot_in_a_name_is_no_ending(dock_in, qtbot, tmp_path: Path, monkeypatch) -> None:
    dock = dock_in()
    dock.viewer.add_labels(moving(frames=3), name="found")
    run(dock, qtbot)
    for row, folder in ((dock.saving, "motion"), (dock.tables, "table")):
        named = str(tmp_path / folder / "film_0.2T")
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, named=named: (named, ""))
        for button in row.findChildren(QPushButton):
            button.click()
            qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")} == {
        "motion/film_0.2T.csv", "motion/film_0.2T.json", "table/film_0.2T.csv"
    }  # fmt: skip
    assert isinstance(json.loads((tmp_path / "motion" / "film_0.2T.json").read_text()), list)


@pytest.mark.parametrize(("data", "says"), [
    (moving()[0], "found has 2 axes: tracks need a stack"),
    (moving()[None], "found has 4 axes"),
    (moving()[:1], "found has one frame"),
    (np.zeros((5, 40, 40), int), "none of the 5 frames of found shows a whole skyrmion"),
])  # fmt: skip
def test_labels_that_cannot_be_followed_are_told(dock_in, qtbot, data, says) -> None:
    dock = dock_in()
    dock.viewer.add_labels(data, name="found")
    run(dock, qtbot)
    assert says in last_notice()
    assert dock.runner.button.isEnabled()
    assert len(dock.viewer.layers) == 1


def test_without_labels_the_person_is_told(dock_in) -> None:
    dock = dock_in()
    dock.runner.button.click()
    assert "no labels layer is open" in last_notice()


@pytest.mark.parametrize(("field", "text", "says"), [
    ("interval", "-0.5", "above 0 s, not -0.5"), ("interval", "0", "above 0 s"), ("interval", "x", "'x' is no number"),
    ("radius", "-3", "above 0 pixels"), ("radius", "wide", "search radius 'wide' is no number"),
])  # fmt: skip
def test_a_number_that_makes_no_sense_is_told(dock_in, field, text, says) -> None:
    dock = dock_in()
    dock.viewer.add_labels(moving(), name="found")
    getattr(dock, field).lines[0].setText(text)
    dock.runner.button.click()
    assert says in last_notice()
    assert not dock.runner.running


def test_empty_frames_end_tracks_and_are_no_error(dock_in, qtbot) -> None:
    dock = dock_in()
    stack = moving()
    stack[5:8] = 0
    dock.viewer.add_labels(stack, name="found")
    dock.memory.setValue(0)
    run(dock, qtbot)
    assert dock.results()[0].tracks == 2 * len(PLACES)
    dock.memory.setValue(3)
    dock.radius.lines[0].setText("14")
    run(dock, qtbot)
    assert dock.results()[0].tracks == len(PLACES)


def test_tracks_too_short_to_tell_anything_say_so(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_labels(moving(frames=2), name="found")
    run(dock, qtbot)
    assert "no skyrmion is followed through three frames in turn" in dock.remark.text().lower()
    assert "not determined" in dock.figures.text()
    assert "tracks: found" in dock.viewer.layers


def test_where_no_skyrmion_is_seen_twice_there_are_no_tracks_to_show(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_labels(moving(velocity=(0, 4), frames=3), name="found")
    run(dock, qtbot)
    assert "tracks: found" in dock.viewer.layers
    dock.radius.lines[0].setText("1")
    run(dock, qtbot)
    assert "tracks: found" not in dock.viewer.layers
    assert dock.results()[0].tracks == 3 * len(PLACES)
    assert "no skyrmion is followed" in dock.remark.text().lower()
    dock.colour.value = SPEED


def test_the_layer_may_be_deleted_meanwhile(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_labels(moving(), name="found", scale=(1, 2, 2))
    dock.runner.button.click()
    dock.viewer.layers.remove("found")
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert list(dock.viewer.layers["tracks: found"].scale) == [1, 2, 2]
    dock.viewer.dims.set_point(0, 3)
    assert list(dock.history.marker.get_xdata()) == [3, 3]
    dock.viewer.layers.clear()
    dock.colour.value = SPEED  # of a layer that is gone
    assert len(dock.results()) == 1


def test_cancel_leaves_what_was_there(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_labels(moving(), name="found")
    run(dock, qtbot)
    before = dock.answer
    dock.viewer.add_labels(np.tile(moving(), (40, 1, 1)), name="long")
    dock.labels.value = dock.viewer.layers["long"]
    dock.runner.button.click()
    dock.runner.cancel.click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert dock.answer is before
    assert dock.runner.button.isEnabled()


def test_labels_that_an_analysis_added_are_offered(dock_in) -> None:
    dock = dock_in()
    dock.viewer.add_labels(moving(), name="skyrmions", metadata={RESULT_KEY: "skyrmions"})
    assert dock.labels.value is dock.viewer.layers["skyrmions"]


def test_what_segment_skyrmions_found_can_be_followed(person, qtbot) -> None:
    segmenting = person.opens()
    frames = [person.frame([(y, x + 1.5 * t) for y, x in person.places if x < 130], seed=t) for t in range(5)]
    segmenting.viewer.add_image(np.stack(frames), name="film", scale=(0.2, 10, 10), units=("s", "nm", "nm"))
    person.runs(segmenting)
    dock = TracksDock(segmenting.viewer)
    segmenting.viewer.window.add_dock_widget(dock)
    labels = segmenting.overlay.labels
    assert dock.labels.value is labels
    run(dock, qtbot)
    assert labels.metadata[SOURCE_KEY] == segmenting.viewer.layers["film"].unique_id
    assert dock.layer.metadata[SOURCE_KEY] == labels.unique_id
    (motion,) = dock.results()
    assert motion.tracks == len([place for place in person.places if place[1] < 130])
    assert motion.velocity[0].value == pytest.approx(1.5 * 0.01 / 0.2, rel=0.1)


def test_labels_corrected_by_hand_are_followed_as_they_count(person, qtbot, tmp_path) -> None:
    segmenting = person.opens()
    segmenting.viewer.add_image(np.stack([person.frame(person.places[:4])] * 3), name="film")
    segmenting.viewer.dims.set_point(0, 0)
    person.runs(segmenting)
    segmenting.draw_new()
    layer = segmenting.overlay.labels
    for place in ((95, 35), (95, 95)):  # with one number
        layer.paint((0, *place), layer.selected_label)
    layer.data_setitem((np.zeros(2, int), np.array([2, 2]), np.array([2, 3])), layer.selected_label)  # a speck
    person.waits(segmenting)
    dock = TracksDock(segmenting.viewer)
    segmenting.viewer.window.add_dock_widget(dock)
    run(dock, qtbot)
    saves(dock, qtbot, "tracks.csv", tmp_path / "tracks.csv")
    segmenting.save(tmp_path / "skyrmions.csv")
    qtbot.waitUntil(lambda: not segmenting.runner.running, timeout=60_000)
    key = ["file", "frame", "label"]
    tracks, found = (pd.read_csv(tmp_path / name).sort_values(key) for name in ("tracks.csv", "skyrmions.csv"))
    assert tracks[key].values.tolist() == found[key].values.tolist()
    assert len(found) == 3 * 4 + 2
    np.testing.assert_allclose(tracks.x_px, found.x_px)
