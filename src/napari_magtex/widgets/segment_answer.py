"""What is shown of the skyrmions of a frame and of a stack: summary, table, charts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from napari_magtex.widgets.choices import Choice
from napari_magtex.widgets.dock import wrapped_label
from napari_magtex.widgets.segment_charts import QUANTITIES, CountTrack, DiameterChart, PairChart
from napari_magtex.widgets.segment_summary import OrderScale, remarks_of, summary_of
from napari_magtex.widgets.segment_table import SkyrmionView
from napari_magtex.widgets.series_choice import SeriesChoice

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_magtex.segment.counted import Counted

TALLEST = 320  # pixels of the charts: what is left is the table's
MOMENT = 100  # ms until charts follow: drawing them takes as long as all else together
UNTOLD = "This frame is not segmented."


class SkyrmionAnswer(QWidget):
    """Summary, table and charts of the frame shown, and the way of a stack from frame to frame.

    Parameters
    ----------
    tools
        What stands below the table.
    """

    def __init__(self, viewer: Viewer, tools: QWidget) -> None:
        super().__init__()
        self.summary, self.remarks = wrapped_label(), wrapped_label()
        self.view, self.scale = SkyrmionView(), OrderScale()
        self.pairs, self.diameters, self.track = PairChart(viewer), DiameterChart(viewer), CountTrack(viewer)
        self.quantity, self.against = Choice({name: name for name in QUANTITIES}), SeriesChoice()
        self.charts = QTabWidget()
        self.charts.setMaximumHeight(TALLEST)
        self.charts.addTab(self.diameters, "Diameters")
        self.charts.addTab(self.pairs, "g(r)")
        self._stack = QWidget()
        over = QVBoxLayout(self._stack)
        over.setContentsMargins(0, 4, 0, 0)
        for part in (self.quantity, self.against, self.track):
            over.addWidget(part)
        self.charts.addTab(self._stack, "Stack")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.summary, self.scale, self.view, tools, self.charts, self.remarks):
            column.addWidget(widget, stretch=1 if widget is self.view else 0)

        self._counted: Counted | None = None
        self._of_stack: Mapping[int, Counted] = {}
        self._frame = 0
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(MOMENT)
        self._later.timeout.connect(self.draw)
        self.quantity.currentIndexChanged.connect(self.draw)
        self.against.changed.connect(self.draw)
        self.charts.currentChanged.connect(self.draw)
        self.show_frame({}, 0)

    def show_frame(self, counted: Mapping[int, Counted], frame: int) -> None:
        """Show what is counted in a frame; ``counted`` is that of all frames, as far as it is known."""
        self._of_stack, self._frame = counted, frame
        known = counted.get(frame)
        changed, self._counted = known is not self._counted, known
        self.setVisible(bool(counted))
        if changed or known is None:
            self.summary.setText(UNTOLD if known is None else summary_of(known))
            self.remarks.setText("" if known is None else remarks_of(known))
            self.view.show_rows(None if known is None else known.rows)
        if not self._later.isActive():
            self._later.start()

    def of_stack(self, image: Image, several: bool) -> None:
        """Offer the chart of a stack, where several frames are segmented."""
        self.against.show_layer(image)
        self.charts.setTabVisible(self.charts.indexOf(self._stack), several)
        self.charts.setCurrentWidget(self._stack if several else self.diameters)

    def draw(self, _event: Any = None) -> None:
        """Draw the chart that is seen."""
        self._later.stop()
        seen = self.charts.currentWidget()
        if seen is self._stack:
            self.track.show_counted(self._of_stack, self.quantity.value, self.against.value)
            self.track.show_frame(self._frame)
        elif isinstance(seen, (PairChart, DiameterChart)):
            seen.show_counted(self._counted)
