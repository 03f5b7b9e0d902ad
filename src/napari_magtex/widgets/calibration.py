"""The pixel size of an open layer: read from its file (Layers > Data > Read calibration), or off its scale bar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Points, Shapes
from napari.utils.notifications import show_info
from napari.viewer import Viewer

from napari_magtex.contributions import METADATA_KEY, NANOMETRE, read_calibration
from napari_magtex.errors import BadRegion, MagtexError, UncalibratedPicture, Unsuitable
from napari_magtex.widgets.layers import Units, pixel_size_of, to_pixels
from napari_magtex.widgets.pictures import meta_of, source_name
from napari_magtex.widgets.worker import tell

if TYPE_CHECKING:
    from napari.layers import Layer

SHORTEST_BAR = 2  # pixels


def calibrate_selected(viewer: Viewer) -> None:
    """Calibrate the image layers selected, each from its own file."""
    layers = [layer for layer in viewer.layers.selection if isinstance(layer, Image)]
    if not layers:
        tell(Unsuitable("select an image layer first: its file is read again for its pixel size"))
    for layer in layers:
        try:
            calibrate(layer)
        except MagtexError as error:
            tell(type(error)(f"{layer.name}: {error}"))
        else:
            dy, dx = (1e9 * size for size in pixel_size_of(layer) or (0.0, 0.0))
            show_info(f"{layer.name}: a pixel is {dx:.4g} nm wide and {dy:.4g} nm high")


def calibrate(layer: Image) -> None:
    """Give a layer the scale and units of its rows and columns, and the metadata, that its file tells.

    Raises
    ------
    UncalibratedPicture
        The layer has no file, or the file tells no pixel size; what else it tells is kept.
    UnreadableFile
        The file is gone, or of a kind that we do not read.
    """
    if layer.source.path is None:
        raise UncalibratedPicture(
            "the layer was not opened from a file, so there is nothing to read its pixel size from"
        )
    told = read_calibration(layer.source.path)
    layer.metadata = {**layer.metadata, METADATA_KEY: told["metadata"][METADATA_KEY]}
    if "pixel" in _last_two(told, "units"):
        raise UncalibratedPicture(
            f"{layer.source.path} tells no pixel size: draw a line on its scale bar (Layers > Filter > "
            "Clean frame), or set it in Estimate parameters, in nm"
        )
    layer.scale = (*layer.scale[:-2], *_last_two(told, "scale"))
    layer.units = (*layer.units[:-2], *_last_two(told, "units"))


def scale_by_bar(
    image: Image, shapes: Shapes, length: float, world_units: Units | None, others: Iterable[Layer] = ()
) -> float:
    """Set the scale and units of a layer by the last line drawn on its scale bar; pixels are taken for square.

    Parameters
    ----------
    image, shapes
        The layer, and what the line is drawn in: a line, a path's ends, or a rectangle's longer side.
    length
        Of the line, in metres.
    world_units
        ``viewer.dims.units``.
    others
        Layers of the same viewer: shapes, labels and points on the scale of the layer stay where they are on it, as
        does what was cleaned of it.

    Returns
    -------
    The pixel size in metres.

    Raises
    ------
    BadRegion
        No line is drawn, or it is shorter than 2 pixels.
    UncalibratedPicture
        The length is not above 0.
    """
    if not length > 0:
        raise UncalibratedPicture("the length of the scale bar is missing: type what stands beside it")
    pixels = _line_length(image, shapes, world_units)
    size = length / pixels
    scale, units = np.array(image.scale[-2:]), tuple(map(str, image.units[-2:]))
    on_it = [
        layer
        for layer in others
        if layer is not image and (isinstance(layer, Shapes | Labels | Points) or _is_cleaned_of(layer, image))
    ]
    with_it = [
        layer for layer in on_it if _pair(layer.units) == units and np.allclose(layer.scale[-2:], scale, rtol=1e-9)
    ]
    growth = size / NANOMETRE / scale
    for layer in (image, *with_it):
        translate = np.array(layer.translate)
        translate[-2:] *= growth
        layer.scale = (*layer.scale[:-2], *(size / NANOMETRE,) * 2)
        layer.translate = translate
        layer.units = (*layer.units[:-2], "nm", "nm")
    held = image.metadata.get(METADATA_KEY)
    if held is None or isinstance(held, Mapping):
        note = {"length_m": length, "length_px": pixels}
        image.metadata = {**image.metadata, METADATA_KEY: {**(held or {}), "scale_bar": note}}
    return size


def _line_length(image: Image, shapes: Shapes, world_units: Units | None) -> float:
    """Return the length of the last line drawn, in pixels of the image."""
    lines = [
        np.asarray(vertices, dtype=np.float64)
        for vertices, kind in zip(shapes.data, shapes.shape_type, strict=True)
        if kind in ("line", "path", "rectangle")
    ]
    if not lines:
        raise BadRegion(f"the layer {shapes.name} holds no line: draw one along the scale bar")
    ends = to_pixels(lines[-1], shapes, image, world_units)[:, -2:]
    sides = [float(np.linalg.norm(step)) for step in np.diff(ends, axis=0)]
    pixels = max(sides) if len(ends) == 4 else float(np.linalg.norm(ends[-1] - ends[0]))
    if pixels < SHORTEST_BAR:
        raise BadRegion(f"the line in {shapes.name} is {pixels:.2g} pixels long: draw it from end to end of the bar")
    return pixels


def _is_cleaned_of(layer: Layer, image: Image) -> bool:
    cleaning = meta_of(layer).get("cleaning") if isinstance(layer, Image) else None
    return isinstance(cleaning, Mapping) and cleaning.get("of") == source_name(image)


def _pair(units: Units) -> tuple[str, ...]:
    return tuple(map(str, units[-2:]))


def _last_two(told: Mapping[str, Any], key: str) -> list[Any]:
    return list(told[key])[-2:]
