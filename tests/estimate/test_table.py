"""The table of films: what is in it, and that neither chunks, company, a kill nor a bad disk changes a bit of it."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import zarr

from napari_magtex.compute import drain
from napari_magtex.errors import MagtexError
from napari_magtex.estimate import films, table
from napari_magtex.estimate.films import FIGURES
from napari_magtex.estimate.sets import Split, parameter_sets
from napari_magtex.estimate.simulate import simulate_state, simulate_table

KNOWN = {"A", "D", "Ms", "Ku", "T", "seed"}


@pytest.fixture(scope="module")
def small(experiment_with):
    """Return an experiment of some films of 40 x 40 cells, with some keys of some sections replaced."""

    def make(films=6, **sections):
        return experiment_with(**({"film": {"shape": [40, 40]}, "training": {"films": films}} | sections))

    return make


@pytest.fixture(scope="module")
def whole(small, tmp_path_factory):
    """The table of six films, simulated in one go and in one chunk."""
    return drain(simulate_table(small(), tmp_path_factory.mktemp("whole") / "films.zarr", device="cpu"))


def stop_after(work, films):
    """Run a simulation until so many films are done, then cancel it."""
    while next(work).done < films:
        pass
    work.close()


def assert_same(one, other):
    """Compare every array of two datasets to the last bit."""
    one, other = (zarr.open_group(table.path, mode="r") for table in (one, other))
    assert set(one.array_keys()) == set(other.array_keys())
    for name, array in one.arrays():
        assert array[:].tobytes() == other[name][:].tobytes(), name


def test_a_dataset_tells_what_is_in_it(small, whole):
    group = zarr.open_group(whole.path, mode="r")
    assert set(group.array_keys()) == KNOWN | set(FIGURES) | {"m", "done", "x", "y"}
    assert group["m"].shape == (6, 3, 40, 40)
    assert group["m"].dtype == np.float32
    assert group["m"].metadata.dimension_names == ("film", "component", "y", "x")
    assert {name: group[name].attrs["units"] for name in ("A", "D", "Ms", "Ku", "energy", "x")} == {
        "A": "J/m", "D": "J/m^2", "Ms": "A/m", "Ku": "J/m^3", "energy": "J", "x": "m",
    }  # fmt: skip
    assert all(array.shape == (6,) for name, array in group.arrays() if name not in {"m", "x", "y"})
    assert group["done"][:].all()
    assert np.allclose(np.linalg.norm(group["m"][:], axis=1), 1, atol=1e-5)
    assert np.array_equal(
        np.stack([group[c][:] for c in ("A", "D", "Ms")], axis=1), parameter_sets(small(), Split.TRAIN)
    )
    assert len(np.unique(group["seed"][:])) == 6
    assert group["y"][0] == pytest.approx(39.5 * 4e-9)  # row 0 is the top
    assert json.loads(json.dumps(small().to_dict())) == group.attrs["experiment"]
    assert group.attrs["engine"] == films.ENGINE


def test_figures_are_those_of_their_film(small, whole):
    energies = {name: whole.read(name) for name in FIGURES if name.startswith("energy_")}
    assert np.allclose(sum(energies.values()), whole.read("energy"), rtol=1e-12)
    assert np.allclose(whole.read("mean_z"), whole.read("m")[:, 2].mean(axis=(1, 2)), atol=1e-6)
    assert (whole.read("converged") == (whole.read("torque") < films.SETTLED)).all()
    B, volume = 0.18, 40 * 40 * 64e-27
    zeeman = -whole.read("Ms") * B * whole.read("mean_z") * volume
    assert np.allclose(energies["energy_zeeman"], zeeman, rtol=1e-4)


def test_xarray_opens_it(whole):
    xarray = pytest.importorskip("xarray", reason="xarray is a reader of zarr, not a part of this package")
    with xarray.open_dataset(whole.path, engine="zarr", consolidated=False) as dataset:
        assert dict(dataset.sizes) == {"film": 6, "component": 3, "y": 40, "x": 40}
        assert dataset.m.isel(film=2).mean("x").shape == (3, 40)
        assert dataset.A.attrs["units"] == "J/m"


def test_one_row_is_the_state_that_an_ovf_holds(fege, tmp_path):
    texture = simulate_state(fege())
    m = drain(simulate_table(fege(), tmp_path / "one.zarr", device="cpu")).read("m")
    assert m.shape == (1, 3, 48, 48)
    assert (np.moveaxis(m[0], 0, -1) * texture.m[0]).sum(axis=-1).mean() > 0.8  # the state is relaxed further


def test_neither_chunks_nor_threads_nor_memory_change_a_bit(small, whole, tmp_path, monkeypatch):
    assert_same(drain(simulate_table(small(), tmp_path / "chunks.zarr", device="cpu", chunk=4)), whole)
    monkeypatch.setattr("napari_magtex.compute.free_memory", lambda device: int(2.5 * films.film_bytes(small())))
    assert_same(drain(simulate_table(small(), tmp_path / "memory.zarr", device="cpu")), whole)


def test_a_film_that_does_not_fit_the_memory_is_refused_before_anything_is_there(small, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_magtex.compute.free_memory", lambda device: 6_200_000_000)
    huge = small(film={"shape": [8192, 8192]})
    with pytest.raises(MagtexError, match=r"one film of 8192 x 8192 cells needs about [\d.]+ GB of memory, 6.2 GB are"):
        drain(simulate_table(huge, tmp_path / "huge.zarr", device="cpu"))
    assert not list(tmp_path.iterdir())


def test_a_table_that_does_not_fit_the_disk_is_refused(small, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(MagtexError, match=r"6 films need 121.2 kB on disk, 1.0 kB are free"):
        drain(simulate_table(small(), tmp_path / "films.zarr", device="cpu"))


def test_a_cancelled_run_keeps_its_chunks_and_goes_on(small, whole, tmp_path):
    path = tmp_path / "films.zarr"
    stop_after(simulate_table(small(), path, device="cpu", chunk=2), 2)
    group = zarr.open_group(path, mode="r")
    assert group["done"][:].tolist() == [True, True, False, False, False, False]
    assert np.isnan(group["m"][2:]).all()  # an empty row is not a texture
    assert not group["converged"][2:].any()
    written = (path / "m" / "c" / "0" / "0" / "0" / "0").stat().st_mtime_ns
    assert_same(drain(simulate_table(small(), path, device="cpu")), whole)
    assert (path / "m" / "c" / "0" / "0" / "0" / "0").stat().st_mtime_ns == written


KILLS = """
import json, os, pathlib, signal, sys
from napari_magtex.compute import drain
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.sets import Split, parameter_sets
from napari_magtex.estimate.simulate import simulate_table

folder, tables, *moments = sys.argv[1:]
experiment, replace = Experiment.from_dict(json.loads(tables)), pathlib.Path.replace
parameter_sets(experiment, Split.TRAIN)  # loads scipy's part for every child

def simulate(path, moment):
    def fatal(self, target):  # what zarr puts a file in place with
        if str(target).endswith(moment):
            os.kill(os.getpid(), signal.SIGKILL)
        return replace(self, target)
    if moment:
        pathlib.Path.replace = fatal
    drain(simulate_table(experiment, path, device="cpu", chunk=3))
    os._exit(0)

for number, moment in enumerate(moments):
    for kill in (moment, ""):
        child = os.fork()
        if not child:
            simulate(f"{folder}/{number}.zarr", kill)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes that can be forked and killed here")
def test_killed_at_any_moment_it_goes_on_with_the_same_result(small, whole, tmp_path):
    moments = ["zarr.part/Ms/zarr.json", "m/c/0/0/0/0", "energy/c/1", "done/c/1"]
    arguments = [str(tmp_path), json.dumps(small().to_dict()), *moments]
    run = subprocess.run([sys.executable, "-c", KILLS, *arguments], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["-9", "0"] * len(moments)
    for number in range(len(moments)):
        assert_same(table.Table.open(tmp_path / f"{number}.zarr", small(), Split.TRAIN, 3), whole)


@pytest.mark.parametrize("damage", ["cut short", "emptied", "lost"])
def test_a_damaged_chunk_is_simulated_again(small, whole, tmp_path, damage):
    path = tmp_path / "films.zarr"
    shutil.copytree(whole.path, path)
    chunk = path / "m" / "c" / "0" / "0" / "0" / "0"
    if damage == "lost":
        chunk.unlink()
    else:
        chunk.write_bytes(chunk.read_bytes()[: 5000 if damage == "cut short" else 0])
    assert_same(drain(simulate_table(small(), path, device="cpu")), whole)


def test_a_longer_table_keeps_the_films_that_are_there(small, whole, tmp_path):
    path = tmp_path / "films.zarr"
    drain(simulate_table(small(films=3), path, device="cpu", chunk=2))
    kept = (path / "m" / "c" / "0" / "0" / "0" / "0").stat().st_mtime_ns
    assert_same(drain(simulate_table(small(), path, device="cpu")), whole)
    assert (path / "m" / "c" / "0" / "0" / "0" / "0").stat().st_mtime_ns == kept
    assert len(drain(simulate_table(small(films=3), path, device="cpu"))) == 6  # it never shrinks


def test_the_films_of_another_experiment_are_refused_and_left_alone(small, whole):
    before = {path: path.stat().st_mtime_ns for path in whole.path.rglob("*")}
    others = {
        r"\[film\] shape is \[40, 40\] there and \[48, 48\] here": small(film={"shape": [48, 48]}),
        r"\[start\] seed is 1 there and 2 here": small(start={"seed": 2}),
        r"\[parameters\] A_pJ_per_m is": small(parameters={"A_pJ_per_m": 8}),
    }
    for message, other in others.items():
        with pytest.raises(MagtexError, match=message):
            drain(simulate_table(other, whole.path, device="cpu"))
    with pytest.raises(MagtexError, match="split is train there and test here"):
        drain(simulate_table(small(), whole.path, split=Split.TEST, device="cpu"))
    assert {path: path.stat().st_mtime_ns for path in whole.path.rglob("*")} == before


def test_another_picture_of_the_same_films_is_the_same_experiment(small, whole):
    assert drain(simulate_table(small(picture={"contrast": "lorentz"}), whole.path, device="cpu")).read("done").all()


def test_the_films_of_another_engine_are_refused(small, whole, monkeypatch):
    monkeypatch.setattr(table, "ENGINE", films.ENGINE + 1)
    with pytest.raises(MagtexError, match=r"simulated by napari-magtex \S+, whose films are not those of"):
        drain(simulate_table(small(), whole.path, device="cpu"))


def test_what_is_no_table_is_refused_and_left_alone(small, tmp_path):
    (tmp_path / "notes.zarr").mkdir()
    (tmp_path / "notes.zarr" / "mine.txt").write_text("mine")
    (tmp_path / "file.zarr").write_text("mine")
    zarr.create_group(tmp_path / "other.zarr", attributes={"format": "somebody else's"})
    for name in ("notes", "file", "other"):
        with pytest.raises(MagtexError, match="is there and is no table of films: name another folder"):
            drain(simulate_table(small(), tmp_path / f"{name}.zarr", device="cpu"))
    assert (tmp_path / "notes.zarr" / "mine.txt").read_text() == (tmp_path / "file.zarr").read_text() == "mine"


def test_a_full_disk_stops_a_run_that_goes_on_later(small, whole, tmp_path):
    resource = pytest.importorskip("resource", reason="files cannot be limited here")
    work = simulate_table(small(), tmp_path / "films.zarr", device="cpu", chunk=2)
    while next(work).done < 2:
        pass
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))  # no file may be longer
    try:
        with pytest.raises(MagtexError, match=r"cannot be written .*what is there is kept: make room"):
            drain(work)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert_same(drain(simulate_table(small(), tmp_path / "films.zarr", device="cpu")), whole)


def test_a_film_that_does_not_settle_is_kept_and_marked(small, tmp_path, monkeypatch):
    monkeypatch.setattr(films, "_MAX_STEPS", 20)
    stopped = drain(simulate_table(small(films=2), tmp_path / "films.zarr", device="cpu"))
    assert stopped.read("done").all()
    assert not stopped.read("converged").any()
    assert (stopped.read("torque") > films.SETTLED).all()
    assert np.allclose(np.linalg.norm(stopped.read("m"), axis=1), 1, atol=1e-5)
