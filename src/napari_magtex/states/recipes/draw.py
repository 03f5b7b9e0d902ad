"""What a recipe draws its systems from: chance, the lattice, and the couplings of a ferromagnet or of its twin."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from napari_magtex.physics.lattice import SpinLattice
from napari_magtex.physics.model import SpinModel
from napari_magtex.physics.orders import sublattice_signs
from napari_magtex.physics.starts import random_start
from napari_magtex.physics.terms.dmi import DMI_KINDS
from napari_magtex.states.definitions import State
from napari_magtex.texture import Lattice

# sum of J (r.x)^2 over the bonds of each shell, against that of the first
_STIFFNESS = {Lattice.SQUARE: (1.0, 2.0, 4.0), Lattice.TRIANGULAR: (1.0, 3.0, 4.0)}
_SHELLS = ((1, 0.7), (2, 0.2), (3, 0.1))  # how many shells couple, and in which share of the batches
_FARTHER = ((-0.15, 0.3), (-0.08, 0.15))  # J2 and J3 against J1


@dataclass(frozen=True)
class Draw:
    """What the systems of one batch share, and the source of all chance.

    All systems are written as ferromagnets with J1 = 1; `model` and `staggered` make antiferromagnets of them where
    ``antiferromagnetic``. On the square lattice S -> (-1)^i S is exact, and turns over the couplings of the first
    shell alone. The triangular one has the row-wise antiferromagnet with J2 = J1/3 and D2 = D1/sqrt(3), whose long
    waves cost what those of the square lattice do, along any direction.
    """

    rng: np.random.Generator
    batch: int
    shape: tuple[int, int]
    lattice: Lattice
    periodic: bool
    antiferromagnetic: bool
    dmi: str = field(init=False)
    J: Tensor = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "dmi", str(self.rng.choice(DMI_KINDS)))
        counts, shares = zip(*_SHELLS, strict=True)
        count = 1 if self.row_wise else int(self.rng.choice(counts, p=shares))
        farther = [self.between(*limits) for limits in _FARTHER[: count - 1]]
        object.__setattr__(self, "J", torch.stack([torch.ones(self.batch), *farther], dim=1))

    @property
    def row_wise(self) -> bool:
        """Whether the systems are row-wise antiferromagnets."""
        return self.antiferromagnetic and self.lattice is Lattice.TRIANGULAR

    @property
    def density(self) -> float:
        """Stiffness of the lattice against the square one's, by the bonds along any direction."""
        return 1.5 if self.lattice is Lattice.TRIANGULAR and not self.row_wise else 1.0

    @property
    def stiffness(self) -> Tensor:
        """Stiffness against that of the first shell alone, (batch,)."""
        return (self.J * torch.tensor(_STIFFNESS[self.lattice][: self.J.shape[1]])).sum(dim=1)

    @property
    def side(self) -> int:
        """The shorter side."""
        return min(self.shape)

    def between(self, low: float | Tensor, high: float | Tensor) -> Tensor:
        """Draw a number for each system, (batch,)."""
        return low + (high - low) * torch.from_numpy(self.rng.random(self.batch)).float()

    def lengths(self, low: float, high: float) -> Tensor:
        """Draw a length for each system, every octave as often, (batch,)."""
        return self.between(math.log(low), math.log(high)).exp()

    def sign(self) -> Tensor:
        """Draw +1 or -1 for each system."""
        return torch.from_numpy(self.rng.choice([-1.0, 1.0], self.batch)).float()

    def chance(self, share: float) -> Tensor:
        """Draw true for a share of the systems."""
        return torch.from_numpy(self.rng.random(self.batch) < share)

    def direction(self) -> Tensor:
        """Draw a direction in space for each system, (batch, 3)."""
        return torch.nn.functional.normalize(torch.from_numpy(self.rng.normal(size=(self.batch, 3))).float())

    def random(self) -> Tensor:
        """Draw a random start."""
        generator = torch.Generator().manual_seed(int(self.rng.integers(2**62)))
        return random_start(self.batch, self.shape, generator)

    def chiral(self, period: Tensor) -> Tensor:
        """Return the D that winds spins once in so many sites, (batch,)."""
        return self.stiffness * torch.tan(2 * math.pi / period)

    def chiral_energy(self, D: Tensor) -> Tensor:
        """Return D^2/J: the scale of the fields and anisotropies that unwind what D winds, (batch,)."""
        return self.density * D**2 / self.stiffness

    def wall_width(self, K: Tensor) -> Tensor:
        """Return sqrt(A/K) in sites, (batch,)."""
        return (0.5 * self.density * self.stiffness / K).sqrt()

    def critical(self, K: Tensor) -> Tensor:
        """Return the D from which on a domain wall lowers the energy, 4/pi sqrt(A K), (batch,)."""
        return 4 / math.pi * (0.5 * self.stiffness * K / self.density).sqrt()

    def model(
        self,
        D: Tensor | float,
        K: Tensor,
        B: Tensor | None = None,
        easy_axis: Tensor | tuple[float, ...] = (0.0, 0.0, 1.0),
        J: Tensor | None = None,
    ) -> SpinLattice:
        """Make the model with these couplings, (batch,), or its antiferromagnetic twin.

        The field is along z, (batch,), or any (batch, 3). ``J`` stands in for the couplings that were drawn.
        """
        J = self.J if J is None else J
        D = torch.as_tensor(D).expand(self.batch)[:, None]
        if self.row_wise:
            J, D = J[:, :1] * torch.tensor([-1.0, -1 / 3]), D * torch.tensor([-1.0, -1 / math.sqrt(3)])
        elif self.antiferromagnetic:
            J, D = J * torch.tensor([-1.0, 1.0, 1.0])[: J.shape[1]], -D
        field = torch.zeros(self.batch, 3)
        if B is not None and B.dim() == 2:
            field = B
        elif B is not None:
            field[:, 2] = B
        return SpinLattice(
            J,
            D,
            K,
            field,
            batch=self.batch,
            easy_axis=easy_axis,
            dmi=self.dmi,
            lattice=self.lattice,
            periodic=self.periodic,
        )

    def staggered(self, m: Tensor) -> Tensor:
        """Turn the spins of one sublattice over where the model is the twin; rows run along any of three bonds."""
        if not self.antiferromagnetic:
            return m
        signs = sublattice_signs(self.shape, self.lattice)
        if not self.row_wise:
            return m * signs[0]
        return m * signs[torch.from_numpy(self.rng.integers(3, size=self.batch))][:, None]


@dataclass(frozen=True)
class Prepared:
    """A model, what to relax in it, and the energy J of its nearest neighbours that temperatures are told in."""

    model: SpinModel
    start: Tensor
    J: Tensor | float = 1.0


@dataclass(frozen=True)
class Recipe:
    """A way to a state: what prepares it, on which lattices, and how hot it can be.

    Attributes
    ----------
    weight
        Its share of the simulations of a state, against the state's other recipes.
    turned
        Whether all spins are turned, at the end, so that the z axis lies in the plane.
    hottest
        Temperature in J that some of its textures survive.
    open_edges
        Share of its batches with open edges.
    """

    name: str
    state: State
    prepare: Callable[[Draw], Prepared]
    antiferromagnetic: bool = False
    lattices: tuple[Lattice, ...] = (Lattice.SQUARE,)
    weight: float = 1.0
    turned: bool = False
    hottest: float = 0.35
    open_edges: float = 0.3
