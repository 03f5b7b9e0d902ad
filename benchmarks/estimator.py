"""The estimators in the FeGe window: films of 4 nm in 0.18 T, at rest and at 265 K, that no training saw.

    python benchmarks/estimator.py [spin] [lorentz] [wheel] [--only TABLE ...] [--estimator FILE] [--json FILE]

Tables: ``held-out`` (the test split of an estimator's own experiment, whole and in regions), ``window`` (test A: the
125 sets of A 4-12 pJ/m, D 0.8-2.4 mJ/m^2, Ms 0.2-0.6 MA/m with a new seed; test B: the 64 midpoints), ``sizes`` (FeGe's
own constants, 128 x 128 to 1024 x 1024 cells), ``fields`` (the same in other fields, which are told, at 265 K with the
temperature), and ``paths`` (the midpoints again, but annealed, brought along fields, or begun otherwise). What 125
films alone teach is measured by estimator_paper.py.
Films stay in the cache; pictures have eight bits, Lorentz frames 200 electrons a pixel.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from tables import Figures, table, write

from napari_magtex.compute import Progress, drain
from napari_magtex.estimate.drawing import draw_channels
from napari_magtex.estimate.estimator import Estimator
from napari_magtex.estimate.evaluate import Seen, crops, held_out_figures
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.sets import Split, parameter_sets
from napari_magtex.estimate.simulate import films_folder, simulate_films, simulate_table
from napari_magtex.estimate.train import see

Tables = dict[str, Any]
GRID = {
    "A_pJ_per_m": [4, 6, 8, 10, 12],
    "D_mJ_per_m2": [0.8, 1.2, 1.6, 2.0, 2.4],
    "Ms_MA_per_m": [0.2, 0.3, 0.4, 0.5, 0.6],
}
MIDPOINTS = {key: [(a + b) / 2 for a, b in pairwise(values)] for key, values in GRID.items()}
FEGE = {"A_pJ_per_m": 8.78, "D_mJ_per_m2": 1.58, "Ms_MA_per_m": 0.384}
SIZES = {(128, 128): 8, (128, 256): 4, (256, 256): 4, (512, 512): 2, (1024, 1024): 1}  # and how many seeds
FIELDS = (0.16, 0.2, 0.24)  # tesla
HOT = 265.0
PATHS: dict[str, Tables] = {
    "annealed at 300 K": {"anneal_K": 300.0},
    "brought up from 0 T": {"field_path_T": [[0, 0, 0.0], [0, 0, 0.1]]},
    "from a lattice of skyrmions": {"kind": "skyrmions"},
}
HEAD = ("pictures", "uniform", "median error A", "D", "Ms", "intervals cover A", "D", "Ms", "applicable")


def main() -> None:
    """Print a table for each contrast."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("contrasts", nargs="*", default=["spin", "lorentz", "wheel"], metavar="CONTRAST")
    options.add_argument("--only", nargs="+", choices=list(TABLES), default=list(TABLES), metavar="TABLE")
    options.add_argument("--estimator", help="a file, in place of the shipped one")
    options.add_argument("--json", type=Path, metavar="FILE", help="figures; tables that are not asked for are kept")
    chosen = options.parse_args()
    figures: Figures = {"benchmark": "estimators", "rows": []}
    if chosen.json and chosen.json.is_file():
        asked = {(contrast, name) for contrast in chosen.contrasts for name in chosen.only}
        rows = json.loads(chosen.json.read_text(encoding="utf-8"))["rows"]
        figures["rows"] = [row for row in rows if (row["contrast"], row["table"]) not in asked]
    for contrast in chosen.contrasts:
        estimator = Estimator.load(chosen.estimator or f"fege-{contrast}")
        for name in chosen.only:
            for row in TABLES[name](estimator):
                print(f"{contrast}, {row['what']}: {row['figures']}", file=sys.stderr)
                figures["rows"].append({"contrast": contrast, "table": name, **row})
                write(figures, chosen.json)
    print(markdown(figures))


# ---- tables: each yields rows


def held_out(estimator: Estimator) -> Iterator[Figures]:
    """Films of the estimator's own test split, whole and in regions."""
    experiment = estimator.experiment
    films = drain(simulate_films(experiment), report)
    seen = see(next(f for f in films if f.split is Split.TEST), experiment)
    yield _row("test split", estimator, seen)
    for side in (96, 64, 40):
        cut = replace(seen, values=crops(seen.values, side, 1))
        yield _row(f"test split, regions of {side} cells", estimator, cut)


def window(estimator: Estimator) -> Iterator[Figures]:
    """The paper's design: its sets with another seed, and between them."""
    for T in (0.0, HOT):
        for what, values in (("test A", GRID), ("test B", MIDPOINTS)):
            seen = films_seen(experiment_of(estimator.experiment, values, T), estimator)
            yield _row(f"{what}, {T:g} K", estimator, seen)
            if T and "T" in estimator.experiment.estimated:
                yield _row(f"{what}, {T:g} K, which is told", estimator, seen, known={"T": T})


def sizes(estimator: Estimator) -> Iterator[Figures]:
    """FeGe itself."""
    for T in (0.0, HOT):
        for shape, seeds in SIZES.items():
            each = [
                films_seen(
                    experiment_of(estimator.experiment, FEGE, T, film={"shape": list(shape)}, start={"seed": 11 + n}),
                    estimator,
                )
                for n in range(seeds)
            ]
            yield _row(f"{shape[1]} x {shape[0]} cells, {T:g} K", estimator, _together(each))


def fields(estimator: Estimator) -> Iterator[Figures]:
    """FeGe in other fields than that of the training."""
    for T in (0.0, HOT):
        for field_T in FIELDS:
            told = estimator.in_field_of({"field_T": field_T})
            conditions = {"field_T": [0.0, 0.0, field_T]}
            begun = ({"seed": 31 + n} for n in range(SIZES[128, 128]))
            experiments = (
                experiment_of(estimator.experiment, FEGE, T, conditions=conditions, start=one) for one in begun
            )
            each = [films_seen(experiment, told) for experiment in experiments]
            yield _row(f"{field_T:g} T, {T:g} K", told, _together(each), known={"T": T})


def paths(estimator: Estimator) -> Iterator[Figures]:
    """States that were come to by another way than those of the training."""
    for what, start in PATHS.items():
        yield _row(
            what, estimator, films_seen(experiment_of(estimator.experiment, MIDPOINTS, 0.0, start=start), estimator)
        )


TABLES: dict[str, Callable[[Estimator], Iterator[Figures]]] = {
    "held-out": held_out,
    "window": window,
    "sizes": sizes,
    "fields": fields,
    "paths": paths,
}


# ---- films and pictures


def experiment_of(base: Experiment, values: Tables, T: float, **sections: Tables) -> Experiment:
    """Return an experiment with other constants, one temperature and, but for what is said, seed 2."""
    tables = copy.deepcopy(base.to_dict())
    tables["parameters"] = {key: {"values": v} if isinstance(v, list) else v for key, v in values.items()}
    tables["conditions"]["temperature_K"] = T
    tables["start"]["seed"] = 2
    for title, keys in sections.items():
        tables[title] |= keys
    return Experiment.from_dict(tables)


def films_seen(experiment: Experiment, estimator: Estimator) -> Seen:
    """Simulate films, for every set of an experiment one, and draw them as the estimator's experiment sees them."""
    path = films_folder(experiment) / "benchmark.zarr"
    path.parent.mkdir(parents=True, exist_ok=True)
    count = len(parameter_sets(experiment, Split.TRAIN))
    films = drain(simulate_table(experiment, path), report)
    converged = films.read("converged", slice(count))
    m, constants = films.read("m", slice(count))[converged], films.constants(experiment, slice(count))[converged]
    known = dict(zip(experiment.parameters, constants.T, strict=True)) | {"T": _heat(experiment, len(m))}
    theirs = estimator.experiment
    values = draw_channels(m, known["Ms"], theirs, dose=theirs.picture.dose)
    unit = np.stack([p.to_unit(known[name]) for name, p in theirs.estimated.items()], axis=1)
    return Seen(values, m, np.stack([known[name] for name in theirs.parameters], axis=1), unit)


def _heat(experiment: Experiment, films: int) -> np.ndarray:
    return np.full(films, experiment.conditions.temperature_K)


def _together(parts: list[Seen]) -> Seen:
    return Seen(*(np.concatenate([getattr(part, name) for part in parts]) for name in Seen.__dataclass_fields__))


# ---- figures


def _row(what: str, estimator: Estimator, seen: Seen, known: dict[str, float] | None = None) -> Figures:
    return {"what": what, "figures": drain(held_out_figures(estimator, seen, known))}


def markdown(figures: Figures) -> str:
    """Return a table for each contrast and part."""
    parts = []
    for contrast, name in dict.fromkeys((row["contrast"], row["table"]) for row in figures["rows"]):
        rows = [row for row in figures["rows"] if (row["contrast"], row["table"]) == (contrast, name)]
        cells = [(row["what"], *told(row["figures"])) for row in rows]
        parts.append(f"{contrast}, {name}:\n\n{table((name, *HEAD), cells)}")
    return "\n\n".join(parts)


def told(figures: Figures) -> list[str]:
    """Return the cells of `HEAD`."""
    parameters = [figures["parameters"].get(name, {}) for name in ("A", "D", "Ms")]
    errors = [f"{p['median_relative_error_percent']:.2g} %" if p else "" for p in parameters]
    cover = [f"{p['coverage_percent']:.0f} %" if p else "" for p in parameters]
    applicable = f"{figures['applicable_percent']:.0f} %"
    return [str(figures["films"]), str(figures["uniform"]), *errors, *cover, applicable]


def report(progress: Progress) -> None:
    """Say now and then how far it is."""
    if progress.done % 50 == 0:
        print(f"  {progress.what} {progress.done} / {progress.total}", file=sys.stderr)


if __name__ == "__main__":
    main()
