"""The Landau-Lifshitz-Gilbert equation, ``dm/dt = -gamma m x B + alpha m x dm/dt``, at zero temperature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from scipy.constants import physical_constants
from scipy.integrate import RK45
from torch import Tensor

from napari_magtex.errors import BadExperiment
from napari_magtex.physics.batched import batched
from napari_magtex.physics.model import SpinModel
from napari_magtex.physics.vectors import cross, normalise

# Of the free electron, in rad/(s T): with it times are in seconds where fields are in tesla. A lattice wants 1.
GYROMAGNETIC_RATIO: float = physical_constants["electron gyromag. ratio"][0]

_FIRST_STEP = 0.1  # in units of 1 / (gamma stiffness)
_SHORTEST_STEP = 1e-6  # the same: nothing turns so fast
_ROUNDING = 50  # times the precision of a number: an error below cannot be told from rounding
NO_FIELD = 1e-30  # stands for the stiffness where nothing acts


@torch.no_grad()
def trajectory(
    model: SpinModel,
    start: Tensor,
    times: Sequence[float],
    *,
    alpha: Tensor | float,
    gamma: float = GYROMAGNETIC_RATIO,
    tolerance: float = 1e-5,
) -> Iterator[Tensor]:
    """Follow the magnetisation and show it at the times that are asked for.

    All systems take the same steps in time; the worst of them sets their length.

    Parameters
    ----------
    model
        Its parameters have the batch of ``start``.
    start
        Unit spins (batch, 3, ny, nx) at time 0; empty sites (m = 0) stay empty.
    times
        Ascending, from 0 on, in seconds where the field is in tesla, else in units of 1 / (gamma field). They do not
        change the steps.
    alpha
        Gilbert's damping, a number or (batch,).
    gamma
        Gyromagnetic ratio.
    tolerance
        Largest error of a component of any spin in one step.

    Yields
    ------
    The state at each of the times, (batch, 3, ny, nx).

    Raises
    ------
    BadExperiment
        The times do not ascend, the damping is negative, the start has another shape or is not finite, or the
        precision of its numbers does not reach the tolerance.

    Notes
    -----
    Runge-Kutta 5(4) with a continuous extension (Dormand and Prince, J. Comput. Appl. Math. 6, 19, 1980); m is
    normalised after every step.
    """
    if any(not earlier <= later for earlier, later in pairwise([0.0, *times])):
        raise BadExperiment(f"times must ascend from 0, not {list(times)}")
    if tolerance < _ROUNDING * torch.finfo(model.dtype).eps:
        raise BadExperiment(f"a tolerance of {tolerance:g} is below the precision of {model.dtype}: take float64")
    damping = batched(alpha, model.batch, "the damping")
    if (least := damping.min().item()) < 0:
        raise BadExperiment(f"the damping must be at least 0, not {least:g}")
    solver = _DormandPrince(model, spins_of(model, start), damping, gamma, tolerance)
    for time in times:
        while solver.time < time:
            solver.advance()
        yield solver.at(time)


def llg_rate(model: SpinModel, m: Tensor, alpha: Tensor | float, gamma: float = GYROMAGNETIC_RATIO) -> Tensor:
    """Return dm/dt = -gamma / (1 + alpha^2) (m x B + alpha m x (m x B)).

    Parameters
    ----------
    m
        (batch, 3, ny, nx).
    alpha
        Gilbert's damping, a number or (batch,).

    Returns
    -------
    Tensor
        (batch, 3, ny, nx), per second where the field is in tesla and gamma in rad/(s T).
    """
    damping = per_system(alpha, model)
    field = model.field(m)
    torque = cross(m, field)
    field.addcmul_(torque, damping)
    return cross(m, field, out=torque).mul_(-gamma / (1 + damping**2))


def per_system(value: Tensor | float, model: SpinModel) -> Tensor:
    """Return a number for every system in the model's precision, (batch, 1, 1, 1)."""
    numbers = torch.as_tensor(value).expand(model.batch)
    return numbers.to(model.device, model.dtype)[:, None, None, None]


def spins_of(model: SpinModel, start: Tensor) -> Tensor:
    """Return a copy of the start where and in the precision in which the model computes.

    Raises
    ------
    BadExperiment
        It is not (batch, 3, ny, nx) with the model's batch.
    """
    if start.shape[:2] != (model.batch, 3) or start.dim() != 4:
        raise BadExperiment(f"spins must be ({model.batch}, 3, ny, nx), not {tuple(start.shape)}")
    return start.to(model.device, model.dtype, copy=True, memory_format=torch.contiguous_format)


class _DormandPrince:
    """Steps of adaptive length from time 0, and the states within the last of them."""

    def __init__(self, model: SpinModel, start: Tensor, damping: Tensor, gamma: float, tolerance: float) -> None:
        self._model, self._damping, self._gamma, self._tolerance = model, damping, gamma, tolerance
        self._unit = 1 / (gamma * max(model.stiffness.max().item(), NO_FIELD))
        self._next_step = _FIRST_STEP * self._unit
        self._step = 0.0
        self.time = 0.0
        self._before, self._after = torch.empty_like(start), start
        self._slopes = start.new_empty(7, start.numel())
        self._slopes[6] = self._rate(start)

    def advance(self) -> None:
        """Take the longest step whose error the tolerance allows."""
        self._before.copy_(self._after)
        self._slopes[0] = self._slopes[6]
        while True:
            step = self._next_step
            for stage in range(1, 6):
                self._slopes[stage] = self._rate(self._along(RK45.A[stage, :stage], step))
            self._after = self._along(RK45.B, step)
            self._slopes[6] = self._rate(self._after)
            error = step * (self._tensor(RK45.E) @ self._slopes).abs().max().item() / self._tolerance
            self._next_step = step * min(5.0, max(0.2, 0.9 * max(error, 1e-10) ** -0.2))
            if error <= 1:
                break
            if not self._next_step > _SHORTEST_STEP * self._unit:
                raise BadExperiment(f"no step is short enough for a tolerance of {self._tolerance:g}: is m finite?")
        normalise(self._after)
        self._step = step
        self.time += step

    def at(self, time: float) -> Tensor:
        """Return the state at a time within the last step."""
        if time == self.time:
            return self._after.clone()
        fraction = 1 - (self.time - time) / self._step
        return normalise(self._along(RK45.P @ fraction ** np.arange(1, 5), self._step))

    def _rate(self, m: Tensor) -> Tensor:
        return llg_rate(self._model, m, self._damping, self._gamma).flatten()

    def _along(self, weights: np.ndarray, step: float) -> Tensor:
        """Return where the step's start goes by its weighted slopes."""
        used = self._slopes[: len(weights)]
        return torch.addmv(self._before.flatten(), used.T, self._tensor(step * weights)).view_as(self._before)

    def _tensor(self, values: np.ndarray) -> Tensor:
        return torch.as_tensor(values).to(self._slopes)
