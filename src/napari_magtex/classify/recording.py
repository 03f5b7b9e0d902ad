"""What a camera, a scanner, a dirty sample and a file format add to the signal of an instrument."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from napari_magtex.classify.faults import Faults, font, plotted, through_jpeg
from napari_magtex.classify.instruments import Frame
from napari_magtex.imaging.flaws import grain, speck, uneven_light

Pixels = NDArray[np.float32]
Stroke = Callable[[ImageDraw.ImageDraw, tuple[int, int], np.random.Generator], None]

# Darkest to brightest, red green blue: copper, hot, viridis, fire, blue-yellow, jet, cividis, violet-orange.
_RAMPS = (
    ((0, 0, 0), (0.5, 0.31, 0.2), (1, 0.62, 0.4), (1, 0.78, 0.5)),
    ((0, 0, 0), (0.9, 0, 0), (1, 0.9, 0), (1, 1, 1)),
    ((0.27, 0, 0.33), (0.23, 0.32, 0.55), (0.13, 0.57, 0.55), (0.37, 0.79, 0.38), (0.99, 0.91, 0.14)),
    ((0, 0, 0.02), (0.34, 0.06, 0.43), (0.73, 0.21, 0.33), (0.98, 0.55, 0.04), (0.99, 1, 0.64)),
    ((0, 0, 0), (0, 0, 1), (1, 1, 0), (1, 1, 1)),
    ((0, 0, 0.5), (0, 0.5, 1), (0.5, 1, 0.5), (1, 0.5, 0), (0.5, 0, 0)),
    ((0, 0.13, 0.3), (0.49, 0.49, 0.47), (1, 0.91, 0.27)),
    ((0.15, 0, 0.3), (0.95, 0.95, 0.95), (0.5, 0.23, 0)),
)


def recorded(frame: Frame, rng: np.random.Generator, faults: Faults) -> Pixels:
    """Record a frame: grey (ny, nx) of any scale, or false colours (ny, nx, 3) from 0 to 1.

    Noise is measured against the texture: 1 is as strong as the standard deviation of a texture that fills the frame.
    A fine or faint texture is never buried: where it is n pixels across, noise stays below n / 6.
    """
    signal = frame.signal
    low, high = np.quantile(signal[:: max(1, signal.shape[0] // 100), ::3], (0.005, 0.995))
    spread = max(float(signal.std()), 0.25 * float(high - low), 0.0)
    flat = spread < 1e-6
    pixels = (signal - np.float32(signal.mean())) / np.float32(1.0 if flat else spread)
    if frame.film is not None:
        pixels[~frame.film] = rng.normal() * 2
    if faults is Faults.CLEAN:
        return pixels + np.float32(0.05) * rng.standard_normal(pixels.shape, np.float32)
    everything = faults is Faults.ALL
    most = float(np.clip(frame.size / 6, 0.3, 2.0)) if everything else 1.0
    noise = float(np.exp(rng.uniform(np.log(0.03 if everything else 0.1), np.log(most))))
    strength = noise if flat else 1.0  # of what disturbs, so that an empty film is no darker than a full one
    if everything:
        pixels = _soiled(pixels, strength, rng)
    pixels = uneven_light(pixels, strength, rng, slope=2.4 if everything else 1.2)
    pixels = pixels + np.float32(noise) * grain(pixels.shape, rng)
    if rng.random() < 0.2:  # a line at a time, each with its own offset
        pixels = pixels + (rng.standard_normal((pixels.shape[0], 1)) * rng.uniform(0, 0.4) * strength).astype(
            np.float32
        )
    return _stored(pixels, rng) if everything else pixels


def _soiled(pixels: Pixels, strength: float, rng: np.random.Generator) -> Pixels:
    """Dust, scratches, bend contours, and a structured sample beyond whose edges there is no film."""
    ny, nx = pixels.shape
    if rng.random() < 0.12:
        level = np.float32(rng.choice([-1, 1]) * rng.uniform(1.5, 6) * strength)
        beyond = _mask((ny, nx), rng, _outline)
        rim = np.clip(4 * beyond * (1 - beyond), 0, 1) * np.float32(rng.uniform(0, 4) * strength)
        pixels = pixels * (1 - beyond) + level * beyond + rim
    if rng.random() < 0.3:
        for _ in range(int(rng.integers(1, 9))):
            speck(pixels, strength, rng)
    if rng.random() < 0.15:
        line = _mask((ny, nx), rng, _scratch)
        pixels = pixels + line * np.float32(rng.choice([-1, 1]) * rng.uniform(1.5, 5) * strength)
    return pixels


def _mask(shape: tuple[int, int], rng: np.random.Generator, drawing: Stroke) -> Pixels:
    """Draw something in white on black, its edges soft."""
    ny, nx = shape
    image = Image.new("L", (nx, ny))
    drawing(ImageDraw.Draw(image), (nx, ny), rng)
    return gaussian_filter(np.asarray(image, np.float32) / np.float32(255), float(rng.uniform(0.5, 1.5)), truncate=2)


def _outline(pen: ImageDraw.ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    """A strip on one side or on two, at an angle: the edges of a wire."""
    nx, ny = size
    slope = rng.uniform(-0.25, 0.25) * ny
    top = rng.uniform(0.05, 0.3) * ny
    pen.polygon([(0, 0), (nx, 0), (nx, top + slope), (0, top - slope)], fill=255)
    if rng.random() < 0.5:
        bottom = ny - rng.uniform(0.05, 0.3) * ny
        pen.polygon([(0, ny), (nx, ny), (nx, bottom + slope), (0, bottom - slope)], fill=255)


def _scratch(pen: ImageDraw.ImageDraw, size: tuple[int, int], rng: np.random.Generator) -> None:
    """A line that wanders from edge to edge."""
    nx, ny = size
    along = np.linspace(0, 1, 8)
    y = (rng.uniform(0, 1) + rng.uniform(-0.8, 0.8) * along + 0.05 * np.cumsum(rng.normal(size=8))) * ny
    points = list(zip((along * nx).tolist(), y.tolist(), strict=True))
    points = points if rng.random() < 0.6 else [(b * nx / ny, a * ny / nx) for a, b in points]
    pen.line(points, fill=255, width=int(rng.integers(1, 7)), joint="curve")


def _stored(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Make a file of a frame: clipped, few levels, JPEG, a scale bar, a footer; or a plot in false colours."""
    cut = rng.uniform(0, 0.01) if rng.random() < 0.7 else rng.uniform(0.01, 0.06)
    low, high = np.quantile(pixels[::3, ::3], (cut, 1 - cut))
    unit = np.clip((pixels - np.float32(low)) / np.float32(max(high - low, 1e-6)), 0, 1)
    chance = rng.random(6)
    if chance[0] < 0.15:
        unit = unit ** np.float32(rng.uniform(0.6, 1.6))
    if chance[1] < 0.2:
        levels = np.float32(2 ** int(rng.integers(4, 8)) - 1)
        unit = np.round(unit * levels) / levels
    if chance[2] < 0.15:
        unit = through_jpeg(unit, int(rng.integers(50, 96)))
    if chance[3] < 0.12:
        return _false_colours(unit, rng)
    if chance[4] < 0.12:
        unit = _annotated(unit, rng)
    return unit.astype(np.float32)


def _false_colours(unit: Pixels, rng: np.random.Generator) -> Pixels:
    """Colour a frame (ny, nx) from 0 to 1 as an instrument's program does, often with axes and a bar of the colours."""
    anchors = np.array(_RAMPS[rng.integers(len(_RAMPS))], np.float32)
    anchors = anchors if rng.random() < 0.85 else anchors[::-1]
    at = np.linspace(0, 1, len(anchors))
    ramp = np.stack([np.interp(np.linspace(0, 1, 256), at, anchors[:, c]) for c in range(3)], axis=1).astype(np.float32)
    coloured = ramp[(unit * 255).astype(np.uint8)]
    return plotted(coloured, ramp, rng) if rng.random() < 0.5 else coloured


def _annotated(unit: Pixels, rng: np.random.Generator) -> Pixels:
    """Burn in a scale bar, or put a footer with text below."""
    ny, nx = unit.shape
    ink, length = (255 if rng.random() < 0.6 else 0), int(rng.uniform(0.1, 0.35) * nx)
    footer = int(rng.integers(16, 36)) if rng.random() < 0.5 else 0
    image = Image.new("L", (nx, ny + footer), 255 - ink)
    image.paste(Image.fromarray((unit * 255).astype(np.uint8)))
    pen = ImageDraw.Draw(image)
    y = ny + footer // 2 if footer else int(ny * 0.93)
    pen.rectangle((8, y, 8 + length, y + 3), fill=ink)
    pen.text(
        (12 + length * bool(footer), y - 14 + 8 * bool(footer)), f"{rng.integers(1, 500)} nm", fill=ink, font=font(10)
    )
    return np.asarray(image, np.float32) / np.float32(255)
