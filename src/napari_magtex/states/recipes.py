"""How to prepare each state: a model and a start to relax from, drawn at random within wide ranges.

Parameters follow the table in arXiv 2605.22125 and Spirit's conventions (J = 1). The antiferromagnetic states are those
of the twin model, J and D turned over and the start staggered, at zero field: relaxed in their own right.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from napari_magtex.physics.lattice import SpinLattice
from napari_magtex.physics.starts import (
    helix_start,
    paint_skyrmion,
    random_start,
    sites,
    uniform_start,
)
from napari_magtex.physics.vectors import normalise
from napari_magtex.states.definitions import State
from napari_magtex.texture import Lattice


@dataclass(frozen=True)
class Draw:
    """What the systems of one batch share, and the source of all chance."""

    rng: np.random.Generator
    batch: int
    shape: tuple[int, int]
    lattice: Lattice
    periodic: bool
    antiferromagnetic: bool

    @property
    def density(self) -> float:
        """Stiffness of the lattice against the square one's, by the bonds along any direction."""
        return 1.5 if self.lattice is Lattice.TRIANGULAR else 1.0

    def between(self, low: float, high: float) -> Tensor:
        """Draw a number for each system, (batch,)."""
        return torch.from_numpy(self.rng.uniform(low, high, self.batch)).float()

    def sign(self) -> Tensor:
        """Draw +1 or -1 for each system."""
        return torch.from_numpy(self.rng.choice([-1.0, 1.0], self.batch)).float()

    def random(self) -> Tensor:
        """Draw a random start."""
        generator = torch.Generator().manual_seed(int(self.rng.integers(2**62)))
        return random_start(self.batch, self.shape, generator)

    def model(
        self, D: Tensor, K: Tensor, B: Tensor | None = None, easy_axis: Tensor | tuple[float, ...] = (0.0, 0.0, 1.0)
    ) -> SpinLattice:
        """Make the model with J = 1, or its antiferromagnetic twin."""
        twin = -1.0 if self.antiferromagnetic else 1.0
        field = torch.zeros(self.batch, 3)
        if B is not None:
            field[:, 2] = B
        return SpinLattice(
            twin,
            twin * D[:, None],
            K,
            field,
            batch=self.batch,
            easy_axis=easy_axis,
            lattice=self.lattice,
            periodic=self.periodic,
        )

    def staggered(self, m: Tensor) -> Tensor:
        """Turn every other spin over where the model is the twin."""
        if not self.antiferromagnetic:
            return m
        x, y = sites(self.shape)
        return m * (1 - 2 * ((x + y) % 2))


Prepared = tuple[SpinLattice, Tensor]


def labyrinth(draw: Draw) -> Prepared:
    """Stripes from a random start, with their ends and branches."""
    D = draw.between(0.35, 0.7)
    K = draw.between(0, 0.25) * D**2
    return draw.model(draw.sign() * D, K), draw.random()


def straight_stripes(draw: Draw) -> Prepared:
    """Stripes from a helix at any angle, shaken so that they settle."""
    D, sign = draw.between(0.35, 0.7), draw.sign()
    K = draw.between(0, 0.25) * D**2
    starts = [
        helix_start(draw.shape, 2 * math.pi / math.atan(d), angle, dmi="interfacial", D_sign=s, lattice=draw.lattice)
        for d, angle, s in zip(D.tolist(), draw.between(0, 2 * math.pi).tolist(), sign.tolist(), strict=True)
    ]
    start = normalise(torch.cat(starts) + 0.3 * draw.random())
    return draw.model(sign * D, K), draw.staggered(start)


def skyrmion_lattice(draw: Draw) -> Prepared:
    """Skyrmions that a random start leaves in a field of about half of D^2/J."""
    D, polarity = draw.between(0.4, 0.8), draw.sign()
    B = polarity * draw.between(0.42, 0.6) * draw.density * D**2
    return draw.model(draw.sign() * D, draw.between(0, 0.02), B), draw.random()


def seeded_skyrmions(draw: Draw) -> Prepared:
    """One to many skyrmions that anisotropy holds in no field: D at 0.8 to 0.92 of where the wall costs nothing."""
    K = draw.between(0.03, 0.16)
    critical = 4 / math.pi * torch.sqrt(0.5 * K / draw.density)
    sign, polarity = draw.sign(), draw.sign()
    D = draw.between(0.8, 0.92) * critical
    start = uniform_start(draw.batch, draw.shape, (0.0, 0.0, 1.0))
    x, y = sites(draw.shape, draw.lattice)
    for index in range(draw.batch):
        width = math.sqrt(0.5 * draw.density / float(K[index]))
        wanted = int(draw.rng.choice([1, 2, 3, 5, 8, 13, 30]))
        radius = width * float(draw.rng.uniform(1.2, 2.5))
        placed: list[tuple[float, float]] = []
        for _ in range(20 * wanted):
            row, column = (int(draw.rng.integers(n)) for n in draw.shape)
            centre = float(x[row, column]), float(y[row, column])
            edge = min(row, column, draw.shape[0] - row, draw.shape[1] - column)
            clear = all(math.dist(centre, other) > 2 * radius + 4 * width for other in placed)
            if len(placed) < wanted and clear and edge > radius + 2 * width:
                placed.append(centre)
                helicity = 0.0 if sign[index] > 0 else math.pi
                paint_skyrmion(start[index], centre, radius, width, helicity=helicity, lattice=draw.lattice)
    # turning every spin over makes the other polarity, at the same energy
    return draw.model(sign * D, K), draw.staggered(polarity[:, None, None, None] * start)


def uniform(draw: Draw) -> Prepared:
    """A ferromagnet along any easy axis, or its twin; open edges cant."""
    K, D = draw.between(0.05, 0.3), draw.between(0, 0.15) * draw.sign()
    axis = torch.from_numpy(draw.rng.normal(size=(draw.batch, 3))).float()
    common = torch.from_numpy(draw.rng.random(draw.batch) < 0.5)
    axis[common] = torch.tensor([0.0, 0.0, 1.0])
    axis /= axis.norm(dim=1, keepdim=True)
    model = draw.model(D, K, easy_axis=axis)
    start = normalise(uniform_start(draw.batch, draw.shape, draw.sign()[:, None] * axis) + 0.1 * draw.random())
    return model, draw.staggered(start)


def row_wise(draw: Draw) -> Prepared:
    """Row-wise antiferromagnet of the triangular lattice, along any of its three row directions."""
    model = SpinLattice(
        torch.tensor([[-1.0, -0.4]]),
        0.0,
        draw.between(0.03, 0.1),
        batch=draw.batch,
        lattice=Lattice.TRIANGULAR,
        periodic=draw.periodic,
    )
    rows, columns = torch.meshgrid(*(torch.arange(n) for n in draw.shape), indexing="ij")
    parities = torch.stack([rows % 2, columns % 2, (rows + columns) % 2])
    chosen = parities[torch.from_numpy(draw.rng.integers(3, size=draw.batch))]
    start = (1.0 - 2.0 * chosen)[:, None] * torch.tensor([0.0, 0.0, 1.0])[:, None, None]
    return model, normalise(start + 0.1 * draw.random())


def neel_120(draw: Draw) -> Prepared:
    """Three sublattices at 120 degrees, in domains as a random start leaves them, or in one."""
    model = SpinLattice(
        -1.0, 0.0, -draw.between(0.02, 0.1), batch=draw.batch, lattice=Lattice.TRIANGULAR, periodic=draw.periodic
    )
    rows, columns = torch.meshgrid(*(torch.arange(n) for n in draw.shape), indexing="ij")
    phase = 2 * math.pi / 3 * ((columns + rows) % 3)
    angle = draw.between(0, 2 * math.pi)[:, None, None] + draw.sign()[:, None, None] * phase
    ordered = torch.stack((angle.cos(), angle.sin(), torch.zeros_like(angle)), dim=1)
    one_domain = torch.from_numpy(draw.rng.random(draw.batch) < 0.5)[:, None, None, None]
    return model, torch.where(one_domain, normalise(ordered + 0.2 * draw.random()), draw.random())


def turned(m: Tensor, rng: np.random.Generator) -> Tensor:
    """Rotate all spins so that the z axis lies in the plane: the exact bimeron twin of an out-of-plane skyrmion.

    It is the ground state of the model whose DMI vectors, field and axis are rotated alike.
    """
    rotation = Rotation.from_euler("zyz", [rng.uniform(0, 360), 90, rng.uniform(0, 360)], degrees=True)
    return torch.einsum("dc,cyx->dyx", torch.from_numpy(rotation.as_matrix()).float(), m)


@dataclass(frozen=True)
class Recipe:
    """A way to a state: what prepares it, on which lattices, and whether its spins are turned into the plane."""

    name: str
    state: State
    prepare: Callable[[Draw], Prepared]
    antiferromagnetic: bool = False
    lattices: tuple[Lattice, ...] = (Lattice.SQUARE,)
    turned: bool = False


_BOTH = (Lattice.SQUARE, Lattice.SQUARE, Lattice.TRIANGULAR)  # twice as often the square one

RECIPES = (
    Recipe("fm", State.FM, uniform, lattices=_BOTH),
    Recipe("fm-labyrinth", State.FM_STRIPES, labyrinth, lattices=_BOTH),
    Recipe("fm-straight", State.FM_STRIPES, straight_stripes, lattices=_BOTH),
    Recipe("fm-lattice", State.FM_SKYRMIONS, skyrmion_lattice, lattices=_BOTH),
    Recipe("fm-seeded", State.FM_SKYRMIONS, seeded_skyrmions, lattices=_BOTH),
    Recipe("fm-lattice-turned", State.FM_IN_PLANE_SKYRMIONS, skyrmion_lattice, lattices=_BOTH, turned=True),
    Recipe("fm-seeded-turned", State.FM_IN_PLANE_SKYRMIONS, seeded_skyrmions, lattices=_BOTH, turned=True),
    Recipe("afm-checkerboard", State.AFM, uniform, antiferromagnetic=True),
    Recipe("afm-row-wise", State.AFM, row_wise, lattices=(Lattice.TRIANGULAR,)),
    Recipe("afm-labyrinth", State.AFM_STRIPES, labyrinth, antiferromagnetic=True),
    Recipe("afm-straight", State.AFM_STRIPES, straight_stripes, antiferromagnetic=True),
    Recipe("afm-seeded", State.AFM_SKYRMIONS, seeded_skyrmions, antiferromagnetic=True),
    Recipe("afm-seeded-turned", State.AFM_IN_PLANE_SKYRMIONS, seeded_skyrmions, antiferromagnetic=True, turned=True),
    Recipe("neel-120", State.NEEL_120, neel_120, lattices=(Lattice.TRIANGULAR,)),
)
