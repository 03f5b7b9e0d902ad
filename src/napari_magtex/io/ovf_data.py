"""The numbers of an OVF file: text, binary 4 and binary 8, counted before memory is taken."""

from __future__ import annotations

import os
import warnings
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from napari_magtex.errors import UnreadableFile
from napari_magtex.io.ovf_header import LONGEST_LINE, Header, marker_of

CHECK_VALUES = {4: 1234567.0, 8: 123456789012345.0}  # what binary data open with, by the OVF format
CUT = "the file was cut short while it was written or copied"


def read_data(stream: BinaryIO, header: Header, rows: int, columns: int) -> NDArray[Any]:
    """Read the data block that follows a header.

    Returns
    -------
    The numbers (rows, columns), float32 or float64 as they are stored.

    Raises
    ------
    UnreadableFile
        The block is missing, of an unknown kind, damaged, or holds more or fewer numbers than the header says.
    """
    kind = _begin(stream, header.segment)
    if kind == "text":
        values = read_text(stream, rows * columns, header.segment)
    else:
        values = _read_binary(stream, rows * columns, int(kind[-1]), header.segment)
    return values.reshape(rows, columns)


def skip_data(stream: BinaryIO, header: Header, count: int) -> None:
    """Pass over the data block of ``count`` numbers that follows a header.

    Raises
    ------
    UnreadableFile
        The block is missing or of an unknown kind, or binary numbers do not end where the header says; text is not
        counted.
    """
    kind = _begin(stream, header.segment)
    if kind == "text":
        for line in stream:
            if b"#" in line and (marker_of(line) or "").startswith("end data"):
                break
        return
    size = int(kind[-1])
    _begin_binary(stream, count, size, header.segment)
    stream.seek(count * size, os.SEEK_CUR)
    _end_binary(stream, count, size, header.segment)


def _begin(stream: BinaryIO, segment: int) -> str:
    """Read up to the line ``# Begin: Data ...`` and return the kind of the data."""
    marker = None
    while line := stream.readline(LONGEST_LINE):
        marker = marker_of(line)
        if marker or (line.strip() and not line.lstrip().startswith(b"#")):
            break
    if not line or marker is None or not marker.startswith("begin data"):
        raise UnreadableFile(f"segment {segment} of the OVF has no line '# Begin: Data ...' after its header")
    kind = marker.removeprefix("begin data").strip()
    if kind not in ("text", "binary 4", "binary 8"):
        raise UnreadableFile(
            f"the data of segment {segment} are of the kind {kind!r}: OVF knows text, binary 4 and binary 8"
        )
    return kind


def read_text(stream: BinaryIO, count: int | None, segment: int) -> NDArray[np.float64]:
    """Read numbers up to ``# End: Data Text``; with no count, up to the end of the file."""
    if count is not None and bytes_left(stream) < 2 * count - 1:  # a digit and a blank each
        raise UnreadableFile(
            f"the OVF header promises {count:,} numbers, but only {bytes_left(stream):,} bytes follow "
            f"(segment {segment}, text): {CUT}, or the header is wrong"
        )
    lines, closed = [], count is None
    for line in stream:
        if line.lstrip().startswith(b"#"):
            if (marker_of(line) or "").startswith("end data"):
                closed = True
                break
        else:
            lines.append(line.partition(b"#")[0])
    text = b" ".join(lines).strip()
    values = _numbers(text, segment) if text else np.empty(0)  # numpy finds a number in blanks
    if count is not None and len(values) != count:
        reason = CUT if not closed else "nodes or valuedim in the header are wrong, or the data were edited"
        raise UnreadableFile(f"the OVF holds {len(values):,} of {count:,} numbers (segment {segment}, text): {reason}")
    if not closed:
        raise UnreadableFile(f"the OVF ends without '# End: Data Text' (segment {segment}): {CUT}")
    return values


def bytes_left(stream: BinaryIO) -> int:
    """Return how many bytes of the file follow."""
    return os.fstat(stream.fileno()).st_size - stream.tell()


def _numbers(text: bytes, segment: int) -> NDArray[np.float64]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # how numpy calls text that is no number
            return np.fromstring(text, dtype=np.float64, sep=" ")  # twice as fast as splitting
    except (ValueError, DeprecationWarning):
        wrong = next((token for token in text.split() if not _is_number(token)), b"").decode("utf-8", errors="replace")
        raise UnreadableFile(f"{wrong[:40]!r} stands among the numbers of segment {segment} of the OVF") from None


def _is_number(token: bytes) -> bool:
    try:
        float(token)
    except ValueError:
        return False
    return True


def _read_binary(stream: BinaryIO, count: int, size: int, segment: int) -> NDArray[Any]:
    order = _begin_binary(stream, count, size, segment)
    values = np.frombuffer(stream.read(count * size), dtype=f"{order}f{size}")
    _end_binary(stream, count, size, segment)
    return values


def _begin_binary(stream: BinaryIO, count: int, size: int, segment: int) -> str:
    """Read the check value and return the byte order; refuse a file that ends before its numbers do."""
    where = f"(segment {segment}, binary {size})"
    order = _byte_order(stream.read(size), size, where)
    needed, there = count * size, bytes_left(stream)
    if there < needed:
        raise UnreadableFile(f"OVF ends after {there:,} of {needed:,} bytes of data {where}: {CUT}.")
    return order


def _end_binary(stream: BinaryIO, count: int, size: int, segment: int) -> None:
    where = f"(segment {segment}, binary {size})"
    line = b"\n"
    while line and not line.strip():
        line = stream.readline(LONGEST_LINE)
    if not line:
        raise UnreadableFile(f"the OVF ends without '# End: Data Binary {size}' {where}: {CUT}")
    if not (marker_of(line) or "").startswith("end data"):
        raise UnreadableFile(
            f"data go on after the {count * size:,} bytes that the OVF header promises {where}: its nodes, valuedim or "
            "the kind of its data are wrong"
        )


def _byte_order(check: bytes, size: int, where: str) -> str:
    """Tell the byte order by the check value: the versions disagree about it, and programs about the versions."""
    if len(check) < size:
        raise UnreadableFile(f"OVF ends before the first number {where}: {CUT}")
    for order in "<>":
        if np.frombuffer(check, dtype=f"{order}f{size}")[0] == CHECK_VALUES[size]:
            return order
    raise UnreadableFile(
        f"the check value before the data is {check.hex()} where {CHECK_VALUES[size]:.0f} should stand {where}: "
        "the bytes were changed, as by a copy in text mode. Copy the file again in binary mode"
    )
