"""The button, its progress bar and Cancel: whatever ends a computation, the person can go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from napari.utils.notifications import notification_manager

from napari_magtex.compute import Progress
from napari_magtex.errors import Unsuitable
from napari_magtex.widgets.worker import Runner


class Bench:
    """A runner, and what came out of it."""

    def __init__(self, viewer: Any, qtbot: Any, work: Callable[[], Iterator[Any]]) -> None:
        self.answers: list[Any] = []
        self.threads: list[str] = []
        self.runner = Runner("Go", work, self.take, viewer)
        qtbot.addWidget(self.runner)
        self.runner.show()
        self.qtbot = qtbot

    def take(self, answer: Any) -> None:
        self.answers.append(answer)
        self.threads.append(threading.current_thread().name)

    def press(self) -> None:
        self.runner.button.click()

    def wait(self) -> None:
        self.qtbot.waitUntil(lambda: not self.runner.running, timeout=10_000)

    @property
    def at_rest(self) -> bool:
        runner = self.runner
        return runner.button.isVisible() and runner.button.isEnabled() and not runner.progress.isVisible()


@pytest.fixture
def bench(make_napari_viewer, qtbot) -> Callable[..., Bench]:
    return lambda work: Bench(make_napari_viewer(), qtbot, work)


@pytest.fixture
def told() -> Iterator[list[Any]]:
    """What napari told the person."""
    notices: list[Any] = []
    notification_manager.notification_ready.connect(notices.append)
    yield notices
    notification_manager.notification_ready.disconnect(notices.append)


def endless() -> Iterator[Progress]:
    for done in range(100_000):
        time.sleep(0.005)
        yield Progress(done, 100_000, "waiting")


def test_answers_come_in_the_gui_thread_and_the_work_is_done_in_another(bench) -> None:
    workers = []

    def work() -> Iterator[Any]:
        workers.append(threading.current_thread())
        yield Progress(0, 2, "half")
        yield "one"
        yield "two"

    b = bench(work)
    b.press()
    assert not b.runner.button.isVisible()
    assert b.runner.progress.isVisible()
    b.wait()
    assert b.answers == ["one", "two"]
    assert set(b.threads) == {"MainThread"}
    assert workers[0] is not threading.main_thread()
    assert b.at_rest


def test_progress_is_shown(bench, qtbot) -> None:
    b = bench(endless)
    b.press()
    qtbot.waitUntil(lambda: b.runner.progress.value() > 3, timeout=10_000)
    assert b.runner.progress.maximum() == 100_000
    assert "waiting" in b.runner.progress.format()
    b.runner.cancel.click()
    b.wait()


def test_cancel_stops_the_work_and_frees_the_button(bench, qtbot, told) -> None:
    closed = threading.Event()

    def work() -> Iterator[Progress]:
        try:
            yield from endless()
        finally:
            closed.set()

    b = bench(work)
    b.press()
    qtbot.waitUntil(lambda: b.runner.progress.value() > 1, timeout=10_000)
    b.runner.cancel.click()
    b.wait()
    assert b.at_rest
    assert b.answers == told == []
    qtbot.waitUntil(closed.is_set, timeout=2000)


@pytest.mark.parametrize(
    "error", [Unsuitable("too few cells, draw more"), RuntimeError("out of memory"), KeyError("bug")]
)
def test_an_error_in_the_work_is_told_and_frees_the_button(bench, told, error) -> None:
    def work() -> Iterator[Any]:
        yield "kept"
        raise error

    b = bench(work)
    b.press()
    b.wait()
    assert b.at_rest
    assert b.answers == ["kept"]
    assert len(told) == 1
    ours = isinstance(error, Unsuitable)
    assert str(error) in told[0].message
    assert hasattr(told[0], "exception") != ours  # a traceback for bugs alone


def test_an_error_while_the_form_is_read_is_told_and_frees_the_button(bench, told) -> None:
    def work() -> Iterator[Any]:
        raise Unsuitable("nothing is chosen")

    b = bench(work)
    b.press()
    assert b.at_rest
    assert [notice.message for notice in told] == ["nothing is chosen"]


def test_a_second_press_while_it_runs_starts_nothing(bench, qtbot) -> None:
    started = []

    def work() -> Iterator[Progress]:
        started.append(1)
        return endless()

    b = bench(work)
    b.press()
    b.runner.run(endless())
    b.runner.quit()
    b.wait()
    assert started == [1]


def test_no_answer_comes_after_the_viewer_was_closed(make_napari_viewer, qtbot) -> None:
    gate = threading.Event()

    def work() -> Iterator[Any]:
        yield Progress(0, 1)
        gate.wait(5)
        yield "late"

    viewer = make_napari_viewer()
    b = Bench(viewer, qtbot, work)
    b.press()
    viewer.close()
    gate.set()
    b.wait()
    assert b.answers == []


def test_the_work_stops_when_its_widget_is_destroyed(make_napari_viewer, qtbot) -> None:
    from qtpy.QtWidgets import QWidget

    stopped = threading.Event()

    def work() -> Iterator[Any]:
        try:
            yield from endless()
        finally:
            stopped.set()

    parent = QWidget()
    runner = Runner("Go", work, print, make_napari_viewer())
    runner.setParent(parent)
    runner.start()
    qtbot.waitUntil(lambda: runner.progress.value() > 1, timeout=10_000)
    parent.deleteLater()
    qtbot.waitUntil(stopped.is_set, timeout=5000)
