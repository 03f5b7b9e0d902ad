"""Plain pictures of the nine states, and some of none: what a network that learns from a person must not forget.

The pictures that the classifier was trained on are not in the package. These stand in for them: the starts of the
recipes that look like their state before anything is relaxed, drawn in the styles of the training.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from napari_magtex.classify.drawing import draw, families
from napari_magtex.classify.faults import Faults
from napari_magtex.classify.negatives import negative
from napari_magtex.picture import Picture
from napari_magtex.states.library import Simulation
from napari_magtex.states.recipes import RECIPES, Draw
from napari_magtex.states.recipes.bimerons import bimerons
from napari_magtex.states.recipes.skyrmions import seeded_skyrmions
from napari_magtex.states.recipes.stripes import straight_stripes
from napari_magtex.states.recipes.uniform import neel_120, uniform
from napari_magtex.texture import SpinTexture

_PAINTED = (uniform, straight_stripes, seeded_skyrmions, bimerons, neel_120)
_PLAIN = tuple(recipe for recipe in RECIPES if recipe.prepare in _PAINTED and not recipe.turned)
_SITES = (64, 64)
_SEED = 4


def plain_pictures(count: int) -> Iterator[Picture]:
    """Draw pictures of every state and none in turn, in every style in turn: the same ones each time."""
    for number in range(count):
        rng = np.random.default_rng([_SEED, number])
        turn, kind = divmod(number, len(_PLAIN) + 1)
        if kind == len(_PLAIN):
            yield negative(rng)
            continue
        recipe = _PLAIN[kind]
        lattice = recipe.lattices[0]
        start = recipe.prepare(Draw(rng, 1, _SITES, lattice, True, recipe.antiferromagnetic)).start
        texture = SpinTexture.from_layer(start[0].permute(1, 2, 0).numpy(), lattice=lattice)
        simulation = Simulation(recipe.state, texture, "train", recipe.name, True)
        styles = families(simulation)
        yield draw(simulation, styles[turn % len(styles)], rng, faults=Faults.MODERATE)
