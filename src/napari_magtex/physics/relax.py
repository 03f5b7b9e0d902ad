"""FIRE: relax a batch of spin systems, each with a step of its own."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor

from napari_magtex.compute import keep_freed_memory
from napari_magtex.physics.batched import Batched
from napari_magtex.physics.smoother import Smoother
from napari_magtex.physics.vectors import dot, normalise

_STEP_LIMIT = 0.85  # times 1/sqrt(stiffness): above 1 it stalls, below it creeps (benchmarks/NOTES.md)
_CHECK_EVERY = 10
SMOOTH_BELOW = 1e-3  # of the stiffness: from there on forces are smoothed, earlier it would freeze more defects in


class Model(Protocol):
    """What can be relaxed."""

    @property
    def stiffness(self) -> Tensor:
        """Bound of the Hessian's largest eigenvalue, (batch,), in the field's unit."""
        ...

    def field(self, m: Tensor) -> Tensor:
        """Return the effective field, (batch, 3, ny, nx)."""
        ...

    def smoother(self, shape: tuple[int, int]) -> Smoother:
        """Return the preconditioner for forces on (ny, nx) sites."""
        ...

    def select(self, index: Tensor) -> Self:
        """Return the model of some systems."""
        ...


@dataclass(frozen=True)
class Relaxed:
    """Where a relaxation ended.

    ``m`` (batch, 3, ny, nx); ``converged`` (batch,); ``torque`` (batch,), the largest ``|m x B|`` over the stiffness;
    ``steps`` (batch,) that each system took.
    """

    m: Tensor
    converged: Tensor
    torque: Tensor
    steps: Tensor


@torch.no_grad()
def relax(model: Model, m: Tensor, *, tolerance: float = 1e-4, max_steps: int = 5000) -> Relaxed:
    """Relax every system until its torque, relative to the model's stiffness, is below the tolerance.

    Fast inertial relaxation engine with a step per system (Bitzek et al., Phys. Rev. Lett. 97, 170201, 2006); finished
    systems leave the batch. At first every spin has the same mass, and textures find good valleys; the way down to the
    bottom is shorter with the forces of a `Smoother`. Sites without material (m = 0) stay empty.

    Parameters
    ----------
    model
        Its parameters have the batch of ``m``.
    m
        Start (batch, 3, ny, nx) of unit spins.
    max_steps
        Of every system, whatever the others take.
    """
    keep_freed_memory()
    ny, nx = m.shape[-2:]
    found = descend(model, m, max(tolerance, SMOOTH_BELOW), max_steps, None)
    settled = found.converged.nonzero()[:, 0]
    if tolerance >= SMOOTH_BELOW or not len(settled):
        return found
    model = model.select(settled)
    left = max_steps - found.steps[settled]
    fine = descend(model, found.m[settled], tolerance, left, model.smoother((ny, nx)))
    found.m[settled], found.torque[settled], found.converged[settled] = fine.m, fine.torque, fine.converged
    found.steps[settled] += fine.steps
    return found


def descend(model: Model, m: Tensor, tolerance: float, max_steps: Tensor | int, smoother: Smoother | None) -> Relaxed:
    """Relax with forces as they are, or smoothed, for ``max_steps``, which may be (batch,) of each system its own."""
    result = m.clone()
    torque = torch.full((len(m),), torch.inf, device=m.device)
    steps = torch.zeros(len(m), dtype=torch.long, device=m.device)
    last = torch.as_tensor(max_steps, device=m.device).broadcast_to(steps.shape)
    moving = _Moving(torch.arange(len(m), device=m.device), m.clone(), model.stiffness, smoother)
    for step in itertools.count(1):
        force = moving.tangent(model.field(moving.m))
        if step % _CHECK_EVERY == 1:
            now = dot(force, force).amax(dim=(1, 2, 3)).sqrt_() / moving.stiffness
            torque[moving.system], steps[moving.system] = now.to(torque.dtype), step
            goes_on = (now >= tolerance) & (step + _CHECK_EVERY <= last[moving.system])
            if not bool(goes_on.all()):
                done, left = (~goes_on).nonzero()[:, 0], goes_on.nonzero()[:, 0]
                result[moving.system[done]] = moving.m[done]
                if not len(left):
                    break
                model, moving, force = model.select(left), moving.select(left), force[left]
        moving.advance(force)
    return Relaxed(result, torque < tolerance, torque, steps)


class _Moving(Batched):
    """The systems that still move: spins, velocities, and each one's step, mixing and steps downhill in a row."""

    def __init__(self, system: Tensor, m: Tensor, stiffness: Tensor, smoother: Smoother | None) -> None:
        self.system, self.m, self.v = system, m, torch.zeros_like(m)
        empty = dot(m, m) == 0
        self._empty = empty if bool(empty.any()) else None
        self.stiffness, self._smoother = stiffness, smoother
        self.limit = _STEP_LIMIT / (stiffness if smoother is None else smoother.stiffness).sqrt()
        self.dt, self.mixing = self.limit / 2, torch.full_like(self.limit, 0.1)
        self.downhill = torch.zeros_like(self.limit)

    def tangent(self, force: Tensor) -> Tensor:
        """Make a force tangent to the spins, in place; there is none where there is no material."""
        if self._empty is not None:
            force.masked_fill_(self._empty, 0)
        return _remove_radial(force, self.m)

    def advance(self, force: Tensor) -> None:
        """Take one step along the force, tangent to the spins; a system that went uphill stops and starts anew."""
        forward = (force * self.v).flatten(1).sum(dim=1) > 0
        if self._smoother is not None:
            force = self.tangent(self._smoother(force))
        ratio = _length(self.v) / _length(force).clamp_min_(1e-30)
        self.downhill = torch.where(forward, self.downhill + 1, 0.0)
        grow = self.downhill > 5
        inertia = torch.where(forward, 1 - self.mixing, 0.0)
        push = torch.where(forward, self.mixing * ratio, 0.0)
        faster = torch.minimum(1.1 * self.dt, self.limit)
        self.dt = torch.where(grow, faster, torch.where(forward, self.dt, self.dt / 2))
        self.mixing = torch.where(grow, 0.99 * self.mixing, torch.where(forward, self.mixing, 0.1))
        self.v.mul_(_per_system(inertia)).addcmul_(_per_system(push + self.dt), force)
        self.m.addcmul_(_per_system(self.dt), self.v)
        normalise(self.m)
        _remove_radial(self.v, self.m)


def _remove_radial(vectors: Tensor, m: Tensor) -> Tensor:
    """Make vectors tangent to unit spins, in place."""
    return vectors.addcmul_(dot(vectors, m), m, value=-1)


def _length(vectors: Tensor) -> Tensor:
    return torch.linalg.vector_norm(vectors.flatten(1), dim=1)


def _per_system(value: Tensor) -> Tensor:
    return value[:, None, None, None]
