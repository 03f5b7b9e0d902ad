"""Anisotropies of single spins: uniaxial, ``E = -sum K (S.e)^2``, and cubic."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from napari_magtex.physics.terms.term import Term, total
from napari_magtex.physics.vectors import dot


class Uniaxial(Term):
    """Uniaxial anisotropy: easy axis where K > 0, easy plane where K < 0.

    Parameters
    ----------
    K
        (batch, 1, 1), or (batch, ny, nx) where it varies.
    axis
        Unit vectors (batch, 3, 1, 1), or (batch, 3, ny, nx).
    """

    name: ClassVar[str] = "anisotropy"

    def __init__(self, K: Tensor, axis: Tensor) -> None:
        self.K, self.axis = K, axis
        self._pull = 2 * K[:, None] * axis

    @property
    def stiffness(self) -> Tensor:
        """Twice the largest K."""
        return 2 * self.K.abs().amax(dim=(1, 2))

    def add_field(self, field: Tensor, m: Tensor) -> None:
        """Add 2 K (m.e) e."""
        field.addcmul_(self._pull, dot(m, self.axis))

    def energy(self, m: Tensor) -> Tensor:
        """Return -sum K (m.e)^2."""
        return -total(dot(m, self.axis)[:, 0].square_().mul_(self.K))


class Cubic(Term):
    """First-order cubic anisotropy, ``E = sum K (a1^2 a2^2 + a2^2 a3^2 + a3^2 a1^2)`` with a the spin along each axis.

    K > 0 makes the cube's edges easy, K < 0 its diagonals.

    Parameters
    ----------
    K
        (batch, 1, 1), or (batch, ny, nx).
    axes
        The cube's edges, (batch, 3, 3): rows are orthogonal unit vectors.
    """

    name: ClassVar[str] = "cubic"

    def __init__(self, K: Tensor, axes: Tensor) -> None:
        self.K, self.axes = K, axes

    @property
    def stiffness(self) -> Tensor:
        """Four times the largest K."""
        return 4 * self.K.abs().amax(dim=(1, 2))

    def add_field(self, field: Tensor, m: Tensor) -> None:
        """Add -2 K a_i (a_j^2 + a_k^2) along every edge."""
        a = self._along_edges(m)
        squares = a.square()
        a.mul_(squares.sum(dim=1, keepdim=True) - squares).mul_(-2 * self.K[:, None])
        field += torch.matmul(self.axes.mT, a.flatten(2)).view_as(m)

    def energy(self, m: Tensor) -> Tensor:
        """Return the energy."""
        x, y, z = self._along_edges(m).square_().unbind(1)
        return total((x * y + y * z + z * x).mul_(self.K))

    def _along_edges(self, m: Tensor) -> Tensor:
        return torch.matmul(self.axes, m.flatten(2)).view_as(m)
