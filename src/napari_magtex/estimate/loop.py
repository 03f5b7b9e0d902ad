"""The hysteresis loop of an experiment: its film, with the disorder that lets it switch, taken around once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from napari_magtex.compute import Device, Progress, torch_device
from napari_magtex.errors import BadExperiment
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.films import film_of
from napari_magtex.physics.disorder import grain_axes, grain_strengths, tilted, voronoi_grains
from napari_magtex.physics.film import Film
from napari_magtex.physics.hysteresis import Settle, heated, hysteresis_loops, relaxing
from napari_magtex.physics.loops import Loop, LoopConditions


def film_loops(
    experiment: Experiment,
    constants: Mapping[str, Sequence[float]] | None = None,
    *,
    device: Device | str = Device.AUTO,
) -> Iterator[Progress | list[Loop]]:
    """Take the loops that [hysteresis] describes of films that differ in their constants.

    All have the same grains and are shaken alike, so that the constants alone make the difference.

    Parameters
    ----------
    constants
        SI values by name (A, D, Ms, Ku), one a film; what is left out is the experiment's.

    Yields
    ------
    Progress after each field, and last a `Loop` a film.

    Raises
    ------
    BadExperiment
        A constant is a range and no value is given, or the disorder does not fit the film.
    """
    given = dict(constants or {})
    if missing := [name for name in experiment.estimated if name not in given]:
        raise BadExperiment(f"[parameters] {', '.join(missing)} vary: a loop needs a number for each")
    settings = experiment.hysteresis
    axis = tilted(settings.direction, settings.tilt_deg)
    settle, rate = _settling(experiment, axis)
    conditions = LoopConditions(axis, experiment.temperature.low, rate, _geometry(experiment))
    film = disordered_film(experiment, given, device=device)
    m = torch.ones((film.batch, 3, *film.shape), dtype=film.dtype, device=film.device)
    yield from hysteresis_loops(film, m, settings.max_T, settings.steps, conditions, settle)


def disordered_film(
    experiment: Experiment, constants: Mapping[str, Sequence[float]], *, device: Device | str = Device.AUTO
) -> Film:
    """Return the film of an experiment with given constants, each (batch,), and the grains of its [hysteresis].

    Raises
    ------
    BadExperiment
        Grains are asked for, and there is no anisotropy that they could spread, or they do not fit the film.
    """
    settings, film = experiment.hysteresis, experiment.film
    known = {"Ku": [film.Ku]} | {name: [p.low] for name, p in experiment.parameters.items()} | dict(constants)
    columns = dict(zip(known, map(torch.tensor, np.broadcast_arrays(*known.values())), strict=True))
    place = torch_device(device)
    if not settings.grain:
        return film_of(experiment, columns, device=place)
    if not columns["Ku"].all():
        raise BadExperiment(
            f"[hysteresis] grain_nm = {settings.grain * 1e9:g}, but Ku is 0: grains differ in their anisotropy alone; "
            "give Ku_kJ_per_m3 or leave grain_nm out"
        )
    generator = np.random.default_rng(experiment.start.seed)
    periodic, (_, dy, dx) = film.boundary == "periodic", experiment.cell
    ny, nx = film.shape
    grains = voronoi_grains((ny, nx), (dy, dx), settings.grain, periodic=periodic, generator=generator)
    strengths = grain_strengths(grains, settings.Ku_spread, generator)
    axes = grain_axes(grains, film.easy_axis, settings.axis_spread_deg, generator)
    by_cell = {"Ku": columns["Ku"][:, None, None] * strengths, "easy_axis": axes.repeat(len(columns["Ku"]), 1, 1, 1)}
    return film_of(experiment, columns, device=place, **by_cell)


def loop_table(loop: Loop) -> pd.DataFrame:
    """Return a row a point, in the order of measurement: from +max_T down and up again."""
    falling = pd.DataFrame(
        {
            "branch": "falling",
            "field_T": loop.field_T[::-1],
            "M_A_per_m": loop.falling[::-1],
            "converged": loop.falling_converged[::-1],
        }
    )
    rising = pd.DataFrame(
        {"branch": "rising", "field_T": loop.field_T, "M_A_per_m": loop.rising, "converged": loop.rising_converged}
    )
    return pd.concat([falling, rising], ignore_index=True)


def _settling(experiment: Experiment, axis: tuple[float, float, float]) -> tuple[Settle, str]:
    """Return what brings the film to rest at each field, and the words for it."""
    settings, T, seed = experiment.hysteresis, experiment.temperature.low, experiment.start.seed
    fields = settings.steps + 1
    if T == 0:
        return relaxing(shake_deg=settings.shake_deg, seed=seed), f"relaxed at each of {fields} fields"
    settle = heated(temperature_K=T, axis=axis, dwell=settings.dwell, seed=seed)
    fastest = 2 * settings.max_T / settings.steps / settings.dwell
    return settle, f"{settings.dwell * 1e9:g} ns or more at each of {fields} fields (at most {fastest:.1e} T/s)"


def _geometry(experiment: Experiment) -> str:
    film = experiment.film
    height, width = (n * d * 1e9 for n, d in zip(film.shape, experiment.cell[1:], strict=True))
    extent = "infinite film" if film.boundary == "periodic" else f"piece of {width:.4g} x {height:.4g} nm with edges"
    return extent if film.demag else f"{extent}, no demagnetising field"
