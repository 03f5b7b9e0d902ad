"""Devices, draining a long computation, and where long-lived data goes."""

from pathlib import Path

import pytest
import torch

from napari_magtex.compute import Device, Progress, cache_folder, drain, free_memory, how_many_fit, torch_device
from napari_magtex.errors import MagtexError


def test_a_processor_is_always_there():
    assert torch_device("cpu") == torch.device("cpu")
    assert torch_device(Device.AUTO).type in {"cpu", "cuda", "mps"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device whose absence is tested")
def test_a_device_that_is_not_here_is_refused_with_the_way_out():
    with pytest.raises(MagtexError, match="no cuda device on this machine: choose auto or cpu"):
        torch_device("cuda")


def test_draining_reports_every_step_and_returns_the_answer():
    seen = []
    assert drain(iter([Progress(1, 2), Progress(2, 2), "answer"]), seen.append) == "answer"
    assert [step.done for step in seen] == [1, 2]


def test_a_computation_without_an_answer_is_a_fault():
    with pytest.raises(RuntimeError, match="without an answer"):
        drain(iter([Progress(1, 1)]))


def test_whatever_interrupts_a_computation_closes_it():
    closed = []

    def work():
        try:
            yield Progress(1, 2)
            yield "answer"
        finally:
            closed.append(True)

    def interrupt(step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        drain(work(), interrupt)
    assert closed, caught


def test_a_computation_is_told_how_much_fits_the_memory(monkeypatch):
    cpu = torch.device("cpu")
    assert 1 <= how_many_fit(1000, "it", cpu) <= free_memory(cpu) // 1000 + 10**6
    monkeypatch.setattr("napari_magtex.compute.free_memory", lambda device: 6_200_000_000)
    assert how_many_fit(10**9, "it", cpu) == 6
    with pytest.raises(MagtexError, match=r"one film needs about 9.1 GB of memory, 6.2 GB are free"):
        how_many_fit(9_100_000_000, "one film", cpu)


def test_the_cache_is_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "napari-magtex"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder().name == "napari-magtex"
    assert Path.home() in cache_folder().parents
