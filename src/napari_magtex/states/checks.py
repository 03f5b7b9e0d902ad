"""Which of the nine states a texture is, by its physics: local order, topological charge, shape of reversed regions."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.measure import label, regionprops

from napari_magtex.physics.orders import ORDERED, bond_correlations, unstaggered
from napari_magtex.physics.topology import charge_density
from napari_magtex.states.definitions import State
from napari_magtex.texture import Lattice

_ROWS = 0.7  # the same along every bond of a row-wise antiferromagnet whose rows run one way
_TRIANGLE = 0.35  # mean |S1 + S2 + S3| of a 120-degree state: 0 when perfect, 1 when collinear
_UNIFORM = 0.9  # length of the mean order parameter of a uniform state
_BACKGROUND = 0.2  # ... above which it tells the background of a skyrmion state
_ROUND = 2.0  # longest over shortest axis of a compact core
_CORES = 0.85  # share of the reversed area in cores that makes skyrmions
_FEW_ROUND = 0.17  # ... in round regions that stripes may have among them: a quench leaves some bubbles
_CORE_CHARGE = (0.3, 0.7)  # |charge| within the reversed half of a skyrmion, 1/2 when perfect

_TEXTURED = {
    False: (State.FM, State.FM_STRIPES, State.FM_SKYRMIONS, State.FM_IN_PLANE_SKYRMIONS),
    True: (State.AFM, State.AFM_STRIPES, State.AFM_SKYRMIONS, State.AFM_IN_PLANE_SKYRMIONS),
}


def identify(m: NDArray[np.float32], lattice: Lattice = Lattice.SQUARE, *, periodic: bool = True) -> State | None:
    """Name the state of one layer of spins.

    Parameters
    ----------
    m
        Unit spins (ny, nx, 3), row 0 at the top.

    Returns
    -------
    State or None
        None where the texture is mixed of several, or none of them.
    """
    spins = torch.from_numpy(np.moveaxis(m, -1, 0).copy())[None]
    along = bond_correlations(spins, lattice=lattice, periodic=False)[0]
    if along.mean() > ORDERED:
        return _texture_of(m, lattice, False, periodic)
    if lattice is Lattice.TRIANGULAR and _triangle_sum(m) < _TRIANGLE:
        return State.NEEL_120
    order = unstaggered(spins, lattice=lattice)
    along = bond_correlations(order, lattice=lattice, periodic=False)[0]
    if along.min() < (ORDERED if lattice is Lattice.SQUARE else _ROWS):
        return None
    return _texture_of(np.moveaxis(order[0].numpy(), 0, -1), lattice, True, periodic)


def compact_cores(
    n: NDArray[np.float32], background: NDArray[np.float32], lattice: Lattice = Lattice.SQUARE, *, periodic: bool = True
) -> tuple[float, float, float]:
    """Measure the regions where an order parameter (ny, nx, 3) is reversed against the direction of a background.

    Returns
    -------
    fraction of the area that is reversed, share of it in round regions with a charge near 1/2, and in any round ones
    """
    reversed_ = n @ background < 0
    if not reversed_.any():
        return 0.0, 0.0, 0.0
    spins = torch.from_numpy(np.moveaxis(n, -1, 0)[None].copy())
    charge = charge_density(spins, lattice=lattice, periodic=periodic)[0].numpy()
    ny, nx = reversed_.shape
    if periodic:  # a region cut by the edge is whole somewhere in the doubled picture
        reversed_, charge = np.tile(reversed_, (2, 2)), np.tile(charge, (2, 2))
    cores, rounds = 0.0, 0.0
    for region in regionprops(label(reversed_, connectivity=1)):
        y0, x0, y1, x1 = region.bbox
        touches = y0 == 0 or x0 == 0 or y1 == reversed_.shape[0] or x1 == reversed_.shape[1]
        copy = periodic and not (ny / 2 <= region.centroid[0] < 1.5 * ny and nx / 2 <= region.centroid[1] < 1.5 * nx)
        if touches or copy or region.area < 4:
            continue
        if _elongation(region.coords, lattice) > _ROUND:
            continue
        rounds += region.area
        if _CORE_CHARGE[0] < abs(charge[tuple(region.coords.T)].sum()) < _CORE_CHARGE[1]:
            cores += region.area
    total = float(reversed_.sum()) / (4 if periodic else 1)
    return total / (ny * nx), cores / total, rounds / total


def _elongation(sites: NDArray[np.int64], lattice: Lattice) -> float:
    """Longest over shortest axis of the ellipse with the second moments of some sites (n, 2), rows and columns."""
    rows, columns = sites.T.astype(float)
    x, y = (columns - rows / 2, rows * np.sqrt(3) / 2) if lattice is Lattice.TRIANGULAR else (columns, rows)
    shortest, longest = np.linalg.eigvalsh(np.cov(x, y, bias=True))
    cell = 1 / 12  # a site is not a point
    return float(np.sqrt((longest + cell) / (shortest + cell)))


def _texture_of(n: NDArray[np.float32], lattice: Lattice, antiferromagnetic: bool, periodic: bool) -> State | None:
    uniform, stripes, skyrmions, in_plane = _TEXTURED[antiferromagnetic]
    mean = n.mean(axis=(0, 1))
    strength = float(np.linalg.norm(mean))
    background = mean / strength if strength > _BACKGROUND else np.array([0, 0, 1], np.float32)
    fraction, cores, rounds = compact_cores(n, background, lattice, periodic=periodic)
    if strength > _UNIFORM and fraction == 0:
        return uniform
    if cores > _CORES and strength > _BACKGROUND:
        tilt = abs(mean[2]) / strength
        return skyrmions if tilt > 0.8 else in_plane if tilt < 0.4 else None
    if fraction > 0.2 and strength < 0.5:
        others = compact_cores(n, -background, lattice, periodic=periodic)[2]  # of stripes none is the background
        return stripes if max(rounds, others) < _FEW_ROUND else None
    return None


def _triangle_sum(m: NDArray[np.float32]) -> float:
    """Mean |S1 + S2 + S3| over the triangles of a site, its right and its upper neighbour."""
    total = m + np.roll(m, -1, axis=1) + np.roll(m, 1, axis=0)
    return float(np.linalg.norm(total, axis=-1)[1:-1, 1:-1].mean())
