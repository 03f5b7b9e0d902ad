"""Image layers as pictures: the frames of a stack, their pixel size, contrast and acquisition data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray

from napari_magtex.colours import is_grey
from napari_magtex.contributions import FIRST_KEY, MASK_KEY, METADATA_KEY
from napari_magtex.errors import UnusablePicture
from napari_magtex.picture import Contrast, Picture, Region, unit_colours
from napari_magtex.texture import Lattice, SpinTexture
from napari_magtex.widgets.layers import in_layer, linear_part, pixel_size_of, placed_on
from napari_magtex.widgets.series import KNOWN

if TYPE_CHECKING:
    from napari.components import Dims

DEFOCUS = "defocus_um"  # in acquisition data: a number, or a list with one for each frame; positive is underfocus


def stack_shape(image: Image) -> tuple[int, ...]:
    """Return the lengths of the axes before rows and columns: () for one picture, (t,), (t, z), ..."""
    return tuple(_data(image).shape[: -3 if image.rgb else -2])


def frame_shape(image: Image) -> tuple[int, int]:
    """Return (ny, nx)."""
    ny, nx = _data(image).shape[-3:-1] if image.rgb else _data(image).shape[-2:]
    return int(ny), int(nx)


def frame_count(image: Image) -> int:
    """Return how many frames a layer holds; every axis before rows and columns counts."""
    return int(np.prod(stack_shape(image), dtype=int))


def shown_frame(image: Image, dims: Dims) -> int:
    """Return the number of the frame at the dims sliders of a viewer."""
    stack = stack_shape(image)
    if not stack:
        return 0
    index = np.round(in_layer(dims.point, image, dims.units)[: len(stack)]).astype(int)
    return int(np.ravel_multi_index(tuple(index), stack, mode="clip"))


def frame_index(image: Image, frame: int) -> tuple[int, ...]:
    """Return a frame's index on each axis before rows and columns."""
    return tuple(int(i) for i in np.unravel_index(frame, stack_shape(image)))


def frame_number(image: Image, frame: int) -> int:
    """Return a frame's number among all that the layer's file holds, as results and the command line count them."""
    return int(image.metadata.get(FIRST_KEY, 0)) + frame


def told_apart(region: int, regions: int, frame: int, frames: int) -> str:
    """Return what tells one of several regions, from 1, and one of several frames from the others, after a name."""
    return (f", region {region}" if regions > 1 else "") + (f", frame {frame}" if frames > 1 else "")


def texture_of(image: Image) -> SpinTexture | None:
    """Return the spins behind a layer, where its reader left them."""
    held = image.metadata.get(METADATA_KEY)
    return held if isinstance(held, SpinTexture) else None


def spins_shown(image: Image, frame: int) -> SpinTexture | None:
    """Return the spins that a frame of a layer shows, a pixel a cell; None where its pixels are no cells."""
    texture, stack = texture_of(image), stack_shape(image)
    if texture is None or (*stack, *texture.shape[1:]) != _data(image).shape[: image.ndim]:
        return None
    return texture.layer(frame) if stack else texture


def meta_of(image: Image) -> Mapping[str, Any]:
    """Return what the file behind a layer said: acquisition data, colour map, truth of a sample."""
    held = image.metadata.get(METADATA_KEY)
    if isinstance(held, SpinTexture):
        return held.meta
    return held if isinstance(held, Mapping) else {}


def meta_of_frame(image: Image, frame: int, seen: Image | None = None) -> Mapping[str, Any]:
    """Return what is known of one frame, of defoci, fields or temperatures in turn its own.

    ``seen`` is the layer that stands for it. Of a texture three numbers are a field's components, not one a layer.
    """
    meta = meta_of(seen or image)
    if texture_of(image) is not None:
        return meta
    lists = {key: meta[key] for key in (DEFOCUS, *KNOWN) if isinstance(meta.get(key), (list, tuple))}
    return {**meta, **{key: each[frame] for key, each in lists.items() if len(each) == frame_count(image)}}


def mask_of(image: Image) -> NDArray[np.bool_] | None:
    """Return where nothing may be analysed in any frame of a layer, (ny, nx), as Clean frame left it."""
    mask = meta_of(image).get(MASK_KEY)
    return None if mask is None else np.asarray(mask, dtype=bool)


def contrast_of(image: Image) -> Contrast | None:
    """Return the contrast that the file names; None where only a look can tell."""
    if texture_of(image) is not None:
        return Contrast.SPIN
    named = meta_of(image).get("contrast")
    return Contrast(named) if named in set(Contrast) else None


def source_name(image: Image) -> str:
    """Return what results call a layer's source: its path where it has one, else the layer's name."""
    return str(image.source.path or image.name)


def part_of(image: Image, frame: int, *, origin: Sequence[float], step: Sequence[float] = ()) -> dict[str, Any]:
    """Return the keywords that lay a new layer over a part of one frame of what is analysed (`placed_on`).

    ``origin`` and ``step`` are (y, x); the new layer has a leading axis of length 1 for each axis of the stack.
    """
    seen, index = as_analysed(image, frame)
    return placed_on(seen, origin=(*frame_index(seen, index), *origin), step=step)


def picture_of(
    image: Image,
    *,
    frame: int = 0,
    roi: Region | None = None,
    contrast: Contrast | None = None,
    pixel_size: tuple[float, float] | None = None,
) -> Picture:
    """Return one frame of a layer, cut to a region, as the analyses take it.

    Parameters
    ----------
    image
        2-D, or a stack of any number of leading axes; grey or colour; in memory or lazy.
    frame
        Number of the frame, leading axes unravelled.
    roi
        In pixels of the layer; of a texture, in those of its drawing (`as_analysed`).
    contrast, pixel_size
        What the user said, (dy, dx) in metres of the layer's pixels; it goes before what the layer knows.

    Raises
    ------
    UnusablePicture, BadRegion
        The frame holds nothing to analyse, or the region leaves it; or all of it is masked.
    """
    if not 0 <= frame < frame_count(image):
        raise UnusablePicture(f"{image.name} has {frame_count(image)} frames: there is no frame {frame}")
    seen, index = as_analysed(image, frame)
    if pixel_size is not None and seen is not image:
        zoom = float(meta_of(seen)["zoom"])
        pixel_size = (pixel_size[0] / zoom, pixel_size[1] / zoom)
    picture = Picture(
        pixels=_own_copy(_data(seen)[frame_index(seen, index)]),
        contrast=contrast or contrast_of(image),
        pixel_size=pixel_size or pixel_size_of(seen),
        name=source_name(image),
        frame=frame_number(image, frame),
        meta={key: value for key, value in meta_of_frame(image, frame, seen).items() if key != MASK_KEY},
        mask=mask_of(seen),
    )
    return picture if roi is None else picture.crop(roi)


class GreyFrames(Sequence[NDArray[Any]]):
    """The frames of a layer, (ny, nx) each, read when they are asked for; grey ones stored as colour become grey."""

    def __init__(self, image: Image) -> None:
        self._data, self._rgb, self._stack, self._name = _data(image), image.rgb, stack_shape(image), image.name

    def __len__(self) -> int:
        return int(np.prod(self._stack, dtype=int))

    def __getitem__(self, number: Any) -> Any:
        frame = _own_copy(self._data[tuple(np.unravel_index(number, self._stack))])
        if not self._rgb:
            return frame
        if not is_grey(unit_colours(frame)):
            raise UnusablePicture(f"{self._name} is a colour picture: frames of a microscope are grey")
        return frame[..., :3].astype(np.float32).mean(axis=2)


def as_analysed(image: Image, frame: int) -> tuple[Image, int]:
    """Return the layer whose pixels are analysed, and the frame's number in it.

    It is the layer itself, but for a texture: a layer shows one pixel a cell, the networks see cells drawn larger, and
    triangular lattices drawn where the sites are, as the command line does. That drawing is a layer of its own, in no
    viewer, which lies exactly over the texture's.
    """
    texture = spins_shown(image, frame)
    if texture is None:
        return image, frame
    from napari_magtex.inputs import draw_texture

    stack = stack_shape(image)
    picture = draw_texture(texture)
    zoom = float(picture.meta["zoom"])
    index = frame_index(image, frame)
    if texture.lattice is Lattice.TRIANGULAR:
        placement = _over_sites(image, index, zoom)
    else:
        first = (1 / zoom - 1) / 2  # centre of the first pixel, in cells
        placement = placed_on(image, origin=(*index, first, first), step=(1 / zoom, 1 / zoom))
    pixels = picture.pixels[(np.newaxis,) * len(stack)]
    meta = {"contrast": str(Contrast.SPIN), **texture.meta, **picture.meta}
    return Image(pixels, rgb=True, name=image.name, metadata={METADATA_KEY: meta}, **placement), 0


def _over_sites(image: Image, index: tuple[int, ...], zoom: float) -> dict[str, Any]:
    """Lay a drawing of a triangular lattice over the layer of its sites: row i, counted upward, starts at i/2."""
    rows = _data(image).shape[-2 - image.rgb]
    row_height = zoom * np.sqrt(3) / 2
    to_site = np.eye(image.ndim + 1)  # pixel of the drawing -> pixel of the layer
    to_site[: len(index), -1] = index
    to_site[-3, -3:] = 1 / row_height, 0, 0.5 / row_height - 0.5
    to_site[-2, -3:] = 0.5 / row_height, 1 / zoom, 0.5 / zoom - 0.5 - (rows - 1 - to_site[-3, -1]) / 2
    to_world = np.eye(image.ndim + 1)
    to_world[:-1, :-1] = linear_part(image)
    to_world[:-1, -1] = image.data_to_world(np.zeros(image.ndim))
    return {"affine": to_world @ to_site, "units": image.units, "axis_labels": image.axis_labels}


def _data(image: Image) -> Any:
    return image.data[0] if image.multiscale else image.data


def _own_copy(frame: Any) -> NDArray[Any]:
    """Read a lazy frame, and copy one in memory: a picture is frozen, the layer's own array must not become so."""
    return np.array(frame)
