"""The network: a U-Net that sees a frame and its negative alike, evaluated on frames of any size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_magtex.segment.kinds import Kind

WIDTHS = (16, 32, 64, 96, 128)
"""Channels from half the frame's resolution down to a thirty-second; on a CPU twice as many learn 2.4 times slower."""

STRIDE = 2 ** len(WIDTHS)  # pixels: frames and tiles are whole multiples of it
HALO = 256  # pixels around a tile: farther than the network looks to either side
_HALF = 2  # frame pixels along a side of the finest level


class SkyrmionUNet(nn.Module):
    """A U-Net (Ronneberger et al., 2015) on blocks of 2 x 2 pixels.

    The first step folds each block into four channels and the last unfolds it: nothing of the frame is lost, and the
    finest level, which costs most, has a quarter of the places. Nine hundred thousand weights.

    Parameters
    ----------
    widths
        Channels of each level.
    """

    def __init__(self, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.down = nn.ModuleList()
        channels = _HALF**2
        for width in widths:
            self.down.append(_convolutions(channels, width))
            channels = width
        self.up = nn.ModuleList()
        for width in reversed(widths[:-1]):
            self.up.append(_convolutions(channels + width, width))
            channels = width
        self.head = nn.Conv2d(channels, len(Kind) * _HALF**2, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Return logits (batch, kinds, ny, nx) of normalised frames (batch, 1, ny, nx), sides multiples of `STRIDE`."""
        x = functional.pixel_unshuffle(frames, _HALF)
        passed = []
        for level, block in enumerate(self.down):
            x = block(functional.max_pool2d(x, 2) if level else x)
            passed.append(x)
        passed.pop()
        for block in self.up:
            x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = block(torch.cat([x, passed.pop()], dim=1))
        return functional.pixel_shuffle(self.head(x), _HALF)


def even_logits(network: SkyrmionUNet, frames: Tensor) -> Tensor:
    """Return what a network says of frames and of their negatives, averaged: the same for either, by construction.

    A frame does not tell whether its skyrmions point up or down; its training shows the network both.
    """
    return (network(frames) + network(-frames)) / 2


def tiled_logits(network: SkyrmionUNet, frame: Tensor, *, tile: int = 1024) -> Tensor:
    """Return `even_logits` (kinds, ny, nx) of a frame (ny, nx) of any size, in tiles where it is larger than one.

    Every tile sees as far around it as the network looks, so that the result is that of the whole frame. The frame is
    mirrored at its edges.

    Parameters
    ----------
    tile
        Pixels along a side of the part of a tile that is kept: a multiple of `STRIDE`.
    """
    ny, nx = frame.shape
    before = STRIDE // 2
    below, right = (before + -side % STRIDE for side in (ny, nx))
    mode = "reflect" if min(ny, nx) > 2 * STRIDE else "replicate"
    padded = functional.pad(frame[None, None], (before, right, before, below), mode=mode)
    height, width = padded.shape[2:]
    said = frame.new_empty((len(Kind), height, width))
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            y0, x0 = max(0, top - HALO), max(0, left - HALO)
            y1, x1 = min(height, top + tile + HALO), min(width, left + tile + HALO)
            seen = even_logits(network, padded[..., y0:y1, x0:x1].contiguous(memory_format=torch.channels_last))[0]
            rows, columns = slice(top, min(top + tile, height)), slice(left, min(left + tile, width))
            said[:, rows, columns] = seen[:, rows.start - y0 : rows.stop - y0, columns.start - x0 : columns.stop - x0]
    return said[:, before : before + ny, before : before + nx]


def _convolutions(channels: int, width: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before in (channels, width):
        layers += [nn.Conv2d(before, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.SiLU(inplace=True)]
    return nn.Sequential(*layers)
