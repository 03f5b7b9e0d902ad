"""The two relaxations that `physics.py` times: a square lattice of spins, and a film of FeGe with its stray field."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from napari_magtex.physics.film import Film
from napari_magtex.physics.lattice import SpinLattice
from napari_magtex.physics.model import SpinModel
from napari_magtex.physics.starts import random_start

LATTICE: dict[str, Any] = {"J": 1.0, "D": 0.5, "K": 0.02}
LATTICE_FIELDS = (0.0, 0.06, 0.12, 0.18)  # helices, both, skyrmions; the systems take them in turn
FEGE: dict[str, Any] = {"A": 8.78e-12, "D": 1.58e-3, "Ms": 3.84e5, "field_T": (0.0, 0.0, 0.18)}
FEGE_CELL = (4e-9, 4e-9, 4e-9)


@dataclass(frozen=True)
class Problem:
    """Systems of one kind and size, started from random spins.

    ``size`` is their side in sites or cells; ``together``, how many a core relaxes best at a time.
    """

    kind: str
    size: int
    together: int
    demag: bool = False
    periodic: bool = True

    def model(self, count: int, *, dtype: torch.dtype = torch.float32, device: str = "cpu") -> SpinModel:
        """Return the model of the first systems."""
        if self.kind == "lattice":
            fields = [(0.0, 0.0, LATTICE_FIELDS[i % len(LATTICE_FIELDS)]) for i in range(count)]
            return SpinLattice(**LATTICE, B=torch.tensor(fields), batch=count, dtype=dtype, device=device)
        films = FEGE | {"A": torch.full((count,), FEGE["A"], dtype=torch.float64)}
        shape = (self.size, self.size)
        return Film(shape, FEGE_CELL, **films, periodic=self.periodic, demag=self.demag, dtype=dtype, device=device)

    def start(self, count: int) -> Tensor:
        """Return where the first systems start, (count, 3, size, size): the same for every program."""
        shape = (self.size, self.size)
        return torch.cat([random_start(1, shape, torch.Generator().manual_seed(seed)) for seed in range(count)])

    def torque(self, index: int, m: Tensor) -> float:
        """Return the largest |m x B| over the stiffness in one system, m (3, size, size), in double precision."""
        judge, m = _judge(self, index), m.double()[None]
        return float(torch.linalg.cross(m, judge.field(m), dim=1).norm(dim=1).max() / judge.stiffness)

    def energy(self, index: int, m: Tensor) -> float:
        """Return the energy a site in J's unit, or the energy density in kJ/m^3."""
        energy = float(_judge(self, index).energy(m.double()[None])) / self.size**2
        return energy if self.kind == "lattice" else energy / math.prod(FEGE_CELL) / 1e3


@cache
def _judge(problem: Problem, index: int) -> SpinModel:
    """The model of one system, for either program's states."""
    return problem.model(index + 1, dtype=torch.float64).select(torch.tensor([index]))


PROBLEMS = {
    "lattices": Problem("lattice", 64, together=16),
    "open films": Problem("film", 128, together=4, demag=True, periodic=False),
    "periodic films": Problem("film", 128, together=4, demag=True),
}
