"""Bonds and stray field at once, as one product in the Fourier space that the stray field is computed in."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from napari_magtex.physics.batched import Batched
from napari_magtex.physics.demag import Demag
from napari_magtex.physics.terms.bond_terms import BondTerm, add_bond_fields
from napari_magtex.physics.terms.stray import StrayField


class Fused(Batched):
    """The field of exchange, DMI and stray field together, for little more than that of the stray field alone.

    All of them are linear in m and the same from every cell: their sum is a 3 x 3 matrix for each wave vector.
    Beyond an open edge m is zero, and bonds end there as they should. What the bonds do to a spin is asked of their
    terms, which remain the definition and have the energies: nothing of the physics stands here.
    """

    def __init__(self, bonds: Sequence[BondTerm], stray: StrayField) -> None:
        self._demag = stray.demag
        answer = _answer(bonds, self._demag)
        diagonal = [answer[:, i, i].real for i in range(3)]
        whole = torch.stack((*diagonal, torch.zeros_like(diagonal[0])), dim=1).to(stray.strength.dtype)
        whole += self._demag.tensor * stray.strength[:, None, None, None]
        # each number twice, for a real and an imaginary part; DMI couples z with x and y at a quarter of a wave
        self._even = whole.repeat_interleave(2, dim=-1)
        self._odd = torch.stack((answer[:, 0, 2], answer[:, 1, 2]), dim=1)
        self._has_odd = bool(self._odd.abs().max() > 0)

    def add_field(self, field: Tensor, m: Tensor) -> None:
        """Add the fields of all terms."""
        field += self._demag.through_spectrum(m, self._multiply)

    def _multiply(self, spectrum: Tensor, systems: slice, columns: slice) -> Tensor:
        """Return the field's spectrum, columns first."""
        field = torch.empty_like(spectrum)
        (px, py, pz), (hx, hy, hz) = (torch.view_as_real(s).flatten(-2).unbind(1) for s in (spectrum, field))
        xx, yy, zz, xy = self._even[systems, :, columns].unbind(1)
        torch.mul(px, xx, out=hx).addcmul_(py, xy)
        torch.mul(py, yy, out=hy).addcmul_(px, xy)
        torch.mul(pz, zz, out=hz)
        if self._has_odd:
            xz, yz = self._odd[systems, :, columns].unbind(1)
            x, y, z = spectrum.unbind(1)
            field[:, 0].addcmul_(z, xz)
            field[:, 1].addcmul_(z, yz)
            field[:, 2].addcmul_(x, xz, value=-1).addcmul_(y, yz, value=-1)
        return field


def _answer(bonds: Sequence[BondTerm], demag: Demag) -> Tensor:
    """Spectrum of the field that a lone spin along each axis exerts, (batch, field, spin, columns, rows)."""
    closed = [term.closed() for term in bonds]
    strength = bonds[0].strength
    answers = []
    for axis in range(3):
        lone = torch.zeros((len(strength), 3, *demag.domain), dtype=strength.dtype, device=strength.device)
        lone[:, axis, 0, 0] = 1
        field = torch.zeros_like(lone)
        add_bond_fields(field, lone, closed)
        answers.append(torch.fft.rfft2(field).mT)
    return torch.stack(answers, dim=2)
