"""Smoother: a preconditioner for relaxation, the inverse of what exchange makes stiff."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from napari_magtex.physics.batched import Batched
from napari_magtex.physics.terms.bond_terms import BondTerm
from napari_magtex.physics.terms.dmi import DMI

_SOFTEST_BOND = 1 / 40  # of the bonds' mean stiffness ...
_SOFTEST_SITE = 1 / 4  # ... and of that of all other terms: how stiff a long wave is taken to be


class Smoother(Batched):
    """Divides each Fourier component of a force by about its own stiffness, so that all of them relax in the same time.

    Short waves are stiff by exchange alone, ``max J(k) - J(k)``, and what is slow in a texture are its long waves: with
    smoothed forces the steps of a relaxation hardly grow with the number of sites to a turn (Packwood et al., J. Chem.
    Phys. 144, 164109, 2016, do this for atoms).

    Parameters
    ----------
    bonds
        Exchange and DMI.
    others
        Stiffness of all other terms together, (batch,).
    shape
        (ny, nx); it is treated as closed on itself, which a preconditioner may.
    """

    def __init__(self, bonds: Sequence[BondTerm], others: Tensor, shape: tuple[int, int]) -> None:
        ny, nx = shape
        ky = 2 * math.pi * torch.fft.fftfreq(ny, device=others.device, dtype=others.dtype)[:, None]
        kx = 2 * math.pi * torch.fft.rfftfreq(nx, device=others.device, dtype=others.dtype)
        exchange, chiral = (torch.zeros((len(others), ny, nx // 2 + 1)).to(others) for _ in range(2))
        for term in bonds:
            for bond in filter(term.acts_on, term.bonds):
                phase = bond.right * kx - bond.up * ky
                if isinstance(term, DMI):
                    chiral += 2 * term.of(bond).abs() * phase.sin().abs()
                else:
                    exchange -= 2 * term.of(bond) * phase.cos()
        exchange -= exchange.amin(dim=(1, 2), keepdim=True)
        others = others[:, None, None]
        softest = _SOFTEST_BOND * (exchange + chiral).mean(dim=(1, 2), keepdim=True) + _SOFTEST_SITE * others
        kernel = 1 / (exchange + softest).clamp_min(torch.finfo(others.dtype).tiny)
        self.stiffness = ((exchange + chiral + others) * kernel).amax(dim=(1, 2))
        self._kernel = kernel[:, None]

    def __call__(self, force: Tensor) -> Tensor:
        """Return the smoothed force, (batch, 3, ny, nx), in units of one over stiffness times force."""
        return torch.fft.irfft2(torch.fft.rfft2(force).mul_(self._kernel), s=force.shape[-2:])
