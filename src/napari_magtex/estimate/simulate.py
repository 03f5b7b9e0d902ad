"""Simulate an experiment: one state, a table of films, or the films that an estimator is trained on."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.filesize import decimal

from napari_magtex import __version__
from napari_magtex.compute import Device, Progress, cache_folder, free_memory, how_many_fit, torch_device
from napari_magtex.errors import BadExperiment, MagtexError
from napari_magtex.estimate.experiment import Experiment, digest, physics
from napari_magtex.estimate.films import ENGINE, film_bytes, film_name, film_seed, relax_films
from napari_magtex.estimate.sets import Split, parameter_sets
from napari_magtex.estimate.spectrum import is_uniform
from napari_magtex.estimate.table import Table
from napari_magtex.estimate.workers import Workers, cluster, cores, here
from napari_magtex.picture import Contrast
from napari_magtex.texture import SpinTexture

FIRST = 8  # films tell whether the ranges make a texture
_CELLS_AT_ONCE = {"cpu": 2**16, "cuda": 2**20, "mps": 2**18}  # more in a batch gain nothing
_WORTH_PROCESSES = 2**18  # cells to relax, some ten seconds: below it processes cost more than they bring
_PROCESS_BYTES = 600_000_000  # of one that holds torch
_ROW_BYTES = 1000  # of a film's figures, generously


@dataclass(frozen=True, eq=False)
class Films:
    """Relaxed films of one split: ``m`` (n, 3, ny, nx) float32, ``constants`` (n, constants) SI, ``converged`` (n,)."""

    split: Split
    constants: NDArray[np.float64]
    m: NDArray[np.float32]
    converged: NDArray[np.bool_]


def simulate_state(experiment: Experiment, *, device: Device | str = Device.AUTO) -> SpinTexture:
    """Relax the one film of an experiment whose constants are all numbers.

    Raises
    ------
    BadExperiment
        A constant is a range, or the film did not settle.
    """
    if experiment.estimated:
        varying = ", ".join(experiment.estimated)
        raise BadExperiment(
            f"[parameters] {varying} vary: one state needs a number for each, a table of all of them is a .zarr"
        )
    seed = film_seed(experiment, Split.TRAIN, 0)
    film = relax_films(experiment, parameter_sets(experiment, Split.TRAIN), [seed], device=device, tolerance=1e-6)
    if not film["converged"][0]:
        raise BadExperiment("the film did not settle within the steps that are allowed: try another seed or start")
    meta = {"experiment": experiment.to_dict(), "field_T": experiment.conditions.field_T}
    saturation = experiment.parameters["Ms"].low
    return SpinTexture.from_layer(
        np.moveaxis(film["m"][0], 0, -1), cell=experiment.cell, saturation=saturation, meta=meta
    )


def simulate_table(
    experiment: Experiment,
    path: str | Path,
    *,
    split: Split = Split.TRAIN,
    device: Device | str = Device.AUTO,
    scheduler: str | None = None,
    processes: int | None = None,
    chunk: int | None = None,
) -> Iterator[Progress | Table]:
    """Simulate a film for every set of constants into one zarr dataset, or go on with it where it stopped.

    A film depends on its constants and its seed alone, and one thread computes it: on machines of one kind the table is
    the same to the last bit, however it was chunked, by how many processes or workers it was computed, and how often it
    was killed.

    Parameters
    ----------
    path
        The dataset, a folder: `docs/dataset.md` tells what is in it.
    split
        The sets of `parameter_sets`; by default those to train on.
    scheduler
        Address of a dask scheduler whose workers compute. They send what they computed here, where it is written, so
        they need not share this machine's disk. Default: this machine.
    processes
        On this machine's cores; default: torch's number of threads, if there is work for them and memory.
    chunk
        Films in a chunk, which is a file and a task; default: as many as gain from each other's company. A table that
        is there keeps its own.

    Yields
    ------
    Progress after each chunk, and last the `Table`. Films that did not settle are in it, ``converged`` tells.

    Raises
    ------
    MagtexError
        One film does not fit the memory, the table not the disk, or the path holds something else.
    SchedulerUnavailable
        No scheduler answers there.

    Notes
    -----
    It may start processes, so a script calls it under ``if __name__ == "__main__":``.
    """
    films = len(parameter_sets(experiment, split))
    with _workers(experiment, films, device, scheduler, processes) as workers:
        table = Table.open(Path(path), experiment, split, chunk or _films_at_once(experiment, device, scheduler))
        yield from _fill(table, films, experiment, device, workers)
    yield table


def simulate_films(
    experiment: Experiment, *, device: Device | str = Device.AUTO
) -> Generator[Progress | Films | list[Films], None, None]:
    """Relax the films of every split, or read those that the cache has.

    Yields
    ------
    Progress after each chunk of films; once, as soon as they are there, the `Films` of `FIRST` sets to train on; and
    last one `Films` a split, without the few that did not converge.

    Raises
    ------
    BadExperiment
        None of the first films has a texture. They are those that should wind most, so neither will the others.
    """
    counts = {split: len(parameter_sets(experiment, split)) for split in Split}
    total, done, everything = sum(counts.values()), 0, []
    with _workers(experiment, total, device) as workers:
        for split, count in counts.items():
            table = Table.open(table_path(experiment, split), experiment, split, _films_at_once(experiment, device))
            waiting = split is Split.TRAIN
            if waiting and not table.read("done", slice(count)).any():
                yield from _try_cold(table, count, experiment, device, workers)
            for step in _fill(table, count, experiment, device, workers, key=_likely_uniform(experiment)):
                yield Progress(done + step.done, total, step.what)
                if waiting and (first := _first_films(table, count, experiment)) is not None:
                    yield first
                    waiting = False
            done += count
            converged = table.read("converged", slice(count))
            constants = table.constants(experiment, slice(count))
            everything.append(Films(split, constants[converged], table.read("m", slice(count))[converged], converged))
    yield everything


def table_path(experiment: Experiment, split: Split) -> Path:
    """Return where the cache keeps the films of a split."""
    return films_folder(experiment) / f"{split}.zarr"


def films_folder(experiment: Experiment) -> Path:
    """Return the folder of the cache for the films: neither their number nor how they are seen matters to it."""
    return cache_folder() / "estimator" / f"films-{ENGINE}-{digest(physics(experiment.to_dict()))}"


def films_kept(experiment: Experiment) -> int:
    """Return how many of an experiment's films the cache holds already."""
    paths = [(table_path(experiment, split), len(parameter_sets(experiment, split))) for split in Split]
    return sum(int(Table.at(path).read("done", slice(count)).sum()) for path, count in paths if path.exists())


def table_bytes(experiment: Experiment, films: int) -> int:
    """Return what films take on disk, at most."""
    return films * (math.prod(experiment.film.shape) * 3 * np.dtype(np.float32).itemsize + _ROW_BYTES)


def _likely_uniform(experiment: Experiment) -> Callable[[NDArray[np.float64]], float]:
    """Return what orders sets of constants (sets, constants): -D^2/(A Ms), the field up to which the best one winds.

    D is that of both kinds together.
    """
    names = list(experiment.parameters)
    A, Ms, kinds = names.index("A"), names.index("Ms"), [names.index(name) for name in ("D", "Di") if name in names]
    return lambda sets: -float((np.square(sets[:, kinds]).sum(axis=1) / (sets[:, A] * sets[:, Ms])).max())


def _try_cold(
    table: Table, count: int, experiment: Experiment, device: Device | str, workers: Workers
) -> Iterator[Progress]:
    """Of an experiment in heat, relax the first films at T = 0: heat roughens what is uniform, and takes longer."""
    if not experiment.temperature.high:
        return
    sets, seeds = table.constants(experiment, slice(count)), table.read("seed", slice(count))
    key = _likely_uniform(experiment)
    rows = np.array(sorted(range(count), key=lambda row: key(sets[row : row + 1]))[:FIRST])
    cold = replace(experiment, conditions=replace(experiment.conditions, temperature_K=0.0))
    sets[:, [name == "T" for name in experiment.parameters]] = 0.0
    parts = np.array_split(rows, min(len(rows), workers.tasks()))
    jobs = ((n, (ENGINE, cold, sets[part], seeds[part].tolist(), str(device))) for n, part in enumerate(parts))
    found: list[NDArray[np.float32]] = []
    yield Progress(0, len(rows), "trying films at 0 K")
    for _, films in workers.run(_relax_chunk, jobs):
        found += list(films["m"])
        yield Progress(len(found), len(rows), "trying films at 0 K")
    _refuse_uniform(found, len(found), cold)


def _first_films(table: Table, count: int, experiment: Experiment) -> Films | None:
    """Return some films as soon as enough are there, and refuse the experiment where all that are there are uniform."""
    held = [np.arange(rows.start, min(rows.stop, count)) for rows in table.chunks if table.holds(rows)]
    there = np.concatenate([np.arange(0), *held])
    if len(there) < min(FIRST, count):
        return None
    _refuse_uniform((table.read("m", slice(row, row + 1))[0] for row in there), len(there), experiment)
    rows = there[np.unique(np.linspace(0, len(there) - 1, FIRST).round().astype(int))]
    m = np.stack([table.read("m", slice(row, row + 1))[0] for row in rows])
    constants, converged = table.constants(experiment, slice(count)), table.read("converged", slice(count))
    return Films(Split.TRAIN, constants[rows], m, converged[rows])


def _refuse_uniform(films: Iterable[NDArray[np.float32]], count: int, experiment: Experiment) -> None:
    """Raise where all of some films are uniform."""
    if all(is_uniform(m, Contrast.SPIN) for m in films):
        raise BadExperiment(_no_texture(experiment, count))


def _no_texture(experiment: Experiment, tried: int) -> str:
    """Say that every film tried is uniform, and what of the ranges is likely to be the cause."""
    parameters, field = experiment.parameters, float(np.linalg.norm(experiment.conditions.field_T))
    strongest = experiment.dmi_range[1]
    saturating = strongest**2 / (2 * parameters["A"].low * parameters["Ms"].low)
    side = min(n * d for n, d in zip(experiment.film.shape, experiment.cell[1:], strict=True))
    helix = experiment.period_range()[0]
    if strongest == 0:
        advice = (
            "there is no DMI, and stray fields alone make no texture here: lower the field or Ku, enlarge the film, or "
            "choose another start"
        )
    elif helix > side:
        advice = f"the shortest helix, {1e9 * helix:.3g} nm, is longer than the film, {1e9 * side:.3g} nm: enlarge it"
    elif field > saturating:
        advice = (
            f"the field is {1e3 * field:.4g} mT, and from D^2/(2 A Ms) = {1e3 * saturating:.4g} mT on nothing winds in "
            "the ranges: lower it, raise D, or lower A or Ms"
        )
    else:
        advice = "lower the field, Ku or A, raise D, or choose another start"
    return (
        f"{tried} of the first {tried} films are uniform (the variance of m is below 1e-3): nothing can be learned "
        f"from the ranges; {advice}"
    )


def _fill(
    table: Table,
    films: int,
    experiment: Experiment,
    device: Device | str,
    workers: Workers,
    key: Callable[[NDArray[np.float64]], float] | None = None,
) -> Iterator[Progress]:
    """Compute the chunks that a table lacks among its first films, least ``key`` of their sets first."""
    yield Progress(0, films, "looking at what is there")
    missing = [rows for rows in table.chunks if rows.start < films and not table.holds(rows)]
    if key is not None:
        missing.sort(key=lambda rows: key(table.constants(experiment, rows)))
    left = sum(rows.stop - rows.start for rows in missing)
    free = shutil.disk_usage(table.path).free
    if (needed := table_bytes(experiment, left)) > free:
        raise MagtexError(
            f"{table.path}: {left} films need {decimal(needed)} on disk, {decimal(free)} are free; what is there is "
            "kept: make room, or choose another place, and start again"
        )
    jobs = (
        (rows, (ENGINE, experiment, table.constants(experiment, rows), table.read("seed", rows).tolist(), str(device)))
        for rows in missing
    )
    yield Progress(max(0, films - left), films, "simulating films")
    for rows, chunk in workers.run(_relax_chunk, jobs):
        table.write(rows, chunk)
        left -= rows.stop - rows.start
        yield Progress(max(0, films - left), films, "simulating films")


def _relax_chunk(
    engine: int, experiment: Experiment, constants: NDArray[np.float64], seeds: Sequence[int], device: str
) -> dict[str, NDArray[Any]]:
    """Relax a chunk of films wherever this runs, on one thread: sums over several round otherwise."""
    import torch

    if engine != ENGINE:
        raise MagtexError(
            f"a worker has napari-magtex {__version__}, which simulates otherwise than the machine that asked it: "
            "install the same version on both"
        )
    torch.set_num_threads(1)
    return relax_films(experiment, constants, seeds, device=device)


def _workers(
    experiment: Experiment,
    films: int,
    device: Device | str,
    scheduler: str | None = None,
    processes: int | None = None,
) -> AbstractContextManager[Workers]:
    """Return who computes: a cluster, a process for each core, or, on a GPU and for little work, this process."""
    if scheduler is not None:
        return cluster(scheduler)
    place = torch_device(device)
    how_many_fit(film_bytes(experiment), film_name(experiment), place)
    processes = processes_for(experiment, films, device) if processes is None else processes
    return cores(processes) if processes > 1 else here()


def processes_for(experiment: Experiment, films: int, device: Device | str) -> int:
    """Return how many processes of this machine gain by sharing so many films: 1 on a GPU and for little work."""
    import torch

    place, chunk = torch_device(device), min(films, _films_at_once(experiment, device))
    if place.type != "cpu" or films * math.prod(experiment.film.shape) < _WORTH_PROCESSES:
        return 1
    fit = free_memory(place) // (_PROCESS_BYTES + chunk * film_bytes(experiment))
    return max(1, min(torch.get_num_threads(), math.ceil(films / chunk), fit))


def _films_at_once(experiment: Experiment, device: Device | str, scheduler: str | None = None) -> int:
    """Return how many films gain from each other's company on a device, or on the cores of a cluster."""
    cluster_of_cores = scheduler is not None and Device(device) is Device.AUTO
    kind = "cpu" if cluster_of_cores else torch_device(device).type
    return max(1, _CELLS_AT_ONCE[kind] // math.prod(experiment.film.shape))
