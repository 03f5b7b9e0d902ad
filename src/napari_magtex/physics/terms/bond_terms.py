"""Terms between neighbours: all of them share one pass over the bonds."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from napari_magtex.physics.bonds import Bond, neighbours
from napari_magtex.physics.terms.term import Term, total


class BondTerm(Term):
    """A term of pairs of spins.

    Parameters
    ----------
    bonds
        Each bond once.
    strength
        (batch, bonds).
    periodic
        Whether the lattice closes on itself; else nothing lies beyond its edges.
    """

    def __init__(self, bonds: Sequence[Bond], strength: Tensor, *, periodic: bool) -> None:
        self.bonds, self.strength, self.periodic = tuple(bonds), strength, periodic
        acts = strength.ne(0).any(dim=0).tolist()
        self._column = {bond: column for column, bond in enumerate(self.bonds) if acts[column]}

    def closed(self) -> Self:
        """Return the same term on a lattice that closes on itself."""
        changed = copy.copy(self)
        changed.periodic = True
        return changed

    def acts_on(self, bond: Bond) -> bool:
        """Whether the bond has any strength in any system."""
        return bond in self._column

    def of(self, bond: Bond) -> Tensor:
        """Return the strength of a bond that the term acts on, (batch, 1, 1)."""
        return self.strength[:, self._column[bond], None, None]

    @property
    def stiffness(self) -> Tensor:
        """What all bonds can do together."""
        return coupling((self,))

    def add_field(self, field: Tensor, m: Tensor) -> None:
        """Add the field of the neighbours."""
        add_bond_fields(field, m, (self,))

    def energy(self, m: Tensor) -> Tensor:
        """Return the energy, every bond counted once."""
        field = torch.zeros_like(m)
        self.add_field(field, m)
        return -0.5 * total(field.mul_(m))

    @abstractmethod
    def add_bond(self, field: Tensor, bond: Bond, ahead: Tensor, behind: Tensor) -> None:
        """Add the field of the neighbours at both ends of a bond in place; each is (batch, 3, ny, nx)."""


def coupling(terms: Sequence[BondTerm]) -> Tensor:
    """Bound the Hessian's largest eigenvalue of several terms together, (batch,).

    A bond is a matrix of norm sqrt(J^2 + D^2), and counts four times: it holds both its ends and they follow it.
    """
    norm: dict[Bond, Tensor] = {}
    for term in terms:
        for column, bond in enumerate(term.bonds):
            norm[bond] = torch.hypot(norm.get(bond, torch.zeros_like(term.strength[:, 0])), term.strength[:, column])
    return 4 * torch.stack(list(norm.values())).sum(dim=0)


def add_bond_fields(field: Tensor, m: Tensor, terms: Sequence[BondTerm]) -> None:
    """Add the fields of several terms in place: a neighbour is fetched once for all of them."""
    periodic = {bond: term.periodic for term in terms for bond in term.bonds if term.acts_on(bond)}
    for bond, closes in periodic.items():
        ahead = neighbours(m, bond.up, bond.right, periodic=closes)
        behind = neighbours(m, -bond.up, -bond.right, periodic=closes)
        for term in terms:
            if term.acts_on(bond):
                term.add_bond(field, bond, ahead, behind)
