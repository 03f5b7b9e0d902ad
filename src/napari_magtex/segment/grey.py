"""Pictures to what segmentation looks at: one grey value a pixel, and which pixels are no picture of the film."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_magtex.colours import recognise, rgb_to_spin
from napari_magtex.errors import UnusablePicture
from napari_magtex.imaging.kerr import kerr_frame
from napari_magtex.picture import Contrast, Picture
from napari_magtex.texture import Lattice, SpinTexture

_SAME = 2.5 / 255  # that the channels of a grey picture saved in colours may differ by
_SATURATED = 0.05  # of the pixels at one end of the scale: skyrmions may be hidden there
_PLAIN = 0.6  # of a row that has one value: of a footer's rows, of no row of a film with noise
_FOOTER = (8, 0.3)  # rows at least, and the most of the frame


@dataclass(frozen=True, eq=False)
class Grey:
    """Grey values (ny, nx), the rows [0, ``rows``) that show the sample, and what a person should know of them."""

    values: NDArray[np.float32]
    rows: int
    notes: tuple[str, ...] = ()


def grey_of(picture: Picture) -> Grey:
    """Return the grey values of a picture; of spins in colours, m_z.

    Raises
    ------
    UnusablePicture
        It is constant, or drawn in false colours.
    """
    pixels = picture.pixels
    if picture.is_colour:
        pixels = _without_colour(picture)
    if picture.is_constant:
        raise UnusablePicture(f"the frame is constant: every pixel is {float(picture.pixels.flat[0]):g}")
    notes = []
    rows = len(pixels)
    if picture.roi is None and picture.contrast is not Contrast.SPIN:  # who draws a region chose it without a footer
        rows = _footer_begins(pixels, picture.inside)
    if rows < len(pixels):
        notes.append(f"rows {rows} to {len(pixels) - 1} hold a footer: left out")
    low, high = float(pixels[:rows].min()), float(pixels[:rows].max())
    for level, end in ((low, "darkest"), (high, "brightest")):
        share = float((pixels[:rows] == level).mean())
        if share > _SATURATED:
            notes.append(f"{share:.0%} of the pixels are the {end} value, {level:g}: what is saturated shows nothing")
    return Grey(np.asarray(pixels, np.float32), rows, tuple(notes))


def polar(picture: Picture, texture: SpinTexture | None) -> tuple[Picture, SpinTexture | None]:
    """Return what is segmented of a picture: itself, or m_z of the texture that it draws, a pixel a cell, with that.

    A triangular lattice stays the picture that it is drawn as: its cells are no pixels.
    """
    if texture is None or texture.lattice is Lattice.TRIANGULAR:
        return picture, None
    seen, middle = kerr_frame(texture), texture.middle()
    bare = ~middle.material[0]  # of the grey between up and down, which would be taken for film
    return replace(seen, name=picture.name, frame=picture.frame, contrast=Contrast.SPIN, mask=bare), middle


def _without_colour(picture: Picture) -> NDArray[np.float32]:
    pixels = picture.pixels
    if float(np.ptp(pixels, axis=2).max()) <= _SAME:
        return pixels.mean(axis=2)
    known = recognise(pixels, picture.inside) if picture.contrast in (None, Contrast.SPIN) else None
    if known is None:
        raise UnusablePicture(
            "the frame is in colours, which tell no brightness: open the grey frame that they were made from"
        )
    return rgb_to_spin(pixels, picture.meta.get("colour_map", known))[..., 2]


def _footer_begins(pixels: NDArray[np.float32], inside: NDArray[np.bool_]) -> int:
    """Return the row that a footer of one plain colour with writing begins at; the number of rows where there is none.

    Rows of a film have no colour that most of their pixels share, unless it was drawn without noise: then this tells
    nothing, and nothing is left out. Nor do rows tell anything of which no pixel is ``inside``.
    """
    told = np.flatnonzero(inside.any(axis=1))
    plain = np.empty(len(told), bool)
    common = np.empty(len(told), np.float32)
    for number, row in enumerate(told):
        values = np.sort(pixels[row, inside[row]])
        runs = np.flatnonzero(np.diff(values, prepend=np.nan, append=np.nan) != 0)
        longest = np.diff(runs).argmax()
        common[number] = values[runs[longest]]
        plain[number] = np.diff(runs)[longest] > _PLAIN * len(values)
    begins = len(told)
    while begins > 0 and plain[begins - 1] and common[begins - 1] == common[-1]:
        begins -= 1
    least, most = _FOOTER
    is_footer = least <= len(told) - begins <= most * len(told) and plain[:begins].mean() < 0.5
    return int(told[begins]) if is_footer else len(pixels)
