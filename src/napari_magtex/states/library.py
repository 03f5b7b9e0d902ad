"""The library of simulated states that the classifier learns from: built by one command, resumable, checked.

``python -m napari_magtex.states.library --per-state 900`` simulates batches of every recipe, keeps those that
`checks.identify` confirms, and counts what it drops. Each batch is one file in the cache folder, written beside and
renamed; a second run goes on where the first one stopped, with the same result for the same seed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import multiprocessing
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np
import torch

from napari_magtex.compute import Progress, cache_folder
from napari_magtex.files import replacing
from napari_magtex.states.definitions import State
from napari_magtex.states.recipes import RECIPES, Recipe
from napari_magtex.states.simulate import BATCH, VERSION, confirmed_batch
from napari_magtex.texture import Lattice, SpinTexture

_SPLITS = ("test", "test", "validation", *("train",) * 7)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Simulation:
    """A texture whose state the physics confirmed, and the split that it belongs to for good.

    ``kT`` is its temperature as an energy, in that of two neighbours, J: 0 where it is relaxed.
    """

    state: State
    texture: SpinTexture
    split: str
    recipe: str
    periodic: bool
    kT: float = 0.0


def library_folder(seed: int = 0) -> Path:
    """Return where the library of a seed lives."""
    return cache_folder() / "states" / f"recipes{VERSION}-seed{seed}"


def load_library(
    folder: Path | None = None, *, split: str | None = None, only: State | None = None
) -> list[Simulation]:
    """Read every simulation of a library, or of one of its splits, or of one state."""
    simulations = []
    for path in sorted((folder or library_folder()).glob("*.npz")):
        with np.load(path, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            state, lattice = State(about["state"]), Lattice(about["lattice"])
            if only not in (None, state):
                continue
            for m, index, kT in zip(stored["m"], stored["index"].tolist(), stored["kT"].tolist(), strict=True):
                own = _SPLITS[index % len(_SPLITS)]
                if split in (None, own):
                    texture = SpinTexture.from_layer(m.astype(np.float32), lattice=lattice)
                    simulations.append(Simulation(state, texture, own, about["recipe"], about["periodic"], kT))
    return simulations


def census(folder: Path | None = None) -> dict[str, dict[str, int]]:
    """Count what became of all the simulations of each recipe: ``kept``, or why each other was dropped."""
    count: dict[str, Counter[str]] = {}
    for path in sorted((folder or library_folder()).glob("*.npz")):
        with np.load(path, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            of_recipe = count.setdefault(about["recipe"], Counter())
            of_recipe.update(kept=len(stored["index"]), **about["dropped"])
    return {recipe: dict(of_recipe) for recipe, of_recipe in count.items()}


def build_library(
    per_state: int, *, seed: int = 0, processes: int = 2, only: State | None = None
) -> Iterator[Progress | Path]:
    """Simulate until every state, or one, has so many confirmed textures; resumable, the same whatever came before."""
    folder = library_folder(seed)
    folder.mkdir(parents=True, exist_ok=True)
    of_all = shares(per_state)
    wanted = {recipe: of_all[recipe.name] for recipe in RECIPES if only in (None, recipe.state)}
    with multiprocessing.get_context("spawn").Pool(processes, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        while True:
            have = {recipe: of_recipe["kept"] for recipe, of_recipe in census(folder).items()}
            missing = {recipe: max(0, count - have.get(recipe.name, 0)) for recipe, count in wanted.items()}
            total = sum(wanted.values())
            yield Progress(total - sum(missing.values()), total, "simulations")
            # never more batches than it takes if all is kept: so the same ones are made, however often it is stopped
            jobs = [
                (recipe, seed, number, folder)
                for recipe, lacking in missing.items()
                for number in _next(folder, recipe, ceil(lacking / BATCH))
            ]
            if not jobs:
                break
            for name, kept, dropped in pool.imap_unordered(simulate_to_file, jobs):
                log.info("%s: kept %d, dropped %s", name, kept, dropped or "none")
    yield folder


def shares(per_state: int) -> dict[str, int]:
    """Divide the simulations of each state among its recipes, by their weights."""
    weight: Counter[State] = Counter()
    for recipe in RECIPES:
        weight[recipe.state] += recipe.weight  # type: ignore[assignment]
    return {recipe.name: ceil(per_state * recipe.weight / weight[recipe.state]) for recipe in RECIPES}


def _next(folder: Path, recipe: Recipe, count: int) -> list[int]:
    """Return the numbers of the next batches of a recipe; those of an interrupted run first."""
    numbers: list[int] = []
    number = 0
    while len(numbers) < count:
        if not _path(folder, recipe, number).exists():
            numbers.append(number)
        number += 1
    return numbers


def _path(folder: Path, recipe: Recipe, number: int) -> Path:
    return folder / f"{recipe.name}.{number:04d}.npz"


def simulate_to_file(job: tuple[Recipe, int, int, Path]) -> tuple[str, int, dict[str, int]]:
    """Simulate one batch and store what is confirmed; return its name, how many that is, and what was dropped."""
    recipe, seed, number, folder = job
    path = _path(folder, recipe, number)
    batch = confirmed_batch(recipe, seed, number)
    about = {
        "recipe": recipe.name,
        "state": recipe.state,
        "lattice": batch.lattice,
        "periodic": batch.periodic,
        "dropped": batch.dropped,
    }
    spins = list(batch.spins.values())
    with replacing(path) as beside, beside.open("wb") as file:
        np.savez_compressed(
            file,
            m=np.stack(spins).astype(np.float16) if spins else np.zeros((0, 1, 1, 3), np.float16),
            index=np.array([number * BATCH + i for i in batch.spins], int),
            kT=np.array([batch.kT[i] for i in batch.spins], np.float32),
            about=json.dumps(about),
        )
    return path.stem, len(spins), batch.dropped


def simulate_recipe(name: str, *, seed: int) -> SpinTexture:
    """Return one confirmed texture at rest of a recipe, the first that a seed gives; the library itself uses seed 0."""
    recipe = next(r for r in RECIPES if r.name == name)
    for number in itertools.count():
        batch = confirmed_batch(recipe, seed, number)
        for i, spins in batch.spins.items():
            if batch.kT[i] == 0:
                return SpinTexture.from_layer(spins, lattice=batch.lattice)
    raise AssertionError("unreachable")


def main() -> None:
    """Build the library from the command line."""
    parser = argparse.ArgumentParser(description="Simulate the nine states.")
    parser.add_argument("--per-state", type=int, default=900)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", type=State, choices=list(State), metavar="STATE", help="one state, as fm_skyrmions")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for step in build_library(options.per_state, seed=options.seed, processes=options.processes, only=options.only):
        log.info("%s", step)
    for name, counts in census(library_folder(options.seed)).items():
        log.info("%s: %s", name, counts)


if __name__ == "__main__":
    main()
