"""Texture to picture, a lit three-dimensional arrow a spin, as Spirit's VFRendering draws it.

Every arrow is a solid of revolution lit from the viewer, so its picture depends on its angle to the line of sight and
is turned by its angle on the screen. Sprites are ray-traced once for a few dozen angles; arrows are looked up in them.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from napari_magtex.colours import ColourMap, spin_to_rgb
from napari_magtex.errors import Unsuitable
from napari_magtex.picture import Contrast, Picture
from napari_magtex.texture import Lattice, SpinTexture

ANGLES = 49  # sprites from facing the viewer to facing away: 3.75 degrees apart
SAMPLES = 3  # sprite samples along a pixel
CAMERA_DISTANCE = 2.0  # of a tilted view, in picture widths


@dataclass(frozen=True)
class ArrowStyle:
    """How arrows are drawn; the defaults are VFRendering's proportions and light.

    Parameters
    ----------
    colour_map
        How a spin is coloured.
    ground
        Red, green and blue behind the arrows, 0 to 1.
    pixels_per_site
        Distance of neighbouring sites in pixels.
    every
        Draw every so manieth site. More than 1 hides what alternates from site to site.
    length
        Of an arrow, in distances of neighbouring arrows.
    width, head
        Diameter and height of the cone, in lengths of the arrow.
    shaft
        Diameter of the shaft, in those of the cone.
    ambient, diffuse, specular
        The light: everywhere, by the slope of the surface, white glints.
    antialias
        Whether edges are smooth.
    tilt_deg
        The viewer's angle to the film normal: the upper edge recedes, in perspective. 0 looks straight down.
    """

    colour_map: ColourMap = ColourMap.HSV
    ground: tuple[float, float, float] = (1.0, 1.0, 1.0)
    pixels_per_site: float = 8.0
    every: int = 1
    length: float = 1.2
    width: float = 0.385
    head: float = 0.46
    shaft: float = 0.5
    ambient: float = 0.2
    diffuse: float = 0.7
    specular: float = 0.2
    antialias: bool = True
    tilt_deg: float = 0.0

    def __post_init__(self) -> None:
        if self.every < 1 or self.pixels_per_site * self.every * self.length < 2:
            raise Unsuitable(
                f"arrows {self.pixels_per_site * self.every * self.length:.2g} pixels long show nothing: "
                "draw 2 pixels an arrow or more"
            )
        if not 0 <= self.tilt_deg <= 60:
            raise Unsuitable(f"a view can be tilted by 0 to 60 degrees, not {self.tilt_deg:g}")

    @classmethod
    def random(cls, rng: np.random.Generator) -> ArrowStyle:
        """Choose a style as people do: any colours, grounds, arrows, and now and then a tilted view.

        Every site is drawn, for a texture drawn without its sublattice is another texture.
        """
        maps = [ColourMap.HSV, ColourMap.MUMAX3, ColourMap.BLUE_WHITE_RED, ColourMap.BLUE_RED, ColourMap.RAINBOW]
        grounds = [(1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.9, 0.9, 0.9)]
        return cls(
            colour_map=maps[rng.choice(len(maps), p=[0.2, 0.1, 0.25, 0.25, 0.2])],
            ground=grounds[rng.choice(len(grounds), p=[0.5, 0.25, 0.15, 0.1])],
            pixels_per_site=float(rng.uniform(4, 14)),
            length=float(rng.uniform(0.75, 1.35)),
            width=float(rng.uniform(0.25, 0.6)),
            head=float(rng.uniform(0.3, 0.6)),
            shaft=float(rng.uniform(0.3, 0.7)),
            ambient=float(rng.uniform(0.15, 0.45)),
            specular=float(rng.uniform(0, 0.3)),
            antialias=bool(rng.random() < 0.7),
            tilt_deg=float(rng.uniform(5, 35)) if rng.random() < 0.2 else 0.0,
        )


def draw_arrows(texture: SpinTexture, style: ArrowStyle | None = None) -> Picture:
    """Draw the middle layer of a texture as lit arrows.

    Parameters
    ----------
    texture
        Any texture; sites without material stay empty.
    style
        How to draw; VFRendering's look where it is left out.

    Returns
    -------
    A spin picture (ny pixels_per_site, nx pixels_per_site, 3) and a rim where arrows are longer than their distance.
    Its pixel size is known where the cell is and nothing is tilted.
    """
    style = style or ArrowStyle()
    m = texture.middle().m[0]
    x, y = _sites(m.shape[:2], texture.lattice, style.pixels_per_site)
    size = (y.max() + y.min(), x.max() + style.pixels_per_site / 2)
    x, y, scale, (height, width) = _project(x, y, size, style.tilt_deg)
    distance = style.pixels_per_site * style.every
    rim = max(0, math.ceil((style.length - 1) / 2 * distance))
    sprites = _sprites(
        round(distance * style.length * float(scale.max()), 2),
        (style.width, style.head, style.width * style.shaft),
        (style.ambient, style.diffuse, style.specular),
        style.antialias,
    )
    canvas = _Canvas((round(height) + 2 * rim, round(width) + 2 * rim), style.ground, sprites)

    drawn = np.zeros(m.shape[:2], dtype=bool)
    drawn[style.every // 2 :: style.every, style.every // 2 :: style.every] = True
    drawn &= np.any(m, axis=-1)
    colours, seen = spin_to_rgb(m, style.colour_map), _turned(m, style.tilt_deg)
    # Arrows further apart than a sprite never share a pixel, so each such set is blended at once.
    nearest = style.pixels_per_site * math.cos(math.radians(style.tilt_deg)) * float(scale.min()) ** 2
    if texture.lattice is Lattice.TRIANGULAR:
        nearest *= math.sqrt(3) / 2
    step = math.ceil(canvas.patch / nearest)
    for first in itertools.product(range(step), range(step)):
        part = (slice(first[0], None, step), slice(first[1], None, step))
        on = drawn[part]
        if on.any():
            place = (x[part][on] + rim, y[part][on] + rim)
            canvas.blend(*place, seen[part][on], colours[part][on], scale[part][on] / scale.max())
    meta = {"colour_map": str(style.colour_map), "drawn": "arrows"}
    return Picture(canvas.picture(), Contrast.SPIN, _pixel_size(texture, style), meta=meta)


def _pixel_size(texture: SpinTexture, style: ArrowStyle) -> tuple[float, float] | None:
    """(dy, dx) in m; a tilted view has no one scale."""
    if texture.cell is None or style.tilt_deg > 0:
        return None
    _, dy, dx = texture.cell
    if texture.lattice is Lattice.TRIANGULAR:
        dy = dx  # one length a fixes a triangular lattice
    return dy / style.pixels_per_site, dx / style.pixels_per_site


def _sites(shape: tuple[int, int], lattice: Lattice, distance: float) -> tuple[np.ndarray, np.ndarray]:
    """Pixel coordinates x right and y down of every site, (ny, nx) each."""
    ny, nx = shape
    row, column = np.mgrid[:ny, :nx].astype(float)
    if lattice is Lattice.TRIANGULAR:
        return (column + 0.5 + (ny - 1 - row) / 2) * distance, (row + 0.5) * distance * np.sqrt(3) / 2
    return (column + 0.5) * distance, (row + 0.5) * distance


def _project(
    x: np.ndarray, y: np.ndarray, size: tuple[float, float], tilt_deg: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[float, float]]:
    """See the film from a tilted camera: x, y and scale of every site, and the (height, width) that holds them."""
    if tilt_deg == 0:
        return x, y, np.ones_like(x), size
    height, width = size
    tilt, distance = np.radians(tilt_deg), CAMERA_DISTANCE * max(size)

    def seen(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        up = height / 2 - y
        scale = distance / (distance + up * np.sin(tilt))
        return (x - width / 2) * scale, -up * np.cos(tilt) * scale, scale

    edge_x, edge_y, _ = seen(np.array([0.0, width, 0.0, width]), np.array([0.0, 0.0, height, height]))
    px, py, scale = seen(x, y)
    return px - edge_x.min(), py - edge_y.min(), scale, (float(np.ptp(edge_y)), float(np.ptp(edge_x)))


def _turned(m: NDArray[np.float32], tilt_deg: float) -> NDArray[np.float32]:
    """Directions (..., 3) in the camera's frame: x right, y up, z to the viewer."""
    c, s = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    turn = np.array([[1, 0, 0], [0, c, s], [0, -s, c]], dtype=np.float32)
    return m @ turn.T


class _Canvas:
    """A ground to blend sprites on, with a rim wide enough that none is cut in the arithmetic."""

    def __init__(self, shape: tuple[int, int], ground: tuple[float, float, float], sprites: NDArray[np.float32]):
        self.sprites = sprites
        self.half = sprites.shape[1] // 2
        self.patch = 2 * math.ceil(self.half / SAMPLES) + 1
        self.rim = self.patch + 1
        self.shape = shape
        self.width = shape[1] + 2 * self.rim
        self.pixels = np.empty(((shape[0] + 2 * self.rim) * self.width, 3), dtype=np.float32)
        self.pixels[:] = ground

    def blend(self, x: np.ndarray, y: np.ndarray, m: np.ndarray, colour: np.ndarray, scale: np.ndarray) -> None:
        """Draw arrows (n,) at x, y pixels, pointing along m (n, 3) in the camera's frame; no two may overlap."""
        reach = np.arange(self.patch) - self.patch // 2
        column, row = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
        # Pixel centres from the arrow's middle, in sprite samples: right and up.
        right = ((reach + 0.5 + (column - x)[:, None]) * (SAMPLES / scale)[:, None]).astype(np.float32)
        up = -((reach + 0.5 + (row - y)[:, None]) * (SAMPLES / scale)[:, None]).astype(np.float32)
        heading = np.arctan2(m[:, 1], m[:, 0])[:, None, None]
        cos, sin = np.cos(heading), np.sin(heading)
        along = np.rint(right[:, None, :] * cos + up[:, :, None] * sin).astype(np.int32) + self.half
        across = np.rint(up[:, :, None] * cos - right[:, None, :] * sin).astype(np.int32) + self.half
        size = self.sprites.shape[1]
        inside = (along >= 0) & (along < size) & (across >= 0) & (across < size)
        angle = np.rint(np.arccos(np.clip(m[:, 2], -1, 1)) * ((ANGLES - 1) / np.pi)).astype(np.int32)
        sample = (angle[:, None, None] * size + across) * size + along
        sample[~inside] = 0  # the corner of a sprite is empty
        sprites = self.sprites.reshape(-1, 3)
        touched = np.flatnonzero(sprites[:, 0].take(sample))  # most of a patch is not
        light = sprites.take(sample.ravel()[touched], axis=0)
        here = (row + self.rim)[:, None, None] + reach[:, None]
        pixel = (here * self.width + (column + self.rim)[:, None, None] + reach).ravel()[touched]
        arrow = touched // self.patch**2
        cover, shade, glint = light[:, :1], light[:, 1:2], light[:, 2:]
        self.pixels[pixel] = self.pixels[pixel] * (1 - cover) + colour.take(arrow, axis=0) * shade + glint

    def picture(self) -> NDArray[np.float32]:
        """The pixels (ny, nx, 3) without the rim."""
        ny, nx = self.shape
        whole = self.pixels.reshape(-1, self.width, 3)
        return whole[self.rim : self.rim + ny, self.rim : self.rim + nx].clip(0, 1)


@lru_cache(maxsize=32)
def _sprites(
    length: float, shape: tuple[float, float, float], light: tuple[float, float, float], smooth: bool
) -> NDArray[np.float32]:
    """Ray-trace an arrow ``length`` pixels long at every angle to the line of sight.

    Parameters
    ----------
    length
        In pixels.
    shape
        Diameter and height of the cone, diameter of the shaft, in lengths of the arrow.
    light
        Ambient, diffuse, specular.
    smooth
        Whether each sample is averaged over a pixel.

    Returns
    -------
    (ANGLES, size, size, 3): cover, shade and glint, both times cover. Row: across the arrow; column: along it.
    """
    width, head, shaft = shape
    ambient, diffuse, specular = light
    half = math.ceil((length / 2 * max(1, width) + 1) * SAMPLES)
    u = (np.arange(-half, half + 1, dtype=np.float32) / (SAMPLES * length))[None, None, :]
    v = np.swapaxes(u, 1, 2)
    angle = np.linspace(0, np.pi, ANGLES, dtype=np.float32)[:, None, None]
    normal_z = _facing(u, v, np.sin(angle), np.cos(angle), width / 2, head, shaft / 2)
    hit = np.isfinite(normal_z)
    n = np.where(hit, normal_z, 0)
    glint = specular * np.maximum(2 * n * n - 1, 0) ** 8
    sprites = np.stack([hit, hit * (ambient + diffuse * n), hit * glint], axis=-1).astype(np.float32)
    return _box_blur(sprites) if smooth else sprites


def _box_blur(sprites: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average over one pixel: SAMPLES samples each way."""
    for axis in (1, 2):
        sprites = (sprites + np.roll(sprites, 1, axis) + np.roll(sprites, -1, axis)) / np.float32(SAMPLES)
    return sprites


def _facing(
    u: np.ndarray, v: np.ndarray, sin: np.ndarray, cos: np.ndarray, cone: float, head: float, shaft: float
) -> np.ndarray:
    """Cosine between surface and line of sight where a ray at (u, v) first meets an arrow of length 1; NaN beside it.

    The arrow's axis is (sin, 0, cos), its middle the origin; the viewer looks down the third axis.
    """
    neck = 0.5 - head
    slope = cone / head
    depth = np.full(np.broadcast_shapes(u.shape, v.shape, sin.shape), -np.inf, dtype=np.float32)
    facing = np.full(depth.shape, np.nan, dtype=np.float32)

    def meet(w: np.ndarray, normal_z: np.ndarray, valid: np.ndarray) -> None:
        nearer = valid & (w > depth) & (normal_z >= 0)
        np.copyto(depth, w, where=nearer)
        np.copyto(facing, normal_z, where=nearer)

    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(shaft * shaft - v * v)  # the shaft's near side
        w = (u * cos + root) / sin
        s = u * sin + w * cos
        meet(w, sin * root / shaft, (s >= -0.5) & (s <= neck))
        for end, radius in ((-0.5, shaft), (neck, cone)):  # the flat ends of shaft and cone
            w = (end - u * sin) / cos
            meet(w, -cos, (u * cos - w * sin) ** 2 + v * v <= radius * radius)
        a = sin * sin - slope**2 * cos * cos
        rest = 0.5 - u * sin
        b = slope**2 * rest * cos - u * cos * sin
        discriminant = np.sqrt(b * b - a * (u * u * cos * cos + v * v - slope**2 * rest * rest))
        for sign in (1, -1):
            w = (-b + sign * discriminant) / a
            to_tip = rest - w * cos
            q = u * cos - w * sin
            out = -q * sin / np.maximum(np.hypot(q, v), 1e-9)
            meet(w, (out + slope * cos) / np.hypot(1, slope), (to_tip >= 0) & (to_tip <= head))
    return facing
