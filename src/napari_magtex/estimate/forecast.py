"""How long making an estimator will take here: from a few small films and a step of training, timed."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from safetensors import SafetensorError, safe_open

from napari_magtex.compute import Device, Progress, torch_device
from napari_magtex.estimate.experiment import Experiment, digest, physics
from napari_magtex.estimate.films import relax_films
from napari_magtex.estimate.pace import in_words
from napari_magtex.estimate.sets import Split, parameter_sets
from napari_magtex.estimate.simulate import films_kept, processes_for
from napari_magtex.estimate.train import checkpoint_path, refuse_untrainable, step_seconds

_SIDE = 64  # cells of a film that is timed: larger ones cost as much a cell
_FILMS = {"cpu": 2, "cuda": 64, "mps": 16}  # timed together
_CELL_SECONDS: dict[tuple[str, str], float] = {}  # of films that were timed in this process


@dataclass(frozen=True)
class Forecast:
    """What is to be done, what of it is kept from a run before, and what a film and a step cost here, in seconds."""

    films: int
    films_kept: int
    film_seconds: float
    processes: int
    steps: int
    steps_kept: int
    step_seconds: float

    @property
    def seconds(self) -> float:
        """Of what is left."""
        films, steps = self.films - self.films_kept, self.steps - self.steps_kept
        return films * self.film_seconds / self.processes + steps * self.step_seconds

    def __str__(self) -> str:
        at_once = f", {self.processes} at once" if self.processes > 1 else ""
        films, steps = self.films - self.films_kept, self.steps - self.steps_kept
        return (
            f"about {in_words(self.seconds)}: {films} films of {self.film_seconds:.2g} s{at_once}, {steps} steps of "
            f"{self.step_seconds:.2g} s, as timed on this machine just now"
        )


def forecast(experiment: Experiment, *, device: Device | str = Device.AUTO) -> Iterator[Progress | Forecast]:
    """Foretell how long `train_estimator` takes, within a factor of two.

    Two films of at most 64 x 64 cells are relaxed under the experiment's conditions, and a network takes a step; either
    is timed once in a process.

    Yields
    ------
    Progress between the two, and last the Forecast.

    Raises
    ------
    BadExperiment
        The experiment cannot be trained.
    """
    refuse_untrainable(experiment)
    yield Progress(0, 2, "timing films")
    film = _cell_seconds(experiment, device) * math.prod(experiment.film.shape)
    yield Progress(1, 2, "timing steps")
    step = step_seconds(experiment, device)
    films = sum(len(parameter_sets(experiment, split)) for split in Split)
    yield Forecast(
        films=films,
        films_kept=films_kept(experiment),
        film_seconds=film,
        processes=processes_for(experiment, films, device),
        steps=experiment.training.steps,
        steps_kept=_steps_kept(experiment),
        step_seconds=step,
    )


def _cell_seconds(experiment: Experiment, device: Device | str) -> float:
    """Time some films on one thread, as they are simulated; return the seconds for each of their cells."""
    import torch

    ny, nx = (min(_SIDE, n) for n in experiment.film.shape)
    small = replace(experiment, film=replace(experiment.film, shape=(ny, nx)))
    place = torch_device(device)
    key = digest(physics(small.to_dict())), str(place)
    if key not in _CELL_SECONDS:
        sets = parameter_sets(small, Split.TRAIN)
        rows = np.linspace(0, len(sets) - 1, _FILMS[place.type]).round().astype(int)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            began = time.perf_counter()
            relax_films(small, sets[rows], rows.tolist(), device=device)
            _CELL_SECONDS[key] = (time.perf_counter() - began) / (len(rows) * ny * nx)
        finally:
            torch.set_num_threads(threads)
    return _CELL_SECONDS[key]


def _steps_kept(experiment: Experiment) -> int:
    try:
        with safe_open(checkpoint_path(experiment), framework="pt") as stored:
            return min(int((stored.metadata() or {})["step"]), experiment.training.steps)
    except (OSError, SafetensorError, KeyError, ValueError):
        return 0
