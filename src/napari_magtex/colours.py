"""Colour maps of spin pictures, both ways: directions to colours, colours to directions.

A map is a curve or a surface in the colour cube. MuMax3's and Spirit's HSV are the same surface, walked with another
hue: white up, black down, the saturated colours in the plane. The other maps show m_z alone.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

ALIKE = 0.02  # red, green and blue no further apart than this all over are a grey picture saved as colour
NO_MATERIAL = 127 / 255  # the grey that MuMax3 leaves where m = 0; here it is every map's
_ENOUGH = 4096  # pixels tell a colour map: the shares that decide are then known to 0.6 %
ARROW_SHADE = 155 / 255  # MuMax3's ",arrows" darkens what lies below to this


class ColourMap(StrEnum):
    """How a program colours a spin."""

    MUMAX3 = "mumax3"  # hue: angle from +x, counter-clockwise; lightness: m_z
    BLUE_RED = "blue-red"  # m_z from blue (-1) straight to red (+1)
    RAINBOW = "rainbow"  # m_z from blue by green to red: VFRendering's "bluegreenred"
    BLUE_WHITE_RED = "blue-white-red"  # m_z from blue by white to red
    HSV = "hsv"  # VFRendering: as MuMax3, but hue is the angle from +y, clockwise
    GREY = "grey"  # m_z from black to white

    @property
    def carries_in_plane(self) -> bool:
        """Whether the whole direction can be read back; else only m_z can."""
        return self in (ColourMap.MUMAX3, ColourMap.HSV)


def spin_to_rgb(m: ArrayLike, colour_map: ColourMap | str = ColourMap.MUMAX3) -> NDArray[np.float32]:
    """Colour directions.

    Parameters
    ----------
    m
        Directions (..., 3), unit vectors or shorter; 0 where there is no material.
    colour_map
        The map to draw with.

    Returns
    -------
    Red, green and blue from 0 to 1, (..., 3). No material is the grey 127/255 in every map; in the grey map it
    cannot be told from m_z = 0.

    Notes
    -----
    MuMax3 (draw/hslscale.go) cuts 255 times the colour to an integer where others round: the two differ by one level.
    """
    m = np.asarray(m, dtype=np.float32)
    z = np.clip(m[..., 2], -1, 1)
    match ColourMap(colour_map):
        case ColourMap.MUMAX3:
            rgb = _sphere(np.arctan2(m[..., 1], m[..., 0]), z, np.linalg.norm(m, axis=-1))
        case ColourMap.HSV:
            rgb = _sphere(np.arctan2(m[..., 0], m[..., 1]), z, np.linalg.norm(m, axis=-1))
        case ColourMap.BLUE_RED:
            rgb = np.stack([(1 + z) / 2, np.zeros_like(z), (1 - z) / 2], axis=-1)
        case ColourMap.RAINBOW:
            rgb = _pure_hue((1 - z) * np.float32(np.pi / 3 * 2))
        case ColourMap.BLUE_WHITE_RED:
            rgb = 1 - np.stack([np.maximum(-z, 0), np.abs(z), np.maximum(z, 0)], axis=-1)
        case ColourMap.GREY:
            rgb = np.repeat(((1 + z) / 2)[..., None], 3, axis=-1)
    rgb[~np.any(m, axis=-1)] = NO_MATERIAL
    return rgb.astype(np.float32, copy=False)


def rgb_to_spin(rgb: ArrayLike, colour_map: ColourMap | str = ColourMap.MUMAX3) -> NDArray[np.float32]:
    """Read directions back from colours.

    Parameters
    ----------
    rgb
        Red, green and blue from 0 to 1, (..., 3); a colour beside the map is taken to a near one on it.
    colour_map
        The map that the picture was drawn with.

    Returns
    -------
    m, (..., 3): unit vectors where the map carries the whole direction. The other maps tell m_z alone, and give
    (0, 0, m_z): no unit vectors, so do not make a `SpinTexture` of them. 0 where the colour is that of no material.

    Notes
    -----
    8-bit colours fix m_z to 0.004, and the in-plane part to 0.004 / sqrt(1 - m_z^2).
    """
    rgb = np.asarray(rgb, dtype=np.float32)
    red, green, blue = np.moveaxis(rgb, -1, 0)
    colour_map = ColourMap(colour_map)
    match colour_map:
        case ColourMap.MUMAX3 | ColourMap.HSV:
            return _read_sphere(rgb, clockwise_from_y=colour_map is ColourMap.HSV)
        case ColourMap.BLUE_RED:
            z = red - blue
        case ColourMap.RAINBOW:
            hue = _hue(rgb)
            z = 1 - np.where(hue > np.pi * 5 / 3, 0, np.minimum(hue, np.pi * 4 / 3)) / (np.pi / 3 * 2)
        case ColourMap.BLUE_WHITE_RED:
            z = np.where(red >= blue, 1 - green, green - 1)
        case ColourMap.GREY:
            z = rgb.mean(axis=-1) * 2 - 1
    if colour_map is not ColourMap.GREY:
        z = np.where(_is_no_material(rgb), 0, z)
    m = np.zeros_like(rgb)
    m[..., 2] = np.clip(z, -1, 1)
    return m


def recognise(rgb: ArrayLike, inside: NDArray[np.bool_] | None = None) -> ColourMap | None:
    """Name the colour map of a picture of cells, from its pixels (ny, nx, 3), 0 to 1.

    MuMax3's shaded arrows over a picture, and a background of no material, do not hinder it. Pixels that are not
    ``inside`` (ny, nx) do not count.

    Returns
    -------
    The map, or None where no map explains the picture: photographs, plots, pictures of lit arrows. A picture without
    any colour is grey, be it m_z or a microscope's frame. HSV is never the answer: its colours are MuMax3's own, and
    only the program's name tells that they mean other directions.
    """
    rgb = np.asarray(rgb, dtype=np.float32)
    inside = np.ones(rgb.shape[:2], bool) if inside is None else inside
    stride = max(1, round(max(rgb.shape[:2]) / 256))
    if inside[::stride, ::stride].any():
        rgb, inside = rgb[::stride, ::stride], inside[::stride, ::stride]
    if spread(rgb[inside]).max() < 0.04:
        return ColourMap.GREY
    if _is_drawn_on_a_ground(rgb, inside):
        return None
    material = rgb[inside & ~_is_no_material(rgb)]
    if len(material) > _ENOUGH:
        material = material[np.random.default_rng(0).integers(len(material), size=_ENOUGH)]
    for curve in (ColourMap.BLUE_RED, ColourMap.RAINBOW, ColourMap.BLUE_WHITE_RED):
        # Each curve lies on MuMax3's surface: it must explain the more, and be walked on both sides of m_z = 0.
        z = rgb_to_spin(material, curve)[..., 2]
        if _explained(material, curve) > 0.97 and np.quantile(z, 0.98) > 0.6 and np.quantile(z, 0.02) < -0.6:
            return curve
    return ColourMap.MUMAX3 if _explained(material, ColourMap.MUMAX3) > 0.85 else None


def is_grey(rgb: NDArray[np.float32]) -> bool:
    """Whether a picture (..., 3) from 0 to 1 has no colour, as JPEG leaves grey ones that are saved in colours."""
    return not bool((spread(rgb) > ALIKE).any())


def spread(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far the channels of colours (..., 3) lie apart, (...): NumPy's own ptp takes ten times as long on three."""
    red, green, blue = np.moveaxis(rgb, -1, 0)
    return np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)


def _explained(rgb: NDArray[np.float32], colour_map: ColourMap) -> float:
    """Fraction of the colours (n, 3) that lie on a map, as they are or darkened by an arrow."""
    on_map = np.zeros(len(rgb), dtype=bool)
    for shade in (1, ARROW_SHADE):
        lit = rgb / np.float32(shade)
        drawn = spin_to_rgb(rgb_to_spin(lit, colour_map), colour_map)
        on_map |= np.abs(drawn - lit).max(axis=-1) < 0.06
    return float(on_map.mean())


def _is_drawn_on_a_ground(rgb: NDArray[np.float32], inside: NDArray[np.bool_]) -> bool:
    """Whether small things stand apart on one white, grey or black: lit arrows, the lines of a plot."""
    levels = np.round(rgb * 255).astype(np.int64) @ np.array([65536, 256, 1])
    values, counts = np.unique(levels[inside], return_counts=True)
    ground = inside & (levels == values[counts.argmax()])
    both = inside[:, 1:] & inside[:, :-1]
    steps = ground[:, 1:] != ground[:, :-1]
    jumps = np.abs(np.diff(rgb, axis=1)).max(axis=-1) > 0.3
    if np.ptp(rgb[ground][0]) > 0.04:
        return False  # an antiferromagnet jumps too, between two colours
    return bool(ground[inside].mean() > 0.15 and (steps & jumps & both).sum() > 0.03 * both.sum())


def _pure_hue(hue: NDArray[np.float32]) -> NDArray[np.float32]:
    """Saturated colour of a hue in radians: red 0, green 2 pi / 3, blue 4 pi / 3."""
    sixth = hue * np.float32(3 / np.pi)
    offset = np.array([0, 4, 2], dtype=np.float32)
    return np.clip(np.abs((sixth[..., None] + offset) % 6 - 3) - 1, 0, 1)


def _sphere(hue: NDArray[np.float32], z: NDArray[np.float32], saturation: NDArray[np.float32]) -> NDArray[np.float32]:
    """Hue, saturation and lightness (z + 1) / 2, as MuMax3 has it."""
    chroma = (1 - np.abs(z)) * np.minimum(saturation, 1)
    return (_pure_hue(hue) - np.float32(0.5)) * chroma[..., None] + ((z + 1) / 2)[..., None]


def _hue(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """Hue in radians, 0 to 2 pi; 0 where there is no colour."""
    red, green, blue = np.moveaxis(rgb, -1, 0)
    top, chroma = rgb.max(axis=-1), spread(rgb)
    safe = np.where(chroma > 0, chroma, 1)
    from_red, from_green, from_blue = (green - blue) / safe, (blue - red) / safe, (red - green) / safe
    sixth = np.where(top == red, from_red % 6, np.where(top == green, from_green + 2, from_blue + 4))
    return np.asarray(np.where(chroma > 0, sixth, 0) * (np.pi / 3), dtype=np.float32)


def _read_sphere(rgb: NDArray[np.float32], clockwise_from_y: bool) -> NDArray[np.float32]:
    """Invert `_sphere` for unit vectors."""
    z = np.clip(rgb.max(axis=-1) + rgb.min(axis=-1) - 1, -1, 1)
    hue, in_plane = _hue(rgb), np.sqrt(1 - z * z)
    along, across = in_plane * np.cos(hue), in_plane * np.sin(hue)
    m = np.stack([across, along, z] if clockwise_from_y else [along, across, z], axis=-1)
    m[_is_no_material(rgb)] = 0
    return m.astype(np.float32, copy=False)


def _is_no_material(rgb: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Grey of middle lightness: no map but the grey one passes there."""
    return (spread(rgb) < 0.06) & (np.abs((rgb[..., 0] + rgb[..., 1] + rgb[..., 2]) / 3 - NO_MATERIAL) < 0.06)
