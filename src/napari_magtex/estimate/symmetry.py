"""The changes of a picture that leave its constants as they are: shifts, turns by 90 degrees, a mirror."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_magtex.picture import Contrast

VECTORS = (Contrast.SPIN, Contrast.WHEEL)  # whose first two channels are x and y of spins, or of their induction


def turned(values: Tensor, quarters: int, contrast: Contrast) -> Tensor:
    """Turn channels (..., channels, ny, nx) counter-clockwise by quarters of a turn; vectors turn along."""
    values = torch.rot90(values, quarters, (-2, -1))
    if contrast not in VECTORS:
        return values
    x, y, *rest = values.unbind(-3)
    for _ in range(quarters % 4):
        x, y = -y, x
    return torch.stack((x, y, *rest), dim=-3)


def mirrored(values: Tensor, contrast: Contrast) -> Tensor:
    """Mirror channels (..., channels, ny, nx) left to right.

    The mirror is followed by a reversal of time, so that the field along z stays: m_x alone changes sign. It turns D
    over for bulk DMI and keeps it for interfacial DMI; |D| is what is estimated. The pixels of a Lorentz frame may be
    mirrored by themselves: that is the mirror and a turn of all spins by 180 degrees about z, under which D is kept.
    """
    values = values.flip(-1)
    if contrast not in VECTORS:
        return values
    x, *rest = values.unbind(-3)
    return torch.stack((-x, *rest), dim=-3)


def random_crop(values: Tensor, side: int, contrast: Contrast, generator: torch.Generator, *, periodic: bool) -> Tensor:
    """Cut a square out of channels (channels, ny, nx) at a random place, turned and mirrored at random."""
    ny, nx = values.shape[1:]
    free = (ny, nx) if periodic else (ny - side + 1, nx - side + 1)
    y, x, quarters, mirror = (int(torch.randint(n, (), generator=generator)) for n in (*free, 4, 2))
    if periodic:
        values, y, x = values.roll((-y, -x), (1, 2)), 0, 0
    crop = turned(values[:, y : y + side, x : x + side], quarters, contrast)
    return mirrored(crop, contrast) if mirror else crop
