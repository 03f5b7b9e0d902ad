"""Topological charge by solid angles (Berg and Luescher, Nucl. Phys. B 190, 412, 1981)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_magtex.physics.batched import precise
from napari_magtex.physics.bonds import neighbours
from napari_magtex.physics.orders import unstaggered
from napari_magtex.texture import Lattice

# The plaquette to the right of and above a site as two triangles, counter-clockwise, each corner so many sites up and
# to the right: nearest neighbours of one another on the triangular lattice, cut along one diagonal on the square one.
_TRIANGLES = {
    Lattice.SQUARE: (((0, 0), (0, 1), (1, 1)), ((0, 0), (1, 1), (1, 0))),
    Lattice.TRIANGULAR: (((0, 0), (0, 1), (1, 0)), ((0, 1), (1, 1), (1, 0))),
}


def charge_density(m: Tensor, *, lattice: Lattice = Lattice.SQUARE, periodic: bool = True) -> Tensor:
    """Return the charge of the plaquette to the right of and above each site.

    Each plaquette is two triangles, run through counter-clockwise with y up; a skyrmion with its core down in an up
    background sums to -1. An antiferromagnet must be unstaggered first.

    Parameters
    ----------
    m
        Unit spins (batch, 3, ny, nx), row 0 at the top; a triangle with an empty corner carries no charge.

    Returns
    -------
    Tensor
        (batch, ny, nx), as `precise` as the device of ``m`` is.
    """
    m = m.to(precise(m.device))
    # float32 rounds lengths, and the sum would be whole to 1e-6 only
    m = m / m.square().sum(dim=1, keepdim=True).sqrt().clamp_min(1e-12)
    solid = (m != 0).any(dim=1)
    density = torch.zeros_like(m[:, 0])
    spins, material = {(0, 0): m.unbind(1)}, {(0, 0): solid}
    for place in ((0, 1), (1, 0), (1, 1)):
        spins[place] = neighbours(m, *place, periodic=periodic).unbind(1)
        material[place] = neighbours(solid, *place, periodic=periodic)
    for a, b, c in _TRIANGLES[lattice]:
        whole = material[a] & material[b] & material[c]
        density += torch.where(whole, _solid_angle(spins[a], spins[b], spins[c]), 0.0)
    return density / (4 * math.pi)


def topological_charge(m: Tensor, *, lattice: Lattice = Lattice.SQUARE, periodic: bool = True) -> Tensor:
    """Return the charge of every system, (batch,): a whole number where it closes on itself."""
    return charge_density(m, lattice=lattice, periodic=periodic).sum(dim=(1, 2))


def staggered_charge(m: Tensor, *, lattice: Lattice = Lattice.SQUARE, periodic: bool = True) -> Tensor:
    """Return the charge of every antiferromagnet's order, (batch,): that of `unstaggered` spins.

    Which sublattice lends its sign to the order is a matter of choice, and the charge turns over with it: here the
    mean order is positive along the axis that it is largest along, so that a skyrmion in an up background has -1
    wherever it lies.
    """
    order = unstaggered(m, lattice=lattice)
    mean = order.mean(dim=(2, 3), dtype=precise(m.device))
    sign = mean.gather(1, mean.abs().argmax(dim=1, keepdim=True)).sign()[:, 0]
    return sign * topological_charge(order, lattice=lattice, periodic=periodic)


_Vector = tuple[Tensor, ...]  # x, y, z, each (batch, ny, nx): a field by component needs half the passes


def _solid_angle(a: _Vector, b: _Vector, c: _Vector) -> Tensor:
    """Signed solid angle of spherical triangles, (batch, ny, nx)."""
    volume = _dot(a, _cross(b, c))
    return 2 * torch.atan2(volume, 1 + _dot(a, b) + _dot(b, c) + _dot(c, a))


def _dot(a: _Vector, b: _Vector) -> Tensor:
    return torch.addcmul(torch.addcmul(a[0] * b[0], a[1], b[1]), a[2], b[2])


def _cross(a: _Vector, b: _Vector) -> _Vector:
    x, y, z = (torch.addcmul(a[i] * b[j], a[j], b[i], value=-1) for i, j in ((1, 2), (2, 0), (0, 1)))
    return x, y, z
