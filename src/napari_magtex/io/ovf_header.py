"""The words of an OVF file: its first line, its markers, the header of a segment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from napari_magtex.errors import UnreadableFile
from napari_magtex.io.lengths import metres

LONGEST_LINE = 1 << 16  # bytes: binary data mistaken for a line must not be read whole
MAGIC = re.compile(r"#\s*OOMMF\s*:?\s*(?:(rectangular|irregular)\s+mesh|OVF)\s+v?(\d+\.\d+)\s*$", re.IGNORECASE)
OLD_VECTOR_FILE = re.compile(r"#\s*SVF-(\d+)", re.IGNORECASE)
TCL_WORD = re.compile(r"\{([^}]*)\}|(\S+)")


@dataclass(frozen=True)
class Magic:
    """What the first line says: the version, and before 2.0 the kind of mesh."""

    version: str
    mesh: str | None

    @property
    def has_header(self) -> bool:
        """Whether headers follow; the oldest files are bare lists of points."""
        return self.version not in ("0.0", "svf")


@dataclass(frozen=True)
class Header:
    """Entries of one segment's header: keys in lower case without blanks; the lines of ``Desc`` apart."""

    magic: Magic
    entries: Mapping[str, str]
    description: tuple[str, ...]
    segment: int

    @property
    def is_irregular(self) -> bool:
        """Whether the cells are points, each with its place written beside it."""
        mesh = self.entries.get("meshtype", self.magic.mesh or "rectangular").lower()
        if mesh not in ("rectangular", "irregular"):
            raise self.error(f"has a mesh of type {mesh!r}: OVF knows rectangular and irregular")
        return mesh == "irregular"

    @property
    def nodes(self) -> tuple[int, int, int]:
        """Number of cells (nz, ny, nx) of a rectangular mesh."""
        return self._count("znodes"), self._count("ynodes"), self._count("xnodes")

    @property
    def point_count(self) -> int:
        """Number of points of an irregular mesh."""
        return self._count("pointcount")

    @property
    def value_dim(self) -> int:
        """Components of one value; before version 2.0 always three."""
        return self._count("valuedim") if self.magic.version.startswith("2") else 3

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the components, where the file gives them."""
        return words(self.entries.get("valuelabels", ""))

    @property
    def units(self) -> tuple[str, ...]:
        """Units of the components."""
        return words(self.entries.get("valueunits", self.entries.get("valueunit", "")))

    @property
    def multiplier(self) -> float:
        """What every value is to be multiplied with."""
        return self.number("valuemultiplier", 1.0)

    @property
    def steps(self) -> tuple[float, float, float]:
        """Distances (z, y, x) of neighbours in the mesh's own unit; 0 where the file does not tell."""
        z, y, x = (self._step(axis) for axis in "zyx")
        return z, y, x

    @property
    def mesh_unit(self) -> float | None:
        """The mesh's unit in metres; None where it is unknown."""
        return metres(self.entries.get("meshunit"))

    def number(self, key: str, default: float) -> float:
        """Return an entry as a number."""
        text = self.entries.get(key, "")
        if not text:
            return default
        try:
            return float(text)
        except ValueError:
            raise self.error(f"has {text!r} for {key}, which is no number") from None

    def error(self, what: str) -> UnreadableFile:
        """Return an error about this header."""
        return UnreadableFile(f"the OVF header of segment {self.segment} {what}")

    def _count(self, key: str) -> int:
        if key not in self.entries:
            raise self.error(f"has no {key}, so the size of the data is unknown")
        count = self.number(key, 0)
        if count != int(count) or count < 1:
            raise self.error(f"has {self.entries[key]!r} for {key}: it must be a whole number above 0")
        return int(count)

    def _step(self, axis: str) -> float:
        step = self.number(f"{axis}stepsize", 0.0)
        if step <= 0 and not self.is_irregular:
            step = (self.number(f"{axis}max", 0.0) - self.number(f"{axis}min", 0.0)) / self._count(f"{axis}nodes")
        return max(step, 0.0)


def words(text: str) -> tuple[str, ...]:
    """Split a list as Tcl writes it, where braces hold words together: ``{Total field_x} m``."""
    return tuple(braced or bare for braced, bare in TCL_WORD.findall(text))


def entry_of(line: bytes) -> tuple[str, str] | None:
    """Return key and value of a line ``# key: value ## comment``; None where it is not one."""
    text = line.decode("utf-8", errors="replace").strip()
    if not text.startswith("#") or text.startswith("##"):
        return None
    key, colon, value = text[1:].partition(":")
    return ("".join(key.lower().split()), value.split("##")[0].strip()) if colon else None


def marker_of(line: bytes) -> str | None:
    """Return a line ``# Begin: Data Text`` as ``begin data text``; None where it is no marker."""
    entry = entry_of(line)
    if entry is None or entry[0] not in ("begin", "end"):
        return None
    return " ".join([entry[0], *entry[1].lower().split()])


def read_magic(stream: BinaryIO) -> Magic:
    """Read up to the line that says OVF; remarks may stand before it."""
    first = b""
    for _ in range(20):
        line = stream.readline(LONGEST_LINE)
        first = first or line
        text = line.decode("utf-8", errors="replace").strip()
        if match := MAGIC.match(text):
            mesh, version = match.groups()
            if version not in ("0.0", "0.99", "1.0", "2.0", "2.1"):
                raise UnreadableFile(f"this is OVF version {version}: versions 0.99, 1.0 and 2.0 can be read")
            return Magic(version, mesh.lower() if mesh else None)
        if OLD_VECTOR_FILE.match(text):
            return Magic("svf", "irregular")
        if not text.startswith("#"):
            break
    shown = first[:40].decode("utf-8", errors="replace").strip()
    raise UnreadableFile(f"this is no OVF file: it begins with {shown!r}, not with '# OOMMF OVF 2.0' or its elders")


def read_header(stream: BinaryIO, magic: Magic, segment: int) -> Header:
    """Read the header of a segment whose ``Begin: Segment`` has just been read."""
    entries: dict[str, str] = {}
    description: list[str] = []
    begun = False
    while line := stream.readline(LONGEST_LINE):
        marker, entry = marker_of(line), entry_of(line)
        if marker == "begin header":
            begun = True
        elif not begun and (marker or entry):
            raise UnreadableFile(f"segment {segment} of the OVF has no line '# Begin: Header' before its entries")
        elif marker == "end header":
            return Header(magic, entries, tuple(description), segment)
        elif marker:
            break
        elif entry and entry[0] == "desc":
            description.append(entry[1])
        elif entry:
            entries[entry[0]] = entry[1]
        elif line.strip() and not line.lstrip().startswith(b"#"):
            break
    raise UnreadableFile(f"the header of segment {segment} has no line '# End: Header': the OVF was cut or edited")
