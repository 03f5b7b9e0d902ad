"""What the docks that learn from a person show of corrections."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtWidgets import QLabel, QTableView


def heading(text: str) -> QLabel:
    """Return a label in bold."""
    return QLabel(f"<b>{text}</b>")


def selected_rows(view: QTableView) -> set[int]:
    """Return the numbers of the rows that are selected."""
    model = view.selectionModel()
    return {index.row() for index in model.selectedRows()} if model is not None else set()


def where(file: str, frame: int, roi: Sequence[int] | None) -> str:
    """Return what a cell says of where a picture came from."""
    region = "\nx {0}–{2}, y {1}–{3}".format(*roi) if roi else ""
    return f"{Path(file).name}\nframe {frame}{region}"
