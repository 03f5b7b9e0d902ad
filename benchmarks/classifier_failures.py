"""One sheet of the most confident wrong verdicts on the test split, a few of every style.

    python benchmarks/classifier_failures.py --out FILE.png [--count 180] [--each 3] [--weights FILE]

Above each picture stands what it shows, what it is taken for, and with which probability.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib as mpl
from classifier_styles import PAPER, styled
from matplotlib.figure import Figure
from PIL import Image

from napari_magtex.classify.data import HeldOut, held_out
from napari_magtex.classify.drawing import Family
from napari_magtex.classify.evaluate import Judged, judge
from napari_magtex.classify.predict import Classifier
from napari_magtex.classify.views import is_grey, stretched
from napari_magtex.states.library import Simulation, load_library

SEED = 2
PANEL = 1.3  # inches
DOTS = 100  # an inch
STEP = 15  # between the levels of a colour: noise in all 256 cannot be packed


def main() -> None:
    """Find them and draw the sheet."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--count", type=int, default=180, help="pictures of each style to look through")
    options.add_argument("--each", type=int, default=3, help="pictures of each style to show")
    options.add_argument("--weights", default="nine-states", help="a model by name or file")
    options.add_argument("--library", type=Path, help="folder of simulations; default: the one in the cache")
    chosen = options.parse_args()
    classifier = Classifier.load(chosen.weights)
    simulations = load_library(chosen.library, split="test")
    worst = {}
    for name, plan in plans(simulations, chosen.count).items():
        print(f"judging {name}", file=sys.stderr)
        worst[name] = most_confident(judge(plan, classifier), chosen.each)
    save(sheet(worst, chosen.each, classifier.model), chosen.out)


def plans(simulations: Sequence[Simulation], count: int) -> dict[str, Iterator[HeldOut]]:
    """Return paper-style arrows as they are, and every family with moderate faults."""
    named: dict[str, Iterator[HeldOut]] = {PAPER.name: styled(simulations, PAPER, count, seed=SEED)}
    return named | {str(f): held_out(simulations, "test", f, count, seed=SEED) for f in Family}


def most_confident(judged: Iterator[Judged], each: int) -> list[Judged]:
    """Keep the wrong verdicts that are surest of themselves, no two of one mistake where there are others."""
    kept: list[Judged] = []
    for one in judged:
        if not one.correct:
            kept = sorted([*kept, one], key=lambda wrong: -wrong.verdict.probability)
            mistakes = [(wrong.item.state, wrong.verdict.state) for wrong in kept]
            if len(kept) > each:
                again = [k for k, mistake in enumerate(mistakes) if mistake in mistakes[:k]]
                kept.pop(again[-1] if again else -1)
    return kept


def sheet(worst: dict[str, list[Judged]], each: int, model: str) -> Figure:
    """Draw two styles a row."""
    rows = -(-len(worst) // 2)
    figure = Figure(figsize=(2 * each * PANEL, rows * (PANEL + 0.45) + 0.3), dpi=DOTS, layout="constrained")
    figure.suptitle(f"{model}: the surest mistakes", fontsize=9)
    columns = figure.subfigures(rows, 2, wspace=0.03).ravel()
    for column in columns[len(worst) :]:
        column.set_visible(False)
    for column, (style, found) in zip(columns, worst.items(), strict=False):
        column.suptitle(style if found else f"{style}: none", fontsize=8)
        for k, axes in enumerate(column.subplots(1, each)):
            axes.set_axis_off()
            if k < len(found):
                one = found[k]
                pixels = one.item.picture.pixels
                grey = is_grey(one.item.picture)
                pixels = stretched(pixels if pixels.ndim == 2 else pixels.mean(axis=2)) if grey else pixels
                axes.imshow(pixels, cmap="gray", vmin=0, vmax=1)
                said = f"{short(str(one.item.state))} →\n{short(one.verdict.state)} {one.verdict.probability:.2f}"
                axes.set_title(said, fontsize=6)
    return figure


def short(state: str) -> str:
    """A state in few letters."""
    return state.replace("in_plane_skyrmions", "in-plane").replace("_", " ")


def save(figure: Figure, path: Path) -> None:
    """Write a PNG of few levels beside the target, then rename."""
    with io.BytesIO() as stream, mpl.rc_context({"savefig.facecolor": "white"}):
        figure.savefig(stream, format="png")
        with Image.open(stream) as drawn:
            few = drawn.convert("RGB").point(lambda level: round(level / STEP) * STEP)
    beside = path.with_name(f".{path.name}.part")
    few.save(beside, format="PNG", optimize=True)
    beside.replace(path)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
