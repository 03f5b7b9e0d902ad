"""Skyrmions are followed through frames: their numbers change, they cross, merge, vanish, and come back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_magtex.compute import Progress, drain
from napari_magtex.errors import MagtexError, Unsuitable
from napari_magtex.segment.measure import measure
from napari_magtex.segment.positions import POSITION_COLUMNS, positions_in, positions_of
from napari_magtex.segment.tracks import TRACK_COLUMNS, Tracks, TrackSettings, follow, stage_drift


@pytest.fixture
def followed(provenance):
    """Follow the places of each frame, y and x."""

    def run(places, pixel_size=None, **settings) -> Tracks:
        rows = [(t, n, x, y) for t, frame in enumerate(places) for n, (y, x) in enumerate(frame, start=1)]
        table = pd.DataFrame(rows, columns=["frame", "label", "x_px", "y_px"])
        about = {"frames": len(places), "pixel_size": pixel_size, "settings": TrackSettings(**settings)}
        return drain(follow(table, provenance(), **about))

    return run


def seen_in(tracks: Tracks) -> list[list[int]]:
    """Return the frames of each track."""
    return [group["frame"].tolist() for _, group in tracks.table.groupby("track")]


def test_the_places_in_a_label_image_are_those_that_are_measured(discs, provenance) -> None:
    labels = discs((80, 100), [(20, 30, 6), (50, 70.4, 8), (60, 20, 5)])
    rows = measure(labels, provenance()).rows()
    table = positions_of(labels, 3)
    assert tuple(table.columns) == POSITION_COLUMNS
    for name in ("frame", "label", "x_px", "y_px"):
        np.testing.assert_allclose(table[name], rows[name])
    assert not table["cut"].any()


def test_numbers_may_be_any(discs) -> None:
    labels = discs((80, 100), [(20, 30, 6), (50, 70, 8)]).astype(np.int64)
    labels[labels == 2] = 3_000_000_000
    assert positions_of(labels, 0)["label"].tolist() == [1, 3_000_000_000]
    assert drain(positions_in([labels], 1))["label"].tolist() == [1, 3_000_000_000]
    assert positions_of(np.zeros((9, 9), int), 0).empty


def test_of_a_mask_every_piece_counts(discs) -> None:
    labels = discs((80, 100), [(20, 30, 6), (50, 70, 8), (60, 20, 5)])
    places = drain(positions_in([(labels > 0).astype(np.uint8)], 1))
    assert sorted(places["y_px"].round()) == [20, 50, 60]


def test_parts_of_one_number_that_do_not_touch_count_apart_and_specks_do_not(discs) -> None:
    labels = discs((80, 100), [(20, 30, 6), (50, 70, 8), (60, 20, 5)])
    labels[labels == 3] = 2
    labels[5, 5:7] = 1
    places = drain(positions_in([labels], 1, min_area=6))
    assert places["label"].tolist() == [1, 2, 3]
    assert places["y_px"].round().tolist() == [20, 50, 60]


def test_skyrmions_that_the_edge_cuts_are_left_out_and_told(discs, provenance) -> None:
    stack = [discs((80, 100), [(30, 30 + 2 * t, 6), (78, 60 + t, 6)]) for t in range(3)]
    tracks = drain(follow(drain(positions_in(stack, 3)), provenance(), frames=3))
    assert seen_in(tracks) == [[0, 1, 2]]
    assert "3 positions at the edge of what was looked at are left out" in tracks.notes[0]


def test_a_skyrmion_keeps_its_track_whatever_its_label_is(discs, provenance) -> None:
    rng = np.random.default_rng(0)
    stack = []
    for t in range(8):
        labels = discs((120, 160), [(30 + t, 40 + 2 * t, 7), (80, 100 - 2 * t, 7), (40 + t, 110, 7)])
        stack.append(np.array([0, *(rng.permutation(3) + 1)])[labels])
    steps = list(follow(drain(positions_in(stack, 8)), provenance(), frames=8))
    assert steps[0] == Progress(1, 8, "following")
    tracks = steps[-1]
    assert seen_in(tracks) == [list(range(8))] * 3
    assert sorted(group["x_px"].diff().mean().round(2) for _, group in tracks.table.groupby("track")) == [-2, 0, 2]


def test_rows_of_measurements_are_followed_too(discs, provenance) -> None:
    rows = []
    for t in range(4):
        labels = discs((80, 100), [(20, 30 + 3 * t, 6), (50, 70, 8)])
        rows.append(measure(labels, provenance(), pixel_size=(2e-8, 2e-8)).rows().assign(frame=t))
    tracks = drain(follow(pd.concat(rows), provenance(), frames=4, pixel_size=(2e-8, 2e-8)))
    assert seen_in(tracks) == [[0, 1, 2, 3]] * 2


def test_the_table_tells_pixels_nanometres_and_seconds(followed) -> None:
    places = [[(10 + t, 20 + 2 * t)] for t in range(3)]
    table = followed(places, pixel_size=(1e-8, 2e-8), interval=0.5).rows()
    assert tuple(table.columns) == TRACK_COLUMNS
    row = table.iloc[2]
    assert (row.file, row.track, row.frame, row.label) == ("frame.tif", 1, 2, 1)
    assert [row.x_px, row.y_px, row.x_nm, row.y_nm, row.t_s] == pytest.approx([24, 12, 480, 120, 1.0])
    bare = followed(places).rows()
    assert bare[["x_nm", "y_nm", "t_s"]].isna().all(axis=None)


def test_the_radius_is_half_the_way_to_the_nearest_neighbour(followed) -> None:
    lattice = [(20.0 * i, 20.0 * j) for i in range(4) for j in range(4)]
    assert followed([lattice] * 2).radius == pytest.approx(10)
    assert followed([lattice] * 2, radius=3).radius == 3


def test_one_skyrmion_alone_is_followed_however_far_it_jumps(followed) -> None:
    assert seen_in(followed([[(0, 0)], [(30, 40)], [(0, 80)]])) == [[0, 1, 2]]


def test_pixels_that_are_not_square_do_not_mislead(followed) -> None:
    # rows are 5 times as far apart as columns: a step of 2 rows is longer than one of 8 columns
    places = [[(50, 50)], [(50, 58)], [(52, 58)]]
    assert seen_in(followed(places, pixel_size=(5e-8, 1e-8), radius=9, memory=0)) == [[0, 1], [2]]
    assert seen_in(followed(places, pixel_size=(1e-8, 1e-8), radius=9, memory=0)) == [[0, 1, 2]]


def test_two_that_pass_each_other_keep_apart(followed) -> None:
    places = [[(20, 10 + 4 * t), (28, 90 - 4 * t)] for t in range(20)]
    tracks = followed(places, radius=6)
    assert seen_in(tracks) == [list(range(20))] * 2
    assert tracks.table.groupby("track")["y_px"].nunique().tolist() == [1, 1]


def test_of_two_that_merge_one_goes_on_and_one_ends(followed) -> None:
    apart = [[(20, 20 + 2 * t), (20, 41 - 2 * t)] for t in range(5)]
    merged = [[(20, 30.5)]] * 4
    assert sorted(seen_in(followed(apart + merged, radius=5, memory=0))) == [list(range(5)), list(range(9))]
    assert sorted(seen_in(followed(merged + apart[::-1], radius=5, memory=0))) == [list(range(9)), [4, 5, 6, 7, 8]]


def test_one_that_is_missed_for_a_frame_is_found_again(followed) -> None:
    places = [[(20, 20), (60, 60)]] * 6
    places[3] = [(20, 20)]
    assert seen_in(followed(places, radius=5)) == [[0, 1, 2, 3, 4, 5], [0, 1, 2, 4, 5]]
    assert seen_in(followed(places, radius=5, memory=0)) == [[0, 1, 2, 3, 4, 5], [0, 1, 2], [4, 5]]


def test_one_that_vanished_for_longer_is_another(followed) -> None:
    places = [[(20, 20), (60, 60)], [(20, 20), (60, 60)], [], [], [(20, 20)], [(20, 20)]]
    assert sorted(seen_in(followed(places, radius=5, memory=1))) == [[0, 1], [0, 1], [4, 5]]
    assert seen_in(followed(places, radius=5, memory=2))[0] == [0, 1, 4, 5]


def test_a_stack_without_a_skyrmion_has_no_track_and_says_so(followed) -> None:
    tracks = followed([[], [], []])
    assert (tracks.count, tracks.mean_length, len(tracks.rows())) == (0, None, 0)
    assert tracks.notes == ("none of 3 frames shows a whole skyrmion",)


def test_a_radius_that_mixes_all_up_is_told_with_a_way_out(followed) -> None:
    rng = np.random.default_rng(0)
    places = rng.uniform(0, 100, (80, 2))
    with pytest.raises(Unsuitable, match=r"frame 1: more than 30 skyrmions .* radius of 40 px .* smaller radius"):
        followed([places, places + 1], radius=40)


def test_steps_as_long_as_the_radius_are_told(followed) -> None:
    places = [[(20, 20 + 9.5 * t), (60, 20 + 9.5 * t)] for t in range(5)]
    assert "100% of the steps are longer than 0.8 of the search radius (10 px)" in followed(places, radius=10).notes[0]
    assert not followed(places, radius=15).notes


@pytest.mark.parametrize(("settings", "says"), [
    ({"radius": 0}, "above 0 pixels"), ({"radius": -3.0}, "above 0 pixels"), ({"memory": -1}, "0 frames or more"),
    ({"interval": -0.5}, "above 0 s, not -0.5"), ({"interval": float("nan")}, "above 0 s"),
])  # fmt: skip
def test_a_setting_that_makes_no_sense_is_told(settings, says) -> None:
    with pytest.raises(MagtexError, match=says):
        TrackSettings(**settings)


def test_the_drift_of_the_stage_is_the_common_motion(followed) -> None:
    drift = np.cumsum(np.random.default_rng(1).normal(0, 2, (10, 2)), axis=0)
    drift -= drift[0]
    lattice = np.array([(40.0 * i, 40.0 * j) for i in range(3) for j in range(3)])
    found, kept = stage_drift(followed([lattice + d for d in drift]))
    np.testing.assert_allclose(found, drift[:, ::-1] * (1, -1))  # x, y up
    assert kept == pytest.approx(8 / 9)
    with pytest.raises(Unsuitable, match="show the same two skyrmions, and none do"):
        stage_drift(followed([[(0, 0)], [(1, 1)]]))


def test_a_cancelled_search_stops(provenance) -> None:
    table = pd.DataFrame({"frame": [0, 1, 2], "label": 1, "x_px": 0.0, "y_px": 0.0})
    work = follow(table, provenance(), frames=3)
    assert next(work) == Progress(1, 3, "following")
    work.close()
