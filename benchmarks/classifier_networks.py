"""The shipped backbone beside the eight that arXiv 2605.22125 compares: in one drawing style, on the same pictures.

    python benchmarks/classifier_networks.py --json FILE [--pictures 6500] [--epochs 1] [--size 96] [--only NAME ...]
    python benchmarks/classifier_networks.py --json FILE --no-train

Each network learns from nothing (the paper's from ImageNet's weights), from the same pictures in the same order for as
long: paper-style arrows of ground states, drawn once (each seen as a whole and in one close-up) and kept in the cache.
It is judged on simulations of the test split, in that style and in arrows that it never saw. FILE gets a network's row
as soon as it is there, and rows that are there are kept: what was stopped goes on with the next network. ``--no-train``
measures size and time alone. Times are of two threads of a CPU and views of 224 pixels, whatever is trained at: right
where nothing else runs. Where that is faster a network learns in bfloat16: on a CPU with instructions for it the large
ones do.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from classifier_styles import OTHERS, PAPER, styled
from tables import Figures, between, percent, table, write
from torch.nn import functional

from napari_magtex.classify.calibration import Calibration
from napari_magtex.classify.evaluate import judge, wilson
from napari_magtex.classify.network import STATES, TextureNet
from napari_magtex.classify.predict import Classifier, ready
from napari_magtex.classify.views import training_views
from napari_magtex.compute import Device, cache_folder, torch_device
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
BATCH = 32  # as the paper has it; it took Adam, for up to 50 epochs
LEARNING_RATE, WARMUP = 1e-3, 0.05
JUDGED = 450  # test pictures in the paper's style, and as many in others


def main() -> None:
    """Measure network after network, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--json", type=Path, metavar="FILE", required=True, help="rows, read and written")
    options.add_argument("--pictures", type=int, default=6500, help="training pictures (the paper has 6,503 in all)")
    options.add_argument("--epochs", type=int, default=1, help="how often each is seen")
    options.add_argument("--size", type=int, default=96, help="side of a view in pixels, to train at")
    options.add_argument("--only", nargs="+", choices=NETWORKS, default=NETWORKS, metavar="NAME", help="some networks")
    options.add_argument("--no-train", action="store_true", help="size and time alone")
    options.add_argument("--library", type=Path, help="folder of simulations; default: the one in the cache")
    chosen = options.parse_args()
    schedule = {name: getattr(chosen, name) for name in ("pictures", "epochs", "size")}
    figures: Figures = {"benchmark": "networks", **schedule, "rows": {}}
    if chosen.json.is_file():
        figures = json.loads(chosen.json.read_text(encoding="utf-8"))
        if schedule != {name: figures[name] for name in schedule}:
            sys.exit(f"{chosen.json} holds networks of another schedule: name another file")
    simulations = [] if chosen.no_train else [s for s in load_library(chosen.library) if s.kT == 0]
    for name in chosen.only:
        row = figures["rows"].setdefault(name, {})
        if "parameters" not in row:
            row |= size_and_time(name)
            write(figures, chosen.json)
        if not chosen.no_train and "paper" not in row:
            row |= trained(name, simulations, chosen.pictures, chosen.epochs, chosen.size)
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


def drawn(simulations: Sequence[Simulation], count: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw the training pictures, or read them: views (n, 2, 3, S, S) of 8 bits, and the states."""
    simulations = [s for s in simulations if s.split == "train"]
    of = hashlib.sha256(b"".join(s.texture.m.tobytes() for s in simulations)).hexdigest()[:8]
    path = cache_folder() / "classifier" / f"paper-style-{of}-{count}-{size}.npz"
    if not path.is_file():
        seen = np.empty((count, 2, 3, size, size), np.uint8)
        states = np.empty(count, np.int64)
        for index, one in enumerate(styled(simulations, PAPER, count, seed=SEED)):
            if index % 500 == 0:
                print(f"drawing {index} / {count}", file=sys.stderr)
            assert one.state is not None
            views = training_views(one.picture, size, "bicubic", np.random.default_rng([SEED, index]))
            seen[index], states[index] = (views * 255).round().numpy(), STATES.index(one.state)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".part.npz")
        np.savez(beside, views=seen, states=states)
        beside.replace(path)
    with np.load(path) as kept:
        return torch.from_numpy(kept["views"]), torch.from_numpy(kept["states"])


def trained(name: str, simulations: Sequence[Simulation], count: int, epochs: int, size: int) -> Figures:
    """Train a network and judge it on the test split."""
    views, states = drawn(simulations, count, size)
    torch.manual_seed(SEED)
    device = torch_device()
    network = TextureNet(name).to(device).to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=0.02)
    order = torch.cat([torch.randperm(count) for _ in range(epochs)]).split(BATCH)
    half = _half_is_faster(name, size, device)
    start = time.monotonic()
    for step, chosen in enumerate(order):
        optimiser.param_groups[0]["lr"] = LEARNING_RATE * _schedule((step + 1) / len(order))
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            logits = network(views[chosen].to(device).float() / 255).state
        loss = functional.cross_entropy(logits.float(), states[chosen].to(device))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        if step % 20 == 0:
            print(f"{name}: step {step} of {len(order)}, loss {loss.item():.3f}", file=sys.stderr)
    minutes = (time.monotonic() - start) / 60
    classifier = Classifier(ready(network), {"name": name, "version": "compared", "size": size}, Calibration())
    held_back = [s for s in simulations if s.split == "test"]
    styles = [style for style in OTHERS if style.arrows is not None]
    judged = {
        "paper": judge(styled(held_back, PAPER, JUDGED, seed=SEED), classifier),
        "other": (
            one
            for style in styles
            for one in judge(styled(held_back, style, JUDGED // len(styles), seed=SEED), classifier)
        ),
    }
    row: Figures = {"minutes": minutes, "bfloat16": half}
    for what, answers in judged.items():
        hits = [one.correct for one in answers]
        row[what] = {
            "accuracy": sum(hits) / len(hits),
            "interval": wilson(sum(hits), len(hits)),
            "pictures": len(hits),
        }
    return row


def _half_is_faster(name: str, size: int, device: torch.device) -> bool:
    """Time a step with float32 and with bfloat16, each once warm."""
    network = TextureNet(name).to(device).to(memory_format=torch.channels_last).train()
    views = torch.rand(BATCH, 2, 3, size, size, device=device)
    times = []
    for half in (False, True, False, True):
        start = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            answer = network(views).state
        float(answer.float().square().mean().backward() or network.state.bias.grad.sum())
        times.append(time.perf_counter() - start)
    return times[3] < times[2]


def _schedule(fraction: float) -> float:
    """Return the learning rate against its top: a straight rise, then a cosine down."""
    if fraction < WARMUP:
        return fraction / WARMUP
    return 0.001 + 0.999 * (1 + math.cos(math.pi * (fraction - WARMUP) / (1 - WARMUP))) / 2


def markdown(figures: Figures) -> str:
    """Return the table."""
    rows = []
    for name, row in figures["rows"].items():
        rates = [
            f"{percent(row[what]['accuracy'])} ({between(row[what]['interval'])})" if what in row else "not yet trained"
            for what in ("paper", "other")
        ]
        times = [f"{row['ms'][str(batch)]:.0f}" for batch in BATCHES]
        minutes = f"{row['minutes']:.0f}" if "minutes" in row else ""
        rows.append((name, f"{row['parameters'] / 1e6:.1f} M", *times, minutes, *rates))
    head = ("network", "parameters", *(f"ms a picture, {b} at once" for b in BATCHES), "minutes of training",
            "paper-style arrows", "arrows never seen")  # fmt: skip
    often = "once" if figures["epochs"] == 1 else f"{figures['epochs']} times"
    said = (
        f"Timed with views of {TIMED} pixels. Trained on {figures['pictures']:,} pictures in the paper's style, each "
        f"seen {often} in views of {figures['size']} pixels."
    )
    return f"{said}\n\n{table(head, rows)}"


if __name__ == "__main__":
    main()
