"""A table of frames and their defoci: layers or the frames of a stack, filled from what their files say."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from napari_magtex.errors import Unsuitable
from napari_magtex.widgets.choices import RESULT_KEY, Choice
from napari_magtex.widgets.dock import button_row, row_of, wrapped_label
from napari_magtex.widgets.focus import UNITS, in_words
from napari_magtex.widgets.pictures import DEFOCUS, frame_count, frame_index, meta_of, meta_of_frame
from napari_magtex.widgets.worker import tell

if TYPE_CHECKING:
    from napari.viewer import Viewer

VENDORS = "defocus_vendor_um"
UM = 1e-6
WARNED = (
    "The defoci are the microscope's own, and vendors' signs differ: compare the frames with the picture below, and "
    "turn all signs where they are the other way round."
)


@dataclass
class Row:
    """A frame of a layer, and its defocus in m; None where it is not told."""

    image: Image
    frame: int
    defocus: float | None = None
    typed: str = ""  # what stands there and is no number
    of_vendor: bool = False

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.image.name if frame_count(self.image) == 1 else f"{self.image.name}, frame {self.frame}"

    @property
    def pixels(self) -> Any:
        """The frame (ny, nx); of a lazy layer it is not read."""
        data = self.image.data[0] if self.image.multiscale else self.image.data
        return data[frame_index(self.image, self.frame)]

    @property
    def shape(self) -> tuple[int, ...]:
        """(ny, nx)."""
        return tuple(self.pixels.shape)


class SeriesTable(QWidget):
    """Frames with their defoci, in a unit that the person chooses; positive is underfocus."""

    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.rows: list[Row] = []
        self.unit, self.note = Choice({name: name for name in UNITS}), wrapped_label()
        self.unit.setMinimumContentsLength(3)
        self.unit.value = "µm"
        self.table = QTableWidget(0, 3)
        self.table.setMinimumHeight(150)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        if (header := self.table.horizontalHeader()) is not None:
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        if (side := self.table.verticalHeader()) is not None:
            side.setVisible(False)
        self.table.setToolTip("Remove rows takes out those selected, or all where none is")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(button_row({"Add selected layers": self.add_selected, "Remove rows": self.remove_selected}))
        column.addWidget(self.table)
        column.addWidget(row_of(button_row({"Turn all signs": self.turn}), self.unit))
        column.addWidget(self.note)
        self.table.itemChanged.connect(self._on_typed)
        self.unit.currentIndexChanged.connect(self._show)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.layers.events.renamed.connect(self._show)
        self._show()

    # ---- what stands in it

    def add_selected(self, _checked: bool = False) -> None:
        """Add every frame of the layers selected, in the order of the layer list."""
        chosen = [layer for layer in self._viewer.layers if layer in self._viewer.layers.selection]
        try:
            self.add(chosen)
        except Unsuitable as error:
            tell(error)

    def add(self, layers: Iterable[Any]) -> None:
        """Add every frame of layers that is not in the table yet.

        Raises
        ------
        Unsuitable
            There is none, or one is no grey picture.
        """
        layers = list(layers)
        if not layers:
            raise Unsuitable("select the layers of the series first")
        for layer in layers:
            if not isinstance(layer, Image) or layer.rgb or RESULT_KEY in layer.metadata:
                raise Unsuitable(f"{layer.name} is no frame of a microscope: those are grey pictures, as recorded")
        there = {(id(row.image), row.frame) for row in self.rows}
        self.rows += [
            _row_of(layer, frame)
            for layer in layers
            for frame in range(frame_count(layer))
            if (id(layer), frame) not in there
        ]
        self._show()
        self.changed.emit()

    def remove_selected(self, _checked: bool = False) -> None:
        """Take the rows selected out, or all where none is."""
        chosen = {index.row() for index in self.table.selectedIndexes()}
        self.rows = [row for number, row in enumerate(self.rows) if chosen and number not in chosen]
        self._show()
        self.changed.emit()

    def turn(self, _checked: bool = False) -> None:
        """Turn the signs of all defoci."""
        for row in self.rows:
            if row.defocus is not None:
                row.defocus = -row.defocus + 0.0
            row.of_vendor = False  # the person has judged
        self._show()

    def defoci(self) -> tuple[float, ...]:
        """Return the defocus of each frame in m.

        Raises
        ------
        Unsuitable
            One is missing, or is no number.
        """
        for row in self.rows:
            if row.typed:
                raise Unsuitable(f"the defocus of {row.name}, {row.typed!r}, is no number")
            if row.defocus is None:
                raise Unsuitable(f"the defocus of {row.name} is not known: type it in {self.unit.value}")
        return tuple(row.defocus for row in self.rows if row.defocus is not None)

    # ---- showing

    def _on_typed(self, item: QTableWidgetItem) -> None:
        if item.column() != 1:
            return
        row, text = self.rows[item.row()], item.text().strip().replace("−", "-")
        row.of_vendor = False
        try:
            row.defocus, row.typed = (float(text) * UNITS[self.unit.value] if text else None), ""
        except ValueError:
            row.defocus, row.typed = None, text
        if row.defocus is not None and not math.isfinite(row.defocus):
            row.defocus, row.typed = None, text
        self._show()

    def _on_removed(self, event: Any) -> None:
        if any(row.image is event.value for row in self.rows):
            self.rows = [row for row in self.rows if row.image is not event.value]
            self._show()
            self.changed.emit()

    def _show(self, _event: Any = None) -> None:
        blocked = self.table.blockSignals(True)
        self.table.setHorizontalHeaderLabels(["Frame", f"Defocus ({self.unit.value})", ""])
        self.table.setRowCount(len(self.rows))
        for number, row in enumerate(self.rows):
            known = row.defocus is not None
            value = f"{row.defocus / UNITS[self.unit.value]:.10g}" if row.defocus is not None else row.typed
            word = in_words(row.defocus) if row.defocus is not None else "no number" if row.typed else "unknown"
            for column, text in enumerate((row.name, value, f"{word}?" if known and row.of_vendor else word)):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                if column != 1:
                    item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
                self.table.setItem(number, column, item)
        self.table.blockSignals(blocked)
        self.note.setText(WARNED)
        self.note.setVisible(any(row.of_vendor for row in self.rows))


def _row_of(image: Image, frame: int) -> Row:
    """Return the row of a frame with the defocus that its file tells, in our sign or the vendor's."""
    told: Sequence[tuple[Any, bool]] = (
        (meta_of_frame(image, frame).get(DEFOCUS), False),
        (meta_of(image).get(VENDORS), True),
    )
    for defocus, of_vendor in told:
        if isinstance(defocus, Real) and not isinstance(defocus, bool):
            return Row(image, frame, float(defocus) * UM, of_vendor=of_vendor)
    return Row(image, frame)
