"""What Lorentz, Kerr and force microscopes see of a texture, perfect but for what light and tip blur.

A frame shows the film at any size and angle: textures from 4 to 100 pixels across, a lone skyrmion or a thousand,
a film that ends inside the frame.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter
from torch.nn import functional

from napari_magtex.classify.augment import Spins, activity, spun
from napari_magtex.classify.faults import Faults
from napari_magtex.imaging.devices import devices
from napari_magtex.imaging.kerr import kerr_frame, mfm_frame
from napari_magtex.imaging.lorentz import lorentz_frame
from napari_magtex.imaging.optics import Optics
from napari_magtex.physics.structure import dominant_period
from napari_magtex.picture import Contrast
from napari_magtex.texture import SpinTexture

Pixels = NDArray[np.float32]

SHORTEST = 128  # pixels of a frame
SIDES = (140.0, 460.0)  # of a picture's longer side: drawing must keep pace with learning
_SIZES = {Faults.CLEAN: (10.0, 60.0), Faults.MODERATE: (10.0, 60.0), Faults.ALL: (4.0, 100.0)}  # across a texture
_MOST_OF_FRAME = 0.3  # of the shorter side, that half a period may take: less than two periods tell no texture
_AVERAGED = 1.7  # cells: standard deviation of the mean over neighbours, which stands for that over time
_BLURRED = 9  # of them make a period
_TILTED = 0.4  # of the Lorentz frames with all faults
_ANY_WALL = 0.6  # of the tilted ones: Néel walls show only so
_STRUCTURED = 0.2  # of the Kerr frames with all faults
_LEAST_FILM = 0.2  # of a frame with devices


@dataclass(frozen=True, eq=False)
class Frame:
    """Signal (ny, nx); how many pixels half a period of the texture takes, and where there is film at all."""

    signal: Pixels
    size: float
    film: NDArray[np.bool_] | None = None


def uniform_frame(
    rng: np.random.Generator, contrast: Contrast, faults: Faults, sides: tuple[float, float] = SIDES
) -> Frame:
    """See a film without any texture."""
    return _structured(Frame(np.zeros(_frame_shape(rng, sides), np.float32), sides[1]), contrast, faults, rng)


def instrument_frame(
    m: Spins,
    contrast: Contrast,
    rng: np.random.Generator,
    faults: Faults,
    *,
    periodic: bool,
    sides: tuple[float, float] = SIDES,
) -> Frame:
    """See spins (ny, nx, 3) through an instrument.

    ``sides`` are the least and the most pixels of the frame's longer side.

    Returns
    -------
    A frame without noise, in the instrument's own units.
    """
    signal = _seen(m, contrast, rng, faults, periodic=periodic)
    half_period = _half_period(signal, periodic=periodic)
    ny, nx = _frame_shape(rng, sides)
    smallest, largest = _SIZES[faults]
    largest = max(smallest, min(largest, _MOST_OF_FRAME * min(ny, nx)))
    size = float(np.exp(rng.uniform(np.log(smallest), np.log(largest))))
    scale = size / half_period  # pixels a cell
    ends = not periodic and faults is Faults.ALL and rng.random() < 0.3
    if not periodic:  # the frame must fit into the film, or its end takes a part of the frame
        share = 0.6 if ends else 1.0
        scale = max(scale, share * ny / m.shape[0], share * nx / m.shape[1])
    frame = _sampled(signal, activity(m), (ny, nx), scale, half_period * scale, rng, periodic=periodic, ends=ends)
    return _structured(frame, contrast, faults, rng)


def _structured(frame: Frame, contrast: Contrast, faults: Faults, rng: np.random.Generator) -> Frame:
    """Leave film on devices alone, now and then, where they show about as much of the texture as others do."""
    if contrast is not Contrast.KERR or faults is not Faults.ALL or frame.film is not None:
        return frame
    if rng.random() >= _STRUCTURED:
        return frame
    film = devices(frame.signal.shape, rng)
    change = np.abs(frame.signal - np.median(frame.signal))
    if film.mean() < _LEAST_FILM or change[film].sum() < 0.7 * film.mean() * change.sum():
        return frame
    return replace(frame, film=film)


def exposed(m: Spins, *, periodic: bool) -> Spins:
    """Return what an exposure leaves of a snapshot (ny, nx, 3) of a hot texture: the mean of all that fluctuates.

    An exposure takes seconds, a spin wave picoseconds. Of one snapshot it is the mean over as many neighbours as the
    texture allows.
    """
    period = float(dominant_period(torch.tensor(m.transpose(2, 0, 1).copy())[None], periodic=periodic)[0])
    radius = _AVERAGED if np.isnan(period) else float(np.clip(period / _BLURRED, _AVERAGED, 3 * _AVERAGED))
    return gaussian_filter(m, (radius, radius, 0), mode="wrap" if periodic else "nearest", truncate=3)


def _frame_shape(rng: np.random.Generator, sides: tuple[float, float]) -> tuple[int, int]:
    side = np.exp(rng.uniform(*np.log(sides)))
    aspect = 1.0 if rng.random() < 0.4 else float(rng.uniform(1, 1.6))
    long, short = round(side), max(SHORTEST, round(side / aspect))
    return (short, long) if rng.random() < 0.7 else (long, short)


def _seen(m: Spins, contrast: Contrast, rng: np.random.Generator, faults: Faults, *, periodic: bool) -> Pixels:
    """A perfect frame, a pixel a cell: from faint to strong contrast, from sharp to blurred."""
    if contrast is Contrast.KERR and rng.random() < 0.5:  # wide domains have narrow walls
        m = m * np.array([1, 1, rng.uniform(1.5, 8)], np.float32)
    cell = float(rng.uniform(1, 5) * 1e-9)
    thickness, saturation = float(rng.uniform(10, 100) * 1e-9), float(rng.uniform(0.1e6, 1e6))
    texture = SpinTexture.from_layer(m, cell=(thickness, cell, cell), saturation=saturation)
    match contrast:
        case Contrast.LORENTZ:
            optics = Optics(defocus=0.0, voltage=float(rng.choice([120e3, 200e3, 300e3])))
            limit = optics.aliases_above(m.shape[:2], (cell, cell))
            most = -0.15 if periodic else -0.5  # the fringes of a film's end go further
            optics = replace(optics, defocus=float(rng.choice([-1, 1]) * limit * 10 ** rng.uniform(-1.7, most)))
            tilted = faults is Faults.ALL and rng.random() < _TILTED
            tilt, axis = (float(rng.uniform(5, 35)), float(rng.uniform(0, 180))) if tilted else (0.0, 0.0)
            if tilted and rng.random() < _ANY_WALL:
                texture = replace(texture, m=spun(texture.m, float(rng.uniform(0, 2 * np.pi))))
            return lorentz_frame(texture, optics, tilt_deg=tilt, tilt_axis_deg=axis, periodic=periodic).pixels
        case Contrast.KERR:
            x, y, z = (0.0, 0.0, 1.0) if rng.random() < 0.85 else (*rng.normal(size=2).tolist(), 0.5)
            blur = float(rng.uniform(0, 1))
            return kerr_frame(texture, sensitivity=(x, y, z), blur_px=blur, periodic=periodic).pixels
        case _:
            return mfm_frame(texture, lift=float(rng.uniform(1, 6) * cell), periodic=periodic).pixels


def _half_period(signal: Pixels, *, periodic: bool) -> float:
    """Cells from bright to dark: of the strongest wave, or, where none stands out, from the mean square slope.

    The slope gives pi / k of a wave, and about the diameter of a lone spot.
    """
    period = float(dominant_period(torch.tensor(signal)[None, None], periodic=periodic)[0])
    if np.isnan(period):
        slope = np.mean(np.diff(signal, axis=0) ** 2) + np.mean(np.diff(signal, axis=1) ** 2)
        period = 2 * np.pi * signal.std() / max(np.sqrt(slope), 1e-12)
    return float(np.clip(period / 2, 2, min(signal.shape) / 2))


def _sampled(
    signal: Pixels,
    change: NDArray[np.float32],
    shape: tuple[int, int],
    scale: float,
    size: float,
    rng: np.random.Generator,
    *,
    periodic: bool,
    ends: bool,
) -> Frame:
    """Look at a film at ``scale`` pixels a cell: turned and bent where it goes on for ever, straight where it ends."""
    ny, nx = signal.shape
    if scale < 1:
        signal = gaussian_filter(signal, 0.45 / scale, mode="wrap" if periodic else "nearest")
    height, width = shape[0] / scale, shape[1] / scale  # of the frame, in cells
    y = np.linspace(-0.5, 0.5, shape[0], dtype=np.float32)[:, None] * np.float32(height)
    x = np.linspace(-0.5, 0.5, shape[1], dtype=np.float32)[None, :] * np.float32(width)
    if periodic:
        if rng.random() < 0.5:
            angle = rng.uniform(0, 2 * np.pi)
            c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
            y, x = c * y + s * x, c * x - s * y
        if rng.random() < 0.4:
            bend = rng.standard_normal((1, 2, 4, 4)).astype(np.float32) * np.float32(0.03 * min(height, width))
            bent = functional.interpolate(torch.from_numpy(bend), shape, mode="bicubic", align_corners=True)[0].numpy()
            y, x = y + bent[0], x + bent[1]
    centre_y, centre_x = _centre(change, (height, width), rng, periodic=periodic, ends=ends)
    y, x = y + np.float32(centre_y), x + np.float32(centre_x)
    film = None
    if periodic:
        y, x = y % ny, x % nx
    elif ends:
        film = np.broadcast_to((y > -0.5) & (y < ny - 0.5), shape) & np.broadcast_to((x > -0.5) & (x < nx - 0.5), shape)
    edge = "wrap" if periodic else "edge"
    padded = torch.from_numpy(np.pad(signal.astype(np.float32), 2, mode=edge))[None, None]  # type: ignore[call-overload]
    where = np.empty((1, *shape, 2), np.float32)
    where[..., 0], where[..., 1] = (x + 2) * (2 / (nx + 3)) - 1, (y + 2) * (2 / (ny + 3)) - 1
    mode = "bicubic" if scale > 1.5 else "bilinear"
    seen = functional.grid_sample(padded, torch.from_numpy(where), mode=mode, padding_mode="border", align_corners=True)
    return Frame(seen[0, 0].numpy(), size, film)


def _centre(
    change: NDArray[np.float32],
    window: tuple[float, float],
    rng: np.random.Generator,
    *,
    periodic: bool,
    ends: bool,
) -> tuple[float, float]:
    """Choose a place in cells around which a window of (height, width) cells shows about as much as it can."""
    ny, nx = change.shape
    reach = tuple(max(1, min(round(0.8 * w), n)) for w, n in zip(window, change.shape, strict=True))
    content = uniform_filter(change, reach, mode="wrap" if periodic else "constant")
    if not periodic and not ends:  # the window stays on the film
        inside = np.zeros_like(content, dtype=bool)
        half = tuple(min(int(np.ceil(w / 2)), (n - 1) // 2) for w, n in zip(window, change.shape, strict=True))
        inside[half[0] : ny - half[0], half[1] : nx - half[1]] = True
        content = np.where(inside, content, -1)
    good = np.flatnonzero(content >= 0.6 * content.max())
    row, column = divmod(int(good[rng.integers(len(good))]), nx)
    return float(row), float(column)
