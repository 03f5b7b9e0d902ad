"""The pixel size of an open layer: read from its file (Layers > Data > Read calibration), or off its scale bar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Points, Shapes
from napari.utils.notifications import show_info
from napari.viewer import Viewer

from napari_magtex.contributions import METADATA_KEY, NANOMETRE, read_calibration
from napari_magtex.errors import BadRegion, MagtexError, UncalibratedPicture, Unsuitable
from napari_magtex.widgets.choices import SOURCE_KEY
from napari_magtex.widgets.layers import Units, pixel_size_of, to_pixels
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
            calibrate(layer, viewer.layers)
        except MagtexError as error:
            tell(type(error)(f"{layer.name}: {error}"))
        else:
            dy, dx = (1e9 * size for size in pixel_size_of(layer) or (0.0, 0.0))
            show_info(f"{layer.name}: a pixel is {dx:.4g} nm wide and {dy:.4g} nm high")


def calibrate(layer: Image, others: Iterable[Layer] = ()) -> None:
    """Give a layer the scale and units of its rows and columns, and the metadata, that its file tells.

    Of the ``others``, layers of the same viewer, what lies on it comes along (`_rescale`).

    Raises
    ------
    UncalibratedPicture
        The layer has no file, or the file tells no pixel size; what else it tells is kept.
    UnreadableFile
        The file is gone, or of a kind that we do not read.
    Unsuitable
        It holds several pictures, and nothing tells which of them the layer is.
    """
    if layer.source.path is None:
        raise UncalibratedPicture(
            "the layer was not opened from a file, so there is nothing to read its pixel size from"
        )
    shape = (layer.data[0] if layer.multiscale else layer.data).shape[: layer.ndim]
    told = read_calibration(layer.source.path, layer.name, shape, layer.metadata)
    layer.metadata = {**layer.metadata, **told["metadata"]}
    if "pixel" in _last_two(told, "units"):
        raise UncalibratedPicture(
            f"{layer.source.path} tells no pixel size: draw a line on its scale bar (Layers > Filter > "
            "Clean frame), or set it in Estimate parameters, in nm"
        )
    _rescale(layer, _last_two(told, "scale"), _last_two(told, "units"), others)


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
        Layers of the same viewer, of which ``shapes`` and what else lies on the layer comes along (`_rescale`).

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
    _rescale(image, (size / NANOMETRE,) * 2, ("nm", "nm"), others, bar=shapes)
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


def _rescale(
    image: Image, scale: Sequence[float], units: Sequence[Any], others: Iterable[Layer], bar: Shapes | None = None
) -> None:
    """Give rows and columns of an image another scale and units, and let what lies on it stay where it is on it.

    That are its results, with theirs in turn, and what the ``bar`` is drawn in; of other drawings those on its scale,
    unless another image has the same, for they may be of that one.
    """
    others = [layer for layer in others if layer is not image]
    moved = _results_of(image, others)
    like_it = [la for la in others if la not in moved and _of_one_unit(la, image) and _of_one_scale(la, image)]
    drawn = [la for la in like_it if isinstance(la, Shapes | Labels | Points) and SOURCE_KEY not in la.metadata]
    shared = any(isinstance(layer, Image) for layer in like_it)
    moved += [layer for layer in drawn if layer is bar or not shared]
    growth = np.array(scale) / image.scale[-2:]
    for layer in [*moved, image]:
        translate = np.array(layer.translate)
        translate[-2:] *= growth
        layer.scale = (*layer.scale[:-2], *growth * layer.scale[-2:])
        layer.translate = translate
        layer.units = (*layer.units[:-2], *units)


def _results_of(image: Image, layers: Sequence[Layer]) -> list[Layer]:
    """Return the layers that were made from an image, or from one that was."""
    found: list[Layer] = []
    of: list[Layer] = [image]
    while of:
        ids = {layer.unique_id for layer in of}
        of = [la for la in layers if la.metadata.get(SOURCE_KEY) in ids and la not in found and _of_one_unit(la, image)]
        found += of
    return found


def _of_one_unit(layer: Layer, image: Image) -> bool:
    return layer.units[-2:] == image.units[-2:]


def _of_one_scale(layer: Layer, image: Image) -> bool:
    return np.allclose(layer.scale[-2:], image.scale[-2:], rtol=1e-9)


def _last_two(told: Mapping[str, Any], key: str) -> list[Any]:
    return list(told[key])[-2:]
