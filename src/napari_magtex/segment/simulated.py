"""Simulated frames with masks, to train on: skyrmions and worms as Kerr and force microscopes see them.

A frame shows one film: from an empty one to a dense lattice, skyrmions 4 to 100 pixels across, all over the frame or
on devices, with dust, uneven light and noise. The skyrmions are those that the engine relaxed (`segment.textures`), or
domains with walls of tanh profile (`segment.arrangement`), which come in more sizes and disorder than it has time for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from napari_magtex.imaging.devices import devices
from napari_magtex.imaging.flaws import grain, speck, uneven_light
from napari_magtex.imaging.kerr import kerr_frame, mfm_frame
from napari_magtex.segment.arrangement import arranged
from napari_magtex.segment.kinds import Kind
from napari_magtex.segment.textures import magnified
from napari_magtex.states.library import Simulation
from napari_magtex.texture import SpinTexture

Pixels = NDArray[np.float32]
Depth = NDArray[np.float64]  # pixels into a domain from its wall; negative outside it

SIZES = (4.0, 100.0)  # pixels across a skyrmion
_MOSTLY = 40.0  # pixels: four of five frames have smaller ones, of which there are many
_MOST_OF_FRAME = 0.5  # of the shorter side, across a skyrmion
_QUIETEST = 25.0  # contrast over noise
_NOISIER = 2.0  # a third of the frames has less than 1.5 times the least contrast: what is hard takes most examples
_FORCE = 0.12  # share of frames of a force microscope
_DEVICES = 0.35  # share of frames that show devices
_QUIETEST_GROUND = 0.25  # of the film's noise that the ground beside it has, at least
_DUSTY = 0.45  # share of frames with dust
_VISIBLE = 0.35  # of the skyrmions' contrast: dust that changes the grey by less is no defect


@dataclass(frozen=True, eq=False)
class SimulatedFrame:
    """Grey values (ny, nx), what each pixel shows, how many pixels a skyrmion has across, and contrast over noise."""

    grey: Pixels
    kinds: NDArray[np.uint8]
    size: float
    snr: float


def simulated_frame(
    rng: np.random.Generator,
    shape: tuple[int, int] = (256, 256),
    *,
    size: float | None = None,
    snr: float | None = None,
    clean: bool = False,
    texture: Simulation | None = None,
) -> SimulatedFrame:
    """Simulate a frame.

    Parameters
    ----------
    shape
        (ny, nx).
    size, snr
        Pixels across a skyrmion, and the contrast of film and skyrmion over the noise of a pixel; drawn at random where
        left out, with less noise the smaller the skyrmions are: what nobody could see teaches nothing.
    clean
        Without devices, dust and uneven light, the noise white.
    texture
        Shown instead of skyrmions that are painted.
    """
    size = _size(rng, shape) if size is None else size
    m: NDArray[np.floating] | None = None
    if texture is not None:
        m, size = magnified(texture, rng, shape, size)
    if snr is None:
        noisiest = float(np.clip(9 / size, 0.7, 2.2))
        snr = noisiest * (_QUIETEST / noisiest) ** float(rng.random() ** _NOISIER)
    film = np.ones(shape, bool)
    if not clean and rng.random() < _DEVICES:
        film = devices(shape, rng)
    if m is None:
        depth = arranged(rng, shape, size)
        if not film.all():
            inward = distance_transform_edt(np.pad(film, 1, mode="edge"))[1:-1, 1:-1]
            depth = np.minimum(depth, inward - 0.5 - size * rng.uniform(0.05, 0.3))
        m = _walls(rng, depth, size)
    inside = film & (m[..., 2] < 0)
    kinds = np.where(film, np.where(inside, Kind.SKYRMION, Kind.FILM), Kind.OUTSIDE).astype(np.uint8)
    seen = _seen(rng, m * film[..., None], inside, size)
    if not film.all():
        seen = _beside(rng, seen, film)
    dirt = np.zeros(shape, np.float32)
    if not clean:
        for _ in range(int(rng.integers(0, 12)) if rng.random() < _DUSTY else 0):
            speck(dirt, 0.6, rng)
    kinds[gaussian_filter(np.abs(dirt), 1.0) > _VISIBLE] = Kind.DEFECT
    grey = seen + dirt
    if not clean:
        grey = uneven_light(grey, 0.6, rng, slope=1.0)
    noise = rng.standard_normal(shape, np.float32) if clean else grain(shape, rng)
    if not film.all() and rng.random() < 0.6:  # dark ground has less shot noise, and none of a reference's domains
        noise = np.where(film, noise, noise * np.float32(np.exp(rng.uniform(np.log(_QUIETEST_GROUND), 0))))
    grey = grey + np.float32(1 / snr) * noise
    if rng.random() < 0.5:
        grey = -grey
    return SimulatedFrame(grey.astype(np.float32), kinds, size, snr)


def _size(rng: np.random.Generator, shape: tuple[int, int]) -> float:
    smallest, largest = SIZES
    largest = min(largest, _MOST_OF_FRAME * min(shape))
    if rng.random() < 0.8:
        largest = min(largest, _MOSTLY)
    return float(np.exp(rng.uniform(np.log(smallest), np.log(largest))))


def _walls(rng: np.random.Generator, depth: Depth, size: float) -> NDArray[np.float64]:
    """Return spins (ny, nx, 3) of domains that point down, with walls of tanh profile, from Néel to Bloch."""
    wall = max(0.35, size * rng.uniform(0.03, 0.16))
    mz = -np.tanh(depth / wall)
    dy, dx = np.gradient(depth)
    turn = np.exp(1j * rng.uniform(0, 2 * np.pi))
    across = np.sqrt(np.maximum(1 - mz**2, 0)) * turn * (dx - 1j * dy) / np.maximum(np.hypot(dx, dy), 1e-6)
    return np.stack([across.real, across.imag, mz], axis=-1)


def _seen(rng: np.random.Generator, m: NDArray[np.floating], inside: NDArray[np.bool_], size: float) -> Pixels:
    """See spins (ny, nx, 3) through an instrument: film at 0, the middle of a wide domain at 1."""
    if rng.random() < _FORCE and m.any(axis=-1).all():
        texture = SpinTexture.from_layer(m, cell=(size * 1e-9, 1e-9, 1e-9))
        signal = mfm_frame(texture, lift=size * rng.uniform(0.15, 0.5) * 1e-9).pixels
        if inside.any() and not inside.all():
            film_grey = float(np.median(signal[~inside]))
            contrast = float(np.median(signal[inside])) - film_grey
            if abs(contrast) > 0.2 * float(signal.std()):
                return ((signal - film_grey) / np.float32(contrast)).astype(np.float32)
    blur = float(rng.uniform(0.2, 0.14 * size + 0.6))
    return 1 - kerr_frame(SpinTexture.from_layer(m), blur_px=blur, periodic=False).pixels


def _beside(rng: np.random.Generator, seen: Pixels, film: NDArray[np.bool_]) -> Pixels:
    """Give what is beside the film a grey of its own, and its edge the two lines that a drift leaves of it."""
    soft = gaussian_filter(film.astype(np.float32), float(rng.uniform(0.4, 1.2)))
    level = np.float32(rng.normal() * 1.2) if rng.random() < 0.7 else np.float32(rng.normal() * 0.2)
    seen = seen * soft + level * (1 - soft)
    if rng.random() < 0.7:
        dy, dx = np.gradient(soft)
        drift = rng.normal(size=2) * rng.uniform(0, 6)
        seen = seen + (drift[0] * dy + drift[1] * dx).astype(np.float32)
    if rng.random() < 0.3:
        rim = (4 * soft * (1 - soft)).astype(np.float32)
        seen = seen + rim * np.float32(rng.normal() * 1.5)
    return seen
