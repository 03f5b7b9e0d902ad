"""Pictures without a magnetic texture that a formula makes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.fft import irfft2, rfft2
from scipy.ndimage import gaussian_filter, zoom
from scipy.spatial import cKDTree

Pixels = NDArray[np.float32]


def side(rng: np.random.Generator) -> tuple[int, int]:
    """Pixels (ny, nx) of a picture: as those of textures, small ones as often as large ones, a few wide ones."""
    ny, nx = np.exp(rng.uniform(np.log(128), np.log(420 if rng.random() < 0.85 else 1000), 2))
    return int(ny), int(nx)


def clouds(rng: np.random.Generator) -> Pixels:
    """Noise with a power spectrum 1/f^a, grey or in colour."""
    ny, nx = side(rng)
    channels = int(rng.choice([1, 3]))
    k = np.hypot(np.fft.fftfreq(ny)[:, None], np.fft.rfftfreq(nx)[None])
    k[0, 0] = 1
    weight = (k ** -rng.uniform(1.0, 2.2)).astype(np.float32)
    spectrum = rfft2(rng.standard_normal((channels, ny, nx), np.float32)) * weight
    return to_unit(irfft2(spectrum, (ny, nx)).transpose(1, 2, 0))


def speckle(rng: np.random.Generator) -> Pixels:
    """Independent noise in three colours, coarse or fine."""
    ny, nx = side(rng)
    grain = int(rng.choice([1, 2, 4, 8]))
    noise = rng.random((-(-ny // grain), -(-nx // grain), 3), dtype=np.float32)
    return noise.repeat(grain, 0).repeat(grain, 1)[:ny, :nx]


def gradient(rng: np.random.Generator) -> Pixels:
    """Smooth ramps of colour."""
    ny, nx = side(rng)
    y, x = np.ogrid[0 : 1 : ny * 1j, 0 : 1 : nx * 1j]
    powers = rng.uniform(0.5, 2, (2, 3))
    mix = rng.normal(size=(2, 3))
    return to_unit(mix[0] * y[..., None] ** powers[0] + mix[1] * x[..., None] ** powers[1])


def atoms(rng: np.random.Generator) -> Pixels:
    """Columns of atoms: a perfect oblique or rectangular lattice of a few spots, their brightness by the element.

    Hexagonal and square ones are left out: skyrmions and checkerboards have those.
    """
    ny, nx = side(rng)
    a = rng.uniform(5, 18)
    b, angle = a * rng.uniform(1.2, 1.8), np.radians(rng.uniform(70, 90))
    turn = rng.uniform(0, np.pi)
    across = np.array([[1 / a, -1 / (a * np.tan(angle))], [0, 1 / (b * np.sin(angle))]])
    c, s = np.cos(turn), np.sin(turn)
    u, v = np.tensordot(across @ np.array([[c, -s], [s, c]]), _pixels(ny, nx)[::-1], 1).astype(np.float32)
    image = np.zeros((ny, nx), np.float32)
    for k in range(int(rng.integers(1, 4))):
        du, dv = (0.0, 0.0) if k == 0 else rng.uniform(0.25, 0.75, 2)
        near = np.sin(np.pi * (u - du)) ** 2 + np.sin(np.pi * (v - dv)) ** 2
        image += np.float32(rng.uniform(0.3, 1)) * np.exp(np.float32(-rng.uniform(1.5, 5)) * near)
    return image + np.float32(rng.uniform(0, 0.4)) * rng.standard_normal((ny, nx), np.float32)


def dust(rng: np.random.Generator) -> Pixels:
    """An empty film with particles and fibres of all sizes on it."""
    ny, nx = side(rng)
    image = Image.new("L", (nx, ny), 128)
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(8, 60))):
        size, x, y = 1.5 + min(2.5 * rng.pareto(1.2), 0.2 * nx), rng.uniform(0, nx), rng.uniform(0, ny)
        corners = [(x + size * rng.normal(), y + size * rng.normal()) for _ in range(int(rng.integers(3, 8)))]
        pen.polygon(corners, fill=int(rng.choice([20, 60, 90, 200, 240])))
    for _ in range(int(rng.integers(0, 5))):
        walk = np.cumsum(rng.normal(size=(12, 2)), axis=0) * rng.uniform(3, 15) + rng.uniform(0, min(ny, nx), 2)
        pen.line([(x, y) for x, y in walk.tolist()], fill=int(rng.choice([30, 220])), width=int(rng.integers(1, 4)))
    film = gaussian_filter(np.asarray(image, np.float32), float(rng.uniform(0.3, 1.2)))
    return film + np.float32(rng.uniform(2, 40)) * rng.standard_normal((ny, nx), np.float32)


def zone_plate(rng: np.random.Generator) -> Pixels:
    """Rings or lines that grow finer from place to place, around a place in the picture: a test chart, with moire."""
    ny, nx = side(rng)
    y, x = _pixels(ny, nx)
    y, x = y - np.float32(rng.uniform(0, 1) * ny), x - np.float32(rng.uniform(0, 1) * nx)
    finest = np.pi / rng.uniform(1.2, 4)  # radians a pixel where it is finest
    square = x * x + y * y * np.float32(rng.uniform(0.2, 1)) if rng.random() < 0.6 else (x if nx > ny else y) ** 2
    wave = np.cos(square * np.float32(finest / (2 * np.sqrt(square.max()))))
    if rng.random() < 0.4:
        wave = np.sign(wave)
    return (wave + rng.uniform(0, 0.6) * rng.standard_normal((ny, nx))).astype(np.float32)


def wood(rng: np.random.Generator) -> Pixels:
    """A sawn board: year rings of uneven width, fibres along them, brown or grey."""
    ny, nx = side(rng)
    y, x = _pixels(ny, nx)
    rough = zoom(rng.standard_normal((4, 6)).astype(np.float32), (ny / 4, nx / 6), order=1)[:ny, :nx]
    depth = np.hypot((y - ny * rng.uniform(-1, 2)) * rng.uniform(2, 8), x - nx * rng.uniform(-1, 2)) / nx
    years = np.cumsum(rng.gamma(2.0, rng.uniform(0.02, 0.1), 400))
    rings = np.searchsorted(years, depth + 0.04 * rough[: y.shape[0], : x.shape[1]] + 0.5)
    within = ((depth + 0.5) - years[np.clip(rings - 1, 0, 399)]).clip(0, 0.3) * rng.uniform(1, 3)
    fibres = gaussian_filter(rng.standard_normal((ny, nx), np.float32), (0.5, 6), truncate=2)
    board = np.asarray(0.7 - within + rng.uniform(0.1, 0.5) * fibres, np.float32)
    if rng.random() < 0.5:
        return board
    return np.clip(board[..., None] * np.array([1.0, 0.75, 0.5], np.float32), 0, 1)


def weave(rng: np.random.Generator) -> Pixels:
    """Cloth: threads over and under one another, in two colours or grey."""
    ny, nx = side(rng)
    y, x = _pixels(ny, nx)
    warp, weft = rng.uniform(4, 20, 2)
    bend = np.float32(rng.uniform(0, 0.3)) * np.sin(y * np.float32(rng.uniform(0.01, 0.05)))
    column, row = x / np.float32(warp) + bend, y / np.float32(weft)
    float_over = int(rng.integers(2, 5))
    over = (np.floor(column) + np.floor(row)) % float_over < float_over / 2
    light = np.where(over, np.abs(np.sin(np.pi * column)), np.abs(np.sin(np.pi * row)))
    noise = np.float32(rng.uniform(0, 0.2)) * rng.standard_normal((ny, nx), np.float32)
    cloth = (light + noise).astype(np.float32)
    if rng.random() < 0.5:
        return cloth
    threads = rng.random((2, 3)).astype(np.float32)
    return np.clip(cloth[..., None] * np.where(over[..., None], threads[0], threads[1]), 0, 1)


def cells(rng: np.random.Generator) -> Pixels:
    """Foam, grains or tissue: regions of all sizes, told by their walls, by their brightness, or by colours."""
    ny, nx = side(rng)
    count = int(rng.integers(15, 400))
    seeds = rng.uniform(0, 1, (count, 2)) ** rng.uniform(0.6, 1.6) * (ny, nx)
    coarse = 2 if ny * nx > 90_000 else 1
    y, x = _pixels(-(-ny // coarse), -(-nx // coarse)) * np.float32(coarse)
    distance, nearest = cKDTree(seeds).query(np.stack([y, x], axis=-1), k=2, workers=1)
    match rng.integers(3):
        case 0:
            image = 1 / (1 + np.exp((distance[..., 1] - distance[..., 0] - rng.uniform(1, 5)) / rng.uniform(0.4, 2)))
        case 1:
            image = rng.random(count)[nearest[..., 0]] - rng.uniform(0, 0.3) * distance[..., 0] / distance.max()
        case _:
            image = rng.random((count, 3))[nearest[..., 0]]
    image = image.astype(np.float32).repeat(coarse, 0).repeat(coarse, 1)[:ny, :nx]
    if image.ndim == 3:
        return image
    return to_unit(_noisy(image, 0.3, rng)[..., None])


def scene(rng: np.random.Generator) -> Pixels:
    """Shaded bodies before one another, out of focus where they are far: what a camera sees."""
    ny, nx = side(rng)
    channels = int(rng.choice([1, 3]))
    y, x = _pixels(ny, nx)
    image = np.empty((ny, nx, channels), np.float32)
    image[:] = rng.random(channels) + rng.uniform(-0.4, 0.4) * (y / ny)[..., None]
    count = int(rng.integers(4, 25))
    for number in range(count):
        size = min(ny, nx) * rng.uniform(0.04, 0.4)
        cy, cx, turn, long = rng.uniform(0, ny), rng.uniform(0, nx), rng.uniform(0, np.pi), rng.uniform(1, 3)
        u = ((x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)) / np.float32(size * long)
        v = ((y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)) / np.float32(size)
        power = rng.choice([1.0, 2.0, 4.0])  # from a lozenge to a box
        soft = rng.uniform(0.02, 0.3) * (1 - number / count) + 0.01
        depth = (np.abs(u) ** power + np.abs(v) ** power - 1) / np.float32(soft * power)
        body = 1 / (1 + np.exp(np.clip(depth, -30, 30)))
        light = np.clip(0.7 + rng.uniform(-0.5, 0.5) * u + rng.uniform(-0.5, 0.5) * v, 0, 1.4)
        image += body[..., None] * (light[..., None] * rng.random(channels, np.float32) - image)
    return _noisy(image if channels == 3 else image[..., 0], 0.1, rng).clip(0, 1)


def strokes(rng: np.random.Generator) -> Pixels:
    """Grass, hair, fur or brushwork: lines of one kind that lie over one another, their direction drifting."""
    ny, nx = side(rng)
    colour = rng.random() < 0.5
    image = Image.new("RGB" if colour else "L", (nx, ny), (90, 90, 90) if colour else 90)
    pen = ImageDraw.Draw(image)
    length, width, tint = rng.uniform(8, 60), int(rng.integers(1, 6)), rng.uniform(40, 255, 3)
    spread, drift = rng.uniform(0.1, 1.5), rng.normal(size=2)
    for _ in range(int(rng.integers(150, 900))):
        px, py = rng.uniform(0, nx), rng.uniform(0, ny)
        angle = float(drift @ (px / nx, py / ny) * 2 + spread * rng.normal())
        bend = rng.normal() * 0.4
        path = np.cumsum([(px, py), *(length / 2 * np.array([np.cos(a), np.sin(a)]) for a in (angle, angle + bend))], 0)
        light = rng.uniform(0.3, 1)
        fill = tuple((tint * light).astype(int).tolist()) if colour else int(255 * light)
        pen.line(path.ravel().tolist(), fill=fill, width=width)
    drawn = np.asarray(image, np.float32) / np.float32(255)
    return _noisy(gaussian_filter(drawn, (0.6, 0.6) + (0,) * (drawn.ndim - 2)), 0.1, rng).clip(0, 1)


def contours(rng: np.random.Generator) -> Pixels:
    """A map: thin level lines on tinted heights."""
    ny, nx = side(rng)
    rough = rng.standard_normal((int(rng.integers(4, 9)), int(rng.integers(4, 9))), np.float32)
    cloud = to_unit(zoom(rough, (ny / rough.shape[0], nx / rough.shape[1]), order=3)[..., None])
    levels = cloud * np.float32(rng.uniform(5, 15))
    slope = np.hypot(*np.gradient(levels)) + np.float32(1e-3)
    line = np.abs(levels - np.round(levels)) < np.float32(rng.uniform(0.5, 1.0)) * slope
    low, high = rng.uniform(0.5, 1, (2, 3)).astype(np.float32)
    tinted = low + (high - low) * np.round(cloud * 6)[..., None] / 6
    return np.where(line[..., None], rng.uniform(0, 0.4, 3).astype(np.float32), tinted)


def fringes(rng: np.random.Generator) -> Pixels:
    """The fine biprism fringes of a hologram, bent a little, with Fresnel fringes at the rim and noise."""
    ny, nx = side(rng)
    y, x = np.mgrid[:ny, :nx].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(3, 9)
    bend = rng.uniform(0, 3) * np.exp(-((x - nx / 2) ** 2 + (y - ny / 2) ** 2) / (0.1 * nx * ny))
    across = x * np.cos(angle) + y * np.sin(angle)
    middle = (nx * np.cos(angle) + ny * np.sin(angle)) / 2
    band = 1 / (1 + np.exp((np.abs(across - middle) - 0.4 * min(ny, nx)) / 4))
    wave = 1 + band * rng.uniform(0.3, 0.9) * np.cos(2 * np.pi * across / period + bend)
    return (wave + rng.uniform(0, 0.5) * rng.standard_normal((ny, nx))).astype(np.float32)


def to_unit(values: NDArray[np.floating]) -> Pixels:
    """Stretch every channel of (ny, nx, channels) from 0 to 1; a single channel becomes grey (ny, nx)."""
    low, high = values.min(axis=(0, 1)), values.max(axis=(0, 1))
    unit = ((values - low) / (high - low + 1e-12)).astype(np.float32)
    return unit[..., 0] if unit.shape[2] == 1 else unit


def _noisy(image: Pixels, most: float, rng: np.random.Generator) -> Pixels:
    return image + np.float32(rng.uniform(0, most)) * rng.standard_normal(image.shape, np.float32)


def _pixels(ny: int, nx: int) -> NDArray[np.float32]:
    """Rows and columns (2, ny, nx)."""
    return np.mgrid[:ny, :nx].astype(np.float32)
