"""SpinTexture: the vector field that everything speaks of."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_magtex.errors import MagtexError


class BadTexture(MagtexError):
    """The numbers given do not describe a spin texture."""


class Lattice(StrEnum):
    """How the sites of a layer sit: site (i, j) of a triangular one at x = (j + i/2) a, i counted upward."""

    SQUARE = "square"
    TRIANGULAR = "triangular"


@dataclass(frozen=True, eq=False)
class SpinTexture:
    """Directions of spins on a regular grid.

    Parameters
    ----------
    m
        Directions (nz, ny, nx, 3) as m_x, m_y, m_z: unit vectors, or 0 where there is no material. Vectors of any
        other length are normalised. Layer 0 is the bottom; row 0 is the top (largest y), and m_y > 0 points up.
    cell
        Cell size (dz, dy, dx) in metres; None where it is unknown.
    saturation
        Saturation magnetisation in A/m; None where it is unknown.
    lattice
        Square or triangular.
    meta
        What the source said: header entries, field, program.

    Raises
    ------
    BadTexture
        The shape is not (nz, ny, nx, 3), a component is not finite, nothing is magnetic, a cell size is not positive.
    """

    m: NDArray[np.float32]
    cell: tuple[float, float, float] | None = None
    saturation: float | None = None
    lattice: Lattice = Lattice.SQUARE
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        m = np.asarray(self.m)
        if m.ndim != 4 or m.shape[3] != 3 or 0 in m.shape:
            raise BadTexture(f"a texture has the shape (nz, ny, nx, 3), not {m.shape}")
        if np.iscomplexobj(m):
            raise BadTexture("spin components are real numbers, these are complex")
        m = m.astype(np.float64)
        if not np.isfinite(m).all():
            raise BadTexture(f"{int((~np.isfinite(m).all(axis=-1)).sum())} of {m[..., 0].size} spins are not finite")
        length = np.linalg.norm(m, axis=-1, keepdims=True)
        if not length.any():
            raise BadTexture("every spin has length zero: there is no magnetic material in this texture")
        unit = np.divide(m, length, out=np.zeros_like(m), where=length > 0).astype(np.float32)
        unit.flags.writeable = False
        object.__setattr__(self, "m", unit)
        object.__setattr__(self, "lattice", Lattice(self.lattice))
        if self.cell is not None:
            cell = tuple(float(d) for d in self.cell)
            if len(cell) != 3 or not all(np.isfinite(d) and d > 0 for d in cell):
                raise BadTexture(f"cell sizes (dz, dy, dx) must be positive metres, not {cell}")
            object.__setattr__(self, "cell", cell)
        if self.saturation is not None and not (np.isfinite(self.saturation) and self.saturation > 0):
            raise BadTexture(f"the saturation magnetisation must be positive, not {self.saturation} A/m")

    @classmethod
    def from_layer(cls, m: ArrayLike, **kwargs: Any) -> SpinTexture:
        """Make a texture of one layer from directions (ny, nx, 3)."""
        return cls(np.asarray(m)[None], **kwargs)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of cells (nz, ny, nx)."""
        nz, ny, nx, _ = self.m.shape
        return nz, ny, nx

    @property
    def material(self) -> NDArray[np.bool_]:
        """Where there is material, (nz, ny, nx)."""
        return np.any(self.m != 0, axis=-1)

    @property
    def knows_thickness(self) -> bool:
        """Whether the height of a cell is the film's, and not made up where the file was read."""
        return self.cell is not None and bool(self.meta.get("thickness_known", True))

    @property
    def sha256(self) -> str:
        """Hash of the directions."""
        return hashlib.sha256(np.ascontiguousarray(self.m).tobytes()).hexdigest()

    def layer(self, index: int) -> SpinTexture:
        """Return one layer as a texture of its own."""
        return replace(self, m=self.m[index][None])

    def middle(self) -> SpinTexture:
        """Return the middle layer, which speaks for a thick film."""
        return self.layer(self.shape[0] // 2)
