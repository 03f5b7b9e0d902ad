"""Commands on a layer that holds a spin texture: its components as layers, its spins as arrows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image
from napari.utils.notifications import show_info
from napari.viewer import Viewer

from napari_magtex.errors import MagtexError, Unsuitable
from napari_magtex.widgets.choices import RESULT_KEY, SOURCE_KEY
from napari_magtex.widgets.layers import placed_on
from napari_magtex.widgets.pictures import stack_shape, texture_of
from napari_magtex.widgets.worker import tell

if TYPE_CHECKING:
    from napari_magtex.texture import SpinTexture

MOST_ARROWS = 64  # along a side; more hide each other


def show_components(viewer: Viewer) -> None:
    """Add m_x, m_y and m_z of the texture layer selected as grey layers; m_y > 0 points up."""
    try:
        image, texture = _selected(viewer)
        m = _on_pixels(texture, image)
        for axis, name in enumerate(("m_x", "m_y", "m_z")):
            viewer.add_image(
                m[..., axis],
                name=f"{name}: {image.name}",
                colormap="RdBu",
                contrast_limits=(-1, 1),
                visible=name == "m_z",
                metadata={RESULT_KEY: name, SOURCE_KEY: image.unique_id},
                **placed_on(image),
            )
    except MagtexError as error:
        tell(error)


def show_vectors(viewer: Viewer) -> None:
    """Add the spins of the texture layer selected as in-plane arrows coloured by m_z; of many, every n-th."""
    try:
        image, texture = _selected(viewer)
        m = _on_pixels(texture, image)
        every = max(1, -(-max(m.shape[-3:-1]) // MOST_ARROWS))
        grid = tuple(slice(None) for _ in stack_shape(image)) + (slice(every // 2, None, every),) * 2
        places = np.stack(np.meshgrid(*(np.arange(n) for n in m.shape[:-1]), indexing="ij"), axis=-1)[grid]
        spins = m[grid]
        there = np.any(spins != 0, axis=-1)
        places, spins = places[there], spins[there]
        arrows = np.zeros((len(places), 2, places.shape[-1]), dtype=np.float32)
        arrows[:, 1, -2:] = every * np.stack([-spins[:, 1], spins[:, 0]], axis=-1)  # rows count downwards, m_y up
        arrows[:, 0] = places - arrows[:, 1] / 2
        viewer.add_vectors(
            arrows,
            name=f"spins: {image.name}",
            features={"m_z": spins[:, 2]},
            edge_color="m_z",
            edge_colormap="RdBu",
            edge_contrast_limits=(-1, 1),
            edge_width=0.15 * every,
            vector_style="arrow",
            metadata={RESULT_KEY: "spins", SOURCE_KEY: image.unique_id},
            **placed_on(image),
        )
        if every > 1:
            show_info(f"Every {every}th spin is shown.")
    except MagtexError as error:
        tell(error)


def _selected(viewer: Viewer) -> tuple[Image, SpinTexture]:
    layer = viewer.layers.selection.active
    texture = texture_of(layer) if isinstance(layer, Image) else None
    if not isinstance(layer, Image) or texture is None:
        raise Unsuitable("select a layer that holds a spin texture, as an .ovf file opens: a picture has no components")
    return layer, texture


def _on_pixels(texture: SpinTexture, image: Image) -> np.ndarray:
    """Return m in the axes of the layer that shows it, (nz, ny, nx, 3), or (ny, nx, 3) of a layer without z."""
    m = texture.m if stack_shape(image) else texture.m[texture.shape[0] // 2]
    shown = image.data.shape[: image.ndim]
    if m.shape[:-1] != shown:
        raise Unsuitable(f"{image.name} shows {shown} pixels, its texture has {m.shape[:-1]} cells: open it again")
    return m
