"""Pictures that show no magnetic texture: what the range of applicability is learned and tested on.

Everything is made here or comes inside scikit-image's package. Kinds of `HELD_BACK` are never trained on.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from napari_magtex.classify.faults import font, plotted
from napari_magtex.classify.patterns import (
    atoms,
    cells,
    clouds,
    contours,
    dust,
    fringes,
    gradient,
    scene,
    side,
    speckle,
    strokes,
    weave,
    wood,
    zone_plate,
)
from napari_magtex.picture import Picture

Pixels = NDArray[np.float32]


def text(rng: np.random.Generator) -> Pixels:
    """Lines of letters."""
    image, draw = _canvas(rng)
    size = int(rng.integers(10, 36))
    letters_of = font(size)
    ink = _colour(rng, 90)
    letters = np.array(list(string.ascii_letters + string.digits + "    .,"))
    for y in range(4, image.height, int(size * 1.4)):
        draw.text((4, y), "".join(rng.choice(letters, 60)), fill=ink, font=letters_of)
    return _from_image(image)


def plot(rng: np.random.Generator) -> Pixels:
    """Axes with curves, bars or points."""
    image, draw = _canvas(rng)
    w, h = image.size
    box = (w // 8, h // 12, w - w // 16, h - h // 7)
    draw.rectangle(box, outline=(0, 0, 0))
    for tick in np.linspace(box[0], box[2], 6):
        draw.text((float(tick), box[3] + 4), f"{rng.integers(100)}", fill=(0, 0, 0), font=font(10))
    x = np.linspace(box[0], box[2], 60)
    for _ in range(int(rng.integers(1, 5))):
        walk = np.cumsum(rng.normal(size=60))
        y = box[1] + (walk - walk.min()) / (np.ptp(walk) + 1e-9) * (box[3] - box[1])
        points = list(zip(x.tolist(), y.tolist(), strict=True))
        match rng.integers(3):
            case 0:
                draw.line(points, fill=_colour(rng, 160), width=int(rng.integers(1, 4)))
            case 1:
                colour = _colour(rng, 160)
                for px, py in points[::4]:
                    draw.rectangle((px, py, px + 5, box[3]), fill=colour)
            case _:
                colour = _colour(rng, 160)
                for px, py in points:
                    draw.ellipse((px - 2, py - 2, px + 2, py + 2), fill=colour)
    return _from_image(image)


def heat_map(rng: np.random.Generator) -> Pixels:
    """A table of numbers in false colours, with axes and a bar."""
    anchors = rng.random((int(rng.integers(2, 5)), 3))
    ramp = np.stack([np.interp(np.linspace(0, 1, 64), np.linspace(0, 1, len(anchors)), c) for c in anchors.T], axis=1)
    if rng.random() < 0.5:
        block = int(rng.integers(4, 30))
        rows, columns = (-(-n // block) for n in side(rng))
        values = rng.random((rows, columns), np.float32).repeat(block, 0).repeat(block, 1)
    else:
        cloud = clouds(rng)
        values = cloud if cloud.ndim == 2 else cloud[..., 0]
    ramp = ramp.astype(np.float32)
    return plotted(ramp[(values * 63).astype(np.uint8)], ramp if rng.random() < 0.7 else None, rng)


def leaves(rng: np.random.Generator) -> Pixels:
    """Overlapping shapes of all sizes: the statistics of a photograph."""
    image, draw = _canvas(rng)
    w, h = image.size
    for _ in range(int(rng.integers(40, 160))):
        size = float(min(w, h) * 0.03 * rng.pareto(1.5) + 3)
        x, y = rng.uniform(0, w), rng.uniform(0, h)
        if rng.random() < 0.5:
            stretch = rng.uniform(0.4, 1)
            draw.ellipse((x - size, y - size * stretch, x + size, y + size * stretch), fill=_colour(rng))
        else:
            corners = [(x + size * rng.normal(), y + size * rng.normal()) for _ in range(int(rng.integers(3, 7)))]
            draw.polygon(corners, fill=_colour(rng))
    pixels = _from_image(image)
    return pixels if rng.random() < 0.7 else pixels.mean(axis=2)


def grid(rng: np.random.Generator) -> Pixels:
    """Ruled paper, tables, bricks."""
    image, draw = _canvas(rng)
    ink = _colour(rng)
    step_x, step_y = (int(n) for n in rng.integers(12, 80, 2))
    width = int(rng.integers(1, 4))
    for x in range(0, image.width, step_x):
        draw.line((x, 0, x, image.height), fill=ink, width=width)
    for y in range(0, image.height, step_y):
        draw.line((0, y, image.width, y), fill=ink, width=width)
    for _ in range(int(rng.integers(0, 20))):
        x, y = int(rng.integers(image.width)) // step_x * step_x, int(rng.integers(image.height)) // step_y * step_y
        draw.rectangle((x, y, x + step_x, y + step_y), fill=_colour(rng))
    return _from_image(image)


def photograph(rng: np.random.Generator) -> Pixels:
    """A window of a picture that scikit-image carries."""
    return _window(TRAINING_PHOTOGRAPHS, rng)


def other_photograph(rng: np.random.Generator) -> Pixels:
    """A window of another such picture."""
    return _window(HELD_BACK_PHOTOGRAPHS, rng)


def screenshot(rng: np.random.Generator) -> Pixels:
    """Windows, buttons and lines of text on a desktop."""
    image, draw = _canvas(rng)
    w, h = image.size
    for _ in range(int(rng.integers(2, 6))):
        x, y = int(rng.integers(0, w * 2 // 3)), int(rng.integers(0, h * 2 // 3))
        right, bottom = x + int(rng.integers(w // 4, w)), y + int(rng.integers(h // 4, h))
        draw.rectangle((x, y, right, bottom), fill=_colour(rng, 255), outline=(90, 90, 90))
        draw.rectangle((x, y, right, y + 14), fill=_colour(rng, 160))
        for line in range(y + 20, min(bottom, h), 16):
            draw.text((x + 6, line), "".join(rng.choice(list(string.ascii_lowercase + "   "), 40)), fill=(30, 30, 30))
    return _from_image(image)


Kind = Callable[[np.random.Generator], Pixels]

TRAINING: tuple[Kind, ...] = (clouds, speckle, gradient, atoms, dust, zone_plate, wood, weave, text, plot, heat_map,
                              leaves, grid, photograph, cells, scene, strokes, contours)  # fmt: skip
HELD_BACK: tuple[Kind, ...] = (fringes, screenshot, other_photograph)

# Of the kinds trained on, these come this many times as often: they are what is most easily taken for a texture.
_OFTENER: dict[Kind, int] = {speckle: 4, clouds: 3, atoms: 3}

TRAINING_PHOTOGRAPHS = ("astronaut.png", "brick.png", "camera.png", "chelsea.png", "clock_motion.png", "coins.png",
                        "color.png", "grass.png", "ihc.png", "page.png", "retina.jpg",
                        "motorcycle_left.png")  # fmt: skip
HELD_BACK_PHOTOGRAPHS = ("coffee.png", "gravel.png", "hubble_deep_field.jpg", "moon.png", "rocket.jpg", "text.png",
                         "cell.png", "microaneurysms.png")  # fmt: skip


def negative(rng: np.random.Generator, kinds: tuple[Kind, ...] = TRAINING) -> Picture:
    """Draw a picture of one of the kinds."""
    often = [kind for kind in kinds for _ in range(_OFTENER.get(kind, 1))]
    return Picture(often[rng.integers(len(often))](rng))


def _canvas(rng: np.random.Generator) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    ny, nx = side(rng)
    ground = (255, 255, 255) if rng.random() < 0.5 else _colour(rng)
    image = Image.new("RGB", (nx, ny), ground)
    return image, ImageDraw.Draw(image)


def _colour(rng: np.random.Generator, brightest: int = 255) -> tuple[int, int, int]:
    red, green, blue = rng.integers(0, brightest + 1, 3).tolist()
    return red, green, blue


def _from_image(image: Image.Image) -> Pixels:
    return np.asarray(image, np.float32) / np.float32(255)


@cache
def _packaged(name: str) -> Pixels:
    import skimage

    with Image.open(Path(skimage.__file__).parent / "data" / name) as image:
        return _from_image(image.convert("RGB"))


def _window(names: tuple[str, ...], rng: np.random.Generator) -> Pixels:
    """Cut a window out of a picture, turned and mirrored, sometimes grey."""
    pixels = _packaged(names[rng.integers(len(names))])
    ny, nx = (int(rng.integers(min(100, n - 1), min(n, 500))) for n in pixels.shape[:2])
    y, x = int(rng.integers(pixels.shape[0] - ny + 1)), int(rng.integers(pixels.shape[1] - nx + 1))
    window = np.rot90(pixels[y : y + ny, x : x + nx], int(rng.integers(4)))
    return window.mean(axis=2) if rng.random() < 0.4 else window
