"""How far the faults of a drawn picture go, and the few that pictures of every style share."""

from __future__ import annotations

import io
from enum import StrEnum
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch.nn import functional

Pixels = NDArray[np.float32]


class Faults(StrEnum):
    """What else than the texture is in a picture. The test figures are of the first two; training shows them all.

    What CLEAN and MODERATE draw is fixed, so that figures of one version stand beside those of the next.
    """

    CLEAN = "clean"  # a program's picture as it leaves it; an instrument's with 5 % of noise
    MODERATE = "moderate"  # margins, resizing, JPEG, gamma; noise up to the signal itself, uneven light, streaks
    ALL = "all"  # and noise up to twice the signal, frames, footers, dust, scratches, false colours, edges of the film


def resized(pixels: Pixels, factor: float, mode: str = "bilinear") -> Pixels:
    """Resize (ny, nx, channels) by a factor, antialiased when it shrinks; never below 16 pixels a side."""
    size = tuple(max(16, round(n * factor)) for n in pixels.shape[:2])
    tensor = torch.tensor(pixels.transpose(2, 0, 1))[None]
    smooth = functional.interpolate(tensor, size, mode=mode, antialias=factor < 1)
    return smooth[0].permute(1, 2, 0).numpy()


def through_jpeg(pixels: Pixels, quality: int) -> Pixels:
    """Compress (ny, nx) or (ny, nx, 3) from 0 to 1 and read it back."""
    with io.BytesIO() as stream:
        Image.fromarray((np.clip(pixels, 0, 1) * 255).astype(np.uint8)).save(stream, "JPEG", quality=quality)
        with Image.open(stream) as image:
            return np.asarray(image, np.float32) / np.float32(255)


def eight_bits(pixels: Pixels) -> Pixels:
    """Round to the levels that a PNG has."""
    return (np.round(np.clip(pixels, 0, 1) * 255) / 255).astype(np.float32)


def margined(pixels: Pixels, ground: tuple[float, float, float], rng: np.random.Generator) -> Pixels:
    """Put a margin of one colour around a picture (ny, nx, 3), up to 15 % of its shorter side."""
    top, bottom, left, right = (rng.uniform(0, 0.15, 4) * min(pixels.shape[:2])).astype(int)
    framed = np.empty((pixels.shape[0] + top + bottom, pixels.shape[1] + left + right, 3), np.float32)
    framed[:] = ground
    framed[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return framed


def plotted(pixels: Pixels, ramp: NDArray[np.float32] | None, rng: np.random.Generator) -> Pixels:
    """Set a picture (ny, nx, 3) into a plot: a frame with numbers, perhaps a title, and a bar of its colours (n, 3)."""
    ny, nx = pixels.shape[:2]
    left, top, below = (int(n) for n in rng.integers(14, 40, 3))
    right = int(rng.integers(30, 60)) if ramp is not None else int(rng.integers(4, 20))
    white = (255, 255, 255)
    image = Image.new("RGB", (left + nx + right, top + ny + below), white)
    image.paste(Image.fromarray((np.clip(pixels, 0, 1) * 255).astype(np.uint8)), (left, top))
    pen = ImageDraw.Draw(image)
    pen.rectangle((left - 1, top - 1, left + nx, top + ny), outline=(0, 0, 0))
    ink = font(int(rng.integers(8, 12)))
    step = int(rng.integers(30, 90))
    for n, x in enumerate(range(left, left + nx, step)):
        pen.line((x, top + ny, x, top + ny + 4), fill=(0, 0, 0))
        pen.text((x - 3, top + ny + 4), str(n), fill=(0, 0, 0), font=ink)
    for n, y in enumerate(range(top, top + ny, step)):
        pen.line((left - 4, y, left, y), fill=(0, 0, 0))
        pen.text((2, y - 4), str(n), fill=(0, 0, 0), font=ink)
    if rng.random() < 0.4:
        pen.text((left + nx // 4, 2), f"B = {rng.integers(400)} mT", fill=(0, 0, 0), font=ink)
    if ramp is not None:
        rows = np.linspace(len(ramp) - 1, 0, ny).astype(int)
        bar = np.repeat((ramp[rows, None] * 255).astype(np.uint8), 10, axis=1)
        image.paste(Image.fromarray(bar), (left + nx + 6, top))
        for y in range(top, top + ny, step):
            pen.text((left + nx + 18, y), f"{rng.uniform(-9, 9):.1f}", fill=(0, 0, 0), font=ink)
    return np.asarray(image, np.float32) / np.float32(255)


@cache
def font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Pillow's own letters, ``size`` pixels high."""
    return ImageFont.load_default(size)
