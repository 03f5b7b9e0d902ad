"""States to relax from, (batch, 3, ny, nx), row 0 at the top."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from napari_magtex.physics.vectors import normalise
from napari_magtex.texture import Lattice


def sites(shape: tuple[int, int], lattice: Lattice = Lattice.SQUARE) -> tuple[Tensor, Tensor]:
    """Return x and y of every site in lattice constants, each (ny, nx); y points up."""
    ny, nx = shape
    i = torch.arange(ny - 1, -1, -1, dtype=torch.float32)[:, None]
    j = torch.arange(nx, dtype=torch.float32)[None]
    if lattice is Lattice.TRIANGULAR:
        return j + i / 2, i * (math.sqrt(3) / 2) + 0 * j
    return j + 0 * i, i + 0 * j


def random_start(batch: int, shape: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Return spins that point anywhere."""
    return normalise(torch.randn((batch, 3, *shape), generator=generator))


def uniform_start(batch: int, shape: tuple[int, int], direction: Tensor | Sequence[float]) -> Tensor:
    """Return spins along one direction (3,), or one for each system (batch, 3)."""
    direction = torch.as_tensor(direction, dtype=torch.float32).broadcast_to((batch, 3))
    return normalise(direction[:, :, None, None].expand(batch, 3, *shape).clone())


def helix_start(
    shape: tuple[int, int],
    period: float,
    angle: float,
    *,
    dmi: str,
    D_sign: float = 1.0,
    lattice: Lattice = Lattice.SQUARE,
) -> Tensor:
    """Return a helix (bulk) or cycloid (interfacial) with its wave vector at ``angle`` from x, period in sites."""
    x, y = sites(shape, lattice)
    along = (math.cos(angle), math.sin(angle))
    phase = D_sign * 2 * math.pi / period * (x * along[0] + y * along[1])
    # both turn the way that lowers the energy at positive D: bulk about the wave vector, interfacial towards it
    across = (along[1], -along[0]) if dmi == "bulk" else (-along[0], -along[1])
    return torch.stack((across[0] * phase.sin(), across[1] * phase.sin(), phase.cos()))[None]


def paint_skyrmion(
    m: Tensor, centre: tuple[float, float], radius: float, width: float, *, helicity: float, lattice: Lattice
) -> None:
    """Turn the spins (3, ny, nx) of an up background into a skyrmion with its core down, in place.

    Parameters
    ----------
    centre, radius, width
        (x, y), radius of the m_z = 0 circle and wall width, in lattice constants.
    helicity
        Angle between the in-plane spin and the outward direction. Positive D wants 0 where it is interfacial (Neel)
        and pi/2 where it is bulk (Bloch). Turn all spins over for the other polarity, and the field with them.
    """
    x, y = sites((m.shape[1], m.shape[2]), lattice)
    dx, dy = x - centre[0], y - centre[1]
    r = torch.hypot(dx, dy)
    theta = 2 * torch.atan2(torch.tensor(math.sinh(radius / width)), torch.sinh((r / width).clamp(1e-3, 80)))
    inside = r < radius + 6 * width
    phi = torch.atan2(dy, dx) + helicity
    painted = torch.stack((theta.sin() * phi.cos(), theta.sin() * phi.sin(), theta.cos()))
    m[:, inside] = painted[:, inside]
