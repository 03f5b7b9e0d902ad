"""magtex segment: what it writes into its folder, and how it fails."""

import json

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from PIL import Image

from napari_magtex.cli.segment import labels_path
from napari_magtex.io.ovf import write_ovf
from napari_magtex.models import store
from napari_magtex.physics.starts import paint_skyrmion, uniform_start
from napari_magtex.segment.measure import COLUMNS, RADIAL_COLUMNS
from napari_magtex.segment.network import SkyrmionUNet
from napari_magtex.texture import Lattice, SpinTexture

PLACES = [(y, x) for y in range(20, 120, 30) for x in range(20, 160, 30)]


def frame(places=PLACES, radius=8, seed=0, shape=(120, 160)):
    y, x = np.ogrid[: shape[0], : shape[1]]
    inside = np.zeros(shape, bool)
    for row, column in places:
        inside |= (y - row) ** 2 + (x - column) ** 2 <= radius**2
    noise = np.random.default_rng(seed).standard_normal(shape)
    return (128 - 40 * inside + 8 * noise).clip(0, 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(frame()).save(tmp_path / "many.png")
    Image.fromarray(frame([])).save(tmp_path / "empty.png")
    Image.fromarray(np.full((40, 40), 7, np.uint8)).save(tmp_path / "constant.png")
    tifffile.imwrite(tmp_path / "stack.tif", np.stack([frame(seed=1), frame(PLACES[:7], seed=2)]))
    return tmp_path


def test_it_writes_labels_and_a_row_for_each_skyrmion(folder, magtex):
    code, out, err = magtex("segment", "--method", "threshold", "./many.png", "--out", "found", "--pixel-size", "50")
    assert (code, err) == (0, "")
    labels = tifffile.imread(folder / "found" / "many_labels.tif")
    assert labels.dtype == np.int32
    assert labels.shape == (120, 160)
    table = pd.read_csv(folder / "found" / "skyrmions.csv")
    assert tuple(table.columns) == COLUMNS
    assert set(table.file) == {"./many.png"}  # the path as given
    assert table.label.tolist() == list(range(1, len(PLACES) + 1)) == np.unique(labels)[1:].tolist()
    found = sorted(zip(table.y_px.round(-1), table.x_px.round(-1), strict=True))
    assert found == sorted(PLACES)
    assert np.allclose(table.radius_nm, 400, rtol=0.15)
    (summary,) = json.loads((folder / "found" / "skyrmions.json").read_text())
    assert summary["count"] == len(PLACES)
    assert summary["method"] == "threshold"
    assert summary["settings"]["polarity"] == "dark"
    assert summary["density_um2"] == pytest.approx(len(PLACES) / (120 * 160 * 0.05**2))
    assert "./many.png" in out
    radial = pd.read_csv(folder / "found" / "radial.csv")
    assert tuple(radial.columns) == RADIAL_COLUMNS
    assert radial.r_px[radial.g.idxmax()] == pytest.approx(30, abs=1.5)
    assert np.allclose(radial.r_nm, 50 * radial.r_px)


def test_a_frame_without_skyrmions_is_answered(folder, magtex):
    code, out, _ = magtex("segment", "--method", "threshold", "empty.png", "--out", "found")
    assert code == 0
    assert len(pd.read_csv(folder / "found" / "skyrmions.csv")) <= 1
    assert tifffile.imread(folder / "found" / "empty_labels.tif").max() <= 1
    assert "empty.png" in out


def test_a_stack_gives_a_page_and_rows_for_each_frame(folder, magtex):
    code, _, _ = magtex("segment", "--method", "threshold", "stack.tif", "--out", "found")
    assert code == 0
    assert tifffile.imread(folder / "found" / "stack_labels.tif").shape == (2, 120, 160)
    table = pd.read_csv(folder / "found" / "skyrmions.csv")
    assert table.groupby("frame").size().tolist() == [len(PLACES), 7]


def test_an_input_that_fails_has_no_row_and_leaves_the_others(folder, magtex):
    code, _, err = magtex(
        "segment", "--method", "threshold", "constant.png", "many.png", "missing.png", "--out", "found"
    )
    assert code == 1
    assert err.splitlines()[0] == "constant.png: every pixel of the picture is the same: it shows nothing to analyse"
    assert err.splitlines()[1].startswith("missing.png: there is no such file")
    assert set(pd.read_csv(folder / "found" / "skyrmions.csv").file) == {"many.png"}
    assert sorted(path.name for path in (folder / "found").iterdir()) == [
        "many_labels.tif",
        "radial.csv",
        "skyrmions.csv",
        "skyrmions.json",
    ]


def test_of_a_series_the_frames_that_can_be_used_are_answered(folder, series, magtex):
    frames = tifffile.imread(folder / "series.tif")
    frames[[0, 3]] = 7  # of the first the size is not known yet
    tifffile.imwrite(folder / "series.tif", frames)
    code, _, err = magtex("segment", "--method", "threshold", "series.tif", "many.png", "--out", "found", "--tracks")
    assert code == 1
    why = "every pixel of the picture is the same: it shows nothing to analyse"
    assert err == f"series.tif: frame 0: {why}; frame 3: {why}\n"
    labels = tifffile.imread(folder / "found" / "series_labels.tif")
    assert [bool(page.any()) for page in labels] == [n not in (0, 3) for n in range(TIMES)]
    table = pd.read_csv(folder / "found" / "skyrmions.csv")
    used = [n for n in range(TIMES) if n not in (0, 3)]
    assert sorted(set(table[table.file == "series.tif"].frame)) == used
    tracks = pd.read_csv(folder / "found" / "tracks.csv")  # one frame may be missed, and takes its time
    tracks = tracks[tracks.file == "series.tif"]
    assert tracks.groupby("track")["frame"].agg(list).tolist() == [used] * series


def test_a_series_of_which_no_frame_can_be_used_fails(folder, magtex):
    tifffile.imwrite(folder / "dark.tif", np.zeros((5, 40, 40), np.uint8))
    code, _, err = magtex("segment", "--method", "threshold", "dark.tif", "--out", "found")
    assert code == 1
    assert err == "dark.tif: every pixel of the picture is the same: it shows nothing to analyse\n"
    assert not (folder / "found" / "dark_labels.tif").exists()


def test_a_region_that_no_frame_of_a_series_has_fails_it(folder, series, magtex):
    code, _, err = magtex("segment", "--method", "threshold", "series.tif", "--roi", "0,0,900,900", "--out", "found")
    assert code == 1
    assert err.startswith("series.tif: ")
    assert err.count("\n") == 1
    assert not (folder / "found" / "series_labels.tif").exists()


def test_nothing_answered_still_leaves_a_table_with_its_head(folder, magtex):
    code, _, _ = magtex("segment", "--method", "threshold", "constant.png", "--out", "found")
    assert code == 1
    assert (folder / "found" / "skyrmions.csv").read_text().strip() == ",".join(COLUMNS)


def test_regions_keep_the_pixels_of_the_stored_frame(folder, magtex):
    code, _, _ = magtex(
        "segment", "--method", "threshold", "many.png", "--roi", "0,0,65,120", "--roi", "65,0,160,120", "--out", "found"
    )
    assert code == 0
    table = pd.read_csv(folder / "found" / "skyrmions.csv")
    labels = tifffile.imread(folder / "found" / "many_labels.tif")
    assert table.label.is_unique
    assert table.x_px.max() > 130
    for row in table.itertuples():
        assert labels[round(row.y_px), round(row.x_px)] == row.label


def test_a_region_outside_the_frame_fails_the_input(folder, magtex):
    code, _, err = magtex("segment", "--method", "threshold", "many.png", "--roi", "0,0,500,50", "--out", "found")
    assert code == 1
    assert "leaves the picture" in err


@pytest.mark.parametrize(
    "options", [[], ["--out", "found", "--threshold", "1.5"], ["--out", "found", "--polarity", "grey"],
                ["--out", "found", "--weights", "nothing.safetensors"]]
)  # fmt: skip
def test_bad_usage_exits_with_two(folder, magtex, options):
    code, _, err = magtex("segment", "many.png", *options)
    assert code == 2
    assert err


def test_a_polarity_that_is_given_is_held(folder, magtex):
    magtex("segment", "--method", "threshold", "many.png", "--polarity", "bright", "--out", "found")
    (summary,) = json.loads((folder / "found" / "skyrmions.json").read_text())
    assert summary["settings"]["polarity"] == "bright"


def test_a_texture_tells_the_charge_of_each(folder, magtex):
    m = uniform_start(1, (64, 96), (0.0, 0.0, 1.0))[0]
    for centre in ((25.0, 40.0), (70.0, 30.0)):
        paint_skyrmion(m, centre, 7.0, 2.0, helicity=0.0, lattice=Lattice.SQUARE)
    texture = SpinTexture.from_layer(m.permute(1, 2, 0).numpy(), cell=(1e-9, 2e-9, 2e-9), saturation=1e6)
    write_ovf(folder / "two.ovf", texture)
    code, out, _ = magtex("segment", "--method", "threshold", "two.ovf", "--out", "found")
    assert code == 0
    table = pd.read_csv(folder / "found" / "skyrmions.csv")
    assert np.allclose(table.charge, -1, atol=0.05)
    assert np.allclose(table.radius_nm, 14, rtol=0.15)
    assert "charge -2" in out


def test_two_files_of_one_name_do_not_overwrite_each_other(folder, magtex):
    (folder / "other").mkdir()
    Image.fromarray(frame(PLACES[:5])).save(folder / "other" / "many.png")
    magtex("segment", "--method", "threshold", "many.png", "other/many.png", "--out", "found")
    counts = [tifffile.imread(folder / "found" / f"many{n}_labels.tif").max() for n in ("", "_2")]
    assert counts == [len(PLACES), 5]


def test_a_name_that_looks_numbered_is_not_overwritten_either(folder):
    taken = set()
    paths = [labels_path(folder, path, taken).name for path in ("a/many.tif", "b/many.tif", "b/many_2.tif")]
    assert paths == ["many_labels.tif", "many_2_labels.tif", "many_2_2_labels.tif"]


def test_weights_of_ones_own_are_used_and_named(folder, magtex):
    torch.manual_seed(0)
    widths = (4, 4, 4, 4, 4)
    card = {"kind": "segmenter", "name": "mine", "version": "3", "widths": widths,
            "kinds": ["film", "skyrmion", "defect", "outside"]}  # fmt: skip
    store.save(folder / "mine.safetensors", SkyrmionUNet(widths).state_dict(), card)
    code, _, _ = magtex("segment", "many.png", "--weights", "mine.safetensors", "--out", "found")
    assert code == 0
    (summary,) = json.loads((folder / "found" / "skyrmions.json").read_text())
    assert summary["method"] == "mine 3"


def test_ctrl_c_keeps_the_frames_that_are_finished(folder, magtex, monkeypatch):
    from napari_magtex.segment import counted

    whole, calls = counted.segment, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(*arguments)

    monkeypatch.setattr(counted, "segment", interrupted)
    code, _, err = magtex("segment", "--method", "threshold", "stack.tif", "--out", "found")
    assert code == 130
    assert "stopped" in err
    assert tifffile.imread(folder / "found" / "stack_labels.tif").shape == (120, 160)
    assert set(pd.read_csv(folder / "found" / "skyrmions.csv").frame) == {0}


TIMES = 12  # frames of a series


@pytest.fixture
def series(folder):
    """A stack of skyrmions that go 1.5 pixels to the right and half a pixel up in each frame."""
    inner = [(y, x) for y, x in PLACES if 20 < y < 110 and x < 120]
    shifted = [[(y - 0.5 * t, x + 1.5 * t) for y, x in inner] for t in range(TIMES)]
    tifffile.imwrite(folder / "series.tif", np.stack([frame(places, seed=t) for t, places in enumerate(shifted)]))
    return len(inner)


def test_tracks_are_written_only_when_asked_for(folder, series, magtex):
    magtex("segment", "--method", "threshold", "series.tif", "--out", "found")
    assert {path.name for path in (folder / "found").iterdir()} == {
        "series_labels.tif", "skyrmions.csv", "radial.csv", "skyrmions.json"}  # fmt: skip


def test_a_stack_is_followed_and_its_motion_told(folder, series, magtex):
    code, out, err = magtex(
        "segment", "--method", "threshold", "series.tif", "--out", "found", "--pixel-size", "100",
        "--tracks", "--interval", "0.5", "--drive", "0",
    )  # fmt: skip
    assert (code, err) == (0, "")
    tracks = pd.read_csv(folder / "found" / "tracks.csv")
    assert list(tracks.columns) == ["file", "track", "frame", "x_px", "y_px", "x_nm", "y_nm", "t_s", "label"]
    assert tracks.groupby("track")["frame"].agg(list).tolist() == [list(range(TIMES))] * series
    assert np.allclose(tracks.x_nm, 100 * tracks.x_px)
    assert np.allclose(tracks.t_s, 0.5 * tracks.frame)
    skyrmions = pd.read_csv(folder / "found" / "skyrmions.csv")
    joined = tracks.merge(skyrmions, on=["file", "frame", "label"])
    assert len(joined) == len(tracks)
    assert np.allclose(joined.x_px_x, joined.x_px_y)
    (motion,) = json.loads((folder / "found" / "motion.json").read_text())
    assert (motion["file"], motion["frames"], motion["tracks"]) == ("series.tif", TIMES, series)
    assert motion["interval_s"] == 0.5
    assert motion["velocity"]["unit"] == "um/s"
    assert motion["velocity"]["x"] == pytest.approx(0.3, rel=0.1)
    assert motion["velocity"]["y"] == pytest.approx(0.1, rel=0.3)  # up
    assert motion["hall_angle"]["value"] == pytest.approx(18.4, abs=5)  # counter-clockwise from the drive
    assert motion["D"]["unit"] == "um^2/s"
    assert motion["settings"]["segmented_by"] == "threshold"
    row = pd.read_csv(folder / "found" / "motion.csv").iloc[0]
    assert row.hall_angle_value == pytest.approx(motion["hall_angle"]["value"])
    msd = pd.read_csv(folder / "found" / "msd.csv")
    assert msd.lag.tolist() == list(range(1, 11))
    assert msd.msd.iloc[-1] == pytest.approx((10 * 0.1) ** 2 * (1.5**2 + 0.5**2), rel=0.1)
    assert "Hall angle" in out


def test_what_a_region_cuts_is_followed_where_it_is_whole_alone(folder, series, magtex):
    magtex("segment", "--method", "threshold", "series.tif", "--out", "found", "--tracks", "--roi", "0,0,66,120")
    skyrmions = pd.read_csv(folder / "found" / "skyrmions.csv")
    whole = skyrmions[~skyrmions.cut]
    assert 0 < len(whole) < len(skyrmions)
    tracks = pd.read_csv(folder / "found" / "tracks.csv")
    assert sorted(zip(tracks.frame, tracks.label, strict=True)) == sorted(zip(whole.frame, whole.label, strict=True))


def test_a_radius_that_is_too_small_breaks_tracks(folder, series, magtex):
    magtex("segment", "--method", "threshold", "series.tif", "--out", "found", "--tracks", "--search-radius", "0.1")
    assert pd.read_csv(folder / "found" / "tracks.csv").track.max() > 2 * series


def test_the_drift_of_the_stage_can_be_taken_out(folder, series, magtex):
    code, _, _ = magtex(
        "segment", "--method", "threshold", "series.tif", "--out", "found", "--tracks", "--subtract-drift"
    )
    assert code == 0
    (motion,) = json.loads((folder / "found" / "motion.json").read_text())
    assert motion["velocity"]["x"] is None
    assert motion["stage_drift"]["x"] == pytest.approx(1.5, rel=0.1)
    assert motion["stage_drift"]["unit"] == "px/frame"


def test_spins_are_snapshots_and_frames_are_not(folder, series, magtex):
    m = uniform_start(1, (64, 64), (0.0, 0.0, 1.0))[0]
    paint_skyrmion(m, (30.0, 30.0), 7.0, 2.0, helicity=0.0, lattice=Lattice.SQUARE)
    write_ovf(folder / "spins.ovf", SpinTexture.from_layer(m.permute(1, 2, 0).numpy(), cell=(1e-9, 2e-9, 2e-9)))
    magtex("segment", "--method", "threshold", "spins.ovf", "series.tif", "--out", "found", "--tracks")
    motions = json.loads((folder / "found" / "motion.json").read_text())
    assert [motion["settings"]["exposure"] for motion in motions] == [0, 1]


def test_what_shows_no_motion_is_answered(folder, magtex):
    code, out, err = magtex("segment", "--method", "threshold", "many.png", "--out", "found", "--tracks")
    assert (code, err) == (0, "")
    (motion,) = json.loads((folder / "found" / "motion.json").read_text())
    assert motion["D"] == {"value": None, "error": None, "unit": "px^2/frame"}
    assert motion["notes"][-1] == "one frame shows no motion"
    assert "one frame shows no motion" in out


def test_an_input_that_cannot_be_followed_is_told_and_still_counted(folder, series, magtex):
    code, _, err = magtex(
        "segment", "--method", "threshold", "many.png", "series.tif", "--out", "found", "--tracks",
        "--subtract-drift", "--pixel-size", "100",
    )  # fmt: skip
    assert code == 1
    assert err.startswith("many.png: a drift of the stage shows where two frames in turn show the same two skyrmions")
    assert set(pd.read_csv(folder / "found" / "skyrmions.csv").file) == {"many.png", "series.tif"}
    assert set(pd.read_csv(folder / "found" / "tracks.csv").file) == {"series.tif"}


@pytest.mark.parametrize("options", [["--interval", "-1", "--tracks"], ["--drive", "up", "--tracks"],
                                     ["--memory", "-1", "--tracks"], ["--drive", "30"], ["--subtract-drift"],
                                     ["--exposure", "2", "--tracks"]])  # fmt: skip
def test_options_of_tracks_that_make_no_sense_are_bad_usage(folder, magtex, options):
    code, _, err = magtex("segment", "many.png", "--out", "found", *options)
    assert code == 2
    assert options[0] in err
