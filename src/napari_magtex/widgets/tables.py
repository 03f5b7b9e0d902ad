"""A table of estimates: a row for each region and method, in the units that the field prints."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QHeaderView, QTableView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_magtex.results import Estimate, Quantity

UNITS = {"A": ("pJ/m", 1e12), "D": ("mJ/m²", 1e3), "Ms": ("kA/m", 1e-3), "Ku": ("kJ/m³", 1e-3),
         "Di": ("mJ/m²", 1e3), "T": ("K", 1.0), "period": ("nm", 1e9)}  # fmt: skip
COLUMNS = ("A", "D", "Ms", "period")
METHODS = {"network": "network", "torque_balance": "torque\nbalance"}
GREY = QColor(128, 128, 128)
NOT_DETERMINED, NOT_APPLICABLE = "not determined", "not applicable"
ANYWHERE = QModelIndex()


def estimate_row(estimate: Estimate, spread: Mapping[str, float] | None = None) -> dict[str, str]:
    """Return what the table says of an estimate: value, 90 % interval, spread over the windows.

    Parameters
    ----------
    spread
        Standard deviation over the windows, by name, in SI units.
    """
    roi, frame = estimate.provenance.roi, estimate.provenance.frame
    where = "whole\npicture" if roi is None else "x {0}–{2}\ny {1}–{3}".format(*roi)
    row = {"ROI": f"frame {frame}\n{where}" if frame else where, "Method": METHODS[estimate.method]}
    for name in COLUMNS:
        unit, scale = UNITS[name]
        quantity: Quantity = getattr(estimate, name)
        if name in estimate.known:
            row[f"{name} ({unit})"] = f"{scale * quantity.value:.4g}\nknown"
        else:
            row[f"{name} ({unit})"] = _cell(quantity, scale, name in estimate.determined, (spread or {}).get(name))
    row["Remark"] = _remark(estimate)
    return row


def _cell(quantity: Quantity, scale: float, determined: bool, spread: float | None) -> str:
    ends = (scale * quantity.low, scale * quantity.high)
    places = decimals(ends[1] - ends[0])
    value, low, high = (f"{number:.{places}f}" for number in (scale * quantity.value, *ends))
    if not determined:
        return f"{NOT_DETERMINED}\n({low} … {high})"
    windows = "" if spread is None else f"\nspread {scale * spread:.{decimals(scale * spread)}f}"
    return f"{value}\n[{low} … {high}]{windows}"


def decimals(width: float) -> int:
    """Return the decimals that show two digits of an interval's width."""
    return max(0, 1 - floor(log10(width))) if width > 0 else 3


def _remark(estimate: Estimate) -> str:
    remarks = []
    if estimate.doubts:
        remarks.append(f"{NOT_APPLICABLE}: " + "; ".join(estimate.doubts))
    if "D" in estimate.determined:
        remarks.append({1: "D > 0", -1: "D < 0", 0: "|D|: its sign is not determined"}[estimate.D_sign])
    remarks += estimate.asides
    if estimate.residual is not None:
        remarks.append(f"residual {estimate.residual:.2g}")
    return "\n".join(line for remark in remarks for line in wrap(remark, width=30))


class EstimateTable(QAbstractTableModel):
    """A data frame of text as a Qt model; what is not determined, or not applicable, is grey."""

    def __init__(self) -> None:
        super().__init__()
        self.frame = pd.DataFrame()

    def show_rows(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Replace the rows."""
        self.beginResetModel()
        self.frame = pd.DataFrame(list(rows))
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = ANYWHERE) -> int:  # noqa: N802
        """Qt asks."""
        return 0 if parent.isValid() else len(self.frame)

    def columnCount(self, parent: QModelIndex = ANYWHERE) -> int:  # noqa: N802
        """Qt asks."""
        return 0 if parent.isValid() else len(self.frame.columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell's text or colour."""
        text = str(self.frame.iat[index.row(), index.column()])
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return text
        refused = NOT_APPLICABLE in str(self.frame["Remark"].iat[index.row()])
        if role == Qt.ItemDataRole.ForegroundRole and (refused or text.startswith(NOT_DETERMINED)):
            return GREY
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        """Return a column's name or a row's number."""
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return self.frame.columns[section] if orientation == Qt.Orientation.Horizontal else section + 1


def table_view(model: EstimateTable) -> QTableView:
    """Return a view whose rows and columns are as large as their text."""
    view = QTableView()
    view.setModel(model)
    view.setWordWrap(True)
    view.setMinimumHeight(110)
    for header in (view.horizontalHeader(), view.verticalHeader()):
        if header is not None:
            header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    return view
