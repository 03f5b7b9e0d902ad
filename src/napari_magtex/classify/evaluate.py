"""How good a classifier is on pictures of simulations that it never saw, style by style."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_magtex.classify.calibration import TRUE_POSITIVES, auroc, calibration_error
from napari_magtex.classify.data import HeldOut, held_out
from napari_magtex.classify.drawing import Family
from napari_magtex.classify.negatives import HELD_BACK, TRAINING, Kind, negative
from napari_magtex.classify.network import STATES
from napari_magtex.classify.predict import Classifier, RawAnswer, raw_answers
from napari_magtex.compute import Progress
from napari_magtex.results import Verdict
from napari_magtex.states.library import Simulation

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """A held-out picture's truth, logits and verdict."""

    item: HeldOut
    raw: RawAnswer
    verdict: Verdict

    @property
    def correct(self) -> bool:
        """Whether the top state is the true one."""
        return self.verdict.state == self.item.state


def negatives(count: int, *, seed: int, kinds: tuple[Kind, ...]) -> Iterator[HeldOut]:
    """Draw pictures without a texture, the kinds in turn."""
    for index in range(count):
        kind = kinds[index % len(kinds)]
        rng = np.random.default_rng([seed, 77, index])
        yield HeldOut(negative(rng, (kind,)), None, kind.__name__)


def judge(items: Iterator[HeldOut], classifier: Classifier) -> Iterator[Judged]:
    """Classify held-out pictures, each with the contrast that its style has."""
    waiting: list[HeldOut] = []

    def pictures() -> Iterator[Any]:
        for item in items:
            waiting.append(item)
            yield item.picture

    for picture, raw in raw_answers(pictures(), classifier):
        yield Judged(waiting.pop(0), raw, classifier.judge(picture, raw))


def all_styles(
    simulations: Sequence[Simulation], split: str, classifier: Classifier, count: int, *, seed: int
) -> Iterator[Progress | dict[str, list[Judged]]]:
    """Judge ``count`` pictures of every style of a split, and as many clean arrows; negatives too."""
    plans = {str(f): held_out(simulations, split, f, count, seed=seed) for f in Family}  # drawn when they are judged
    plans["arrows, clean"] = held_out(simulations, split, Family.ARROWS, count, seed=seed, clean=True)
    plans["negatives, kinds trained on"] = negatives(count, seed=seed, kinds=TRAINING)
    plans["negatives, kinds held back"] = negatives(count, seed=seed, kinds=HELD_BACK)
    judged: dict[str, list[Judged]] = {}
    for done, (style, plan) in enumerate(plans.items()):
        yield Progress(done, len(plans), f"judging {style}")
        if found := list(judge(plan, classifier)):
            judged[style] = found
    yield judged


def figures(judged: dict[str, list[Judged]]) -> dict[str, Any]:
    """Sum up: accuracy with its 95 % interval, recall, calibration, sets and applicability, by style."""
    textures = {style: group for style, group in judged.items() if group[0].item.state is not None}
    everyone = [one for group in textures.values() for one in group]
    result: dict[str, Any] = {
        "styles": {style: _style_figures(group) for style, group in textures.items()},
        "recall": {},
        "applicability": {},
    }
    for state in STATES:
        own = [one for one in textures.get(str(Family.ARROWS), everyone) if one.item.state is state]
        if own:
            result["recall"][str(state)] = _round(np.mean([one.correct for one in own]))
    positive = np.array([one.raw.applicable for one in everyone])
    for style, group in judged.items():
        if group[0].item.state is None:
            scores = np.array([one.raw.applicable for one in group])
            result["applicability"][style] = {
                "pictures": len(group),
                "auroc": _round(auroc(positive, scores)),
                "false_positives": _round(false_positives(positive, scores)),
                "accepted": _round(np.mean([one.verdict.applicable for one in group])),
                "accepted_by_kind": {
                    kind: _round(np.mean([one.verdict.applicable for one in group if one.item.family == kind]))
                    for kind in dict.fromkeys(one.item.family for one in group)
                },
            }
    result["applicability"]["true_positive_rate"] = _round(np.mean([one.verdict.applicable for one in everyone]))
    return result


def _style_figures(group: list[Judged]) -> dict[str, Any]:
    correct = np.array([one.correct for one in group])
    confidence = np.array([one.verdict.probability for one in group])
    covered = [str(one.item.state) in one.verdict.set for one in group]
    low, high = wilson(int(correct.sum()), len(group))
    return {
        "pictures": len(group),
        "accuracy": _round(correct.mean()),
        "interval": [_round(low), _round(high)],
        "calibration_error": _round(calibration_error(confidence, correct)),
        "set_coverage": _round(np.mean(covered)),
        "set_size": _round(np.mean([len(one.verdict.set) for one in group])),
    }


def false_positives(positive: Scores, negative: Scores, *, true_positives: float = TRUE_POSITIVES) -> float:
    """Return the share of negatives that score above the threshold which lets so many of the positives in."""
    return float((negative >= np.quantile(positive, 1 - true_positives)).mean())


def wilson(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a rate (Wilson 1927)."""
    rate = successes / trials
    middle = (rate + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(rate * (1 - rate) / trials + z * z / (4 * trials * trials))
    return max(0.0, middle - half), min(1.0, middle + half)


def _round(value: float | np.floating[Any]) -> float:
    return round(float(value), 4)
