"""Skyrmions: lattices that a field makes, one to many that anisotropy holds, those of frustrated exchange."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_magtex.physics.starts import paint_skyrmion, uniform_start
from napari_magtex.states.recipes.draw import Draw, Prepared
from napari_magtex.states.recipes.stripes import periods
from napari_magtex.texture import Lattice

_FEW = (1, 2, 3, 5, 8, 13)


def skyrmion_lattice(draw: Draw) -> Prepared:
    """Skyrmions that a random start leaves in a field of about half of D^2/J."""
    D = draw.chiral(periods(draw))
    scale = draw.chiral_energy(D)
    B = draw.sign() * draw.between(0.42, 0.6) * scale
    return Prepared(draw.model(draw.sign() * D, draw.between(0, 0.06) * scale, B), draw.random())


def seeded_skyrmions(draw: Draw) -> Prepared:
    """One to many skyrmions that anisotropy holds in no field: D at 0.8 to 0.96 of where the wall costs nothing."""
    width = draw.lengths(1.8, min(6.0, draw.side / 13))
    K = 0.5 * draw.density * draw.stiffness / width**2
    share, sign, polarity = draw.between(0.8, 0.96), draw.sign(), draw.sign()
    # Wang, Yuan and Wang, Commun. Phys. 1, 31 (2018)
    radius = width * share / (1 - share**2).sqrt() * draw.between(0.9, 1.3)
    helicity = (math.pi / 2 if draw.dmi == "bulk" else 0.0) + math.pi * (sign < 0)
    start = painted(draw, radius, width, helicity)
    # turning every spin over makes the other polarity, at the same energy
    return Prepared(
        draw.model(sign * share * draw.critical(K), K), draw.staggered(polarity[:, None, None, None] * start)
    )


def frustrated_skyrmions(draw: Draw) -> Prepared:
    """Skyrmions and antiskyrmions of any helicity that competing exchange holds, without DMI."""
    J, K = competing(draw)
    start = painted(draw, draw.between(2.0, 3.0), torch.full((draw.batch,), 1.6), draw.between(0, 2 * math.pi))
    mirror = torch.where(draw.chance(0.5), -1.0, 1.0)
    start = start * torch.stack([torch.ones(draw.batch), mirror, torch.ones(draw.batch)], dim=1)[..., None, None]
    return Prepared(draw.model(0.0, K, J=J), draw.staggered(draw.sign()[:, None, None, None] * start))


def competing(draw: Draw) -> tuple[Tensor, Tensor]:
    """Draw exchange whose third shell wants spins to wind, along any direction, and the anisotropy that forbids it."""
    J3 = -draw.between(0.27, 0.3)
    return torch.stack([torch.ones(draw.batch), torch.zeros(draw.batch), J3], dim=1), draw.between(0.015, 0.03)


def painted(draw: Draw, radius: Tensor, width: Tensor, helicity: Tensor) -> Tensor:
    """Paint skyrmions with their cores down into up: a few anywhere, or many side by side."""
    start = uniform_start(draw.batch, draw.shape, (0.0, 0.0, 1.0))
    for m, r, w, turn in zip(start, radius.tolist(), width.tolist(), helicity.tolist(), strict=True):
        for centre in _places(draw, 2 * r + 4 * w, r + 2 * w):
            paint_skyrmion(m, centre, r, w, helicity=turn, lattice=draw.lattice)
    return start


def _places(draw: Draw, apart: float, edge: float) -> list[tuple[float, float]]:
    """Choose centres so far apart and from the edges."""
    rng = draw.rng
    side = max(0.0, draw.side - 2 * edge)
    if side > apart and rng.random() < 0.3:
        return [centre for centre in _packed(draw, apart * rng.uniform(1.0, 1.3)) if _inside(draw, centre, edge)]
    chosen: list[tuple[float, float]] = []
    wanted = int(rng.choice(_FEW))
    for _ in range(20 * wanted):
        up, right = (rng.uniform(min(edge, n / 2), max(n - edge, n / 2)) for n in draw.shape)
        centre = _position(draw, up, right)
        if len(chosen) < wanted and all(math.dist(centre, other) > apart for other in chosen):
            chosen.append(centre)
    return chosen


def _packed(draw: Draw, apart: float) -> list[tuple[float, float]]:
    """A triangular lattice of centres at any angle, somewhat shaken, that covers everything."""
    reach = math.ceil(2 * max(draw.shape) / apart)
    angle, x0, y0 = draw.rng.uniform(0, 2 * math.pi), *draw.rng.uniform(0, apart, 2)
    first, second = angle, angle + math.pi / 3
    centres = [
        (
            x0 + apart * (i * math.cos(first) + j * math.cos(second)),
            y0 + apart * (i * math.sin(first) + j * math.sin(second)),
        )
        for i in range(-reach, reach)
        for j in range(-reach, reach)
    ]
    shaken = draw.rng.normal(scale=0.05 * apart, size=(len(centres), 2))
    return [(x + dx, y + dy) for (x, y), (dx, dy) in zip(centres, shaken.tolist(), strict=True)]


def _position(draw: Draw, up: float, right: float) -> tuple[float, float]:
    """Place of a site counted from the lower left one."""
    return (right + up / 2, up * math.sqrt(3) / 2) if draw.lattice is Lattice.TRIANGULAR else (right, up)


def _inside(draw: Draw, centre: tuple[float, float], edge: float) -> bool:
    """Whether a place is so far from the edges."""
    x, y = centre
    up, right = (2 * y / math.sqrt(3), x - y / math.sqrt(3)) if draw.lattice is Lattice.TRIANGULAR else (y, x)
    return edge <= up <= draw.shape[0] - edge and edge <= right <= draw.shape[1] - edge
