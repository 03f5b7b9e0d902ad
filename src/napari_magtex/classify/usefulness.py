"""Which pictures a person should label next: those that the network is least sure of, and that differ."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_magtex.classify.predict import Classifier, answers_from, features_of
from napari_magtex.compute import Progress
from napari_magtex.picture import Picture
from napari_magtex.results import Verdict
from napari_magtex.states.definitions import State

MOST = 20  # pictures that are named
_POOL = 500  # of the least sure pictures whose features are kept, so that memory does not grow with a stack
_SAME = 0.05  # of the size of features: frames of one texture with other noise lie 0.005 to 0.02 apart


@dataclass(frozen=True)
class Useful:
    """A picture worth labelling: its place among those looked at, its verdict, and the bits that a label tells."""

    place: int
    verdict: Verdict
    bits: float


def most_useful(
    pictures: Iterable[Picture | Exception],
    classifier: Classifier,
    *,
    total: int = 0,
    known: Collection[str] = (),
    most: int = MOST,
    refused: Callable[[int, Exception], object] = lambda _place, _error: None,
) -> Iterator[Progress | list[Useful]]:
    """Rank pictures by what their labels would tell.

    The least sure comes first; each next one is unsure and far, in the features of the network, from those before it;
    what differs from one of those by little more than noise is not named at all.

    Parameters
    ----------
    pictures
        Read one by one; an exception stands for a picture that could not be had.
    total
        How many they are, for the progress.
    known
        Hashes of pictures that have labels already: they are passed over.
    most
        How many to name.
    refused
        Told the place of each picture that could not be had or used, and why; it is passed over.

    Yields
    ------
    Progress after each picture, and last the ranking.
    """
    pool: list[tuple[float, int, Verdict, Tensor]] = []
    for place, picture in enumerate(pictures):
        try:
            if isinstance(picture, Exception):
                raise picture
            if picture.sha256 not in known:
                features = features_of(picture, classifier)
                verdict = classifier.judge(picture, *answers_from(features[None], classifier))
                # the place is unique, so verdicts are never compared
                add = heapq.heappush if len(pool) < _POOL else heapq.heappushpop
                add(pool, (bits_of(verdict), -place, verdict, features))
        except Exception as error:  # of this picture: the others may go well
            refused(place, error)
        yield Progress(place + 1, max(total, place + 1), "looking at pictures")
    if not pool:
        yield []
        return
    pool.sort(key=lambda entry: entry[:2], reverse=True)
    chosen = _spread([bits for bits, *_ in pool], torch.stack([features for *_, features in pool]), most)
    yield [Useful(-pool[k][1], pool[k][2], pool[k][0]) for k in chosen]


def bits_of(verdict: Verdict) -> float:
    """Return the entropy of an answer in bits: nine states within range, or none of them."""
    return float(sum(-p * np.log2(p) for p in _answers(verdict).values() if p > 0))


def doubt(verdict: Verdict) -> str:
    """Say between what a verdict wavers: ``FM stripes 48 %, FM skyrmions 41 %``."""
    first, second = sorted(_answers(verdict).items(), key=lambda answer: -answer[1])[:2]
    return ", ".join(f"{State(s).caption if s else 'none of these'} {100 * p:.0f} %" for s, p in (first, second))


def _answers(verdict: Verdict) -> dict[str, float]:
    """Return the probability of each answer a person could give; "" stands for none of the states."""
    inside = verdict.applicability
    return {state: inside * p for state, p in verdict.probabilities.items()} | {"": 1 - inside}


def _spread(bits: Sequence[float], features: Tensor, most: int) -> list[int]:
    """Choose indices greedily by bits times the distance to those chosen, in units of how large features are."""
    weight = torch.tensor(bits)
    size = features.norm(dim=1).mean()  # unrelated pictures lie about that far apart
    chosen = [0]
    nearest = torch.cdist(features[:1], features)[0] / size
    while len(chosen) < min(most, len(bits)) and nearest.max() > _SAME:
        gain = torch.where(nearest > _SAME, weight * nearest.clamp(max=1), -1.0)
        chosen.append(int(gain.argmax()))
        nearest = torch.minimum(nearest, torch.cdist(features[chosen[-1:]], features)[0] / size)
    return chosen
