"""What the shipped classifier reaches on simulations that it was not trained on, and how long it takes.

``python benchmarks/classifier.py [--count 500] [--weights FILE]``: needs the library that the card names
(``python -m napari_magtex.states.library``). Figures are printed; nothing is tuned on them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

IMPORTS = "import time; t = time.perf_counter(); import torch, timm; print(time.perf_counter() - t)"


def show(line: str = "") -> None:
    """Print a line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def seconds(work: Any, repeats: int = 5) -> float:
    """Return the median time of a call."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)[repeats // 2]


def timings(weights: str) -> None:
    """Print imports, loading and click-to-verdict apart."""
    imports = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True).stdout
    show(f"import of torch and timm                 {float(imports):6.2f} s")

    import numpy as np
    import torch

    from napari_magtex.classify.predict import Classifier, classify
    from napari_magtex.compute import drain
    from napari_magtex.explain.attention import attention
    from napari_magtex.picture import Picture
    from napari_magtex.states.definitions import State

    show(f"weights to a ready network               {seconds(lambda: Classifier.load(weights)):6.2f} s")
    classifier = Classifier.load(weights)
    for shape in ((512, 512, 3), (512, 512), (2048, 2048)):
        picture = Picture(np.random.default_rng(0).random(shape, np.float32))
        drain(classify([picture], classifier))
        took = seconds(lambda picture=picture: drain(classify([picture], classifier)))
        show(f"click to verdict, {shape!s:<20}   {took:6.2f} s   ({torch.get_num_threads()} threads)")
    took = seconds(lambda: attention(Picture(np.random.default_rng(0).random((512, 512))), classifier, State.FM))
    show(f"attention, (512, 512)                    {took:6.2f} s")


def held_out(weights: str, count: int, library: Path | None) -> None:
    """Print the figures of the test split, style by style."""
    from napari_magtex.classify.evaluate import all_styles, figures
    from napari_magtex.classify.predict import Classifier
    from napari_magtex.compute import drain
    from napari_magtex.states.library import load_library

    classifier = Classifier.load(weights)
    show(f"\n{classifier.model}, recipe {classifier.card['recipe']}")
    show(f"{count} pictures a style from the test split of the simulations")
    judged = drain(all_styles(load_library(library, split="test"), "test", classifier, count, seed=2))
    result = figures(judged)
    show(f"\n{'style':<16}{'accuracy':>9}  {'95 % interval':<16}{'ECE':>7}{'coverage':>10}{'set size':>10}")
    for style, row in result["styles"].items():
        low, high = row["interval"]
        show(
            f"{style:<16}{row['accuracy']:>9.3f}  {f'{low:.3f}-{high:.3f}':<16}{row['calibration_error']:>7.3f}"
            f"{row['set_coverage']:>10.3f}{row['set_size']:>10.2f}"
        )
    show("\nrecall on arrows: " + ", ".join(f"{state} {rate:.3f}" for state, rate in result["recall"].items()))
    applicability = result["applicability"]
    show(f"\ntextures accepted as applicable: {applicability.pop('true_positive_rate'):.3f}")
    for kinds, row in applicability.items():
        show(f"{kinds}: AUROC {row['auroc']:.3f}, accepted {row['accepted']:.3f}, by kind {row['accepted_by_kind']}")


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default="nine-states")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--library", type=Path)
    options = parser.parse_args()
    timings(options.weights)
    held_out(options.weights, options.count, options.library)


if __name__ == "__main__":
    main()
