"""Where a layer lies: the one place that composes transforms, units and pixel sizes of napari layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pint
    from napari.layers import Layer
    from napari.utils.colormaps import CyclicLabelColormap
    from napari.viewer import Viewer

Units = tuple["pint.Unit", ...]
_MOST_LABELS = 100  # that have a colour of their own or none; those beyond begin again


def placed_on(layer: Layer, *, origin: Sequence[float] = (), step: Sequence[float] = ()) -> dict[str, Any]:
    """Return the keywords that lay a new layer over a part of another one, whatever its transform.

    Parameters
    ----------
    layer
        What the new layer was made from.
    origin
        Where the new layer's first pixel has its centre, in pixels of ``layer``; trailing axes, 0 before them.
    step
        How many pixels of ``layer`` one pixel of the new layer covers; trailing axes, 1 before them.

    Returns
    -------
    ``scale``, ``translate``, ``rotate``, ``shear``, ``affine``, ``units`` and ``axis_labels``, for a layer of as many
    dimensions.

    Notes
    -----
    napari maps data x to ``affine(R H S x + t)``. With x = origin + step x', S takes the factor ``step`` (both are
    diagonal, so they commute) and t the term ``R H S origin``; rotation, shear and affine stay as they are.
    """
    offset, factor = np.zeros(layer.ndim), np.ones(layer.ndim)
    if len(origin):
        offset[-len(origin) :] = origin
    if len(step):
        factor[-len(step) :] = step
    at_zero, at_offset = (_before_affine(layer, x) for x in (np.zeros(layer.ndim), offset))
    return {
        "scale": np.asarray(layer.scale) * factor,
        "translate": np.asarray(layer.translate) + at_offset - at_zero,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": np.array(layer.affine.affine_matrix),  # a copy: layers must not share a transform
        "units": layer.units,
        "axis_labels": layer.axis_labels,
    }


def flat(placement: Mapping[str, Any]) -> dict[str, Any]:
    """Return keywords of `placed_on` for a layer of rows and columns alone, which then lies under every frame."""
    placed = dict(placement)
    for name in ("scale", "translate", "units", "axis_labels"):
        placed[name] = placed[name][-2:]
    placed["rotate"] = np.asarray(placed["rotate"])[-2:, -2:]
    placed["shear"] = np.asarray(placed["shear"])[-1:]  # of its upper triangle, row by row, the last
    placed["affine"] = np.asarray(placed["affine"])[-3:, -3:]
    return placed


def linear_part(layer: Layer) -> NDArray[np.float64]:
    """Return the matrix (ndim, ndim) that turns a step in pixels into a step in the layer's units."""
    corner = np.asarray(layer.data_to_world(np.zeros(layer.ndim)))
    steps = np.eye(layer.ndim)
    return np.stack([np.asarray(layer.data_to_world(step)) - corner for step in steps], axis=1)


def is_mirrored(layer: Layer) -> bool:
    """Whether what is seen of a layer's rows and columns is their mirror image."""
    return bool(np.linalg.det(linear_part(layer)[-2:, -2:]) < 0)


def pixel_size_of(layer: Layer) -> tuple[float, float] | None:
    """Return (dy, dx) in metres; None where the layer's last two units are no lengths."""
    metres = [_metres(unit) for unit in layer.units[-2:]]
    if None in metres:
        return None
    to_metres = np.array([_metres(unit) or 1.0 for unit in layer.units])
    dy, dx = np.linalg.norm(to_metres[:, None] * linear_part(layer), axis=0)[-2:]
    return float(dy), float(dx)


def to_pixels(points: NDArray[Any], source: Layer, target: Layer, world_units: Units | None) -> NDArray[np.float64]:
    """Map points of one layer to pixels of another, through the world, as napari draws them.

    Parameters
    ----------
    points
        Data coordinates (n, source.ndim).
    world_units
        ``viewer.dims.units``: None where layers disagree (pixel beside nm); napari then takes all numbers bare.

    Returns
    -------
    Data coordinates (n, target.ndim); an axis that the source lacks takes the target's first pixel.
    """
    mapped = np.empty((len(points), target.ndim))
    corner = np.asarray(target.data_to_world(np.zeros(target.ndim)))
    shared = min(source.ndim, target.ndim)
    factor = np.ones(shared) if world_units is None else _factors(source.units[-shared:], target.units[-shared:])
    for row, point in enumerate(points):
        world = corner.copy()
        world[-shared:] = np.asarray(source.data_to_world(point))[-shared:] * factor
        mapped[row] = target.world_to_data(world)
    return mapped


def in_layer(position: Sequence[float], layer: Layer, world_units: Units | None) -> NDArray[np.float64]:
    """Return where in a layer, in its pixels, a position in a viewer's world lies; units are ``viewer.dims.units``."""
    place = np.array(position, np.float64)[-layer.ndim :]
    factors = _factors(world_units, layer.units)[-len(place) :]
    place[-len(factors) :] *= factors
    return np.asarray(layer.world_to_data(place))


def in_world(point: Sequence[float], layer: Layer, world_units: Units | None) -> NDArray[np.float64]:
    """Return where in a viewer's world a point of a layer, in its pixels, lies, one number for each of its axes."""
    return np.asarray(layer.data_to_world(point)) * _factors(layer.units, world_units)


def pixel_at(position: Sequence[float], layer: Layer, world_units: Units | None) -> tuple[int, ...] | None:
    """Return the pixel of a layer at a position in a viewer's world; None where it lies outside of the layer."""
    pixel = np.round(in_layer(position, layer, world_units)).astype(int)
    shape = np.asarray(layer.data.shape[: layer.ndim])
    return tuple(int(i) for i in pixel) if ((pixel >= 0) & (pixel < shape)).all() else None


def centre_on(viewer: Viewer, layer: Layer, point: Sequence[float]) -> None:
    """Bring a point of a layer, in its pixels, to the middle of the canvas; zoom and sliders stay as they are.

    A viewer that holds the layer no longer, and has fewer axes, stays as it is.
    """
    if viewer.dims.ndim < layer.ndim:
        return
    world = np.array(viewer.dims.point, dtype=np.float64)
    world[-layer.ndim :] = in_world(point, layer, viewer.dims.units)
    viewer.scene.camera.center = tuple(world[list(viewer.dims.displayed)])


def label_colours(colours: Mapping[int, str]) -> CyclicLabelColormap:
    """Return what shows some labels in colours of their own, and the others not at all.

    napari's DirectLabelColormap would do too, but compiles for seconds in the GUI thread before it shows anything.
    """
    from napari.utils.colormaps import CyclicLabelColormap
    from napari.utils.colormaps.standardize_color import transform_color

    of_label = np.zeros((_MOST_LABELS + 1, 4), np.float32)
    for label, colour in colours.items():
        of_label[label] = transform_color(colour)[0]
    return CyclicLabelColormap(colors=of_label)


def units_disagree(layers: Sequence[Layer]) -> bool:
    """Whether napari cannot bring these layers to one unit and compares bare numbers, as with pixel beside nm."""
    lengths = {_metres(unit) is None for layer in layers for unit in layer.units[-2:]}
    return len(lengths) > 1


def _before_affine(layer: Layer, point: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(layer.affine.inverse(np.asarray(layer.data_to_world(point))))


def _metres(unit: pint.Unit) -> float | None:
    """Return one unit in metres, None where it is no length."""
    quantity = 1 * unit
    return float(quantity.to("meter").magnitude) if quantity.check("[length]") else None


def _factors(source: Units | None, target: Units | None) -> NDArray[np.float64]:
    """Return what numbers in some units are multiplied by to be in others; trailing axes, bare where None."""
    if source is None or target is None:
        return np.ones(len(source or target or (1,)))
    shared = min(len(source), len(target))
    return np.array([_convert(a, b) for a, b in zip(source[-shared:], target[-shared:], strict=True)])


def _convert(source: pint.Unit, target: pint.Unit) -> float:
    return float((1 * source).to(target).magnitude) if source.dimensionality == target.dimensionality else 1.0
