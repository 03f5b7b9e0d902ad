"""Structure factors, and the period that they tell."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_magtex.physics.batched import precise
from napari_magtex.texture import Lattice

UNIFORM = 1e-3  # variance of m below which a texture is uniform
_NEIGHBOURING = 1 / 5  # of the strongest ring's power: rings beside it that hold more belong to it
_CLEAR = 4.0  # power of a mode of the strongest ring over the mean of all modes


def structure_factor(m: Tensor, *, periodic: bool = True) -> Tensor:
    """Return the power of every component at every wave vector, at the places of `frequencies`.

    Parameters
    ----------
    m
        Spins, or the channels of a picture, (batch, channels, ny, nx).
    periodic
        Else each channel's mean is removed and its edges are faded (Hann), so that they do not leak.

    Returns
    -------
    Tensor
        ``|sum m exp(-2 pi i k.r)|^2 / sites^2``, (batch, channels, ny, nx). It sums to the mean square of a
        channel, or to about its variance where the edges are faded.
    """
    m = m.to(precise(m.device))
    ny, nx = m.shape[-2:]
    if not periodic:
        fade = _hann(ny, m)[:, None] * _hann(nx, m)
        m = (m - m.mean(dim=(2, 3), keepdim=True)) * (fade / fade.square().mean().sqrt())
    amplitude = torch.view_as_real(torch.fft.fft2(m))
    return amplitude.square().sum(dim=-1) / (ny * nx) ** 2


def faded_share(inside: Tensor) -> float:
    """Return how much of the power with faded edges comes from a part ``inside`` (ny, nx) of a picture."""
    ny, nx = inside.shape
    weight = inside.double()
    fade = _hann(ny, weight)[:, None] * _hann(nx, weight)
    return float((fade.square() * weight).sum() / fade.square().sum())


def frequencies(
    shape: tuple[int, int], *, lattice: Lattice = Lattice.SQUARE, cell: tuple[float, float] = (1.0, 1.0)
) -> Tensor:
    """Return |k| of `structure_factor`, in cycles a unit of length, (ny, nx), float64.

    Parameters
    ----------
    shape
        (ny, nx).
    lattice
        On the triangular one k is that of the first Brillouin zone, a hexagon.
    cell
        (dy, dx), or the lattice constant twice; default: lengths in sites.
    """
    down, right = (torch.fft.fftfreq(n, dtype=torch.float64) for n in shape)
    if lattice is Lattice.SQUARE:
        return torch.hypot(down[:, None] / cell[0], right / cell[1])
    # site (i, j) sits at ((j + i/2) dx, sqrt(3)/2 i dy), i upwards
    nearest = torch.full(shape, math.inf, dtype=torch.float64)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            u, v = right + j, -down[:, None] + i
            k = torch.hypot(u / cell[1], (v - u / 2) * (2 / math.sqrt(3)) / cell[0])
            nearest = torch.minimum(nearest, k)
    return nearest


@dataclass(frozen=True)
class Ring:
    """The strongest rings of structure factors, each (batch,).

    ``centre`` and ``width`` (standard deviation) in cycles a unit of length, weighted by power, NaN where there is
    none; the number of ``modes`` that share the power; ``clear``, whether the ring stands out.
    """

    centre: Tensor
    width: Tensor
    modes: Tensor
    clear: Tensor


def strongest_ring(power: Tensor, k: Tensor, resolution: float) -> Ring:
    """Find the ring of wave vectors that holds the most power.

    Parameters
    ----------
    power
        Structure factors (batch, ny, nx), summed over components; the power at k = 0 does not count.
    k
        |k| (ny, nx) from `frequencies`.
    resolution
        Width of a ring. The strongest one is joined with its neighbours as long as they hold a fifth of its power.
    """
    k = k.to(power.device, precise(power.device)).flatten()
    power = power.flatten(1)
    ring = (k / resolution).round().long()
    count = int(ring.max()) + 1
    energy = power.new_zeros(len(power), count).index_add_(1, ring, power)
    energy[:, 0] = 0
    sites = torch.bincount(ring, minlength=count)
    strongest, peak = energy.max(dim=1, keepdim=True)
    # rings that no weaker ring parts from the strongest one have as many weaker rings below them
    weaker = energy <= _NEIGHBOURING * strongest
    below = weaker.cumsum(dim=1)
    joined = ~weaker & (below == below.gather(1, peak))
    weight = power * joined[:, ring]
    total = weight.sum(dim=1)
    centre = (weight * k).sum(dim=1) / total
    width = ((weight * (k - centre[:, None]).square()).sum(dim=1) / total).sqrt()
    modes = total.square() / weight.square().sum(dim=1) / 2  # k and -k are one mode
    clear = strongest[:, 0] / sites[peak[:, 0]] > _CLEAR * power[:, ring > 0].mean(dim=1)
    return Ring(centre, width, modes.clamp_min(1), clear)


def dominant_period(
    m: Tensor, *, lattice: Lattice = Lattice.SQUARE, periodic: bool = True, cell: tuple[float, float] = (1.0, 1.0)
) -> Tensor:
    """Return the wavelength at the strongest ring of the structure factor, (batch,), in the unit of ``cell``.

    That is the period of a helix at any angle and of a labyrinth. In a hexagonal lattice of skyrmions it is the
    distance between rows, sqrt(3)/2 of that between neighbours. NaN where no ring stands out.

    Parameters
    ----------
    m
        Unit spins (batch, 3, ny, nx).
    cell
        (dy, dx), or the lattice constant twice; default: lengths in sites.
    """
    power = structure_factor(m, periodic=periodic).sum(dim=1)
    power[:, 0, 0] = 0
    k = frequencies((m.shape[2], m.shape[3]), lattice=lattice, cell=cell)
    steps = [float(step) for step in (*k[0, 1:2], *k[1:2, 0])] or [math.inf]
    # the modes of a closed system are sharp; faded edges widen them, and hide a lone wave
    resolution, least = (min(steps), 0.0) if periodic else (max(steps), 1.5 * max(steps))
    ring = strongest_ring(power, k, resolution)
    found = ring.clear & (power.sum(dim=(1, 2)) > UNIFORM) & (ring.centre > least)
    return torch.where(found, 1 / ring.centre, math.nan)


def _hann(n: int, like: Tensor) -> Tensor:
    """Hann's window without its zeros."""
    return torch.hann_window(n + 2, periodic=False, dtype=like.dtype, device=like.device)[1:-1]
