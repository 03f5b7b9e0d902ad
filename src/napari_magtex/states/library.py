"""The library of simulated states that the classifier learns from: built by one command, resumable, checked.

``python -m napari_magtex.states.library --per-state 750`` relaxes batches of every recipe, keeps those that
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
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from napari_magtex.compute import Progress, cache_folder
from napari_magtex.physics.relax import relax
from napari_magtex.states.checks import identify
from napari_magtex.states.definitions import State
from napari_magtex.states.recipes import RECIPES, Draw, Recipe, turned
from napari_magtex.texture import Lattice, SpinTexture

VERSION = 1  # of the recipes: another one gets a folder of its own
_BATCH = 12
_SIDES = (40, 48, 56, 64, 80, 96)
_TOLERANCE = 3e-4  # torque over stiffness: textures stand still long before
_SPLITS = ("test", "test", "validation", *("train",) * 7)

log = logging.getLogger(__name__)

Spins = NDArray[np.float32]


@dataclass(frozen=True)
class Simulation:
    """A relaxed texture whose state the physics confirmed, and the split that it belongs to for good."""

    state: State
    texture: SpinTexture
    split: str
    recipe: str
    periodic: bool


def library_folder(seed: int = 0) -> Path:
    """Return where the library of a seed lives."""
    return cache_folder() / "states" / f"recipes{VERSION}-seed{seed}"


def load_library(folder: Path | None = None, *, split: str | None = None) -> list[Simulation]:
    """Read every simulation of a library, or of one of its splits."""
    simulations = []
    for path in sorted((folder or library_folder()).glob("*.npz")):
        with np.load(path, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            for m, index in zip(stored["m"], stored["index"].tolist(), strict=True):
                own = _SPLITS[index % len(_SPLITS)]
                if split in (None, own):
                    texture = SpinTexture.from_layer(m.astype(np.float32), lattice=Lattice(about["lattice"]))
                    simulation = Simulation(State(about["state"]), texture, own, about["recipe"], about["periodic"])
                    simulations.append(simulation)
    return simulations


def build_library(per_state: int, *, seed: int = 0, processes: int = 2) -> Iterator[Progress | Path]:
    """Simulate until every state has so many confirmed textures; resumable."""
    folder = library_folder(seed)
    folder.mkdir(parents=True, exist_ok=True)
    share = Counter(recipe.state for recipe in RECIPES)
    rounds = 0
    with multiprocessing.get_context("spawn").Pool(processes, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        while True:
            have = _confirmed(folder)
            short = [r for r in RECIPES if have[r.name] * share[r.state] < per_state]
            yield Progress(sum(min(have[r.name], per_state // share[r.state]) for r in RECIPES), per_state * len(State))
            if not short:
                break
            jobs = [(recipe, seed, rounds, folder) for recipe in short]
            for name, kept, dropped in pool.imap_unordered(_simulate, jobs):
                log.info("%s: kept %d, dropped %d", name, kept, dropped)
            rounds += 1
    yield folder


def _confirmed(folder: Path) -> Counter[str]:
    """Count the simulations of each recipe."""
    count: Counter[str] = Counter()
    for path in folder.glob("*.npz"):
        with np.load(path, allow_pickle=False) as stored:
            count[path.stem.rsplit(".", 1)[0]] += len(stored["index"])
    return count


def _simulate(job: tuple[Recipe, int, int, Path]) -> tuple[str, int, int]:
    """Relax, check and store one batch; a batch that is there already is left alone."""
    recipe, seed, number, folder = job
    path = folder / f"{recipe.name}.{number:04d}.npz"
    if path.exists():
        return path.stem, 0, 0
    kept, lattice, periodic = _confirmed_batch(recipe, seed, number)
    about = {"recipe": recipe.name, "state": recipe.state, "lattice": lattice, "periodic": periodic}
    beside = path.with_name(f".{path.name}.part.npz")
    stored = np.stack(list(kept.values())).astype(np.float16) if kept else np.zeros((0, 1, 1, 3), np.float16)
    index = np.array([number * _BATCH + i for i in kept], int)
    np.savez_compressed(beside, m=stored, index=index, about=json.dumps(about))
    beside.replace(path)
    return path.stem, len(kept), _BATCH - len(kept)


def simulate_recipe(name: str, *, seed: int) -> SpinTexture:
    """Return one confirmed texture of a recipe, the first that a seed gives; the library itself uses seed 0."""
    recipe = next(r for r in RECIPES if r.name == name)
    batches = (_confirmed_batch(recipe, seed, number) for number in itertools.count())
    kept, lattice, _ = next(batch for batch in batches if batch[0])
    return SpinTexture.from_layer(next(iter(kept.values())), lattice=lattice)


def _confirmed_batch(recipe: Recipe, seed: int, number: int) -> tuple[dict[int, Spins], Lattice, bool]:
    """Relax one batch of a recipe; return the spins (ny, nx, 3) of those confirmed, by their place in the batch."""
    rng = np.random.default_rng([VERSION, seed, RECIPES.index(recipe), number])
    lattice = recipe.lattices[number % len(recipe.lattices)]
    periodic = recipe.state in (State.AFM_IN_PLANE_SKYRMIONS, State.FM_IN_PLANE_SKYRMIONS) or bool(rng.random() < 0.7)
    ny, nx = (int(n) for n in rng.choice(_SIDES, 2))
    if recipe.state is State.NEEL_120:  # so that its three sublattices close
        ny, nx = ny // 6 * 6, nx // 6 * 6
    draw = Draw(rng, _BATCH, (ny, nx), lattice, periodic, recipe.antiferromagnetic)
    model, start = recipe.prepare(draw)
    relaxed = relax(model, start, tolerance=_TOLERANCE, max_steps=3000)
    kept: dict[int, Spins] = {}
    for i in range(_BATCH):
        spins = turned(relaxed.m[i], rng) if recipe.turned else relaxed.m[i]
        m = spins.permute(1, 2, 0).contiguous().numpy()
        if bool(relaxed.converged[i]) and identify(m, lattice, periodic=periodic) is recipe.state:
            kept[i] = m
    return kept, lattice, periodic


def main() -> None:
    """Build the library from the command line."""
    parser = argparse.ArgumentParser(description="Simulate the nine states.")
    parser.add_argument("--per-state", type=int, default=750)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for step in build_library(options.per_state, seed=options.seed, processes=options.processes):
        log.info("%s", step)


if __name__ == "__main__":
    main()
