"""How attention is laid over a picture."""

from __future__ import annotations

import numpy as np
from napari.utils.colormaps import Colormap, ensure_colormap


def veil() -> Colormap:
    """Return a colour map that lets the picture through where nothing is told."""
    colours = np.array(ensure_colormap("inferno").colors)
    colours[:, 3] = np.linspace(0, 0.8, len(colours))
    return Colormap(colours, name="attention")
