"""Simulate a batch of a recipe: relax, heat some of it, and keep what the physics confirms."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from napari_magtex.compute import drain
from napari_magtex.physics.orders import bond_correlations
from napari_magtex.physics.relax import relax
from napari_magtex.physics.thermal import thermal_state
from napari_magtex.states.checks import identify
from napari_magtex.states.definitions import State
from napari_magtex.states.recipes import RECIPES, Draw, Prepared, Recipe, turned
from napari_magtex.texture import Lattice

VERSION = 2  # of the recipes: another one gets a folder of its own
BATCH = 12
_SIDES = {40: 0.08, 48: 0.12, 56: 0.14, 64: 0.16, 80: 0.16, 96: 0.16, 128: 0.1, 160: 0.05, 200: 0.03}  # the longer one
_ASPECTS = (1, 1, 1, 0.75, 0.5)
_SITES = 12 * 96**2  # of a batch: larger systems come in smaller batches
_TOLERANCE = 3e-4  # torque over stiffness: textures stand still long before
_MAX_STEPS = 3000
_HEATED = 0.37  # of all systems, so that a third of those kept are
_COLDEST = 0.02  # kT in J
_WARM = 200  # thermal steps; neighbours have their heat after some 50
_READABLE = 0.6  # of the relaxed texture's correlation of neighbours, which a heated one must keep

Spins = NDArray[np.float32]


@dataclass
class Batch:
    """What became of a batch: spins (ny, nx, 3) and kT in J of those confirmed by their number, others by reason.

    Reasons are ``unconverged``, ``other state`` and, of heated ones, ``melted``.
    """

    lattice: Lattice
    periodic: bool
    spins: dict[int, Spins] = field(default_factory=dict)
    kT: dict[int, float] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=Counter)


def confirmed_batch(recipe: Recipe, seed: int, number: int) -> Batch:
    """Simulate one batch of a recipe, the same for the same version, seed and number.

    A relaxed texture is kept where `identify` names the state that the recipe is for. A heated one must have that
    parent, and a quench of it must lead to the same state again: its inherent structure.
    """
    rng = np.random.default_rng([VERSION, seed, RECIPES.index(recipe), number])
    draw = _draw(recipe, rng, number)
    prepared = recipe.prepare(draw)
    relaxed = relax(prepared.model, prepared.start, tolerance=_TOLERANCE, max_steps=_MAX_STEPS)
    kT = torch.where(draw.chance(_HEATED), draw.between(_COLDEST, recipe.hottest), 0.0)
    rotations = [Rotation.from_euler("zyz", (a, 90, b), degrees=True) for a, b in rng.uniform(0, 360, (draw.batch, 2))]
    seeds = rng.integers(2**32, size=draw.batch).tolist()

    def spins_of(m: Tensor, i: int) -> Spins:
        return (turned(m, rotations[i]) if recipe.turned else m).permute(1, 2, 0).contiguous().numpy()

    def is_state(m: Tensor, i: int) -> bool:
        return identify(spins_of(m, i), draw.lattice, periodic=draw.periodic) is recipe.state

    batch = Batch(draw.lattice, draw.periodic)
    confirmed = []
    for i in range(draw.batch):
        if not relaxed.converged[i]:
            batch.dropped["unconverged"] += 1
        elif not is_state(relaxed.m[i], i):
            batch.dropped["other state"] += 1
        else:
            confirmed.append(i)
    heated = _heated(prepared, relaxed.m, kT, seeds, [i for i in confirmed if kT[i] > 0])
    for i in confirmed:
        m, inherent = heated.get(i, (relaxed.m[i], relaxed.m[i]))
        if i in heated and not (is_state(inherent, i) and _alignment(m, relaxed.m[i], draw.lattice) > _READABLE):
            batch.dropped["melted"] += 1
        else:
            batch.spins[i], batch.kT[i] = spins_of(m, i), float(kT[i])
    return batch


def _draw(recipe: Recipe, rng: np.random.Generator, number: int) -> Draw:
    lattice = recipe.lattices[number % len(recipe.lattices)]
    periodic = bool(rng.random() >= recipe.open_edges)
    longer = int(rng.choice(list(_SIDES), p=list(_SIDES.values())))
    shorter = max(min(_SIDES), int(longer * rng.choice(_ASPECTS)))  # all of them even: a checkerboard closes
    ny, nx = rng.permutation([longer, shorter]).tolist()
    if recipe.state is State.NEEL_120:  # its three sublattices close
        ny, nx = ny // 6 * 6, nx // 6 * 6
    return Draw(rng, min(BATCH, _SITES // (ny * nx)), (ny, nx), lattice, periodic, recipe.antiferromagnetic)


def _heated(
    prepared: Prepared, m: Tensor, kT: Tensor, seeds: list[int], which: list[int]
) -> dict[int, tuple[Tensor, Tensor]]:
    """Return the thermal states of some systems, and what a quench makes of them."""
    if not which:
        return {}
    hot = torch.tensor(which)
    model, energy = prepared.model.select(hot), (prepared.J * kT.double())[hot]
    generators = [torch.Generator().manual_seed(seeds[i]) for i in which]
    warm = drain(thermal_state(model, m[hot], energy, steps=_WARM, generators=generators))
    quenched = relax(model, warm, tolerance=_TOLERANCE, max_steps=_MAX_STEPS).m
    return dict(zip(which, zip(warm, quenched, strict=True), strict=True))


def _alignment(m: Tensor, relaxed: Tensor, lattice: Lattice) -> float:
    """Return how much of the correlation of neighbours a heated texture has kept: 1 where nothing has changed."""
    now, then = bond_correlations(torch.stack((m, relaxed)), lattice=lattice, periodic=False)
    return float((now * then).sum() / (then * then).sum())
