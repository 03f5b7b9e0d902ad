"""Virials: what thermal equilibrium says of the constants of a film, scale by scale, from the spins of one picture.

In equilibrium every field v of small turns of the spins obeys ``<v.F> + kT <div v> = 0``, where ``F = -dE/dm`` is the
force on the spins (Yvon's theorem; at T = 0 it is the balance of torques). E is linear in A, D, Di, Ku, Ms^2 and Ms, so
each field gives an equation that is linear in them and in kT, and a picture of many spins gives the averages. The
fields are the forces of each term themselves, smoothed over a scale: short scales weigh the heat against exchange, long
ones the texture's own torques against the applied field, from which rounded colours and heat have averaged out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, prod

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.constants import Boltzmann
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from napari_magtex.compute import Progress
from napari_magtex.physics.film import Film

SCALES = (0.0, 1.0, 0.3, 0.1, 0.03, 0.01)  # c of the smoothing (1 + k^2 / c)^-2, k^2 in cells^-2; 0 does not smooth
TERMS = {"A": "exchange", "D": "dmi", "Di": "interfacial_dmi", "Ku": "anisotropy", "Ms2": "demag", "Ms": "zeeman"}
UNITS = {"A": 1e-11, "D": 1e-3, "Di": 1e-3, "Ku": 1e4, "Ms2": 5e5**2, "Ms": 5e5, "T": 100.0}  # of the columns, in SI
HEAT_UNIT = UNITS["T"] * Boltzmann  # J: the last column is kT in that of 100 K
_RIM, _BEYOND = 8, 16  # cells: over which a region's weight rises from its edge, and that stand in for what is beyond
_BLOCK = 256  # cells along a side: larger regions are taken in pieces


@dataclass(frozen=True)
class Mesh:
    """What the forces of a film depend on but for its spins and constants: cell in metres, field in tesla."""

    cell: tuple[float, float, float]
    dmi: str
    field_T: tuple[float, float, float]
    easy_axis: tuple[float, float, float] = (0.0, 0.0, 1.0)
    names: tuple[str, ...] = ("A", "D", "Ms2", "Ms")


def virials(m: NDArray[np.float32], weight: NDArray[np.floating], mesh: Mesh, tiles: int = 1) -> NDArray[np.float64]:
    """Return the coefficients of the equations that the constants obey.

    Parameters
    ----------
    m
        Unit spins (3, ny, nx) on the mesh, which closes on itself.
    weight
        (ny, nx), 0 to 1: how much a spin may turn. It falls to 0 where neighbours are not known.
    tiles
        Along each axis: the picture is cut into so many, whose sums tell how much is chance.

    Returns
    -------
    (tiles^2, scales x terms, terms + 1) in double precision: a row an equation, ``row @ [constants, kT] = 0`` on
    average, in `UNITS`.
    """
    spins = torch.as_tensor(np.asarray(m, np.float64))[None]
    chi = torch.as_tensor(np.asarray(weight, np.float64))
    kernels = _kernels(mesh, (m.shape[1], m.shape[2]))
    forces = {name: kernels.force(name, spins) for name in mesh.names}
    turning = {name: _transverse(spins, force) for name, force in forces.items()}
    against = torch.stack([turning[name] for name in mesh.names])[:, 0]
    tensors = _Tensors(spins[0], chi)
    rows = []
    for scale in range(len(SCALES)):
        for name in mesh.names:
            smooth = kernels.smoothed(chi * turning[name], scale) * chi
            work = (_transverse(spins, smooth)[0] * against).sum(1)
            heat = -2 * (spins * smooth).sum(1)[0]
            heat = heat - 2 * kernels.at_zero(scale) * chi**2 * (spins * forces[name]).sum(1)[0]
            if name != "Ms":
                heat = heat + tensors.traced(kernels.pairs(name, scale))
            rows.append(torch.cat([work, heat[None]]))
    return _sums(torch.stack(rows), tiles).numpy()


@dataclass(frozen=True, eq=False)
class Equations:
    """Those of a region, (scales x terms, terms + 1), and the number of ``cells`` that they are the sum over."""

    rows: NDArray[np.float64]
    cells: float


def region_virials(m: NDArray[np.float32], inside: NDArray[np.bool_], mesh: Mesh) -> Iterator[Progress | Equations]:
    """Find the equations of a region (ny, nx) of a film m (3, ny, nx) of which nothing is known beyond.

    Neighbours of the region's edge are not seen, so the weight of its spins rises from there; the stray field from
    beyond is that of the mean magnetisation.

    Yields
    ------
    Progress, block by block, and last the `Equations`.
    """
    mean = m[:, inside].mean(axis=1, dtype=np.float64).astype(np.float32)
    known = np.where(inside, m, mean[:, None, None])
    blocks = list(itertools.product(*(_cuts(n) for n in inside.shape)))
    rows, cells = np.zeros((len(SCALES) * len(mesh.names), len(mesh.names) + 1)), 0.0
    for done, (ys, xs) in enumerate(blocks):
        yield Progress(done, len(blocks), "balancing torques")
        around = ((_BEYOND, _BEYOND), (_BEYOND, _BEYOND))
        depth = distance_transform_edt(np.pad(inside[ys, xs], around))
        rise = np.clip((depth - 1) / _RIM, 0, 1)  # 0 in the outermost cells
        weight = rise * rise * (3 - 2 * rise)
        spins = np.stack([np.pad(k[ys, xs], around, constant_values=c) for k, c in zip(known, mean, strict=True)])
        rows += virials(spins, weight, mesh)[0]
        cells += float(np.square(weight).sum())
    yield Equations(rows, cells)


def _cuts(cells: int) -> list[slice]:
    """Cut an axis into blocks of about the same length."""
    edges = np.linspace(0, cells, ceil(cells / _BLOCK) + 1).round().astype(int)
    return [slice(start, stop) for start, stop in itertools.pairwise(edges.tolist())]


def _transverse(m: Tensor, vectors: Tensor) -> Tensor:
    """Take off the part along m, (batch, 3, ny, nx)."""
    return vectors - m * (m * vectors).sum(1, keepdim=True)


def _sums(values: Tensor, tiles: int) -> Tensor:
    """Sum (rows, columns, ny, nx) over the tiles of a picture, (tiles^2, rows, columns)."""
    rows = torch.stack([part.sum(2) for part in torch.tensor_split(values, tiles, dim=2)])
    parts = torch.stack([part.sum(3) for part in torch.tensor_split(rows, tiles, dim=3)])
    return parts.flatten(0, 1)


class _Kernels:
    """The terms of a film with unit constants: their forces, their couplings, and the smoothing of every scale."""

    def __init__(self, mesh: Mesh, shape: tuple[int, int]) -> None:
        unit = UNITS
        film = Film(shape, mesh.cell, unit["A"], unit["D"], unit["Ms"], unit["Ku"], field_T=mesh.field_T,
                    Di=unit["Di"] if "Di" in mesh.names else 0.0, easy_axis=mesh.easy_axis, dmi=mesh.dmi,
                    dtype=torch.float64)  # fmt: skip
        self._terms = {term.name: term for term in film.terms}
        self._moment = unit["Ms"] * prod(mesh.cell) / HEAT_UNIT  # a force is an energy: field times moment
        self._shape = shape
        ky, kx = np.fft.fftfreq(shape[0]), np.fft.rfftfreq(shape[1])
        k2 = torch.as_tensor((2 * np.sin(np.pi * ky))[:, None] ** 2 + (2 * np.sin(np.pi * kx)) ** 2)
        self._filters = [torch.ones_like(k2) if c == 0 else (1 + k2 / c) ** -2 for c in SCALES]
        self._pairs: dict[tuple[str, int], Tensor] = {}

    def force(self, name: str, m: Tensor) -> Tensor:
        """Return -dE/dm of a term, (1, 3, ny, nx)."""
        out = torch.zeros_like(m)
        self._terms[TERMS[name]].add_field(out, m)
        return out * self._moment

    def smoothed(self, vectors: Tensor, scale: int) -> Tensor:
        """Smooth (..., ny, nx) over a scale."""
        if SCALES[scale] == 0:
            return vectors
        return torch.fft.irfft2(torch.fft.rfft2(vectors) * self._filters[scale], s=self._shape)

    def at_zero(self, scale: int) -> Tensor:
        """Return the smoothing's own weight of a cell."""
        return self._impulse(scale)[0, 0]

    def pairs(self, name: str, scale: int) -> Tensor:
        """Return the spectrum (3, 3, ny, nx // 2 + 1) of couplings times smoothing: c of the force, d of the spin."""
        if (name, scale) not in self._pairs:
            columns = []
            for d in range(3):
                m = torch.zeros((1, 3, *self._shape), dtype=torch.float64)
                m[0, d, 0, 0] = 1
                columns.append(self.force(name, m)[0])
            self._pairs[name, scale] = torch.fft.rfft2(torch.stack(columns, dim=1) * self._impulse(scale))
        return self._pairs[name, scale]

    def _impulse(self, scale: int) -> Tensor:
        return torch.fft.irfft2(self._filters[scale].to(torch.complex128), s=self._shape)


@lru_cache(maxsize=2)
def _kernels(mesh: Mesh, shape: tuple[int, int]) -> _Kernels:
    """Return the kernels of a mesh, which are worth keeping from picture to picture."""
    return _Kernels(mesh, shape)


class _Tensors:
    """Products of components of weighted spins, (ny, nx) each, and their spectra."""

    def __init__(self, m: Tensor, chi: Tensor) -> None:
        self._m, self._chi = m, chi
        self._weight = torch.fft.rfft2(chi)
        self._squares = torch.fft.rfft2(chi * m[:, None] * m[None])

    def traced(self, pairs: Tensor) -> Tensor:
        """Return ``chi_i sum_j chi_j tr(P_i P_j H_ji)`` of every cell, P taking off the part along its spin."""
        m, back = self._m, pairs.conj()

        def real(spectrum: Tensor) -> Tensor:
            return torch.fft.irfft2(spectrum, s=m.shape[1:])

        # sums of planes: einsum would turn them into products of 3 x 3 matrices, cell by cell
        plain = real(back * self._weight)  # c, d
        both = real(torch.stack([(back[:, d] * self._squares).sum(1) for d in range(3)]))  # d, e
        result = plain[0, 0] + plain[1, 1] + plain[2, 2] - real((back * self._squares).sum((0, 1)))
        for d, e in itertools.product(range(3), repeat=2):
            result += (both[d, e] - plain[d, e]) * (m[d] * m[e])
        return self._chi * result
