"""The films of an experiment, relaxed in batches and kept in the cache, so that a stopped run goes on."""

from __future__ import annotations

import contextlib
import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_magtex.compute import Device, Progress, cache_folder, torch_device
from napari_magtex.errors import BadExperiment, MagtexError
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.sets import Split, parameter_sets
from napari_magtex.physics.film import Film
from napari_magtex.physics.relax import relax
from napari_magtex.physics.starts import helix_start, paint_skyrmion, random_start, uniform_start
from napari_magtex.texture import Lattice, SpinTexture

if TYPE_CHECKING:
    from torch import Tensor

CHUNK = 8  # films in a file: seconds of work on one core
SETTLED = 1e-5  # of the stiffness: at 1e-4 labyrinths still move by whole domains
_MAX_STEPS = 20_000
ENGINE = 1  # counts changes after which the films of the cache are no longer what would be simulated


@dataclass(frozen=True, eq=False)
class Films:
    """Relaxed films of one split: ``m`` (n, 3, ny, nx) float32, ``constants`` (n, constants) SI, ``converged`` (n,)."""

    split: Split
    constants: NDArray[np.float64]
    m: NDArray[np.float32]
    converged: NDArray[np.bool_]


def simulate_films(experiment: Experiment, *, device: Device | str = Device.AUTO) -> Iterator[Progress | list[Films]]:
    """Relax the films of every split, or read those that the cache has.

    Yields
    ------
    Progress after each chunk of films, and last one `Films` a split, without the few that did not converge.
    """
    refuse_heat(experiment)
    folder = films_folder(experiment)
    sets = {split: parameter_sets(experiment, split) for split in Split}
    total = sum(map(len, sets.values()))
    done = 0
    everything = []
    for split, constants in sets.items():
        parts = []
        for first in range(0, len(constants), CHUNK):
            yield Progress(done, total, "simulating films")
            chunk = constants[first : first + CHUNK]
            path = folder / f"{split}-{first:05d}.npz"
            found = _read(path, len(chunk), experiment.film.shape)
            if found is None:
                seeds = [(experiment.start.seed, split.number, first + i) for i in range(len(chunk))]
                found = _relax(experiment, chunk, seeds, device)
                _write(path, *found)
            parts.append(found)
            done += len(chunk)
        m, converged = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        everything.append(Films(split, constants[converged], m[converged], converged))
    yield Progress(total, total, "simulating films")
    yield everything


def simulate_state(experiment: Experiment, *, device: Device | str = Device.AUTO) -> SpinTexture:
    """Relax the one film of an experiment whose constants are all numbers.

    Raises
    ------
    BadExperiment
        A constant is a range, the experiment asks for heat, or the film did not settle.
    """
    if experiment.estimated:
        raise BadExperiment(f"[parameters] {', '.join(experiment.estimated)} vary: one state needs a number for each")
    refuse_heat(experiment)
    constants = np.array([[p.low for p in experiment.parameters.values()]])
    m, converged = _relax(experiment, constants, [(experiment.start.seed,)], device, tolerance=1e-6)
    if not converged[0]:
        raise BadExperiment("the film did not settle within the steps that are allowed: try another seed or start")
    meta = {"experiment": experiment.to_dict(), "field_T": experiment.conditions.field_T}
    saturation = experiment.parameters["Ms"].low
    return SpinTexture.from_layer(np.moveaxis(m[0], 0, -1), cell=experiment.cell, saturation=saturation, meta=meta)


def films_folder(experiment: Experiment) -> Path:
    """Return the folder of the cache for the films: neither their number nor how they are seen matters to it."""
    physics = experiment.hash("conditions", "film", "parameters", "start")
    return cache_folder() / "estimator" / f"films-{ENGINE}-{physics}"


def refuse_heat(experiment: Experiment) -> None:
    """Say so where a temperature is asked for: the engine relaxes, it does not heat yet."""
    if experiment.conditions.temperature_K > 0 or experiment.start.anneal_K > 0:
        raise BadExperiment(
            f"temperature_K = {experiment.conditions.temperature_K:g} and anneal_K = {experiment.start.anneal_K:g}: "
            "films are relaxed without heat in this version, set both to 0"
        )


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
    return Film(shape, experiment.cell, **(options | dict(constants) | changes))  # type: ignore[arg-type]


def _relax(
    experiment: Experiment,
    constants: NDArray[np.float64],
    seeds: Sequence[tuple[int, ...]],
    device: Device | str,
    tolerance: float = SETTLED,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Relax a batch through the field path; return m (batch, 3, ny, nx) and whether each converged."""
    import torch

    place = torch_device(device)
    columns = {name: torch.as_tensor(constants[:, i]) for i, name in enumerate(experiment.parameters)}
    film = film_of(experiment, columns, device=place)
    m = torch.cat([_start(experiment, film, i, seed) for i, seed in enumerate(seeds)]).to(place)
    fields = [*experiment.start.field_path_T, experiment.conditions.field_T]
    for field in fields:
        film = film_of(experiment, columns, device=place, field_T=field)
        relaxed = relax(film, m, tolerance=tolerance, max_steps=_MAX_STEPS)
        m = relaxed.m
    return relaxed.m.float().cpu().numpy(), relaxed.converged.cpu().numpy()


def _start(experiment: Experiment, film: Film, index: int, seed: tuple[int, ...]) -> Tensor:
    """Return the state (1, 3, ny, nx) that one film is relaxed from."""
    import torch

    shape: tuple[int, int] = experiment.film.shape  # type: ignore[assignment]
    kind = experiment.start.kind
    if kind == "random":
        generator = torch.Generator().manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
        return random_start(1, shape, generator)
    field = experiment.conditions.field_T
    if kind == "uniform":
        return uniform_start(1, shape, field if any(field) else (0.0, 0.0, 1.0))
    A, D = float(film.A[index]), float(film.D[index])
    period = 4 * math.pi * A / max(abs(D), 1e-9) / experiment.film.cell[0]
    if kind == "helix":
        turns = max(1, round(shape[1] / period))
        return helix_start(shape, shape[1] / turns, 0.0, dmi=experiment.film.dmi, D_sign=math.copysign(1, D))
    candidates = [_skyrmions(shape, period, sense, experiment.film.dmi) for sense in (1.0, -1.0)]
    chosen = film.select(torch.tensor([index], device=film.A.device))
    return min(candidates, key=lambda m: float(chosen.energy(m.to(chosen.A))))


def _skyrmions(shape: tuple[int, int], period: float, sense: float, dmi: str) -> Tensor:
    """Return a hexagonal lattice of skyrmions, a helix period between its rows, that closes at the edges."""
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


def _read(path: Path, count: int, shape: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.bool_]] | None:
    """Return a chunk of the cache, or None where it is missing or damaged."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            m, converged = stored["m"], stored["converged"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return (m, converged) if m.shape == (count, 3, *shape) and converged.shape == (count,) else None


def _write(path: Path, m: NDArray[np.float32], converged: NDArray[np.bool_]) -> None:
    """Write a chunk beside its place, then rename it."""
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as stream:
            np.savez(stream, m=m, converged=converged)
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise MagtexError(
            f"{path.parent}: the simulated films cannot be stored ({error.strerror}); nothing is lost, "
            "make room and start again"
        ) from error
