"""How good a segmentation is: pixel by pixel, skyrmion by skyrmion, and by the count."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

_SAME = 0.5  # of their union, that two skyrmions must share to be one


@dataclass(frozen=True)
class Score:
    """Of one frame, or the mean over the frames of a sample.

    ``mcc`` is pixelwise, skyrmion against the rest; ``f1`` is of skyrmions found, at an overlap (IoU) of one half;
    ``count_error`` is the count's relative error, without its sign.
    """

    mcc: float
    f1: float
    count_error: float


def score(found: NDArray[np.int32], truth: NDArray[np.int32], inside: NDArray[np.bool_] | None = None) -> Score:
    """Compare two label images (ny, nx), 0 between skyrmions; what is not ``inside`` does not count."""
    if inside is not None:
        kept = score(np.where(inside, found, 0), np.where(inside, truth, 0))
        return replace(kept, mcc=matthews(found[inside] > 0, truth[inside] > 0))
    there = len(np.unique(truth)) - int((truth == 0).any())
    seen = len(np.unique(found)) - int((found == 0).any())
    matched = matches(found, truth)
    f1 = 2 * matched / (there + seen) if there + seen else 1.0
    return Score(matthews(found > 0, truth > 0), f1, abs(seen - there) / max(there, 1))


def matthews(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Return the correlation of two masks (Matthews, 1975): 1 where they are the same, 0 as by chance.

    Two empty masks are the same; with one of them empty nothing can be said, which counts as chance.
    """
    tp, fp = np.count_nonzero(found & truth), np.count_nonzero(found & ~truth)
    fn = np.count_nonzero(~found & truth)
    tn = found.size - tp - fp - fn
    if (tp == fp == fn == 0) or (tn == fp == fn == 0):
        return 1.0
    product = math.sqrt(tp + fp) * math.sqrt(tp + fn) * math.sqrt(tn + fp) * math.sqrt(tn + fn)
    return float(np.clip((tp * tn - fp * fn) / product, -1, 1)) if product else 0.0


def matches(found: NDArray[np.int32], truth: NDArray[np.int32]) -> int:
    """Return how many skyrmions of two label images are the same: pairs that share more than half of their union.

    No skyrmion can be in two such pairs.
    """
    both = (found > 0) & (truth > 0)
    pairs, shared = np.unique(np.stack([found[both], truth[both]]), axis=1, return_counts=True)
    areas = np.bincount(found.ravel())[pairs[0]] + np.bincount(truth.ravel())[pairs[1]]
    return int((shared > _SAME * (areas - shared)).sum())


def by_sample(scores: Iterable[tuple[str, Score]]) -> dict[str, Score]:
    """Return the score of every sample: the mean over its frames, and of the count the median error."""
    frames: dict[str, list[Score]] = {}
    for sample, one in scores:
        frames.setdefault(sample, []).append(one)
    return {
        sample: Score(
            float(np.mean([one.mcc for one in some])),
            float(np.mean([one.f1 for one in some])),
            float(np.median([one.count_error for one in some])),
        )
        for sample, some in frames.items()
    }


def overall(samples: Mapping[str, Score]) -> dict[str, float]:
    """Return the means over samples, their spread, the median error of the count, and the least MCC."""
    columns = {name: np.array([asdict(one)[name] for one in samples.values()]) for name in asdict(Score(0, 0, 0))}
    return {
        "mcc": float(columns["mcc"].mean()),
        "mcc_spread": float(columns["mcc"].std()),
        "mcc_least": float(columns["mcc"].min()),
        "f1": float(columns["f1"].mean()),
        "f1_spread": float(columns["f1"].std()),
        "count_error": float(np.median(columns["count_error"])),
    }
