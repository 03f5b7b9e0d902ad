"""magtex hysteresis: what it writes and says, and how it fails."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from napari_magtex.estimate.experiment import Experiment

pytestmark = pytest.mark.usefixtures("one_thread")

MAGNET = """
[film]
shape = [40, 40]
thickness_nm = 1.0
dmi = "interfacial"
Ku_kJ_per_m3 = 400
[parameters]
A_pJ_per_m = 10
D_mJ_per_m2 = 0
Ms_MA_per_m = {Ms}
[hysteresis]
max_T = 1.0
steps = 10
grain_nm = 20
"""


@pytest.fixture
def magnet(tmp_path, monkeypatch):
    """The experiment of a perpendicular magnet, in the folder that commands run in."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "magnet.toml"
    path.write_text(MAGNET.format(Ms=0.6))
    return path


def test_a_loop_is_written_as_points_figures_and_a_picture(magnet, magtex):
    code, out, err = magtex(
        "hysteresis", "magnet.toml", "--out", "loop.csv", "--plot", "l/loop.png", "--json", "l.json"
    )
    assert (code, err) == (0, "")
    points = pd.read_csv("loop.csv")
    assert list(points.columns) == ["branch", "field_T", "M_A_per_m", "converged"]
    assert len(points) == 22
    assert points.field_T.max() == -points.field_T.min() == 1.0
    assert points.converged.all()
    falling = points[points.branch == "falling"]
    assert np.all(np.diff(falling.field_T) < 0)
    (found,) = json.loads((magnet.parent / "l.json").read_text())
    assert found["file"] == "magnet.toml"
    assert 0 < found["Hc_T"] < found["Hs_knee_T"] < 1
    assert found["closed"]
    assert found["experiment"]["hysteresis"]["grain_nm"] == 20
    with Image.open("l/loop.png") as picture:
        assert picture.size == (1275, 750)
    assert "Hc (T)" in out
    assert f"{found['Hc_T']:.2f}" in out
    assert "relaxed at each of 11 fields along (0.01, 0.01, 1.00), infinite film" in out
    assert "bounds Hc from above" in out
    assert "wrote loop.csv" in out
    assert sorted(p.name for p in magnet.parent.iterdir()) == ["l", "l.json", "loop.csv", "magnet.toml"]


def test_an_estimate_gives_the_constants_and_the_band(magnet, magtex):
    magnet.write_text(MAGNET.format(Ms="{low = 0.3, high = 0.6}"))
    quantities = {
        "A": {"value": 1e-11, "low": 1e-11, "high": 1e-11, "unit": "J/m"},
        "D": {"value": 0.0, "low": 0.0, "high": 0.0, "unit": "J/m^2"},
        "Ms": {"value": 0.45e6, "low": 0.3e6, "high": 0.6e6, "unit": "A/m"},
    }
    row = {"file": "a.ovf", "frame": 0, "roi": None, "method": "network", "determined": ["A"], "D_sign": 0}
    Path("estimate.json").write_text(json.dumps([row | quantities]))
    code, out, err = magtex(
        "hysteresis", "magnet.toml", "--estimate", "estimate.json", "--out", "loop.csv", "--json", "l.json"
    )
    assert (code, err) == (0, "")
    points = pd.read_csv("loop.csv")
    assert list(points.columns)[-2:] == ["M_low_A_per_m", "M_high_A_per_m"]
    last = points.iloc[-1]
    assert (last.M_low_A_per_m, last.M_high_A_per_m) == pytest.approx((0.3e6, 0.6e6), rel=0.05)
    (found,) = json.loads(Path("l.json").read_text())
    assert found["films"] == 3
    assert found["Ms_A_per_m"] == pytest.approx(0.45e6)
    assert "Ms was not determined: the middle of its range is used" in out


def test_an_estimate_that_cannot_be_read_is_named(magnet, magtex):
    Path("estimate.json").write_text("no JSON")
    code, out, err = magtex("hysteresis", "magnet.toml", "--estimate", "estimate.json", "--out", "loop.csv")
    assert (code, out) == (1, "")
    assert err.startswith("estimate.json: this is no JSON")


def test_a_doubt_about_the_mesh_is_a_warning(magnet, magtex):
    magnet.write_text(MAGNET.format(Ms=0.6).replace("= 400", "= 700"))
    code, _, err = magtex("hysteresis", "magnet.toml", "--out", "loop.csv")
    assert code == 0
    assert err.startswith("warning: cells of 4 nm are larger than sqrt(A/Ku)")


def test_a_range_of_constants_fails_with_its_name_and_writes_nothing(magnet, magtex):
    magnet.write_text(MAGNET.format(Ms="{low = 0.4, high = 0.6}"))
    code, out, err = magtex("hysteresis", "magnet.toml", "--out", "loop.csv")
    assert (code, out) == (1, "")
    assert err == "magnet.toml: [parameters] Ms vary: a loop needs a number for each\n"
    assert not (magnet.parent / "loop.csv").exists()


def test_an_experiment_that_is_not_there_fails(magnet, magtex):
    code, _, err = magtex("hysteresis", "nowhere.toml", "--out", "loop.csv")
    assert code == 1
    assert err.startswith("nowhere.toml: no experiment can be read there")


def test_the_experiment_of_the_manual_is_one_that_the_program_reads():
    manual = (Path(__file__).parents[1] / "docs" / "hysteresis.md").read_text(encoding="utf-8")
    experiment = Experiment.from_dict(tomllib.loads(manual.split("```toml")[1].split("```")[0]))
    assert experiment.hysteresis.grain == pytest.approx(20e-9)
    assert not experiment.notes()


@pytest.mark.parametrize(
    "options", [["--out", "loop.txt"], ["--out", "loop.csv", "--plot", "loop.pdf"], [], ["--out", "l.csv", "--devic"]]
)
def test_bad_usage_is_exit_code_2(magnet, options, magtex):
    assert magtex("hysteresis", "magnet.toml", *options)[0] == 2


def test_a_file_that_cannot_be_written_is_named(magnet, magtex):
    (magnet.parent / "taken").write_text("a file, not a folder")
    code, _, err = magtex("hysteresis", "magnet.toml", "--out", "taken/loop.csv")
    assert code == 1
    assert err.startswith("taken/loop.csv: cannot be written")
