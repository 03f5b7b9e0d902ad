"""What a few corrected frames of a sample do for its other frames, on real Kerr frames.

    python benchmarks/segment_finetune.py --weights BASE.safetensors [--samples 20 23] [--corrected 2] [--data FOLDER]

BASE has not seen the samples. Of each sample the first frames are kept as corrections, with the masks by hand for what
a person marks; the network is fine-tuned on them; and its other frames are segmented before and after, as are the first
frames of the other samples named. Of a sample of one frame one half is learned from and the other one judged.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
from scipy.ndimage import label
from tables import table

from napari_magtex.compute import drain
from napari_magtex.errors import MagtexError
from napari_magtex.picture import Contrast, Picture
from napari_magtex.segment.corrections import Corrections
from napari_magtex.segment.evaluate import Score, score
from napari_magtex.segment.finetune import fine_tune
from napari_magtex.segment.finetune_recipe import Recipe
from napari_magtex.segment.frames import MaskedFrame, read_masked_frames
from napari_magtex.segment.kinds import Kind
from napari_magtex.segment.predict import segment
from napari_magtex.segment.segmenter import Segmenter

SAMPLES = ("6", "7", "8", "9", "10", "13", "20", "23")  # those with ten frames


def main() -> None:
    """Fine-tune on each sample and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--weights", type=Path, required=True, help="the network to start from")
    options.add_argument("--samples", nargs="*", default=SAMPLES, help="samples to fine-tune on, one after the other")
    options.add_argument("--corrected", type=int, default=2, help="frames of a sample that are corrected")
    options.add_argument("--judged", type=int, default=8, help="frames of a sample that are judged")
    options.add_argument("--data", type=Path, help="folder of the masked frames")
    for field in fields(Recipe):
        options.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default)
    chosen = options.parse_args()
    recipe = Recipe(**{field.name: getattr(chosen, field.name) for field in fields(Recipe)})
    try:
        frames = read_masked_frames(chosen.data)
    except MagtexError as error:
        print(f"skipped: {error}")
        return
    base = Segmenter.load(chosen.weights, "cpu")
    by = {sample: [frame for frame in frames if frame.sample == sample] for sample in chosen.samples}
    first = {sample: _scored(some[:1], base)[0] for sample, some in by.items()}
    rows = []
    for sample, some in by.items():
        rest = some[chosen.corrected :][: chosen.judged]
        with tempfile.TemporaryDirectory() as folder:
            corrections = _corrected(Path(folder), some[: chosen.corrected])
            began = time.perf_counter()
            found = drain(fine_tune(corrections, base, recipe))
            seconds = time.perf_counter() - began
        held = found.held_back
        before, after = (_mean(_scored(rest, one)) if rest else _mean(own)
                         for one, own in ((base, held.before), (found.segmenter, held.after)))  # fmt: skip
        others = [other for other in by if other != sample]
        elsewhere = (
            np.mean([first[other].mcc for other in others]) if others else np.nan,
            _mean(_scored([by[other][0] for other in others], found.segmenter))[0] if others else np.nan,
        )
        pairs = (*zip(before, after, strict=True), held.mcc, found.simulated, elsewhere)
        rows.append((sample, *(f"{a:.3f} → {b:.3f}" for a, b in pairs), f"{seconds:.0f} s"))
        print(rows[-1], flush=True)
    head = ("sample", "MCC", "F1 at IoU 0.5", "MCC it says itself", "MCC, simulated", "MCC, other samples", "takes")
    print(table(head, rows))


def _corrected(folder: Path, frames: Sequence[MaskedFrame]) -> Corrections:
    corrections = Corrections(folder)
    for frame in frames:
        truth, _ = label(frame.kinds == Kind.SKYRMION)
        picture = Picture(frame.grey, Contrast.KERR, name=f"sample {frame.sample}")
        corrections.keep(picture, truth, rest=frame.kinds, model="by hand")
    return corrections


def _scored(frames: Sequence[MaskedFrame], segmenter: Segmenter) -> list[Score]:
    scores = []
    for frame in frames:
        truth = label(frame.kinds == Kind.SKYRMION)[0].astype(np.int32)
        scores.append(score(segment(Picture(frame.grey, Contrast.KERR), segmenter).labels, truth))
    return scores


def _mean(scores: Sequence[Score]) -> tuple[float, float]:
    return float(np.mean([one.mcc for one in scores])), float(np.mean([one.f1 for one in scores]))


if __name__ == "__main__":
    main()
