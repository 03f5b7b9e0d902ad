"""Textures written as OVF, beside the old file and then in its place."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_magtex.errors import MagtexError
from napari_magtex.files import replacing, told_if_unwritable
from napari_magtex.io.ovf_data import CHECK_VALUES
from napari_magtex.texture import SpinTexture

Representation = Literal["binary4", "binary8", "text"]


def write_ovf(
    path: str | Path,
    texture: SpinTexture,
    *,
    representation: Representation = "binary4",
    version: Literal["2.0", "1.0"] = "2.0",
) -> None:
    """Write a texture as an OVF file of one segment.

    Vectors are the magnetisation in A/m where the saturation is known, else directions. A cell of unknown size is
    written with steps of zero, as MuMax3 does. An existing file is replaced only by a complete one.

    Raises
    ------
    MagtexError
        The file cannot be written there.
    """
    if representation not in ("binary4", "binary8", "text") or version not in ("2.0", "1.0"):
        raise MagtexError(f"OVF {version} {representation}: it is binary4, binary8 or text, of version 2.0 or 1.0")
    values = texture.m[:, ::-1].astype(np.float64) * (texture.saturation or 1.0)
    kind = {"binary4": "Binary 4", "binary8": "Binary 8", "text": "Text"}[representation]
    head = "".join(f"# {line}\n" for line in _header(texture, version))
    block = _data(values, representation, "<" if version == "2.0" else ">")
    content = b"".join(
        (head.encode(), f"# Begin: Data {kind}\n".encode(), block, f"# End: Data {kind}\n# End: Segment\n".encode())
    )
    with told_if_unwritable(Path(path)), replacing(Path(path)) as beside:
        beside.write_bytes(content)


def _header(texture: SpinTexture, version: str) -> list[str]:
    nz, ny, nx = texture.shape
    dz, dy, dx = texture.cell or (0.0, 0.0, 0.0)
    unit = "A/m" if texture.saturation else "1"
    title = " ".join(str(texture.meta.get("title") or "m").split())
    lines = ["OOMMF OVF 2.0" if version == "2.0" else "OOMMF: rectangular mesh v1.0"]
    lines += ["Segment count: 1", "Begin: Segment", "Begin: Header", f"Title: {title}"]
    lines += ["Desc: written by napari-magtex", f"Desc: {texture.lattice} lattice"]
    lines += ["meshtype: rectangular", "meshunit: m"]
    for axis, count, step in (("x", nx, dx), ("y", ny, dy), ("z", nz, dz)):
        lines += [f"{axis}nodes: {count}", f"{axis}stepsize: {step!r}", f"{axis}base: {step / 2!r}"]
        lines += [f"{axis}min: 0", f"{axis}max: {step * count!r}"]
    if version == "2.0":
        lines += ["valuedim: 3", "valuelabels: m_x m_y m_z", f"valueunits: {unit} {unit} {unit}"]
    else:
        longest = texture.saturation or 1.0
        lines += [f"valueunit: {unit}", "valuemultiplier: 1", "ValueRangeMinMag: 0", f"ValueRangeMaxMag: {longest!r}"]
    return [*lines, "End: Header"]


def _data(values: NDArray[np.float64], representation: Representation, order: str) -> bytes:
    if representation == "text":
        text = io.StringIO()
        np.savetxt(text, values.reshape(-1, 3), fmt="%.17g")
        return text.getvalue().encode()
    size = int(representation[-1])
    numbers = np.concatenate([[CHECK_VALUES[size]], values.ravel()])
    return numbers.astype(f"{order}f{size}").tobytes() + b"\n"
