"""Dzyaloshinskii-Moriya interaction: ``E = -sum_<ij> D_ij.(S_i x S_j)``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from napari_magtex.errors import BadExperiment
from napari_magtex.physics.bonds import Bond
from napari_magtex.physics.terms.bond_terms import BondTerm

DMI_KINDS = ("bulk", "interfacial")


class DMI(BondTerm):
    """DMI with ``D_ij = D r_ij`` (bulk) or ``D r_ij x z`` (interfacial), r_ij the unit vector of the bond.

    Positive D is the positive D of the micromagnetic energies ``D m.curl m`` and ``D [m_z div m - (m.grad) m_z]``.
    """

    name: ClassVar[str] = "dmi"

    def __init__(self, bonds: Sequence[Bond], D: Tensor, kind: str, *, periodic: bool) -> None:
        if kind not in DMI_KINDS:
            raise BadExperiment(f"the DMI is {' or '.join(DMI_KINDS)}, not {kind!r}")
        super().__init__(bonds, D, periodic=periodic)
        self.kind = kind

    def add_bond(self, field: Tensor, bond: Bond, ahead: Tensor, behind: Tensor) -> None:
        """Add (ahead - behind) x D_ij."""
        D = self.of(bond)
        unit_x, unit_y = (bond.x, bond.y) if self.kind == "bulk" else (bond.y, -bond.x)
        z = ahead[:, 2] - behind[:, 2]
        if unit_y:
            field[:, 0].addcmul_(D, z, value=-unit_y)
            field[:, 2].addcmul_(D, ahead[:, 0] - behind[:, 0], value=unit_y)
        if unit_x:
            field[:, 1].addcmul_(D, z, value=unit_x)
            field[:, 2].addcmul_(D, ahead[:, 1] - behind[:, 1], value=-unit_x)


class InterfacialDMI(DMI):
    """Interfacial DMI beside a bulk one, told apart from it."""

    name: ClassVar[str] = "interfacial_dmi"

    def __init__(self, bonds: Sequence[Bond], D: Tensor, *, periodic: bool) -> None:
        super().__init__(bonds, D, "interfacial", periodic=periodic)
