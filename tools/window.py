"""The picture of a window, small enough for the docs."""

from __future__ import annotations

import tempfile
from pathlib import Path

from napari import Viewer
from PIL import Image

DOCS = Path(__file__).parents[1] / "docs"
WINDOW, WIDTH, COLOURS = (1330, 990), 1130, 256  # of the window and of the picture, in pixels


def draw_window(viewer: Viewer, name: str) -> None:
    """Write what a window shows as docs/NAME.png."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "window.png"
        viewer.window.screenshot(str(path), canvas_only=False, flash=False)
        seen = Image.open(path).convert("RGB")
    seen = seen.resize((WIDTH, round(WIDTH * seen.height / seen.width)), Image.Resampling.LANCZOS)
    seen.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=1).save(DOCS / f"{name}.png", optimize=True)
