"""How skyrmions are ordered: Voronoi neighbours, the hexatic order psi_6, and defects of coordination."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import QhullError, Voronoi

_FEWEST = 4  # points that a Voronoi diagram is made of
_NO_SIDE = 1e-6  # of the mean side: four cells that meet in a point share none


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The Voronoi neighbours of n points.

    ``pairs`` (m, 2) are numbers of points whose cells share a side, ``sides`` (m,) its length, infinite where a cell
    has no end; ``whole`` (n,) tells the points whose cell no unseen point beyond the film's edge could cut: those of
    the others are not all known.
    """

    pairs: NDArray[np.int64]
    sides: NDArray[np.float64]
    whole: NDArray[np.bool_]

    @property
    def coordination(self) -> NDArray[np.int64]:
        """How many neighbours each point has, (n,)."""
        return np.bincount(self.pairs.ravel(), minlength=len(self.whole))


def voronoi_neighbours(
    points: NDArray[np.float64], film: NDArray[np.bool_], pixel: tuple[float, float] = (1.0, 1.0)
) -> Neighbours:
    """Find the neighbours of points (n, 2), y and x in the unit of ``pixel`` (dy, dx), on a film (ny, nx).

    Pixel (0, 0) has its middle at the origin.
    """
    alone = Neighbours(np.zeros((0, 2), np.int64), np.zeros(0), np.zeros(len(points), bool))
    if len(points) < _FEWEST:
        return alone
    try:
        diagram = Voronoi(points)
    except QhullError:  # all on one line
        return alone
    room = distance_transform_edt(np.pad(film, 1), sampling=pixel)
    row, column = (np.round(diagram.vertices / pixel) + 1).clip(0, np.subtract(room.shape, 1)).astype(int).T
    regions = [diagram.regions[region] for region in diagram.point_region]
    lengths = np.array([len(corners) for corners in regions])
    owner, corner = np.repeat(np.arange(len(points)), lengths), np.array(list(chain.from_iterable(regions)))
    away = np.linalg.norm(diagram.vertices[corner] - points[owner], axis=1)
    cut = (corner < 0) | (away > room[row[corner], column[corner]])
    whole = (lengths > 0) & (np.bincount(owner, cut, minlength=len(points)) == 0)
    ends = np.array(diagram.ridge_vertices)
    sides = np.linalg.norm(diagram.vertices[ends[:, 0]] - diagram.vertices[ends[:, 1]], axis=1)
    sides[(ends < 0).any(axis=1)] = np.inf
    finite = sides[np.isfinite(sides)]
    real = sides > _NO_SIDE * (finite.mean() if finite.size else 1.0)
    return Neighbours(diagram.ridge_points[real].astype(np.int64), sides[real], whole)


def hexatic_order(points: NDArray[np.float64], neighbours: Neighbours) -> NDArray[np.complex128]:
    """Return psi_6 of every point, (n,): 1 in size in a triangular lattice, its phase six times the lattice's angle.

    NaN where the cell is not whole. Angles are counted with y up, as on the screen.

    Notes
    -----
    Each neighbour counts by the side that the two cells share (Mickel et al., J. Chem. Phys. 138, 044501 (2013)): so
    psi_6 is 0 in a square lattice, and does not jump when a neighbour is won or lost.
    """
    finite = np.isfinite(neighbours.sides)
    (first, second), side = neighbours.pairs[finite].T, neighbours.sides[finite]
    up, right = -(points[second, 0] - points[first, 0]), points[second, 1] - points[first, 1]
    turned = side * np.exp(6j * np.arctan2(up, right))  # from the other end it is the same: 6 half turns
    total, weight = np.zeros(len(points), np.complex128), np.zeros(len(points))
    for ends in (first, second):
        np.add.at(total, ends, turned)
        np.add.at(weight, ends, side)
    psi = np.full(len(points), np.nan + 0j)
    told = neighbours.whole & (weight > 0)
    psi[told] = total[told] / weight[told]
    return psi
