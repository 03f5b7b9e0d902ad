"""Write a figure to a file, which a reader sees as the old one or the whole new one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_magtex.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_figure(figure: Figure, path: Path) -> None:
    """Write a PNG beside the target first, then rename it."""
    with replacing(path) as beside:
        figure.savefig(beside, format="png")
