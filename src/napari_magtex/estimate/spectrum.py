"""What the power spectrum of a picture says by itself: its period, and whether it looks like the simulated ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_magtex.physics.structure import UNIFORM, frequencies, strongest_ring, structure_factor
from napari_magtex.picture import Contrast

_BAND_EDGES = 1 / np.geomspace(64, 2, 9)  # cycles a cell, its longer side: waves of 64 down to 2 cells, in 8 bands
_FLOOR = 1e-5  # of variance in a band: what 8-bit colours leave


@dataclass(frozen=True)
class Period:
    """The period of a texture with its 90 % interval; ``found`` is false where no ring stands out."""

    value: float
    low: float
    high: float
    found: bool


def measure_period(
    values: NDArray[np.float32], *, cell: tuple[float, float] = (1.0, 1.0), noisy: bool = False
) -> Period:
    """Measure the period of channels (channels, ny, nx) at the strongest ring of their spectrum.

    It is in the unit of ``cell`` (dy, dx); by default in cells. The interval is that of the ring's centre: its width
    over the root of the modes that share its power, and a tenth of the spectrum's resolution, which no ring's centre is
    known better than. ``noisy`` takes off the white floor.
    """
    unit, (ny, nx) = max(cell), values.shape[1:]
    k, spectra = _power(values, cell)
    spectrum = spectra.sum(dim=0)
    if noisy:
        spectrum = (spectrum - spectrum[k > 0.35].mean()).clamp_min(0)
    resolution = 1 / min(ny * (cell[0] / unit), nx * (cell[1] / unit))
    ring = strongest_ring(spectrum[None], k, resolution)
    centre, width, modes = (float(number) for number in (ring.centre, ring.width, ring.modes))
    if math.isnan(centre):
        return Period(math.inf, 0.0, math.inf, False)
    half = 1.645 * math.hypot(width / math.sqrt(modes), resolution / 10)
    textured = float(spectrum.sum()) > (0 if noisy else UNIFORM)
    found = bool(ring.clear) and textured and centre > 1.5 * resolution
    value, low, high = (unit * (1 / k) for k in (centre, centre + half, max(centre - half, resolution / 4)))
    return Period(value, low, high, found)


def is_uniform(values: NDArray[np.float32], contrast: Contrast) -> bool:
    """Whether there is no texture: the variance of m is below 1e-3, or a frame is all one grey."""
    variance = float(values.var(axis=(1, 2), dtype=np.float64).sum())
    return variance < (UNIFORM if contrast is Contrast.SPIN else 1e-10)


def descriptor(
    values: NDArray[np.float32], contrast: Contrast, *, cell: tuple[float, float] = (1.0, 1.0)
) -> NDArray[np.float32]:
    """Describe channels (channels, ny, nx) by few numbers: log power in 8 bands of wavelength, and the mean m_z.

    A spin picture has bands for m_z and for the in-plane part. Wavelengths are in the longer side of a cell (dy, dx).
    """
    k, spectra = (tensor.numpy() for tensor in _power(values, cell))
    groups = [spectra[2], spectra[:2].sum(axis=0)] if contrast is Contrast.SPIN else [spectra.sum(axis=0)]
    band = np.digitize(k, _BAND_EDGES) - 1
    chosen = (band >= 0) & (band < len(_BAND_EDGES) - 1)
    bands = [np.bincount(band[chosen], g[chosen], minlength=len(_BAND_EDGES) - 1) for g in groups]
    described = [np.log10(np.concatenate(bands) + _FLOOR)]
    if contrast is Contrast.SPIN:
        described.append(np.array([3 * values[2].mean(dtype=np.float64)]))
    return np.concatenate(described).astype(np.float32)


def _power(values: NDArray[np.float32], cell: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Return |k|, (ny, nx), and the power of every channel (channels, ny, nx) with its edges faded.

    k is in cycles a cell (dy, dx), its longer side where it is not square.
    """
    channels = torch.from_numpy(np.array(values, dtype=np.float64, order="C"))[None]
    power = structure_factor(channels, periodic=False)[0]
    unit = max(cell)
    return frequencies((values.shape[1], values.shape[2]), cell=(cell[0] / unit, cell[1] / unit)), power
