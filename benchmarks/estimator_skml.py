"""Films by other people's MuMax3, whose A and D are known: an outside check, with an estimator trained for it.

    python benchmarks/estimator_skml.py [--data FOLDER] [--without-network] [--json FILE]

FOLDER holds ``spinpng/SKML_params``; default: what MAGTEX_REAL_DATA names, or ../shared/data. Of its 22 pictures (m_z
of labyrinths in 512 x 512 cells, A and D in the file names) nothing is learned or tuned: they are read and judged.

What they do not tell is taken from the scripts and the table that were published with them (github.com/nichtey/SKML,
stack 33d): 14 layers of 3 nm that only stray fields couple, open, in cells of 4 nm, no field, interfacial DMI, held at
850 K, then at 300 K, then relaxed; an effective medium with a third of the A and D of the names, and of Ms, 0.351 MA/m;
Ku 96.9 kJ/m^3. The estimator's films are one layer of 42 nm, periodic, annealed at 850 K for a short while. Their
writer put 255 m_z into a byte, where what is below 0 wraps round: m_z = -0.1 stands as 231. That is undone first.

Two classical numbers are set beside the network: the period, and the width of the walls. Without the network they
stand alone, and four films with constants of the names tell whether the assumptions hold: a minute of one core.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from estimator import report
from estimator_paper import trained
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt, maximum_filter, minimum_filter
from scipy.stats import spearmanr
from tables import Figures, table, write

from napari_magtex.compute import drain
from napari_magtex.estimate.anchors import wall_slopes
from napari_magtex.estimate.channels import channels
from napari_magtex.estimate.estimator import Estimator
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.films import film_seed, relax_films
from napari_magtex.estimate.sets import Split
from napari_magtex.estimate.simulate import simulate_films
from napari_magtex.estimate.spectrum import descriptor, measure_period
from napari_magtex.picture import Contrast, Picture

Array = NDArray[np.float64]

EXPERIMENT = {
    "conditions": {"field_T": 0.0},
    "film": {
        "shape": [128, 128],
        "cell_nm": [4.0, 4.0],
        "thickness_nm": 42.0,
        "dmi": "interfacial",
        "Ku_kJ_per_m3": 96.8933,
    },
    "parameters": {
        "A_pJ_per_m": {"low": 3.0, "high": 5.0},
        "D_mJ_per_m2": {"low": 0.5, "high": 0.9},
        "Ms_MA_per_m": 0.351360317,
    },
    "start": {"anneal_K": 850.0, "seed": 1},
    "picture": {"contrast": "kerr", "noise": 0.01},
    "training": {"films": 128, "calibration": 48, "test": 16, "steps": 1500},
}
MEDIUM = 1 / 3  # what a third of the stack is magnetic: A and D of the names are those of its magnetic layers
CELL = 4e-9
MIDDLE = {"A": 4e-12, "D": 0.7e-3}  # of the ranges, in SI units
INNER = np.s_[32:-32, 32:-32]  # cells: the films are open, and their edges are not what the estimator has seen
QUANTITIES: dict[str, Callable[[Array, Array], Array]] = {
    "A": lambda A, D: A,
    "D": lambda A, D: D,
    "A/D": lambda A, D: A / D,
    "D/√A": lambda A, D: D / np.sqrt(A),
}
_SURE = 56  # greys from either end: |m_z| above 0.78 or below 0.22, and no wall is as wide as a cell and its neighbours


def main() -> None:
    """Train, read and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, default=Path(os.environ.get("MAGTEX_REAL_DATA", "../shared/data")))
    options.add_argument("--without-network", action="store_true", help="train nothing")
    options.add_argument("--json", type=Path, metavar="FILE", help="write all figures, which docs.py reads")
    chosen = options.parse_args()
    files = sorted((chosen.data / "spinpng" / "SKML_params").glob("*_Aex_*_Dind_*.png"))
    if not files:
        print(f"skipped: {chosen.data} has no spinpng/SKML_params; name the folder by --data or MAGTEX_REAL_DATA")
        return
    experiment = Experiment.from_dict(EXPERIMENT)
    pictures = {path.name: unwrapped(np.asarray(Image.open(path).convert("L")))[INNER] for path in files}
    rows = [{"file": path.name, "named": named(path), **classical(pictures[path.name])} for path in files]
    figures: Figures = {"benchmark": "skml", "rows": rows, "simulated": simulated(experiment, rows[::6])}
    if not chosen.without_network:
        estimator = trained(experiment)
        for row in rows:
            row |= told(pictures[row["file"]], estimator)
        figures |= {"fit": classical_fit(experiment), "test": estimator.card["test"]}
    write(figures, chosen.json)
    print(markdown(figures))


# ---- the files


def named(path: Path) -> tuple[float, float]:
    """Return A in J/m and D in J/m^2 of the effective medium, as a file's name has them."""
    found = re.search(r"_Aex_([\d.]+)_Dind_([\d.]+)\.png$", path.name)
    if found is None:
        sys.exit(f"{path.name} does not say Aex and Dind")
    return float(found[1]) * 1e-12 * MEDIUM, float(found[2]) * 1e-3 * MEDIUM


def unwrapped(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return m_z (ny, nx) of bytes that hold 255 m_z cut to a whole number, and 256 more where that is negative.

    Which of its two values a cell has is plain inside a domain; cells of walls begin with that of the nearest domain,
    and change to the other one while that lies closer to their four neighbours.
    """
    above = (grey + 0.5) / 255
    below = (grey - 256.5) / 255
    up, down = minimum_filter(grey, 3) >= 256 - _SURE, maximum_filter(grey, 3) < _SURE
    nearest = distance_transform_edt(~(up | down), return_distances=False, return_indices=True)
    positive = up[tuple(nearest)]
    chequered = np.add.outer(*(np.arange(n) for n in grey.shape)) % 2 == 0
    for turn in range(60):
        around = np.pad(np.where(positive, above, below), 1, mode="edge")
        four = np.stack([around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:]])
        closer = np.square(four - above).sum(axis=0) < np.square(four - below).sum(axis=0)
        positive = np.where(chequered == (turn % 2 == 0), closer, positive)
    return np.where(positive, above, below).clip(-1, 1).astype(np.float32)


# ---- what is told


def told(mz: NDArray[np.float32], estimator: Estimator) -> Figures:
    """Return what an estimator says of m_z (ny, nx) as light shows it: A and D with their intervals."""
    picture = Picture((0.5 + 0.5 * mz).astype(np.float32), Contrast.KERR, (CELL, CELL))
    values = channels(picture, estimator.experiment).values
    (answer,) = estimator.answers(values[None])
    side, found = float(np.sqrt(values[0].size)), {}
    for name, value, sigma in zip(answer.names, answer.value, answer.sigma, strict=True):
        p, half = estimator.experiment.parameters[name], estimator.intervals.half_width(name, sigma, side)
        found[name] = [float(p.from_unit(unit)) for unit in np.clip([value, value - half, value + half], 0, 1)]
    return {"told": found, "familiar": estimator.familiar.knows(descriptor(values, Contrast.KERR))}


def classical(mz: NDArray[np.float32]) -> dict[str, float]:
    """Return the period and the width pi Delta of the walls of m_z (ny, nx), in metres."""
    slopes = wall_slopes(mz, np.ones(mz.shape, dtype=bool), (CELL, CELL))
    return {"period": CELL * measure_period(mz[None]).value, "wall": float(np.pi / slopes.mean())}


def simulated(experiment: Experiment, rows: list[Figures]) -> list[Figures]:
    """Relax films with the constants of some files; return the classical numbers of each beside those of its file."""
    Ms = experiment.parameters["Ms"].low
    constants = np.array([[*row["named"], Ms] for row in rows])
    films = relax_films(experiment, constants, [film_seed(experiment, Split.TEST, n) for n in range(len(rows))])
    return [{"file": row["file"], **classical(m[2])} for row, m in zip(rows, films["m"], strict=True)]


def classical_fit(experiment: Experiment) -> dict[str, list[float]]:
    """Fit log A and log D of the training films to (1, log period, log wall width)."""
    films = next(f for f in drain(simulate_films(experiment), report) if f.split is Split.TRAIN)
    measured = [classical(m[2]) for m in films.m]
    inputs = _logarithms(measured)
    clear = np.isfinite(inputs).all(axis=1)
    solved = (np.linalg.lstsq(inputs[clear], np.log(films.constants[clear, i]), rcond=None)[0] for i in range(2))
    return {name: coefficients.tolist() for name, coefficients in zip("AD", solved, strict=True)}


def _logarithms(measured: list[Figures]) -> Array:
    return np.stack([[1.0, np.log(each["period"]), np.log(each["wall"])] for each in measured])


# ---- figures


def markdown(figures: Figures) -> str:
    """Return what ranks with the constants of the names, what simulated films say, and the network if it was asked."""
    rows = figures["rows"]
    named_A, named_D = np.array([row["named"] for row in rows]).T
    period, wall = (np.array([row[name] for row in rows]) for name in ("period", "wall"))
    ranks = [
        (name, *(f"{spearmanr(number, of(named_A, named_D)).statistic:+.2f}" for number in (period, wall)))
        for name, of in QUANTITIES.items()
    ]
    ratio = period / (4 * np.pi * named_A / named_D)
    parts = [
        table((f"{len(rows)} pictures: rank correlation with", "period", "wall width"), ranks),
        f"The period is {np.median(ratio):.2f} times 4π A/D ({ratio.min():.2f} to {ratio.max():.2f}).",
        _of_simulated(figures),
    ]
    return "\n\n".join(parts + ([_of_network(figures, named_A, named_D)] if "test" in figures else []))


def _of_simulated(figures: Figures) -> str:
    by_name = {row["file"]: row for row in figures["rows"]}
    cells = []
    for film in figures["simulated"]:
        row = by_name[film["file"]]
        A, D = (value / MEDIUM for value in row["named"])
        cells.append((f"A {A * 1e12:.2f} pJ/m, D {D * 1e3:.2f} mJ/m²", *_beside(row, film, "period"),
                      *_beside(row, film, "wall")))  # fmt: skip
    head = ("named", "period: picture", "film of ours", "wall width: picture", "film of ours")
    return table(head, cells)


def _beside(row: Figures, film: Figures, name: str) -> tuple[str, str]:
    return f"{row[name] * 1e9:.1f} nm", f"{film[name] * 1e9:.1f} nm ({100 * (film[name] / row[name] - 1):+.0f} %)"


def _of_network(figures: Figures, named_A: Array, named_D: Array) -> str:
    rows, test = figures["rows"], figures["test"]
    inputs = _logarithms(rows)
    ways = {
        "network": [np.array([row["told"][name][0] for row in rows]) for name in "AD"],
        "period and wall width, fitted to the training films": [np.exp(inputs @ figures["fit"][name]) for name in "AD"],
        "the middle of the ranges": [np.full(len(rows), MIDDLE[name]) for name in "AD"],
    }
    cells = []
    for name, of in QUANTITIES.items():
        true, row = of(named_A, named_D), [name]
        for way in ways.values():
            ratio = of(*way) / true
            constant = np.ptp(of(*way)) == 0
            rank = "" if constant else f"{spearmanr(of(*way), true).statistic:+.2f}; "
            shift = 100 * (np.median(ratio) - 1)
            row.append(f"{rank}{100 * np.median(np.abs(ratio - 1)):.2g} % ({shift:+.2g} %)")
        cells.append(row)
    held = [
        sum(row["told"][name][1] <= row["named"][i] <= row["told"][name][2] for row in rows)
        for i, name in enumerate("AD")
    ]
    own = " / ".join(f"{test['parameters'][name]['median_relative_error_percent']:.2g} %" for name in "AD")
    return (
        f"{table(('rank; error (shift)', *ways), cells)}\n\n"
        f"Medians. Intervals hold the named A in {held[0]} and D in {held[1]} of {len(rows)}; "
        f"{sum(row['familiar'] for row in rows)} pictures look like the training films. On {test['films']} films "
        f"of its own kind the network errs by {own} (A / D)."
    )


if __name__ == "__main__":
    main()
