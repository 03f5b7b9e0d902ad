"""What a path holds, as pictures to analyse: the one door of the command line and the widgets."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_magtex.errors import UnreadableFile, Unsuitable, UnusablePicture
from napari_magtex.files import checked_file
from napari_magtex.imaging.cells import draw_cells
from napari_magtex.io.frames import HDF5_SUFFIXES, READERS, Frames, each_frame, read_frames
from napari_magtex.io.ovf import OvfSegment, open_ovf
from napari_magtex.io.spin_png import read_picture_file, told_by_colour
from napari_magtex.picture import SMALLEST_SIDE, Contrast, Picture
from napari_magtex.texture import Lattice, SpinTexture

LARGEST_ZOOM = 8  # pixels along a cell
DRAWN_SIDE = 512  # pixels: textures are drawn with the largest whole zoom that keeps within
TABLES = (".asc", ".csv", ".txt", ".xim")
OVF_SUFFIXES = (".ovf", ".omf", ".ohf", ".oef", ".obf", ".svf")
PICTURE_MAGIC = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+", b"GIF8", b"BM")


@dataclass(frozen=True)
class Input:
    """One frame, and the spins behind it where the file holds spins."""

    picture: Picture
    texture: SpinTexture | None = None


class _Inputs(Sequence[Input]):
    """Inputs that are made when they are asked for and not kept, except the first: it tells whether the file is any."""

    def __init__(self, make: Callable[[int], Input], count: int) -> None:
        self._make, self._count = make, count
        self._first: Input | None = None
        try:
            self._first = make(0) if count else None
        except (UnusablePicture, Unsuitable):
            if count == 1:
                raise
            make(1)  # what ails both of them ails the file

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        number = range(self._count)[index]
        if isinstance(number, range):
            return [self[i] for i in number]
        return self._make(number) if number or self._first is None else self._first


def open_inputs(
    path: str | Path,
    *,
    contrast: Contrast | None = None,
    pixel_size: float | tuple[float, float] | None = None,
    zoom: int | None = None,
    lattice: Lattice | None = None,
) -> Sequence[Input]:
    """Open a file of any kind that we read; content tells the kind before the extension does.

    Parameters
    ----------
    path
        An OVF, a picture, a recording of a microscope, an array (.npy) or a table of numbers. Results are named by it
        as it is given.
    contrast, pixel_size
        What the user knows, the size in metres (one number, or dy and dx); both go before what the file says. The size
        of an OVF is that of its cells.
    zoom
        Pixels along a cell of a texture; None: as many as keep the longer side within 512, at most 8.
    lattice
        Of an OVF; None: what its comments say, else square.

    Returns
    -------
    One input for each segment of an OVF (its middle layer drawn), each frame of a recording, each page of a TIFF. An
    input is made when it is asked for and not kept, so that a stack may be longer than the memory holds.

    Raises
    ------
    UnreadableFile
        The file is missing, empty, damaged, or of a kind that we do not read.
    UnusablePicture, Unsuitable
        It holds nothing to analyse. Of a stack only the first two inputs are looked at here: another one, or one of
        the two, that cannot be used raises when it is asked for.
    """
    name = str(path)
    path = checked_file(path)
    size = (pixel_size, pixel_size) if isinstance(pixel_size, (int, float)) else pixel_size
    with path.open("rb") as stream:
        head = stream.read(64)
    suffix = path.suffix.lower()
    if suffix in OVF_SUFFIXES or b"OOMMF" in head:
        segments = open_ovf(path, lattice=lattice)
        return _Inputs(lambda i: _of_segment(segments[i], i, name, contrast, size, zoom), len(segments))
    frames = list(each_frame(_recordings(path, head)))

    def of_frame(number: int) -> Input:
        recording, index = frames[number]
        return Input(recording.picture(index, name=name, frame=number, contrast=contrast, pixel_size=size))

    return _Inputs(of_frame, len(frames))


def open_recordings(path: str | Path) -> Sequence[Frames]:
    """Open the recordings in a picture or a microscope's file, whatever they show; large stacks stay on the disk.

    Raises
    ------
    UnreadableFile
        The file is missing, empty, damaged, or holds no frames.
    """
    path = checked_file(path)
    with path.open("rb") as stream:
        head = stream.read(64)
    return _recordings(path, head)


def draw_texture(texture: SpinTexture, *, zoom: int | None = None) -> Picture:
    """Draw the middle layer of a texture as a spin picture, large enough to tell the spins of an antiferromagnet apart.

    Raises
    ------
    UnusablePicture
        There are too few cells for a picture of 16 x 16 pixels.
    """
    _, ny, nx = texture.shape
    zoom = zoom or min(LARGEST_ZOOM, max(1, DRAWN_SIDE // max(ny, nx)))
    if min(ny, nx) * zoom < SMALLEST_SIDE:
        raise UnusablePicture(
            f"the texture is {nx} x {ny} cells: a picture of {SMALLEST_SIDE} pixels a side needs more"
        )
    return draw_cells(texture, zoom=zoom)


def _of_segment(
    segment: OvfSegment,
    number: int,
    name: str,
    contrast: Contrast | None,
    size: tuple[float, float] | None,
    zoom: int | None,
) -> Input:
    if segment.value_dim == 1 and segment.points is None:
        layer = segment.values[segment.values.shape[0] // 2, :, :, 0]
        cell = None if segment.cell is None else segment.cell[1:]
        scalars = Frames(layer[None], cell, None, segment.title, segment.meta)
        return Input(scalars.picture(name=name, frame=number, contrast=contrast, pixel_size=size))
    if contrast not in (None, Contrast.SPIN):
        raise Unsuitable(f"an OVF holds spins, not a {contrast} frame: leave the contrast to auto")
    texture = segment.texture()
    if size is not None:
        texture = replace(texture, cell=(texture.cell[0] if texture.cell else min(size), *size))
    picture = draw_texture(texture, zoom=zoom)
    return Input(replace(picture, name=name, frame=number, meta={**texture.meta, **picture.meta}), texture)


def _recordings(path: Path, head: bytes) -> Sequence[Frames]:
    suffix = path.suffix.lower()
    if head.startswith(PICTURE_MAGIC):
        return [read_picture_file(path)]
    if suffix in READERS or suffix in HDF5_SUFFIXES:
        return read_frames(path, lazy=True)
    if head.startswith(b"\x93NUMPY"):
        return [_array(path)]
    if suffix in TABLES:
        return [_table(path)]
    if suffix in (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif"):
        raise UnreadableFile(f"the file is damaged or no picture: it does not begin as a {suffix} file does")
    raise UnreadableFile(
        f"files of the kind {suffix or 'without extension'} are not read: give an OVF, a PNG, JPEG or TIFF, or one of "
        + ", ".join((*READERS, *HDF5_SUFFIXES, ".npy", *TABLES))
    )


def _array(path: Path) -> Frames:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UnreadableFile(f"the .npy file is damaged or holds no plain array: {error}") from error
    colour = array.ndim > 2 and array.shape[-1] in (3, 4)
    if array.ndim < 2 or (colour and array.ndim < 3):
        raise UnreadableFile(f"the array has the shape {array.shape}: a picture has rows and columns")
    if not array.size:
        raise UnreadableFile(f"the array has the shape {array.shape}: it holds no frame")
    frames = array.reshape(-1, *array.shape[-3 if colour else -2 :])
    return told_by_colour(Frames(frames, None, None, path.name, {"format": "npy"}))


def _table(path: Path) -> Frames:
    """Read rows of numbers, as STXM and MFM programs export; what follows # is left out."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            lines = [line for whole in stream if (line := whole.partition("#")[0].strip())]
        rows = np.array([line.split() for line in _with_points(lines)], dtype=np.float64)
    except ValueError as error:
        raise UnreadableFile("the file is no table of numbers, with as many in every row") from error
    if rows.ndim != 2 or min(rows.shape) < 2:
        raise UnreadableFile("the file is no picture: a table of numbers has rows and columns")
    return Frames(rows[None], None, None, path.name, {"format": path.suffix.lower().lstrip(".")})


def _with_points(lines: Sequence[str]) -> list[str]:
    """Return lines of numbers with decimal points, parted by blanks.

    A comma is a decimal one where something else parts the numbers and nobody writes points: so a German Excel does.
    """
    text = "\n".join(lines)
    if "," in text and "." not in text:
        if ";" in text or "\t" in text:
            lines = [line.replace(",", ".") for line in lines]
        elif re.search(r"\d,\d+ +[-+\d]", text):
            raise UnreadableFile(
                "commas and blanks part the numbers, so a comma may be a decimal one: save the table with points, or "
                "with semicolons between the numbers"
            )
    return [line.replace(",", " ").replace(";", " ") for line in lines]
