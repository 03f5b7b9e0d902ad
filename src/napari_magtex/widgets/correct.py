"""The row "It shows … Keep" under a verdict, and the folder that a viewer's corrections are kept in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_magtex.classify.corrections import Correction, Corrections, corrections_folder
from napari_magtex.compute import Progress
from napari_magtex.states.definitions import State, hidden_states
from napari_magtex.widgets.choices import Choice
from napari_magtex.widgets.dock import wrapped_label

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_magtex.picture import Picture
    from napari_magtex.results import Verdict

NONE_CAPTION = "None of these"

_chosen: WeakKeyDictionary[Any, Path] = WeakKeyDictionary()


def corrections_of(viewer: Viewer) -> Corrections:
    """Return the corrections that the docks of a viewer read and write."""
    return Corrections(_chosen.get(viewer.window, corrections_folder()))


def choose_folder(viewer: Viewer, folder: Path) -> None:
    """Let all docks of a viewer keep corrections in a folder."""
    _chosen[viewer.window] = folder


def caption_of(state: State | None) -> str:
    """Return what a person reads of a correction's state."""
    return NONE_CAPTION.lower() if state is None else state.caption


class CorrectRow(QWidget):
    """A choice of states and a Keep button; ``keep`` is emitted with the state, or None for none of them."""

    keep = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.state, self.button, self.note = Choice(), QPushButton("Keep"), wrapped_label()
        self.button.setToolTip(
            "Keep it as a correction, or as a confirmation: Teach states… lets a network learn from it"
        )
        self.button.clicked.connect(lambda: self.keep.emit(self.state.value))
        self._verdict: Verdict | None = None
        row, column = QHBoxLayout(), QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("It shows"))
        row.addWidget(self.state, stretch=1)
        row.addWidget(self.button)
        column.addLayout(row)
        column.addWidget(self.note)

    def show_verdict(self, verdict: Verdict | None) -> None:
        """Offer the states that the verdict's contrast can show, its own chosen."""
        self.setVisible(verdict is not None)
        if verdict is None or verdict is self._verdict:
            return
        self._verdict = verdict
        self.note.hide()
        hidden = hidden_states(verdict.provenance.contrast)
        self.state.offer({state.caption: state for state in State if state not in hidden} | {NONE_CAPTION: None})
        self.state.value = State(verdict.state)

    def show_kept(self, correction: Correction) -> None:
        """Tell what has been kept."""
        self.note.setText(f"Kept: it shows {caption_of(correction.state)}.")
        self.note.show()


def keeping(
    corrections: Corrections, read: Callable[[], Picture], verdict: Verdict, state: State | None
) -> Iterator[Progress | Correction]:
    """Keep a correction, off the GUI thread: frames can be large, and folders far away."""
    yield Progress(0, 0, "keeping")
    yield corrections.keep(read(), verdict, state)
