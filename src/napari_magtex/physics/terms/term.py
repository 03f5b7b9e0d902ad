"""What every term of the energy offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from napari_magtex.physics.batched import Batched, precise


class Term(Batched, ABC):
    """A term of the energy of unit spins m (batch, 3, ny, nx), where m = 0 means no material.

    Fields and energies share one unit, that of the term's constants: the model knows what it is.
    """

    name: ClassVar[str]

    @abstractmethod
    def add_field(self, field: Tensor, m: Tensor) -> None:
        """Add -dE/dm to ``field``, (batch, 3, ny, nx), in place."""

    @abstractmethod
    def energy(self, m: Tensor) -> Tensor:
        """Return the energy of every system, (batch,), summed in float64."""

    @property
    @abstractmethod
    def stiffness(self) -> Tensor:
        """Bound of the largest eigenvalue of the energy's Hessian on the sphere, (batch,)."""


def total(density: Tensor) -> Tensor:
    """Sum over all but the batch, (batch,), in float64."""
    return density.flatten(1).sum(dim=1, dtype=precise(density.device))
