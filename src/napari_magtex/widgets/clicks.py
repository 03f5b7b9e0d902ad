"""Where in a viewer a person clicks, whichever layer is active, without taking the click from anyone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

import numpy as np

if TYPE_CHECKING:
    from napari.viewer import Viewer

_STILL = 4.0  # pixels of the screen: who moves the mouse farther drags
_LOOKING = ("pan_zoom", "pick")  # modes of the active layer in which a click draws nothing


class Clicks:
    """Calls back with the world position of each click of the left button, except while something is drawn.

    Parameters
    ----------
    viewer
        The one that is listened to.
    clicked
        A method; its object may die.
    """

    def __init__(self, viewer: Viewer, clicked: Callable[[Sequence[float]], None]) -> None:
        self._viewer, self._clicked = viewer, WeakMethod(clicked)
        self._listener = self._on_press  # one object, which is found again
        viewer.mouse_drag_callbacks.append(self._listener)

    def end(self) -> None:
        """Listen no more."""
        if self._listener in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._listener)

    def _on_press(self, _viewer: Viewer, event: Any) -> Iterator[None]:
        active = self._viewer.layers.selection.active
        if event.button != 1 or (active is not None and str(active.mode) not in _LOOKING):
            return
        position, start = event.position, np.array(event.pos)
        moved = False
        yield
        while event.type == "mouse_move":
            moved = moved or np.abs(np.array(event.pos) - start).max() > _STILL
            yield
        if not moved and (clicked := self._clicked()) is not None:
            clicked(position)
