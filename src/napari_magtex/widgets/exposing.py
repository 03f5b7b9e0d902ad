"""What the dock Simulate frame asks for, and how it is computed: off the GUI thread, from reading the spins on."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from napari.layers import Image

from napari_magtex.compute import Progress
from napari_magtex.errors import MagtexError, UncalibratedPicture, Unsuitable, UnusablePicture
from napari_magtex.imaging.exposure import Exposure, expose
from napari_magtex.picture import Picture
from napari_magtex.texture import SpinTexture
from napari_magtex.widgets.pictures import meta_of, picture_of, texture_of


@dataclass(frozen=True)
class Film:
    """What is seen: a frame of a layer that holds spins, and what a person says where it does not know it, in SI."""

    image: Image
    frame: int
    saturation: float
    thickness: float
    pixel: float

    def texture(self) -> SpinTexture:
        """Read the spins: a texture with all its layers, or those that a frame's colours carry.

        Raises
        ------
        UnusablePicture, UncalibratedPicture, Unsuitable
            There are none; their pixel size is not known; saturation or thickness are not above 0.
        """
        from napari_magtex.io.spin_png import spins_of

        texture = texture_of(self.image) or spins_of(picture_of(self.image, frame=self.frame))
        if texture is None:
            raise UnusablePicture(f"{self.image.name} holds no directions of spins that could be read from its colours")
        cell = texture.cell or (self.thickness, self.pixel, self.pixel)
        if not texture.knows_thickness:
            cell = (self.thickness, *cell[1:])
        if cell[1] <= 0:
            raise UncalibratedPicture("the pixel size of the texture is unknown: type it in nm")
        saturation = texture.saturation or self.saturation
        if saturation <= 0 or cell[0] <= 0:
            raise Unsuitable("electrons need the film's saturation and thickness: both must be above 0")
        return replace(texture, cell=cell, saturation=saturation)


@dataclass(frozen=True)
class Taken:
    """Frames of a texture's layer, and what is to be said of them; ``refused`` in place of a frame."""

    image: Image
    frames: Sequence[Picture]
    notes: tuple[str, ...] = ()
    refused: str = ""


def shows_spins(image: Image) -> bool:
    """Whether a layer holds a texture or colours that carry directions; its pixels are not read."""
    from napari_magtex.colours import ColourMap

    name = meta_of(image).get("colour_map")
    return texture_of(image) is not None or (image.rgb and name in set(ColourMap) and ColourMap(name).carries_in_plane)


def frame_of(film: Film, exposure: Exposure) -> Iterator[Progress | Taken]:
    """Take a frame."""
    yield Progress(0, 0, "exposing")
    frame, notes = _exposed(film.texture(), exposure)
    yield Taken(film.image, [frame], notes)


def preview_of(film: Film, exposure: Exposure) -> Iterator[Progress | Taken]:
    """As `frame_of`, but what is refused is an answer too: one does not want a message at every turn of a wheel."""
    try:
        yield from frame_of(film, exposure)
    except MagtexError as error:
        yield Taken(film.image, [], refused=str(error))


def series_of(film: Film, exposure: Exposure, defoci: Sequence[float]) -> Iterator[Progress | Taken]:
    """Take a frame at each defocus in m, each with noise of its own."""
    frames, notes = [], dict[str, None]()
    texture = film.texture()
    for number, defocus in enumerate(defoci):
        yield Progress(number, len(defoci), "frame")
        optics = replace(exposure.optics, defocus=defocus)
        frame, said = _exposed(texture, replace(exposure, optics=optics, seed=exposure.seed + number))
        frames.append(frame)
        notes |= dict.fromkeys(said)
    yield Taken(film.image, frames, tuple(notes))


def _exposed(texture: SpinTexture, exposure: Exposure) -> tuple[Picture, tuple[str, ...]]:
    """Return a frame, and as sentences what was warned of."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        frame = expose(texture, exposure)
    return frame, tuple(f"{(text := str(one.message))[0].upper()}{text[1:]}." for one in told)
