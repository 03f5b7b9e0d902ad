"""Texture to Lorentz-TEM frame: the phase electrons pick up in the film, and the defocused picture of it.

Signs as DESIGN has them, y up: (B_x, B_y) t = (hbar / e) (-d phase / dy, d phase / dx); positive defocus is underfocus,
and there I = 1 + lambda df / (2 pi) laplacian(phase) for weak phases. Batched in torch and differentiable.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_magtex.errors import Unsuitable
from napari_magtex.imaging import detector
from napari_magtex.picture import Contrast, Picture
from napari_magtex.texture import Lattice, SpinTexture

if TYPE_CHECKING:
    import torch


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
    """

    defocus: float
    voltage: float = 200e3
    cs: float = 0.0
    divergence: float = 0.0

    def __post_init__(self) -> None:
        if not self.voltage > 0:
            raise Unsuitable(f"electrons need a positive acceleration voltage, not {self.voltage:g} V")
        if self.divergence < 0:
            raise Unsuitable(f"the divergence of the illumination cannot be negative: {self.divergence:g} rad")

    @property
    def wavelength(self) -> float:
        """Relativistic wavelength of the electrons in m: 2.508 pm at 200 kV."""
        from scipy.constants import c, e, h, m_e

        energy = e * self.voltage
        return float(h / math.sqrt(2 * m_e * energy * (1 + energy / (2 * m_e * c * c))))

    def aliases_above(self, shape: tuple[int, int], pixel_size: tuple[float, float]) -> float:
        """Defocus in m beyond which the chirp of the transfer is too fast for so many pixels."""
        return min(n * d * d for n, d in zip(shape, pixel_size, strict=True)) / self.wavelength


def electron_phase(
    texture: SpinTexture, *, tilt_deg: float = 0.0, tilt_axis_deg: float = 0.0, periodic: bool = True
) -> NDArray[np.float64]:
    """Magnetic phase of electrons behind a film.

    Parameters
    ----------
    texture
        With known cell and saturation; all layers count.
    tilt_deg, tilt_axis_deg
        The film is turned by ``tilt_deg``, right-handed, about the axis in its plane at ``tilt_axis_deg`` from +x,
        counter-clockwise. The result stays in the film's own coordinates: the foreshortening is undone.
    periodic
        Whether the film goes on beyond its edges; else it is alone in space.

    Returns
    -------
    Phase (ny, nx) in rad, of mean 0; the ramp of a net in-plane moment is left out.

    Raises
    ------
    Unsuitable
        Cell or saturation is unknown, or the lattice is triangular.
    """
    phase = _padded_phase(texture, tilt_deg, tilt_axis_deg, periodic)
    ny, nx = texture.shape[1:]
    return np.asarray(phase[:ny, :nx].numpy())


def lorentz_frame(
    texture: SpinTexture,
    optics: Optics,
    *,
    dose: float | None = None,
    seed: int = 0,
    periodic: bool = True,
    tilt_deg: float = 0.0,
    tilt_axis_deg: float = 0.0,
    order: NDArray[np.floating] | None = None,
) -> Picture:
    """Draw a texture as a Lorentz microscope sees it, a pixel a cell.

    Parameters
    ----------
    texture, tilt_deg, tilt_axis_deg, periodic
        As `electron_phase` takes them. Untilted Néel textures give no contrast.
    optics
        Defocus, voltage, aberration, divergence.
    dose
        Electrons a pixel, which brings shot noise; None: a perfect picture.
    seed
        Of the noise.
    order
        (ny, nx): what heat leaves of each cell's moment when it is averaged over an exposure; None: all of it.

    Returns
    -------
    A grey picture (ny, nx) of mean 1 (of an open film: 1 far from it), calibrated.
    """
    ny, nx = texture.shape[1:]
    phase = _padded_phase(texture, tilt_deg, tilt_axis_deg, periodic, order)
    cell = _known(texture)[0]
    limit = optics.aliases_above((phase.shape[0], phase.shape[1]), cell[1:])
    if abs(optics.defocus) > limit:
        warnings.warn(
            f"a defocus of {abs(optics.defocus) * 1e6:.3g} um aliases on {nx} x {ny} pixels of this size, which carry "
            f"up to {limit * 1e6:.3g} um: take a larger texture",
            stacklevel=2,
        )
    intensity = fresnel(phase[None], cell[1:], optics, tilt_deg=tilt_deg, tilt_axis_deg=tilt_axis_deg)[0, :ny, :nx]
    pixels = intensity.numpy()
    if dose is not None:
        pixels = detector.count(pixels, dose, np.random.default_rng(seed))
    meta = {
        "defocus_um": optics.defocus * 1e6,
        "voltage_kV": optics.voltage / 1e3,
        "cs_mm": optics.cs * 1e3,
        "divergence_mrad": optics.divergence * 1e3,
        "dose_e_per_px": dose,
        "tilt_deg": tilt_deg,
        "tilt_axis_deg": tilt_axis_deg,
    }
    return Picture(pixels.astype(np.float32), Contrast.LORENTZ, cell[1:], meta=meta)


def phase_of(
    m: torch.Tensor,
    cell: tuple[float, float, float],
    saturation: float | torch.Tensor,
    *,
    tilt_deg: float = 0.0,
    tilt_axis_deg: float = 0.0,
    heights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Magnetic phase of electrons behind periodic layers, batched.

    Parameters
    ----------
    m
        Directions (B, 3, ny, nx), row 0 at the largest y; pad open films with zeros.
    cell
        (dz, dy, dx) in m; dz is the thickness of the layer.
    saturation
        In A/m, one for all or (B,).
    tilt_deg, tilt_axis_deg
        As in `electron_phase`.
    heights
        Height of each layer's middle in m, (B,), which a tilt turns into a shift; 0 where left out.

    Returns
    -------
    Phase (B, ny, nx) in rad, in the type of m; k = 0 is 0.

    Notes
    -----
    phase(q) = -i (e mu0 / hbar) [q x M_I]_z / q^2, with M_I the integral of M along the beam: the part of the field
    outside the film is in it, for the projected induction has no divergence.
    """
    import torch
    from scipy.constants import e, hbar, mu_0

    dz, dy, dx = cell
    ny, nx = m.shape[-2:]
    qx, qy = _wave_vectors((ny, nx), (dy, dx), tilt_deg, tilt_axis_deg, half=True)
    square = qx**2 + qy**2
    weight = torch.where(square > 0, 1 / torch.where(square > 0, square, 1), 0)
    if ny % 2 == 0:
        weight[ny // 2] = 0  # the highest frequency of an even number of pixels has no sign
    if nx % 2 == 0:
        weight[:, nx // 2] = 0
    weight = weight * (e * mu_0 / hbar * dz / math.cos(math.radians(tilt_deg)))
    of_x, of_y = (w.to(m) for w in (-qy * weight, qx * weight))
    spectrum = torch.fft.rfft2(_in_plane_of_beam(m, tilt_deg, tilt_axis_deg))
    phase = -1j * (of_x * spectrum[:, 0] + of_y * spectrum[:, 1])
    if heights is not None and tilt_deg:
        shift = (_across(qx, qy, tilt_axis_deg) * math.sin(math.radians(tilt_deg))).to(m)
        phase = phase * torch.exp(1j * shift * heights.reshape(-1, 1, 1))
    Ms = torch.as_tensor(saturation, dtype=m.dtype, device=m.device).reshape(-1, 1, 1)
    return torch.fft.irfft2(phase, s=(ny, nx)) * Ms


def fresnel(
    phase: torch.Tensor,
    pixel_size: tuple[float, float],
    optics: Optics,
    *,
    tilt_deg: float = 0.0,
    tilt_axis_deg: float = 0.0,
) -> torch.Tensor:
    """Intensity (B, ny, nx) of the defocused picture of a phase object, of mean 1.

    Parameters
    ----------
    phase
        (B, ny, nx) in rad, periodic; its type decides the precision.
    pixel_size
        (dy, dx) in m.
    optics
        Defocus, voltage, aberration, divergence.
    tilt_deg, tilt_axis_deg
        As in `electron_phase`, for a phase in the coordinates of a tilted film.

    Notes
    -----
    I = |FT^-1(FT(e^(i phase)) e^(-i chi))|^2, chi = -pi lambda df k^2 + pi / 2 Cs lambda^3 k^4, k a frequency. A
    divergent beam is a set of plane waves from different directions: each gives the same picture, shifted by the
    defocus times its angle, so the intensity is blurred by a Gaussian.
    """
    import torch

    ny, nx = phase.shape[-2:]
    qx, qy = _wave_vectors((ny, nx), pixel_size, tilt_deg, tilt_axis_deg, half=False)
    k2 = (qx**2 + qy**2) / (4 * math.pi**2)
    chi = -math.pi * optics.wavelength * optics.defocus * k2 + math.pi / 2 * optics.cs * optics.wavelength**3 * k2**2
    wave = torch.exp(1j * phase)
    wave = torch.fft.ifft2(torch.fft.fft2(wave) * torch.exp(-1j * chi).to(wave))
    intensity = wave.real**2 + wave.imag**2
    if optics.divergence > 0:
        blur = torch.exp(-((math.pi * optics.divergence * optics.defocus) ** 2) * k2)
        intensity = torch.fft.ifft2(torch.fft.fft2(intensity) * blur.to(phase)).real
    return intensity


def _known(texture: SpinTexture) -> tuple[tuple[float, float, float], float]:
    """Cell and saturation of a texture that has both."""
    missing = [
        name for name, value in (("cell size", texture.cell), ("saturation", texture.saturation)) if value is None
    ]
    if texture.cell is None or texture.saturation is None:
        raise Unsuitable(f"electrons need the texture's {' and '.join(missing)}, which is unknown: set it first")
    if texture.lattice is Lattice.TRIANGULAR:
        raise Unsuitable("a Lorentz picture of a triangular lattice is not computed: resample it on a square one first")
    return texture.cell, texture.saturation


def _padded_phase(
    texture: SpinTexture,
    tilt_deg: float,
    tilt_axis_deg: float,
    periodic: bool,
    order: NDArray[np.floating] | None = None,
) -> torch.Tensor:
    """Phase (ny, nx) of all layers together, on twice the area where the film is open; float64."""
    import torch

    cell, saturation = _known(texture)
    if not abs(tilt_deg) < 80:
        raise Unsuitable(f"a film can be tilted by less than 80 degrees, not {tilt_deg:g}")
    nz, ny, nx = texture.shape
    m = torch.from_numpy(np.moveaxis(texture.m, -1, 1).astype(np.float64))
    if order is not None:
        m = m * torch.as_tensor(order, dtype=m.dtype)
    if not periodic:
        m = torch.nn.functional.pad(m, (0, nx, 0, ny))
    heights = (torch.arange(nz, dtype=torch.float64) - (nz - 1) / 2) * cell[0]
    phase = phase_of(m, cell, saturation, tilt_deg=tilt_deg, tilt_axis_deg=tilt_axis_deg, heights=heights)
    return phase.sum(dim=0)


def _across(x: torch.Tensor, y: torch.Tensor, tilt_axis_deg: float) -> torch.Tensor:
    """Component across the tilt axis, in the plane, counter-clockwise from it."""
    axis = math.radians(tilt_axis_deg)
    return y * math.cos(axis) - x * math.sin(axis)


def _in_plane_of_beam(m: torch.Tensor, tilt_deg: float, tilt_axis_deg: float) -> torch.Tensor:
    """Components x and y (B, 2, ny, nx) of m in the frame of the microscope, whose z is the beam's axis."""
    import torch

    if tilt_deg == 0:
        return m[:, :2]
    tilt, axis = math.radians(tilt_deg), math.radians(tilt_axis_deg)
    across = _across(m[:, 0], m[:, 1], tilt_axis_deg)
    change = (math.cos(tilt) - 1) * across - math.sin(tilt) * m[:, 2]
    return torch.stack([m[:, 0] - math.sin(axis) * change, m[:, 1] + math.cos(axis) * change], dim=1)


def _wave_vectors(
    shape: tuple[int, int],
    pixel_size: tuple[float, float],
    tilt_deg: float,
    tilt_axis_deg: float,
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
    stretch = (1 / math.cos(math.radians(tilt_deg)) - 1) * _across(x, y, tilt_axis_deg)
    return x - math.sin(axis) * stretch, y + math.cos(axis) * stretch
