"""Uniform orders: ferromagnets, antiferromagnets, three sublattices."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_magtex.physics.lattice import SpinLattice
from napari_magtex.physics.orders import sublattice_angles
from napari_magtex.physics.starts import uniform_start
from napari_magtex.physics.vectors import normalise
from napari_magtex.states.recipes.draw import Draw, Prepared
from napari_magtex.texture import Lattice


def uniform(draw: Draw) -> Prepared:
    """A ferromagnet along any easy axis, or its twin; open edges cant."""
    K, D = draw.between(0.05, 0.3), draw.between(0, 0.15) * draw.sign()
    axis = torch.where(draw.chance(0.5)[:, None], torch.tensor([0.0, 0.0, 1.0]), draw.direction())
    model = draw.model(D, K, easy_axis=axis)
    start = normalise(uniform_start(draw.batch, draw.shape, draw.sign()[:, None] * axis) + 0.1 * draw.random())
    return Prepared(model, draw.staggered(start))


def polarised(draw: Draw) -> Prepared:
    """A chiral magnet that a field has saturated, along z or tilted: canted between the field and an easy plane."""
    D = draw.chiral(draw.lengths(9, 30)) * draw.sign()
    scale = draw.chiral_energy(D)
    along = torch.where(draw.chance(0.5)[:, None], torch.tensor([0.0, 0.0, 1.0]), draw.direction())
    B = draw.sign()[:, None] * along * (draw.between(1.2, 3.0) * scale)[:, None]
    K = torch.where(draw.chance(0.5), draw.between(0, 0.3), -draw.between(0, 0.5)) * scale
    start = uniform_start(draw.batch, draw.shape, B) + draw.between(0.1, 0.8)[:, None, None, None] * draw.random()
    return Prepared(draw.model(D, K, B), normalise(start))


def spin_flop(draw: Draw) -> Prepared:
    """An antiferromagnet across a field along its easy axis, that cants its spins towards the field."""
    K, axis = draw.between(0.01, 0.06), draw.direction()
    neighbours = 4  # 2K and 4J are the fields of anisotropy and exchange; at 8J spins would be parallel
    flop = (2 * 2 * K * neighbours * draw.J[:, 0]).sqrt()
    B = axis * draw.between(1.2 * flop, 2.6)[:, None]
    across = torch.linalg.cross(axis, draw.direction())
    staggered = draw.staggered(uniform_start(draw.batch, draw.shape, across))
    return Prepared(draw.model(0.0, K, B, easy_axis=axis), normalise(staggered + 0.1 * draw.random()))


def neel_120(draw: Draw) -> Prepared:
    """Three sublattices at 120 degrees in one domain, in a plane across z or any other."""
    angle = draw.between(0, 2 * math.pi)[:, None, None] + draw.sign()[:, None, None] * sublattice_angles(draw.shape)
    model, across = _easy_plane(draw)
    first = torch.nn.functional.normalize(torch.linalg.cross(across, draw.direction()))
    second = torch.linalg.cross(across, first)
    start = angle.cos()[:, None] * first[..., None, None] + angle.sin()[:, None] * second[..., None, None]
    return Prepared(model, normalise(start + 0.2 * draw.random()))


def neel_120_domains(draw: Draw) -> Prepared:
    """Three sublattices at 120 degrees in domains of both chiralities, as a random start leaves them."""
    return Prepared(_easy_plane(draw)[0], draw.random())


def _easy_plane(draw: Draw) -> tuple[SpinLattice, Tensor]:
    """Antiferromagnetic neighbours on the triangular lattice, and the axis across their plane, mostly z."""
    across = torch.where(draw.chance(0.7)[:, None], torch.tensor([0.0, 0.0, 1.0]), draw.direction())
    model = SpinLattice(
        -1.0,
        0.0,
        -draw.between(0.02, 0.1),
        batch=draw.batch,
        easy_axis=across,
        lattice=Lattice.TRIANGULAR,
        periodic=draw.periodic,
    )
    return model, across
