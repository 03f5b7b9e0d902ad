"""Texture to picture, one block of pixels a cell, as MuMax3 draws it."""

from __future__ import annotations

import numpy as np

from napari_magtex.colours import ColourMap, spin_to_rgb
from napari_magtex.errors import Unsuitable
from napari_magtex.picture import SMALLEST_SIDE, Contrast, Picture
from napari_magtex.texture import Lattice, SpinTexture


def draw_cells(texture: SpinTexture, colour_map: ColourMap | str = ColourMap.MUMAX3, *, zoom: int = 1) -> Picture:
    """Draw the middle layer of a texture, each cell as a block of one colour.

    Parameters
    ----------
    texture
        Any texture. The rows of a triangular one are shifted by half a cell each, as its sites sit, and drawn
        sqrt(3)/2 as high as wide (at zoom 1 as high as wide); what lies outside the rhombus has the
        colour of no material.
    colour_map
        How a spin is coloured.
    zoom
        Pixels along each side of a cell.

    Returns
    -------
    A spin picture (ny zoom, nx zoom, 3), for a triangular lattice larger by the shear; its pixel size is that of the
    cell divided by the zoom.

    Raises
    ------
    Unsuitable
        The zoom is no whole number above 0, or too small for a picture of 16 pixels.
    """
    colour_map = ColourMap(colour_map)
    if zoom != int(zoom) or zoom < 1:
        raise Unsuitable(f"a cell is drawn on 1, 2, 3 ... pixels a side, not {zoom}")
    m = texture.middle().m[0]
    rows, columns = _sheared(m.shape[:2], zoom) if texture.lattice is Lattice.TRIANGULAR else _blocks(m.shape[:2], zoom)
    if min(columns.shape) < SMALLEST_SIDE:
        raise Unsuitable(
            f"{texture.shape[2]} x {texture.shape[1]} cells at zoom {zoom} give a picture smaller than "
            f"{SMALLEST_SIDE} pixels a side: raise the zoom"
        )
    colours = spin_to_rgb(m, colour_map)
    outside = (columns < 0) | (columns >= m.shape[1])
    pixels = colours[np.broadcast_to(rows, columns.shape), columns.clip(0, m.shape[1] - 1)]
    pixels[outside] = spin_to_rgb(np.zeros(3), colour_map)
    size = None if texture.cell is None else (texture.cell[1] / zoom, texture.cell[2] / zoom)
    if size is not None and texture.lattice is Lattice.TRIANGULAR:
        size = (size[1] * zoom * np.sqrt(3) / 2 / _row_height(zoom), size[1])  # one length a fixes the lattice
    return Picture(pixels, Contrast.SPIN, size, meta={"colour_map": str(colour_map), "zoom": int(zoom)})


def _blocks(shape: tuple[int, int], zoom: int) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the cell under each pixel of a square lattice."""
    ny, nx = shape
    rows = np.arange(ny * zoom)[:, None] // zoom
    return rows, np.broadcast_to(np.arange(nx * zoom) // zoom, (ny * zoom, nx * zoom))


def _sheared(shape: tuple[int, int], zoom: int) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the site under each pixel of a triangular lattice; columns outside 0..nx-1 are empty."""
    ny, nx = shape
    row_height = _row_height(zoom)
    height, width = round(ny * row_height), round((nx + (ny - 1) / 2) * zoom)
    rows = ((np.arange(height) + 0.5) / row_height).astype(int).clip(0, ny - 1)[:, None]
    upward = ny - 1 - rows  # site i is counted from the bottom
    columns = np.floor((np.arange(width) + 0.5) / zoom - upward / 2).astype(int)
    return rows, columns


def _row_height(zoom: int) -> float:
    """Pixels from row to row of a triangular lattice; at zoom 1 a whole one, for none may be lost."""
    return max(1.0, zoom * float(np.sqrt(3)) / 2)
