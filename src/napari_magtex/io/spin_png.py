"""Pictures in files that everybody writes: PNG, JPEG and TIFF, with the calibration that stands in them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_magtex.colours import ColourMap, is_grey, recognise, rgb_to_spin
from napari_magtex.errors import MagtexError, UnreadableFile, UnusablePicture
from napari_magtex.files import checked_file, replacing, told_if_unwritable
from napari_magtex.io.frames import LARGEST_IN_MEMORY, Frames
from napari_magtex.io.lengths import positive
from napari_magtex.io.tiff import read_tiff, write_tiff
from napari_magtex.io.told import OUR_KEY, heard, json_of, tell
from napari_magtex.picture import Contrast, Picture, full_colour, unit_colours
from napari_magtex.texture import SpinTexture

TIFF_SUFFIXES = (".tif", ".tiff")
_LOOKED_AT = 16  # frames of a stack, of which all must be grey


def read_spin_picture(path: str | Path) -> Picture:
    """Read a PNG, JPEG or TIFF, of several pages the first, as a picture to analyse.

    Raises
    ------
    UnreadableFile
        The file is damaged or no image.
    UnusablePicture
        It holds nothing to analyse: too small, not finite, every pixel the same.
    """
    return read_picture_file(path).picture(name=str(path))


def read_picture_file(path: str | Path) -> Frames:
    """Read a PNG, JPEG or TIFF as it is, with what it says of itself.

    Returns
    -------
    Frames as stored; grey pictures saved as colour are grey. The colour map of a colour picture is named where it is
    known or recognised.
    """
    path = checked_file(path)
    with path.open("rb") as stream:
        magic = stream.read(4)
    if magic[:2] in (b"II", b"MM") and (b"\x2a" in magic[2:] or b"\x2b" in magic[2:]):
        frames = read_tiff(path)
    else:
        frames = _read_with_pillow(path)
    return told_by_colour(frames)


def spins_of(picture: Picture) -> SpinTexture | None:
    """Return the spins that a picture shows, one a pixel; None where its colours do not carry whole directions.

    Notes
    -----
    They are rounded to 8 bits: ``meta["from_picture"]`` marks them, for a torque balance of them is off by 15-30 %.
    """
    name = picture.meta.get("colour_map")
    if not picture.is_colour or name not in set(ColourMap) or not ColourMap(name).carries_in_plane:
        return None
    size = picture.pixel_size
    cell = None if size is None else (min(size), *size)
    meta = {**picture.meta, "from_picture": True, "thickness_known": False}
    return SpinTexture.from_layer(rgb_to_spin(picture.pixels, name), cell=cell, meta=meta)


def write_spin_picture(path: str | Path, picture: Picture) -> None:
    """Write a picture as PNG, or as TIFF where the name ends so, with what we know of it.

    A PNG takes colours in 8 bits, grey in 16 bits between its extremes, which stand beside it; a TIFF takes float32
    and, for other programs, the resolution in its tags.

    Raises
    ------
    MagtexError
        The file cannot be written there, or its name ends otherwise.
    """
    path = Path(path)
    told = tell(picture)
    with told_if_unwritable(path):
        if (suffix := path.suffix.lower()) not in (".png", *TIFF_SUFFIXES):
            raise MagtexError(f"pictures are written as .png or .tif, not as {path.suffix or path.name}")
        with replacing(path) as beside:
            if suffix == ".png":
                _write_png(beside, picture, told)
            else:
                write_tiff(beside, picture, json.dumps({OUR_KEY: told}))


def write_spin_pictures(folder: str | Path, pictures: Mapping[str, Picture]) -> list[Path]:
    """Write pictures into a folder, which is made, by their names; return their paths.

    Raises
    ------
    MagtexError
        They cannot be written there.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MagtexError(f"{folder} cannot be made: {error.strerror or error}. Choose another folder") from error
    for name, picture in pictures.items():
        write_spin_picture(folder / name, picture)
    return [folder / name for name in pictures]


def _read_with_pillow(path: Path) -> Frames:
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.load()
            told = {str(key): value for key, value in image.info.items()}
            kind = str(image.format or path.suffix).lower()
            pixels = _pixels(image)
    except Image.DecompressionBombError as error:
        raise UnreadableFile(f"the picture is too large to be opened safely: {error}") from error
    except (OSError, SyntaxError, ValueError) as error:  # Pillow raises each of them for a damaged file
        raise UnreadableFile(f"the file is damaged or no picture: {error}") from error
    size, contrast, meta = heard(json_of(told.get(OUR_KEY)))
    if isinstance(span := meta.pop("grey_range", None), list) and len(span) == 2 and pixels.ndim == 2:
        low, high = span
        pixels = (low + pixels.astype(np.float64) * ((high - low) / 65535)).astype(np.float32)
    size = size or _kerr_scale(told)
    if contrast is None and any(key.startswith("field: units") for key in told):
        contrast = Contrast.KERR  # LabView programs of Kerr microscopes leave their panel in the PNG
    return Frames(pixels[None], size, contrast, path.name, {"format": kind, **meta})


def _pixels(image: Any) -> NDArray[Any]:
    """Return an image of any of Pillow's modes as grey or colour, transparency kept."""
    if image.mode in ("L", "I;16", "I;16B", "I;16L", "I", "F", "RGB", "RGBA"):
        return np.array(image)
    if image.mode == "1":
        return np.array(image.convert("L"))
    transparent = image.mode in ("LA", "La", "PA", "RGBa") or (image.mode == "P" and "transparency" in image.info)
    return np.array(image.convert("RGBA" if transparent else "RGB"))


def told_by_colour(frames: Frames) -> Frames:
    """Make grey what only was saved as colour; name contrast and colour map of what is coloured."""
    if not frames.is_colour:
        return frames
    looked_at = np.unique(np.linspace(0, len(frames) - 1, _LOOKED_AT).round().astype(int))
    try:
        first = unit_colours(np.asarray(frames.pixels[0]))
        grey = all(is_grey(unit_colours(np.asarray(frames.pixels[number]))) for number in looked_at)
    except UnusablePicture:
        return frames  # it can be looked at all the same; what analyses it says what is wrong
    if grey:
        return replace(frames, pixels=_grey(frames.pixels))
    meta = dict(frames.meta)
    if "colour_map" not in meta and (found := recognise(first)) is not None:
        meta["colour_map"] = str(found)
    return replace(frames, contrast=frames.contrast or Contrast.SPIN, meta=meta)


def _grey(pixels: Any) -> Any:
    """Return the mean of the colours, alpha over white; of what is on the disk an array of dask, which stays there."""
    if pixels.nbytes > LARGEST_IN_MEMORY:
        import dask.array as da

        pixels = da.asarray(pixels).rechunk((1, *pixels.shape[1:]))
    grey = pixels[..., :3].mean(axis=-1)
    if pixels.shape[-1] == 4:
        full = full_colour(np.asarray(pixels[0]))
        grey = full + (grey - full) * (pixels[..., 3] / full)
    return grey.astype(pixels.dtype)


def _kerr_scale(told: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the pixel size that Evico's and like programs write as ``MicronsPerPixel{Double Float}``."""
    for key, value in told.items():
        if key.startswith("MicronsPerPixel") and (microns := positive(value)):
            return microns * 1e-6, microns * 1e-6
    return None


def _write_png(path: Path, picture: Picture, told: dict[str, Any]) -> None:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    if picture.is_colour:
        image = Image.fromarray(np.round(picture.pixels * 255).astype(np.uint8))
    else:
        low, high = float(picture.pixels.min()), float(picture.pixels.max())
        span = high - low if high > low and math.isfinite(high - low) else 1.0
        told["meta"] = {**told["meta"], "grey_range": [low, low + span]}
        image = Image.fromarray(np.round((picture.pixels.astype(np.float64) - low) / span * 65535).astype(np.uint16))
    chunks = PngInfo()
    chunks.add_text("Software", "napari-magtex")
    chunks.add_itxt(OUR_KEY, json.dumps(told))
    image.save(path, format="PNG", pnginfo=chunks)
