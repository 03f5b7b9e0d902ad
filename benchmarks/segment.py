"""Skyrmions on real Kerr frames of samples that no training saw, a threshold and the network side by side.

    python benchmarks/segment.py [--data FOLDER] [--weights FOLD0.safetensors ...] [--quick] [--json FILE]

FOLDER holds the frames and masks of Labrie-Boulay et al. (2024); default: what MAGTEX_REAL_DATA leads to. The samples
are divided into five folds; what is tuned or trained is so on four of them and judged on the fifth. Each sample counts
once, however many frames it has. Truth is every connected region of a mask's skyrmions, whatever its size.
``--weights`` are those of `napari_magtex.segment.train --fold 0` to 4, and of one on simulated frames alone: each
is judged on the samples that its card does not name. Without them the threshold alone is judged.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label
from tables import Figures, table, write

from napari_magtex.errors import MagtexError
from napari_magtex.picture import Contrast, Picture
from napari_magtex.segment.classical import ClassicalSettings, classical_mask, segment_classical
from napari_magtex.segment.evaluate import Score, by_sample, matthews, overall, score
from napari_magtex.segment.frames import MaskedFrame, folds, read_masked_frames
from napari_magtex.segment.kinds import Kind
from napari_magtex.segment.predict import segment
from napari_magtex.segment.segmenter import Segmenter
from napari_magtex.segment.simulated import simulated_frame

GRID = {
    "fine": (1.0, 1.5, 2.0, 3.0),
    "coarse": (10.0, 15.0, 25.0),
    "level": (0.8, 1.0),
}
PAPER = ClassicalSettings(fine=2.0, coarse=10.0, min_area=10, neck=0.0, cautious=False)
TUNED_ON = 1  # frames of each training sample: they are near-duplicates
QUICK = 2
WORST = 5  # samples that are named
NOISY = 40  # simulated frames at SNR 1
NOISY_SIZES = (10.0, 60.0)  # pixels across their skyrmions
EMPTY = 5  # frames of noise alone, for false alarms
SHAPE = (512, 672)

Labels = NDArray[np.int32]
Segment = Callable[[NDArray[np.float32]], Labels]


def main() -> None:
    """Judge and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, help="folder of the masked frames")
    options.add_argument("--weights", type=Path, nargs="*", default=[], help="weights, one file a fold")
    options.add_argument("--quick", action="store_true", help="the first two frames of each sample only")
    options.add_argument("--json", type=Path, metavar="FILE", help="write all figures, which docs.py reads")
    chosen = options.parse_args()
    try:
        frames = read_masked_frames(chosen.data)
    except MagtexError as error:
        print(f"skipped: {error}")
        return
    if chosen.quick:
        frames = first_frames(frames, QUICK)
    methods: dict[str, list[Figures]] = {
        "threshold, as published": [judged(frames, lambda grey: segment_classical(grey, PAPER)[0])],
        "threshold, tuned": tuned(frames),
    }
    networks = [Segmenter.load(path, "cpu") for path in chosen.weights]
    for name, learned in (("network, simulated frames alone", False), ("network", True)):
        if some := [segmenter for segmenter in networks if bool(_samples(segmenter)) is learned]:
            methods[name] = by_networks(frames, some)
    figures: Figures = {
        "benchmark": "segment",
        "frames": len(frames),
        "samples": len({frame.sample for frame in frames}),
        "methods": {name: together(parts) for name, parts in methods.items()},
    }
    write(figures, chosen.json)
    print(markdown(figures))


def judged(frames: Sequence[MaskedFrame], find: Segment) -> Figures:
    """Return the scores of the samples of some frames and of their negatives, simulated and empty frames, the time."""
    truths = [label(frame.kinds == Kind.SKYRMION)[0].astype(np.int32) for frame in frames]
    began = time.perf_counter()
    found = [find(frame.grey) for frame in frames]
    seconds = (time.perf_counter() - began) / max(len(frames), 1)
    scores = [(f.sample, score(labels, truth)) for f, labels, truth in zip(frames, found, truths, strict=True)]
    first = {frame.sample: number for number, frame in reversed(list(enumerate(frames)))}
    negative = {name: score(find(255 - frames[number].grey), truths[number]) for name, number in first.items()}
    return {
        "samples": by_sample(scores),
        "negative": {name: abs(negative[name].mcc - scores[number][1].mcc) for name, number in first.items()},
        "noisy": _noisy(find),
        "alarms": [int(find(grey).max()) for grey in _empty()],
        "seconds": [seconds] * len(frames),
    }


def tuned(frames: Sequence[MaskedFrame]) -> list[Figures]:
    """Judge the threshold on every fold, with the settings that had the best MCC on the other folds' samples."""
    few = first_frames(frames, TUNED_ON)
    known = [ClassicalSettings(**dict(zip(GRID, values, strict=True))) for values in itertools.product(*GRID.values())]
    mcc = {s: {f.sample: matthews(classical_mask(f.grey, s)[0], f.kinds == Kind.SKYRMION) for f in few} for s in known}
    parts = []
    for fold in folds(frame.sample for frame in frames):
        best = max(known, key=lambda s: np.mean([one for name, one in mcc[s].items() if name not in fold]))
        print(f"tuned without {', '.join(sorted(fold, key=int))}: {best}")
        held_back = [frame for frame in frames if frame.sample in fold]
        parts.append(judged(held_back, lambda grey, best=best: segment_classical(grey, best)[0]))  # type: ignore[misc]
    return parts


def by_networks(frames: Sequence[MaskedFrame], segmenters: Iterable[Segmenter]) -> list[Figures]:
    """Judge every network on the samples that no training of it saw."""
    parts = []
    for segmenter in segmenters:
        held_back = [frame for frame in frames if frame.sample not in _samples(segmenter)]
        parts.append(judged(held_back, lambda grey, s=segmenter: segment(_picture(grey), s).labels))  # type: ignore[misc]
    return parts


def _samples(segmenter: Segmenter) -> list[str]:
    """Return the samples that a network has learned from, and those that it started from."""
    return list(segmenter.card["data"]["samples"])


def together(parts: Sequence[Figures]) -> Figures:
    """Return the figures of a method over its folds: over all samples, and of each."""
    samples: dict[str, Score] = {}
    negative: dict[str, float] = {}
    for part in parts:
        samples |= part["samples"]
        negative |= part["negative"]
    return {
        "overall": overall(samples),
        "samples": {name: asdict(one) for name, one in samples.items()},
        "negative": max(negative.values()),
        "noisy": float(np.mean([part["noisy"] for part in parts])),
        "alarms": float(np.mean([part["alarms"] for part in parts])),
        "seconds": float(np.mean([second for part in parts for second in part["seconds"]])),
    }


def first_frames(frames: Iterable[MaskedFrame], count: int) -> list[MaskedFrame]:
    """Return the first frames of each sample."""
    by: dict[str, list[MaskedFrame]] = {}
    for frame in frames:
        by.setdefault(frame.sample, []).append(frame)
    return [frame for some in by.values() for frame in some[:count]]


def _picture(grey: NDArray[np.float32]) -> Picture:
    return Picture(grey, Contrast.KERR)


def _noisy(find: Segment) -> float:
    """Return the mean MCC on simulated frames whose noise is as strong as their contrast."""
    scores = []
    for number in range(NOISY):
        rng = np.random.default_rng([1, number])
        size = float(np.exp(rng.uniform(*np.log(NOISY_SIZES))))
        frame = simulated_frame(rng, (256, 336), size=size, snr=1.0, clean=True)
        if (frame.kinds == Kind.SKYRMION).any():
            scores.append(matthews(find(frame.grey) > 0, frame.kinds == Kind.SKYRMION))
    return float(np.mean(scores))


def _empty() -> list[NDArray[np.float32]]:
    """Draw frames of a film without skyrmions: noise, and light from one side."""
    return [
        (np.random.default_rng([2, n]).standard_normal(SHAPE) + np.linspace(0, n % 4, SHAPE[1])).astype(np.float32)
        for n in range(EMPTY)
    ]


def markdown(figures: Figures) -> str:
    """Return the table of methods, and the samples that each does worst on."""
    head = ("method", "MCC", "spread", "least", "F1 at IoU 0.5", "spread", "count, median error")
    rows, more, worst_rows = [], [], []
    for name, method in figures["methods"].items():
        every, samples = method["overall"], method["samples"]
        numbers = (f"{every[key]:.3f}" for key in ("mcc", "mcc_spread", "mcc_least", "f1", "f1_spread"))
        rows.append((name, *numbers, f"{100 * every['count_error']:.1f} %"))
        more.append((name, f"{method['negative']:.3f}", f"{method['noisy']:.3f}", f"{method['alarms']:.1f}",
                     f"{method['seconds']:.2f} s"))  # fmt: skip
        worst = sorted(samples, key=lambda sample: samples[sample]["mcc"])[:WORST]
        worst_rows.append((name, ", ".join(f"{sample} ({samples[sample]['mcc']:.2f})" for sample in worst)))
    head_of_more = (
        "method", "a negative changes MCC by at most", "simulated at SNR 1: MCC", "false alarms on an empty frame",
        "a frame takes",
    )  # fmt: skip
    return "\n\n".join(
        (
            f"{figures['samples']} samples, {figures['frames']} frames; means over samples.",
            table(head, rows),
            table(head_of_more, more),
            table(("method", "samples with the least MCC"), worst_rows),
        )
    )


if __name__ == "__main__":
    main()
