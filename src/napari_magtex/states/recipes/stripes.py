"""Stripes: labyrinths, straight and branched ones, in spin lattices; antiferromagnetic ones as their twins."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from napari_magtex.physics.lattice import SpinLattice
from napari_magtex.physics.starts import helix_start
from napari_magtex.physics.vectors import normalise
from napari_magtex.states.recipes.draw import Draw, Prepared

SHORTEST, LONGEST = 8.5, 30.0  # period in sites


def periods(draw: Draw) -> Tensor:
    """Draw how many sites the spins take to wind once, so that three periods or so fit the shorter side."""
    return draw.lengths(SHORTEST, min(LONGEST, draw.side / 3.2))


def labyrinth(draw: Draw) -> Prepared:
    """Stripes that run along all directions, with their ends and branches.

    A third come from noise alone; many of those end with as many bubbles as stripes and are dropped as mixtures.
    """
    period, sign = periods(draw), draw.sign()
    noise, random = draw.between(0.3, 1.2)[:, None, None, None], draw.random()
    wavy = normalise(waves(draw, period, sign, 12, 90) + noise * random)
    start = torch.where(draw.chance(1 / 3)[:, None, None, None], random, wavy)
    return Prepared(_model(draw, draw.chiral(period), sign, 0.0), draw.staggered(start))


def straight_stripes(draw: Draw) -> Prepared:
    """Stripes from a helix at any angle, shaken so that they settle; shaken hard they break and branch."""
    period, sign = periods(draw), draw.sign()
    # rows of a row-wise antiferromagnet must survive the shaking
    return _shaken(draw, waves(draw, period, sign, 1, 0), period, sign, 0.3 if draw.row_wise else 1.2)


def branched_stripes(draw: Draw) -> Prepared:
    """Stripes that wander and branch, from helices along several directions at once."""
    period, sign = periods(draw), draw.sign()
    return _shaken(draw, waves(draw, period, sign, 6, draw.rng.uniform(25, 70)), period, sign, 0.4)


def waves(draw: Draw, period: Tensor, sign: Tensor, count: int, fan_deg: float) -> Tensor:
    """Add so many helices up whose directions lie within so many degrees to either side of one."""
    starts = []
    for p, s in zip(period.tolist(), sign.tolist(), strict=True):
        angles = draw.rng.uniform(0, 2 * math.pi) + np.radians(draw.rng.uniform(-fan_deg, fan_deg, count))
        helices = [helix_start(draw.shape, p, a, dmi=draw.dmi, D_sign=s, lattice=draw.lattice) for a in angles]
        shifts = draw.rng.integers(draw.shape, size=(count, 2)).tolist()
        moved = [helix.roll(shift, (2, 3)) for helix, shift in zip(helices, shifts, strict=True)]
        starts.append(torch.cat(moved).sum(dim=0, keepdim=True))
    return normalise(torch.cat(starts))


def _shaken(draw: Draw, m: Tensor, period: Tensor, sign: Tensor, most: float) -> Prepared:
    start = normalise(draw.staggered(m) + draw.between(0.2, most)[:, None, None, None] * draw.random())
    return Prepared(_model(draw, draw.chiral(period), sign, 0.15), start)


def _model(draw: Draw, D: Tensor, sign: Tensor, most: float) -> SpinLattice:
    """Anisotropy up to where walls begin to cost energy widens the domains; a field makes those along it wider."""
    scale = draw.chiral_energy(D)
    wide = draw.chance(0.0 if draw.row_wise else 0.4)  # there rows of other directions would grow out of the walls
    K = torch.where(wide, draw.between(0.25, 0.8), draw.between(0, 0.25)) * scale
    B = torch.where(draw.chance(0.3), draw.between(-most, most), 0.0) * scale
    return draw.model(sign * D, K, None if draw.antiferromagnetic else B)
