"""How an electron microscope transfers a wave: its settings, wave vectors, and the transfer function."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_magtex.errors import Unsuitable

if TYPE_CHECKING:
    import torch


FINE = 4  # pixels: a period finer than which frames hold little


@dataclass(frozen=True)
class Optics:
    """How a transmission electron microscope in Lorentz mode is set.

    Parameters
    ----------
    defocus
        In m, positive is underfocus.
    voltage
        Acceleration voltage in V.
    cs
        Spherical aberration in m.
    divergence
        Half-angle of the illumination in rad, where its Gaussian has fallen to 1/e.
    astigmatism, astigmatism_axis_deg
        Half the difference, in m, of the foci of lines along the axis and across it: the defocus is larger by
        ``astigmatism`` for waves along the axis, counter-clockwise from +x.
    focal_spread
        Standard deviation in m of the focus during an exposure: chromatic aberration, an unsteady lens.
    """

    defocus: float
    voltage: float = 200e3
    cs: float = 0.0
    divergence: float = 0.0
    astigmatism: float = 0.0
    astigmatism_axis_deg: float = 0.0
    focal_spread: float = 0.0

    def __post_init__(self) -> None:
        if not self.voltage > 0:
            raise Unsuitable(f"electrons need a positive acceleration voltage, not {self.voltage:g} V")
        if self.divergence < 0:
            raise Unsuitable(f"the divergence of the illumination cannot be negative: {self.divergence:g} rad")
        if self.focal_spread < 0:
            raise Unsuitable(f"the spread of the focus cannot be negative: {self.focal_spread:g} m")

    @property
    def wavelength(self) -> float:
        """Relativistic wavelength of the electrons in m: 2.508 pm at 200 kV."""
        from scipy.constants import c, e, h, m_e

        energy = e * self.voltage
        return float(h / math.sqrt(2 * m_e * energy * (1 + energy / (2 * m_e * c * c))))

    @property
    def interaction(self) -> float:
        """Phase in rad that a potential of 1 V gives along 1 m: 7.29e6 at 200 kV."""
        from scipy.constants import c, e, m_e

        rest, energy = m_e * c * c, e * self.voltage
        return 2 * math.pi * e / (self.wavelength * energy) * (rest + energy) / (2 * rest + energy)

    def spread_px(self, pixel_size: tuple[float, float]) -> float:
        """Pixels over which the defocus spreads a wave of a fine period: how far around a place its picture reaches."""
        finest = min(pixel_size)
        return self.wavelength * abs(self.defocus) / (FINE * finest) / finest

    def aliases_above(self, shape: tuple[int, int], pixel_size: tuple[float, float]) -> float:
        """Defocus in m beyond which the chirp of the transfer is too fast for so many pixels."""
        return min(n * d * d for n, d in zip(shape, pixel_size, strict=True)) / self.wavelength


def transfer(
    shape: tuple[int, int],
    pixel_size: tuple[float, float],
    optics: Optics,
    *,
    tilt_deg: float = 0.0,
    tilt_axis_deg: float = 0.0,
) -> torch.Tensor:
    """Return the factor (ny, nx), complex128, by which the microscope multiplies the spectrum of a wave.

    Notes
    -----
    e^(-i chi) with chi = -pi lambda df k^2 + pi / 2 Cs lambda^3 k^4, k a frequency; an unsteady focus damps it by
    exp(-(pi lambda k^2 spread)^2 / 2), which is exact for weak phases.
    """
    import torch

    qx, qy = wave_vectors(shape, pixel_size, tilt_deg, tilt_axis_deg, half=False)
    k2 = (qx**2 + qy**2) / (4 * math.pi**2)
    focus = optics.defocus * k2
    if optics.astigmatism:
        axis = math.radians(2 * optics.astigmatism_axis_deg)
        twofold = (qx**2 - qy**2) * math.cos(axis) + 2 * qx * qy * math.sin(axis)
        focus = focus + optics.astigmatism * twofold / (4 * math.pi**2)
    chi = -math.pi * optics.wavelength * focus + math.pi / 2 * optics.cs * optics.wavelength**3 * k2**2
    damping = torch.exp(-((math.pi * optics.wavelength * optics.focal_spread * k2) ** 2) / 2)
    return damping * torch.exp(-1j * chi)


def wave_vectors(
    shape: tuple[int, int],
    pixel_size: tuple[float, float],
    tilt_deg: float = 0.0,
    tilt_axis_deg: float = 0.0,
    *,
    half: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Wave vectors x and y in rad/m, y up, of pixels on the film, as the beam sees them: foreshortened by the tilt.

    ``half`` gives the ones of a real transform. Always float64 on the CPU: squares of 1e9 times lengths of 1e-12 need
    it, and not every device has it.
    """
    import torch

    (ny, nx), (dy, dx) = shape, pixel_size
    x = 2 * math.pi * (torch.fft.rfftfreq if half else torch.fft.fftfreq)(nx, dx, dtype=torch.float64)
    y = -2 * math.pi * torch.fft.fftfreq(ny, dy, dtype=torch.float64)[:, None]
    if tilt_deg == 0:
        return x, y
    axis = math.radians(tilt_axis_deg)
    stretch = (1 / math.cos(math.radians(tilt_deg)) - 1) * across(x, y, tilt_axis_deg)
    return x - math.sin(axis) * stretch, y + math.cos(axis) * stretch


def across(x: torch.Tensor, y: torch.Tensor, tilt_axis_deg: float) -> torch.Tensor:
    """Component across the tilt axis, in the plane, counter-clockwise from it."""
    axis = math.radians(tilt_axis_deg)
    return y * math.cos(axis) - x * math.sin(axis)
