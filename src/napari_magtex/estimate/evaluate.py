"""Measure an estimator on films whose constants it never saw: its intervals, and its errors."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_magtex.estimate.calibration import Familiar, Intervals, conformal_quantile
from napari_magtex.estimate.estimator import RATIO, Estimator, log_ratio, ratio_sigma
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.spectrum import descriptor, is_uniform, measure_period
from napari_magtex.picture import Contrast

SIDES = (40, 64, 96, 128)  # cells: regions that intervals are calibrated for, as far as the films are large enough
CROPS = 3  # of every film, for every side
PERIOD = "period"


@dataclass(frozen=True, eq=False)
class Seen:
    """Films as an estimator sees them.

    ``values`` (n, channels, ny, nx); ``m`` (n, 3, ny, nx), the truth behind them; ``unit`` (n, parameters), the
    constants on the unit scale.
    """

    values: NDArray[np.float32]
    m: NDArray[np.float32]
    unit: NDArray[np.float64]


def crops(values: NDArray[np.float32], side: int, seed: int) -> NDArray[np.float32]:
    """Cut a square of cells out of every picture (n, channels, ny, nx), at random places."""
    rng = np.random.default_rng([seed, side])
    ny, nx = values.shape[2:]
    places = np.stack(
        [rng.integers(0, ny - side + 1, len(values)), rng.integers(0, nx - side + 1, len(values))], axis=1
    )
    return np.stack([v[:, y : y + side, x : x + side] for v, (y, x) in zip(values, places, strict=True)])


def sides_of(experiment: Experiment) -> tuple[int, ...]:
    """Return the sides to calibrate for: up to the films' own."""
    smallest = min(experiment.film.shape)
    return tuple(sorted({side for side in SIDES if side < smallest} | {smallest}))


def calibrate(estimator: Estimator, seen: Seen) -> Intervals:
    """Find the half-widths that hold for nine films in ten, for each parameter, A/D and the period."""
    experiment = estimator.experiment
    sides = sides_of(experiment)
    truth_ratio = log_ratio(experiment, seen.unit)
    scores: dict[str, list[float]] = {}
    for side in sides:
        found: dict[str, list[NDArray[np.float64]]] = {}
        for seed in range(CROPS):
            cut = crops(seen.values, side, seed)
            value, sigma = estimator.answers(cut)
            for i, name in enumerate(experiment.estimated):
                found.setdefault(name, []).append(np.abs(value[:, i] - seen.unit[:, i]) / sigma[:, i])
            ratio = log_ratio(experiment, value)
            if ratio is not None and truth_ratio is not None:
                found.setdefault(RATIO, []).append(np.abs(ratio - truth_ratio) / ratio_sigma(experiment, sigma))
            found.setdefault(PERIOD, []).append(_period_scores(cut, seen.m, estimator.contrast))
        for name, parts in found.items():
            every = np.concatenate(parts)
            scores.setdefault(name, []).append(conformal_quantile(every, len(seen.unit)) if len(every) else 1.0)
    scores[PERIOD] = [max(1.0, q) for q in scores[PERIOD]]
    return Intervals(tuple(float(side) for side in sides), {name: tuple(q) for name, q in scores.items()})


def familiarise(experiment: Experiment, training: NDArray[np.float32], calibration: NDArray[np.float32]) -> Familiar:
    """Learn what pictures of this experiment look like, whole and cut."""

    def described(values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        cut = [crops(values, side, 0) for side in sides_of(experiment)]
        return [descriptor(v, experiment.picture.contrast) for part in cut for v in part]

    return Familiar.learn(described(training), described(calibration))


def held_out_figures(estimator: Estimator, seen: Seen) -> dict[str, Any]:
    """Return errors and coverage over whole pictures: relative errors in percent, of films that have a texture."""
    experiment = estimator.experiment
    value, sigma = estimator.answers(seen.values)
    textured = ~np.array([is_uniform(m, Contrast.SPIN) for m in seen.m])
    side = float(np.sqrt(np.prod(seen.values.shape[2:])))
    figures: dict[str, Any] = {"films": len(seen.unit), "uniform": int((~textured).sum()), "parameters": {}}
    for i, (name, p) in enumerate(experiment.estimated.items()):
        if name == "T":  # no error is relative to 0 K
            continue
        truth = p.from_unit(seen.unit[:, i])
        error = np.abs(p.from_unit(np.clip(value[:, i], 0, 1)) / truth - 1)[textured]
        half = np.array([estimator.intervals.half_width(name, s, side) for s in sigma[:, i]])
        covered = np.abs(value[:, i] - seen.unit[:, i]) <= half
        guess = np.abs(p.middle / truth - 1)[textured]
        figures["parameters"][name] = {
            "median_relative_error_percent": _percent(np.median(error)),
            "90th_percentile_relative_error_percent": _percent(np.quantile(error, 0.9)),
            "guessing_the_middle_percent": _percent(np.median(guess)),
            "coverage_percent": _percent(covered.mean()),
            "median_interval_width_of_range_percent": _percent(np.median(2 * half)),
        }
    known = [estimator.familiar.knows(descriptor(v, estimator.contrast)) for v in seen.values]
    figures["applicable_percent"] = _percent(np.mean(known))
    return figures


def _period_scores(cut: NDArray[np.float32], m: NDArray[np.float32], contrast: Contrast) -> NDArray[np.float64]:
    """How far, in half-widths, the period of a cut picture is from that of the whole film's m."""
    return np.array(list(_period_pairs(cut, m, contrast)), dtype=np.float64)


def _period_pairs(cut: NDArray[np.float32], m: NDArray[np.float32], contrast: Contrast) -> Iterable[float]:
    for values, whole in zip(cut, m, strict=True):
        truth, found = measure_period(whole), measure_period(values, noisy=contrast is not Contrast.SPIN)
        if truth.found and found.found:
            beyond = 1 / found.low - 1 / found.value
            yield abs(1 / found.value - 1 / truth.value) / beyond


def _percent(fraction: float | np.floating) -> float:
    return round(100 * float(fraction), 2)
