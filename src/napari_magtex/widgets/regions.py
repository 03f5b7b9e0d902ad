"""Shapes that a person drew -> regions of interest in pixels of an image layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_magtex.errors import BadRegion
from napari_magtex.picture import Region
from napari_magtex.widgets.layers import Units, to_pixels
from napari_magtex.widgets.pictures import frame_shape

if TYPE_CHECKING:
    from napari.layers import Image, Shapes

CLOSED = ("rectangle", "ellipse", "polygon")
CORNERS_OF_AN_ELLIPSE = 128  # its polygon stays within 0.03 % of the radius


def regions_of(shapes: Shapes, image: Image, world_units: Units | None) -> list[Region]:
    """Return a region for each shape, in the order drawn; on a stack a shape counts for every frame.

    A pixel belongs to a shape when its centre does. What a hand drew beyond the rim is cut off.

    Parameters
    ----------
    shapes, image
        Layers of one viewer, each with any transform.
    world_units
        ``viewer.dims.units``.

    Raises
    ------
    BadRegion
        There is no shape, one is a line or a path, one lies outside the picture or encloses no pixel.
    """
    if not len(shapes.data):
        raise BadRegion(f"the layer {shapes.name} holds no shape: draw a rectangle, an ellipse or a polygon in it")
    return list(_regions(shapes, image, world_units))


def _regions(shapes: Shapes, image: Image, world_units: Units | None) -> Iterator[Region]:
    for number, (vertices, kind) in enumerate(zip(shapes.data, shapes.shape_type, strict=True), start=1):
        if kind not in CLOSED:
            raise BadRegion(f"shape {number} of {shapes.name} is a {kind}: draw a rectangle, an ellipse or a polygon")
        corners = np.asarray(vertices, dtype=np.float64)
        outline = to_pixels(_ellipse(corners) if kind == "ellipse" else corners, shapes, image, world_units)[:, -2:]
        try:
            yield _region(outline, frame_shape(image))
        except BadRegion as error:
            raise BadRegion(f"shape {number} of {shapes.name}: {error}") from error


def _region(outline: NDArray[np.float64], shape: tuple[int, int]) -> Region:
    """Return the region of an outline (n, 2) in pixels (y, x), pixel centres at whole numbers."""
    from skimage.draw import polygon2mask

    outline = outline.round(3)  # Shapes are float32: a corner on a pixel's centre stays there after a turn and back
    first = np.ceil(outline.min(axis=0)).astype(int)
    last = np.ceil(outline.max(axis=0)).astype(int)
    (y0, x0), (y1, x1) = first, last
    ny, nx = shape
    if x1 > x0 and y1 > y0 and (x1 <= 0 or y1 <= 0 or x0 >= nx or y0 >= ny):
        return Region(x0, y0, x1, y1).checked(shape)  # wholly outside: its own message says so
    x0, y0, x1, y1 = (int(v) for v in (max(x0, 0), max(y0, 0), min(x1, nx), min(y1, ny)))
    if _is_upright(outline):
        return Region(x0, y0, x1, y1).checked(shape)
    size = (max(y1 - y0, 0), max(x1 - x0, 0))
    mask = polygon2mask(size, outline - (y0, x0)) if all(size) else np.zeros(size, dtype=bool)
    return Region(x0, y0, x1, y1, mask=mask).checked(shape)


def _is_upright(outline: NDArray[np.float64]) -> bool:
    """Whether four corners make a rectangle along the pixels."""
    return len(outline) == 4 and all(len(np.unique(outline[:, axis])) <= 2 for axis in (0, 1))


def _ellipse(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the outline of the ellipse that four corners, in turn, enclose."""
    centre = corners.mean(axis=0)
    one, other = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    turn = np.linspace(0, 2 * np.pi, CORNERS_OF_AN_ELLIPSE, endpoint=False)[:, None]
    return centre + np.cos(turn) * one + np.sin(turn) * other
