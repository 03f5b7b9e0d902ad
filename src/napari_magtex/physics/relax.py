"""FIRE: relax a batch of spin systems, each with a step of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import torch
from torch import Tensor

_STEP_LIMIT = 0.7  # times 1/sqrt(stiffness); 1.0 stalls
_CHECK_EVERY = 10


class Model(Protocol):
    """What can be relaxed."""

    @property
    def stiffness(self) -> Tensor:
        """Bound of the Hessian's largest eigenvalue, (batch,), in the field's unit."""
        ...

    def field(self, m: Tensor) -> Tensor:
        """Return the effective field, (batch, 3, ny, nx)."""
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
    systems leave the batch. Sites without material (m = 0) stay empty.

    Parameters
    ----------
    model
        Its parameters have the batch of ``m``.
    m
        Start (batch, 3, ny, nx) of unit spins.
    """
    result = m.clone()
    batch = m.shape[0]
    torque = torch.full((batch,), torch.inf, device=m.device)
    steps = torch.zeros(batch, dtype=torch.long, device=m.device)
    active = torch.arange(batch, device=m.device)
    stiffness = model.stiffness
    limit = _STEP_LIMIT / stiffness.sqrt()
    m, v = m.clone(), torch.zeros_like(m)
    material = m.square().sum(dim=1, keepdim=True) > 0
    has_holes = not bool(material.all())
    dt, alpha, downhill = limit / 2, torch.full_like(limit, 0.1), torch.zeros_like(limit)
    for step in range(1, max_steps + 1):
        force = model.field(m)
        if has_holes:
            force.mul_(material)
        force.addcmul_((force * m).sum(dim=1, keepdim=True), m, value=-1)
        if step % _CHECK_EVERY == 1:
            now = force.square().sum(dim=1).amax(dim=(1, 2)).sqrt() / stiffness
            torque[active], steps[active] = now.to(torque.dtype), step
            done = now < tolerance
            if bool(done.any()):
                result[active[done]] = m[done]
                keep = ~done
                active = active[keep]
                if not len(active):
                    break
                model = model.select(keep.nonzero()[:, 0])
                m, v, force, material = m[keep], v[keep], force[keep], material[keep]
                stiffness, limit, dt, alpha, downhill = (t[keep] for t in (stiffness, limit, dt, alpha, downhill))
        power = torch.einsum("bcyx,bcyx->b", force, v)
        forward = power > 0
        ratio = v.flatten(1).norm(dim=1) / force.flatten(1).norm(dim=1).clamp_min(1e-30)
        downhill = torch.where(forward, downhill + 1, 0.0)
        grow = downhill > 5
        inertia = torch.where(forward, 1 - alpha, 0.0)
        push = torch.where(forward, alpha * ratio, 0.0)
        dt = torch.where(grow, torch.minimum(1.1 * dt, limit), torch.where(forward, dt, dt / 2))
        alpha = torch.where(grow, 0.99 * alpha, torch.where(forward, alpha, 0.1))
        v.mul_(_per_system(inertia)).addcmul_(_per_system(push + dt), force)
        m.addcmul_(_per_system(dt), v)
        m.mul_(m.square().sum(dim=1, keepdim=True).clamp_min_(1e-30).rsqrt_())
        v.addcmul_((v * m).sum(dim=1, keepdim=True), m, value=-1)
    if len(active):
        result[active] = m
    return Relaxed(result, torque < tolerance, torque, steps)


def _per_system(value: Tensor) -> Tensor:
    return value[:, None, None, None]
