"""Draw the picture of docs/tracks.md: ``python tools/draw_tracks.py``, on a screen or under ``xvfb-run``.

The window with a simulated recording of a Kerr microscope: skyrmions that diffuse, and that a current drives to the
right and a little up, segmented and followed. It prints what was told and what was drawn.
"""

from __future__ import annotations

import numpy as np
from napari import Viewer
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from window import WINDOW, draw_window

from napari_magtex.widgets.demo import press, say, wait_until
from napari_magtex.widgets.segment import SegmentDock
from napari_magtex.widgets.tracks import TracksDock

SHAPE, FRAMES, RADIUS, WALL, SNR = (260, 320), 40, 6.0, 1.5, 3.0  # pixels
STEP, DRIFT = 0.5, (-0.25, 0.8)  # pixels a frame along y and x: of chance, and of the current
PIXEL, INTERVAL = 100.0, 0.2  # nm, s


def main() -> None:
    """Open a window, segment, follow, and draw it."""
    viewer = Viewer(show=True)
    viewer.window.resize(*WINDOW)
    place = {"scale": (INTERVAL, PIXEL, PIXEL), "units": ("s", "nm", "nm")}
    image = viewer.add_image(recording(np.random.default_rng(3)), name="kerr", **place)
    found = SegmentDock(viewer)
    found.form.layer.value, found.form.frames.value = image, True
    press(found, found.runner.start)
    labels = next(layer for layer in viewer.layers if layer.name.startswith("skyrmions"))
    y, x = 0.93 * SHAPE[0] * PIXEL, PIXEL * np.array([0.1, 0.4]) * SHAPE[1]
    drive = viewer.add_shapes([[[y, x[0]], [y, x[1]]]], shape_type="line", name="current", edge_width=3 * PIXEL,
                              edge_color="#ffd23f", units=("nm", "nm"))  # fmt: skip
    dock = TracksDock(viewer)
    beside = viewer.window.add_dock_widget(dock, name="Track skyrmions", area="right")
    viewer.window._qt_window.resizeDocks([beside], [430], Qt.Orientation.Horizontal)
    dock.labels.value, dock.drive.value = labels, drive
    press(dock, dock.runner.start)
    viewer.dims.set_current_step(0, FRAMES // 2)
    for layer in viewer.layers:
        layer.visible = not layer.name.startswith(("order", "dust"))
    viewer.canvas.overlays.scale_bar.visible = True
    viewer.reset_view()
    wait_until(lambda: False, seconds=2)
    draw_window(viewer, "tracks")
    angle = np.degrees(np.arctan2(-DRIFT[0], DRIFT[1]))
    say(f"{dock.figures.text()}; drawn: D {STEP**2 / 2 * (PIXEL / 1000) ** 2 / INTERVAL:.3g} um^2/s, angle {angle:.3g}")
    viewer.close()


def recording(rng: np.random.Generator) -> NDArray[np.float32]:
    """Return frames (time, ny, nx) of skyrmions that diffuse and drift."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    around = np.mgrid[24 : SHAPE[0] : 40, 24 : SHAPE[1] : 40].reshape(2, -1).T + rng.normal(0, 4, (48, 2))
    steps = rng.normal(0, STEP, (FRAMES, len(around), 2)) + DRIFT
    frames = []
    for places in around + np.cumsum(steps, axis=0) - FRAMES * np.array(DRIFT) / 2:
        away = np.min([np.hypot(y - row, x - column) for row, column in places], axis=0)
        frames.append(0.5 - 0.5 * np.tanh((away - RADIUS) / WALL) + rng.standard_normal(SHAPE) / SNR)
    return np.asarray(frames, np.float32)


if __name__ == "__main__":
    main()
