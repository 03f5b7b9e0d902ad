"""What a person drew to be left out, in Shapes or Labels -> a mask in pixels of an image layer."""

from __future__ import annotations

import numpy as np
from napari.layers import Image, Labels, Shapes
from numpy.typing import NDArray

from napari_magtex.widgets.layers import Units, to_pixels
from napari_magtex.widgets.pictures import frame_shape
from napari_magtex.widgets.regions import regions_of


def drawn_mask(layer: Shapes | Labels, image: Image, world_units: Units | None) -> NDArray[np.bool_]:
    """Return where a layer covers the frames of another, (ny, nx), each with any transform.

    Parameters
    ----------
    layer
        Closed shapes, or labels; what stands in one frame of a stack of labels counts for all.
    image, world_units
        As `regions_of` takes them.

    Raises
    ------
    BadRegion
        There is no shape, one is a line or a path, or lies outside the picture.
    """
    mask = np.zeros(frame_shape(image), dtype=bool)
    if isinstance(layer, Labels):
        return _labelled(layer, image, world_units)
    for region in regions_of(layer, image, world_units):
        x0, y0, x1, y1 = region.bounds
        mask[y0:y1, x0:x1] |= True if region.mask is None else region.mask
    return mask


def _labelled(labels: Labels, image: Image, world_units: Units | None) -> NDArray[np.bool_]:
    from scipy.ndimage import affine_transform

    data = np.asarray(labels.data[0] if labels.multiscale else labels.data)
    painted = (data > 0).any(axis=tuple(range(data.ndim - 2)))
    corners = np.zeros((3, image.ndim))
    corners[1, -2] = corners[2, -1] = 1
    zero, down, right = to_pixels(corners, image, labels, world_units)[:, -2:]
    matrix = np.stack([down - zero, right - zero], axis=1)
    found = affine_transform(painted.astype(np.uint8), matrix, zero, frame_shape(image), order=0, mode="grid-constant")
    return np.asarray(found > 0)
