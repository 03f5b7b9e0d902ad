"""Energy of the stray field that a film makes for itself: ``E = -(1/2) sum mu0 Ms m.H_d``."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from napari_magtex.physics.demag import Demag
from napari_magtex.physics.terms.term import Term, total


class StrayField(Term):
    """The demagnetising field.

    Parameters
    ----------
    demag
        The field of unit magnetisation, shared by all systems.
    strength
        mu0 Ms in tesla, (batch,).
    """

    name: ClassVar[str] = "demag"

    def __init__(self, demag: Demag, strength: Tensor) -> None:
        self.demag, self.strength = demag, strength

    @property
    def stiffness(self) -> Tensor:
        """No demagnetising factor is larger than 1."""
        return self.strength

    def add_field(self, field: Tensor, m: Tensor) -> None:
        """Add -mu0 Ms N * m."""
        field.addcmul_(self.demag.field(m), self.strength[:, None, None, None])

    def energy(self, m: Tensor) -> Tensor:
        """Return half the energy of the magnetisation in its own field."""
        field = torch.zeros_like(m)
        self.add_field(field, m)
        return -0.5 * total(field.mul_(m))
