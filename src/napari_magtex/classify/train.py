"""Training of the classifier, from simulations to calibrated weights with their card.

``python -m napari_magtex.classify.train [RECIPE.toml] --out FILE.safetensors``; started again after an interruption it
goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import logging
import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from napari_magtex.classify.calibration import Calibration, calibrate
from napari_magtex.classify.data import Sample, TrainingPictures, batches, held_out
from napari_magtex.classify.drawing import Family
from napari_magtex.classify.evaluate import all_styles, figures, judge
from napari_magtex.classify.learners import Learner, learners
from napari_magtex.classify.negatives import HELD_BACK, HELD_BACK_PHOTOGRAPHS, TRAINING, TRAINING_PHOTOGRAPHS
from napari_magtex.classify.network import STATES, Logits, TextureNet
from napari_magtex.classify.predict import KIND, Classifier, ready
from napari_magtex.classify.recipe import Recipe
from napari_magtex.classify.views import RULE
from napari_magtex.compute import Progress, cache_folder, keep_freed_memory, torch_device
from napari_magtex.errors import BadExperiment
from napari_magtex.models import store
from napari_magtex.models.checkpoint import Run
from napari_magtex.states.library import VERSION, Simulation, census, library_folder, load_library

log = logging.getLogger(__name__)

_CHECKPOINT_EVERY = 150.0  # seconds
_LOG_EVERY = 50  # batches
_MEASURED = 4800  # pictures that the statistics of normalisation are measured on
_GLANCE = 256  # validation pictures looked at with each checkpoint
_APPLICABLE_WEIGHT, _CONTRAST_WEIGHT = 0.5, 0.3  # against the loss of the states


def train_classifier(
    recipe: Recipe | Path | None, out: Path, *, simulations: Sequence[Simulation] | None = None
) -> Iterator[Progress | Path]:
    """Train, calibrate and test a classifier, and write its weights with their card.

    Parameters
    ----------
    recipe
        A recipe, the path of one, or None for the defaults.
    out
        The file of weights to write; the card stands in it, and beside it as JSON.
    simulations
        Textures to learn from; by default those of the recipe's library.

    Yields
    ------
    Progress in pictures, then in styles judged, and last the path written.

    Raises
    ------
    BadExperiment
        The library is empty, or lacks states or a split.
    """
    if not isinstance(recipe, Recipe):
        recipe = Recipe.from_toml(recipe)
    folder = _library(recipe)
    given, simulations = simulations, load_library(folder) if simulations is None else list(simulations)
    _check(simulations, folder)
    threads = torch.get_num_threads()
    torch.set_num_threads(recipe.threads)
    keep_freed_memory()
    try:
        torch.manual_seed(recipe.seed)
        run = _new_run(recipe)
        path = cache_folder() / "classifier" / f"{recipe.name}-{recipe.digest}-{_fingerprint(simulations)}.safetensors"
        if run.resume(path):
            log.info("going on at %d pictures, from %s", run.samples, path)
        count = recipe.learners if torch_device().type == "cpu" else 1
        with learners(count, _assist, recipe, path, given) as learner:
            yield from _learn(run, recipe, simulations, path, learner)
        yield Progress(recipe.samples, recipe.samples, "calibrating")
        _normalise_anew(run.average, recipe, simulations)
        classifier = _calibrated(run.average, recipe, simulations, trained=run)
        judged: dict[str, Any] = {}
        for step in all_styles(simulations, "test", classifier, recipe.test, seed=recipe.seed):
            if isinstance(step, Progress):
                yield step
            else:
                judged = step
        card = classifier.card | {"test": figures(judged)}
        store.save(Path(out), classifier.network.state_dict(), card)
        yield Path(out)
    finally:
        torch.set_num_threads(threads)


def _library(recipe: Recipe) -> Path:
    return Path(recipe.library) if recipe.library else library_folder()


def _new_run(recipe: Recipe) -> Run:
    device = torch_device()
    network = TextureNet(recipe.backbone, drop_path=recipe.drop_path, drop=recipe.drop)
    if recipe.start:
        network.load_state_dict(store.load(recipe.start, kind=KIND).tensors)
    network = network.to(device).to(memory_format=torch.channels_last).train()
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]  # biases and normalisations are not decayed
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return Run(network, copy.deepcopy(network).eval().requires_grad_(False), torch.optim.AdamW(groups, lr=0.0))


def _learn(
    run: Run, recipe: Recipe, simulations: Sequence[Simulation], path: Path, learner: Learner
) -> Iterator[Progress]:
    """Train until the samples or the minutes are over, leaving a checkpoint every few minutes and at the end."""
    assert isinstance(run.network, TextureNet)
    pictures = TrainingPictures(simulations, recipe, run.network.interpolation, "train")
    glance = _glance(simulations, recipe, run.network.interpolation)
    saved = marked_at = time.monotonic()
    marked = run.samples
    losses: list[float] = []
    for loss in _steps(run, recipe, pictures, learner):
        now = time.monotonic()
        run.follow(recipe.average)
        losses.append(loss)
        if len(losses) == _LOG_EVERY:
            speed = (run.samples - marked) / (now - marked_at)
            log.info("%d pictures, %.1f min, loss %.3f, %.1f pictures/s, %.0f %%", run.samples, run.seconds / 60,
                     float(np.mean(losses)), speed, 100 * _fraction(run, recipe))  # fmt: skip
            losses, marked, marked_at = [], run.samples, now
        if now - saved > _CHECKPOINT_EVERY:
            run.save(path)
            log.info("checkpoint; validation accuracy %.3f", _accuracy(run.average, glance))
            saved = time.monotonic()
        yield Progress(int(_fraction(run, recipe) * recipe.samples), recipe.samples, "training")
    run.save(path)
    if glance:
        log.info("trained on %d pictures; validation accuracy %.3f", run.samples, _accuracy(run.average, glance))


def _assist(learner: Learner, recipe: Recipe, path: Path, simulations: Sequence[Simulation] | None) -> None:
    """Learn beside learner 0, from its own pictures, in another process."""
    torch.set_num_threads(recipe.threads)
    keep_freed_memory()
    torch.manual_seed(recipe.seed)
    run = _new_run(recipe)
    run.resume(path)
    simulations = load_library(_library(recipe), split="train") if simulations is None else simulations
    assert isinstance(run.network, TextureNet)
    pictures = TrainingPictures(simulations, recipe, run.network.interpolation, "train")
    for _ in _steps(run, recipe, pictures, learner):
        pass


def _steps(run: Run, recipe: Recipe, pictures: TrainingPictures, learner: Learner) -> Iterator[float]:
    """Take one step after the other, together with the other learners; yield the loss of each."""
    network = run.network
    device = next(network.parameters()).device
    # bfloat16 pays on a GPU; on a CPU with its instructions it was measured 10 % slower than float32
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")
    started, before = time.monotonic(), run.seconds
    drawn = batches(pictures, run.samples, recipe.samples, batch=recipe.batch, workers=recipe.workers, learner=learner)
    network.train()
    for sample in drawn:
        fraction = learner.agree(_fraction(run, recipe))
        if fraction >= 1:
            break
        for group in run.optimiser.param_groups:
            group["lr"] = recipe.learning_rate * _schedule(fraction, recipe.warmup)
        sample = Sample(*(column.to(device) for column in vars(sample).values()))
        with autocast:
            logits = network(sample.views.float() / 255)
        loss = loss_of(logits, sample, recipe.smoothing)
        run.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        learner.average_gradients(network)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        run.optimiser.step()
        run.samples += recipe.batch
        run.seconds = before + time.monotonic() - started
        yield loss.item()


def loss_of(logits: Logits, sample: Sample, smoothing: float) -> Tensor:
    """Return the sum of three losses; a state that the contrast hides takes no part in its own.

    Labels are smoothed over the states that can be seen alone.
    """
    textured = sample.state >= 0
    state = logits.state.float().masked_fill(sample.hidden, -torch.inf)
    log_p = functional.log_softmax(state, dim=1).masked_fill(sample.hidden, 0)
    seen = (~sample.hidden).sum(dim=1)
    own = log_p.gather(1, sample.state.clamp(min=0)[:, None])[:, 0]
    per_picture = -(1 - smoothing) * own - smoothing * log_p.sum(dim=1) / seen
    states = (per_picture * textured).sum() / textured.sum().clamp(min=1)
    applicable = functional.binary_cross_entropy_with_logits(logits.applicable.float(), sample.applicable)
    grey = functional.cross_entropy(logits.contrast.float(), sample.contrast, reduction="sum")  # passes over -100
    contrast = grey / (sample.contrast >= 0).sum().clamp(min=1)
    return states + _APPLICABLE_WEIGHT * applicable + _CONTRAST_WEIGHT * contrast


def _fraction(run: Run, recipe: Recipe) -> float:
    return max(run.samples / recipe.samples, run.seconds / (60 * recipe.minutes))


def _schedule(fraction: float, warmup: float) -> float:
    """Return the learning rate against its top: a straight rise, then a cosine down to a thousandth."""
    if fraction < warmup:
        return 0.02 + 0.98 * fraction / warmup
    done = (fraction - warmup) / (1 - warmup)
    return 0.001 + 0.999 * (1 + math.cos(math.pi * min(done, 1))) / 2


def _glance(simulations: Sequence[Simulation], recipe: Recipe, interpolation: str) -> list[Sample]:
    """Draw the same few validation pictures once."""
    pictures = TrainingPictures(simulations, recipe, interpolation, "validation")
    if not pictures.states:
        return []
    count = min(_GLANCE, recipe.samples)
    return list(batches(pictures, 0, count, batch=min(64, count)))


@torch.inference_mode()
def _accuracy(network: torch.nn.Module, glance: list[Sample]) -> float:
    """Return the share of validation pictures with a texture whose visible state comes out right."""
    right = total = 0
    device = next(network.parameters()).device
    for sample in glance:
        logits = network(sample.views.to(device).float() / 255).state.cpu().masked_fill(sample.hidden, -torch.inf)
        textured = sample.state >= 0
        right += int((logits.argmax(dim=1) == sample.state)[textured].sum())
        total += int(textured.sum())
    return right / max(total, 1)


def _normalise_anew(average: torch.nn.Module, recipe: Recipe, simulations: Sequence[Simulation]) -> None:
    """Measure the statistics of normalisation for the averaged weights, on pictures that no step was taken on.

    Those that came along are of the weights on the way, a few per cent off: pictures at the edge, as of a single
    colour, then get another verdict.
    """
    assert isinstance(average, TextureNet)
    pictures = TrainingPictures(simulations, recipe, average.interpolation, "train")
    device = next(average.parameters()).device
    norms = [module for module in average.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum, norm.training = None, True  # the plain mean over all that follow
    with torch.inference_mode():
        count = min(_MEASURED, recipe.samples)
        for sample in batches(pictures, recipe.samples, recipe.samples + count, batch=min(2 * recipe.batch, count)):
            average.features(sample.views.to(device).flatten(0, 1).float() / 255)
    for norm in norms:
        norm.training = False


def _calibrated(
    average: torch.nn.Module, recipe: Recipe, simulations: Sequence[Simulation], *, trained: Run
) -> Classifier:
    """Round the weights as they will be stored, and calibrate what is left on the validation split."""
    network = TextureNet(recipe.backbone)
    stored = {k: t if "running_" in k or not t.is_floating_point() else t.half().float()
              for k, t in average.state_dict().items()}  # fmt: skip
    network.load_state_dict(stored)
    card = _card(recipe, simulations, trained)
    plain = Classifier(ready(network), card, Calibration())
    judged = [
        one
        for family in Family
        for one in judge(held_out(simulations, "validation", family, recipe.calibration, seed=recipe.seed), plain)
    ]
    calibration = calibrate(
        np.array([one.raw.state for one in judged]),
        np.array([STATES.index(one.item.state) for one in judged if one.item.state is not None]),
        [one.verdict.provenance.contrast for one in judged],
        np.array([one.raw.applicable for one in judged]),
    )
    return Classifier(plain.network, card | {"calibration": calibration.as_card()}, calibration)


def _card(recipe: Recipe, simulations: Sequence[Simulation], run: Run) -> dict[str, Any]:
    counts = Counter(f"{s.split} {s.state}" for s in simulations)
    return {
        "kind": KIND,
        "name": recipe.name,
        "version": recipe.version,
        "backbone": recipe.backbone,
        "size": recipe.size,
        "rule": RULE,
        "states": [str(s) for s in STATES],
        "recipe": asdict(recipe),
        "data": {
            "simulations": f"napari_magtex.states, recipes {VERSION}",
            "fingerprint": _fingerprint(simulations),
            "counts": dict(sorted(counts.items())),
            "kept and dropped": census(_library(recipe)),
            "negatives": [kind.__name__ for kind in TRAINING],
            "negatives held back": [kind.__name__ for kind in HELD_BACK],
            "photographs (scikit-image)": list(TRAINING_PHOTOGRAPHS),
            "photographs held back": list(HELD_BACK_PHOTOGRAPHS),
        },
        "training": {
            "pictures": run.samples,
            "minutes": round(run.seconds / 60, 1),
            "torch": torch.__version__,
            "before": _before(recipe),
        },
    }


def _before(recipe: Recipe) -> dict[str, Any] | None:
    """Return what the card of the weights that a run started from says of their recipe and training."""
    if not recipe.start:
        return None
    card = store.load(recipe.start, kind=KIND).card
    return {"version": card["version"], "recipe": card["recipe"], "training": card["training"]}


def _fingerprint(simulations: Sequence[Simulation]) -> str:
    """Hash the simulations: another library is another run."""
    whole = hashlib.sha256()
    for simulation in simulations:
        whole.update(f"{simulation.state} {simulation.split}".encode())
        whole.update(simulation.texture.m.tobytes())
    return whole.hexdigest()[:12]


def _check(simulations: Sequence[Simulation], folder: Path) -> None:
    for split in ("train", "validation", "test"):
        have = {s.state for s in simulations if s.split == split}
        if missing := [str(s) for s in STATES if s not in have]:
            raise BadExperiment(
                f"{folder} holds {len(simulations)} simulations, but for its {split} split none of "
                f"{', '.join(missing)}: "
                "build it with python -m napari_magtex.states.library"
            )


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description="Train the classifier of the nine states.")
    parser.add_argument("recipe", nargs="?", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    what = ""
    for step in train_classifier(options.recipe, options.out):
        if isinstance(step, Path):
            log.info("wrote %s", step)
        elif step.what != what:
            what = step.what
            log.info("%s", what)


if __name__ == "__main__":
    main()
