"""Hysteresis: films taken from saturation to saturation, field by field."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import count

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.constants import Boltzmann
from torch import Tensor

from napari_magtex.compute import Progress, drain
from napari_magtex.physics.batched import precise
from napari_magtex.physics.film import Film
from napari_magtex.physics.loops import Loop, LoopConditions
from napari_magtex.physics.relax import relax
from napari_magtex.physics.thermal import thermal_state, thermal_step
from napari_magtex.physics.vectors import normalise

Settle = Callable[[Film, Tensor], tuple[Tensor, Tensor]]
"""Brings films to rest in their field: (film, m) to m (batch, 3, ny, nx) and whether each rests, (batch,)."""

Array = NDArray[np.float64]


def hysteresis_loops(
    film: Film, m: Tensor, max_T: float, steps: int, conditions: LoopConditions, settle: Settle
) -> Iterator[Progress | list[Loop]]:
    """Take the loop of every film of a batch.

    Each starts along ``conditions.axis`` at +max_T, and follows the field down to -max_T, at every field from where it
    was at the one before. With m and B turned over the energy is the same, so where that end is the start turned over
    the other branch is this one's mirror image; where it is not the field is taken up again.

    Parameters
    ----------
    m
        (batch, 3, ny, nx): its empty cells stay empty; the spins are turned along the axis.
    max_T, steps
        The largest field in tesla, and how many steps lead from there to its opposite.
    settle
        `relaxing` or `heated`.

    Yields
    ------
    Progress after each field, and last a `Loop` a film.
    """
    axis = torch.as_tensor(conditions.axis, dtype=m.dtype, device=m.device)
    material = m.square().sum(dim=1, keepdim=True) > 0
    m = axis[:, None, None] * material
    field = np.linspace(-max_T, max_T, steps + 1)
    falling, falling_rested, m = yield from _branch(film, m, field[::-1], axis, settle, "field falling")
    falling, falling_rested = falling[:, ::-1], falling_rested[:, ::-1]
    rising, rising_rested = -falling[:, ::-1], falling_rested[:, ::-1].copy()
    Ms = film.Ms.cpu().numpy().astype(np.float64)

    def loop_of(i: int) -> Loop:
        return Loop(
            field, Ms[i] * falling[i], Ms[i] * rising[i], falling_rested[i], rising_rested[i], float(Ms[i]), conditions
        )

    loops = [loop_of(i) for i in range(len(Ms))]
    open_ones = [i for i, loop in enumerate(loops) if not loop.closed]
    if open_ones:
        chosen = torch.as_tensor(open_ones, device=m.device)
        again = film.select(chosen)
        rising[open_ones], rising_rested[open_ones], _ = yield from _branch(
            again, m[chosen], field, axis, settle, "field rising"
        )
        for i in open_ones:
            loops[i] = loop_of(i)
    yield loops


def relaxing(*, shake_deg: float, seed: int, tolerance: float = 1e-6, max_steps: int = 20_000) -> Settle:
    """Return what brings films to rest at T = 0: shake every spin, then relax.

    A state that has just become unstable by symmetry feels no torque and would stay; shaken it leaves. All films of a
    batch are shaken alike.

    Parameters
    ----------
    shake_deg
        Root mean square of the angle between a spin before and after.
    tolerance, max_steps
        Of `relax`.
    """
    generator = torch.Generator().manual_seed(seed)
    angle = math.radians(shake_deg) / math.sqrt(2)  # in each of two directions

    def settle(film: Film, m: Tensor) -> tuple[Tensor, Tensor]:
        shift = torch.randn(m.shape[1:], generator=generator).to(m)
        material = m.square().sum(dim=1, keepdim=True)
        relaxed = relax(film, normalise(m + angle * shift * material), tolerance=tolerance, max_steps=max_steps)
        return relaxed.m, relaxed.converged

    return settle


def heated(
    *, temperature_K: float, axis: Sequence[float], dwell: float, seed: int, drift: float = 0.01, most: int = 20
) -> Settle:
    """Return what holds films at a temperature until M along an axis stands still; their states are snapshots.

    All films of a batch meet the same noise. The damping is 1.

    Parameters
    ----------
    dwell
        Seconds that M is watched over.
    drift, most
        A film rests where M changed by less than ``drift`` Ms over the last dwell; after so many it is given up.
    """
    calls = count()
    kT = Boltzmann * temperature_K

    def settle(film: Film, m: Tensor) -> tuple[Tensor, Tensor]:
        call, m, moving = next(calls), m.clone(), torch.arange(len(m), device=m.device)
        steps = max(1, math.ceil(dwell / float(thermal_step(film, kT).min())))
        direction = torch.as_tensor(axis).to(m)
        for turn in range(most):
            noise = int(np.random.SeedSequence((seed, call, turn)).generate_state(1)[0])
            generators = [torch.Generator().manual_seed(noise) for _ in moving]
            before = m[moving]
            after = drain(
                thermal_state(film.select(moving), before, kT, steps=steps, generators=generators, dt=dwell / steps)
            )
            m[moving] = after
            moving = moving[(_along(after, direction) - _along(before, direction)).abs() >= drift]
            if not len(moving):
                break
        rested = torch.ones(len(m), dtype=torch.bool, device=m.device)
        rested[moving] = False
        return m, rested

    return settle


def _branch(
    film: Film, m: Tensor, fields: Array, axis: Tensor, settle: Settle, what: str
) -> Generator[Progress, None, tuple[Array, NDArray[np.bool_], Tensor]]:
    """Follow the fields; return m along the axis and whether it rested, each (batch, fields), and the last state."""
    along, rested = [], []
    for done, B in enumerate(fields):
        yield Progress(done, len(fields), what)
        m, calm = settle(film.in_field(float(B) * axis), m)
        along.append(_along(m, axis).cpu().numpy())
        rested.append(calm.cpu().numpy())
    yield Progress(len(fields), len(fields), what)
    return np.stack(along, axis=1), np.stack(rested, axis=1), m


def _along(m: Tensor, axis: Tensor) -> Tensor:
    """Mean component along an axis of the cells that hold material, (batch,)."""
    cells = (m.square().sum(dim=1) > 0).sum(dim=(1, 2))
    return (m * axis[:, None, None]).sum(dim=(1, 2, 3), dtype=precise(m.device)) / cells
