"""The shipped classifier's backbone beside the eight that arXiv 2605.22125 compares: same data, same recipe.

    python benchmarks/classifier_networks.py --json FILE [--samples 8000] [--size 224] [--count 450] [--only NAME ...]
    python benchmarks/classifier_networks.py --json FILE --no-train

Each network is trained from nothing on the same pictures, in the same order, for as long (``--samples``), and judged on
the test split. As in the paper they are arrows alone, as a program leaves them, but in any light and colours: so short
a training on every style with all its faults would tell chances apart, not networks. FILE gets a network's row as soon
as it is there; started again, rows that are there are kept and a training that was stopped goes on. ``--no-train``
measures size and time alone; a later run adds the rest. Times are of two threads of a CPU, for a picture seen as a
whole and in one close-up, both of 224 pixels whatever is trained at; they are right where nothing else runs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from classifier_styles import OTHERS, PAPER, styled
from tables import Figures, between, percent, table, write

from napari_magtex.classify.drawing import Family
from napari_magtex.classify.evaluate import judge, wilson
from napari_magtex.classify.network import TextureNet
from napari_magtex.classify.predict import Classifier, ready
from napari_magtex.classify.recipe import Recipe
from napari_magtex.classify.train import train_classifier
from napari_magtex.compute import Device, Progress, cache_folder, drain
from napari_magtex.states.library import Simulation, load_library

NETWORKS = (
    "efficientnet_b0",
    "mobilenetv1_100",
    "mobilenetv2_100",
    "mobilenetv3_small_100",
    "densenet121",
    "resnet50",
    "resnet101",
    "legacy_xception",
    "inception_resnet_v2",
)
SEED = 2
THREADS = 2
TIMED = 224  # side of a view in pixels, as the paper has it
BATCHES = {1: 7, 32: 3}  # pictures at once, and how often that is timed
# no stochastic depth: not every backbone has it. Calibration shifts the odds of states, so a little of it is needed.
COMMON = Recipe(family=Family.ARROWS, negatives=0.0, minutes=1e6, drop_path=0.0, calibration=90, test=9)


def main() -> None:
    """Measure network after network, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--json", type=Path, metavar="FILE", required=True, help="rows, read and written")
    options.add_argument("--samples", type=int, default=8000, help="pictures that each network is trained on")
    options.add_argument("--size", type=int, default=224, help="side of a view in pixels, to train at")
    options.add_argument("--count", type=int, default=450, help="test pictures of paper-style and of other arrows")
    options.add_argument("--batch", type=int, default=COMMON.batch, help="pictures of a training step")
    options.add_argument("--learners", type=int, default=COMMON.learners, help="processes that learn side by side")
    options.add_argument("--only", nargs="+", choices=NETWORKS, default=NETWORKS, metavar="NAME", help="some networks")
    options.add_argument("--no-train", action="store_true", help="size and time alone")
    options.add_argument("--library", type=Path, help="folder of simulations; default: the one in the cache")
    chosen = options.parse_args()
    figures: Figures = {"benchmark": "networks", "size": chosen.size, "rows": {}}
    if chosen.json.is_file():
        figures = json.loads(chosen.json.read_text(encoding="utf-8"))
        if figures["size"] != chosen.size:
            sys.exit(f"{chosen.json} holds networks that see {figures['size']} pixels: name another file")
    simulations = [] if chosen.no_train else load_library(chosen.library)
    for name in chosen.only:
        row = figures["rows"].setdefault(name, {})
        if "parameters" not in row:
            row |= size_and_time(name)
            write(figures, chosen.json)
        if not chosen.no_train and row.get("samples") != chosen.samples:
            recipe = replace(COMMON, name=f"compared-{name}", backbone=name, size=chosen.size, samples=chosen.samples,
                             batch=chosen.batch, learners=chosen.learners)  # fmt: skip
            row |= trained(recipe, simulations, chosen.count)
            write(figures, chosen.json)
    print(markdown(figures))


def size_and_time(name: str) -> Figures:
    """Return the parameters of a network, and milliseconds a picture on two threads."""
    print(f"timing {name}", file=sys.stderr)
    network = ready(TextureNet(name), Device.CPU)
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        with torch.inference_mode():
            times = {str(batch): _milliseconds(network, batch, repeats) for batch, repeats in BATCHES.items()}
    finally:
        torch.set_num_threads(before)
    return {"parameters": sum(p.numel() for p in network.parameters()), "ms": times}


def _milliseconds(network: TextureNet, batch: int, repeats: int) -> float:
    """Time a picture, once warm: the fastest of some, for whatever else runs only takes longer."""
    views = torch.rand(batch, 2, 3, TIMED, TIMED)
    times = []
    for _ in range(1 + repeats):
        start = time.perf_counter()
        network(views)
        times.append(time.perf_counter() - start)
    return 1000 * min(times[1:]) / batch


def trained(recipe: Recipe, simulations: Sequence[Simulation], count: int) -> Figures:
    """Train a network, or go on where that was stopped, and judge it on the test split."""
    out = cache_folder() / "classifier" / f"{recipe.name}-{recipe.size}-{recipe.samples}.safetensors"
    out.parent.mkdir(parents=True, exist_ok=True)
    drain(train_classifier(recipe, out, simulations=simulations), _report)
    classifier = Classifier.load(out)
    cold = [s for s in simulations if s.split == "test" and s.kT == 0]
    paper = [one.correct for one in judge(styled(cold, PAPER, count, seed=SEED), classifier)]
    others = [style for style in OTHERS if style.arrows is not None]
    other = [
        one.correct
        for style in others
        for one in judge(styled(cold, style, count // len(others), seed=SEED), classifier)
    ]
    rates = {
        what: {"accuracy": sum(hits) / len(hits), "interval": wilson(sum(hits), len(hits)), "pictures": len(hits)}
        for what, hits in (("paper", paper), ("other", other))
    }
    return {
        "samples": recipe.samples,
        "batch": recipe.batch,
        "minutes": classifier.card["training"]["minutes"],
        **rates,
    }


def _report(progress: Progress) -> None:
    if progress.done % 800 == 0:
        print(f"  {progress.what} {progress.done} / {progress.total}", file=sys.stderr)


def markdown(figures: Figures) -> str:
    """Return the table."""
    rows = []
    for name, row in figures["rows"].items():
        rates = [
            f"{percent(row[what]['accuracy'])} ({between(row[what]['interval'])})" if what in row else "not yet trained"
            for what in ("paper", "other")
        ]
        pictures = f"{row['samples']:,}" if "samples" in row else ""
        times = [f"{row['ms'][str(batch)]:.0f}" for batch in BATCHES]
        rows.append((name, f"{row['parameters'] / 1e6:.1f} M", *times, pictures, *rates))
    head = ("network", "parameters", *(f"ms a picture, {b} at once" for b in BATCHES), "trained on",
            "paper-style arrows", "arrows otherwise")  # fmt: skip
    return f"Timed with views of {TIMED} pixels, trained with views of {figures['size']}.\n\n{table(head, rows)}"


if __name__ == "__main__":
    main()
