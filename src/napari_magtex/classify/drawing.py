"""A simulation as a picture of some style: what a program draws, or what an instrument records, with their faults."""

from __future__ import annotations

import io
from dataclasses import replace
from enum import StrEnum
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from napari_magtex.classify.augment import SMALLEST, Spins, piece, varied
from napari_magtex.colours import ColourMap, spin_to_rgb
from napari_magtex.imaging.arrows import ArrowStyle, draw_arrows
from napari_magtex.imaging.cells import draw_cells
from napari_magtex.imaging.kerr import kerr_frame, mfm_frame
from napari_magtex.imaging.lorentz import Optics, lorentz_frame
from napari_magtex.picture import Contrast, Picture
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
    Family.ARROWS: 0.36,
    Family.CELLS: 0.22,
    Family.GREY: 0.08,
    Family.WHEEL: 0.04,
    Family.LORENTZ: 0.13,
    Family.KERR: 0.12,
    Family.MFM: 0.05,
}
_COLOUR_MAPS = tuple(m for m in ColourMap if m is not ColourMap.GREY)
_LONGEST = 460  # pixels of a picture drawn for training: drawing must keep pace with learning
_FINE = 3  # pixels a site: finer detail would not survive blur, JPEG or shrinking
_WIDEST = 130  # sites


def families(simulation: Simulation) -> tuple[Family, ...]:
    """Return the styles in which a simulation can be drawn: no instrument sees an antiferromagnet or a site."""
    spin = (Family.ARROWS, Family.CELLS, Family.GREY)
    seen = simulation.state in FERROMAGNETIC and simulation.texture.lattice is Lattice.SQUARE
    return tuple(Family) if seen else spin


def random_family(simulation: Simulation, rng: np.random.Generator) -> Family:
    """Choose one of them."""
    possible = families(simulation)
    shares = np.array([_SHARES[f] for f in possible])
    return possible[rng.choice(len(possible), p=shares / shares.sum())]


def draw(simulation: Simulation, family: Family, rng: np.random.Generator, *, clean: bool = False) -> Picture:
    """Draw a simulation: a variation of it, a piece of that, and the faults of the style unless ``clean``."""
    m = varied(simulation, rng, bloch=family in (Family.LORENTZ, Family.WHEEL))
    if family.contrast in (Contrast.LORENTZ, Contrast.KERR, Contrast.MFM):
        return Picture(_recorded(_frame(simulation, family, m, rng), rng, clean=clean), family.contrast)
    if simulation.periodic and max(m.shape) <= _WIDEST // 2 and rng.random() < 0.3:
        m = np.tile(m, (1, 2, 1) if rng.random() < 0.5 else (2, 1, 1))
    ny, nx, _ = m.shape
    sheared = simulation.texture.lattice is Lattice.TRIANGULAR
    room = 2 * m.shape[1] - 1 - m.shape[0] / 2  # columns of the doubled rhombus that hold a site in every row
    filled = sheared and simulation.periodic and room >= SMALLEST and rng.random() < 0.7
    if filled:
        m = np.tile(m, (1, ceil(1 + ny / nx / 2), 1))  # wide enough for a rectangle of nx sites without empty corners
    elif rng.random() < 0.7:
        m = m[piece(m, rng)]
    texture = SpinTexture.from_layer(m, lattice=simulation.texture.lattice)
    picture, site, ground = _spin_picture(texture, family, rng, upright=filled)
    pixels = picture.pixels
    if filled:
        pixels = pixels[:, _filled(pixels.shape[1], m.shape[:2], nx, rng)]
    return Picture(_drawn(pixels, site, ground, rng, clean=clean), family.contrast)


def _spin_picture(
    texture: SpinTexture, family: Family, rng: np.random.Generator, *, upright: bool
) -> tuple[Picture, float, tuple[float, float, float]]:
    """Draw as a program does; also the pixels a site takes, and the ground beside the texture."""
    longest = max(texture.shape)
    if family is Family.ARROWS:
        site = float(np.clip(rng.uniform(160, _LONGEST) / longest, 3, 24))
        style = replace(ArrowStyle.random(rng), pixels_per_site=site)
        style = replace(style, tilt_deg=0.0) if upright else style
        return draw_arrows(texture, style), site, style.ground
    zoom = max(1, round(np.exp(rng.uniform(0, np.log(max(_LONGEST / longest, 1.01))))))
    ground = (1.0,) * 3 if rng.random() < 0.7 else (float(rng.random()),) * 3
    if family is Family.WHEEL:
        return _wheel(texture, zoom, rng), zoom, ground
    colour_map = ColourMap.GREY if family is Family.GREY else _COLOUR_MAPS[rng.integers(len(_COLOUR_MAPS))]
    return draw_cells(texture, colour_map, zoom=zoom), zoom, ground


def _wheel(texture: SpinTexture, zoom: int, rng: np.random.Generator) -> Picture:
    """Colour the in-plane part by its angle, dark where there is none, a little blurred as reconstructions are."""
    plane = texture.m[0] * np.array([1, 1, 0], np.float32)
    size = np.linalg.norm(plane, axis=-1, keepdims=True)
    colours = spin_to_rgb(plane / np.maximum(size, 1e-6), ColourMap.MUMAX3 if rng.random() < 0.5 else ColourMap.HSV)
    return Picture(_resized(colours * size ** rng.uniform(0.6, 1.2), zoom))


def _filled(width: int, shape: tuple[int, ...], wanted: int, rng: np.random.Generator) -> slice:
    """Columns of a sheared picture that hold sites in every row, and of them as many as are wanted."""
    ny, nx = shape
    sites = nx + (ny - 1) / 2
    low, high = ny / 2, nx - 1.0
    start = rng.uniform(low, max(low, high - wanted))
    stop = min(high, start + wanted)
    return slice(int(np.ceil(start / sites * width)), int(stop / sites * width))


def _drawn(
    pixels: Pixels, site: float, ground: tuple[float, float, float], rng: np.random.Generator, *, clean: bool
) -> Pixels:
    """What happens to a program's picture: margins, resizing, JPEG, blur, gamma, and always 8 bits."""
    if not clean:
        if rng.random() < 0.15:
            top, bottom, left, right = (rng.uniform(0, 0.15, 4) * min(pixels.shape[:2])).astype(int)
            framed = np.empty((pixels.shape[0] + top + bottom, pixels.shape[1] + left + right, 3), np.float32)
            framed[:] = ground
            framed[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
            pixels = framed
        if rng.random() < 0.4:
            low = max(0.7, min(_FINE / site, 1.0))
            pixels = _resized(pixels, float(rng.uniform(low, 1.4)))
            site *= low
        if rng.random() < 0.15:
            pixels = pixels ** np.float32(rng.uniform(0.75, 1.3))
        if rng.random() < 0.1:
            pixels = pixels + np.float32(rng.uniform(0, 0.05)) * rng.standard_normal(pixels.shape, np.float32)
        if site >= _FINE and rng.random() < 0.25:
            pixels = _through_jpeg(pixels, int(rng.integers(50, 96)))
    return (np.round(np.clip(pixels, 0, 1) * 255) / 255).astype(np.float32)


def _frame(simulation: Simulation, family: Family, m: Spins, rng: np.random.Generator) -> Pixels:
    """What an instrument sees of a texture, or of a uniform film: (ny, nx), without noise."""
    if simulation.state is State.FM:
        ny, nx = rng.integers(128, _LONGEST, 2)
        return np.ones((ny, nx), np.float32)
    if simulation.periodic and rng.random() < 0.3:  # microscopes see many
        m = np.tile(m, (2, 2, 1))
    if family is Family.KERR and rng.random() < 0.4:  # wide domains have narrow walls
        m = m * np.array([1, 1, rng.uniform(1.5, 5)], np.float32)
    cell = float(rng.uniform(1, 5) * 1e-9)
    thickness, saturation = float(rng.uniform(10, 100) * 1e-9), float(rng.uniform(0.1e6, 1e6))
    texture = SpinTexture.from_layer(m, cell=(thickness, cell, cell), saturation=saturation)
    pixels = _seen(texture, family, rng, periodic=simulation.periodic)[piece(m, rng)]
    return _resized(pixels[..., None], float(rng.uniform(140, _LONGEST) / max(m.shape[:2])), "bicubic")[..., 0]


def _seen(texture: SpinTexture, family: Family, rng: np.random.Generator, *, periodic: bool) -> Pixels:
    """A perfect frame, a pixel a cell: from faint to strong contrast, from sharp to blurred."""
    _, ny, nx = texture.shape
    cell = texture.cell[1] if texture.cell else 0.0
    match family:
        case Family.LORENTZ:
            optics = Optics(defocus=0.0, voltage=float(rng.choice([120e3, 200e3, 300e3])))
            limit = optics.aliases_above((ny, nx), (cell, cell))
            optics = replace(optics, defocus=float(rng.choice([-1, 1]) * limit * 10 ** rng.uniform(-1.7, -0.05)))
            return lorentz_frame(texture, optics, periodic=periodic).pixels
        case Family.KERR:
            x, y, z = (0.0, 0.0, 1.0) if rng.random() < 0.85 else (*rng.normal(size=2).tolist(), 0.5)
            blur = float(rng.uniform(0, 1))
            return kerr_frame(texture, sensitivity=(x, y, z), blur_px=blur, periodic=periodic).pixels
        case _:
            return mfm_frame(texture, lift=float(rng.uniform(2, 6) * cell), periodic=periodic).pixels


def _recorded(signal: Pixels, rng: np.random.Generator, *, clean: bool) -> Pixels:
    """Add what a detector and a sample add: noise, grain, uneven light, thickness, drift from row to row."""
    ny, nx = signal.shape
    spread = float(signal.std())
    flat = spread < 1e-6
    pixels = (signal - signal.mean()) / (1.0 if flat else spread)
    noise = 0.05 if clean else float(np.exp(rng.uniform(np.log(0.05), np.log(1.5))))
    grain = rng.standard_normal((ny, nx), np.float32)
    if not clean and rng.random() < 0.3:
        grain = _blurred(grain, float(rng.uniform(0.5, 1.5)))
        grain /= grain.std()
    pixels = pixels + noise * grain
    if clean:
        return pixels.astype(np.float32)
    y, x = np.mgrid[-1 : 1 : ny * 1j, -1 : 1 : nx * 1j].astype(np.float32)
    strength = noise if flat else 1.0
    if rng.random() < 0.5:
        a, b, c = rng.normal(size=3) * rng.uniform(0, 1.2) * strength
        pixels = pixels + a * x + b * y + c * (x * x + y * y)
    if rng.random() < 0.3:  # bent crystals, uneven thickness: slow clouds
        coarse = rng.standard_normal((1, 1, int(rng.integers(3, 9)), int(rng.integers(3, 9)))).astype(np.float32)
        slow = functional.interpolate(torch.from_numpy(coarse), (ny, nx), mode="bicubic")[0, 0].numpy()
        pixels = pixels + slow * float(rng.uniform(0, 1)) * strength
    if rng.random() < 0.15:
        pixels = pixels + rng.standard_normal((ny, 1)) * rng.uniform(0, 0.3) * strength
    return pixels.astype(np.float32)


def _resized(pixels: Pixels, factor: float, mode: str = "bilinear") -> Pixels:
    """Resize (ny, nx, channels) by a factor, antialiased when it shrinks."""
    size = tuple(max(16, round(n * factor)) for n in pixels.shape[:2])
    tensor = torch.tensor(pixels.transpose(2, 0, 1))[None]
    smooth = functional.interpolate(tensor, size, mode=mode, antialias=factor < 1)
    return smooth[0].permute(1, 2, 0).numpy()


def _blurred(grey: Pixels, sigma: float) -> Pixels:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(grey, sigma)


def _through_jpeg(pixels: Pixels, quality: int) -> Pixels:
    with io.BytesIO() as stream:
        Image.fromarray((np.clip(pixels, 0, 1) * 255).astype(np.uint8)).save(stream, "JPEG", quality=quality)
        with Image.open(stream) as image:
            return np.asarray(image, np.float32) / np.float32(255)
