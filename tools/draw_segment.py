"""Draw the picture of docs/segment.md: ``python tools/draw_segment.py``, on a screen or under ``xvfb-run``.

The window with a simulated frame of a Kerr microscope, its skyrmions found, one of them chosen. It prints how many were
found, and how many were drawn.
"""

from __future__ import annotations

import numpy as np
from napari import Viewer
from qtpy.QtCore import Qt
from window import WINDOW, draw_window

from napari_magtex.segment.kinds import Kind
from napari_magtex.segment.simulated import simulated_frame
from napari_magtex.segment.splitting import separate
from napari_magtex.widgets.demo import press, say, wait_until
from napari_magtex.widgets.segment import SegmentDock

SEED, SHAPE, SIZE, SNR = 7, (420, 420), 22.0, 2.5
PIXEL = 60.0  # nm


def main() -> None:
    """Open a window, segment, and draw it."""
    drawn = simulated_frame(np.random.default_rng(SEED), SHAPE, size=SIZE, snr=SNR)
    viewer = Viewer(show=True)
    viewer.window.resize(*WINDOW)
    viewer.add_image(drawn.grey, name="kerr", scale=(PIXEL, PIXEL), units=("nm", "nm"))
    dock = SegmentDock(viewer)
    beside = viewer.window.add_dock_widget(dock, name="Segment skyrmions", area="right")
    viewer.window._qt_window.resizeDocks([beside], [430], Qt.Orientation.Horizontal)
    wait_until(lambda: False, seconds=2)
    press(dock, dock.runner.start)
    table, middle = dock.view.table, np.array(SHAPE) / 2
    away = [np.hypot(*(middle - table.centre(row))) for row in range(table.rowCount())]
    dock.view.setCurrentIndex(table.index(int(np.argmin(away)), 0))
    dock.answer.charts.setCurrentWidget(dock.answer.pairs)
    viewer.canvas.overlays.scale_bar.visible = True
    viewer.reset_view()
    wait_until(lambda: False, seconds=2)
    draw_window(viewer, "segment")
    there = separate(drawn.kinds == Kind.SKYRMION).max()
    say(f"{sum(len(one.rows) for one in dock.results())} skyrmions found, {there} drawn")
    viewer.close()


if __name__ == "__main__":
    main()
