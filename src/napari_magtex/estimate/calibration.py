"""What an estimator's answers are worth: intervals that hold, and what it was trained to look at.

Both come from simulated films whose constants no training film had.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.9
_NEIGHBOUR = 3  # the distance that counts is that to the third nearest training picture
_INSIDE = 0.99  # of the calibration pictures are called applicable


def conformal_quantile(scores: NDArray[np.float64], films: int, level: float = LEVEL) -> float:
    """Return the score that a new film stays below with the given probability.

    Several pictures of one film are no independent scores, so the finite-sample correction counts films.
    """
    share = min(1.0, math.ceil((films + 1) * level) / films)
    return float(np.sort(scores)[math.ceil(share * len(scores) - 1e-9) - 1])


@dataclass(frozen=True)
class Intervals:
    """Half-widths of 90 % intervals, in units of an answer's sigma, by the side of the region in cells.

    ``quantiles`` holds for every quantity one number a side. Between two sides the larger picture's number would
    promise too much, so it is interpolated in the logarithm of the side; beyond the largest it stays.
    """

    sides: tuple[float, ...]
    quantiles: Mapping[str, tuple[float, ...]]

    def half_width(self, quantity: str, sigma: float, side: float) -> float:
        """Return the half-width for a region of so many cells a side."""
        return sigma * float(np.interp(math.log(side), np.log(self.sides), self.quantiles[quantity]))

    def to_card(self) -> dict[str, Any]:
        """Return what a card stores."""
        quantiles = {name: [round(q, 5) for q in values] for name, values in self.quantiles.items()}
        return {"level": LEVEL, "sides": list(self.sides), "quantiles": quantiles}

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> Intervals:
        """Read them back."""
        return cls(tuple(card["sides"]), {name: tuple(values) for name, values in card["quantiles"].items()})


@dataclass(frozen=True, eq=False)
class Familiar:
    """Descriptors of training pictures (n, numbers), and how far from them a picture may lie."""

    descriptors: NDArray[np.float32]
    threshold: float

    @classmethod
    def learn(cls, training: Sequence[NDArray[np.float32]], calibration: Sequence[NDArray[np.float32]]) -> Familiar:
        """Set the threshold so that 99 % of the calibration pictures pass."""
        known = np.stack(training).astype(np.float16).astype(np.float32)  # as they are stored
        unlimited = cls(known, math.inf)
        distances = [unlimited.distance(descriptor) for descriptor in calibration]
        return cls(known, float(np.quantile(distances, _INSIDE)))

    def distance(self, descriptor: NDArray[np.float32]) -> float:
        """Return how far a descriptor lies from its neighbours, in standard deviations a number."""
        scale = self.descriptors.std(axis=0) + 1e-3
        apart = np.sqrt((((self.descriptors - descriptor) / scale) ** 2).mean(axis=1))
        return float(np.partition(apart, min(_NEIGHBOUR, len(apart)) - 1)[min(_NEIGHBOUR, len(apart)) - 1])

    def knows(self, descriptor: NDArray[np.float32]) -> bool:
        """Whether a picture is like those that the network was trained on."""
        return self.distance(descriptor) <= self.threshold
