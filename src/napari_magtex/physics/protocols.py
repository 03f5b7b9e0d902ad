"""Protocols: how a state is prepared. Quenched, along a path of fields, annealed, held at a temperature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from napari_magtex.compute import drain
from napari_magtex.errors import BadExperiment
from napari_magtex.physics.model import SpinModel
from napari_magtex.physics.relax import Relaxed, relax
from napari_magtex.physics.thermal import thermal_average, thermal_state

_ANNEAL = 1000  # thermal steps: domains have merged, and the hottest of FeGe keeps no memory of its start
_WARM = 500  # thermal steps to equilibrium about a relaxed state; its energy is there after 100
_EXPOSURE = 100  # states that are averaged ...
_APART = 50  # ... and the steps between two: a spin's memory of itself is down to 0.17


@dataclass(frozen=True)
class Protocol:
    """The way from a start to the state that is looked at.

    Attributes
    ----------
    fields
        Applied fields (3,), in the model's unit, that are stepped through, relaxing at each. The last one is that of
        the state; one alone is a quench.
    anneal_kT
        Temperature, as an energy in the model's unit, of a short stage in the first field, before anything is relaxed.
    kT
        Temperature of the state, one for all or (batch,); a system at 0 relaxes on.
    averaged
        At a temperature: whether the state is a snapshot, or its time average, which is what an exposure shows.
    """

    fields: Sequence[Sequence[float]]
    anneal_kT: float = 0.0
    kT: Tensor | float = 0.0
    averaged: bool = False

    def __post_init__(self) -> None:
        if not self.fields:
            raise BadExperiment("a protocol needs at least the field of the state that is looked at")

    @property
    def heats(self) -> bool:
        """Whether chance plays a part after the start."""
        return self.anneal_kT > 0 or self.warms

    @property
    def warms(self) -> bool:
        """Whether any state has a temperature."""
        return bool((torch.as_tensor(self.kT) > 0).any())


def prepare(
    model: SpinModel,
    start: Tensor,
    protocol: Protocol,
    *,
    seeds: Sequence[int] = (),
    tolerance: float = 1e-4,
    max_steps: int = 20_000,
) -> Relaxed:
    """Bring every system from its start to the state that a protocol asks for.

    Parameters
    ----------
    model
        Its own applied field gives way to those of the protocol.
    start
        Unit spins (batch, 3, ny, nx).
    seeds
        Of each system's heat, below 2^32; none are needed where the protocol has none.
    tolerance, max_steps
        Of every relaxation.

    Returns
    -------
    Relaxed
        At a temperature ``m`` is the thermal state or its average, whose vectors are shorter than 1; ``converged``,
        ``torque`` and ``steps`` are those of the last relaxation, from which it was warmed. A system counts as
        converged when it came to rest in every field of the path.

    Raises
    ------
    BadExperiment
        A temperature makes no sense, or there are too few seeds.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    m = start
    if protocol.anneal_kT > 0:
        hot = model.in_field(protocol.fields[0])
        m = drain(thermal_state(hot, m, protocol.anneal_kT, steps=_ANNEAL, generators=generators))
    at_rest = torch.ones(len(m), dtype=torch.bool, device=m.device)
    for field in protocol.fields:
        placed = model.in_field(field)
        relaxed = relax(placed, m, tolerance=tolerance, max_steps=max_steps)
        m, at_rest = relaxed.m, at_rest & relaxed.converged
    if protocol.warms:
        m = drain(thermal_state(placed, m, protocol.kT, steps=_WARM, generators=generators))
        if protocol.averaged:
            exposure = thermal_average(placed, m, protocol.kT, states=_EXPOSURE, apart=_APART, generators=generators)
            m = drain(exposure)
    return replace(relaxed, m=m, converged=at_rest)
