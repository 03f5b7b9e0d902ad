"""What 125 films teach, as Wang et al. (2020) train: their network and ours, on the same films, judged on the same.

    python benchmarks/estimator_paper.py [window] [window-hot] [printed] [--tests A B] [--json FILE]

``window``, ``window-hot``: 4 x 4 x 4 nm cells, A 4-12 pJ/m, D 0.8-2.4 mJ/m^2, Ms 0.2-0.6 MA/m, 0.18 T, 128 x 128
cells, at rest and at 265 K. ``printed``: the ranges that their paper prints, A 1-5 pJ/m, D 1-5 mJ/m^2, Ms 1-5 MA/m,
4 x 4 x 1 nm cells, 300 K; most of these sets are below the cell's resolution.

The networks learn from the 125 films of one seed alone, with the temperature told. Test A are the same sets with
another seed, test B the 64 midpoints. 48 more films, of constants drawn from the ranges, calibrate the intervals.
Films and trainings stay in the cache, where a run that was stopped goes on: about two hours of two quiet cores in all.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise, product
from pathlib import Path

from estimator import GRID, HOT, Tables, experiment_of, films_seen, report
from tables import Figures, table, write

from napari_magtex.compute import cache_folder, drain
from napari_magtex.estimate.estimator import Estimator
from napari_magtex.estimate.evaluate import held_out_figures
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.train import train_estimator

STEPS = {"wang2020": 2000, "windows-cnn": 1500}  # about as long with either
HELD_BACK = {"calibration": 48, "test": 8}
PRINTED = {key: [1, 2, 3, 4, 5] for key in GRID}
PRINTED_FILM: Tables = {"thickness_nm": 1.0, "allow_coarse": True}


@dataclass(frozen=True)
class Design:
    """Sets of constants and the films they are simulated in; ``title`` stands above its table."""

    title: str
    grid: dict[str, list[float]]
    temperature_K: float
    film: Tables = field(default_factory=dict)

    @property
    def tests(self) -> dict[str, dict[str, list[float]]]:
        """The sets of tests A and B."""
        between = {key: [(a + b) / 2 for a, b in pairwise(values)] for key, values in self.grid.items()}
        return {"A": self.grid, "B": between}

    def experiment(self, values: Tables, **sections: Tables) -> Experiment:
        """Return films of some sets of constants."""
        base = Experiment.from_toml("fege-spin")
        return experiment_of(base, values, self.temperature_K, film=self.film, **sections)

    def too_coarse(self) -> int:
        """Count the sets whose lengths the cell does not resolve."""
        every = (dict(zip(self.grid, values, strict=True)) for values in product(*self.grid.values()))
        return sum(self.experiment(one).coarseness().too_coarse for one in every)


DESIGNS = {
    "window": Design("FeGe window, at rest", GRID, 0.0),
    "window-hot": Design(f"FeGe window, {HOT:g} K", GRID, HOT),
    "printed": Design("The ranges as printed, 300 K", PRINTED, 300.0, PRINTED_FILM),
}
HEAD = ("learned from 125 films", "test", "films", "uniform", "median error A", "D", "Ms",
        "9 in 10 below", "D", "Ms", "intervals cover A", "D", "Ms")  # fmt: skip


def main() -> None:
    """Print a table for each design."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("designs", nargs="*", default=list(DESIGNS), metavar="DESIGN", help=", ".join(DESIGNS))
    options.add_argument("--tests", nargs="+", default=["A", "B"], choices=["A", "B"], metavar="TEST")
    options.add_argument("--json", type=Path, metavar="FILE", help="figures; what is not asked for is kept")
    chosen = options.parse_args()
    figures: Figures = {"benchmark": "paper", "rows": []}
    if chosen.json and chosen.json.is_file():
        rows = json.loads(chosen.json.read_text(encoding="utf-8"))["rows"]
        asked = {(name, test) for name in chosen.designs for test in chosen.tests}
        figures["rows"] = [row for row in rows if (row["design"], row["test"]) not in asked]
    for name in chosen.designs:
        for row in judged(DESIGNS[name], chosen.tests):
            print(f"{name}, {row}", file=sys.stderr)
            figures["rows"].append({"design": name, **row})
            write(figures, chosen.json)
    print(markdown(figures))


def judged(design: Design, tests: Sequence[str]) -> Iterator[Figures]:
    """Train both networks on a design's 125 films, and judge them with torques and without."""
    for network, steps in STEPS.items():
        training = HELD_BACK | {"network": network, "steps": steps}
        estimator = trained(design.experiment(design.grid, start={"seed": 1}, training=training))
        variants = {network: alone(estimator), f"{network}, then torques": estimator}
        for test in tests:
            seen = films_seen(design.experiment(design.tests[test]), estimator)
            for name, one in variants.items():
                figures = drain(held_out_figures(one, seen))
                yield {"what": name, "test": test, "figures": figures, **estimator.card["training"]}


def trained(experiment: Experiment) -> Estimator:
    """Train an estimator, or load it where the cache has it."""
    path = cache_folder() / "estimator" / f"benchmark-{experiment.hash()}.safetensors"
    if not path.is_file():
        drain(train_estimator(experiment, path), report)
    return Estimator.load(path)


def alone(estimator: Estimator) -> Estimator:
    """Return an estimator that asks no torques, with the intervals of its network."""
    told = estimator.intervals.quantiles
    own = {name.removesuffix(" by network"): q for name, q in told.items() if name.endswith(" by network")}
    return replace(estimator, misses=None, intervals=replace(estimator.intervals, quantiles=own))


def markdown(figures: Figures) -> str:
    """Return a table for each design."""
    parts = []
    for name, design in DESIGNS.items():
        rows = [row for row in figures["rows"] if row["design"] == name]
        if not rows:
            continue
        ny, nx = design.experiment(design.grid).film.shape
        sets = len(list(product(*design.grid.values())))
        coarse = f"; {n} of the {sets} sets are below the cell's resolution" if (n := design.too_coarse()) else ""
        trainings = {row["what"]: row for row in rows if row["what"] in STEPS}
        taught = " and ".join(
            f"{row['steps']:,} steps of {network} ({row['seconds'] / 60:.2g} min)" for network, row in trainings.items()
        )
        guesses = [_guess(next(r for r in rows if r["test"] == test)) for test in sorted({r["test"] for r in rows})]
        cells = [*guesses, *(_cells(row) for row in sorted(rows, key=lambda row: row["test"]))]
        parts.append(f"{design.title}, {nx} x {ny} cells{coarse}. {taught}.\n\n{table(HEAD, cells)}")
    return "\n\n".join(parts)


def _guess(row: Figures) -> tuple[str, ...]:
    constants = row["figures"]["parameters"].values()
    errors = [f"{c['guessing_the_middle_percent']:.2g} %" for c in constants]
    films = row["figures"]
    return ("(nothing: the middle of the ranges)", row["test"], str(films["films"]), str(films["uniform"]), *errors,
            *[""] * 6)  # fmt: skip


def _cells(row: Figures) -> tuple[str, ...]:
    figures, constants = row["figures"], row["figures"]["parameters"].values()
    errors = [
        f"{constant[f'{which}_relative_error_percent']:.2g} %"
        for which in ("median", "90th_percentile")
        for constant in constants
    ]
    cover = [f"{c['coverage_percent']:.0f} %" for c in constants]
    return (row["what"], row["test"], str(figures["films"]), str(figures["uniform"]), *errors, *cover)


if __name__ == "__main__":
    main()
