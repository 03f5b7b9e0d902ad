"""From logits to numbers that hold: temperature and bias, sets that cover 90 %, the range of applicability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_magtex.classify.network import STATES
from napari_magtex.picture import Contrast
from napari_magtex.states.definitions import State, hidden_states

Floats = NDArray[np.float64]

COVERAGE = 0.9
TRUE_POSITIVES = 0.95  # of the validation pictures with a texture stay applicable
_RIDGE = 0.002  # against biases, in the mean log likelihood
_FEWEST = 30  # pictures of a state and contrast below which its threshold is that of all pictures of the state


@dataclass(frozen=True)
class Calibration:
    """What turns logits into a verdict.

    ``temperature`` divides the state logits of a contrast, and ``bias`` is added to them, state by state; a state
    belongs to the 90 % set when its probability reaches ``thresholds[contrast][state]``; ``applicable`` is the logit
    above which a picture is within range.
    """

    temperature: Mapping[str, float] = field(default_factory=dict)
    bias: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    applicable: float = 0.0

    def probabilities(self, logits: Floats, contrast: Contrast) -> Floats:
        """Return the probabilities (9,) of one picture: 0 where the contrast hides a state, 1 in sum."""
        hidden = hidden_mask(contrast)
        bias = self.bias.get(contrast, {})
        offset = np.array([bias.get(state, 0.0) for state in STATES])
        scaled = np.where(hidden, -np.inf, logits / self.temperature.get(contrast, 1.0) + offset)
        odds = np.exp(scaled - scaled.max())
        return odds / odds.sum()

    def states(self, probabilities: Floats, contrast: Contrast) -> tuple[State, ...]:
        """Return the 90 % set, likeliest first: never empty, the top state always in it."""
        limits = self.thresholds.get(contrast, {})
        order = np.argsort(-probabilities, kind="stable")
        chosen = [STATES[k] for k in order if probabilities[k] >= limits.get(STATES[k], 1.0) and probabilities[k] > 0]
        top = STATES[order[0]]
        return (top, *(state for state in chosen if state is not top))

    def applicability(self, logit: float) -> float:
        """Return 0..1; one half is the threshold."""
        return float(1 / (1 + np.exp(-np.clip(logit - self.applicable, -60, 60))))

    def as_card(self) -> dict[str, Any]:
        """Return what the card keeps."""
        return {
            "temperature": dict(self.temperature),
            "bias": {contrast: dict(offsets) for contrast, offsets in self.bias.items()},
            "thresholds": {contrast: dict(limits) for contrast, limits in self.thresholds.items()},
            "applicable_logit": self.applicable,
            "coverage": COVERAGE,
            "true_positive_rate": TRUE_POSITIVES,
        }

    @classmethod
    def from_card(cls, entry: Mapping[str, Any]) -> Calibration:
        """Read it back."""
        return cls(entry["temperature"], entry["bias"], entry["thresholds"], float(entry["applicable_logit"]))


def hidden_mask(contrast: Contrast) -> NDArray[np.bool_]:
    """Mark the states that a contrast cannot show, (9,)."""
    hidden = hidden_states(contrast)
    return np.array([state in hidden for state in STATES])


def calibrate(logits: Floats, truth: NDArray[np.int64], contrasts: list[Contrast], applicable: Floats) -> Calibration:
    """Calibrate on pictures that were not trained on.

    Parameters
    ----------
    logits, truth, contrasts
        State logits (n, 9), the indices of the true states (n,), and the contrast of each picture.
    applicable
        The applicability logits (n,) of the same pictures, which all show a texture.
    """
    kinds = np.array([str(c) for c in contrasts])
    temperature: dict[str, float] = {}
    bias: dict[str, dict[str, float]] = {}
    for c in dict.fromkeys(contrasts):
        temperature[str(c)], bias[str(c)] = _scaling(logits[kinds == c], truth[kinds == c], c)
    scaled = Calibration(temperature, bias)
    own = np.array([
        scaled.probabilities(row, c)[k] for row, c, k in zip(logits, contrasts, truth, strict=True)
    ])  # fmt: skip
    thresholds: dict[str, dict[str, float]] = {}
    for contrast in dict.fromkeys(contrasts):
        here = kinds == contrast
        thresholds[str(contrast)] = {}
        for index, state in enumerate(STATES):
            scores = own[here & (truth == index)]
            pool = scores if len(scores) >= _FEWEST else own[truth == index]
            if len(pool) and state not in hidden_states(contrast):
                thresholds[str(contrast)][str(state)] = _conformal(pool)
    return Calibration(temperature, bias, thresholds, float(np.quantile(applicable, 1 - TRUE_POSITIVES)))


def _scaling(logits: Floats, truth: NDArray[np.int64], contrast: Contrast) -> tuple[float, dict[str, float]]:
    """Find the temperature and the bias of each state that make the truth likeliest.

    Notes
    -----
    Bias-corrected temperature scaling (Alexandari et al., ICML 2020); `_RIDGE` keeps a bias small that few pictures ask
    for. Where the contrast shows a state that no picture has, that state keeps its own logit.
    """
    from scipy.optimize import minimize

    seen = np.flatnonzero(~hidden_mask(contrast))
    free = np.isin(seen, truth)
    place = np.searchsorted(seen, truth)
    visible = logits[:, seen]

    def loss(x: Floats) -> float:
        scaled = visible * np.exp(-x[0]) + np.where(free, x[1:], 0.0)
        top = scaled.max(axis=1, keepdims=True)
        log_sum = np.log(np.exp(scaled - top).sum(axis=1)) + top[:, 0]
        return float((log_sum - scaled[np.arange(len(truth)), place]).mean() + _RIDGE * (x[1:] ** 2).sum())

    bounds = [(-2.5, 2.5)] + [(-4.0, 4.0)] * len(seen)
    x = minimize(loss, np.zeros(1 + len(seen)), method="L-BFGS-B", bounds=bounds).x
    return float(np.exp(x[0])), {str(STATES[k]): float(b) for k, b, f in zip(seen, x[1:], free, strict=True) if f}


def _conformal(scores: Floats) -> float:
    """Return the probability that all but a tenth of the true states reach, with the finite-sample correction."""
    rank = int(np.floor((len(scores) + 1) * (1 - COVERAGE)))
    return float(np.sort(scores)[rank - 1]) if rank >= 1 else 0.0


def calibration_error(confidence: Floats, correct: NDArray[np.bool_], bins: int = 15) -> float:
    """Return the expected calibration error over bins of equal width."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for b in np.unique(place):
        here = place == b
        error += here.mean() * abs(confidence[here].mean() - correct[here].mean())
    return float(error)


def auroc(positive: Floats, negative: Floats) -> float:
    """Return the probability that a positive scores above a negative; ties count half."""
    below = np.searchsorted(np.sort(negative), positive, side="left")
    upto = np.searchsorted(np.sort(negative), positive, side="right")
    return float((below + upto).mean() / 2 / len(negative))
