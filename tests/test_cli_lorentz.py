"""`magtex lorentz reconstruct`: frames in, phase and induction out, and what is said where that makes no sense."""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_magtex.imaging.phase import electron_phase, induction_of
from napari_magtex.io.ovf import open_ovf

DEFOCI = (-100, 0, 100)  # micrometres


@pytest.fixture(scope="module")
def sample():
    with resources.as_file(resources.files("napari_magtex") / "sample_data" / "chiral_skyrmions.ovf") as path:
        yield path


@pytest.fixture(scope="module")
def frames(tmp_path_factory, sample, magtex):
    """Frames of the sample, without noise, which say how they were taken."""
    folder = tmp_path_factory.mktemp("frames")
    paths = [folder / f"frame{df}.tif" for df in DEFOCI]
    for df, path in zip(DEFOCI, paths, strict=True):
        code, _, err = magtex("lorentz", "simulate", sample, "--defocus", df, "--out", path)
        assert (code, err) == (0, "")
    return paths


@pytest.fixture
def bare(tmp_path):
    """Return a frame that says nothing of itself."""
    path = tmp_path / "bare.tif"
    tifffile.imwrite(path, np.random.default_rng(0).poisson(500, (64, 80)).astype(np.float32))
    return path


@pytest.mark.parametrize("method", ["tie", "least-squares"])
def test_the_induction_of_the_sample_comes_back_within_3_percent(frames, sample, magtex, tmp_path, method):
    options = ("--method", method, "--periodic", "--thickness", 4, "--out", tmp_path / "out")
    code, out, err = magtex("lorentz", "reconstruct", *frames, *options)
    assert (code, err) == (0, "")
    assert "T nm" in out
    assert "|B|" in out
    texture = open_ovf(sample)[0].texture()
    true = induction_of(electron_phase(texture), texture.cell[1:]) / 1e-9
    found = np.stack([tifffile.imread(tmp_path / "out" / f"induction_{axis}.tif") for axis in "xy"])
    inside = (slice(None), slice(2, -2), slice(2, -2))
    assert np.linalg.norm((found - true)[inside]) < 0.03 * np.linalg.norm(true[inside])
    phase = tifffile.imread(tmp_path / "out" / "phase.tif")
    np.testing.assert_allclose(phase, electron_phase(texture), atol=0.03 * np.abs(phase).max())
    with Image.open(tmp_path / "out" / "colour.png") as colours:
        assert colours.size == (160, 160)


def test_a_stack_tells_the_defocus_of_each_of_its_frames(frames, magtex, tmp_path):
    pixels = np.stack([tifffile.imread(path) for path in frames])

    def stack(name, defoci):
        meta = {"defocus_um": defoci, "voltage_kV": 200}
        told = json.dumps({"magtex": {"meta": meta, "contrast": "lorentz", "pixel_size_m": [4e-9, 4e-9]}})
        tifffile.imwrite(tmp_path / name, pixels, description=told, metadata=None, photometric="minisblack")
        return tmp_path / name

    told, not_of_these = stack("told.tif", DEFOCI), stack("other.tif", [-100, "far"])
    assert magtex("lorentz", "reconstruct", told, "--periodic", "--out", tmp_path / "told")[::2] == (0, "")
    assert magtex("lorentz", "reconstruct", *frames, "--periodic", "--out", tmp_path / "files")[0] == 0
    phases = [tifffile.imread(tmp_path / folder / "phase.tif") for folder in ("told", "files")]
    np.testing.assert_array_equal(*phases)
    code, _, err = magtex("lorentz", "reconstruct", not_of_these, "--periodic", "--out", tmp_path / "none")
    assert code == 2
    assert "must be given" in err


def test_what_is_written_says_what_it_is(frames, magtex, tmp_path):
    assert magtex("lorentz", "reconstruct", *frames, "--periodic", "--out", tmp_path)[0] == 0
    code, out, _ = magtex("info", tmp_path / "colour.png", tmp_path / "phase.tif")
    assert code == 0
    assert "wheel" in out
    assert "phase" in out
    assert out.count("4 x 4") == 2
    code, _, err = magtex("estimate", tmp_path / "phase.tif")
    assert code == 1
    assert "estimate the colour wheel" in err


def test_frames_that_say_nothing_are_told_about(bare, magtex, tmp_path):
    told = ("--defocus", "100", "--pixel-size", "2", "--voltage", "300")
    code, _, err = magtex("lorentz", "reconstruct", bare, *told, "--out", tmp_path / "out")
    assert code == 0
    assert "one frame alone (SITIE)" in err


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--pixel-size", "2", "--voltage", "300"), 2, "do not tell it"),
        (("--defocus", "100,200", "--pixel-size", "2", "--voltage", "300"), 2, "2 are given for 1 frames"),
        (("--defocus", "100", "--voltage", "300"), 1, "pixel size is unknown"),
        (("--defocus", "100", "--pixel-size", "2"), 1, "acceleration voltage"),
        (("--defocus", "0", "--pixel-size", "2", "--voltage", "300"), 1, "in focus"),
        (("--defocus", "much", "--pixel-size", "2", "--voltage", "300"), 2, "numbers set apart by commas"),
    ],
)
def test_what_is_missing_or_makes_no_sense_is_said(bare, magtex, tmp_path, options, code, message):
    found, _, err = magtex("lorentz", "reconstruct", bare, *options, "--out", tmp_path / "out")
    assert found == code
    assert message in " ".join(err.replace("│", " ").split())
    assert not (tmp_path / "out").exists()


def test_frames_of_different_pixel_sizes_are_refused(frames, sample, magtex, tmp_path):
    from dataclasses import replace

    from napari_magtex.io.spin_png import read_spin_picture, write_spin_picture

    other = replace(read_spin_picture(frames[0]), pixel_size=(5e-9, 5e-9))
    write_spin_picture(tmp_path / "other.tif", other)
    code, _, err = magtex("lorentz", "reconstruct", frames[2], tmp_path / "other.tif", "--out", tmp_path / "out")
    assert code == 1
    assert "differ in pixel size" in err


def test_a_frame_that_is_none_is_named(frames, magtex, tmp_path):
    broken = tmp_path / "broken.tif"
    broken.write_bytes(b"II*\0 and no more")
    code, _, err = magtex(
        "lorentz", "reconstruct", frames[0], broken, "--defocus", "-100,100", "--out", tmp_path / "out"
    )
    assert code == 1
    assert "broken.tif" in err
