"""The topological charge of every skyrmion of a texture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_magtex.errors import Unsuitable
from napari_magtex.texture import SpinTexture


def charges(labels: NDArray[np.int32], texture: SpinTexture) -> NDArray[np.float64]:
    """Return the charge of skyrmions 1 to n of a label image, (n,): -1 for a core down in an up background.

    The charge of a wall lies on both of its sides, so each plaquette counts for the skyrmion nearest to it. One that
    the film's edge cuts has a part of its charge.

    Parameters
    ----------
    labels
        (ny, nx), of the middle layer of the texture, as many whole pixels a cell along each axis.
    texture
        On a square lattice: the picture of a triangular one is sheared.

    Raises
    ------
    Unsuitable
        The label image is no picture of the texture, pixel by pixel or enlarged.
    """
    import torch
    from scipy.ndimage import distance_transform_edt

    from napari_magtex.physics.topology import charge_density

    _, ny, nx = texture.shape
    zoom = labels.shape[0] // ny
    if zoom < 1 or labels.shape != (ny * zoom, nx * zoom):
        raise Unsuitable(
            f"labels of {labels.shape[1]} x {labels.shape[0]} pixels do not lie on {nx} x {ny} cells: "
            "give the label image of this texture"
        )
    count = int(labels.max(initial=0))
    if count == 0:
        return np.zeros(0)
    m = torch.as_tensor(texture.middle().m[0].copy()).permute(2, 0, 1)[None]
    density = charge_density(m, lattice=texture.lattice, periodic=False)[0].numpy()
    cells = labels[zoom // 2 :: zoom, zoom // 2 :: zoom]
    nearest = distance_transform_edt(cells == 0, return_distances=False, return_indices=True)
    total = np.bincount(cells[tuple(nearest)].ravel(), density.ravel(), minlength=count + 1)
    return total[1 : count + 1].astype(np.float64)
