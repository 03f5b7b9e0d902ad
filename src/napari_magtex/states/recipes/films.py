"""Films with their stray field, as MuMax3 computes them: chiral magnets, and stripe domains without any chirality."""

from __future__ import annotations

import math

import torch
from scipy.constants import mu_0
from torch import Tensor

from napari_magtex.physics.film import Film
from napari_magtex.physics.vectors import normalise
from napari_magtex.states.recipes.draw import Draw, Prepared
from napari_magtex.states.recipes.stripes import periods, waves

_FANS = ((1, 0), (6, 30), (6, 60), (12, 90))  # how many helices, and within how many degrees


def film_stripes(draw: Draw) -> Prepared:
    """Stripes of a chiral film, straight, branched or a labyrinth, in a small field or in none."""
    period, sign = periods(draw), draw.sign()
    count, fan_deg = _FANS[draw.rng.integers(len(_FANS))]
    start = waves(draw, period, sign, count, fan_deg) + 0.3 * draw.random()
    return _chiral_film(draw, period, sign, draw.between(0, 0.15), draw.between(0, 0.5), normalise(start))


def film_skyrmions(draw: Draw) -> Prepared:
    """Skyrmions that a random start leaves in a chiral film in a field."""
    field, anisotropy = draw.between(0.45, 0.65), draw.between(0, 0.06)
    return _chiral_film(draw, periods(draw), draw.sign(), field, anisotropy, draw.random())


def dipolar_stripes(draw: Draw) -> Prepared:
    """Stripe domains that the stray field alone makes: walls of either chirality, wider than chiral ones."""
    cell = (draw.rng.uniform(30e-9, 60e-9), *(draw.rng.uniform(4e-9, 7e-9),) * 2)
    A, Ms = draw.between(8e-12, 15e-12), draw.between(0.7e6, 1.2e6)
    Ku = draw.between(0.9, 1.1) * mu_0 * Ms**2 / 2
    film = Film(draw.shape, cell, A, 0.0, Ms, Ku, periodic=draw.periodic)
    return Prepared(film, draw.random(), 2 * A * cell[0])


def _chiral_film(
    draw: Draw, period: Tensor, sign: Tensor, field: Tensor | float, anisotropy: Tensor, start: Tensor
) -> Prepared:
    """Constants from those of FeGe to those of Co on heavy metals; field and anisotropy against D^2/2A.

    Its own stray field pulls the spins of a thin film into the plane: the anisotropy makes up for most of that.
    """
    cell = (draw.rng.uniform(1e-9, 10e-9), *(draw.rng.uniform(1e-9, 4e-9),) * 2)
    A, Ms = draw.between(6e-12, 16e-12), draw.between(0.2e6, 0.7e6)
    D = 2 * A / cell[1] * torch.tan(2 * math.pi / period)
    scale = D**2 / (2 * A)
    Ku = draw.between(0.7, 1.0) * mu_0 * Ms**2 / 2 + anisotropy * scale
    B = torch.zeros(draw.batch, 3)
    B[:, 2] = draw.sign() * field * scale / Ms
    film = Film(draw.shape, cell, A, sign * D, Ms, Ku, field_T=B, dmi=draw.dmi, periodic=draw.periodic)
    return Prepared(film, start, 2 * A * cell[0])
