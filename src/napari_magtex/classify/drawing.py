"""A simulation as a picture of some style: what a program draws, or what an instrument records, with their faults."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from math import ceil

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import uniform_filter1d
from scipy.spatial.transform import Rotation

from napari_magtex.classify.augment import SMALLEST, Spins, activity, piece, varied
from napari_magtex.classify.faults import Faults, eight_bits, margined, plotted, resized, through_jpeg
from napari_magtex.classify.instruments import SIDES, exposed, instrument_frame, uniform_frame
from napari_magtex.classify.recording import recorded
from napari_magtex.colours import ARROW_SHADE, ColourMap, spin_to_rgb
from napari_magtex.imaging.arrows import ArrowStyle, draw_arrows
from napari_magtex.imaging.cells import draw_cells
from napari_magtex.picture import SMALLEST_SIDE, Contrast, Picture
from napari_magtex.states.definitions import FERROMAGNETIC, State
from napari_magtex.states.library import Simulation
from napari_magtex.texture import Lattice, SpinTexture

Pixels = NDArray[np.float32]


class Family(StrEnum):
    """Styles that are told apart in the figures."""

    ARROWS = "arrows"
    CELLS = "cells"
    GREY = "grey"  # m_z of a program's picture
    WHEEL = "wheel"
    LORENTZ = "lorentz"
    KERR = "kerr"
    MFM = "mfm"

    @property
    def contrast(self) -> Contrast:
        """What makes its pixels bright."""
        return Contrast(self.value) if self.value in set(Contrast) else Contrast.SPIN


_SHARES = {  # of the pictures of a state that every contrast shows; the others have spin pictures only
    Family.ARROWS: 0.22,
    Family.CELLS: 0.16,
    Family.GREY: 0.06,
    Family.WHEEL: 0.08,
    Family.LORENTZ: 0.20,
    Family.KERR: 0.18,
    Family.MFM: 0.10,
}
_EXPOSED = frozenset({Family.WHEEL, Family.LORENTZ, Family.KERR, Family.MFM})  # to light or a tip for seconds
_COLOUR_MAPS = {  # of cells
    ColourMap.MUMAX3: 0.5,
    ColourMap.HSV: 0.14,
    ColourMap.BLUE_WHITE_RED: 0.14,
    ColourMap.BLUE_RED: 0.11,
    ColourMap.RAINBOW: 0.11,
}
_WIDE_SIDES = (460.0, 1000.0)  # pixels of what shows a whole sample, so fine that only close-ups tell
_WIDE_SHARE = 0.3  # of the pictures with all faults
_FINE = 3  # pixels a site: finer detail would not survive blur, JPEG or shrinking
_WIDEST, _WIDEST_TILED = 130, 500  # sites
_LARGEST_SITE = 40  # pixels
_TRACKS = 0.06  # of the pictures with all faults
_FEWEST = 12  # sites that show a state without any texture
_UNTEXTURED = frozenset({State.FM, State.AFM, State.NEEL_120})


def families(simulation: Simulation) -> tuple[Family, ...]:
    """Return the styles in which a simulation can be drawn.

    No instrument sees an antiferromagnet or a site, and m_z says nothing of an order that lies in the plane.
    """
    spin: tuple[Family, ...] = (Family.ARROWS, Family.CELLS)
    if shows_in_mz(simulation):
        spin += (Family.GREY,)
    seen = simulation.state in FERROMAGNETIC and simulation.texture.lattice is Lattice.SQUARE
    return tuple(Family) if seen else spin


def shows_in_mz(simulation: Simulation) -> bool:
    """Whether m_z alone tells the state: two or three sublattices that all lie in the plane look like one."""
    if simulation.state not in (State.AFM, State.NEEL_120):
        return True
    return bool(np.abs(simulation.texture.m[0, ..., 2]).mean() > 0.4)


def random_family(simulation: Simulation, rng: np.random.Generator) -> Family:
    """Choose one of them."""
    possible = families(simulation)
    shares = np.array([_SHARES[f] for f in possible])
    return possible[rng.choice(len(possible), p=shares / shares.sum())]


def draw(simulation: Simulation, family: Family, rng: np.random.Generator, *, faults: Faults = Faults.ALL) -> Picture:
    """Draw a simulation: a variation of it, a piece of that, and the faults of the style.

    A false-coloured instrument frame keeps the contrast of its instrument.
    """
    m = varied(simulation, rng, bloch=family in (Family.LORENTZ, Family.WHEEL))
    if simulation.kT > 0 and family in _EXPOSED:
        m = exposed(m, periodic=simulation.periodic)
    wide = faults is Faults.ALL and rng.random() < _WIDE_SHARE
    sides = _WIDE_SIDES if wide else SIDES
    if family.contrast in (Contrast.LORENTZ, Contrast.KERR, Contrast.MFM):
        if simulation.state is State.FM:
            frame = uniform_frame(rng, family.contrast, faults, sides)
        else:
            frame = instrument_frame(m, family.contrast, rng, faults, periodic=simulation.periodic, sides=sides)
        return Picture(recorded(frame, rng, faults), family.contrast)
    if faults is Faults.ALL and simulation.state is State.FM and family is not Family.WHEEL and rng.random() < 0.5:
        m = m @ Rotation.random(None, rng).as_matrix().astype(np.float32)  # one direction is as good as another
    sheared = simulation.texture.lattice is Lattice.TRIANGULAR
    fine = wide and simulation.state in FERROMAGNETIC  # order from site to site would be lost
    if fine and simulation.periodic and not sheared:
        m = _tiled(m, family, rng)
    elif simulation.periodic and max(m.shape) <= _WIDEST // 2 and rng.random() < 0.3:
        m = np.tile(m, (1, 2, 1) if rng.random() < 0.5 else (2, 1, 1))
    ny, nx, _ = m.shape
    room = 2 * m.shape[1] - 1 - m.shape[0] / 2  # columns of the doubled rhombus that hold a site in every row
    filled = sheared and simulation.periodic and max(ny, nx) <= _WIDEST and room >= SMALLEST and rng.random() < 0.7
    if filled:
        m = np.tile(m, (1, ceil(1 + ny / nx / 2), 1))  # wide enough for a rectangle of nx sites without empty corners
    elif simulation.state in _UNTEXTURED and faults is Faults.ALL and rng.random() < 0.2:
        m = _corner(m, rng)
    elif faults is Faults.ALL and not sheared and simulation.state in FERROMAGNETIC and rng.random() < _TRACKS:
        m = _track(m, rng)
    elif not fine and (max(ny, nx) > _WIDEST or rng.random() < 0.7):
        m = m[piece(m, rng, most=_WIDEST)]
    if faults is Faults.ALL and not sheared and rng.random() < 0.04:
        m = _cut_round(m)
    texture = SpinTexture.from_layer(m, lattice=simulation.texture.lattice)
    blind = not shows_in_mz(simulation)
    picture, site, ground = _spin_picture(texture, family, rng, faults, sides, upright=filled, in_plane=blind)
    pixels = picture.pixels
    if filled:
        pixels = pixels[:, _filled(pixels.shape[1], m.shape[:2], nx, rng)]
    return Picture(_drawn(pixels, site, ground, rng, faults), family.contrast)


def _tiled(m: Spins, family: Family, rng: np.random.Generator) -> Spins:
    """Repeat a periodic texture along both axes, so that it is fine in a wide picture, and cut a piece out."""
    most = _WIDEST_TILED // 2 if family is Family.ARROWS else _WIDEST_TILED
    wanted = max(max(m.shape), round(np.exp(rng.uniform(np.log(_WIDEST), np.log(most)))))
    ny, nx = wanted, round(wanted * rng.uniform(0.6, 1))
    return np.tile(m, (ceil(ny / m.shape[0]), ceil(nx / m.shape[1]), 1))[:ny, :nx]


def _track(m: Spins, rng: np.random.Generator) -> Spins:
    """A long thin piece, as of a track: a few textures high, there where most of it is."""
    change = activity(m)
    size = np.sqrt(np.mean(np.square(change))) / max(float(np.sqrt(np.mean(np.square(np.diff(change, axis=0))))), 1e-6)
    height = int(np.clip(rng.uniform(3, 6) * size, _FEWEST, m.shape[0]))
    content = uniform_filter1d(change.sum(axis=1), height, mode="constant")
    middle = int(np.clip(content.argmax(), height // 2, m.shape[0] - height + height // 2))
    return m[middle - height // 2 :][:height]


def _corner(m: Spins, rng: np.random.Generator) -> Spins:
    """A few sites: enough where all are alike."""
    ny, nx = (int(rng.integers(min(_FEWEST, n), min(2 * SMALLEST, n) + 1)) for n in m.shape[:2])
    y, x = int(rng.integers(m.shape[0] - ny + 1)), int(rng.integers(m.shape[1] - nx + 1))
    return m[y : y + ny, x : x + nx]


def _cut_round(m: Spins) -> Spins:
    """Leave material in the ellipse that fits, where it holds about as much as the corners do."""
    y, x = np.linspace(-1, 1, m.shape[0])[:, None], np.linspace(-1, 1, m.shape[1])
    inside = y * y + x * x <= 1
    change = activity(m)
    return m * inside[..., None] if change[inside].sum() >= 0.6 * change.sum() else m


def _spin_picture(
    texture: SpinTexture,
    family: Family,
    rng: np.random.Generator,
    faults: Faults,
    sides: tuple[float, float],
    *,
    upright: bool,
    in_plane: bool,
) -> tuple[Picture, float, tuple[float, float, float]]:
    """Draw as a program does; also the pixels a site takes, and the ground beside the texture."""
    longest = max(texture.shape)
    side = float(np.exp(rng.uniform(*np.log(sides))))
    if family is Family.ARROWS:
        style = _arrow_style(float(np.clip(side / longest, _FINE, _LARGEST_SITE)), rng)
        style = replace(style, tilt_deg=0.0) if upright else style
        return draw_arrows(texture, style), style.pixels_per_site, style.ground
    ground = (1.0,) * 3 if rng.random() < 0.7 else (float(rng.random()),) * 3
    least = ceil(1.2 * SMALLEST_SIDE / min(texture.shape[1:]))  # rows of a triangular lattice stand closer
    zoom = max(least, round(np.exp(rng.uniform(0, np.log(max(sides[1] / longest, 1.01))))))
    if family is Family.WHEEL:
        return _wheel(texture, zoom, rng), zoom, ground
    colour_map = ColourMap.GREY if family is Family.GREY else _cell_colours(rng, in_plane=in_plane)
    everything = faults is Faults.ALL and family is Family.CELLS and texture.lattice is Lattice.SQUARE
    smooth = max(side / longest, 1.5)  # interpolated by the program that shows it
    if everything and least == 1 and smooth >= _FINE and rng.random() < 0.12:
        return Picture(resized(draw_cells(texture, colour_map).pixels, smooth, "bicubic")), smooth, ground
    picture = draw_cells(texture, colour_map, zoom=zoom)
    if everything and colour_map.carries_in_plane and rng.random() < 0.2:
        picture = Picture(_shaded_by_arrows(picture.pixels, texture.m[0], zoom))
    return picture, zoom, ground


def _cell_colours(rng: np.random.Generator, *, in_plane: bool) -> ColourMap:
    """Choose a colour map, ``in_plane`` one that tells directions in the plane."""
    shares = {c: p for c, p in _COLOUR_MAPS.items() if c.carries_in_plane or not in_plane}
    p = np.array(list(shares.values()))
    return list(shares)[rng.choice(len(shares), p=p / p.sum())]


# Sprites are ray-traced for a size and a shape, which takes longer than to place them: a few shapes a size are shared.
_SIZES = tuple(np.geomspace(_FINE, _LARGEST_SITE, 20).round(2).tolist())


def _arrow_style(site: float, rng: np.random.Generator) -> ArrowStyle:
    """Choose a style about ``site`` pixels a site; where arrows are quickly traced, one in four has its own shape."""
    style = ArrowStyle.random(rng)
    tilt = style.tilt_deg if site <= 12 else 0.0
    if site <= 9 and rng.random() < 0.25:
        return replace(style, pixels_per_site=site, tilt_deg=tilt)
    nearest = int(np.abs(np.log(np.array(_SIZES) / site)).argmin())
    shape = ArrowStyle.random(np.random.default_rng(nearest)) if nearest % 2 else ArrowStyle()
    return replace(
        shape, pixels_per_site=_SIZES[nearest], tilt_deg=tilt, colour_map=style.colour_map, ground=style.ground
    )


def _shaded_by_arrows(pixels: Pixels, m: Spins, zoom: int) -> Pixels:
    """Darken a picture of cells by MuMax3's flat arrows, one every 16 pixels of the picture or every cell."""
    step = max(1, round(16 / zoom))
    pitch = step * zoom
    image = Image.new("L", pixels.shape[1::-1])
    pen = ImageDraw.Draw(image)
    for row in range(step // 2, m.shape[0], step):
        for column in range(step // 2, m.shape[1], step):
            x, y = float(m[row, column, 0]), float(m[row, column, 1])
            size = pitch * 0.45 * min(1.0, np.hypot(x, y))
            if size < 1.5:
                continue
            ux, uy = x / np.hypot(x, y) * size, -y / np.hypot(x, y) * size
            cx, cy = (column + 0.5) * zoom, (row + 0.5) * zoom
            tail = (cx - ux + uy / 2.5, cy - uy - ux / 2.5), (cx - ux - uy / 2.5, cy - uy + ux / 2.5)
            pen.polygon([(cx + ux, cy + uy), *tail], fill=255)
    shade = np.asarray(image, np.float32)[..., None] / np.float32(255)
    return pixels * (1 - shade * np.float32(1 - ARROW_SHADE))


def _wheel(texture: SpinTexture, zoom: int, rng: np.random.Generator) -> Picture:
    """Colour the in-plane part by its angle, dark where there is none, a little blurred as reconstructions are."""
    plane = texture.m[0] * np.array([1, 1, 0], np.float32)
    size = np.linalg.norm(plane, axis=-1, keepdims=True)
    colours = spin_to_rgb(plane / np.maximum(size, 1e-6), ColourMap.MUMAX3 if rng.random() < 0.5 else ColourMap.HSV)
    return Picture(resized(colours * size ** rng.uniform(0.6, 1.2), zoom))


def _filled(width: int, shape: tuple[int, ...], wanted: int, rng: np.random.Generator) -> slice:
    """Columns of a sheared picture that hold sites in every row, and of them as many as are wanted."""
    ny, nx = shape
    sites = nx + (ny - 1) / 2
    low, high = ny / 2, nx - 1.0
    start = rng.uniform(low, max(low, high - wanted))
    stop = min(high, start + wanted)
    return slice(int(np.ceil(start / sites * width)), int(stop / sites * width))


def _drawn(
    pixels: Pixels, site: float, ground: tuple[float, float, float], rng: np.random.Generator, faults: Faults
) -> Pixels:
    """What happens to a program's picture: margins, resizing, JPEG, blur, gamma, axes around it, and always 8 bits."""
    if faults is not Faults.CLEAN:
        if rng.random() < 0.15:
            pixels = margined(pixels, ground, rng)
        if rng.random() < 0.4:
            low = max(0.7, min(_FINE / site, 1.0))
            pixels = resized(pixels, float(rng.uniform(low, 1.4)))
            site *= low
        if rng.random() < 0.15:
            pixels = pixels ** np.float32(rng.uniform(0.75, 1.3))
        if rng.random() < 0.1:
            pixels = pixels + np.float32(rng.uniform(0, 0.05)) * rng.standard_normal(pixels.shape, np.float32)
        if site >= _FINE and rng.random() < 0.25:
            pixels = through_jpeg(pixels, int(rng.integers(50, 96)))
    if faults is Faults.ALL and rng.random() < 0.06:
        pixels = plotted(pixels, None, rng)
    return eight_bits(pixels)
