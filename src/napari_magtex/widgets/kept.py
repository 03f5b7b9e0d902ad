"""What the docks that learn from a person show of corrections, and where they put the network that has learned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QLabel, QTableView, QWidget

from napari_magtex.widgets.networks import free_path, networks_folder


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


def ask_for_network(parent: QWidget, name: str) -> Path | None:
    """Ask where to save a network, by default under a free name where docks offer it; None where nobody says."""
    folder = networks_folder()
    folder.mkdir(parents=True, exist_ok=True)
    chosen, _ = QFileDialog.getSaveFileName(
        parent,
        "Save network",
        str(free_path(folder / f"{name}.safetensors")),
        "Weights (*.safetensors)",
        options=QFileDialog.Option.DontConfirmOverwrite,  # nothing is overwritten
    )
    return Path(chosen).with_suffix(".safetensors") if chosen else None
