"""Many pictures at once: in order, failures apart, few held at a time, on this machine or on a cluster's."""

from __future__ import annotations

import gc
import json
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import napari_magtex.cli.analyse as analyse
from napari_magtex.classify import predict
from napari_magtex.classify.calibration import Calibration
from napari_magtex.classify.network import TextureNet
from napari_magtex.classify.predict import Classifier, classify, classify_each, ready
from napari_magtex.cli.analyse import classify_files
from napari_magtex.cli.console import Partly
from napari_magtex.compute import drain
from napari_magtex.errors import MagtexError, UnreadableFile
from napari_magtex.inputs import open_inputs
from napari_magtex.io.frames import Frames
from napari_magtex.picture import Contrast, Picture
from napari_magtex.results import Verdict

SHAPES = [(64, 64, 3), (90, 70, 3), (40, 90), (128, 130, 3)]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def classifier() -> Classifier:
    """A small network whose answers differ from picture to picture."""
    torch.manual_seed(0)
    card = {"kind": "classifier", "name": "tiny", "version": "7", "size": 64, "backbone": "test_efficientnet"}
    return Classifier(ready(TextureNet("test_efficientnet"), "cpu"), card, Calibration(applicable=-9.0))


@pytest.fixture
def tiny(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> Classifier:
    """The same, in the place of the one that the command loads."""
    monkeypatch.setattr(analyse, "_classifier", lambda device: classifier)
    return classifier


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that commands run in, with twelve pictures of several sizes."""
    monkeypatch.chdir(tmp_path)
    for number in range(12):
        Image.fromarray((picture(number).pixels * 255).astype(np.uint8)).save(f"{number:02}.png")
    return tmp_path


def picture(number: int) -> Picture:
    shape = SHAPES[number % len(SHAPES)]
    return Picture(np.random.default_rng(number).random(shape), Contrast.SPIN, name=f"{number:02}.png")


def stack(path: Path, count: int, side: int = 64) -> Path:
    np.save(path, np.random.default_rng(0).random((count, side, side)))
    return path


def rows_of(path: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(Path(path).read_text())
    return rows


def same(one: dict[str, object], other: dict[str, object]) -> bool:
    """Compare two records, numbers to the rounding of batches."""
    numbers = ("probabilities", "probability", "applicability")
    plain = all(one[key] == other[key] for key in one if key not in numbers)
    return plain and one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-6)


def test_every_picture_and_every_failure_is_answered_in_its_place(classifier: Classifier) -> None:
    lost = UnreadableFile("cut short")
    phase = Picture(np.random.default_rng(0).random((64, 64)), Contrast.PHASE)
    given: list[Picture | Exception] = [lost, *map(picture, range(9)), lost, phase, *map(picture, range(9, 12)), lost]
    answers = list(classify_each(iter(given), classifier))
    assert len(answers) == len(given)
    for asked, answer in zip(given, answers, strict=True):
        if asked is lost:
            assert answer is lost
        elif asked is phase:
            assert "reconstruct" in str(answer)
        else:
            assert isinstance(asked, Picture)
            assert isinstance(answer, Verdict)
            assert answer.provenance.file == asked.name
            (alone,) = drain(classify([asked], classifier))
            assert answer.probabilities == pytest.approx(alone.probabilities, abs=1e-6)


def test_what_a_batch_fails_of_is_told_of_each_of_its_pictures_and_others_are_answered(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, calls = predict._features, 0

    def fails_once(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("out of memory")
        return run(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(predict, "_features", fails_once)
    answers = list(classify_each((picture(0) for _ in range(40)), classifier))
    failed = [str(answer) for answer in answers if isinstance(answer, Exception)]
    assert failed == ["out of memory"] * len(failed)
    assert 0 < len(failed) < 40
    assert all(isinstance(answer, Verdict) for answer in answers[len(failed) :])


def test_pictures_are_read_while_the_network_works(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    run, in_second_batch = predict._features, threading.Event()

    def waits_for_the_next(*arguments: object) -> object:
        assert in_second_batch.wait(timeout=20), "nothing was read during the first batch"
        return run(*arguments)  # type: ignore[arg-type]

    def pictures() -> Iterator[Picture]:
        for number in range(8):
            if number == 5:  # of two views each, of which 8 make a batch
                in_second_batch.set()
            yield picture(0)

    monkeypatch.setattr(predict, "_VIEWS_AT_ONCE", {"cpu": 8})
    monkeypatch.setattr(predict, "_features", waits_for_the_next)
    answers = list(classify_each(pictures(), classifier))
    assert [type(answer) for answer in answers] == [Verdict] * 8


def test_what_is_left_alone_is_read_no_further(classifier: Classifier) -> None:
    read = 0

    def endless() -> Iterator[Picture]:
        nonlocal read
        while True:
            read += 1
            yield picture(0)

    before = threading.active_count()
    work = classify_each(endless(), classifier)
    next(work)
    work.close()  # type: ignore[attr-defined]
    so_far = read
    assert so_far < 60
    assert threading.active_count() == before


@pytest.mark.parametrize("count", [60, 180])
def test_no_more_pictures_are_held_however_many_there_are(classifier: Classifier, count: int) -> None:
    alive: weakref.WeakSet[Picture] = weakref.WeakSet()
    most = 0

    def pictures() -> Iterator[Picture | Exception]:
        nonlocal most
        for number in range(count):
            one = picture(number)
            alive.add(one)
            most = max(most, len(alive))
            yield one

    assert sum(1 for _ in classify_each(pictures(), classifier)) == count
    assert most < 40
    gc.collect()
    assert not alive


def test_large_pictures_make_small_batches(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "_BYTES_AT_ONCE", 1)
    sizes = []
    run = predict._features
    monkeypatch.setattr(predict, "_features", lambda shown, *rest: sizes.append(len(shown)) or run(shown, *rest))
    assert len(list(classify_each(map(picture, range(5)), classifier))) == 5
    assert sizes == [1] * 5


def test_files_share_batches_and_each_gets_its_own_outcome(folder: Path, tiny: Classifier) -> None:
    stack(folder / "stack.npy", 5)
    np.save(folder / "spoilt.npy", np.stack([np.eye(64), np.ones((64, 64)), np.eye(64)]))  # a constant frame
    paths = ["00.png", "nowhere.png", "stack.npy", "spoilt.npy", "01.png"]
    outcomes = list(classify_files(paths, None, [], tiny))
    assert [number for number, _ in outcomes] == [0, 1, 2, 3, 4]
    one, nowhere, five, spoilt, other = (outcome for _, outcome in outcomes)
    assert [len(rows) for rows in (one, five, other) if isinstance(rows, list)] == [1, 5, 1]
    assert isinstance(nowhere, UnreadableFile)
    assert isinstance(spoilt, Partly)  # the other frames of the stack are answered
    assert [verdict.provenance.frame for verdict in spoilt.rows] == [0, 2]
    assert spoilt.refused.startswith("frame 1: every pixel")


@pytest.mark.usefixtures("tiny")
def test_the_command_answers_a_folder_as_it_answers_each_file(folder: Path, magtex: Command) -> None:
    paths = [f"{number:02}.png" for number in range(12)]
    code, out, err = magtex("classify", *paths[:7], "nowhere.png", *paths[7:], "--json", "all.json")
    assert code == 1
    assert err.startswith("nowhere.png: ")
    rows = rows_of("all.json")
    assert [row["file"] for row in rows] == paths
    assert all(path in out for path in paths)
    for path, row in zip(paths, rows, strict=True):
        assert magtex("classify", path, "--json", "one.json")[0] == 0
        (alone,) = rows_of("one.json")
        assert same(row, alone)


@pytest.mark.usefixtures("folder")
def test_ctrl_c_keeps_what_is_answered(tiny: Classifier, magtex: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    judge, calls = Classifier.judge, 0

    def interrupted(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise KeyboardInterrupt
        return judge(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Classifier, "judge", interrupted)
    code, _, err = magtex("classify", *(f"{number:02}.png" for number in range(12)), "--json", "v.json")
    assert code == 130
    assert "stopped: 4 of 12 inputs are answered" in err  # the fifth was, but whether it had more frames was not known
    assert [row["file"] for row in rows_of("v.json")] == ["00.png", "01.png", "02.png", "03.png"]


def test_a_network_that_cannot_be_loaded_fails_every_input(
    folder: Path, magtex: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(device: object) -> Classifier:
        raise MagtexError("the weights are damaged")

    monkeypatch.setattr(analyse, "_classifier", damaged)
    code, _, err = magtex("classify", "00.png", "01.png")
    assert code == 1
    assert err == "00.png: the weights are damaged\n01.png: the weights are damaged\n"


class Counting:
    """An array on disk, which tells what is read of it."""

    ndim, dtype = 3, np.dtype(np.float32)

    def __init__(self, count: int) -> None:
        self.shape, self.read = (count, 64, 64), list[int]()

    def __getitem__(self, index: int) -> np.ndarray:
        self.read.append(index)
        if index == 8:
            raise OSError("the disk is gone")
        return np.random.default_rng(index).random(self.shape[1:])


def test_frames_are_read_when_they_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = Counting(10_000)
    monkeypatch.setattr("napari_magtex.inputs.read_frames", lambda path, *, lazy: [Frames(pixels)] if lazy else None)
    (tmp_path / "a.emd").write_bytes(b"EMD")
    inputs = open_inputs(tmp_path / "a.emd")
    assert len(inputs) == 10_000
    assert pixels.read == [0]  # the first alone, which tells whether the file is any
    assert [found.picture.frame for found in inputs[2:5]] == [2, 3, 4]
    assert inputs[-1].picture.frame == 9_999
    assert pixels.read == [0, 2, 3, 4, 9_999]
    with pytest.raises(UnreadableFile, match="frame 8 cannot be read: the disk is gone"):
        inputs[8]
    with pytest.raises(IndexError):
        inputs[10_000]


@pytest.mark.parametrize("count", [20, 80])
def test_a_stack_takes_no_more_memory_the_longer_it_is(tmp_path: Path, classifier: Classifier, count: int) -> None:
    import tracemalloc

    path = stack(tmp_path / "stack.npy", count, side=128)
    next(classify_files([str(path)], None, [], classifier))  # what is imported and cached on the way
    tracemalloc.start()
    try:
        ((_, outcome),) = classify_files([str(path)], None, [], classifier)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not isinstance(outcome, Exception)
    assert len(outcome) == count
    assert peak < 2.5e6  # 80 frames of float32 are 5.2 MB


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a cluster of two processes on this machine."""
    distributed = pytest.importorskip("distributed", reason="clusters want dask: napari-magtex[cluster]")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as local:
        yield local.scheduler_address


def test_a_cluster_answers_as_this_machine_does(
    folder: Path, magtex: Command, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analyse, "FILES_A_TASK", 2)
    paths = ["./03.png", "00.png", "nowhere.png", "02.png", "01.png"]
    options = ("--contrast", "spin", "--roi", "0,0,40,40", "--roi", "8,0,48,40")
    assert magtex("classify", *paths, *options, "--json", "here.json")[0] == 1
    code, _, err = magtex("classify", *paths, *options, "--json", "there.json", "--scheduler", scheduler)
    assert (code, len(err.splitlines())) == (1, 1)
    assert err.startswith("nowhere.png: there is no such file")
    here, there = rows_of("here.json"), rows_of("there.json")
    assert [row["file"] for row in there] == [path for path in paths if path != "nowhere.png" for _ in range(2)]
    assert all(same(one, other) for one, other in zip(here, there, strict=True))


def test_a_worker_of_another_version_fails_every_input(
    folder: Path, magtex: Command, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analyse, "__version__", "0.0")
    code, _, err = magtex("classify", "00.png", "01.png", "--scheduler", scheduler)
    assert code == 1
    assert [line.split(": ")[0] for line in err.splitlines()] == ["00.png", "01.png"]
    assert "a worker has napari-magtex" in err
