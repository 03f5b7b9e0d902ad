"""A preview that follows a form: two layers above the input, computed off the GUI thread, the newest settings only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from numpy.typing import NDArray
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from napari_magtex.errors import MagtexError
from napari_magtex.widgets.choices import RESULT_KEY, SOURCE_KEY
from napari_magtex.widgets.layers import label_colours
from napari_magtex.widgets.worker import Runner, is_open

if TYPE_CHECKING:
    from napari.viewer import Viewer

DELAY = 300  # ms after the last change, before the preview follows
_MASKED = "#e63333"


class Preview(QWidget):
    """A tick, and what it shows while it is set.

    Parameters
    ----------
    viewer
        The one with the layers.
    work
        Called in the GUI thread: reads the form and returns the computation, or raises.
    shown
        Called with its answer.
    refused
        Called with the reason where there is none: a preview never interrupts by a notice.
    """

    def __init__(
        self,
        viewer: Viewer,
        work: Callable[[], Iterator[Any]],
        shown: Callable[[Any], None],
        refused: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._viewer, self._work, self._shown, self._refused = viewer, work, shown, refused
        self._layers: list[Image | Labels] = []
        self._stale = False
        self.tick = QCheckBox("Show a preview of the frame shown")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.tick)
        self._runner = Runner("", lambda: iter(()), self._take, viewer)
        self._runner.setParent(self)
        self._runner.hide()
        self._runner.ended.connect(self._on_ended)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY)
        self._timer.timeout.connect(self._start)
        self.tick.toggled.connect(self._on_tick)

    @property
    def layers(self) -> list[Image | Labels]:
        """The layers shown: the frame, and over it what is left out."""
        return list(self._layers)

    @property
    def settled(self) -> bool:
        """Whether nothing is computed or waited for."""
        return not (self._runner.running or self._timer.isActive() or self._stale)

    def setChecked(self, on: bool) -> None:  # noqa: N802
        """Show the preview or take it away."""
        self.tick.setChecked(on)

    def renew(self, _event: Any = None) -> None:
        """Follow a change of the form, a moment after the last one."""
        if self.tick.isChecked():
            self._timer.start()

    def show_layers(
        self, image: Image, pixels: NDArray[Any], mask: NDArray[np.bool_], placement: Mapping[str, Any], **looks: Any
    ) -> None:
        """Lay a frame, and what is left out of it, directly above a layer: drawings stay on top."""
        self.clear()
        if image not in self._viewer.layers:
            return
        name = f"preview: {image.name}"
        held = {RESULT_KEY: name, SOURCE_KEY: image.unique_id}
        self._layers = [
            Image(pixels, name=name, metadata=held, **placement, **looks),
            Labels(
                mask.astype(np.uint8),
                name=f"left out: {image.name}",
                metadata=held,
                colormap=label_colours({1: _MASKED}),
                opacity=0.4,
                **placement,
            ),
        ]
        layers, chosen = self._viewer.layers, set(self._viewer.layers.selection)
        for layer in self._layers:
            self._viewer.add_layer(layer)
        layers.selection = chosen
        for above, layer in enumerate(self._layers, start=1):
            layers.move(layers.index(layer), layers.index(image) + above)

    def clear(self) -> None:
        """Take the layers away."""
        if is_open(self._viewer):
            for layer in [old for old in self._layers if old in self._viewer.layers]:
                self._viewer.layers.remove(layer)
        self._layers = []

    def _on_tick(self, on: bool) -> None:
        if on:
            self._start()
        else:
            self._timer.stop()
            self._stale = False
            self._runner.quit()
            self.clear()

    def _start(self) -> None:
        """Compute for what the form says now; what is under way for older settings is given up."""
        if not is_open(self._viewer):
            return
        if self._runner.running:
            self._stale = True
            self._runner.quit()
            return
        try:
            self._runner.run(_or_why_not(self._work()))
        except MagtexError as error:
            self._refused(str(error))

    def _on_ended(self) -> None:
        if self._stale:
            self._stale = False
            self._start()

    def _take(self, answer: Any) -> None:
        if not self.tick.isChecked() or self._stale:
            return
        if isinstance(answer, str):
            self._refused(answer)
        else:
            self._shown(answer)


def _or_why_not(work: Iterator[Any]) -> Iterator[Any]:
    """Hand on what a computation yields, or the reason why it cannot go on."""
    try:
        yield from work
    except MagtexError as error:
        yield str(error)
