"""How fine a texture is in pixels, from the spectrum of its picture."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from napari_magtex.classify.squares import close_squares
from napari_magtex.physics.structure import frequencies, strongest_ring, structure_factor

_TILE = 512  # pixels: of a larger picture the spectra of five tiles are averaged


def texture_period(pixels: NDArray[np.floating]) -> float | None:
    """Return the period in pixels of a picture (ny, nx) or (ny, nx, 3), from the mean spectrum of tiles (Welch 1967).

    It is that of the strongest ring; None where no ring stands out.
    """
    shape = pixels.shape[0], pixels.shape[1]
    side = min(_TILE, *shape)
    channels = pixels.reshape(*shape, -1).transpose(2, 0, 1)
    power = torch.zeros((1, side, side), dtype=torch.float64)
    for square in close_squares(shape, side):
        tile = channels[:, square.y : square.y + side, square.x : square.x + side].astype(np.float64)
        power += structure_factor(torch.from_numpy(tile)[None], periodic=False).sum(dim=1)
    k = frequencies((side, side))
    power *= k > 2 / side  # longer waves are shading
    ring = strongest_ring(power, k, 1 / side)
    return 1 / float(ring.centre) if bool(ring.clear) else None
