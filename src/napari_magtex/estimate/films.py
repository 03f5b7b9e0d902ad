"""Films: the constants and the seeds of an experiment, to films that are relaxed and what is measured on them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.constants import Boltzmann

from napari_magtex.compute import Device, how_many_fit, torch_device
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.parameters import CONSTANTS
from napari_magtex.estimate.sets import Split
from napari_magtex.physics.film import Film
from napari_magtex.physics.observables import OBSERVABLES, observables
from napari_magtex.physics.protocols import Protocol, prepare
from napari_magtex.physics.relax import Relaxed
from napari_magtex.physics.starts import helix_start, paint_skyrmion, random_start, uniform_start
from napari_magtex.texture import Lattice

if TYPE_CHECKING:
    from torch import Tensor

ENGINE = 5  # counts changes after which other films, or other figures of them, would come out
SETTLED = 1e-5  # of the stiffness: at 1e-4 labyrinths still move by whole domains
_MAX_STEPS = 20_000
_HEAT = 1  # told apart from a film's start by this, its heat has chance of its own
_BYTES_PER_CELL = 750  # at the peak; measured with 256^2 to 1024^2 cells: up to 229 periodic, 709 open


@dataclass(frozen=True)
class Column:
    """What is known of every film: its type, SI unit and meaning."""

    dtype: str
    unit: str
    meaning: str


_TERMS = ("exchange", "dmi", "anisotropy", "demag", "zeeman")
_OBSERVED = {"mean_x": "", "mean_y": "", "mean_z": "", "charge": "", "period": "m", "wall_length": "m"}
FIGURES = {
    "converged": Column("bool", "", "the film settled; where it did not, m is where it was stopped"),
    "torque": Column("float32", "", f"largest |m x B| left, over the stiffness; settled below {SETTLED:g}"),
    "steps": Column("int32", "", "steps of the last relaxation"),
    "energy": Column("float64", "J", "sum of the terms"),
    **{f"energy_{term}": Column("float64", "J", f"{term} energy of the whole film") for term in _TERMS},
    **{name: Column("float64", unit, OBSERVABLES[name]) for name, unit in _OBSERVED.items()},
}
"""What is measured on every film, beside ``m``."""


def film_of(experiment: Experiment, constants: Mapping[str, Tensor | float], **changes: object) -> Film:
    """Return the film of an experiment with given constants (batch,); ``changes`` replace what the experiment says."""
    settings = experiment.film
    options: dict[str, object] = {
        "Ku": settings.Ku,
        "field_T": experiment.conditions.field_T,
        "easy_axis": settings.easy_axis,
        "dmi": settings.dmi,
        "periodic": settings.boundary == "periodic",
        "demag": settings.demag,
    }
    shape: tuple[int, int] = settings.shape  # type: ignore[assignment]
    of_material = {name: values for name, values in constants.items() if name in CONSTANTS}
    return Film(shape, experiment.cell, **(options | of_material | changes))  # type: ignore[arg-type]


def protocol_of(experiment: Experiment, temperature_K: Tensor | float) -> Protocol:
    """Return the way to the state of an experiment: its field path, its heat and what of it a picture shows."""
    return Protocol(
        fields=(*experiment.start.field_path_T, experiment.conditions.field_T),
        anneal_kT=Boltzmann * experiment.start.anneal_K,
        kT=Boltzmann * temperature_K,
        averaged=experiment.picture.exposure == "averaged",
    )


def film_seed(experiment: Experiment, split: Split, row: int) -> int:
    """Return the seed of one film's random numbers, which nothing but its place in its table decides."""
    return int(np.random.SeedSequence((experiment.start.seed, split.number, row)).generate_state(1)[0])


def film_bytes(experiment: Experiment) -> int:
    """Return the memory that relaxing one film takes."""
    return math.prod(experiment.film.shape) * _BYTES_PER_CELL


def relax_films(
    experiment: Experiment,
    constants: NDArray[np.float64],
    seeds: Sequence[int],
    *,
    device: Device | str = Device.AUTO,
    tolerance: float = SETTLED,
) -> dict[str, NDArray[np.generic]]:
    """Simulate films as an experiment describes them, as many at once as the memory holds.

    Films know nothing of each other: with one thread to compute them, each comes out the same to the last bit in any
    company.

    Parameters
    ----------
    constants
        A row a film, its columns ``experiment.parameters`` in their order, in SI units.
    seeds
        Of each film's start.

    Returns
    -------
    dict
        ``m`` (films, 3, ny, nx) float32 and the `FIGURES`, each (films,). At a temperature ``m`` is a snapshot, or the
        average that an exposure shows, and the figures are of this m; ``converged``, ``torque`` and ``steps`` are those
        of the relaxation before it was warmed.

    Raises
    ------
    MagtexError
        Not even one film fits the memory.
    """
    place = torch_device(device)
    at_once = how_many_fit(film_bytes(experiment), film_name(experiment), place)
    batches = [slice(first, first + at_once) for first in range(0, len(seeds), at_once)]
    parts = [_relax(experiment, constants[rows], seeds[rows], place, tolerance) for rows in batches]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def film_name(experiment: Experiment) -> str:
    """Return what one film is called in a message."""
    ny, nx = experiment.film.shape
    return f"one film of {nx} x {ny} cells"


def _relax(
    experiment: Experiment, constants: NDArray[np.float64], seeds: Sequence[int], place: object, tolerance: float
) -> dict[str, NDArray[np.generic]]:
    """Bring one batch to the state that the experiment asks for."""
    import torch

    columns = {name: torch.as_tensor(constants[:, i]) for i, name in enumerate(experiment.parameters)}
    temperature = columns.get("T", experiment.conditions.temperature_K)
    film = film_of(experiment, columns, device=place)
    start = torch.cat([_start(experiment, film, i, seed) for i, seed in enumerate(seeds)]).to(film.device)
    heat = [int(np.random.SeedSequence((seed, _HEAT)).generate_state(1)[0]) for seed in seeds]
    relaxed = prepare(
        film, start, protocol_of(experiment, temperature), seeds=heat, tolerance=tolerance, max_steps=_MAX_STEPS
    )
    figures = {"m": relaxed.m} | _figures(experiment, film, relaxed)
    return {name: values.cpu().numpy().astype(_dtype(name)) for name, values in figures.items()}


def _figures(experiment: Experiment, film: Film, relaxed: Relaxed) -> dict[str, Tensor]:
    """Measure a batch: the columns of `FIGURES`."""
    import torch

    energies = film.energies(relaxed.m)
    if (other := energies.pop("interfacial_dmi", None)) is not None:
        energies["dmi"] = energies["dmi"] + other
    none = torch.zeros_like(relaxed.torque)
    _, dy, dx = film.cell
    measured = observables(relaxed.m, periodic=film.periodic, cell=(dy, dx), easy_axis=experiment.film.easy_axis)
    return {
        "converged": relaxed.converged,
        "torque": relaxed.torque,
        "steps": relaxed.steps,
        "energy": torch.stack(list(energies.values())).sum(dim=0),
        **{f"energy_{term}": energies.get(term, none) for term in _TERMS},
        **{name: measured[name] for name in _OBSERVED},
    }


def _dtype(name: str) -> str:
    return "float32" if name == "m" else FIGURES[name].dtype


def _start(experiment: Experiment, film: Film, index: int, seed: int) -> Tensor:
    """Return the state (1, 3, ny, nx) that one film is relaxed from."""
    import torch

    shape: tuple[int, int] = experiment.film.shape  # type: ignore[assignment]
    kind = experiment.start.kind
    if kind == "random":
        return random_start(1, shape, torch.Generator().manual_seed(seed))
    field = experiment.conditions.field_T
    if kind == "uniform":
        return uniform_start(1, shape, field if any(field) else (0.0, 0.0, 1.0))
    A, D = float(film.A[index]), float(film.D[index])
    period = 4 * math.pi * A / max(abs(D), 1e-9) / experiment.film.cell[0]
    if kind == "helix":
        turns = max(1, round(shape[1] / period))
        return helix_start(shape, shape[1] / turns, 0.0, dmi=experiment.film.dmi, D_sign=math.copysign(1, D))
    up = -1.0 if field[2] < 0 else 1.0
    candidates = [up * _skyrmions(shape, period, sense, experiment.film.dmi) for sense in (1.0, -1.0)]
    chosen = film.select(torch.tensor([index], device=film.device))
    return min(candidates, key=lambda m: float(chosen.energy(m.to(film.device))))


def _skyrmions(shape: tuple[int, int], period: float, sense: float, dmi: str) -> Tensor:
    """Return a hexagonal lattice of skyrmions, cores down, a helix period between its rows, closed at the edges."""
    m = uniform_start(1, shape, (0.0, 0.0, 1.0))
    rows = max(2, 2 * round(shape[0] / period / 2))
    columns = max(1, round(shape[1] / (period * 2 / math.sqrt(3))))
    helicity = sense * math.pi / 2 if dmi == "bulk" else (0.0 if sense > 0 else math.pi)
    for row in range(rows):
        for column in range(columns):
            x = (column + 0.25 + 0.5 * (row % 2)) * shape[1] / columns
            y = (row + 0.5) * shape[0] / rows
            paint_skyrmion(m[0], (x, y), period / 4, period / 8, helicity=helicity, lattice=Lattice.SQUARE)
    return m
