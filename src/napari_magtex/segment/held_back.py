"""What fine-tuning is judged on: corrections that a network has not learned from, and simulated frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_magtex.errors import Unsuitable
from napari_magtex.io.corrections import folds
from napari_magtex.picture import SMALLEST_SIDE, Region
from napari_magtex.segment.corrections import CorrectedFrame
from napari_magtex.segment.evaluate import Score, matthews, score
from napari_magtex.segment.kinds import Kind
from napari_magtex.segment.predict import segment
from napari_magtex.segment.segmenter import Segmenter
from napari_magtex.segment.simulated import SimulatedFrame, simulated_frame

FOLDS = 3  # trainings to judge by, at most
FEWEST_FILES = 3  # from which on whole files are held back, for frames of one file are much alike
BY_FILE, BY_FRAME, BY_HALF = "file by file", "frame by frame", "one half of the only frame"
_MARGIN = 32  # pixels between the halves of a frame, of which neither is learned from nor judged
_GUARD, _GUARD_SHAPE, _GUARD_SEED = 12, (256, 256), (6, 1)  # two numbers: training has one

Round = tuple[list[CorrectedFrame], list[CorrectedFrame]]  # what is learned from, and what is held back


@dataclass(frozen=True)
class HeldBack:
    """How well frames were segmented that a network had not learned from, before and after; ``way`` tells which."""

    way: str
    before: tuple[Score, ...]
    after: tuple[Score, ...]

    @property
    def mcc(self) -> tuple[float, float]:
        """The mean correlation of pixels, before and after."""
        return _mean(self.before, "mcc"), _mean(self.after, "mcc")

    @property
    def f1(self) -> tuple[float, float]:
        """The mean F1 of skyrmions found, at an overlap of one half, before and after."""
        return _mean(self.before, "f1"), _mean(self.after, "f1")

    @property
    def better(self) -> bool:
        """Whether one of the two has risen, and neither fallen."""
        gains = [after - before for before, after in (self.mcc, self.f1)]
        return min(gains) >= 0 and max(gains) > 0

    def record(self) -> dict[str, Any]:
        """Return what the card keeps."""
        numbers = {"MCC": self.mcc, "F1": self.f1}
        return {"frames": len(self.before), "held back": self.way} | {
            f"{name} {when}": round(value, 4)
            for name, both in numbers.items()
            for when, value in zip(("before", "after"), both, strict=True)
        }


def rounds(frames: Sequence[CorrectedFrame]) -> tuple[list[Round], str]:
    """Divide corrections into what is shown and what is held back, so that each is held back once; and say how.

    Of a single frame one half is shown and the other held back, of several regions of it those of the largest.
    """
    if len({(frame.correction.file, frame.correction.frame) for frame in frames}) == 1:
        shown, held_back = halves(max(frames, key=lambda frame: frame.labels.size))
        return [([shown], [held_back])], BY_HALF
    fold, whole_files = folds([frame.correction for frame in frames], FOLDS, FEWEST_FILES)
    divided: list[Round] = []
    for part in sorted(set(fold)):
        divided.append(([], []))
        for frame, number in zip(frames, fold, strict=True):
            divided[-1][number == part].append(frame)
    return divided, BY_FILE if whole_files else BY_FRAME


def halves(frame: CorrectedFrame) -> tuple[CorrectedFrame, CorrectedFrame]:
    """Cut a frame in two across its longer side, and leave out what lies between.

    Raises
    ------
    Unsuitable
        A half is too small for a picture.
    """
    ny, nx = frame.picture.shape
    longer = max(ny, nx)
    margin = min(_MARGIN, longer // 8)
    first, second = (longer - margin) // 2, (longer + margin) // 2
    if first < SMALLEST_SIDE:
        raise Unsuitable(
            f"the only correction is {nx} x {ny} pixels, of which one half is held back: keep a larger region"
        )
    if longer == nx:
        return frame.part(Region(0, 0, first, ny)), frame.part(Region(second, 0, nx, ny))
    return frame.part(Region(0, 0, nx, first)), frame.part(Region(0, second, nx, ny))


def judged(frame: CorrectedFrame, segmenter: Segmenter) -> Score:
    """Compare what a segmenter finds with what a person says is there, where something is said."""
    return score(segment(frame.picture, segmenter).labels, frame.skyrmions, frame.said)


def guard_frames() -> Iterator[SimulatedFrame]:
    """Simulate frames with skyrmions that no training sees, the same ones each time."""
    found = number = 0
    while found < _GUARD:
        frame = simulated_frame(np.random.default_rng([*_GUARD_SEED, number]), _GUARD_SHAPE)
        number += 1
        if (frame.kinds == Kind.SKYRMION).any():
            found += 1
            yield frame


def on_simulated(frame: SimulatedFrame, segmenter: Segmenter) -> float:
    """Return the MCC of a simulated frame's pixels."""
    return matthews(segmenter.probabilities(frame.grey)[Kind.SKYRMION] > 0.5, frame.kinds == Kind.SKYRMION)


def _mean(scores: Sequence[Score], name: str) -> float:
    return float(np.mean([getattr(one, name) for one in scores]))
