"""A button that starts a computation off the GUI thread, its progress bar and Cancel."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QSizePolicy, QWidget
from superqt.utils import create_worker

from napari_magtex.compute import Progress, keep_llvms_apart
from napari_magtex.errors import MagtexError

if TYPE_CHECKING:
    from napari.viewer import Viewer


@dataclass(frozen=True)
class _Failure:
    """An error on its way from the thread to the GUI."""

    error: Exception


class _Current:
    """The computation under way, if any; outlives the widget, so that the widget's end can stop it."""

    stop: threading.Event | None = None

    def quit(self) -> None:
        if self.stop is not None:
            self.stop.set()


class Runner(QWidget):
    """Runs one computation at a time, a generator of `Progress` and answers.

    Whatever ends it (its last answer, Cancel, an error, a closed dock or window), the progress bar goes and the button
    can be pressed again. Closing the generator is all that cancelling asks of it.

    Parameters
    ----------
    label
        What stands on the button.
    prepare
        Called in the GUI thread when the button is pressed: reads the form and returns the generator, or raises.
    answered
        Called in the GUI thread with each answer as it comes; never after the viewer was closed.
    viewer
        The one that the dock belongs to.
    """

    ended = Signal()

    def __init__(
        self, label: str, prepare: Callable[[], Iterator[Any]], answered: Callable[[Any], None], viewer: Viewer
    ) -> None:
        super().__init__()
        self._prepare, self._answered, self._viewer = prepare, answered, viewer
        self._take = answered
        self._current = _Current()
        self.destroyed.connect(self._current.quit)
        self.button = QPushButton(label)
        self.progress = QProgressBar()
        self.cancel = QPushButton("Cancel")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for widget in (self.button, self.progress, self.cancel):
            row.addWidget(widget)
        self.progress.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.button.clicked.connect(self.start)
        self.cancel.clicked.connect(self.quit)
        self._show_running(False)

    @property
    def running(self) -> bool:
        """Whether a computation is under way."""
        return self._current.stop is not None

    def start(self) -> None:
        """Do what the button does."""
        try:
            self.run(self._prepare())
        except MagtexError as error:
            tell(error)

    def run(self, work: Iterator[Any], answered: Callable[[Any], None] | None = None) -> None:
        """Start a computation, unless one is running."""
        if self.running:
            return
        self._take = answered or self._answered
        self._current.stop = stop = threading.Event()
        worker = create_worker(_turn, work, stop, _start_thread=False)
        worker.yielded.connect(self._on_yielded)
        worker.signals.finished.connect(self._on_finished)
        self._show_running(True)
        worker.start()

    def quit(self) -> None:
        """Ask the computation to stop; it does at its next `Progress`."""
        if self.running:
            self._current.quit()
            self.cancel.setEnabled(False)
            self.progress.setFormat("Cancelling…")

    def _on_yielded(self, step: Any) -> None:
        stop = self._current.stop
        if stop is None or stop.is_set() or not is_open(self._viewer):
            return
        if isinstance(step, Progress):
            self.progress.setRange(0, step.total)
            self.progress.setValue(step.done)
            self.progress.setFormat(f"{step.what} %v of %m".strip())
        elif isinstance(step, _Failure):
            tell(step.error)
        else:
            try:
                self._take(step)
            except MagtexError as error:
                tell(error)

    def _on_finished(self) -> None:
        self._current.stop = None
        self._show_running(False)
        self.ended.emit()

    def _show_running(self, running: bool) -> None:
        self.button.setVisible(not running)
        self.button.setEnabled(not running)
        self.progress.setVisible(running)
        self.cancel.setVisible(running)
        self.cancel.setEnabled(True)
        self.progress.setRange(0, 0)
        self.progress.setFormat("")


def tell(error: Exception) -> None:
    """Show an error in napari: its message alone where it is ours, with its traceback where it is a bug."""
    from napari.utils.notifications import notification_manager, show_error

    if isinstance(error, MagtexError):
        show_error(str(error))
    else:
        notification_manager.receive_error(type(error), error, error.__traceback__)


def is_open(viewer: Viewer) -> bool:
    """Whether a viewer still has its window; napari offers no public way to ask."""
    return hasattr(viewer.window, "_qt_window")


def warm_up() -> threading.Thread:
    """Import torch and timm in a thread, so that the first click does not wait for them.

    No daemon: an interpreter that ends while a daemon imports compiled code may crash.
    """

    def load() -> None:
        keep_llvms_apart()
        with suppress(ImportError):  # said by the computation that needs them
            import_module("timm")  # which imports torch

    thread = threading.Thread(target=load, name="magtex-warm-up")
    thread.start()
    return thread


def _turn(work: Iterator[Any], stop: threading.Event) -> Generator[Any, None, None]:
    """Turn the wheel in the thread; errors travel as values, since the worker takes a RuntimeError for its own end."""
    try:
        keep_llvms_apart()
        for step in work:
            yield step
            if stop.is_set():
                break
    except Exception as error:
        yield _Failure(error)
    finally:
        if isinstance(work, Generator):
            work.close()
