"""Measure an estimator on films whose constants it never saw: its intervals, and its errors."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_magtex.compute import Progress, drain
from napari_magtex.estimate.answer import Answer, mesh_of, truth_of
from napari_magtex.estimate.calibration import Familiar, Intervals, conformal_quantile
from napari_magtex.estimate.equilibrium import Misses
from napari_magtex.estimate.estimator import RATIO, Estimator, Evidence, log_ratio, ratio_sigma
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.spectrum import descriptor, measure_period
from napari_magtex.estimate.virials import region_virials
from napari_magtex.picture import Contrast

SIDES = (40, 64, 96, 128)  # cells: regions that intervals are calibrated for, as far as the films are large enough
CROPS = 3  # of every film, for every side
PERIOD = "period"
CALIBRATING = "calibrating"  # what is being done, said with every film
_HEAT_BLUR = 2.0  # cells, over which the variance of m is ...
_OF_HELIX = 0.385  # of the shortest helix, which a wider blur would take for heat
_HEAT_LEFT = 0.02  # ... less than this where nothing winds, as training films of up to 300 K were judged
_USUAL, _MARGIN = 0.99, 2.0  # of misfits of films of the kind, and how much larger those of others must be
_FILMS_FOR_MISSES = 400  # some equations each: more change nothing


@dataclass(frozen=True, eq=False)
class Seen:
    """Films as an estimator sees them.

    ``values`` (n, channels, ny, nx); ``m`` (n, 3, ny, nx), the truth behind them; ``constants`` (n, parameters) in SI,
    and those that vary as ``unit`` (n, p), on the unit scale.
    """

    values: NDArray[np.float32]
    m: NDArray[np.float32]
    constants: NDArray[np.float64]
    unit: NDArray[np.float64]

    def part(self, rows: slice) -> Seen:
        """Return some of the films."""
        return Seen(self.values[rows], self.m[rows], self.constants[rows], self.unit[rows])


def has_texture(m: NDArray[np.float32], experiment: Experiment) -> bool:
    """Tell whether a film m (3, ny, nx) is more than uniform once its heat is averaged out."""
    blur = min(_HEAT_BLUR, _OF_HELIX * experiment.period_range()[0] / max(experiment.film.cell))
    smooth = gaussian_filter(m, (0, blur, blur), mode="wrap")
    return float(smooth.var(axis=(1, 2), dtype=np.float64).sum()) > _HEAT_LEFT


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


def learn_guesswork(estimator: Estimator, seen: Seen) -> Generator[Progress, None, NDArray[np.float64]]:
    """Return the covariance (p, p) of the network's errors in regions of all sizes, once they are whitened."""
    errors, sides = [], sides_of(estimator.experiment)
    for n, side in enumerate(sides):
        yield Progress(n, len(sides), CALIBRATING)
        windows = estimator.windows(crops(seen.values, side, CROPS))
        for i, truth in enumerate(seen.unit):
            said = estimator.together(windows.picture(i), np.ones(windows.mean.shape[2:], dtype=bool))
            errors.append(np.linalg.solve(said.factor[0].numpy(), said.value[0].numpy() - truth))
    return np.asarray(np.mean([np.outer(error, error) for error in errors], axis=0))


def learn_misses(experiment: Experiment, seen: Seen) -> Generator[Progress, None, Misses | None]:
    """Learn how far torques miss by chance, from films that have a texture; None without, or where spins are not read.

    Yields Progress after each film; what it returns comes by ``yield from``.
    """
    if experiment.picture.contrast is not Contrast.SPIN:
        return None
    mesh, sides = mesh_of(experiment), sides_of(experiment)
    textured = [i for i, m in enumerate(seen.m) if has_texture(m, experiment)][:_FILMS_FOR_MISSES]
    if not textured:
        return None
    equations = []
    for place, i in enumerate(textured):
        yield Progress(place, len(textured), CALIBRATING)
        (cut,) = crops(seen.values[i : i + 1], sides[place % len(sides)], i)
        equations.append(drain(region_virials(cut, np.ones(cut.shape[1:], dtype=bool), mesh)))
    return Misses.learn(equations, truth_of(experiment, seen.constants[textured]), mesh.names)


def calibrated(estimator: Estimator, seen: Seen) -> Iterator[Progress | Estimator]:
    """Make an estimator that knows how far to trust itself, from films that its network never saw.

    The shape of its network's errors comes from all of them; the half-widths that hold for nine films in ten, and the
    misfit that their torques stay below, from what an estimator that knew one half's shape says of the other half.
    Half-widths are those of each parameter, A/D and the period; of each parameter when another is known; and of each
    where the network is alone.

    Yields Progress after each film of each side, and last the Estimator.
    """
    experiment, parts = estimator.experiment, [seen.part(slice(first, None, 2)) for first in (0, 1)]
    halves = []
    for other, part in zip(parts, reversed(parts), strict=True):
        guesswork = yield from learn_guesswork(estimator, other)
        halves.append((replace(estimator, guesswork=guesswork), part))
    sides, seeds = sides_of(experiment), CROPS if estimator.misses is None else 1  # torques take long
    done, total = 0, len(sides) * seeds * len(seen.unit)
    quantiles: dict[str, list[float]] = {}
    misfits: list[float] = []
    for side in sides:
        found: dict[str, list[float]] = {}
        for guessing, part in halves:
            for seed in range(seeds):
                cut = crops(part.values, side, seed)
                for evidence, truth in zip(guessing.evidence(cut), part.unit, strict=True):
                    yield Progress(done, total, CALIBRATING)
                    done += 1
                    misfits += _judge(guessing, evidence, truth, found, others=seed == 0)
                found.setdefault(PERIOD, []).extend(_period_pairs(cut, part.m, experiment))
        for name, every in found.items():
            quantile = conformal_quantile(np.array(every), len(seen.unit)) if every else 1.0
            quantiles.setdefault(name, []).append(quantile)
    quantiles[PERIOD] = [max(1.0, q) for q in quantiles[PERIOD]]
    intervals = Intervals(tuple(float(side) for side in sides), {name: tuple(q) for name, q in quantiles.items()})
    applicability = {"threshold": round(estimator.familiar.threshold, 5)}
    if misfits:
        applicability["misfit"] = round(_MARGIN * float(np.quantile(misfits, _USUAL)), 3)
    card = {"applicability": applicability, "calibration": intervals.to_card()}
    guesswork = yield from learn_guesswork(estimator, seen)
    yield replace(
        estimator,
        guesswork=guesswork,
        intervals=Intervals.from_card(card["calibration"]),
        card=card,
    )


def _judge(
    estimator: Estimator,
    evidence: Evidence,
    truth: NDArray[np.float64],
    found: dict[str, list[float]],
    *,
    others: bool,
) -> list[float]:
    """Add the errors of the answers for a picture, in their sigmas; also with each of the ``others`` known.

    Returns the misfit of its torques, if they were asked.
    """
    names = list(estimator.experiment.estimated)
    misfits = []
    for given in ("", *(name for name in names if others and name != "T")):
        known = {given: float(truth[names.index(given)])} if given else {}
        for each in (evidence, Evidence(evidence.guess))[: 1 + (evidence.torques is not None)]:
            answer = estimator.answer(each, known)
            if answer.misfit is not None and not given:
                misfits.append(answer.misfit)
            for name, score in _scores(answer, truth, estimator.experiment, given).items():
                found.setdefault(estimator.told_as(name, answer, given), []).append(score)
    return misfits


def _scores(answer: Answer, truth: NDArray[np.float64], experiment: Experiment, given: str = "") -> dict[str, float]:
    """Return the errors of an answer in its own sigmas, but for that of what was given."""
    errors = {
        name: float(abs(value - true) / sigma)
        for name, value, true, sigma in zip(answer.names, answer.value, truth, answer.sigma, strict=True)
        if name != given
    }
    said, true_ratio = log_ratio(experiment, answer.value), log_ratio(experiment, truth)
    sigma = ratio_sigma(experiment, answer) if said is not None else 0.0
    if said is not None and true_ratio is not None and sigma > 0:  # else what is known of the two fixes it
        errors[RATIO] = abs(said - true_ratio) / sigma
    return errors


def familiarise(experiment: Experiment, training: NDArray[np.float32], calibration: NDArray[np.float32]) -> Familiar:
    """Learn what pictures of this experiment look like, whole and cut."""

    def described(values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        cut = [crops(values, side, 0) for side in sides_of(experiment)]
        return [descriptor(v, experiment.picture.contrast, cell=experiment.cell[1:]) for part in cut for v in part]

    return Familiar.learn(described(training), described(calibration))


def held_out_figures(
    estimator: Estimator, seen: Seen, known: Mapping[str, float] | None = None
) -> Iterator[Progress | dict[str, Any]]:
    """Take errors and coverage over whole pictures: relative errors in percent, of films that have a texture.

    ``known`` holds constants that are told, in SI units. Yields Progress after each picture, and last the figures.
    """
    experiment = estimator.experiment
    given = {name: experiment.parameters[name].to_unit(value) for name, value in (known or {}).items()}
    answers: list[Answer] = []
    for evidence in estimator.evidence(seen.values):
        yield Progress(len(answers), len(seen.unit), "testing")
        answers.append(estimator.answer(evidence, given))
    value, sigma = (np.stack([getattr(answer, what) for answer in answers]) for what in ("value", "sigma"))
    textured = np.array([has_texture(m, experiment) for m in seen.m])
    side = float(np.sqrt(np.prod(seen.values.shape[2:])))
    figures: dict[str, Any] = {"films": len(seen.unit), "uniform": int((~textured).sum()), "parameters": {}}
    for i, (name, p) in enumerate(experiment.estimated.items()):
        if name == "T" or not textured.any():  # no error is relative to 0 K
            continue
        truth = p.from_unit(seen.unit[:, i])
        error = np.abs(p.from_unit(np.clip(value[:, i], 0, 1)) / truth - 1)[textured]
        told = [estimator.told_as(name, answer, "") for answer in answers]
        half = np.array([estimator.intervals.half_width(t, s, side) for t, s in zip(told, sigma[:, i], strict=True)])
        covered = np.abs(value[:, i] - seen.unit[:, i]) <= half
        guess = np.abs(p.middle / truth - 1)[textured]
        figures["parameters"][name] = {
            "median_relative_error_percent": _percent(np.median(error)),
            "90th_percentile_relative_error_percent": _percent(np.quantile(error, 0.9)),
            "guessing_the_middle_percent": _percent(np.median(guess)),
            "coverage_percent": _percent(covered.mean()),
            "median_interval_width_of_range_percent": _percent(np.median(2 * half)),
        }
    described = [descriptor(v, estimator.contrast, cell=experiment.cell[1:]) for v in seen.values]
    familiar = [estimator.familiar.knows(each) for each in described]
    figures["applicable_percent"] = _percent(np.mean(familiar))
    yield figures


def _period_pairs(cut: NDArray[np.float32], m: NDArray[np.float32], experiment: Experiment) -> Iterable[float]:
    cell, noisy = experiment.cell[1:], experiment.picture.contrast is not Contrast.SPIN
    for values, whole in zip(cut, m, strict=True):
        truth, found = measure_period(whole, cell=cell), measure_period(values, cell=cell, noisy=noisy)
        if truth.found and found.found:
            beyond = 1 / found.low - 1 / found.value
            yield abs(1 / found.value - 1 / truth.value) / beyond


def _percent(fraction: float | np.floating) -> float:
    return round(100 * float(fraction), 2)
