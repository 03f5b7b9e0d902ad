"""The changes of a picture that leave its constants as they are: shifts, turns by 90 degrees, a mirror."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_magtex.estimate.experiment import Experiment
from napari_magtex.picture import Contrast

LEFT_RIGHT, UP_DOWN = -1, -2  # mirrors, by the axis that they turn over
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


def mirrored(values: Tensor, contrast: Contrast, mirror: int = LEFT_RIGHT) -> Tensor:
    """Mirror channels (..., channels, ny, nx) left to right, or top to bottom.

    The mirror is followed by a reversal of time, so that a field along z stays: the component across the mirror alone
    changes sign. It turns D over for bulk DMI and keeps it for interfacial DMI; |D| is what is estimated. The pixels of
    a Lorentz frame may be mirrored by themselves: that is the mirror and a turn of all spins by 180 degrees about z,
    under which D is kept.
    """
    values = values.flip(mirror)
    if contrast not in VECTORS:
        return values
    x, y, *rest = values.unbind(-3)
    return torch.stack((-x, y, *rest) if mirror == LEFT_RIGHT else (x, -y, *rest), dim=-3)


def film_mirror(experiment: Experiment) -> int | None:
    """Return a mirror of films under which field and easy axis stay: left to right where it is one; None: no such."""
    if _kept(experiment, (-1, 1, 1)):
        return LEFT_RIGHT
    return UP_DOWN if _kept(experiment, (1, -1, 1)) else None


def picture_mirror(experiment: Experiment) -> int | None:
    """Return the mirror of pictures, as `mirrored` has it, that is one of films; None: no such."""
    mirror = film_mirror(experiment)
    if experiment.picture.contrast is not Contrast.LORENTZ:
        return mirror
    if _kept(experiment, (1, -1, 1)):  # the spins of a frame that is mirrored left to right
        return LEFT_RIGHT
    return UP_DOWN if mirror is not None else None


def turns(experiment: Experiment) -> tuple[int, ...]:
    """Return by how many quarters films may be turned, so that field, easy axis and cells stay."""
    if not _kept(experiment, (-1, -1, 1)):
        return (0,)
    dx, dy = experiment.film.cell
    return (0, 2) if any(experiment.film.easy_axis[:2]) or dx != dy else (0, 1, 2, 3)


def random_crop(
    values: Tensor,
    side: int,
    contrast: Contrast,
    generator: torch.Generator,
    *,
    periodic: bool,
    quarters: tuple[int, ...] = (0, 1, 2, 3),
    mirror: int | None = LEFT_RIGHT,
) -> Tensor:
    """Cut a square out of channels (channels, ny, nx) at a random place, turned and mirrored at random.

    ``quarters`` are those that it may be turned by, ``mirror`` the one that may be chosen.
    """
    ny, nx = values.shape[1:]
    free = (ny, nx) if periodic else (ny - side + 1, nx - side + 1)
    y, x, turn, other = (int(torch.randint(n, (), generator=generator)) for n in (*free, len(quarters), 2))
    if periodic:
        values, y, x = values.roll((-y, -x), (1, 2)), 0, 0
    crop = turned(values[:, y : y + side, x : x + side], quarters[turn], contrast)
    return mirrored(crop, contrast, mirror) if other and mirror is not None else crop


def _kept(experiment: Experiment, signs: tuple[int, int, int]) -> bool:
    """Tell whether the field and the easy axis, a line, stay when components change sign."""
    field, axis = experiment.conditions.field_T, experiment.film.easy_axis
    other = tuple(s * e for s, e in zip(signs, axis, strict=True))
    along = other in (axis, tuple(-e for e in axis))
    return along and all(b == 0 or s > 0 for s, b in zip(signs, field, strict=True))
