"""Training pictures by number: the same number always gives the same picture, whoever draws it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from napari_magtex.classify.drawing import Family, draw, families, random_family
from napari_magtex.classify.faults import Faults
from napari_magtex.classify.learners import Learner
from napari_magtex.classify.negatives import negative
from napari_magtex.classify.network import GREY_CONTRASTS, STATES
from napari_magtex.classify.recipe import Recipe
from napari_magtex.classify.views import training_views
from napari_magtex.picture import Contrast, Picture
from napari_magtex.states.definitions import State, hidden_states
from napari_magtex.states.library import Simulation

NO_CLASS = -100  # what cross-entropy passes over
_FAULTS = {Faults.CLEAN: 0.1, Faults.MODERATE: 0.35, Faults.ALL: 0.55}  # of training pictures
_SPLIT_KEYS = {"train": 0, "validation": 1, "test": 2}


@dataclass(frozen=True)
class Sample:
    """B pictures: views (B, 2, 3, S, S) uint8, indices of state and grey contrast, -100 where there is none.

    ``hidden`` (B, 9) marks the states that the contrast cannot show; ``applicable`` (B,) is 1 for a texture.
    """

    views: Tensor
    state: Tensor
    contrast: Tensor
    hidden: Tensor
    applicable: Tensor


class TrainingPictures(Dataset[tuple[Tensor, ...]]):
    """Pictures of a split, the nine states equally often, and negatives among them."""

    def __init__(self, simulations: Sequence[Simulation], recipe: Recipe, interpolation: str, split: str) -> None:
        self.by_state = {s: [x for x in simulations if x.state is s and x.split == split] for s in STATES}
        self.states = [s for s in STATES if self.by_state[s]]
        self.recipe, self.interpolation, self.key = recipe, interpolation, _SPLIT_KEYS[split]

    def __len__(self) -> int:
        return self.recipe.samples

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        rng = np.random.default_rng([self.recipe.seed, self.key, index])
        state, contrast, hidden = NO_CLASS, NO_CLASS, torch.zeros(len(STATES), dtype=torch.bool)
        shows_texture = rng.random() >= self.recipe.negatives
        if shows_texture:
            of_state = self.by_state[self.states[rng.integers(len(self.states))]]
            simulation = of_state[rng.integers(len(of_state))]
            family = random_family(simulation, rng)
            faults = list(_FAULTS)[rng.choice(len(_FAULTS), p=list(_FAULTS.values()))]
            picture = draw(simulation, family, rng, faults=faults)
            state = STATES.index(simulation.state)
            seen_as = family.contrast
            if family is Family.GREY or not picture.is_colour:
                contrast = GREY_CONTRASTS.index(seen_as)
            elif seen_as is not Contrast.WHEEL:
                seen_as = Contrast.SPIN  # as which false colours are taken where nobody names the instrument
            hidden = torch.tensor([s in hidden_states(seen_as) for s in STATES])
        else:
            picture = negative(rng)
        views = training_views(picture, self.recipe.size, self.interpolation, rng)
        return (
            (views * 255).round().to(torch.uint8),
            torch.tensor(state),
            torch.tensor(contrast),
            hidden,
            torch.tensor(float(shows_texture)),
        )


def batches(
    pictures: TrainingPictures, start: int, stop: int, *, batch: int, workers: int = 0, learner: Learner | None = None
) -> Iterator[Sample]:
    """Draw pictures number ``start`` to ``stop`` in order: a learner's share of ``batch`` at once among all of them."""
    learner = learner or Learner()
    stop = start + (stop - start) // batch * batch  # every learner has as many
    loader = DataLoader(
        torch.utils.data.Subset(pictures, range(start + learner.number, stop, learner.count)),
        batch // learner.count,
        num_workers=workers,
        drop_last=True,
        prefetch_factor=6 if workers else None,
    )
    for columns in loader:
        yield Sample(*columns)


@dataclass(frozen=True)
class HeldOut:
    """A picture with its truth; ``state`` is None for one that shows no texture."""

    picture: Picture
    state: State | None
    family: str


def held_out(
    simulations: Sequence[Simulation],
    split: str,
    family: Family,
    count: int,
    *,
    seed: int,
    clean: bool = False,
    faults: Faults | None = None,
) -> Iterator[HeldOut]:
    """Draw pictures of a split in one style, its states in turn: with moderate faults, ``clean``, or as said."""
    faults = faults or (Faults.CLEAN if clean else Faults.MODERATE)
    able = [s for s in simulations if s.split == split and family in families(s)]
    by_state = [[s for s in able if s.state is state] for state in STATES]
    by_state = [group for group in by_state if group]
    for index in range(count if by_state else 0):
        rng = np.random.default_rng(
            [seed, _SPLIT_KEYS[split], 10 + list(Family).index(family), list(Faults).index(faults), index]
        )
        group = by_state[index % len(by_state)]
        simulation = group[rng.integers(len(group))]
        yield HeldOut(draw(simulation, family, rng, faults=faults), simulation.state, str(family))
