"""What can be measured on textures of spins, as one row of numbers each."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from napari_magtex.physics.batched import precise
from napari_magtex.physics.orders import bond_correlations, order_parameters, slow_field, vector_chirality
from napari_magtex.physics.structure import dominant_period
from napari_magtex.physics.topology import staggered_charge, topological_charge
from napari_magtex.physics.walls import wall_length
from napari_magtex.texture import Lattice

OBSERVABLES = {
    "mean_x": "m_x, averaged over the sites that are not empty",
    "mean_y": "m_y, averaged likewise",
    "mean_z": "m_z, averaged likewise",
    "neighbour_correlation": "mean dot product of nearest neighbours",
    "ferromagnetic_order": "length of the mean spin",
    "checkerboard_order": "length of the mean spin with its sublattice's sign (square lattice)",
    "row_wise_0_order": "the same for rows at 0 degrees that alternate (triangular lattice)",
    "row_wise_60_order": "the same for rows at 60 degrees (triangular lattice)",
    "row_wise_120_order": "the same for rows at 120 degrees (triangular lattice)",
    "three_sublattice_order": "order of three sublattices, 1 in a 120-degree state (triangular lattice)",
    "chirality_x": "mean vector chirality of upward triangles, of length 1 in a 120-degree state (triangular lattice)",
    "chirality_y": "its y component (triangular lattice)",
    "chirality_z": "its z component (triangular lattice)",
    "charge": "topological charge of the spins; arbitrary in an antiferromagnet",
    "staggered_charge": "topological charge of an antiferromagnet's order; arbitrary where neighbours are parallel",
    "period": "wavelength at the strongest ring of the structure factor, in the cell's unit; NaN where none stands out",
    "wall_length": "length of the contour across the easy axis (m_z = 0), in the cell's unit",
}
"""Every observable in words. Period and walls are those of the order where the texture is an antiferromagnet."""


def observables(
    m: Tensor,
    *,
    lattice: Lattice = Lattice.SQUARE,
    periodic: bool = True,
    cell: tuple[float, float] = (1.0, 1.0),
    easy_axis: Sequence[float] = (0.0, 0.0, 1.0),
) -> dict[str, Tensor]:
    """Measure a batch of textures; the energies by term are those of the model.

    Parameters
    ----------
    m
        Unit spins (batch, 3, ny, nx), row 0 at the top, zero where there is no material.
    cell
        (dy, dx), or the lattice constant twice; default: lengths in sites.
    easy_axis
        (3,); walls are where spins stand across it.

    Returns
    -------
    dict
        By the names in `OBSERVABLES`, each (batch,), on the device of ``m`` and as `precise` as that is.
    """
    sites = (m != 0).any(dim=1).sum(dim=(1, 2)).clamp_min(1)
    row = _components("mean", m.sum(dim=(2, 3), dtype=precise(m.device)) / sites[:, None])
    row["neighbour_correlation"] = bond_correlations(m, lattice=lattice, periodic=periodic).mean(dim=1)
    row |= {f"{name}_order": order for name, order in order_parameters(m, lattice=lattice).items()}
    if lattice is Lattice.TRIANGULAR:
        row |= _components("chirality", vector_chirality(m, periodic=periodic))
    row["charge"] = topological_charge(m, lattice=lattice, periodic=periodic)
    row["staggered_charge"] = staggered_charge(m, lattice=lattice, periodic=periodic)
    slow = slow_field(m, lattice=lattice)
    row["period"] = dominant_period(slow, lattice=lattice, periodic=periodic, cell=cell)
    row["wall_length"] = wall_length(slow, easy_axis=easy_axis, lattice=lattice, periodic=periodic, cell=cell)
    return row


def _components(name: str, vectors: Tensor) -> dict[str, Tensor]:
    return {f"{name}_{axis}": vectors[:, i] for i, axis in enumerate("xyz")}
