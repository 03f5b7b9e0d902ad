"""What a picture of a film at 265 K holds: the least error that heat leaves, the temperature told and not told.

    python benchmarks/estimator_bound.py [--films N] [--json FILE]

A film takes about a minute of one core.

In equilibrium spins m have the probability exp(-E(m)/kT)/Z, and E is the sum of terms in A, D, Ms^2 and Ms. So the
Fisher information of a picture about the logarithms of their prefactors is the covariance of the terms' energies over
kT, and its inverse bounds the error of any estimator that is right on the average (Cramér and Rao). The energies are
followed in a heat bath, in films of test B (the midpoints of `estimator.py`) that were quenched as there. What a
texture tells by having formed in a quench comes on top of it; what eight bits of colour lose is left out.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from estimator import HOT, MIDPOINTS, experiment_of, report
from numpy.typing import NDArray
from scipy.constants import Boltzmann
from scipy.signal import detrend
from tables import Figures, table, write

from napari_magtex.compute import drain
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.films import film_of, film_seed, relax_films
from napari_magtex.estimate.sets import Split, parameter_sets
from napari_magtex.physics.thermal import thermal_state

TERMS = ("exchange", "dmi", "demag", "zeeman")
# The logarithms of the prefactors over kT, derived by those of A, D, Ms and T: A/T, D/T, Ms^2/T, Ms/T.
BY_CONSTANT = np.array([[1, 0, 0, -1], [0, 1, 0, -1], [0, 0, 2, -1], [0, 0, 1, -1]], float)
NAMES = ("A", "D", "Ms", "T")
MEDIAN = 0.6745  # of a Gaussian error's size, over its standard deviation
WARMING, APART, STATES = 1000, 25, 800  # steps, steps, and how many
WINDOWS = (100, 800)  # states that a texture but drifts for: the more, the more of its own slow motion counts
AT_ONCE = 8  # films


@dataclass(frozen=True)
class Bound:
    """Of one film, with states of one window: least median errors in percent where T is told and where it is not.

    ``alike`` is the change in percent that is hardest to see, one standard error long, of T by itself positive.
    """

    constants: dict[str, float]
    window: int
    told: dict[str, float]
    untold: dict[str, float]
    alike: dict[str, float]


def main() -> None:
    """Print the least errors."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--films", type=int, default=16, help="how many of the 64 midpoints; default: 16")
    options.add_argument("--json", type=Path, metavar="FILE")
    chosen = options.parse_args()
    experiment = experiment_of(Experiment.from_toml("fege-spin"), MIDPOINTS, HOT)
    sets = parameter_sets(experiment, Split.TRAIN)
    rows = np.unique(np.linspace(0, len(sets) - 1, min(chosen.films, len(sets))).round().astype(int))
    bounds: list[Bound] = []
    for part in np.array_split(rows, -(-len(rows) // AT_ONCE)):
        seeds = [film_seed(experiment, Split.TRAIN, int(row)) for row in part]
        for constants, energies in zip(sets[part], followed(experiment, sets[part], seeds), strict=True):
            named = dict(zip(experiment.parameters, constants.tolist(), strict=True))
            bounds += [bound(named, energies / (Boltzmann * HOT), window) for window in WINDOWS]
        print(f"  {len(bounds) // len(WINDOWS)} of {len(rows)} films", file=sys.stderr)
    figures = {"benchmark": "bound", "temperature_K": HOT, "rows": [asdict(one) for one in bounds]}
    write(figures, chosen.json)
    print(markdown(figures))


def bound(constants: dict[str, float], energies: NDArray[np.float64], window: int) -> Bound:
    """Return what energies (states, terms) over kT tell of a film."""
    fisher = information(energies, window)
    told, untold = (np.linalg.inv(slope.T @ fisher @ slope) for slope in (BY_CONSTANT[:, :-1], BY_CONSTANT))
    sizes, directions = np.linalg.eigh(untold)
    alike = 100 * np.sqrt(sizes[-1]) * directions[:, -1] * np.sign(directions[-1, -1])
    errors = [100 * MEDIAN * np.sqrt(np.diag(covariance)) for covariance in (told, untold)]
    named = [dict(zip(NAMES, values.tolist(), strict=False)) for values in (*errors, alike)]
    return Bound(constants, window, *named)


def followed(experiment: Experiment, sets: NDArray[np.float64], seeds: list[int]) -> NDArray[np.float64]:
    """Return the energies (films, states, terms) in joules of states that lie some steps apart."""
    torch.set_num_threads(1)
    films = film_of(experiment, {name: torch.as_tensor(sets[:, i]) for i, name in enumerate(experiment.parameters)})
    m = torch.as_tensor(relax_films(experiment, sets, seeds)["m"])
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    kT = Boltzmann * HOT
    m = drain(thermal_state(films, m, kT, steps=WARMING, generators=generators), report)
    seen = []
    for _ in range(STATES):
        m = drain(thermal_state(films, m, kT, steps=APART, generators=generators))
        told = films.energies(m)
        seen.append(torch.stack([told[name] for name in TERMS], dim=1))
    return torch.stack(seen, dim=1).numpy()


def information(energies: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Return the covariance (terms, terms) of energies (states, terms) over kT, about a line in each window."""
    windows = energies.reshape(-1, window, energies.shape[1])
    left = detrend(windows, axis=1).reshape(energies.shape)
    return np.asarray(left.T @ left / (len(left) - 2 * len(windows)))


def markdown(figures: Figures) -> str:
    """Return the medians over the films."""
    rows = []
    for window in WINDOWS:
        films = [row for row in figures["rows"] if row["window"] == window]
        for what, key, sign in (("T told", "told", ""), ("T not told", "untold", ""), ("alike", "alike", "+")):
            errors = [f"{np.median([film[key][name] for film in films]):{sign}.2g} %" for name in films[0][key]]
            rows.append((what, f"{window * APART:,} steps", *errors, *[""] * (len(NAMES) - len(errors))))
    count = len(figures["rows"]) // len(WINDOWS)
    head = ("least median error", "a texture stands for", *NAMES)
    return f"{count} films at {figures['temperature_K']:g} K, medians over them.\n\n{table(head, rows)}"


if __name__ == "__main__":
    main()
