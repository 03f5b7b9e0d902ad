"""TIFF: pages, and the many places where programs write how large a pixel is."""

from __future__ import annotations

import math
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_magtex.errors import UnreadableFile
from napari_magtex.io.frames import LARGEST_IN_MEMORY, Frames
from napari_magtex.io.lengths import pixel_size
from napari_magtex.io.told import OUR_KEY, heard, json_of
from napari_magtex.picture import Picture

VENDOR_TAGS = {65003, 65009, 65010, 34682, 34680, 34118, 37706, 33560}  # Gatan, FEI, Zeiss, TVIPS, Olympus
COARSEST = 10e-6  # m: a resolution in inches or centimetres below this is a printer's, as 72 dots an inch are


def read_tiff(path: Path) -> Frames:
    """Read the largest series of a TIFF: its pages are the frames. Stacks above 256 MB stay on the disk.

    Where pages were appended one by one, each is a series of its own: those of one shape are the frames. A warning
    tells of pages of another shape, which are left out.

    Raises
    ------
    UnreadableFile
        The file is damaged or its pixels cannot be unpacked.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            chosen = _largest(tiff.series)
            series = tiff.series[chosen[0]]
            page = series.keyframe
            if page.photometric == 5:
                raise UnreadableFile("the TIFF is in printing colours (CMYK): save it as RGB")
            if len(chosen) > 1:
                pixels = _frames_first(_appended(tiff.series, chosen, path), "I" + series.axes, page)
            else:
                pixels = _frames_first(_pixels(series, chosen[0], path), series.axes, page)
            left = sum(len(s) for n, s in enumerate(tiff.series) if n not in chosen and _could_be_frames(s, page))
            size, told = _scale(tiff, page, path)
    except UnreadableFile:
        raise
    except Exception as error:  # tifffile raises nearly everything for damaged files
        said = str(error).strip() or type(error).__name__
        raise UnreadableFile(f"the TIFF is damaged or of an unknown kind: {said[:200]}") from error
    if left:
        warnings.warn(f"{path.name}: {left} pages of another shape or kind are left out", stacklevel=2)
    our_size, contrast, meta = heard(told.get(OUR_KEY))
    return Frames(pixels, our_size or size, contrast, path.name, {"format": "tiff", **meta})


def write_tiff(path: Path, picture: Picture, description: str) -> None:
    """Write a picture as float32, with a description in JSON and the resolution in pixels a centimetre."""
    _write(path, picture.pixels, picture.pixel_size, description)


def write_labels(path: Path, labels: NDArray[np.int32], pixel_size: tuple[float, float] | None) -> None:
    """Write a label image (ny, nx) as int32, with the resolution in pixels a centimetre."""
    _write(path, np.asarray(labels, np.int32), pixel_size, "")


def _write(path: Path, pixels: NDArray[Any], pixel_size: tuple[float, float] | None, description: str) -> None:
    import tifffile

    options: dict[str, Any] = {}
    if pixel_size is not None:
        dy, dx = pixel_size
        options = {"resolution": (0.01 / dx, 0.01 / dy), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(
        path,
        pixels,
        photometric="rgb" if pixels.ndim == 3 else "minisblack",
        compression="zlib",
        description=description,
        metadata=None,
        software="napari-magtex",
        **options,
    )


def _largest(every: Any) -> list[int]:
    """Return the number of the series with the most pixels, or of all series of one page that are alike and have more.

    Thumbnails and labels, which programs leave beside what was recorded, are smaller.
    """
    groups: dict[Any, list[int]] = {}
    for number, series in enumerate(every):
        groups.setdefault((series.shape, series.dtype) if len(series) == 1 else number, []).append(number)
    return max(groups.values(), key=lambda numbers: sum(every[n].size for n in numbers))


def _could_be_frames(series: Any, page: Any) -> bool:
    return bool(2 * series.keyframe.size > page.size)  # a thumbnail or a label is smaller


def _appended(every: Any, chosen: list[int], path: Path) -> Any:
    """Return the pixels of series of one page each; of many of them an array of dask."""
    if sum(every[n].nbytes for n in chosen) <= LARGEST_IN_MEMORY:
        return np.stack([every[n].asarray() for n in chosen])
    return _lazily(path, [{"series": n} for n in chosen], every[chosen[0]])


def _lazily(path: Path, places: list[dict[str, int]], like: Any) -> Any:
    """Return an array of dask of pages, each read by itself, so that no file has to stay open."""
    import dask
    import dask.array as da
    import tifffile

    read = dask.delayed(tifffile.imread, pure=True)
    return da.stack([da.from_delayed(read(path, **place), like.keyframe.shape, like.dtype) for place in places])


def _pixels(series: Any, number: int, path: Path) -> Any:
    """Return the pixels of a series; of a large stack a map of the file, or an array of dask where it is compressed."""
    import tifffile

    if series.nbytes <= LARGEST_IN_MEMORY:
        return series.asarray()
    if series.dataoffset is not None:
        return tifffile.memmap(path, series=number, mode="r")
    if series.size != len(series) * math.prod(series.keyframe.shape):
        return series.asarray()
    pages = _lazily(path, [{"series": number, "key": n} for n in range(len(series))], series)
    return pages.reshape(series.shape)  # along time and height, say


def _frames_first(data: Any, axes: str, page: Any) -> Any:
    """Return (n, ny, nx) or (n, ny, nx, 3 or 4); palettes looked up, white-is-zero turned over."""
    if "S" in axes:
        data = np.moveaxis(data, axes.index("S"), -1)
    elif page.photometric == 3 and page.colormap is not None:  # a palette of 16 bits
        data = np.moveaxis(page.colormap, 0, -1)[data]
        axes += "S"
    elif page.photometric == 0 and data.dtype.kind in "ub":  # unsigned integers, or single bits
        data = ~data
    if "S" in axes and data.shape[-1] not in (3, 4):
        data, axes = data[..., 0], axes.replace("S", "")
    return data.reshape(-1, *data.shape[-3 if "S" in axes else -2 :])


def _scale(tiff: Any, page: Any, path: Path) -> tuple[tuple[float, float] | None, dict[str, Any]]:
    """Return the pixel size, and the JSON of the description where it is one."""
    described = json_of(page.description)
    described = described if isinstance(described, dict) else {}
    if tiff.ome_metadata:
        return _ome_scale(tiff.ome_metadata), described
    if VENDOR_TAGS & {tag.code for tag in page.tags}:
        return _vendor_scale(path), described
    resolution = [_ratio(page.tags.get(name)) for name in ("YResolution", "XResolution")]
    if resolution[0] is None or resolution[1] is None:
        return None, described
    dy, dx = 1 / resolution[0], 1 / resolution[1]
    # 1 x 1 without a unit is what tifffile writes when nobody told it a resolution
    untold = dy == dx == 1 and "tifffile" in str(page.software)
    unit = (tiff.imagej_metadata or {}).get("unit") or described.get("unit")
    if unit is not None:
        # ImageJ escapes the micro sign
        unit = re.sub(r"\\u00[bB]5", "µ", str(unit))
        return (None if untold else pixel_size(dy, dx, unit, unit)), described
    unit_tag = page.tags.get("ResolutionUnit")
    inch_or_cm = {2: 0.0254, 3: 0.01}.get(int(unit_tag.value) if unit_tag is not None else 0)
    if inch_or_cm is None or max(dy, dx) * inch_or_cm > COARSEST:
        return None, described
    return (dy * inch_or_cm, dx * inch_or_cm), described


def _ome_scale(xml: str) -> tuple[float, float] | None:
    """Read PhysicalSizeX and Y, which OME gives in micrometres where it names no unit."""
    found = {}
    for axis in "XY":
        size = re.search(rf'\bPhysicalSize{axis}="([^"]+)"', xml)
        unit = re.search(rf'\bPhysicalSize{axis}Unit="([^"]+)"', xml)
        found[axis] = (size.group(1) if size else None, unit.group(1) if unit else "µm")
    return pixel_size(found["Y"][0], found["X"][0], found["Y"][1], found["X"][1])


def _vendor_scale(path: Path) -> tuple[float, float] | None:
    import rsciio.tiff

    lazy = path.stat().st_size > LARGEST_IN_MEMORY  # which leaves the file open
    axes = {axis["name"]: axis for axis in rsciio.tiff.file_reader(str(path), lazy=lazy)[0]["axes"]}
    y, x = axes.get("y", axes.get("height", {})), axes.get("x", axes.get("width", {}))
    return pixel_size(y.get("scale"), x.get("scale"), y.get("units"), x.get("units"))


def _ratio(tag: Any) -> float | None:
    if tag is None:
        return None
    numerator, denominator = tag.value
    return numerator / denominator if numerator > 0 and denominator > 0 else None
