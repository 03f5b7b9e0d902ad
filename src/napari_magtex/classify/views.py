"""What the network is shown of a picture: the whole, shrunk, and close-ups in the picture's own pixels.

The rule, which the card repeats. Grey pictures (also grey ones stored as colour) are stretched between their 0.5 % and
99.5 % quantiles and repeated to three channels; colour stays as it is. A picture with a side shorter than S is enlarged
by the smallest integer that makes it S or more, repeating pixels. The whole is seen through squares as wide as the
shorter side, shrunk to S x S with antialiasing: one for a square picture, more for a longer one, spread evenly from
edge to edge, four at most. Where a grey picture's texture is fine, so is it through five squares of eight of its
periods, which its spectrum tells: they are brought to S x S and count as wholes. Close-ups are S x S pixels, never
resampled: the centre, and four towards the corners of a picture with a side of 1.5 S or more. Of a picture with a mask
the quantiles are those of the pixels that count, and of either kind the squares are left out that show less than half
as many of them as the best.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from napari_magtex import colours
from napari_magtex.classify.period import texture_period
from napari_magtex.classify.squares import (
    MUCH_FINER,
    Square,
    close_squares,
    middle_squares,
    tile_squares,
    whole_squares,
)
from napari_magtex.picture import Picture

RULE = (__doc__ or "").split("\n\n", 1)[1].replace("\n", " ").strip()
QUANTILES = (0.005, 0.995)
SHARE_OF_BEST = 0.5  # of the pixels that count: squares with less are not looked at


@dataclass(frozen=True)
class Canvas:
    """A picture made ready: values (1 or 3, ny, nx) from 0 to 1, and by how much it was enlarged.

    ``inside`` (ny, nx), where pixels count; None: all do.
    """

    values: Tensor
    enlarged: int
    grey: bool
    inside: NDArray[np.bool_] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx) after enlargement."""
        return self.values.shape[1], self.values.shape[2]


@dataclass(frozen=True)
class Views:
    """The squares seen of a picture, and what is in them (n, 3, S, S) from 0 to 1."""

    wholes: Tensor
    closes: Tensor
    whole_squares: tuple[Square, ...]
    close_squares: tuple[Square, ...]
    canvas: Canvas


def is_grey(picture: Picture) -> bool:
    """Whether a picture has no colour, however it is stored."""
    return not picture.is_colour or colours.is_grey(picture.pixels)


def prepare(picture: Picture, size: int) -> Canvas:
    """Stretch a grey picture, and enlarge a small one to ``size`` pixels or more."""
    grey = is_grey(picture)
    values: NDArray[np.float32] = picture.pixels
    inside = None if picture.mask is None else picture.inside
    if grey:
        values = stretched(values if values.ndim == 2 else values.mean(axis=2), inside)[..., None]
    factor = enlargement(picture.shape, size)
    if factor > 1:
        values = values.repeat(factor, axis=0).repeat(factor, axis=1)
        inside = None if inside is None else inside.repeat(factor, axis=0).repeat(factor, axis=1)
    return Canvas(torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1))), factor, grey, inside)


def enlargement(shape: tuple[int, int], size: int) -> int:
    """Return by how much a picture is enlarged before it is looked at: 1 where ``size`` fits into it."""
    return ceil(size / min(shape))


def stretched(grey: NDArray[np.float32], inside: NDArray[np.bool_] | None = None) -> NDArray[np.float32]:
    """Bring grey values (ny, nx) to 0..1 between robust quantiles of those ``inside``; one grey becomes 0.5."""
    counted = grey if inside is None else grey[inside]
    low, high = np.quantile(counted, QUANTILES)
    if high <= low:  # all but a few pixels are the same: those few are all there is to see
        low, high = float(counted.min()), float(counted.max())
    if high <= low:
        return np.full(grey.shape, 0.5, np.float32)
    return np.clip((grey - low) / (high - low), 0, 1).astype(np.float32)


def cut(canvas: Canvas, square: Square, size: int, interpolation: str) -> Tensor:
    """Return one view (3, S, S): the square as it is, or brought to S, with antialiasing."""
    view = canvas.values[:, square.y : square.y + square.side, square.x : square.x + square.side]
    if square.side != size:
        view = functional.interpolate(view[None], (size, size), mode=interpolation, antialias=True)[0].clamp(0, 1)
    return view.expand(3, size, size)


def views(picture: Picture, size: int, interpolation: str = "bicubic", *, everywhere: bool = False) -> Views:
    """Look at a picture as a whole and close by; ``everywhere`` covers it with close-ups."""
    canvas = prepare(picture, size)
    wholes = _that_show(whole_squares(canvas.shape), canvas) + _that_show(_middles(canvas, size), canvas)
    closes = _that_show(tile_squares(canvas.shape, size) if everywhere else close_squares(canvas.shape, size), canvas)
    shown = [
        torch.stack([cut(canvas, square, size, interpolation) for square in squares]) for squares in (wholes, closes)
    ]
    return Views(shown[0], shown[1], wholes, closes, canvas)


def _middles(canvas: Canvas, size: int) -> tuple[Square, ...]:
    if not canvas.grey or size > MUCH_FINER * min(canvas.shape):
        return ()
    return middle_squares(canvas.shape, size, texture_period(canvas.values[0].numpy()))


def worth_a_look(shares: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Tell which squares are looked at, from the share of each that counts: half of the best one's, or more."""
    return np.asarray(shares >= SHARE_OF_BEST * shares.max())


def _that_show(squares: tuple[Square, ...], canvas: Canvas) -> tuple[Square, ...]:
    """Leave squares out that are mostly masked."""
    inside = canvas.inside
    if inside is None or not squares:
        return squares
    shares = np.array([inside[s.y : s.y + s.side, s.x : s.x + s.side].mean() for s in squares])
    if not shares.any():  # what counts lies between the close-ups
        return squares
    return tuple(square for square, chosen in zip(squares, worth_a_look(shares), strict=True) if chosen)


def training_views(picture: Picture, size: int, interpolation: str, rng: np.random.Generator) -> Tensor:
    """Return one whole view and one close-up, each chosen at random, as (2, 3, S, S).

    Of a fine texture the one is as often a middle square.
    """
    canvas = prepare(picture, size)
    squares = whole_squares(canvas.shape)
    if (middles := _middles(canvas, size)) and rng.random() < 0.5:
        squares = middles
    ny, nx = canvas.shape
    close = Square(int(rng.integers(ny - size + 1)), int(rng.integers(nx - size + 1)), size)
    chosen = (squares[rng.integers(len(squares))], close)
    return torch.stack([cut(canvas, square, size, interpolation) for square in chosen])
