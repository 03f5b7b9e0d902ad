"""Frames of a recording, whatever file they come from; those of electron microscopes through RosettaSciIO."""

from __future__ import annotations

import re
import traceback
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from napari_magtex.errors import UnreadableFile, UnusablePicture
from napari_magtex.files import checked_file
from napari_magtex.io.acquisition import acquisition_of
from napari_magtex.io.lengths import pixel_size
from napari_magtex.picture import Contrast, Picture

READERS = {
    ".dm3": "digitalmicrograph",
    ".dm4": "digitalmicrograph",
    ".emd": "emd",
    ".ser": "tia",
    ".emi": "tia",
    ".mrc": "mrc",
}
HDF5_SUFFIXES = (".hspy", ".hdf5", ".h5", ".nxs")
_RECIPROCAL = re.compile(r"1\s*/|.+(\^-1|\*\*-1|⁻¹)$")  # 1/nm, nm^-1
LARGEST_IN_MEMORY = 1 << 28  # bytes: larger stacks stay on the disk when the caller can take them lazily


@dataclass(frozen=True, eq=False)
class Frames:
    """One recording: frames of the same size, grey or in colour.

    Parameters
    ----------
    pixels
        (n, ny, nx) or (n, ny, nx, 3 or 4), as stored; an array in memory or of dask.
    pixel_size
        (dy, dx) in metres; None where it is unknown.
    contrast
        What the file says or its kind implies; None where only a look can tell.
    title
        What the file calls it.
    meta
        Acquisition data, all of them JSON: ``voltage_kV``, ``exposure_s``, ``magnification``, ``unit``, ``colour_map``,
        ``truth`` ...
    """

    pixels: Any
    pixel_size: tuple[float, float] | None = None
    contrast: Contrast | None = None
    title: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def is_colour(self) -> bool:
        """Whether the pixels are red, green and blue."""
        return bool(self.pixels.ndim == 4)

    def picture(
        self,
        index: int = 0,
        *,
        name: str = "",
        frame: int | None = None,
        contrast: Contrast | None = None,
        pixel_size: tuple[float, float] | None = None,
    ) -> Picture:
        """Return one frame as the analyses take it.

        Parameters
        ----------
        index
            Which frame.
        name, frame
            What results shall call it; ``frame`` is ``index`` where not given.
        contrast, pixel_size
            What the user said: it goes before what the file says.

        Raises
        ------
        UnusablePicture
            The frame holds nothing to analyse; also where every pixel is the same.
        UnreadableFile
            It had stayed on the disk, and is damaged there.
        """
        try:
            pixels = np.asarray(self.pixels[index])
        except Exception as error:  # whatever the library behind an array on disk raises
            raise UnreadableFile(f"frame {index} cannot be read: {str(error).strip()[:200]}") from error
        picture = Picture(
            pixels=pixels,
            contrast=contrast or self.contrast,
            pixel_size=pixel_size or self.pixel_size,
            name=name,
            frame=index if frame is None else frame,
            meta=self.meta,
        )
        if picture.is_constant:
            raise UnusablePicture("every pixel of the picture is the same: it shows nothing to analyse")
        return picture


def read_frames(path: str | Path, *, lazy: bool = False) -> list[Frames]:
    """Read the images in a DM3, DM4, EMD, SER, EMI, MRC or HDF5 file (HyperSpy, NeXus), by its extension.

    Parameters
    ----------
    path
        The file. The EMI beside a SER is read with it: it alone knows the voltage.
    lazy
        Whether stacks above 256 MB may stay on the disk, as arrays of dask.

    Returns
    -------
    One recording for each signal that is an image or a stack of images; spectra, Fourier transforms and plots are left
    out.

    Raises
    ------
    UnreadableFile
        The file is damaged or not what its name says, or holds no image.
    """
    path = checked_file(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what RosettaSciIO finds odd in a header is none of the user's business
        try:
            signals = _signals(path)
            found = [frames for signal in signals if (frames := _image_of(signal, path, lazy)) is not None]
        except UnreadableFile:
            raise
        except Exception as error:  # struct.error, KeyError, AssertionError ...: a reader of 30 formats raises them all
            traceback.clear_frames(error.__traceback__)  # it may have left the file open there
            said = str(error).strip() or type(error).__name__
            raise UnreadableFile(
                f"the {path.suffix} file is damaged or not what its name says: {said[:200]}"
            ) from error
    if not found:
        shapes = ", ".join("x".join(map(str, signal["data"].shape)) for signal in signals[:4]) or "nothing"
        raise UnreadableFile(f"the file holds no image, only spectra, transforms, plots or tables ({shapes})")
    return found


def _signals(path: Path) -> Sequence[dict[str, Any]]:
    """Let RosettaSciIO read a file, lazily."""
    import importlib

    name = _reader_of(path)
    options: dict[str, Any] = {}
    if name == "emd" and _is_velox(path):
        options = {"select_type": "images"}  # spectrum streams can take minutes
    if name == "nexus":
        options = {"nxdata_only": True}
    read = importlib.import_module(f"rsciio.{name}").file_reader
    if path.suffix.lower() == ".ser" and (emi := _emi_of(path)) is not None:
        signals = read(str(emi), lazy=True)
        own = [s for s in signals if s["metadata"]["General"].get("original_filename") == path.name]
        if own:  # of ten files and more the reader finds those with one digit alone
            return own
    return list(read(str(path), lazy=True, **options))


def _reader_of(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in READERS:
        return READERS[suffix]
    if suffix in HDF5_SUFFIXES:
        return "hspy" if _hdf5_says(path, "file_format") == "HyperSpy" else "nexus"
    known = ", ".join((*READERS, *HDF5_SUFFIXES))
    raise UnreadableFile(f"frames of microscopes are read from {known}, not from {suffix or 'a nameless kind'}")


def _emi_of(ser: Path) -> Path | None:
    """Return the EMI that a SER belongs to, ``x.emi`` of ``x_1.ser``; None where there is none."""
    for suffix in (".emi", ".EMI"):
        emi = ser.with_name(ser.stem.rpartition("_")[0] + suffix)
        if emi.is_file():
            return emi
    return None


def _is_velox(path: Path) -> bool:
    import h5py

    try:
        with h5py.File(path) as file:
            return "Features" in file or "Operations" in file
    except OSError:
        return False  # the reader says better what is wrong


def _hdf5_says(path: Path, attribute: str) -> str:
    import h5py

    try:
        with h5py.File(path) as file:
            return str(file.attrs.get(attribute, ""))
    except OSError:
        return ""


def _image_of(signal: Mapping[str, Any], path: Path, lazy: bool) -> Frames | None:
    data, axes = signal["data"], signal["axes"]
    image_axes = sum(not axis.get("navigate", False) for axis in axes)
    if data.ndim < 2 or len(axes) != data.ndim or image_axes not in (0, 2) or np.iscomplexobj(data):
        return None
    if _RECIPROCAL.match(str(axes[-1].get("units") or "")):  # a transform or a diffraction pattern
        return None
    if data.dtype.names:  # red, green and blue as a record
        data = np.stack([np.asarray(data[name]) for name in data.dtype.names[:3]], axis=-1)
    colour = data.ndim > len(axes)
    data = data.reshape(-1, *data.shape[-3 if colour else -2 :])
    if not (lazy and data.nbytes > LARGEST_IN_MEMORY):
        data = np.asarray(data)
    y, x = axes[-2], axes[-1]
    acquisition = acquisition_of(signal)
    unit = str(x.get("units") or "")
    return Frames(
        pixels=data,
        pixel_size=pixel_size(y.get("scale"), x.get("scale"), y.get("units"), x.get("units")),
        contrast=None if path.suffix.lower() in HDF5_SUFFIXES and "voltage_kV" not in acquisition else Contrast.LORENTZ,
        title=str(signal["metadata"].get("General", {}).get("title", "")),
        meta={"format": path.suffix.lower().lstrip("."), "unit": unit, **acquisition},
    )


def each_frame(recordings: Sequence[Frames]) -> Iterator[tuple[Frames, int]]:
    """Yield every frame of several recordings, as recording and index."""
    for frames in recordings:
        for index in range(len(frames)):
            yield frames, index
