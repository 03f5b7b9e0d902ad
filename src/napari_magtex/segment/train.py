"""Training of the segmenter, from frames with masks and simulated ones to weights with their card.

``python -m napari_magtex.segment.train --out FILE.safetensors [--fold K]``; started again after an interruption it goes
on from its last checkpoint. With ``--fold`` the samples of one of five folds are held back, for cross-validation.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import logging
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from napari_magtex.compute import Progress, cache_folder, keep_freed_memory, torch_device
from napari_magtex.errors import BadExperiment
from napari_magtex.models import store
from napari_magtex.models.checkpoint import Run
from napari_magtex.segment.data import Batch, Pieces, batches
from napari_magtex.segment.evaluate import matthews
from napari_magtex.segment.frames import SOURCE, MaskedFrame, folds, read_masked_frames
from napari_magtex.segment.kinds import UNSAID, Kind
from napari_magtex.segment.network import WIDTHS, SkyrmionUNet
from napari_magtex.segment.segmenter import KIND, SHIPPED, Segmenter
from napari_magtex.segment.textures import skyrmion_textures
from napari_magtex.states.library import VERSION, Simulation

log = logging.getLogger(__name__)

FOLDS = 5
_CHECKPOINT_EVERY = 180.0  # seconds
_LOG_EVERY = 50  # steps
_MEASURED = 480  # pieces that the statistics of normalisation are measured on
_WEIGHTS = {Kind.FILM: 1.0, Kind.SKYRMION: 1.5, Kind.DEFECT: 2.0, Kind.OUTSIDE: 1.0}
_SMOOTHING = 0.02  # masks by hand are a pixel off here and there
_OVERLAP = 1.0  # of Dice's loss, against that of single pixels


@dataclass(frozen=True)
class Recipe:
    """How to train.

    ``pieces`` are drawn in all, ``batch`` a step, each ``side`` pixels square, a share ``real`` of them from real
    frames, and a share ``relaxed`` of the simulated ones with skyrmions of the library, where it was built. Training
    ends after ``minutes`` if that comes first. ``half`` computes in bfloat16: on a CPU with instructions for it a step
    takes half the time. ``start`` is a model whose weights the run starts from, by name or file; empty: from nothing.
    """

    name: str = SHIPPED
    version: str = "0.1"
    seed: int = 1
    pieces: int = 160_000
    minutes: float = 240.0
    batch: int = 16
    side: int = 256
    real: float = 0.6
    relaxed: float = 0.4
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warmup: float = 0.02
    average: float = 0.999
    half: bool = True
    threads: int = 2
    workers: int = 1
    widths: tuple[int, ...] = WIDTHS
    start: str = ""

    def __post_init__(self) -> None:
        if self.pieces < self.batch or self.minutes <= 0 or not 0 <= self.real <= 1:
            raise BadExperiment(
                f"{self.pieces} pieces, {self.batch} a step, in {self.minutes:g} minutes, a share of {self.real:g} of "
                "them real: give at least one step, some time, and a share from 0 to 1"
            )

    def digest(self, samples: Sequence[str], textures: int = 0) -> str:
        """Hash what makes another run, with the samples and textures learned from; not how many threads compute it."""
        about = {k: v for k, v in asdict(self).items() if k not in ("threads", "workers", "minutes")}
        text = json.dumps([about, sorted(samples), textures], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def train_segmenter(
    recipe: Recipe,
    out: Path,
    frames: Sequence[MaskedFrame] = (),
    held_back: Sequence[MaskedFrame] = (),
    textures: Sequence[Simulation] = (),
) -> Iterator[Progress | Path]:
    """Train a segmenter and write its weights with their card.

    Parameters
    ----------
    frames
        Real ones to learn from.
    held_back
        Of other samples: looked at with each checkpoint, never learned from; the card names their samples.
    textures
        Skyrmions that the engine relaxed, as `skyrmion_textures` gives them.

    Yields
    ------
    Progress in pieces, and last the path written.

    Raises
    ------
    BadExperiment
        A sample is on both sides, or the weights to start from have learned from one that is held back, or have other
        widths.
    ModelUnavailable
        The weights to start from are missing, damaged, or no segmenter's.
    """
    start = Segmenter.load(recipe.start) if recipe.start else None
    if start is not None and tuple(start.card["widths"]) != recipe.widths:
        raise BadExperiment(f"{recipe.start} has the widths {start.card['widths']}, the recipe {list(recipe.widths)}")
    samples = sorted({frame.sample for frame in frames} | set(start.card["data"]["samples"] if start else ()))
    if both := set(samples) & {frame.sample for frame in held_back}:
        raise BadExperiment(f"samples {', '.join(sorted(both))} are both learned from and held back")
    threads = torch.get_num_threads()
    torch.set_num_threads(recipe.threads)
    keep_freed_memory()
    try:
        torch.manual_seed(recipe.seed)
        run = _new_run(recipe, start)
        path = cache_folder() / "segmenter" / f"{recipe.name}-{recipe.digest(samples, len(textures))}.safetensors"
        if run.resume(path):
            log.info("going on at %d pieces, from %s", run.samples, path)
        pieces = Pieces(
            frames,
            side=recipe.side,
            real=recipe.real,
            seed=recipe.seed,
            textures=textures,
            relaxed=recipe.relaxed,
        )
        yield from _learn(run, recipe, pieces, path, held_back)
        yield Progress(recipe.pieces, recipe.pieces, "measuring statistics")
        _normalise_anew(run.average, recipe, pieces)
        store.save(Path(out), run.average.state_dict(), _card(recipe, run, samples, held_back, len(textures), start))
        yield Path(out)
    finally:
        torch.set_num_threads(threads)


def _new_run(recipe: Recipe, start: Segmenter | None) -> Run:
    network = SkyrmionUNet(recipe.widths)
    if start is not None:
        network.load_state_dict(start.network.state_dict())
    network = network.to(torch_device()).to(memory_format=torch.channels_last).train()
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]  # biases and normalisations are not decayed
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return Run(network, copy.deepcopy(network).eval().requires_grad_(False), torch.optim.AdamW(groups, lr=0.0))


def _learn(
    run: Run, recipe: Recipe, pieces: Pieces, path: Path, held_back: Sequence[MaskedFrame]
) -> Iterator[Progress]:
    """Train until the pieces or the minutes are over, leaving a checkpoint every few minutes and at the end."""
    saved = marked_at = time.monotonic()
    marked, losses = run.samples, list[float]()
    for loss in _steps(run, recipe, pieces):
        now = time.monotonic()
        losses.append(loss)
        if len(losses) == _LOG_EVERY:
            speed = (run.samples - marked) / (now - marked_at)
            log.info("%d pieces, %.1f min, loss %.4f, %.1f pieces/s, %.0f %%", run.samples, run.seconds / 60,
                     float(np.mean(losses)), speed, 100 * _fraction(run, recipe))  # fmt: skip
            losses, marked, marked_at = [], run.samples, now
        if now - saved > _CHECKPOINT_EVERY:
            run.save(path)
            _look(run, held_back)
            saved = time.monotonic()
        yield Progress(int(_fraction(run, recipe) * recipe.pieces), recipe.pieces, "training")
    run.save(path)
    _look(run, held_back)


def _steps(run: Run, recipe: Recipe, pieces: Pieces) -> Iterator[float]:
    """Take one step after the other; yield the loss of each."""
    network = run.network
    device = next(network.parameters()).device
    started, before = time.monotonic(), run.seconds
    drawn = batches(pieces, run.samples, recipe.pieces, batch=recipe.batch, workers=recipe.workers)
    network.train()
    for batch in drawn:
        fraction = _fraction(run, recipe)
        if fraction >= 1:
            break
        for group in run.optimiser.param_groups:
            group["lr"] = recipe.learning_rate * schedule(fraction, recipe.warmup)
        frames = batch.frames.to(device, memory_format=torch.channels_last)
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.half):
            logits = network(frames)
        loss = loss_of(logits.float(), batch.kinds.to(device))
        run.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        run.optimiser.step()
        run.samples += recipe.batch
        run.seconds = before + time.monotonic() - started
        run.follow(recipe.average)
        yield loss.item()


def loss_of(logits: Tensor, kinds: Tensor) -> Tensor:
    """Return the weighted cross-entropy of pixels, and Dice's loss of the skyrmions of a batch.

    Parameters
    ----------
    logits
        (batch, kinds, ny, nx).
    kinds
        (batch, ny, nx); where it is `UNSAID` nothing is lost. Some pixel must be said.
    """
    weights = torch.tensor([_WEIGHTS[kind] for kind in Kind], device=logits.device)
    single = functional.cross_entropy(logits, kinds, weights, label_smoothing=_SMOOTHING, ignore_index=UNSAID)
    likely, truth = logits.softmax(dim=1)[:, Kind.SKYRMION] * (kinds != UNSAID), (kinds == Kind.SKYRMION).float()
    overlap = 2 * (likely * truth).sum(dim=(1, 2)) + 1
    dice = overlap / (likely.sum(dim=(1, 2)) + truth.sum(dim=(1, 2)) + 1)
    return single + _OVERLAP * (1 - dice).mean()


def _fraction(run: Run, recipe: Recipe) -> float:
    return max(run.samples / (recipe.pieces // recipe.batch * recipe.batch), run.seconds / (60 * recipe.minutes))


def schedule(fraction: float, warmup: float) -> float:
    """Return the learning rate against its top: a straight rise, then a cosine down to a thousandth."""
    if fraction < warmup:
        return 0.02 + 0.98 * fraction / warmup
    done = (fraction - warmup) / (1 - warmup)
    return 0.001 + 0.999 * (1 + math.cos(math.pi * min(done, 1))) / 2


def _look(run: Run, held_back: Sequence[MaskedFrame]) -> None:
    """Log how well the averaged weights do on the first frame of every sample held back."""
    assert isinstance(run.average, SkyrmionUNet)
    first = {frame.sample: frame for frame in reversed(held_back)}
    if not first:
        return
    segmenter = Segmenter(run.average, {})
    mcc = {
        sample: matthews(segmenter.probabilities(frame.grey)[Kind.SKYRMION] > 0.5, frame.kinds == Kind.SKYRMION)
        for sample, frame in first.items()
    }
    each = ", ".join(f"{sample} {value:.2f}" for sample, value in sorted(mcc.items(), key=lambda one: one[1]))
    log.info("%d pieces; MCC of samples held back %.3f: %s", run.samples, float(np.mean(list(mcc.values()))), each)


def _normalise_anew(average: torch.nn.Module, recipe: Recipe, pieces: Pieces) -> None:
    """Measure the statistics of normalisation for the averaged weights, on pieces that no step was taken on."""
    device = next(average.parameters()).device
    norms = [module for module in average.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum, norm.training = None, True  # the plain mean over all that follow
    count = max(recipe.batch, min(_MEASURED, recipe.pieces) // recipe.batch * recipe.batch)
    with torch.inference_mode():
        drawn: Iterator[Batch] = batches(
            pieces, recipe.pieces, recipe.pieces + count, batch=recipe.batch, workers=recipe.workers
        )
        for batch in drawn:
            average(batch.frames.to(device, memory_format=torch.channels_last))
    for norm in norms:
        norm.training = False


def _card(
    recipe: Recipe,
    run: Run,
    samples: Sequence[str],
    held_back: Sequence[MaskedFrame],
    textures: int,
    start: Segmenter | None,
) -> dict[str, Any]:
    return {
        "kind": KIND,
        "name": recipe.name,
        "version": recipe.version,
        "widths": list(recipe.widths),
        "kinds": [kind.name.lower() for kind in Kind],
        "recipe": asdict(recipe) | {"start": start.model if start else ""},
        "data": {
            "real": SOURCE if samples else None,
            "samples": list(samples),
            "held back": sorted({frame.sample for frame in held_back}),
            "simulated": "napari_magtex.segment.simulated",
            "relaxed": {"simulations": f"napari_magtex.states, recipes {VERSION}", "textures": textures},
        },
        "training": {
            "pieces": run.samples,
            "minutes": round(run.seconds / 60, 1),
            "torch": torch.__version__,
            "before": start and {key: start.card[key] for key in ("version", "recipe", "training")},
        },
    }


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description="Train the segmenter of skyrmions.")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors")
    parser.add_argument("--data", type=Path, help="folder of the masked frames; default: in MAGTEX_REAL_DATA")
    parser.add_argument("--fold", type=int, choices=range(FOLDS), help="hold the samples of this fold back")
    for one in fields(Recipe):
        if type(one.default) in (int, float, str):
            option, about = f"--{one.name.replace('_', '-')}", f"default: {one.default}"
            parser.add_argument(option, type=type(one.default), default=one.default, help=about)
    parser.add_argument("--widths", type=int, nargs="+", default=WIDTHS, help="channels of each level")
    parser.add_argument("--float32", action="store_true", help="for processors without bfloat16 instructions")
    options = vars(parser.parse_args())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    data, out, fold = options.pop("data"), options.pop("out"), options.pop("fold")
    recipe = Recipe(half=not options.pop("float32"), widths=tuple(options.pop("widths")), **options)
    frames = read_masked_frames(data) if recipe.real else []
    left_out = frozenset[str]() if fold is None else folds((f.sample for f in frames), FOLDS)[fold]
    learned = [frame for frame in frames if frame.sample not in left_out]
    textures = skyrmion_textures()
    log.info("%d real frames, %d relaxed textures", len(learned), len(textures))
    for step in train_segmenter(recipe, out, learned, [f for f in frames if f.sample in left_out], textures):
        if isinstance(step, Path):
            log.info("wrote %s", step)


if __name__ == "__main__":
    main()
