"""Where a picture is looked at: squares of the whole, of some periods of its texture, and close-ups."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

MOST_SQUARES = 4
PERIODS = 8  # of a fine texture, that a middle square is wide
MUCH_FINER = 0.67  # of the shorter side: middle squares wider than this would show no more than the whole does
_CORNERS = ((0.5, 0.5), (0.15, 0.15), (0.85, 0.85), (0.15, 0.85), (0.85, 0.15))


@dataclass(frozen=True)
class Square:
    """A square of a picture, in pixels of that picture after enlargement."""

    y: int
    x: int
    side: int


def whole_squares(shape: tuple[int, int]) -> tuple[Square, ...]:
    """Squares as wide as the shorter side, spread along the longer one."""
    ny, nx = shape
    side = min(ny, nx)
    count = min(ceil(max(ny, nx) / side), MOST_SQUARES)
    starts = _spread(max(ny, nx) - side, count)
    return tuple(Square(s, 0, side) if ny > nx else Square(0, s, side) for s in starts)


def close_squares(shape: tuple[int, int], size: int) -> tuple[Square, ...]:
    """The centre, and four close-ups towards the corners of a picture that has room for them."""
    ny, nx = shape[0] - size, shape[1] - size
    places = _CORNERS if max(shape) >= 1.5 * size else _CORNERS[:1]
    return tuple(dict.fromkeys(Square(round(fy * ny), round(fx * nx), size) for fy, fx in places))


def middle_squares(shape: tuple[int, int], size: int, period: float | None) -> tuple[Square, ...]:
    """Squares of some periods of a texture, where the whole shows many more: the centre, and four towards the corners.

    None without a ``period`` in pixels. A texture too fine for ``size`` pixels is enlarged, twice at most.
    """
    if period is None:
        return ()
    side = max(size // 2, round(PERIODS * period))
    return close_squares(shape, side) if side <= MUCH_FINER * min(shape) else ()


def tile_squares(shape: tuple[int, int], size: int) -> tuple[Square, ...]:
    """Close-ups that cover all of a picture, spread evenly and overlapping as little as possible."""
    ys, xs = (_spread(n - size, ceil(n / size)) for n in shape)
    return tuple(Square(y, x, size) for y in ys for x in xs)


def _spread(room: int, count: int) -> list[int]:
    """Return ``count`` starts from 0 to ``room``; a single one in the middle."""
    return [round(f * room) for f in (np.linspace(0, 1, count) if count > 1 else [0.5])]
