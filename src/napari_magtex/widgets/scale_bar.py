"""A part of a form that sets a layer's pixel size by a line drawn along its scale bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Image, Shapes
from napari.utils.notifications import show_info
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDoubleSpinBox, QFormLayout, QLabel, QPushButton, QWidget

from napari_magtex.errors import BadRegion, MagtexError, UnusablePicture
from napari_magtex.widgets.calibration import scale_by_bar
from napari_magtex.widgets.choices import Choice, LayerChoice
from napari_magtex.widgets.dock import row_of
from napari_magtex.widgets.worker import tell

if TYPE_CHECKING:
    from napari.viewer import Viewer

UNITS = {"nm": 1e-9, "µm": 1e-6, "mm": 1e-3, "Å": 1e-10}


class ScaleBar(QWidget):
    """Asks for the line and for what stands beside the bar.

    Parameters
    ----------
    viewer
        The one with the layers.
    layer
        The choice of the layer that is scaled.
    """

    scaled = Signal()

    def __init__(self, viewer: Viewer, layer: LayerChoice) -> None:
        super().__init__()
        self._viewer, self._layer = viewer, layer
        self.line = LayerChoice(viewer, Shapes, none="None: draw one")
        self.length, self.unit, self.set = QDoubleSpinBox(), Choice(UNITS), QPushButton("Set scale")
        self.length.setRange(0, 1e6)
        self.length.setDecimals(3)
        self.unit.setMinimumContentsLength(3)
        self.said = QLabel("Draw a line in a Shapes layer, along the scale bar from end to end.")
        self.said.setWordWrap(True)
        rows = QFormLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.addRow(self.said)
        rows.addRow("Line in", self.line)
        rows.addRow("Its length", row_of(self.length, self.unit))
        rows.addRow("", self.set)
        self.set.clicked.connect(self._on_set)

    def _on_set(self) -> None:
        try:
            self.set_scale()
        except MagtexError as error:
            tell(error)

    def set_scale(self) -> None:
        """Scale the layer chosen, and the drawings on it.

        Raises
        ------
        UnusablePicture, BadRegion, UncalibratedPicture
            There is no layer, no line, or no length.
        """
        image: Image | None = self._layer.value
        if image is None:
            raise UnusablePicture("no image layer is open: there is nothing to scale")
        if self.line.value is None:
            raise BadRegion("no line is chosen: draw one along the scale bar in a Shapes layer, and choose that layer")
        viewer = self._viewer
        size = scale_by_bar(
            image, self.line.value, self.length.value() * self.unit.value, viewer.dims.units, viewer.layers
        )
        viewer.reset_view()
        self.scaled.emit()
        show_info(f"{image.name}: a pixel is {size * 1e9:.4g} nm wide and high")
