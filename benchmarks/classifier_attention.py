"""Whether attention lies on the texture, and whether it comes from what the network learned.

    python benchmarks/classifier_attention.py [--count 120] [--weights FILE] [--json FILE]

Isolated textures of the test split are drawn as cells, so that each pixel's site is known. Textured is where the order
parameter is turned by more than 60 degrees from its mean; a texture is isolated where that is less than a quarter of
the area. The lift is the share of attention on textured area over that area's share: 1 is no better than chance.
Weights are randomised from the head backwards (Adebayo et al. 2018, arXiv 1810.03292): a map that stayed the same would
show the picture's edges, not what was learned.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import bootstrap, spearmanr
from tables import Figures, parser, percent, table, write

from napari_magtex.classify.network import TextureNet
from napari_magtex.classify.predict import Classifier, ready
from napari_magtex.colours import ColourMap
from napari_magtex.explain.attention import attention
from napari_magtex.imaging.cells import draw_cells
from napari_magtex.physics.orders import unstaggered
from napari_magtex.picture import Picture
from napari_magtex.states.definitions import State
from napari_magtex.states.library import Simulation, load_library
from napari_magtex.texture import Lattice

SEED = 2
TURNED = 0.5  # cosine of 60 degrees
MOST = 0.25  # of the area, that an isolated texture takes
ZOOMS = (2, 4, 8)
LONGEST = 1024  # pixels of a picture
RANDOMISED = 24  # pictures whose maps are compared with those of random weights
ISOLATED = (State.FM_SKYRMIONS, State.FM_IN_PLANE_SKYRMIONS, State.AFM_SKYRMIONS, State.AFM_IN_PLANE_SKYRMIONS)

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Isolated:
    """A picture of an isolated texture, its state, and where it is textured, pixel by pixel."""

    picture: Picture
    state: State
    mask: Mask
    zoom: int


def main() -> None:
    """Measure and print."""
    options = parser(__doc__, count=120, of="pictures in all").parse_args()
    classifier = Classifier.load(options.weights)
    shown = list(isolated(load_library(options.library, split="test"), options.count))
    maps = [attention(one.picture, classifier, one.state) for one in shown]
    lifts = np.array([lift(looked, one.mask) for looked, one in zip(maps, shown, strict=True)])
    figures = {
        "benchmark": "attention",
        "model": classifier.model,
        "grid": f"{classifier.size // classifier.cam_stride} x {classifier.size // classifier.cam_stride} cells a view",
        "lift": {
            "all": summary(lifts),
            **{str(s): summary(lifts[[one.state is s for one in shown]]) for s in ISOLATED},
            **{f"{z} pixels a site": summary(lifts[[one.zoom == z for one in shown]]) for z in ZOOMS},
        },
        "textured area": float(np.mean([one.mask.mean() for one in shown])),
        "correlation": correlations(classifier, shown[:RANDOMISED], maps[:RANDOMISED]),
    }
    write(figures, options.json)
    print(markdown(figures))


def isolated(simulations: Sequence[Simulation], count: int) -> Iterator[Isolated]:
    """Draw isolated textures at rest on square lattices, the states in turn, at zooms in turn."""
    able: dict[State, list[tuple[Simulation, Mask]]] = {state: [] for state in ISOLATED}
    for s in simulations:
        if s.state in able and s.kT == 0 and s.texture.lattice is Lattice.SQUARE:
            mask = textured(s)
            if 0 < mask.mean() < MOST:
                able[s.state].append((s, mask))
    groups = [group for group in able.values() if group]
    rng = np.random.default_rng(SEED)
    for index in range(count if groups else 0):
        group = groups[index % len(groups)]
        simulation, mask = group[rng.integers(len(group))]
        fitting = [z for z in ZOOMS if z * max(mask.shape) <= LONGEST]
        zoom = fitting[index // len(groups) % len(fitting)]
        picture = draw_cells(simulation.texture, ColourMap.MUMAX3, zoom=zoom)
        yield Isolated(picture, simulation.state, mask.repeat(zoom, axis=0).repeat(zoom, axis=1), zoom)


def textured(simulation: Simulation) -> Mask:
    """Mark the sites (ny, nx) whose order parameter, the staggered one of an antiferromagnet, leaves its mean."""
    spins = torch.from_numpy(np.moveaxis(simulation.texture.m[0], -1, 0).copy())[None]
    order = unstaggered(spins) if simulation.state.startswith("afm") else spins
    n = order[0].numpy()
    mean = n.mean(axis=(1, 2))
    return np.tensordot(mean / np.linalg.norm(mean), n, 1) < TURNED


def lift(looked: NDArray[np.float32], mask: Mask) -> float:
    """Return the share of attention inside a mask over the mask's share of the picture; 0 without any attention."""
    return float(looked[mask].sum() / looked.sum() / mask.mean()) if looked.any() else 0.0


def summary(lifts: NDArray[np.float64]) -> Figures:
    """Return the mean lift with its bootstrap interval, and how many pictures have one above 1."""
    if len(lifts) < 2:
        return {"pictures": len(lifts)}
    interval = bootstrap((lifts,), np.mean, rng=SEED, n_resamples=2000).confidence_interval
    return {
        "pictures": len(lifts),
        "mean": float(lifts.mean()),
        "interval": (float(interval.low), float(interval.high)),
        "above 1": float((lifts > 1).mean()),
    }


def correlations(
    classifier: Classifier, shown: Sequence[Isolated], trained: Sequence[NDArray[np.float32]]
) -> dict[str, float]:
    """Return Spearman's mean rank correlation between the trained network's maps and those of randomised ones."""
    result = {}
    for name, network in cascade(classifier.network, classifier.card["backbone"]):
        random = replace(classifier, network=network)
        ranks = []
        for one, before in zip(shown, trained, strict=True):
            after = attention(one.picture, random, one.state)
            # of a flat map no ranks are to be had: it has nothing of the other
            ranks.append(spearmanr(before[::4, ::4].ravel(), after[::4, ::4].ravel()).statistic if after.any() else 0.0)
        result[name] = float(np.mean(ranks))
    return result


def cascade(network: TextureNet, backbone: str) -> Iterator[tuple[str, TextureNet]]:
    """Put fresh weights in place of the trained ones: of the head, of all behind the layer explained, everywhere."""
    torch.manual_seed(SEED)
    fresh = TextureNet(backbone).state_dict()
    trained = network.state_dict()
    names = list(trained)
    explained = next(name for name, module in network.named_modules() if module is network.cam_layer)
    last = max(k for k, name in enumerate(names) if name.startswith(explained + "."))
    for what, chosen in (
        ("head", [name for name in names if not name.startswith("backbone.")]),
        ("head and all layers behind the one explained", names[last + 1 :]),
        ("all layers", names),
    ):
        random = copy.deepcopy(network)
        random.load_state_dict(trained | {name: fresh[name] for name in chosen})
        yield what, ready(random)


def markdown(figures: Figures) -> str:
    """Return the tables."""
    rows = [
        (name, s["pictures"], f"{s['mean']:.2f}", f"{s['interval'][0]:.2f}-{s['interval'][1]:.2f}",
         percent(s["above 1"]))
        for name, s in figures["lift"].items() if "mean" in s
    ]  # fmt: skip
    return "\n\n".join([
        f"{figures['model']}, maps of {figures['grid']}; textured is {percent(figures['textured area'])} of the area.",
        table(("isolated textures", "pictures", "mean lift", "95 % (bootstrap)", "lift above 1"), rows),
        table(("randomised", "rank correlation with the trained map"),
              [(name, f"{rank:.2f}") for name, rank in figures["correlation"].items()]),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
