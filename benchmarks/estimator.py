"""Held-out errors of both networks on the same films, and what the shipped intervals cover.

    python benchmarks/estimator.py [spin] [lorentz] [--train]

The shipped estimators are measured as they are; Wang et al.'s network, which does not ship, is read from the cache, or
trained there first with ``--train`` (a quarter of an hour of one core for each contrast). Films that the cache lacks
are simulated.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from napari_magtex.compute import Device, Progress, cache_folder, drain
from napari_magtex.estimate.estimator import Estimator
from napari_magtex.estimate.evaluate import crops, held_out_figures
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.sets import Split
from napari_magtex.estimate.simulate import simulate_films
from napari_magtex.estimate.train import see, train_estimator
from napari_magtex.models.store import shipped

ROW = "{:<24}{:>10}{:>10}{:>10}{:>12}{:>12}{:>12}"


def main(arguments: list[str]) -> None:
    """Print a table for each contrast."""
    for contrast in [a for a in arguments if not a.startswith("-")] or ["spin", "lorentz"]:
        experiment = Experiment.from_toml(f"fege-{contrast}")
        films = drain(simulate_films(experiment), _report)
        seen = see(next(f for f in films if f.split is Split.TEST), experiment)
        size = "{} x {}".format(*seen.values.shape[2:])
        print(f"\n{contrast}: {len(seen.unit)} films of sets never trained, relaxed at T = 0, {size} cells")
        print(ROW.format("median error, %", "A", "D", "Ms", "covered A", "covered D", "covered Ms"))
        for name, estimator in _estimators(experiment, contrast, train="--train" in arguments):
            _print_row(name, held_out_figures(estimator, seen))
            for side in (96, 64, 40):
                cut = type(seen)(crops(seen.values, side, 1), seen.m, seen.unit)
                _print_row(f"  regions of {side} cells", held_out_figures(estimator, cut))
            started = time.perf_counter()
            estimator.answers(np.tile(seen.values[:1], (1, 1, 4, 4)))
            print(f"  512 x 512 cells in {time.perf_counter() - started:.2f} s")


def _print_row(name: str, figures: dict) -> None:
    parameters = figures["parameters"].values()
    errors = [f"{p['median_relative_error_percent']:.1f}" for p in parameters]
    coverage = [f"{p['coverage_percent']:.0f} %" for p in parameters]
    print(ROW.format(name, *errors, *coverage))


def _estimators(experiment: Experiment, contrast: str, *, train: bool) -> list[tuple[str, Estimator]]:
    """Return what there is to compare: shipped, and the paper's network from the cache."""
    found = []
    if f"fege-{contrast}" in shipped():
        estimator = Estimator.load(f"fege-{contrast}", device=Device.AUTO)
        found.append((f"shipped: {estimator.card['network']}", estimator))
    else:
        print(f"fege-{contrast} is not shipped: magtex train estimator fege-{contrast} makes it")
    tables = experiment.to_dict()
    tables["training"] |= {"network": "wang2020", "steps": 1500}
    path = cache_folder() / "estimator" / f"wang2020-{contrast}.safetensors"
    if train and not path.is_file():
        drain(train_estimator(Experiment.from_dict(tables), Path(path)), _report)
    if path.is_file():
        found.append(("wang2020", Estimator.load(path)))
    return found


def _report(progress: Progress) -> None:
    if progress.done % 50 == 0:
        print(f"  {progress.what} {progress.done} / {progress.total}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
