"""Adapt a classifier to a person's corrections: new heads on the frozen network, judged on corrections held back.

What the network knew before is held by a pull on its weights, and by plain pictures of all states (`rehearsal`) on
which the new heads are asked to answer as the old ones do (Li and Hoiem, Learning without forgetting, ECCV 2016).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from napari_magtex.classify.corrections import NONE, Correction, Corrections
from napari_magtex.classify.evaluate import wilson
from napari_magtex.classify.heads import HeadFit, Heads, Wanted
from napari_magtex.classify.network import STATES
from napari_magtex.classify.predict import Classifier, answers_from, features_of
from napari_magtex.classify.rehearsal import plain_pictures
from napari_magtex.compute import Progress
from napari_magtex.errors import Unsuitable
from napari_magtex.io.corrections import folds
from napari_magtex.models import adapted
from napari_magtex.picture import Picture

FEWEST_TO_FIT = 2
FEWEST_TO_JUDGE = 6  # corrections: with fewer, an accuracy says next to nothing
FEWEST_FILES = 4  # from which on whole files are held back, for frames of one file are much alike
FOLDS = 6
PULLS = (0.01, 0.1, 1.0)  # weaker ones fit no better on 94 real pictures, stronger ones let nothing change
_REHEARSED, _TESTED = 117, 65  # plain pictures to fit to, and others to test the result on
_WEIGHT = 2  # of a correction, in plain pictures; copies turned by 90 degrees were measured to add no more


@dataclass(frozen=True)
class HeldBack:
    """How many corrections came out right that heads had not been fitted to, before and after.

    Right means: the state given and within range, or out of range where the person says that it is none of them.
    ``whole_files`` tells whether all corrections of a file were held back together.
    """

    count: int
    before: int
    after: int
    whole_files: bool

    @property
    def enough(self) -> bool:
        """Whether these numbers say anything."""
        return self.count >= FEWEST_TO_JUDGE

    @property
    def intervals(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The 95 % intervals of the two accuracies."""
        return wilson(self.before, self.count), wilson(self.after, self.count)

    def record(self) -> dict[str, Any]:
        """Return what the card keeps."""
        before, after = ([round(end, 3) for end in interval] for interval in self.intervals)
        return {
            "corrections": self.count,
            "held back": "file by file" if self.whole_files else "picture by picture",
            "right before": self.before,
            "right after": self.after,
            "interval before": before,
            "interval after": after,
        }


@dataclass(frozen=True, eq=False)
class Adaptation:
    """A classifier with new heads, and how it does.

    ``plain`` pictures were named by both; of these, ``plain_kept`` got the name that the old one gives.
    """

    classifier: Classifier
    held_back: HeldBack
    plain: int
    plain_kept: int

    def save(self, path: Path) -> None:
        """Write the weights with their card under the name of the file; no network replaces another.

        Raises
        ------
        MagtexError
            There is such a file already, or it cannot be written there.
        """
        adapted.save(path, self.classifier.network.state_dict(), self.classifier.card)


def adapt(corrections: Corrections, classifier: Classifier) -> Iterator[Progress | Adaptation]:
    """Fit the two heads, for states and for the range, to corrections.

    How strong the pull is, and how good the result, is told by holding back a part of the corrections at a time; the
    pull that a part is judged with is the one that does best on the other parts.

    Parameters
    ----------
    corrections
        Two or more.
    classifier
        The one to start from, which has not learned from corrections yet; it stays as it is.

    Yields
    ------
    Progress after each picture, and last the Adaptation.

    Raises
    ------
    Unsuitable
        There are too few corrections, or the classifier is itself an adapted one.
    UnreadableFile
        The table or a picture is damaged or missing.
    """
    kept = corrections.read()
    if len(kept) < FEWEST_TO_FIT:
        raise Unsuitable(f"{len(kept)} corrections are kept: correct {FEWEST_TO_FIT} pictures or more, then adapt")
    adapted.refuse(classifier.model, classifier.card)
    total = len(kept) + _REHEARSED + _TESTED
    own: list[Tensor] = []
    for correction in kept:
        own.append(features_of(corrections.picture(correction), classifier))
        yield Progress(len(own), total, "looking at corrections")
    plain: list[tuple[Picture, Tensor]] = []
    for picture in plain_pictures(_REHEARSED + _TESTED):
        plain.append((picture, features_of(picture, classifier)))
        yield Progress(len(own) + len(plain), total, "looking at plain pictures")
    yield Progress(0, 0, "fitting")
    yield _adapted(
        kept,
        _as_corrected(kept, own, classifier),
        _as_before(plain[:_REHEARSED], classifier),
        _as_before(plain[_REHEARSED:], classifier),
        classifier,
    )


def _as_corrected(corrections: Sequence[Correction], features: Sequence[Tensor], classifier: Classifier) -> Wanted:
    return Wanted.of(
        features,
        [[float(state is c.state) for state in STATES] for c in corrections],
        [float(c.state is not None) for c in corrections],
        [c.contrast for c in corrections],
        classifier,
    )


def _as_before(pictures: Sequence[tuple[Picture, Tensor]], classifier: Classifier) -> Wanted:
    answers = answers_from(torch.stack([features for _, features in pictures]), classifier)
    verdicts = [classifier.judge(picture, raw) for (picture, _), raw in zip(pictures, answers, strict=True)]
    return Wanted.of(
        [features for _, features in pictures],
        [[verdict.probabilities[state] for state in STATES] for verdict in verdicts],
        [verdict.applicability for verdict in verdicts],
        [verdict.provenance.contrast for verdict in verdicts],
        classifier,
    )


def _adapted(
    kept: Sequence[Correction], taught: Wanted, rehearsed: Wanted, tested: Wanted, classifier: Classifier
) -> Adaptation:
    old = Heads.of(classifier.network)
    fit = HeadFit(old, rehearsed, taught + rehearsed)
    fold, whole_files = folds(kept, FOLDS, FEWEST_FILES)
    place = torch.tensor(fold)
    # log losses and successes on corrections held back, one row for each pull
    losses = torch.zeros(len(PULLS), len(taught), dtype=torch.float64)
    right = torch.zeros(len(PULLS), len(taught), dtype=torch.bool)
    for part in sorted(set(fold)):
        away = place == part
        shown = _weighted(taught[~away], rehearsed)
        for row, pull in enumerate(PULLS):
            logits = fit.heads(shown, pull).logits(taught[away])
            losses[row, away], right[row, away] = taught[away].losses(logits), taught[away].right(logits)
    after = 0
    for part in set(fold):
        away = place == part
        after += int(right[losses[:, ~away].sum(dim=1).argmin(), away].sum())
    pull = PULLS[int(losses.sum(dim=1).argmin())]
    new = fit.heads(_weighted(taught, rehearsed), pull)
    held_back = HeldBack(len(taught), int(taught.right(old.logits(taught)).sum()), after, whole_files)
    same = int((tested.named(new.logits(tested)) == tested.named(old.logits(tested))).sum())
    card = _card(classifier, kept, pull, held_back, {"pictures": len(tested), "named as before": same})
    return Adaptation(replace(classifier, network=new.on(classifier.network), card=card), held_back, len(tested), same)


def _weighted(taught: Wanted, rehearsed: Wanted) -> Wanted:
    return sum([taught] * (_WEIGHT - 1), taught) + rehearsed


def _card(
    classifier: Classifier, kept: Sequence[Correction], pull: float, held_back: HeldBack, plain: dict[str, int]
) -> dict[str, Any]:
    """Return the card of the old network with what has been done to it; its test figures are the old one's."""
    card = {key: entry for key, entry in classifier.card.items() if key != "test"}
    counts = Counter(str(correction.state or NONE) for correction in kept)
    return card | {
        "version": f"{classifier.card['version']}+{len(kept)}",
        adapted.KEY: {
            "from": classifier.model,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "corrections": dict(sorted(counts.items())),
            "held back": held_back.record(),
            "plain pictures": plain,
            "pull": pull,
            "calibration": "temperatures, biases, 90 % sets and the threshold of the range are those of the old heads:"
            " the new ones were fitted under them, and their coverage was not measured",
            "test of the old heads": classifier.card.get("test"),
        },
    }
