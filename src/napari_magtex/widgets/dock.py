"""What the docks share: a scrolling body, a runner that ends with the dock, saving results, adding result layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from napari.layers import Image, Layer
from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QBoxLayout,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_magtex.contributions import METADATA_KEY
from napari_magtex.errors import MagtexError
from napari_magtex.files import told_if_unwritable, with_ending
from napari_magtex.widgets.choices import RESULT_KEY, SOURCE_KEY, InputForm
from napari_magtex.widgets.worker import Runner, tell, warm_up

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_magtex.results import Result


LayerType = TypeVar("LayerType", bound=Layer)
WIDE, LOWEST, SCROLL_BAR = 900, 260, 16  # pixels


class Dock(QWidget):
    """A dock that analyses a layer: a form, a button, and what comes out of it.

    Parameters
    ----------
    napari_viewer
        The viewer that the dock belongs to; everything it knows, it keeps for this viewer.
    action
        What stands on the button.
    """

    def __init__(self, napari_viewer: Viewer, action: str) -> None:
        super().__init__()
        # plugins get a proxy, whose layers are new proxies at every look: nothing could be found again
        self.viewer: Viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.form = InputForm(self.viewer)
        self.runner = Runner(action, self.prepare, self.take, self.viewer)
        asking, answering, body = QWidget(), QWidget(), QWidget()
        question, self.column = QVBoxLayout(asking), QVBoxLayout(answering)
        question.addWidget(self.form)
        question.addWidget(self.runner)
        question.addStretch()
        for layout in (question, self.column):
            layout.setContentsMargins(0, 0, 0, 0)
        self.halves = QBoxLayout(QBoxLayout.Direction.TopToBottom, body)
        self.halves.addWidget(asking, stretch=0)
        self.halves.addWidget(answering, stretch=1)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # always there: a bar that comes when wrapped text grows would lie over the body until the next layout
        self.area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.area.setWidget(body)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.area)
        warm_up()

    def prepare(self) -> Iterator[Any]:
        """Read the form and return the computation; subclasses know which."""
        raise NotImplementedError

    def take(self, answer: Any) -> None:
        """Show one answer of the computation."""
        raise NotImplementedError

    def results(self) -> Sequence[Result]:
        """Return what Save writes."""
        raise NotImplementedError

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return a size that cuts nothing at the side; down the page the area scrolls."""
        body = self.area.widget()
        return QSize((body.minimumSizeHint().width() if body else 0) + SCROLL_BAR, LOWEST)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Lay answers below the questions, or beside them where the dock is wide, as at the window's bottom."""
        super().resizeEvent(event)
        wide = self.width() > WIDE
        self.halves.setDirection(QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom)
        self.halves.setStretch(0, 1 if wide else 0)
        self.halves.setStretch(1, 3 if wide else 1)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Stop computing when napari takes the widget out of its closed dock."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.runner.quit()
        super().changeEvent(event)

    def save(self, path: str | Path) -> None:
        """Write the results as JSON where the name ends so, else as CSV."""
        from napari_magtex.results import write_csv, write_json

        with told_if_unwritable(Path(path)):
            (write_json if Path(path).suffix.lower() == ".json" else write_csv)(self.results(), Path(path))

    def ask(self, question: QWidget) -> None:
        """Ask something else than for a layer, contrast and region."""
        self.form.hide()
        asking = self.runner.parentWidget()
        layout = asking.layout() if asking is not None else None
        assert isinstance(layout, QVBoxLayout)
        layout.insertWidget(layout.indexOf(self.runner), question)

    def add_result(
        self,
        data: Any,
        name: str,
        placement: Mapping[str, Any],
        *,
        of: Layer | None = None,
        says: Mapping[str, Any] | None = None,
        **looks: Any,
    ) -> Image:
        """Add an image that holds a result, as `add_layer` does.

        ``says`` is what a frame's file would say of it, its contrast first: then other analyses take it for an input.
        """
        metadata = {} if says is None else {METADATA_KEY: dict(says)}
        return self.add_layer(Image(data, name=name, metadata=metadata, **placement, **looks), of)

    def add_layer(self, layer: LayerType, of: Layer | None = None) -> LayerType:
        """Add a layer that holds a result of another one; one of its name that an analysis added before gives way."""
        self.drop_layer(layer.name)
        chosen = set(self.viewer.layers.selection)
        layer.metadata[RESULT_KEY] = layer.name
        if of is not None:
            layer.metadata[SOURCE_KEY] = of.unique_id
        self.viewer.add_layer(layer)
        if chosen:
            self.viewer.layers.selection = chosen  # a result does not take the selection from its input
        return layer

    def drop_layer(self, name: str) -> None:
        """Remove the result of a name, if there is one."""
        for old in [old for old in self.viewer.layers if old.name == name and RESULT_KEY in old.metadata]:
            self.viewer.layers.remove(old)

    def save_row(self, *endings: str) -> QWidget:
        """Return a row of Save buttons."""
        known = (*endings, "tiff") if "tif" in endings else endings
        return button_row({f"Save {ending.upper()}": partial(self._ask_and_save, ending, known) for ending in endings})

    def _ask_and_save(self, ending: str, known: Sequence[str], _checked: bool = False) -> None:
        name, _ = QFileDialog.getSaveFileName(self, f"Save {ending.upper()}", f"results.{ending}", f"*.{ending}")
        if name:
            try:
                self.save(with_ending(name, ending, *known))
            except MagtexError as error:
                tell(error)


def button_row(actions: Mapping[str, Callable[..., Any]]) -> QWidget:
    """Return buttons side by side."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for text, action in actions.items():
        button = QPushButton(text)
        button.clicked.connect(action)
        layout.addWidget(button)
    return row


def row_of(first: QWidget, *others: QWidget) -> QWidget:
    """Return widgets side by side, of which the first takes the room that is left."""
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(first, stretch=1)
    for widget in others:
        layout.addWidget(widget)
    return row


def wrapped_label() -> QLabel:
    """Return an empty label that breaks lines and whose text can be copied."""
    label = QLabel()
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
