"""Layers > Data > Read calibration: scale, units and metadata of an open layer, read from its file once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image
from napari.utils.notifications import show_info
from napari.viewer import Viewer

from napari_magtex.contributions import METADATA_KEY, read_calibration
from napari_magtex.errors import MagtexError, UncalibratedPicture, Unsuitable
from napari_magtex.widgets.layers import pixel_size_of
from napari_magtex.widgets.worker import tell

if TYPE_CHECKING:
    from collections.abc import Mapping


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
        raise UncalibratedPicture(f"{layer.source.path} tells no pixel size: set it in Estimate parameters, in nm")
    layer.scale = (*layer.scale[:-2], *_last_two(told, "scale"))
    layer.units = (*layer.units[:-2], *_last_two(told, "units"))


def _last_two(told: Mapping[str, Any], key: str) -> list[Any]:
    return list(told[key])[-2:]
