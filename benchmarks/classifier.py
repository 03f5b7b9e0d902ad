"""What the shipped classifier reaches on simulations that it was not trained on, beside what it was to reach.

    python benchmarks/classifier.py [--count 400] [--weights FILE] [--json FILE]

Needs the library that the card names (``python -m napari_magtex.states.library``); nothing is tuned on its test split.
Clean pictures are as a program leaves them; noisy ones are drawn with moderate faults, and harder ones with all that
training knows (`napari_magtex.classify.faults`). Intervals are Wilson's, 95 %. Times are right where nothing else runs.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from classifier_styles import OTHERS, PAPER, styled
from tables import Figures, between, parser, percent, table, write

from napari_magtex.classify.calibration import auroc, calibration_error
from napari_magtex.classify.data import HeldOut, held_out
from napari_magtex.classify.drawing import Family
from napari_magtex.classify.evaluate import false_positives, judge, negatives, wilson
from napari_magtex.classify.faults import Faults
from napari_magtex.classify.negatives import HELD_BACK, TRAINING
from napari_magtex.classify.network import STATES
from napari_magtex.classify.predict import Classifier, classify
from napari_magtex.compute import drain
from napari_magtex.explain.attention import attention
from napari_magtex.picture import Picture
from napari_magtex.results import Verdict
from napari_magtex.states.definitions import State
from napari_magtex.states.library import Simulation, load_library

IMPORTS = "import time; t = time.perf_counter(); import torch, timm; print(time.perf_counter() - t)"
SEED = 2
LOW = 0.9  # accuracy below which the sets of noisy pictures are put to the test
INSTRUMENTS = (Family.LORENTZ, Family.KERR, Family.MFM)


@dataclass(frozen=True)
class Answer:
    """What is kept of a picture and its verdict; ``kind`` is the style, or the kind of a negative."""

    kind: str
    truth: State | None
    said: str
    probability: float
    chosen: tuple[str, ...]
    accepted: bool
    applicable: float

    @property
    def right(self) -> bool:
        """Whether the top state is the true one."""
        return self.said == self.truth

    @property
    def covered(self) -> bool:
        """Whether the set holds the true one."""
        return self.truth in self.chosen


Groups = dict[str, list[Answer]]


@dataclass(frozen=True)
class Row:
    """A figure beside its bar: ``least`` and ``most`` are what it may be, None where nothing was asked."""

    measured: str
    value: float
    pictures: int
    interval: tuple[float, float] | None = None
    least: float | None = None
    most: float | None = None
    share: bool = True

    @property
    def verdict(self) -> str:
        """Met or missed, by the figure itself."""
        if self.least is None and self.most is None:
            return ""
        low, high = (-np.inf if self.least is None else self.least), (np.inf if self.most is None else self.most)
        return "met" if low <= self.value <= high else "missed"

    @property
    def bar(self) -> str:
        """The bar in words."""
        said = percent if self.share else "{:g}".format
        if self.least is not None and self.most is not None:
            return f"{said(self.least)} to {said(self.most)}"
        return f"≥ {said(self.least)}" if self.least is not None else f"≤ {said(self.most)}" if self.most else ""

    def cells(self) -> tuple[str, ...]:
        """What stands in the table."""
        value = percent(self.value) if self.share else f"{self.value:.3f}"
        return (self.measured, value, between(self.interval) if self.interval else "", self.bar, self.verdict)


def main() -> None:
    """Measure and print."""
    options = parser(__doc__, count=400, of="pictures of each style").parse_args()
    classifier = Classifier.load(options.weights)
    simulations = load_library(options.library, split="test")
    clean, noisy, harder, far = measured(simulations, classifier, options.count)
    rows = [*accuracy_rows(clean, noisy), *calibration_rows(clean, noisy), *set_rows(clean, noisy, harder),
            *range_rows(clean | noisy, far)]  # fmt: skip
    figures = {
        "benchmark": "classifier",
        "model": classifier.model,
        "count": options.count,
        "simulations": len(simulations),
        "rows": [asdict(row) for row in rows],
        "styles": {name: style_figures(group) for name, group in (clean | noisy | harder).items()},
        "states": {str(s): state_figures(s, clean, noisy) for s in STATES},
        "negatives": {name: kind_figures(group) for name, group in far.items()},
        "times": timings(options.weights),
    }
    write(figures, options.json)
    print("\n" + markdown(figures))


def measured(
    simulations: Sequence[Simulation], classifier: Classifier, count: int
) -> tuple[Groups, Groups, Groups, Groups]:
    """Judge clean pictures style by style, noisy ones family by family, those with all faults, and negatives."""
    cold = [s for s in simulations if s.kT == 0]
    hot = [s for s in simulations if s.kT > 0]

    def judged(name: str, plan: Iterator[HeldOut]) -> list[Answer]:
        print(f"judging {name}", file=sys.stderr)
        return [_answer(one.item, one.verdict) for one in judge(plan, classifier)]

    def with_faults(faults: Faults) -> Groups:
        plans = {f: held_out(simulations, "test", f, count, seed=SEED, faults=faults) for f in Family}
        groups = {f"{f}, {faults} faults": judged(f"{f}, {faults} faults", plan) for f, plan in plans.items()}
        return {name: group for name, group in groups.items() if group}

    clean = {
        f"{PAPER.name}, ground states": judged(PAPER.name, styled(cold, PAPER, count, seed=SEED)),
        f"{PAPER.name}, finite temperature": judged(f"{PAPER.name}, hot", styled(hot, PAPER, count, seed=SEED)),
        **{style.name: judged(style.name, styled(simulations, style, count, seed=SEED)) for style in OTHERS},
    }
    known = set(classifier.card["data"]["negatives"])
    kinds = {
        "kinds held back": tuple(k for k in (*HELD_BACK, *TRAINING) if k.__name__ not in known),
        "kinds trained on": tuple(k for k in TRAINING if k.__name__ in known),
    }
    far = {name: judged(name, negatives(count, seed=SEED, kinds=some)) for name, some in kinds.items() if some}
    return {k: v for k, v in clean.items() if v}, with_faults(Faults.MODERATE), with_faults(Faults.ALL), far


def _answer(item: HeldOut, verdict: Verdict) -> Answer:
    return Answer(
        item.family,
        item.state,
        verdict.state,
        verdict.probability,
        verdict.set,
        verdict.applicable,
        verdict.applicability,
    )


def accuracy_rows(clean: Groups, noisy: Groups) -> list[Row]:
    """Return the share of right states of every style."""
    first, *others = clean
    rows = [_rate(first, [a.right for a in clean[first]], least=0.995)]
    rows += [_rate(name, [a.right for a in clean[name]], least=0.98) for name in others]
    for family in Family:
        name = f"{family}, {Faults.MODERATE} faults"
        bar = 0.95 if family in INSTRUMENTS else None
        rows += [_rate(name, [a.right for a in noisy[name]], least=bar)] if name in noisy else []
    return rows


def calibration_rows(clean: Groups, noisy: Groups) -> list[Row]:
    """Return the expected calibration error of clean and of noisy pictures."""
    rows = []
    for name, groups, bar in (("clean", clean, 0.01), ("noisy", noisy, 0.03)):
        everyone = _all(groups)
        error = calibration_error(np.array([a.probability for a in everyone]), np.array([a.right for a in everyone]))
        rows.append(Row(f"expected calibration error, {name}", error, len(everyone), most=bar, share=False))
    return rows


def set_rows(clean: Groups, noisy: Groups, harder: Groups) -> list[Row]:
    """Return what the 90 % sets cover class by class, how large they are, and what they cover where all is hard."""
    everyone, plain = _all(clean | noisy), _all(clean)
    rows = [
        _rate(f"90 % sets cover: {s}", [a.covered for a in everyone if a.truth is s], least=0.88)
        for s in STATES
        if any(a.truth is s for a in everyone)
    ]
    size = float(np.mean([len(a.chosen) for a in plain]))
    rows.append(Row("mean size of a set, clean", size, len(plain), most=1.1, share=False))
    for name, groups in (("noisy", noisy), ("harder", harder)):  # harder ones, where noisy ones are too well known
        hard = {style: group for style, group in groups.items() if np.mean([a.right for a in group]) < LOW}
        if hard:
            covered = [a.covered for a in _all(hard)]
            what = f"90 % sets cover: the {len(hard)} {name} styles right in under 90 %"
            rows.append(_rate(what, covered, 0.88, 0.93))
            break
    return rows


def range_rows(textures: Groups, far: Groups) -> list[Row]:
    """Return how well the score of applicability parts textures from negatives."""
    positive = np.array([a.applicable for a in _all(textures)])
    rows = []
    for name, group in far.items():
        scores = np.array([a.applicable for a in group])
        rows.append(Row(f"applicability, AUROC: {name}", auroc(positive, scores), len(group), least=0.98, share=False))
        let_in = false_positives(positive, scores) * len(group)
        rows.append(Row(f"applicability, false positives at 95 % true ones: {name}", let_in / len(group), len(group),
                        wilson(round(let_in), len(group)), most=0.1))  # fmt: skip
    rows.append(_rate("textures accepted at the shipped threshold", [a.accepted for a in _all(textures)]))
    return rows


def _rate(name: str, hits: Sequence[bool], least: float | None = None, most: float | None = None) -> Row:
    return Row(name, float(np.mean(hits)), len(hits), wilson(sum(hits), len(hits)), least, most)


def _all(groups: Groups) -> list[Answer]:
    return [answer for group in groups.values() for answer in group]


def style_figures(group: list[Answer]) -> Figures:
    """Sum up one style."""
    right = np.array([a.right for a in group])
    return {
        "pictures": len(group),
        "accuracy": float(right.mean()),
        "interval": wilson(int(right.sum()), len(group)),
        "calibration_error": calibration_error(np.array([a.probability for a in group]), right),
        "coverage": float(np.mean([a.covered for a in group])),
        "set_size": float(np.mean([len(a.chosen) for a in group])),
        "accepted": float(np.mean([a.accepted for a in group])),
    }


def state_figures(state: State, clean: Groups, noisy: Groups) -> Figures:
    """Return the recall of a state, and what it is taken for."""
    figures = {}
    for name, groups in (("clean", clean), ("noisy", noisy)):
        own = [a for a in _all(groups) if a.truth is state]
        wrong = [a.said for a in own if not a.right]
        figures[name] = {
            "pictures": len(own),
            "recall": float(np.mean([a.right for a in own])) if own else None,
            "taken for": {s: wrong.count(s) for s in sorted(set(wrong), key=wrong.count, reverse=True)},
        }
    return figures


def kind_figures(group: list[Answer]) -> Figures:
    """Return how many of each kind of negative are accepted."""
    kinds = dict.fromkeys(a.kind for a in group)
    return {kind: float(np.mean([a.accepted for a in group if a.kind == kind])) for kind in kinds}


def timings(weights: str) -> dict[str, float]:
    """Return seconds of imports, loading and click to verdict, apart."""
    imports = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True).stdout
    times = {"import of torch and timm": float(imports)}
    times["weights to a ready network"] = seconds(lambda: Classifier.load(weights))
    classifier = Classifier.load(weights)
    noise = np.random.default_rng(0)
    for shape in ((512, 512, 3), (512, 512), (2048, 2048)):
        picture = Picture(noise.random(shape, np.float32))
        times[f"picture to verdict, {shape}"] = seconds(lambda p=picture: drain(classify([p], classifier)))
    grey = Picture(noise.random((512, 512), np.float32))
    times["picture to attention, (512, 512)"] = seconds(lambda: attention(grey, classifier, State.FM))
    return times


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Return the median time of a call, after one to warm up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return sorted(times)[repeats // 2]


def markdown(figures: Figures) -> str:
    """Return the tables."""
    rows = [Row(**row) for row in figures["rows"]]
    missed = [row for row in rows if row.verdict == "missed"]
    bars = [row for row in rows if row.verdict]
    states = []
    for state, both in figures["states"].items():
        taken = both["clean"]["taken for"] | {"": 0}
        for other, times in both["noisy"]["taken for"].items():
            taken[other] = taken.get(other, 0) + times
        most = sorted(taken, key=lambda s: -taken[s])[:2]
        recalls = [percent(r) if (r := both[name]["recall"]) is not None else "" for name in ("clean", "noisy")]
        states.append((state, *recalls, ", ".join(f"{s} ({taken[s]})" for s in most if taken[s])))
    return "\n\n".join([
        f"{figures['model']}: {figures['simulations']} held-out simulations, {figures['count']} pictures a style. "
        f"{len(bars) - len(missed)} of {len(bars)} bars are met.",
        table(("measured", "figure", "95 % interval", "bar", ""), [row.cells() for row in rows]),
        "Style by style:",
        table(("style", "pictures", "right", "95 % interval", "ECE", "sets cover", "set size", "accepted"),
              [(name, s["pictures"], percent(s["accuracy"]), between(s["interval"]), f"{s['calibration_error']:.3f}",
                percent(s["coverage"]), f"{s['set_size']:.2f}", percent(s["accepted"]))
               for name, s in figures["styles"].items()]),
        "State by state:",
        table(("state", "recall, clean", "recall, noisy", "mostly taken for"), states),
        "Pictures without a texture that are accepted all the same:",
        table(("kind", "trained on", "accepted"), [
            (kind, "no" if group == "kinds held back" else "yes", percent(share))
            for group, kinds in figures["negatives"].items() for kind, share in kinds.items()]),
        "Times:",
        table(("", "s"), [(name, f"{value:.2f}") for name, value in figures["times"].items()]),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
