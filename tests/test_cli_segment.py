"""magtex segment: what it writes into its folder, and how it fails."""

import json

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from PIL import Image

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
