"""Who computes: processes that leave with their parent, and a cluster of which a worker is killed half-way."""

import os
import signal
import subprocess
import sys

import psutil
import pytest
import torch
import zarr

from napari_magtex.compute import drain
from napari_magtex.errors import MagtexError
from napari_magtex.estimate import simulate
from napari_magtex.estimate.simulate import simulate_table
from napari_magtex.estimate.workers import SchedulerUnavailable, cluster, cores, here


@pytest.fixture(scope="module")
def experiment(experiment_with):
    return experiment_with(film={"shape": [40, 40]}, training={"films": 8})


@pytest.fixture(scope="module")
def alone(experiment, tmp_path_factory):
    """The table that one process makes."""
    return drain(simulate_table(experiment, tmp_path_factory.mktemp("alone") / "films.zarr", device="cpu"))


def assert_same(one, other):
    """Compare every array of two tables to the last bit."""
    other = zarr.open_group(other.path, mode="r")
    for name, array in zarr.open_group(one.path, mode="r").arrays():
        assert array[:].tobytes() == other[name][:].tobytes(), name


def test_jobs_come_back_under_their_keys():
    with here() as workers:
        assert dict(workers.run(pow, [("four", (2, 2)), ("eight", (2, 3))])) == {"four": 4, "eight": 8}


def test_what_is_computed_here_leaves_the_threads_as_they_were():
    before = torch.get_num_threads()
    with here() as workers:
        assert list(workers.run(torch.set_num_threads, [(0, (before + 1,))])) == [(0, None)]
    assert torch.get_num_threads() == before


def test_two_processes_make_the_table_of_one(experiment, alone, tmp_path):
    work = simulate_table(experiment, tmp_path / "films.zarr", device="cpu", processes=2, chunk=2)
    assert_same(drain(work), alone)


def test_a_process_that_is_killed_is_told_of():
    with (
        pytest.raises(MagtexError, match="a process that computed ended before its time"),
        cores(1) as w,
    ):
        list(w.run(signal.raise_signal, [(0, (signal.SIGKILL,))]))


def test_an_error_in_a_process_is_the_callers():
    with pytest.raises(ZeroDivisionError), cores(1) as workers:
        list(workers.run(divmod, [(0, (1, 0))]))


PARENT = """
import multiprocessing, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from napari_magtex.estimate.workers import cores
if __name__ == "__main__":
    with cores(2) as workers:
        next(workers.run(pow, [(0, (2, 2)), (1, (2, 3))]))
        print(*(child.pid for child in multiprocessing.active_children()), flush=True)
        list(workers.run(time.sleep, [(0, (600,)), (1, (600,))]))
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_processes_leave_with_their_parent_however_it_ends(end):
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with parent:
        children = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        assert children
        parent.send_signal(end)
        _, alive = psutil.wait_procs(children, timeout=60)
        assert not alive


def test_little_work_and_a_small_memory_take_one_process(experiment, experiment_with, monkeypatch):
    counts = []
    monkeypatch.setattr(simulate, "cores", counts.append)
    monkeypatch.setattr(simulate, "here", lambda: counts.append(1))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 16)
    big = experiment_with(film={"shape": [512, 512]}, training={"films": 10})
    each = simulate._PROCESS_BYTES + simulate.film_bytes(big)
    for e, free in ((experiment, 64e9), (big, 64e9), (big, 3.5 * each), (big, 1.5 * each)):
        monkeypatch.setattr(simulate, "free_memory", lambda device, free=free: int(free))
        simulate._workers(e, e.training.films, "cpu")
    assert counts == [1, 10, 3, 1]


@pytest.fixture(scope="module")
def scheduler():
    """A cluster of two processes on this machine."""
    distributed = pytest.importorskip("distributed", reason="clusters want dask: napari-magtex[cluster]")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as local:
        yield local


def test_a_cluster_makes_the_same_table_though_a_worker_is_killed_half_way(experiment, alone, scheduler, tmp_path):
    work = simulate_table(
        experiment, tmp_path / "films.zarr", scheduler=scheduler.scheduler_address, device="cpu", chunk=2
    )
    while next(work).done < 2:
        pass
    os.kill(next(iter(scheduler.workers.values())).pid, signal.SIGKILL)
    assert_same(drain(work), alone)


def test_a_worker_with_another_engine_is_refused(experiment, scheduler, tmp_path, monkeypatch):
    monkeypatch.setattr(simulate, "ENGINE", simulate.ENGINE + 1)
    with pytest.raises(MagtexError, match=r"a worker has napari-magtex .* install the same version on both"):
        drain(simulate_table(experiment, tmp_path / "f.zarr", scheduler=scheduler.scheduler_address, device="cpu"))


def test_a_scheduler_that_is_not_there_is_told_of_before_anything_is_made(experiment, tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="clusters want dask: napari-magtex[cluster]")
    monkeypatch.setattr("napari_magtex.estimate.workers._ANSWER_WITHIN", 0.2)
    with pytest.raises(
        SchedulerUnavailable, match=r"no dask scheduler answers at tcp://127\.0\.0\.1:1: start one with"
    ):
        drain(simulate_table(experiment, tmp_path / "films.zarr", scheduler="tcp://127.0.0.1:1"))
    assert not list(tmp_path.iterdir())


def test_without_dask_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SchedulerUnavailable, match=r"pip install '\.\[cluster\]' in a clone"), cluster("tcp://here:1"):
        pass
