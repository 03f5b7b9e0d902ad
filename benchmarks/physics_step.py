"""How far a step of FIRE is from what it cannot do without: its FFTs, and moving its arrays once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from physics_problems import FEGE_CELL, Problem
from torch import Tensor

from napari_magtex.physics.demag import Demag
from napari_magtex.physics.relax import relax

BATCH = {64: 16, 128: 4, 256: 1, 512: 1}
PASSES = 5
"""Passes that a step must make over arrays as large as m: read m and v, write m, v and the field."""


@dataclass(frozen=True)
class Step:
    """Times in seconds: of a field, of a step, of its FFTs, and of moving its bytes at the bandwidth of a copy."""

    field: float
    step: float
    transforms: float
    moving: float

    @property
    def distance(self) -> float:
        """Return the step over its floor."""
        return self.step / (self.transforms + self.moving)


@torch.no_grad()
def measure(problem: Problem, *, batch: int, quick: bool, device: str = "cpu") -> Step:
    """Time steps of a relaxation that goes on."""
    model, m = problem.model(batch, device=device), problem.start(batch).to(device)
    steps, repeats = (50, 5) if quick else (200, 20)
    copy = torch.empty_like(m)
    a_copy = seconds(lambda: copy.copy_(m), repeats=20 * repeats)  # a read and a write
    return Step(
        field=seconds(lambda: model.field(m), repeats=repeats),
        step=seconds(lambda: relax(model, m, tolerance=0.0, max_steps=steps), repeats=3) / steps,
        transforms=transforms(problem, m, repeats) if problem.demag else 0.0,
        moving=PASSES / 2 * a_copy,
    )


def transforms(problem: Problem, m: Tensor, repeats: int) -> float:
    """Return the time of the FFTs that a stray field needs, forth and back, of an open film without its rows of zeros.

    The shorter of two: the whole batch at once, and in parts as `Demag` does it.
    """
    shape = (problem.size, problem.size)
    demag = Demag(shape, FEGE_CELL, periodic=problem.periodic, device=str(m.device))
    (ny, nx), (padded_y, padded_x) = shape, demag.domain

    def at_once() -> Tensor:
        if problem.periodic:
            return torch.fft.irfft2(torch.fft.rfft2(m), s=shape)
        spectrum = torch.fft.fft(torch.fft.rfft(m, n=padded_x), n=padded_y, dim=2)
        return torch.fft.irfft(torch.fft.ifft(spectrum, dim=2)[:, :, :ny], n=padded_x)[..., :nx]

    in_parts = seconds(lambda: demag.through_spectrum(m, lambda spectrum, *_: spectrum), repeats)
    return min(in_parts, seconds(at_once, repeats))


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the median time of a call."""
    times = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return sorted(times[1:])[repeats // 2]
