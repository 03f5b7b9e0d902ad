"""Draw the picture of docs/segment.md: ``python tools/draw_segment.py``, on a screen or under ``xvfb-run``.

The window with a simulated frame of a Kerr microscope, its skyrmions found, one of them chosen. It prints how many were
found, and how many were drawn.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from napari import Viewer
from PIL import Image
from qtpy.QtCore import Qt

from napari_magtex.segment.kinds import Kind
from napari_magtex.segment.simulated import simulated_frame
from napari_magtex.segment.splitting import separate
from napari_magtex.widgets.demo import press, say, wait_until
from napari_magtex.widgets.segment import SegmentDock

ROOT = Path(__file__).parents[1]
SEED, SHAPE, SIZE, SNR = 21, (420, 420), 22.0, 2.5
PIXEL = 60.0  # nm
WINDOW, WIDTH, COLOURS = (1330, 990), 1130, 256  # of the window and of the picture, in pixels


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
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "window.png"
        viewer.window.screenshot(str(path), canvas_only=False, flash=False)
        seen = Image.open(path).convert("RGB")
    seen = seen.resize((WIDTH, round(WIDTH * seen.height / seen.width)), Image.Resampling.LANCZOS)
    seen.quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(ROOT / "docs" / "segment.png", optimize=True)
    there = separate(drawn.kinds == Kind.SKYRMION).max()
    say(f"{sum(len(one.rows) for one in dock.results())} skyrmions found, {there} drawn")
    viewer.close()


if __name__ == "__main__":
    main()
