"""magtex simulate: one state or a table of films, what it says of them, and how it is stopped."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import zarr

from napari_magtex.io.ovf import read_ovf

SATURATED = """
[conditions]
field_T = 2
[film]
shape = [40, 40]
[parameters]
A_pJ_per_m = {low = 6, high = 10}
D_mJ_per_m2 = 1.58
Ms_MA_per_m = 0.384
[training]
films = 250
"""


@pytest.fixture
def folder(tmp_path, monkeypatch, one_state):
    """A folder that commands run in, with an experiment of one state and one of three."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.toml").write_text(one_state)
    (tmp_path / "grid.toml").write_text(one_state.replace("= 8.78", "= {values = [6, 8, 10]}"))
    return tmp_path


def test_one_state_becomes_a_texture_with_its_cell_and_saturation(folder, magtex):
    code, out, _ = magtex("simulate", "one.toml", "--out", "state.ovf")
    assert code == 0
    assert "state.ovf" in out
    texture = read_ovf(folder / "state.ovf")[0].texture()
    assert texture.shape == (1, 48, 64)
    assert texture.cell == pytest.approx((4e-9, 4e-9, 4e-9))
    assert texture.saturation == pytest.approx(3.84e5, rel=1e-5)
    assert texture.m[..., 2].std() > 0.1  # not the uniform state


def test_a_grid_becomes_a_table_and_the_second_run_finds_it_whole(folder, magtex):
    code, out, err = magtex("simulate", "grid.toml", "--out", "films.zarr")
    assert code == 0
    assert re.fullmatch(r"wrote films\.zarr: 3 films, 3 converged, [\d.]+ kB\n", out)
    assert err == "3 films of 64 x 48 cells, up to 113.6 kB in films.zarr\n"
    group = zarr.open_group(folder / "films.zarr", mode="r")
    assert np.allclose(group["A"][:], [6e-12, 8e-12, 10e-12])
    written = {path: path.stat().st_mtime_ns for path in (folder / "films.zarr").rglob("*")}
    assert magtex("simulate", "grid.toml", "--out", "films.zarr")[:2] == (0, out)
    assert {path: path.stat().st_mtime_ns for path in (folder / "films.zarr").rglob("*")} == written


def test_one_state_becomes_a_table_of_one_row(folder, magtex):
    assert magtex("simulate", "one.toml", "--out", "films.zarr")[0] == 0
    assert zarr.open_group(folder / "films.zarr", mode="r")["m"].shape == (1, 3, 48, 64)


def test_films_that_do_not_settle_are_counted(folder, monkeypatch, magtex):
    monkeypatch.setattr("napari_magtex.estimate.films._MAX_STEPS", 11)
    code, out, err = magtex("simulate", "grid.toml", "--out", "films.zarr")
    assert code == 0
    assert "3 films, 0 converged" in out
    assert "warning: 3 films did not settle: they have converged = false" in err


def test_the_table_of_another_experiment_is_left_alone(folder, magtex):
    magtex("simulate", "one.toml", "--out", "films.zarr")
    code, out, err = magtex("simulate", "grid.toml", "--out", "films.zarr")
    assert (code, out) == (1, "")
    assert "grid.toml: films.zarr holds the films of another experiment: [parameters] A_pJ_per_m is 8.78 there" in err


def test_ranges_are_no_one_state(folder, magtex, one_state):
    (folder / "many.toml").write_text(one_state.replace("= 8.78", "= {low = 6, high = 9}"))
    code, _, err = magtex("simulate", "many.toml", "--out", "state.ovf")
    assert code == 1
    assert re.fullmatch(r"many\.toml: .*A vary: .*\.zarr.*\n", err)
    assert not (folder / "state.ovf").exists()


def test_an_experiment_that_makes_no_sense_says_which_key(folder, magtex, one_state):
    (folder / "wrong.toml").write_text(one_state.replace("shape", "shap"))
    code, _, err = magtex("simulate", "wrong.toml", "--out", "state.ovf")
    assert code == 1
    assert re.fullmatch(r"wrong\.toml: .*shap.*\n", err)


def test_a_coarse_cell_is_warned_of(folder, magtex, one_state):
    (folder / "coarse.toml").write_text(one_state.replace("[film]", "[film]\ncell_nm = [9, 9]"))
    _, _, err = magtex("simulate", "coarse.toml", "--out", "state.ovf")
    assert "warning: cells of 9 nm are coarse" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ("one.toml",),
        ("one.toml", "--out", "films.h5"),
        ("one.toml", "--out", "state.ovf", "--scheduler", "tcp://127.0.0.1:8786"),
        ("one.toml", "--out", "films.zarr", "--scheduler", "a cluster"),
        ("one.toml", "--out", "films.zarr", "--scheduler", "tcp://127.0.0.1:1"),
    ],
)
def test_bad_usage_is_exit_code_2_and_computes_nothing(folder, arguments, monkeypatch, magtex):
    monkeypatch.setattr("napari_magtex.estimate.workers._ANSWER_WITHIN", 0.2)
    code, _, err = magtex("simulate", *arguments)
    assert code == 2
    assert "Traceback" not in err
    assert sorted(path.name for path in folder.iterdir()) == ["grid.toml", "one.toml"]


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is no signal here")
def test_what_ctrl_c_stops_goes_on_later(folder, magtex):
    (folder / "saturated.toml").write_text(SATURATED)
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from napari_magtex.cli import app; app()"
    )
    command = [sys.executable, "-c", program, "simulate", "saturated.toml", "--out", "films.zarr"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as run:
        while run.poll() is None and not (folder / "films.zarr" / "done" / "c" / "0").exists():
            time.sleep(0.01)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate()
    assert run.returncode == 130
    assert "stopped: films.zarr keeps the films that are done, the same command goes on with the rest" in err
    assert 0 < zarr.open_group(folder / "films.zarr", mode="r")["done"][:].sum() < 250
    assert "250 films, 250 converged" in magtex("simulate", "saturated.toml", "--out", "films.zarr")[1]
