"""Heisenberg exchange: ``E = -sum_<ij> J S_i.S_j``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from napari_magtex.physics.batched import precise
from napari_magtex.physics.bonds import Bond, neighbours
from napari_magtex.physics.terms.bond_terms import BondTerm
from napari_magtex.physics.terms.term import total


class Exchange(BondTerm):
    """Exchange of any sign along bonds.

    Parameters
    ----------
    from_aligned
        Whether the energy counts from that of aligned spins, as a film's does, ``sum J |S_i - S_j|^2 / 2``; a lattice's
        counts from that of spins at right angles.
    """

    name: ClassVar[str] = "exchange"

    def __init__(self, bonds: Sequence[Bond], J: Tensor, *, periodic: bool, from_aligned: bool = False) -> None:
        super().__init__(bonds, J, periodic=periodic)
        self._from_aligned = from_aligned

    def add_bond(self, field: Tensor, bond: Bond, ahead: Tensor, behind: Tensor) -> None:
        """Add J (ahead + behind)."""
        field.addcmul_(self.of(bond)[:, None], ahead + behind)

    def energy(self, m: Tensor) -> Tensor:
        """Return the energy; from aligned spins by differences, which keep their digits where m varies slowly."""
        if not self._from_aligned:
            return super().energy(m)
        energy = torch.zeros(len(m), dtype=precise(m.device), device=m.device)
        for bond in filter(self.acts_on, self.bonds):
            ahead = neighbours(m, bond.up, bond.right, periodic=self.periodic)
            both = (ahead.square().sum(dim=1, keepdim=True) * m.square().sum(dim=1, keepdim=True)) > 0
            energy += 0.5 * self.of(bond)[:, 0, 0] * total((ahead - m).mul_(both).square_())
        return energy
