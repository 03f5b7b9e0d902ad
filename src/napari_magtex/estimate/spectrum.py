"""What the power spectrum of a picture says by itself: its period, and whether it looks like the simulated ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_magtex.picture import Contrast

_BAND_EDGES = 1 / np.geomspace(64, 2, 9)  # cycles a cell: waves of 64 down to 2 cells, in 8 bands
_FLOOR = 1e-5  # of variance in a band: what 8-bit colours leave
_SMOOTHEST = 1e-3  # variance of m below which a texture is uniform


@dataclass(frozen=True)
class Period:
    """The period of a texture in cells, with its 90 % interval; ``found`` is false where no ring stands out."""

    value: float
    low: float
    high: float
    found: bool


def power(values: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return |k| in cycles a cell, (ny, nx), and the power of every channel, (channels, ny, nx).

    Each channel's mean is removed and its edges are faded (Hann); the power of a channel sums to about its variance.
    """
    _, ny, nx = values.shape
    fade = np.hanning(ny + 2)[1:-1, None] * np.hanning(nx + 2)[None, 1:-1]
    fade /= np.sqrt((fade**2).mean())
    centred = values - values.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    spectrum = np.abs(np.fft.fft2(centred * fade)) ** 2 / (ny * nx) ** 2
    return np.hypot(np.fft.fftfreq(ny)[:, None], np.fft.fftfreq(nx)[None]), spectrum


def measure_period(values: NDArray[np.float32], *, noisy: bool = False) -> Period:
    """Measure the period of channels (channels, ny, nx) at the strongest ring of their spectrum.

    The interval is that of the ring's centre: its width over the root of the modes that share its power, and a tenth
    of the spectrum's resolution, which no ring's centre is known better than. ``noisy`` takes off the white floor.
    """
    k, spectra = power(values)
    spectrum = spectra.sum(axis=0)
    if noisy:
        spectrum = np.maximum(spectrum - spectrum[k > 0.35].mean(), 0)
    resolution = 1 / min(values.shape[1:])
    ring = np.round(k / resolution).astype(int)
    energy = np.bincount(ring.ravel(), spectrum.ravel())
    energy[0] = 0
    counts = np.bincount(ring.ravel())
    peak = int(energy.argmax())
    first = last = peak
    while first > 1 and energy[first - 1] > energy[peak] / 5:
        first -= 1
    while last < len(energy) - 1 and energy[last + 1] > energy[peak] / 5:
        last += 1
    band = (ring >= first) & (ring <= last)
    weight, where = spectrum[band], k[band]
    total = weight.sum()
    if total <= 0:
        return Period(math.inf, 0.0, math.inf, False)
    centre = float((weight * where).sum() / total)
    width = math.sqrt(float((weight * (where - centre) ** 2).sum() / total))
    modes = max(1.0, float(total**2 / (weight**2).sum()) / 2)  # k and -k are one mode
    half = 1.645 * math.hypot(width / math.sqrt(modes), resolution / 10)
    stands_out = energy[peak] / counts[peak] > 4 * spectrum[ring > 0].mean()
    textured = spectrum.sum() > (0 if noisy else _SMOOTHEST)
    found = bool(stands_out and textured and centre > 1.5 * resolution)
    return Period(1 / centre, 1 / (centre + half), 1 / max(centre - half, resolution / 4), found)


def is_uniform(values: NDArray[np.float32], contrast: Contrast) -> bool:
    """Whether there is no texture: the variance of m is below 1e-3, or a frame is all one grey."""
    variance = float(values.var(axis=(1, 2), dtype=np.float64).sum())
    return variance < (_SMOOTHEST if contrast is Contrast.SPIN else 1e-10)


def descriptor(values: NDArray[np.float32], contrast: Contrast) -> NDArray[np.float32]:
    """Describe channels (channels, ny, nx) by few numbers: log power in 8 bands of wavelength, and the mean m_z.

    A spin picture has bands for m_z and for the in-plane part.
    """
    k, spectra = power(values)
    groups = [spectra[2], spectra[:2].sum(axis=0)] if contrast is Contrast.SPIN else [spectra.sum(axis=0)]
    band = np.digitize(k, _BAND_EDGES) - 1
    chosen = (band >= 0) & (band < len(_BAND_EDGES) - 1)
    bands = [np.bincount(band[chosen], g[chosen], minlength=len(_BAND_EDGES) - 1) for g in groups]
    described = [np.log10(np.concatenate(bands) + _FLOOR)]
    if contrast is Contrast.SPIN:
        described.append(np.array([3 * values[2].mean(dtype=np.float64)]))
    return np.concatenate(described).astype(np.float32)
