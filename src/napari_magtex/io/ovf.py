"""OVF files of OOMMF, MuMax3, Spirit and Ubermag: fields on a mesh, and the textures they stand for."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from napari_magtex.errors import UnreadableFile, Unsuitable
from napari_magtex.files import checked_file
from napari_magtex.io.ovf_data import CUT, read_data, read_text, skip_data
from napari_magtex.io.ovf_header import LONGEST_LINE, Header, Magic, entry_of, marker_of, read_header, read_magic
from napari_magtex.io.ovf_mesh import onto_grid
from napari_magtex.io.ovf_write import write_ovf as write_ovf
from napari_magtex.texture import Lattice, SpinTexture

SMALLEST_SATURATION = 100.0  # A/m: shorter vectors are directions, whatever unit the header names
FIELD = re.compile(r"(^|\s|_)field(\s|_|$)")  # Oxs_Demag::Field is in A/m too, and no magnetisation
TRIANGULAR = re.compile(r"\btriangular lattice\b(?! of)|\bhex2d\b")  # of sites, not of skyrmions


@dataclass(frozen=True, eq=False)
class OvfSegment:
    """One field of an OVF file.

    Parameters
    ----------
    values
        (nz, ny, nx, valuedim), multiplied with the file's multiplier; row 0 is the top (largest y), layer 0 the bottom.
        Of points on no grid (1, 1, n, valuedim).
    cell
        (dz, dy, dx) in metres; None where the file does not tell. One layer without a thickness takes that of its
        shorter side, and ``meta["thickness_known"]`` says so.
    lattice
        Square, unless the file or the caller calls it triangular.
    title, units, labels
        What the header says.
    meta
        The rest of the header.
    points
        Places (n, 3) as x, y, z in the mesh's own unit, of points that lie on no grid; else None.
    """

    values: NDArray[np.float32]
    cell: tuple[float, float, float] | None
    lattice: Lattice
    title: str
    units: tuple[str, ...]
    labels: tuple[str, ...]
    meta: Mapping[str, Any] = field(default_factory=dict)
    points: NDArray[np.float64] | None = None

    @property
    def value_dim(self) -> int:
        """Components of one value."""
        return int(self.values.shape[3])

    @property
    def is_vectors(self) -> bool:
        """Whether it can be a texture: three components on a grid."""
        return self.value_dim == 3 and self.points is None

    @property
    def saturation(self) -> float | None:
        """Saturation magnetisation in A/m: the usual length of the vectors, where they are a magnetisation."""
        names = " ".join((self.title.rpartition("::")[2], *self.labels)).lower()
        if self.value_dim != 3 or set(self.units) != {"A/m"} or FIELD.search(names):
            return None
        length = np.linalg.norm(self.values.astype(np.float64), axis=-1)
        length = length[np.isfinite(length) & (length > 0)]
        usual = float(np.median(length)) if length.size else 0.0
        return usual if usual >= SMALLEST_SATURATION else None

    def texture(self) -> SpinTexture:
        """Return the directions of the vectors.

        Raises
        ------
        Unsuitable
            The values have not three components, or lie on no grid.
        BadTexture
            Some are not finite, or all are zero.
        """
        if self.points is not None:
            raise Unsuitable(f"the {len(self.points):,} points of this OVF lie on no regular grid: resample them first")
        if self.value_dim != 3:
            named = f" ({', '.join(self.labels)})" if self.labels else ""
            raise Unsuitable(f"this OVF holds {self.value_dim} numbers a cell{named}: spins have three components")
        return SpinTexture(self.values, self.cell, self.saturation, self.lattice, self.meta)


def read_ovf(path: str | Path, *, lattice: Lattice | str | None = None) -> list[OvfSegment]:
    """Read all segments of an OVF file; a file of many is better taken one by one, from `open_ovf`."""
    return list(open_ovf(path, lattice=lattice))


def open_ovf(path: str | Path, *, lattice: Lattice | str | None = None) -> Sequence[OvfSegment]:
    """Open an OVF file of version 0.99, 1.0 or 2.0; also the bare lists of points of its elders.

    Parameters
    ----------
    path
        The file.
    lattice
        What the lattice is; None: triangular where a comment says so, else square, as a header cannot tell.

    Returns
    -------
    One segment or more. Each is read when it is asked for and not kept, so that a file may be longer than the memory
    holds; here the file is passed over once, to see where they begin.

    Raises
    ------
    UnreadableFile
        The file is cut short, damaged, contradicts itself, or is no OVF; what is wrong with the numbers of a segment
        is told when it is asked for.
    """
    path = checked_file(path)
    given = None if lattice is None else Lattice(lattice)
    with path.open("rb") as stream:
        magic = read_magic(stream)
        starts = _starts(stream, magic) if magic.has_header else [stream.tell()]
    return _Segments(path, magic, starts, given)


@dataclass(frozen=True, eq=False)
class _Segments(Sequence[OvfSegment]):
    """The segments that begin at these bytes of a file."""

    path: Path
    magic: Magic
    starts: list[int]
    lattice: Lattice | None

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: Any) -> Any:
        number = range(len(self))[index]
        if isinstance(number, range):
            return [self[i] for i in number]
        with checked_file(self.path).open("rb") as stream:
            stream.seek(self.starts[number])
            if not self.magic.has_header:
                return _segment(Header(self.magic, {}, (), 1), read_text(stream, None, 1), self.lattice)
            header = read_header(stream, self.magic, number + 1)
            return _segment(header, read_data(stream, header, *_table_of(header)), self.lattice)


def _starts(stream: BinaryIO, magic: Magic) -> list[int]:
    """Return where the header of each segment begins."""
    starts: list[int] = []
    promised = 1
    while line := stream.readline(LONGEST_LINE):
        entry = entry_of(line)
        if entry and entry[0] == "segmentcount" and entry[1].isdigit():
            promised = int(entry[1])
        elif marker_of(line) == "begin segment":
            starts.append(stream.tell())
            header = read_header(stream, magic, len(starts))
            skip_data(stream, header, math.prod(_table_of(header)))
    if len(starts) < max(promised, 1):
        raise UnreadableFile(f"the OVF promises {promised} segments and holds {len(starts)}: {CUT}")
    return starts


def _table_of(header: Header) -> tuple[int, int]:
    """Return how many rows and columns of numbers follow a header: the places of points stand before their values."""
    if header.is_irregular:
        return header.point_count, 3 + header.value_dim
    return math.prod(header.nodes), header.value_dim


def _segment(header: Header, data: NDArray[Any], lattice: Lattice | None) -> OvfSegment:
    """Put the numbers in place: grid, orientation, multiplier, lengths in metres."""
    points = None
    steps = header.steps
    if header.is_irregular:
        data = data.reshape(-1, data.shape[1] if data.ndim == 2 else _columns_of_six(data.size))
        gridded = onto_grid(data[:, :3], data[:, 3:], steps)
        if gridded is None:
            points, steps, data = data[:, :3].astype(np.float64), (0.0, 0.0, 0.0), data[None, None, :, 3:]
        else:
            data, steps = gridded
    else:
        data = data.reshape(*header.nodes, header.value_dim)
    values = np.ascontiguousarray(data[:, ::-1] * header.multiplier, dtype=np.float32)
    cell, thickness_known = _cell(steps, header.mesh_unit, values.shape[0])
    meta = {
        "format": f"OVF {header.magic.version}",
        "title": header.entries.get("title", ""),
        "description": list(header.description),
        "labels": list(header.labels),
        "units": list(header.units),
        "mesh_unit": header.entries.get("meshunit", ""),
        "mesh_steps": list(steps),
        "thickness_known": thickness_known,
        "segment": header.segment,
    }
    return OvfSegment(
        values, cell, lattice or _lattice_of(header), str(meta["title"]), header.units, header.labels, meta, points
    )


def _columns_of_six(size: int) -> int:
    if size == 0 or size % 6:
        raise UnreadableFile(f"a list of points has six numbers a line, x y z and the vector: {size:,} is no multiple")
    return 6


def _cell(
    steps: tuple[float, float, float], unit: float | None, layers: int
) -> tuple[tuple[float, float, float] | None, bool]:
    """Return the cell in metres, and whether its thickness is known."""
    dz, dy, dx = steps
    if unit is None or dy <= 0 or dx <= 0 or (dz <= 0 and layers > 1):
        return None, False
    thickness = dz if dz > 0 else min(dy, dx)
    return (thickness * unit, dy * unit, dx * unit), dz > 0


def _lattice_of(header: Header) -> Lattice:
    said = " ".join((header.entries.get("title", ""), *header.description)).lower()
    return Lattice.TRIANGULAR if TRIANGULAR.search(said) else Lattice.SQUARE
