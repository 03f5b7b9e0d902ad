"""A table of the skyrmions of a frame, sorted by any column, and which of them is chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from napari_magtex.widgets.tables import ANYWHERE

Column = NDArray[np.float64]

COLUMNS: dict[str, tuple[Callable[[pd.DataFrame], Any], int]] = {  # what it holds, and the decimals that are shown
    "Label": (lambda rows: rows.label, 0),
    "x (px)": (lambda rows: rows.x_px, 1),
    "y (px)": (lambda rows: rows.y_px, 1),
    "Diameter (px)": (lambda rows: 2 * rows.radius_px, 2),
    "Diameter (nm)": (lambda rows: 2 * rows.radius_nm, 1),
    "Area (px)": (lambda rows: rows.area_px, 0),
    "Area (nm²)": (lambda rows: rows.area_nm2, 0),
    "Nearest (px)": (lambda rows: rows.nearest_px, 1),
    "Nearest (nm)": (lambda rows: rows.nearest_nm, 1),
    "|ψ₆|": (lambda rows: rows.psi6, 3),
    "Neighbours": (lambda rows: rows.neighbours.where(~rows.at_edge.astype(bool)), 0),
    "Charge": (lambda rows: rows.charge, 3),
    "Eccentricity": (lambda rows: rows.eccentricity, 2),
    "Angle (°)": (lambda rows: rows.orientation_deg, 0),
}
TIPS = {
    "Label": "Its number in the layer of labels",
    "x (px)": "Of the centre, from the left; the middle of the first pixel is 0",
    "y (px)": "Of the centre, from the top; the middle of the first pixel is 0",
    "Diameter (px)": "Of a disc of the same area",
    "Diameter (nm)": "Of a disc of the same area",
    "Nearest (px)": "From its centre to the nearest other one",
    "Nearest (nm)": "From its centre to the nearest other one",
    "|ψ₆|": "1 in a triangular lattice, 0 in a square one; empty at the film's edge, where neighbours may be missing",
    "Neighbours": "Of its Voronoi cell; 5 and 7 are defects of the lattice; empty at the film's edge",
    "Charge": "Topological charge: -1 for a core down in an up background",
    "Eccentricity": "0 for a circle, near 1 for a worm",
    "Angle (°)": "Of the long axis, counted from the x axis upwards",
}
_ALWAYS = ("Label", "x (px)", "y (px)", "Diameter (px)")


class SkyrmionTable(QAbstractTableModel):
    """The rows of a frame as numbers; columns that nothing is known for are left out."""

    def __init__(self) -> None:
        super().__init__()
        self._columns: dict[str, Column] = {name: np.zeros(0) for name in _ALWAYS}
        self._names = list(self._columns)
        self._order = np.zeros(0, np.int64)
        self._sorted_by: tuple[str, bool] = ("Label", False)

    def show_rows(self, rows: pd.DataFrame | None) -> None:
        """Replace the rows; they stay sorted as they were."""
        columns = {name: np.asarray(value(rows), np.float64) if rows is not None else np.zeros(0)
                   for name, (value, _) in COLUMNS.items()}  # fmt: skip
        self.beginResetModel()
        self._columns = {name: c for name, c in columns.items() if name in _ALWAYS or np.isfinite(c).any()}
        self._names = list(self._columns)
        self._order = self._sorting()
        self.endResetModel()

    @property
    def labels(self) -> list[int]:
        """The label of each row, in the order shown."""
        return [int(label) for label in self._columns["Label"][self._order]]

    def label(self, row: int) -> int:
        """Return the label of a row."""
        return int(self._columns["Label"][self._order[row]])

    def centre(self, row: int) -> tuple[float, float]:
        """Return y and x of a row, in pixels of the stored picture."""
        y, x = (float(self._columns[name][self._order[row]]) for name in ("y (px)", "x (px)"))
        return y, x

    def row(self, label: int) -> int | None:
        """Return the row of a label."""
        found = np.flatnonzero(self._columns["Label"][self._order] == label)
        return int(found[0]) if len(found) else None

    def rowCount(self, parent: QModelIndex = ANYWHERE) -> int:  # noqa: N802
        """Qt asks."""
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: QModelIndex = ANYWHERE) -> int:  # noqa: N802
        """Qt asks."""
        return 0 if parent.isValid() else len(self._names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a number as text, to the right."""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        name = self._names[index.column()]
        value = self._columns[name][self._order[index.row()]]
        return f"{value:.{COLUMNS[name][1]}f}" if np.isfinite(value) else ""

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        """Return a column's name with its unit, or what it means."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        name = self._names[section]
        told: dict[int, str | None] = {Qt.ItemDataRole.DisplayRole: name, Qt.ItemDataRole.ToolTipRole: TIPS.get(name)}
        return told.get(role)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; what is empty comes last."""
        if not 0 <= column < len(self._names):
            return
        self._sorted_by = (self._names[column], order == Qt.SortOrder.DescendingOrder)
        self.beginResetModel()
        self._order = self._sorting()
        self.endResetModel()

    def _sorting(self) -> NDArray[np.int64]:
        name, falling = self._sorted_by
        values = self._columns.get(name, self._columns["Label"])
        return np.argsort(-values if falling else values, kind="stable")


class SkyrmionView(QTableView):
    """The table, with one skyrmion chosen or none; ``picked`` tells the row that a person has chosen."""

    picked = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.table = SkyrmionTable()
        self.chosen: int | None = None  # its label
        self._silent = False
        self.setModel(self.table)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSortingEnabled(True)
        self.setMinimumHeight(180)
        header, side = self.horizontalHeader(), self.verticalHeader()
        assert header is not None
        assert side is not None
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setResizeContentsPrecision(20)  # rows that widths are found from: thousands would take long
        header.setSortIndicator(0, Qt.SortOrder.AscendingOrder)
        side.setVisible(False)
        side.setDefaultSectionSize(side.minimumSectionSize() + 4)
        selection = self.selectionModel()
        assert selection is not None
        selection.currentRowChanged.connect(self._on_current)
        self.table.modelReset.connect(self._choose_again)

    def show_rows(self, rows: pd.DataFrame | None) -> None:
        """Replace the rows; the one chosen stays so where its label is still there."""
        shape = self.table.columnCount(), self.table.rowCount() > 0
        self.table.show_rows(rows)
        if (self.table.columnCount(), self.table.rowCount() > 0) != shape:
            self.resizeColumnsToContents()

    def choose(self, label: int | None) -> None:
        """Choose the row of a label, and scroll to it; None chooses none. Nothing is told of it."""
        self.chosen = label
        self._choose_again()

    def _choose_again(self) -> None:
        row = None if self.chosen is None else self.table.row(self.chosen)
        self._silent = True
        if row is None:
            self.chosen = None
            self.clearSelection()
            self.setCurrentIndex(QModelIndex())
        else:
            self.setCurrentIndex(self.table.index(row, max(self.currentIndex().column(), 0)))
            self.scrollTo(self.table.index(row, 0))
        self._silent = False

    def _on_current(self, current: QModelIndex, _before: QModelIndex) -> None:
        if not self._silent and current.isValid():
            self.chosen = self.table.label(current.row())
            self.picked.emit(current.row())
