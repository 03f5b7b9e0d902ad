"""magtex: what it answers, what it writes, how it fails, as DESIGN fixes it for those who script it."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

from napari_magtex.cli import app
from napari_magtex.colours import spin_to_rgb
from napari_magtex.io.ovf import write_ovf
from napari_magtex.texture import SpinTexture

VERDICT_KEYS = (
    "file frame contrast roi verdict state probability probabilities set hidden applicable applicability model version"
)
ESTIMATE_KEYS = "file frame contrast roi method A D D_sign Ms period applicable determined estimator version"


def pixels_of(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def helix(shape=(128, 128), period=17.5, cell=4e-9):
    angle = 2 * np.pi * np.arange(shape[1]) / period
    m = np.zeros((*shape, 3), dtype=np.float32)
    m[..., 1], m[..., 2] = np.sin(angle), np.cos(angle)
    return SpinTexture.from_layer(m, cell=(cell,) * 3, saturation=3.84e5)


@pytest.fixture
def folder(tmp_path, monkeypatch, one_state):
    """A folder that commands run in, with a texture, a grey picture without a pixel size, and a broken file."""
    monkeypatch.chdir(tmp_path)
    write_ovf(tmp_path / "helix.ovf", helix())
    grey = (127 + 100 * helix().m[0, ..., 2]).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    (tmp_path / "broken.ovf").write_bytes((tmp_path / "helix.ovf").read_bytes()[:5000])
    (tmp_path / "one.toml").write_text(one_state)
    return tmp_path


def test_a_name_that_the_terminal_cannot_show_costs_no_answer(folder):
    (folder / "π.png").write_bytes((folder / "grey.png").read_bytes())
    result = CliRunner(charset="latin-1").invoke(app, ["info", "π.png"])
    assert result.exit_code == 0
    assert "\\u03c0.png" in result.stdout


def test_weights_are_not_written_where_their_card_belongs(folder, magtex):
    code, _, err = magtex("train", "estimator", "one.toml", "--out", "mine.json")
    assert code == 2
    assert "safetensors" in err


class TestClassify:
    def test_it_answers_in_json_csv_and_a_table(self, folder, magtex):
        code, out, err = magtex("classify", "./helix.ovf", "--json", "v.json", "--csv", "v.csv")
        assert (code, err) == (0, "")
        (row,) = json.loads((folder / "v.json").read_text())
        assert " ".join(row) == VERDICT_KEYS
        assert row["file"] == "./helix.ovf"  # the path as given
        assert (row["frame"], row["contrast"], row["roi"]) == (0, "spin", None)
        assert row["verdict"] in {"state", "no_contrast", "out_of_range"}
        assert len(row["probabilities"]) == 9
        assert sum(row["probabilities"].values()) == pytest.approx(1)
        assert row["set"]
        (flat,) = pd.read_csv(folder / "v.csv").to_dict("records")
        assert flat["probabilities_fm_stripes"] == pytest.approx(row["probabilities"]["fm_stripes"])
        assert "./helix.ovf" in out

    def test_several_regions_give_several_rows(self, folder, magtex):
        regions = ("--roi", "0,0,64,64", "--roi", "32,32,128,128")
        code, _, _ = magtex("classify", "grey.png", *regions, "--contrast", "kerr", "--json", "v.json")
        rows = json.loads((folder / "v.json").read_text())
        assert code == 0
        assert [row["roi"] for row in rows] == [[0, 0, 64, 64], [32, 32, 128, 128]]
        assert {row["contrast"] for row in rows} == {"kerr"}
        assert all(row["probabilities"][hidden] == 0 for row in rows for hidden in row["hidden"])

    def test_what_fails_is_told_and_the_others_are_answered(self, folder, magtex):
        code, out, err = magtex("classify", "nowhere.png", "helix.ovf", "broken.ovf", "--json", "v.json")
        assert code == 1
        assert [row["file"] for row in json.loads((folder / "v.json").read_text())] == ["helix.ovf"]
        first, second = err.splitlines()
        assert first.startswith("nowhere.png: ")
        assert second.startswith("broken.ovf: ")
        assert "Traceback" not in out + err

    @pytest.mark.parametrize("roi", ["0,0,64,129", "-1,0,64,64", "9,9,9,64"])
    def test_a_region_that_does_not_fit_fails_its_input_as_a_whole(self, folder, roi, magtex):
        code, _, err = magtex("classify", "grey.png", "--roi", "0,0,64,64", "--roi", roi, "--json", "v.json")
        assert code == 1
        assert re.fullmatch(rf"grey\.png: the region {roi} .*\n", err)
        assert json.loads((folder / "v.json").read_text()) == []

    def test_attention_is_a_picture_of_the_same_size_that_is_not_constant(self, folder, magtex):
        code, _, _ = magtex("classify", "helix.ovf", "--attention", "maps", "--roi", "0,0,100,80", "--contrast", "spin")
        assert code == 0
        (path,) = (folder / "maps").iterdir()
        pixels = pixels_of(path)
        assert path.name == "helix_f0_0-0-100-80_attention.png"
        assert pixels.shape == (80, 100, 3)
        assert pixels.std() > 0

    def test_two_inputs_of_one_stem_do_not_overwrite_each_others_attention(self, folder, magtex):
        (folder / "other").mkdir()
        write_ovf(folder / "other" / "helix.ovf", helix((64, 96)))
        assert magtex("classify", "helix.ovf", "other/helix.ovf", "--attention", "maps")[0] == 0
        sizes = {pixels_of(path).shape for path in (folder / "maps").iterdir()}
        assert len(sizes) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("classify",),
        ("classify", "helix.ovf", "--contrast", "phase"),
        ("classify", "helix.ovf", "--device", "abacus"),
        ("classify", "helix.ovf", "--roi", "1,2,3"),
        ("classify", "helix.ovf", "--roi", "1,2,3,x"),
        ("classify", "helix.ovf", "--roi", "0,0,40.5,40"),
        ("classify", "helix.ovf", "--scheduler", "a cluster"),
        ("classify", "helix.ovf", "--scheduler", "tcp://127.0.0.1:1"),
        ("classify", "helix.ovf", "--scheduler", "tcp://127.0.0.1:1", "--attention", "maps"),
        ("classify", "helix.ovf", "--json", "."),
        ("estimate", "helix.ovf", "--pixel-size", "0"),
        ("estimate", "helix.ovf", "--pixel-size", "nan"),
        ("estimate", "helix.ovf", "--field", "0.1"),
        ("estimate", "helix.ovf", "--known", "Ms=384"),
        ("estimate", "helix.ovf", "--known", "Ms_MA_per_m"),
        ("estimate", "helix.ovf", "--estimator", "no-such-estimator"),
        ("lorentz", "simulate", "helix.ovf", "--out", "f.tif"),
        ("lorentz", "simulate", "helix.ovf", "--defocus", "much", "--out", "f.tif"),
        ("lorentz", "simulate", "helix.ovf", "--defocus", "500", "--out", "f.jpg"),
        ("lorentz", "simulate", "helix.ovf", "--defocus", "500", "--tilt", "3", "--out", "f.tif"),
        ("no-such-command",),
    ],
)
def test_bad_usage_is_exit_code_2_and_computes_nothing(folder, arguments, magtex, monkeypatch):
    monkeypatch.setattr("napari_magtex.estimate.workers._ANSWER_WITHIN", 0.2)
    before = sorted(path.name for path in folder.iterdir())
    code, _, err = magtex(*arguments)
    assert code == 2
    assert "Traceback" not in err
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_device_that_is_not_here_is_bad_usage(folder, magtex):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has the device whose absence is tested")
    code, _, err = magtex("classify", "helix.ovf", "--device", "cuda")
    assert code == 2
    assert "no cuda device" in err


@pytest.fixture
def series(folder):
    """A stack in the folder whose second and third frame are blank."""
    grey = np.asarray(Image.open(folder / "grey.png"))
    tifffile.imwrite(folder / "series.tif", np.stack([grey, 0 * grey, 0 * grey, grey.T, grey]))
    return "series.tif"


BLANK = "every pixel of the picture is the same: it shows nothing to analyse"


def test_of_a_stack_the_frames_that_can_be_used_are_classified(folder, series, magtex):
    code, _, err = magtex("classify", series, "grey.png", "--contrast", "kerr", "--json", "c.json")
    assert code == 1
    assert err == f"series.tif: frame 1: {BLANK}; frame 2: {BLANK}\n"
    rows = json.loads((folder / "c.json").read_text())
    assert [(row["file"], row["frame"]) for row in rows] == [(series, 0), (series, 3), (series, 4), ("grey.png", 0)]


def test_a_frame_of_which_one_region_is_refused_has_no_row(folder, series, magtex):
    outside = ("--roi", "0,0,64,64", "--roi", "0,0,640,64")
    code, _, err = magtex("classify", series, *outside, "--contrast", "kerr", "--json", "c.json")
    assert code == 1
    assert err.startswith("series.tif: ")
    assert "640" in err
    assert json.loads((folder / "c.json").read_text()) == []


class TestEstimate:
    def test_of_a_stack_the_frames_that_can_be_used_are_estimated(self, folder, magtex):
        colours = spin_to_rgb(helix().m[0])
        blank = np.zeros_like(colours)
        tifffile.imwrite(folder / "spins.tif", (255 * np.stack([colours, blank, colours])).astype(np.uint8))
        asked = ("--pixel-size", "4", "--contrast", "spin", "--json", "e.json", "--anchors", "a.csv")
        code, _, err = magtex("estimate", "spins.tif", *asked)
        assert code == 1
        assert err == f"spins.tif: frame 1: {BLANK}\n"
        assert [row["frame"] for row in json.loads((folder / "e.json").read_text())] == [0, 2]
        assert pd.read_csv(folder / "a.csv")["frame"].tolist() == [0, 2]

    def test_a_vector_file_gets_a_row_of_each_method(self, folder, magtex):
        field = ("--field", "0,0,0")
        code, out, err = magtex("estimate", "helix.ovf", *field, "--json", "e.json", "--csv", "e.csv", "--maps", "maps")
        assert (code, err) == (0, "")
        network, torque = json.loads((folder / "e.json").read_text())
        assert " ".join(network) == ESTIMATE_KEYS
        assert (network["method"], torque["method"]) == ("network", "torque_balance")
        assert "residual" in torque
        assert "residual" not in network
        for row in (network, torque):
            assert row["D_sign"] in {-1, 0, 1}
            assert set(row["determined"]) <= {"A", "D", "Ms", "Ku", "period", "A_over_D"}
            for name, unit in (("A", "J/m"), ("D", "J/m^2"), ("Ms", "A/m"), ("period", "m")):
                quantity = row[name]
                assert quantity["unit"] == unit
                assert quantity["low"] <= quantity["value"] <= quantity["high"]
        assert {"A_value", "D_low", "Ms_high", "period_unit"} <= set(pd.read_csv(folder / "e.csv").columns)
        assert "torque balance" in out
        maps = {path.name: tifffile.imread(path) for path in (folder / "maps").iterdir()}
        assert set(maps) == {f"helix_f0_map_{name}.tif" for name in ("A", "D", "Ms")}
        assert all(values.ndim == 2 and np.isfinite(values).all() for values in maps.values())

    def test_anchors_stand_below_the_table_and_in_a_csv(self, folder, magtex):
        regions = ("--roi", "0,0,256,256", "--roi", "256,0,512,512")  # a cell is drawn on 4 pixels
        code, out, err = magtex("estimate", "helix.ovf", *regions, "--anchors", "a.csv", "--json", "e.json")
        assert (code, err) == (0, "")
        _, second = out.split("\n\n")
        titles, *lines = second.splitlines()
        assert "period (nm)" in titles
        assert "4π A/D of stripes" in titles
        assert [line.split()[2] for line in lines] == ["0,0,256,256", "256,0,512,512"]
        table = pd.read_csv(folder / "a.csv")
        assert table["roi"].tolist() == ["0;0;256;256", "256;0;512;512"]
        assert table["period_value"].tolist() == pytest.approx([17.5 * 4e-9] * 2, rel=0.05)
        assert table["stripe_angle_value"].tolist() == pytest.approx([90, 90], abs=2)
        assert table["wall_width_unit"].tolist() == ["m", "m"]
        keys = {" ".join(row) for row in json.loads((folder / "e.json").read_text())}
        assert keys == {ESTIMATE_KEYS, f"{ESTIMATE_KEYS} residual"}

    def test_what_the_network_looked_at_is_a_map_of_cells_for_each_constant(self, folder, magtex):
        code, _, err = magtex("estimate", "helix.ovf", "--roi", "0,0,400,240", "--attention", "looks")
        assert (code, err) == (0, "")
        names = {f"helix_f0_0-0-400-240_attention_{name}.tif" for name in ("A", "D", "Ms")}
        assert {path.name for path in (folder / "looks").iterdir()} == names
        for name in names:
            with tifffile.TiffFile(folder / "looks" / name) as tiff:
                looked, said = tiff.asarray(), json.loads(tiff.pages[0].description)
            assert looked.shape == (60, 100)
            assert looked.max() == 1
            assert said == {"constant": name[-6:-4].strip("_"), "stride_px": [4, 4], "origin_px": [1.5, 1.5]}

    def test_a_csv_that_cannot_be_written_is_told_and_the_rest_is_kept(self, folder, magtex):
        (folder / "taken").write_text("")
        code, _, err = magtex("estimate", "helix.ovf", "--anchors", "taken/a.csv", "--csv", "e.csv")
        assert code == 1
        assert err.startswith("taken/a.csv: cannot be written")
        assert (folder / "e.csv").is_file()

    def test_without_a_pixel_size_it_refuses_and_with_one_it_answers(self, folder, magtex):
        rgb = (255 * (helix().m[0] + 1) / 2).astype(np.uint8)
        Image.fromarray(rgb).save(folder / "spins.png")
        code, _, err = magtex("estimate", "spins.png", "--contrast", "spin")
        assert code == 1
        assert re.fullmatch(r"spins\.png: .*pixel size.*\n", err)
        assert magtex("estimate", "spins.png", "--contrast", "spin", "--pixel-size", "4")[0] == 0

    def test_what_is_known_is_given_in_the_units_of_an_experiment(self, folder, magtex):
        known = ("--known", "Ms_MA_per_m=0.384", "--known", "T_K=0")
        code, out, _ = magtex("estimate", "helix.ovf", *known, "--json", "e.json")
        assert code == 0
        network, _ = json.loads((folder / "e.json").read_text())
        Ms = network["Ms"]
        assert (Ms["low"], Ms["value"], Ms["high"]) == pytest.approx((384e3,) * 3)
        assert "0.384 (known)" in out
        code, _, err = magtex("estimate", "helix.ovf", "--known", "Ms_MA_per_m=3")
        assert code == 1
        assert re.fullmatch(r"helix\.ovf: Ms_MA_per_m = 3 is not within .*\n", err)

    def test_a_kerr_frame_is_refused_in_one_line(self, folder, magtex):
        code, _, err = magtex("estimate", "grey.png", "--contrast", "kerr", "--pixel-size", "4")
        assert code == 1
        assert re.fullmatch(r"grey\.png: .*kerr.*\n", err)

    def test_fewer_than_40_cells_are_refused_in_one_line(self, folder, magtex):
        write_ovf(folder / "small.ovf", helix((36, 36)))
        code, _, err = magtex("estimate", "small.ovf")
        assert code == 1
        assert re.fullmatch(r"small\.ovf: .*\n", err)
        assert "36" in err

    def test_a_damaged_estimator_fails_the_input(self, folder, magtex):
        (folder / "bad.safetensors").write_bytes(b"\x00" * 100)
        code, _, err = magtex("estimate", "helix.ovf", "--estimator", "bad.safetensors")
        assert code == 1
        assert "bad.safetensors is damaged" in err


class TestLorentz:
    def test_the_frame_carries_its_pixel_size_and_is_read_back(self, folder, magtex):
        code, _, err = magtex("lorentz", "simulate", "helix.ovf", "--defocus", "500", "--dose", "400", "--out", "f.tif")
        assert (code, err) == (0, "")
        pixels = tifffile.imread(folder / "f.tif")
        assert pixels.shape == (128, 128)
        assert pixels.dtype == np.float32
        assert pixels.mean() == pytest.approx(1, abs=0.02)
        assert pixels.std() > 0.01
        code, out, _ = magtex("info", "f.tif")
        assert code == 0
        assert "4 x 4" in out
        assert "lorentz" in out
        assert "200 kV, defocus 500 um" in out

    def test_underfocus_and_overfocus_are_each_others_opposite(self, folder, magtex):
        for defocus in ("50", "-50"):
            assert magtex("lorentz", "simulate", "helix.ovf", "--defocus", defocus, "--out", f"{defocus}.tif")[0] == 0
        under, over = (tifffile.imread(folder / f"{d}.tif") - 1 for d in ("50", "-50"))
        assert np.corrcoef(under.ravel(), over.ravel())[0, 1] < -0.9

    def test_a_cycloid_shows_when_it_is_tilted_alone(self, folder, magtex):
        cycloid = helix(period=16).m[..., [1, 0, 2]]  # along x, turning in the xz plane; 8 whole periods
        write_ovf(folder / "cycloid.ovf", SpinTexture(cycloid, cell=(4e-9,) * 3, saturation=3.84e5))
        for tilt in ("0,0", "20,0"):
            options = ("--defocus", "500", "--tilt", tilt, "--out", f"{tilt}.tif")
            assert magtex("lorentz", "simulate", "cycloid.ovf", *options)[0] == 0
        flat, tilted = (tifffile.imread(folder / f"{tilt}.tif").std() for tilt in ("0,0", "20,0"))
        assert flat < 1e-5
        assert tilted > 1e-3

    def test_a_picture_is_no_texture(self, folder, magtex):
        code, _, err = magtex("lorentz", "simulate", "grey.png", "--defocus", "500", "--out", "f.tif")
        assert code == 1
        assert err.startswith("grey.png: one texture is needed")


class TestRealFiles:
    """Files of other people's programs and microscopes, which are not in this repository."""

    def test_every_kind_is_classified(self, folder, real_data, magtex):
        paths = [
            real_data / "ovf" / "mumax3" / "binary4.ovf",
            real_data / "ovf" / "spirit" / "FM_skyrmion.ovf",
            real_data / "spinpng" / "mumax3_website" / "example8_m000000.png",
            real_data / "ltem" / "bender_FGT" / "190K_lf10_hf10.tif",
            real_data / "kerr" / "KerrPy" / "bubble_large.png",
        ]
        code, _, err = magtex("classify", *paths, "--json", "v.json")
        assert (code, err) == (0, "")
        rows = json.loads((folder / "v.json").read_text())
        assert [row["file"] for row in rows] == [str(path) for path in paths]
        assert [row["contrast"] for row in rows[:3]] == ["spin"] * 3

    def test_another_experiment_than_the_estimators_is_answered_and_called_so(self, folder, real_data, magtex):
        frame = real_data / "ltem" / "bender_FGT" / "190K_lf10_hf10.tif"
        spins = real_data / "spinpng" / "mumax3_website" / "example8_m000000.png"
        for path, contrast in ((frame, "lorentz"), (spins, "spin")):
            options = ("--contrast", contrast, "--pixel-size", "4", "--json", "e.json")
            code, _, err = magtex("estimate", path, *options)
            assert (code, err) == (0, "")
            (row,) = json.loads((folder / "e.json").read_text())
            assert row["applicable"] is False

    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("kerr/KerrPy/bubble_large.png", ("--contrast", "kerr", "--pixel-size", "328")),
            ("ovf/spirit/FM_skyrmion.ovf", ()),
            ("ovf/oommf/ellipsoid-wrap.omf", ()),
            ("ovf/ianchung_bad/unclosed_datablock.ovf", ()),
        ],
    )
    def test_what_cannot_be_estimated_is_told_in_one_line(self, folder, real_data, name, options, magtex):
        code, _, err = magtex("estimate", real_data / name, *options)
        assert code == 1
        (line,) = err.splitlines()
        assert line.startswith(f"{real_data / name}: ")
        assert "unforeseen" not in line


def test_info_tells_what_files_hold_and_which_it_cannot_read(folder, magtex):
    code, out, err = magtex("info", "helix.ovf", "grey.png", "broken.ovf")
    assert code == 1
    assert "128 x 128 x 1" in out
    assert "unknown" in out
    assert err.startswith("broken.ovf: ")


def test_a_map_that_cannot_be_written_is_told_in_a_line(folder, magtex):
    (folder / "maps" / "helix_f0_map_A.tif").mkdir(parents=True)
    code, _, err = magtex("estimate", "helix.ovf", "--maps", "maps")
    assert code == 1
    why = r"maps/helix_f0_map_A\.tif cannot be written: Is a directory\. Choose another folder"
    assert re.fullmatch(rf"helix\.ovf: {why}\n", err)


def test_models_lists_the_shipped_networks(magtex):
    code, out, _ = magtex("models")
    assert code == 0
    assert {"nine-states", "fege-spin", "fege-wheel", "fege-lorentz"} <= set(out.split())


def test_training_says_which_experiment_it_cannot_use(folder, magtex):
    code, _, err = magtex("train", "estimator", "one.toml", "--out", "e.safetensors")
    assert code == 1
    assert err.startswith("one.toml: ")
    coarse = (folder / "one.toml").read_text().replace("[film]", "[film]\nthickness_nm = 40")
    (folder / "thick.toml").write_text(coarse)
    warning, error = magtex("train", "estimator", "thick.toml", "--out", "e.safetensors")[2].splitlines()
    assert warning.startswith("warning: the film is 40 nm thick")
    assert error.startswith("thick.toml: ")
    code, _, err = magtex("train", "classifier", "nowhere.toml", "--out", "c.safetensors")
    assert code == 1
    assert err.startswith("nowhere.toml: ")


def test_help_and_version_leave_with_0(magtex):
    assert magtex("--help")[0] == 0
    code, out, _ = magtex("--version")
    assert code == 0
    assert re.fullmatch(r"\d+\.\d+\S*\n", out)
