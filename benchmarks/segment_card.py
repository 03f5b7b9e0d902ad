"""Put what the folds of a segmenter reach into the card of weights that learned from all samples by the same recipe.

    python benchmarks/segment_card.py segment.json skyrmions.safetensors

FILE.json is what `segment.py --json` wrote: the shipped weights have seen every sample, so that others of the same
recipe, each without a fold, stand for them.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from napari_magtex.models import store
from napari_magtex.segment.segmenter import KIND

WEAK = 0.6  # MCC: samples below it are named
KEPT = ("overall", "negative", "noisy", "alarms")


def main() -> None:
    """Write the card anew; the weights stay as they are."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("figures", type=Path, metavar="FILE.json")
    options.add_argument("weights", type=Path, metavar="FILE.safetensors")
    chosen = options.parse_args()
    figures = json.loads(chosen.figures.read_text(encoding="utf-8"))
    of_folds = figures["methods"]["network"]
    weak = {name: round(one["mcc"], 3) for name, one in of_folds["samples"].items() if one["mcc"] < WEAK}
    test = {
        "how": "five networks of the same recipe, but for its length, each judged on the samples it did not see",
        "samples": figures["samples"],
        "frames": figures["frames"],
        **{name: of_folds[name] for name in KEPT},
        "samples below MCC 0.6": weak,
    }
    stored = store.load(chosen.weights, kind=KIND)
    store.save(chosen.weights, stored.tensors, stored.card | {"test": test})


if __name__ == "__main__":
    main()
