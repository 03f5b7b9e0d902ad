"""SpinModel: a batch of systems of unit spins, as the sum of its terms."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Self, TypeVar

import torch
from torch import Tensor

from napari_magtex.physics.batched import Batched, batched, precise
from napari_magtex.physics.smoother import Smoother
from napari_magtex.physics.terms.bond_terms import BondTerm, add_bond_fields, coupling
from napari_magtex.physics.terms.fused import Fused
from napari_magtex.physics.terms.term import Term
from napari_magtex.physics.terms.zeeman import Zeeman

FieldTerm = TypeVar("FieldTerm", bound=Term | Fused)


class SpinModel(Batched):
    """Energy and effective field of a batch of systems that share the lattice and differ in their constants.

    Spins are m (batch, 3, ny, nx), row 0 at the top; m = 0 means no material.

    Parameters
    ----------
    terms
        In one unit of field; one of them is the `Zeeman` term.
    moment
        Energy of a site per unit of field, (batch,): A m^2 where the field is in tesla, 1 where it is an energy.
    acting
        Terms whose field is that of all ``terms`` in fewer operations; default the terms themselves.
    """

    def __init__(self, terms: Sequence[Term], moment: Tensor, acting: Sequence[Term | Fused] = ()) -> None:
        self.terms = tuple(terms)
        self._acting = tuple(acting) or self.terms
        self.moment = moment.to(self.device, precise(self.device))

    @property
    def batch(self) -> int:
        """How many systems there are."""
        return len(self.moment)

    @property
    def dtype(self) -> torch.dtype:
        """What is computed in: float32 or float64."""
        return self._zeeman.B.dtype

    @property
    def device(self) -> torch.device:
        """Where it is computed."""
        return self._zeeman.B.device

    @property
    def applied(self) -> Tensor:
        """The applied field (batch, 3)."""
        return self._zeeman.B

    @property
    def stiffness(self) -> Tensor:
        """Bound of the Hessian's largest eigenvalue, (batch,), in the field's unit: it sets a relaxation's step."""
        bonds, others = _apart(self.terms)
        bound = coupling(bonds)
        for term in others:
            bound = bound + term.stiffness
        return bound

    def smoother(self, shape: tuple[int, int]) -> Smoother:
        """Return the preconditioner for forces on (ny, nx) sites."""
        bonds, others = _apart(self.terms)
        return Smoother(bonds, torch.stack([term.stiffness for term in others]).sum(dim=0), shape)

    def field(self, m: Tensor) -> Tensor:
        """Return the effective field, -(dE/dm) / moment, (batch, 3, ny, nx)."""
        field = torch.zeros_like(m)
        bonds, others = _apart(self._acting)
        add_bond_fields(field, m, bonds)
        for term in others:
            term.add_field(field, m)
        return field

    def fields(self, m: Tensor) -> dict[str, Tensor]:
        """Return the effective field by term."""
        parts = {}
        for term in self.terms:
            parts[term.name] = torch.zeros_like(m)
            term.add_field(parts[term.name], m)
        return parts

    def energies(self, m: Tensor) -> dict[str, Tensor]:
        """Return the energy by term, (batch,) each, summed in float64."""
        return {term.name: term.energy(m) * self.moment for term in self.terms}

    def energy(self, m: Tensor) -> Tensor:
        """Return the energy of every system, (batch,), summed in float64."""
        return torch.stack(list(self.energies(m).values())).sum(dim=0)

    def in_field(self, B: Tensor | Sequence[float] | Sequence[Sequence[float]]) -> Self:
        """Return the same model in another applied field, (3,) or (batch, 3)."""
        zeeman = Zeeman(batched(B, self.batch, "the field", (3,)).to(self.device, self.dtype))
        changed = copy.copy(self)
        changed.terms = tuple(zeeman if isinstance(term, Zeeman) else term for term in self.terms)
        changed._acting = tuple(zeeman if isinstance(term, Zeeman) else term for term in self._acting)
        return changed

    @property
    def _zeeman(self) -> Zeeman:
        return next(term for term in self.terms if isinstance(term, Zeeman))


def _apart(terms: Sequence[FieldTerm]) -> tuple[list[BondTerm], list[FieldTerm]]:
    """Return the terms of pairs, and all others."""
    pairs: list[BondTerm] = [term for term in terms if isinstance(term, BondTerm)]
    return pairs, [term for term in terms if not isinstance(term, BondTerm)]
