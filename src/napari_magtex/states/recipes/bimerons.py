"""In-plane skyrmions, or bimerons: in a magnet with its easy axis in the plane and the DMI of any film."""

from __future__ import annotations

import math

import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from napari_magtex.states.recipes.draw import Draw, Prepared
from napari_magtex.states.recipes.skyrmions import competing, painted

_X, _Y, _Z = torch.eye(3)


def bimerons(draw: Draw) -> Prepared:
    """Bimerons of both charges in the narrow windows where the DMI of a film holds them, with x the easy axis.

    Either D is 1.00 to 1.07 of where a wall across x costs nothing, or it is 1.2 to 1.3 of that and a small field along
    the axis keeps the cores from running out into stripes.
    """
    K, sign, axis = draw.between(0.02, 0.05), draw.sign(), draw.sign()
    held = draw.chance(0.0 if draw.antiferromagnetic else 0.5)
    D = sign * draw.critical(K) * torch.where(held, draw.between(1.2, 1.3), draw.between(1.0, 1.07))
    B = torch.where(held, draw.between(0.2, 0.5), 0.0) * K * axis
    width = draw.wall_width(K)
    start = painted(draw, width * draw.between(1.0, 1.6), width, torch.zeros(draw.batch))
    # D winds m_z along x where it is interfacial and along y where it is bulk; m_y may wind either way: the charge
    winds, free = ((1, 0), -1.0) if draw.dmi == "bulk" else ((0, 1), 1.0)
    frame = torch.zeros(draw.batch, 3, 3)
    frame[:, :, 2] = axis[:, None] * _X
    frame[:, :, winds[0]] = (-free * sign * axis)[:, None] * _Z
    frame[:, :, winds[1]] = draw.sign()[:, None] * _Y
    model = draw.model(D, K, None if draw.antiferromagnetic else B[:, None] * _X, easy_axis=(1.0, 0.0, 0.0))
    return Prepared(model, draw.staggered(in_frame(start, frame)))


def frustrated_bimerons(draw: Draw) -> Prepared:
    """Bimerons of both charges and any helicity that competing exchange holds, with any easy axis in the plane."""
    J, K = competing(draw)
    start = painted(draw, draw.between(2.0, 3.0), torch.full((draw.batch,), 1.6), draw.between(0, 2 * math.pi))
    angle = draw.between(0, 2 * math.pi)
    axis = angle.cos()[:, None] * _X + angle.sin()[:, None] * _Y
    across = torch.stack((-axis[:, 1], axis[:, 0], axis[:, 2]), dim=1)
    frame = torch.stack((draw.sign()[:, None] * _Z, across, axis), dim=2)
    return Prepared(draw.model(0.0, K, easy_axis=axis, J=J), draw.staggered(in_frame(start, frame)))


def in_frame(m: Tensor, frame: Tensor) -> Tensor:
    """Replace the axes of spin space by the columns of a frame (batch, 3, 3), which may be a mirror image."""
    return (frame @ m.flatten(2)).view_as(m)


def turned(m: Tensor, rotation: Rotation) -> Tensor:
    """Turn all spins (3, ny, nx): with z in the plane, the exact bimeron twin of an out-of-plane skyrmion.

    It is the ground state of the model whose DMI vectors, field and axis are turned alike.
    """
    return in_frame(m[None], torch.from_numpy(rotation.as_matrix()).float()[None])[0]
