"""Topological charge by solid angles (Berg and Luescher, Nucl. Phys. B 190, 412, 1981)."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def charge_density(m: Tensor, *, periodic: bool = True) -> Tensor:
    """Return the charge of the plaquette to the right of and above each site.

    Each plaquette is two triangles, run through counter-clockwise with y up; a skyrmion with its core down in an up
    background sums to -1. An antiferromagnet must be unstaggered first.

    Parameters
    ----------
    m
        Unit spins (batch, 3, ny, nx), row 0 at the top; zero vectors carry no charge.

    Returns
    -------
    Tensor
        (batch, ny, nx); zero beyond an open edge.
    """
    m = m.double()
    right, up, both = m.roll(-1, 3), m.roll(1, 2), m.roll((1, -1), (2, 3))
    density = _solid_angle(m, right, both) + _solid_angle(m, both, up)
    if not periodic:
        density[..., 0, :] = 0
        density[..., :, -1] = 0
    return density / (4 * math.pi)


def topological_charge(m: Tensor, *, periodic: bool = True) -> Tensor:
    """Return the charge of every system, (batch,)."""
    return charge_density(m, periodic=periodic).sum(dim=(1, 2))


def _solid_angle(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Signed solid angle of spherical triangles (batch, ny, nx); 0 where a corner is empty."""
    volume = (a * torch.linalg.cross(b, c, dim=1)).sum(dim=1)
    ab, bc, ca = ((p * q).sum(dim=1) for p, q in ((a, b), (b, c), (c, a)))
    whole = (a.square().sum(dim=1) * b.square().sum(dim=1) * c.square().sum(dim=1)) > 0
    return torch.where(whole, 2 * torch.atan2(volume, 1 + ab + bc + ca), 0.0)
