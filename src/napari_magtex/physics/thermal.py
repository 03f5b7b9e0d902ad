"""The Landau-Lifshitz-Gilbert equation in a heat bath: thermal states and their averages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from napari_magtex.compute import Progress
from napari_magtex.errors import BadExperiment
from napari_magtex.physics.batched import batched
from napari_magtex.physics.llg import GYROMAGNETIC_RATIO, NO_FIELD, per_system, spins_of
from napari_magtex.physics.model import SpinModel
from napari_magtex.physics.vectors import cross, dot, normalise

_STEP = 0.5  # in units of 1 / (gamma (stiffness + kT / moment))
_REPORT_EVERY = 50  # steps
_SPREAD = math.sqrt((128**2 - 1) / 3)  # standard deviation of the odd numbers from -127 to 127
_LOWEST_BITS = 0x0101010101010101  # of the eight bytes of a word


def thermal_step(model: SpinModel, kT: Tensor | float, gamma: float = GYROMAGNETIC_RATIO) -> Tensor:
    """Return the time step of a thermal stage, (batch,), in seconds where the field is in tesla.

    It is short beside the fastest precession and beside the turns that the noise makes. The error of the states grows
    with its square: thermal energies and moments are right to 0.5 % of their thermal part, to 2 % with twice the step.
    """
    energy = batched(kT, model.batch, "kT").to(model.moment)
    return _STEP / (gamma * (model.stiffness + energy / model.moment).clamp_min(NO_FIELD))


@torch.no_grad()
def thermal_state(
    model: SpinModel,
    start: Tensor,
    kT: Tensor | float,
    *,
    steps: int,
    generators: Sequence[torch.Generator],
    alpha: Tensor | float = 1.0,
    dt: Tensor | float | None = None,
    gamma: float = GYROMAGNETIC_RATIO,
) -> Iterator[Progress | Tensor]:
    """Let every system move in its heat bath for so many steps: a snapshot, or the start of an annealed state.

    Parameters
    ----------
    model
        Its parameters have the batch of ``start``.
    start
        Unit spins (batch, 3, ny, nx); empty sites (m = 0) stay empty.
    kT
        Temperature as an energy, in joules for a film, in J's unit for a lattice: a number or (batch,).
    steps
        How many steps. A film of FeGe takes up the heat of 265 K in 100.
    generators
        One for each system, so that its states do not depend on the batch that it is in. On the CPU they make the same
        noise for every device.
    alpha
        Gilbert's damping, a number or (batch,). Equilibrium does not depend on it; 1 reaches it soonest.
    dt
        Time step, a number or (batch,), in seconds where the field is in tesla; default `thermal_step`.
    gamma
        Gyromagnetic ratio; it matters only beside a dt.

    Yields
    ------
    Progress, and last the state (batch, 3, ny, nx).

    Raises
    ------
    BadExperiment
        A temperature, a damping or the number of generators makes no sense.

    Notes
    -----
    Scheme B of Mentink et al., J. Phys.: Condens. Matter 22, 176001 (2010): semi-implicit, so that |m| stays 1 exactly.
    In a step the noise turns a spin about a random vector with components of variance
    ``2 alpha kT gamma dt / (moment (1 + alpha^2))`` (fluctuation-dissipation theorem). They are uniform, not normal: a
    scheme of this order sees no more of them than their variance (Duenweg and Paul, Int. J. Mod. Phys. C 2, 817, 1991),
    and they take a fifth of the time.
    """
    bath = _HeatBath(model, start, kT, generators, alpha, dt, gamma)
    for done in range(0, steps, _REPORT_EVERY):
        yield Progress(done, steps, "thermal state")
        bath.run(min(_REPORT_EVERY, steps - done))
    yield bath.m


@torch.no_grad()
def thermal_average(
    model: SpinModel,
    start: Tensor,
    kT: Tensor | float,
    *,
    states: int,
    apart: int,
    generators: Sequence[torch.Generator],
    alpha: Tensor | float = 1.0,
    dt: Tensor | float | None = None,
    gamma: float = GYROMAGNETIC_RATIO,
) -> Iterator[Progress | Tensor]:
    """Average m over states that lie so many steps apart, as a long exposure does.

    Parameters
    ----------
    start
        A thermal state: nothing is left out before the first of the states.
    states, apart
        How many states, and the steps from one to the next. In a film of FeGe at 265 K a spin's deviation from its mean
        is left to a third after 20 steps, to a sixth after 50.

    Other parameters and what is raised are those of `thermal_state`.

    Yields
    ------
    Progress after each state, and last the mean (batch, 3, ny, nx), of vectors shorter than 1.
    """
    bath = _HeatBath(model, start, kT, generators, alpha, dt, gamma)
    mean = torch.zeros_like(bath.m)
    for done in range(states):
        bath.run(apart)
        mean += bath.m
        yield Progress(done + 1, states, "thermal average")
    yield mean / states


class _HeatBath:
    """Spins in a heat bath, moved in place.

    Everything is in half angles: with half the vector a that a spin turns about in a step, its state in the middle of
    the step is ``(m + a x m + a (a.m)) / (1 + a^2)`` (Cayley's transform), and at the end twice that minus m.
    """

    def __init__(
        self,
        model: SpinModel,
        start: Tensor,
        kT: Tensor | float,
        generators: Sequence[torch.Generator],
        alpha: Tensor | float,
        dt: Tensor | float | None,
        gamma: float,
    ) -> None:
        batch = model.batch
        if len(generators) != batch:
            raise BadExperiment(f"{batch} systems need a generator each, not {len(generators)}")
        energy, damping = batched(kT, batch, "kT"), batched(alpha, batch, "the damping")
        if (least := energy.min().item()) < 0:
            raise BadExperiment(f"kT must be at least 0, not {least:g}")
        if (least := damping.min().item()) <= 0:
            raise BadExperiment(f"the damping must be positive in a heat bath, not {least:g}")
        moment = model.moment.cpu()
        angle = gamma * (thermal_step(model, kT, gamma).cpu() if dt is None else batched(dt, batch, "dt"))
        self._model, self._generators = model, generators
        self._damping = per_system(damping, model)
        self._turn = per_system(angle / (2 * (1 + damping**2)), model)
        spread = (damping * energy * angle / (2 * moment * (1 + damping**2))).sqrt()
        self._shake = per_system(spread / _SPREAD, model)
        self.m = spins_of(model, start)
        self._noise, self._about, self._middle = (torch.empty_like(self.m) for _ in range(3))
        words = -(-self.m[0].numel() // 8)
        self._bits = torch.empty((batch, words), dtype=torch.int64, device=generators[0].device)

    def run(self, steps: int) -> None:
        """Take some steps."""
        for _ in range(steps):
            self._step()
        normalise(self.m)  # of the rounding

    def _step(self) -> None:
        """Take one step: to its middle with the field at its start, then to its end with the field in its middle."""
        self._draw_noise()
        self._turn_about(self.m)
        self._go_to_the_middle()
        self._turn_about(self._middle)
        self._go_to_the_middle()
        self.m.lerp_(self._middle, 2.0)

    def _draw_noise(self) -> None:
        for bits, generator in zip(self._bits, self._generators, strict=True):
            bits.random_(-(2**63), None, generator=generator)
        numbers = self._bits.bitwise_or_(_LOWEST_BITS).view(torch.int8)  # odd, so that they have no mean
        self._noise.flatten(1).copy_(numbers[:, : self.m[0].numel()].to(self.m.device))
        self._noise.mul_(self._shake)

    def _turn_about(self, m: Tensor) -> None:
        field = self._model.field(m)
        cross(m, field, out=self._about)
        field.addcmul_(self._about, self._damping)
        torch.addcmul(self._noise, field, self._turn, out=self._about)

    def _go_to_the_middle(self) -> None:
        about, middle = self._about, cross(self._about, self.m, out=self._middle)
        middle.add_(self.m).addcmul_(about, dot(about, self.m))
        middle.mul_(dot(about, about).add_(1).reciprocal_())
