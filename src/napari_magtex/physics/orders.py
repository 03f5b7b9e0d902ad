"""Sublattice orders: how spins stand to their neighbours, and to the patterns of antiferromagnets.

A checkerboard is the antiferromagnet of the square lattice. The triangular one has the row-wise antiferromagnet, whose
spins are parallel along rows at 0, 60 or 120 degrees from x and turn over from row to row, and the 120-degree state
of three sublattices.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_magtex.physics.batched import precise
from napari_magtex.physics.bonds import neighbours, shells
from napari_magtex.texture import Lattice

ORDERED = 0.5  # mean dot product of neighbours that makes a ferromagnet or, turned over, an antiferromagnet


def bond_correlations(m: Tensor, *, lattice: Lattice = Lattice.SQUARE, periodic: bool = True) -> Tensor:
    """Return the mean dot product of nearest neighbours along each bond direction.

    Parameters
    ----------
    m
        Unit spins (batch, 3, ny, nx), row 0 at the top; bonds to empty sites do not count.

    Returns
    -------
    Tensor
        (batch, 2) along 0 and 90 degrees on the square lattice, (batch, 3) along 0, 60 and 120 degrees on the
        triangular one: 1 in a ferromagnet, -1 in a checkerboard, -1/2 in a 120-degree state.
    """
    means = []
    for bond in sorted(shells(lattice, 1)[0], key=lambda bond: -bond.x):
        other = neighbours(m, bond.up, bond.right, periodic=periodic)
        bonds = ((m != 0).any(dim=1) & (other != 0).any(dim=1)).sum(dim=(1, 2))
        means.append((m * other).sum(dim=(1, 2, 3), dtype=precise(m.device)) / bonds.clamp_min(1))
    return torch.stack(means, dim=1)


def unstaggered(m: Tensor, *, lattice: Lattice = Lattice.SQUARE) -> Tensor:
    """Turn the spins of one sublattice of a two-sublattice antiferromagnet over: the field of its order parameter.

    On the triangular lattice the rows run along the bonds whose spins are most parallel. That is told by neighbours,
    since the mean order of a texture may vanish.

    Parameters
    ----------
    m
        Unit spins (batch, 3, ny, nx).

    Returns
    -------
    Tensor
        (batch, 3, ny, nx); the sublattice of the top left site keeps its sign.
    """
    signs = _signs(m, lattice)
    if lattice is Lattice.SQUARE:
        return m * signs[0]
    rows = bond_correlations(m, lattice=lattice, periodic=False).argmax(dim=1)
    return m * signs[rows][:, None]


def slow_field(m: Tensor, *, lattice: Lattice = Lattice.SQUARE) -> Tensor:
    """Return the field that varies slowly from site to site: m, or `unstaggered` m where that is an antiferromagnet."""
    order = unstaggered(m, lattice=lattice)
    parallel = bond_correlations(order, lattice=lattice, periodic=False).mean(dim=1) > ORDERED
    return torch.where(parallel[:, None, None, None], order, m)


def order_parameters(m: Tensor, *, lattice: Lattice = Lattice.SQUARE) -> dict[str, Tensor]:
    """Return the long-range orders, each (batch,), from 0 to 1 in the perfect state.

    The length of the mean spin is ``ferromagnetic``; that of the mean spin times the signs of the sublattices is
    ``checkerboard`` or, by the direction of the rows, ``row_wise_0``, ``row_wise_60`` and ``row_wise_120``.
    ``three_sublattice`` is sqrt(2) times that of the Fourier component at the corner of the hexagonal zone.

    Parameters
    ----------
    m
        Unit spins (batch, 3, ny, nx); the mean is over sites that are not empty.
    """
    sites = (m != 0).any(dim=1).sum(dim=(1, 2)).clamp_min(1)

    def order(pattern: Tensor | float) -> Tensor:
        return (m * pattern).sum(dim=(2, 3), dtype=precise(m.device)).norm(dim=1) / sites

    names = ("checkerboard",) if lattice is Lattice.SQUARE else ("row_wise_0", "row_wise_60", "row_wise_120")
    orders = {"ferromagnetic": order(1.0)}
    orders |= {name: order(signs) for name, signs in zip(names, _signs(m, lattice), strict=True)}
    if lattice is Lattice.TRIANGULAR:
        phase = sublattice_angles((m.shape[-2], m.shape[-1])).to(m)
        orders["three_sublattice"] = math.sqrt(2) * torch.hypot(order(phase.cos()), order(phase.sin()))
    return orders


def vector_chirality(m: Tensor, *, periodic: bool = True) -> Tensor:
    """Return the mean vector chirality of a triangular lattice, (batch, 3).

    ``2 / (3 sqrt(3)) (S1 x S2 + S2 x S3 + S3 x S1)`` over the triangles of a site, its right and its upper neighbour,
    counter-clockwise: of length 1 in a 120-degree state, along +z where its spins turn counter-clockwise from site to
    site along +x, and 0 in any collinear state (Kawamura and Miyashita, J. Phys. Soc. Jpn. 53, 4138, 1984).

    Parameters
    ----------
    m
        Unit spins (batch, 3, ny, nx); the mean is over triangles without empty corners.
    """
    right, up = (neighbours(m, *corner, periodic=periodic) for corner in ((0, 1), (1, 0)))
    whole = (m != 0).any(dim=1) & (right != 0).any(dim=1) & (up != 0).any(dim=1)
    # S1 x S2 + S2 x S3 + S3 x S1 in one product
    chirality = torch.linalg.cross(right - m, up - m, dim=1) * whole[:, None]
    triangles = whole.sum(dim=(1, 2)).clamp_min(1)
    return 2 / (3 * math.sqrt(3)) * chirality.sum(dim=(2, 3), dtype=precise(m.device)) / triangles[:, None]


def sublattice_signs(shape: tuple[int, int], lattice: Lattice = Lattice.SQUARE) -> Tensor:
    """Return the signs of the two sublattices of every antiferromagnet, (patterns, ny, nx), + at the top left.

    The checkerboard of the square lattice; rows at 0, 60 and 120 degrees on the triangular one. A texture times a
    pattern is its antiferromagnetic twin.
    """
    rows, columns = _indices(shape)
    # a step along a bond at 120 degrees is one up and one left: it keeps row + column
    parities = [rows + columns] if lattice is Lattice.SQUARE else [rows, columns, rows + columns]
    return (1 - 2 * (torch.stack(parities) % 2)).float()


def sublattice_angles(shape: tuple[int, int]) -> Tensor:
    """Return the angles of the spins in a 120-degree state of the triangular lattice, (ny, nx) in radians."""
    rows, columns = _indices(shape)
    return 2 * math.pi / 3 * ((rows + columns) % 3)


def _indices(shape: tuple[int, int]) -> list[Tensor]:
    """Row from the top and column of every site, (ny, nx) each."""
    return list(torch.meshgrid(*(torch.arange(n) for n in shape), indexing="ij"))


def _signs(m: Tensor, lattice: Lattice) -> Tensor:
    return sublattice_signs((m.shape[-2], m.shape[-1]), lattice).to(m)
