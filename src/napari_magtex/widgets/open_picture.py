"""File > IO Utilities > Open spin picture…: any PNG, JPEG or TIFF with the calibration that stands in it.

napari's own reader keeps these files (we claim only names that say what they are), and it knows no pixel size.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from napari.layers import Layer
from napari.layers._source import layer_source  # the only way to tell a layer's file, which results are named by
from napari.viewer import Viewer
from qtpy.QtWidgets import QFileDialog

from napari_magtex.contributions import picture_layers
from napari_magtex.errors import MagtexError
from napari_magtex.widgets.worker import tell

PATTERNS = "Pictures (*.png *.jpg *.jpeg *.tif *.tiff);;All files (*)"


def open_spin_picture(viewer: Viewer) -> None:
    """Ask for pictures and open them."""
    names, _ = QFileDialog.getOpenFileNames(None, "Open spin picture", "", PATTERNS)
    add_pictures(viewer, [Path(name) for name in names])


def add_pictures(viewer: Viewer, paths: Sequence[Path]) -> list[Layer]:
    """Add the layers of pictures; one that cannot be read is told, and does not keep the others."""
    added = []
    for path in paths:
        try:
            with layer_source(path=str(path)):
                added += [viewer.add_layer(Layer.create(*told)) for told in picture_layers(path)]
        except MagtexError as error:
            tell(type(error)(f"{path.name}: {error}"))
    return added
