"""Simulate an experiment: one state, a table of films, or the films that an estimator is trained on."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
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
from napari_magtex.estimate.table import Table
from napari_magtex.estimate.workers import Workers, cluster, cores, here
from napari_magtex.texture import SpinTexture

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


def simulate_films(experiment: Experiment, *, device: Device | str = Device.AUTO) -> Iterator[Progress | list[Films]]:
    """Relax the films of every split, or read those that the cache has.

    Yields
    ------
    Progress after each chunk of films, and last one `Films` a split, without the few that did not converge.
    """
    counts = {split: len(parameter_sets(experiment, split)) for split in Split}
    total, done, everything = sum(counts.values()), 0, []
    with _workers(experiment, total, device) as workers:
        for split, count in counts.items():
            path = films_folder(experiment) / f"{split}.zarr"
            table = Table.open(path, experiment, split, _films_at_once(experiment, device))
            for step in _fill(table, count, experiment, device, workers):
                yield Progress(done + step.done, total, step.what)
            done += count
            converged = table.read("converged", slice(count))
            constants = table.constants(experiment, slice(count))
            everything.append(Films(split, constants[converged], table.read("m", slice(count))[converged], converged))
    yield everything


def films_folder(experiment: Experiment) -> Path:
    """Return the folder of the cache for the films: neither their number nor how they are seen matters to it."""
    return cache_folder() / "estimator" / f"films-{ENGINE}-{digest(physics(experiment.to_dict()))}"


def table_bytes(experiment: Experiment, films: int) -> int:
    """Return what films take on disk, at most."""
    return films * (math.prod(experiment.film.shape) * 3 * np.dtype(np.float32).itemsize + _ROW_BYTES)


def _fill(
    table: Table, films: int, experiment: Experiment, device: Device | str, workers: Workers
) -> Iterator[Progress]:
    """Compute the chunks that a table lacks among its first films."""
    yield Progress(0, films, "looking at what is there")
    missing = [rows for rows in table.chunks if rows.start < films and not table.holds(rows)]
    left = sum(rows.stop - rows.start for rows in missing)
    free = shutil.disk_usage(table.path).free
    if (needed := table_bytes(experiment, left)) > free:
        raise MagtexError(f"{table.path}: {left} films need {decimal(needed)} on disk, {decimal(free)} are free")
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
    import torch

    if scheduler is not None:
        return cluster(scheduler)
    place = torch_device(device)
    how_many_fit(film_bytes(experiment), film_name(experiment), place)
    if processes is None:
        chunk = min(films, _films_at_once(experiment, device))
        if place.type != "cpu" or films * math.prod(experiment.film.shape) < _WORTH_PROCESSES:
            return here()
        fit = free_memory(place) // (_PROCESS_BYTES + chunk * film_bytes(experiment))
        processes = min(torch.get_num_threads(), math.ceil(films / chunk), fit)
    return cores(processes) if processes > 1 else here()


def _films_at_once(experiment: Experiment, device: Device | str, scheduler: str | None = None) -> int:
    """Return how many films gain from each other's company on a device, or on the cores of a cluster."""
    cluster_of_cores = scheduler is not None and Device(device) is Device.AUTO
    kind = "cpu" if cluster_of_cores else torch_device(device).type
    return max(1, _CELLS_AT_ONCE[kind] // math.prod(experiment.film.shape))
