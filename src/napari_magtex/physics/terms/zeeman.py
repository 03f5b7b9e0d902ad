"""Zeeman energy: ``E = -sum B.S``."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from napari_magtex.physics.batched import precise
from napari_magtex.physics.terms.term import Term


class Zeeman(Term):
    """A field of any direction, the same everywhere: (batch, 3)."""

    name: ClassVar[str] = "zeeman"

    def __init__(self, B: Tensor) -> None:
        self.B = B

    @property
    def stiffness(self) -> Tensor:
        """The field's strength."""
        return self.B.norm(dim=1)

    def add_field(self, field: Tensor, m: Tensor) -> None:
        """Add B where there is material or not: a spin that is not there feels nothing anyway."""
        field += self.B[:, :, None, None]

    def energy(self, m: Tensor) -> Tensor:
        """Return -sum B.m."""
        return -(m.sum(dim=(2, 3), dtype=precise(m.device)) * self.B).sum(dim=1)
