"""Diffusion constant, drift and Hall angle of motions that are known, and how far their errors can be trusted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_magtex.compute import drain
from napari_magtex.errors import MagtexError, Unsuitable
from napari_magtex.results import table, write_csv, write_json
from napari_magtex.segment.diffusion import FULL_BLUR, Moments, diffusion_of
from napari_magtex.segment.measured import Measured
from napari_magtex.segment.motion import MSD_COLUMNS, Motion, MotionSettings, between, is_significant, motion_of, polar
from napari_magtex.segment.msd import spreading
from napari_magtex.segment.tracks import Tracks, follow


def walks(rng, tracks, frames, D, sigma, velocity=(0.0, 0.0), exposed=True):
    """Return Brownian walks (tracks, frames, 2), averaged over each frame where the shutter is open."""
    fine = 10  # steps a frame
    steps = rng.normal(0, np.sqrt(2 * D / fine), (tracks, frames * fine, 2)) + np.array(velocity) / fine
    walk = np.cumsum(steps, axis=1).reshape(tracks, frames, fine, 2)
    walk = walk.mean(axis=2) if exposed else walk[:, :, -1]
    return walk + rng.normal(0, sigma, walk.shape)


@pytest.fixture
def tracks_of(provenance):
    """Return tracks along paths (frames, 2) of x and y up."""

    def make(paths, pixel_size=None, interval=None) -> Tracks:
        parts = [
            pd.DataFrame({"track": n, "frame": np.arange(len(p)), "label": n, "x_px": p[:, 0], "y_px": -p[:, 1]})
            for n, p in enumerate(paths, start=1)
        ]
        origin = replace(provenance(), settings={"interval_s": interval})
        whole = pd.concat(parts, ignore_index=True).dropna().reset_index(drop=True)
        return Tracks(origin, whole, max(map(len, paths)), pixel_size, interval, 10.0)

    return make


@pytest.fixture
def moved(tracks_of):
    """Measure the motion along paths."""

    def run(paths, pixel_size=None, interval=None, **settings) -> Motion:
        return drain(motion_of(tracks_of(paths, pixel_size, interval), MotionSettings(**settings)))

    return run


@pytest.mark.parametrize(("tracks", "frames", "D", "sigma", "exposed"), [
    (1, 200, 0.5, 0.3, True),  # few tracks: errors of free Brownian motion
    (3, 60, 0.5, 0.3, False),
    (20, 50, 0.5, 0.3, True),  # from ten on: the scatter among them
    (40, 10, 0.2, 0.4, True),
    (15, 60, 0.1, 1.0, True),  # mostly localisation error
])  # fmt: skip
def test_errors_cover_the_truth_in_about_68_of_100_runs(tracks, frames, D, sigma, exposed) -> None:
    rng, blur = np.random.default_rng(1), FULL_BLUR if exposed else 0.0
    drift = np.array([0.3, -0.2])
    runs = [
        diffusion_of(Moments.of(list(walks(rng, tracks, frames, D, sigma, drift, exposed))), blur) for _ in range(400)
    ]
    found = np.array([run.D for run in runs])
    errors = np.array([run.D_error for run in runs])
    assert {run.by_scatter for run in runs} == {tracks >= 10}
    standard = found.std() / np.sqrt(len(runs))
    assert abs(found.mean() - D) < 4 * standard
    assert np.median(errors) == pytest.approx(found.std(), rel=0.12)
    assert 0.59 < (abs(found - D) < errors).mean() < 0.76  # 0.68 and 4 standard errors of 400 runs
    noise = np.array([run.sigma2 for run in runs])
    # the ten steps of the simulated shutter make its blur smaller than that of an open one by a hundredth of D
    assert abs(noise.mean() - sigma**2) < 4 * noise.std() / np.sqrt(len(runs)) + 0.01 * D
    pace = np.array([run.velocity for run in runs])
    pace_errors = np.array([np.sqrt(np.diag(run.covariance)) for run in runs])
    assert 0.61 < (abs(pace - drift) < pace_errors).mean() < 0.75


def test_the_error_is_not_that_of_a_line_through_overlapping_displacements() -> None:
    """What a fit of a line to the MSD takes for its error is many times too small: the points move together."""
    rng = np.random.default_rng(3)
    naive, ours, found = [], [], []
    for _ in range(100):
        paths = list(walks(rng, 1, 200, 0.5, 0.0, exposed=False))
        about = drain(spreading(paths, np.zeros(2)))
        (slope, _), covariance = np.polyfit(about.lag, about.total, 1, cov=True)
        naive.append(np.sqrt(covariance[0, 0]) / 4)
        found.append(slope / 4)
        ours.append(diffusion_of(Moments.of(paths), 0.0).D_error)
    assert np.mean(naive) < 0.2 * np.std(found)
    assert np.mean(ours) < np.std(found)  # and the estimator is better than the fit


def test_unequal_skyrmions_make_the_error_larger(moved) -> None:
    rng = np.random.default_rng(4)
    alike = np.concatenate([walks(rng, 20, 100, 0.5, 0.1)])
    unequal = np.concatenate([walks(rng, 10, 100, 0.05, 0.1), walks(rng, 10, 100, 0.95, 0.1)])
    assert moved(list(unequal)).D.error > 2 * moved(list(alike)).D.error


def test_brownian_skyrmions_give_D_and_sigma_in_micrometres_and_seconds(moved) -> None:
    paths = list(walks(np.random.default_rng(5), 50, 200, 0.5, 0.3))
    px = moved(paths)
    assert (px.D.unit, px.sigma.unit, px.speed.unit) == ("px^2/frame", "px", "px/frame")
    assert px.D.value == pytest.approx(0.5, abs=4 * px.D.error)
    assert px.sigma.value == pytest.approx(0.3, rel=0.1)
    um = moved(paths, pixel_size=(2e-7, 2e-7), interval=0.25)
    assert (um.D.unit, um.sigma.unit, um.velocity[0].unit) == ("um^2/s", "um", "um/s")
    assert um.D.value == pytest.approx(px.D.value * 0.2**2 / 0.25)
    assert um.D.error == pytest.approx(px.D.error * 0.2**2 / 0.25)
    assert um.sigma.value == pytest.approx(px.sigma.value * 0.2)
    assert um.velocity[1].value == pytest.approx(px.velocity[1].value * 0.2 / 0.25)
    assert moved(paths, interval=0.25).D.unit == "px^2/s"
    assert moved(paths, pixel_size=(2e-7, 2e-7)).D.unit == "um^2/frame"


def test_brownian_skyrmions_go_nowhere(moved) -> None:
    motion = moved(list(walks(np.random.default_rng(6), 30, 100, 0.5, 0.2)), drive=0.0)
    assert motion.speed.value is motion.direction.value is motion.hall_angle.value is None
    assert "the mean motion is not significant: its direction is not determined" in motion.notes


@pytest.mark.parametrize(("velocity", "drive", "angle"), [
    ((2.0, 0.0), 0.0, 0.0),
    ((2.0, 1.0), 0.0, 26.565),  # up on the screen: counter-clockwise from the drive
    ((2.0, -1.0), 0.0, -26.565),
    ((0.0, 1.0), 90.0, 0.0),
    ((-1.0, -0.1), 170.0, 15.711),  # across the cut at 180 degrees
    ((-1.0, 0.1), -170.0, -15.711),
])  # fmt: skip
def test_straight_motion_gives_velocity_and_hall_angle_with_its_sign(moved, velocity, drive, angle) -> None:
    start = np.random.default_rng(7).uniform(0, 100, (12, 1, 2))
    motion = moved(list(start + np.arange(20)[:, None] * np.array(velocity)), drive=drive)
    assert [v.value for v in motion.velocity] == pytest.approx(velocity)
    assert motion.speed.value == pytest.approx(np.hypot(*velocity))
    assert motion.hall_angle.value == pytest.approx(angle, abs=1e-3)
    assert motion.hall_angle.error == pytest.approx(0, abs=1e-6)
    assert motion.D.value == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(motion.spreading.total, np.hypot(*velocity) ** 2 * motion.spreading.lag**2)
    np.testing.assert_allclose(motion.spreading.about_mean, 0, atol=1e-9)


def test_the_hall_angle_of_driven_noisy_skyrmions_lies_within_its_error() -> None:
    rng, inside, runs = np.random.default_rng(8), 0, 200
    for _ in range(runs):
        found = diffusion_of(Moments.of(list(walks(rng, 20, 40, 0.5, 0.2, (1.0, 0.36397)))))
        assert is_significant(found)
        _, _, angle, error = polar(found)
        inside += abs(angle - 20) < error
    assert 0.54 < inside / runs < 0.81


def test_a_drive_is_needed_for_a_hall_angle(moved) -> None:
    paths = list(walks(np.random.default_rng(9), 20, 40, 0.1, 0.1, (1.0, 0.0)))
    assert moved(paths).hall_angle.value is None
    assert moved(paths).direction.value == pytest.approx(0, abs=3)


def test_the_drift_of_the_stage_is_taken_out(moved) -> None:
    rng = np.random.default_rng(10)
    stage = np.cumsum(rng.normal((0.8, -0.3), 3.0, (300, 2)), axis=0)
    paths = list(walks(rng, 5, 300, 0.5, 0.2) + stage)
    motion = moved(paths, pixel_size=(1e-7, 1e-7), interval=0.5, subtract_drift=True)
    scale = 0.1**2 / 0.5
    # the mean of five takes a fifth of their diffusion with it
    assert motion.D.value == pytest.approx(0.5 * scale, abs=4 * motion.D.error)
    assert motion.D.error < 0.1 * motion.D.value
    assert moved(paths).D.value > 3
    way = (stage[-1] - stage[0]) / 299 * 0.1 / 0.5
    assert [v.value for v in motion.stage_drift] == pytest.approx(way, abs=0.02)
    assert motion.velocity[0].value is motion.hall_angle.value is None
    assert any("taken for the stage's drift" in note for note in motion.notes)
    line, _ = motion.line(motion.spreading.lag[:5])
    np.testing.assert_allclose(motion.spreading.about_mean[:5], line, rtol=0.2)
    with pytest.raises(Unsuitable, match="show the same two skyrmions, and none do"):
        moved(paths[:1], subtract_drift=True)


def test_the_msd_is_the_mean_over_times_and_tracks(moved) -> None:
    one, two = np.array([[0.0, 0], [1, 0], [3, 0], [6, 0]]), np.array([[0.0, 0], [0, 2.0]])
    about = moved([one, two]).spreading
    assert about.lag.tolist() == [1, 2, 3]
    assert about.count.tolist() == [4, 2, 1]
    assert about.total.tolist() == pytest.approx([(1 + 4 + 9 + 4) / 4, (9 + 25) / 2, 36])


def test_the_line_goes_through_the_msd_of_free_skyrmions(moved) -> None:
    motion = moved(list(walks(np.random.default_rng(11), 200, 80, 0.5, 0.4)))
    line, band = motion.line(motion.spreading.lag)
    np.testing.assert_allclose(motion.spreading.about_mean, line, rtol=0.1)
    assert (np.diff(band) > 0).all()
    assert not any("bends" in note for note in motion.notes)


def test_pinned_and_unequally_driven_skyrmions_are_told(moved) -> None:
    rng = np.random.default_rng(12)
    pinned = np.zeros((30, 100, 2))
    for t in range(1, 100):
        pinned[:, t] = 0.6 * pinned[:, t - 1] + rng.normal(0, 1, (30, 2))
    assert any("bends below the line" in note for note in moved(list(pinned)).notes)
    unequal = [p for v in (0.0, 0.5, 1.0) for p in walks(rng, 10, 80, 0.05, 0.1, (v, 0.0))]
    assert any("bends above the line" in note for note in moved(unequal).notes)


def test_a_skyrmion_that_is_missed_at_times_diffuses_as_well(moved) -> None:
    rng = np.random.default_rng(13)
    paths = walks(rng, 40, 200, 0.5, 0.2)
    missed = rng.random(paths.shape[:2]) < 0.2
    missed[:, [0, -1]] = False
    paths[missed] = np.nan
    motion = moved(list(paths))
    assert motion.D.value == pytest.approx(0.5, abs=4 * motion.D.error)
    assert motion.spreading.about_mean[0] == pytest.approx(moved(list(paths)).line(np.array([1]))[0][0], rel=0.05)


@pytest.mark.parametrize("paths", [
    [np.zeros((2, 2)), np.ones((2, 2)), np.full((1, 2), 9.0)],
    [np.array([[0, 0], [np.nan, np.nan], [1.0, 1], [np.nan, np.nan], [2, 2]])],
])  # fmt: skip
def test_too_little_to_tell_anything_is_an_answer(moved, paths, tmp_path) -> None:
    motion = moved(paths, drive=30.0)
    assert motion.D.value is motion.speed.value is motion.hall_angle.value is None
    assert "no skyrmion is followed through three frames in turn" in motion.notes[-1]
    write_json([motion], tmp_path / "motion.json")
    assert json.loads((tmp_path / "motion.json").read_text())[0]["D"]["value"] is None


def test_a_stack_without_a_skyrmion_and_one_frame_are_answers(provenance) -> None:
    nothing = pd.DataFrame({"frame": [], "label": [], "x_px": [], "y_px": []})
    one = pd.DataFrame({"frame": [0, 0], "label": [1, 2], "x_px": [5.0, 50.0], "y_px": [5.0, 50.0]})
    for positions, frames, says in ((nothing, 3, "shows a whole skyrmion"), (one, 1, "one frame shows no motion")):
        motion = drain(motion_of(drain(follow(positions, provenance(), frames=frames))))
        assert motion.D.value is None
        assert any(says in note for note in motion.notes)
        assert motion.tracks == len(positions)
        assert len(motion.msd_rows()) == 0


@pytest.mark.parametrize(("measured", "text"), [
    (Measured(0.12529, 0.00098, "px^2/frame"), "0.12529 ± 0.00098 px²/frame"),
    (Measured(-12.34, 3.21, "deg"), "-12.3 ± 3.2°"),
    (Measured(1234.5, 210.0, "um/s"), "1234 ± 210 µm/s"),
    (Measured(3.2e-7, 4e-9, "um^2/s"), "(3.200 ± 0.040) × 10⁻⁷ µm²/s"),
    (Measured(0.5, None, "px"), "0.5 px"),
    (Measured(2.0, 0.0, "px/frame"), "2 px/frame"),
    (Measured(None, None, "px"), "not determined"),
])  # fmt: skip
def test_a_value_is_written_with_two_digits_of_its_error(measured, text) -> None:
    assert str(measured) == text


def test_ten_short_tracks_and_one_long_one_are_no_ten(moved) -> None:
    paths = [*walks(np.random.default_rng(14), 12, 2, 0.5, 0.1), *walks(np.random.default_rng(15), 1, 50, 0.5, 0.1)]
    motion = moved(paths)
    assert motion.provenance.settings["errors"] == "free Brownian motion"
    assert motion.D.value == pytest.approx(0.5, abs=4 * motion.D.error)


def test_it_becomes_a_row_and_an_object_without_nan(moved, tmp_path) -> None:
    paths = list(walks(np.random.default_rng(16), 20, 40, 0.5, 0.2, (1.0, 1.0)))
    motion = moved(paths, pixel_size=(1e-7, 1e-7), interval=0.5, drive=45.0)
    write_json([motion], tmp_path / "motion.json")
    write_csv([motion], tmp_path / "motion.csv")
    (record,) = json.loads((tmp_path / "motion.json").read_text())
    assert record["tracks"] == 20
    assert record["mean_length"] == 40
    assert record["interval_s"] == 0.5
    assert record["D"] == {"value": motion.D.value, "error": motion.D.error, "unit": "um^2/s"}
    assert record["hall_angle"]["value"] == pytest.approx(0, abs=4 * record["hall_angle"]["error"])
    assert record["settings"]["errors"] == "scatter among tracks"
    row = pd.read_csv(tmp_path / "motion.csv").iloc[0]
    assert row.D_value == pytest.approx(motion.D.value)
    assert list(table([motion]).columns) == list(table([moved(paths[:1])]).columns)
    rows = motion.msd_rows()
    assert tuple(rows.columns) == MSD_COLUMNS
    assert rows.lag_s.tolist() == pytest.approx((0.5 * rows.lag).tolist())
    assert rows.msd.iloc[0] == pytest.approx(motion.spreading.total[0] * 0.01)


@pytest.mark.parametrize("settings", [{"exposure": -0.1}, {"exposure": 1.5}, {"drive": float("nan")}])
def test_a_setting_that_makes_no_sense_is_told(settings) -> None:
    with pytest.raises(MagtexError):
        MotionSettings(**settings)


def test_the_turn_between_directions_is_the_short_one() -> None:
    assert [between(0, 190), between(350, 10), between(0, 180), between(180, -170), between(0, -90)] == [
        -170, 20, 180, 10, -90,
    ]  # fmt: skip


def test_the_example_of_the_manual_runs(discs, capsys) -> None:
    manual = Path(__file__).parents[2] / "docs" / "tracks.md"
    example = manual.read_text(encoding="utf-8").split("```python")[1].split("```")[0]
    stack = np.stack([discs((120, 120), [(60 - t, 30 + 3 * t, 6), (90 - t, 40 + 3 * t, 6)]) for t in range(8)])
    there = {"labels": stack}
    exec(example, there)
    assert there["motion"].hall_angle.value == pytest.approx(np.degrees(np.arctan2(1, 3)), abs=1)
    assert str(there["motion"].D) in capsys.readouterr().out
