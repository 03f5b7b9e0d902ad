"""Texture to the frames of a Kerr microscope and of a magnetic force microscope."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_magtex.errors import Unsuitable
from napari_magtex.imaging import detector
from napari_magtex.picture import Contrast, Picture
from napari_magtex.texture import SpinTexture


def kerr_frame(
    texture: SpinTexture,
    *,
    sensitivity: tuple[float, float, float] = (0.0, 0.0, 1.0),
    blur_px: float = 0.0,
    noise: float = 0.0,
    gradient: float = 0.0,
    seed: int = 0,
    periodic: bool = True,
) -> Picture:
    """Draw the middle layer of a texture as a Kerr, Faraday or XMCD microscope sees it, a pixel a cell.

    Parameters
    ----------
    texture
        Any texture. Light does not resolve a lattice: blur an antiferromagnet by a few cells.
    sensitivity
        The direction (x, y, z) along which m is seen; polar where it is left out. Its length does not matter.
    blur_px
        Standard deviation of the optical blur, in pixels.
    noise
        Standard deviation of the noise; the full contrast, m along against m opposite, is 1.
    gradient
        Uneven light from the darkest to the brightest corner, as a fraction of the mean.
    seed
        Of noise and light.
    periodic
        Whether the blur wraps around the edges.

    Returns
    -------
    A grey picture (ny, nx): 1 where m is along, 0 where it is opposite, 0.5 where it is across or absent.
    """
    along = np.asarray(sensitivity, dtype=float)
    if not np.linalg.norm(along) > 0:
        raise Unsuitable("the sensitivity has no direction: all three components are zero")
    rng = np.random.default_rng(seed)
    signal = texture.middle().m[0].astype(float) @ (along / np.linalg.norm(along))
    grey = 0.5 + 0.5 * detector.blur(signal, blur_px, periodic=periodic)
    grey = grey * detector.illumination(grey.shape, gradient, rng)
    size = None if texture.cell is None else texture.cell[1:]
    meta = {"sensitivity": tuple(map(float, sensitivity)), "blur_px": float(blur_px), "noise": float(noise)}
    return Picture(detector.add_noise(grey, noise, rng).astype(np.float32), Contrast.KERR, size, meta=meta)


def mfm_frame(
    texture: SpinTexture,
    *,
    lift: float = 40e-9,
    thickness: float | None = None,
    noise: float = 0.0,
    seed: int = 0,
    periodic: bool = True,
) -> Picture:
    """Draw a texture as a magnetic force microscope sees it: charges, not m_z.

    Parameters
    ----------
    texture
        A texture with known cell; its middle layer stands for the whole thickness.
    lift
        Of the tip above the surface, in m.
    thickness
        Of the film, in m; the texture's own where it is left out.
    noise
        Standard deviation of the noise, in those of the signal.
    seed
        Of the noise.
    periodic
        Whether the film goes on beyond its edges; else it is alone.

    Returns
    -------
    A grey picture (ny, nx) of d^2 H_z / dz^2 / Ms at the tip, in 1 / um^2: bright above positive charges.

    Raises
    ------
    Unsuitable
        The cell size is unknown, so lift and texture cannot be compared.

    Notes
    -----
    With q the wave vector, the surface charges M_z at top and bottom and the volume charges -div M add up to
    q^2 e^(-q lift) (1 - e^(-q thickness)) / 2 (M_z - i q.M / |q|).
    """
    if texture.cell is None:
        raise Unsuitable("a magnetic force picture needs the cell size, which this texture lacks: set it first")
    thickness = texture.cell[0] * texture.shape[0] if thickness is None else thickness
    m = texture.middle().m[0].astype(float)
    signal = _second_derivative(m, texture.cell[1:], lift, thickness, periodic) * 1e-12
    noisy = detector.add_noise(signal, noise * float(signal.std()), np.random.default_rng(seed))
    meta = {"lift_nm": lift * 1e9, "thickness_nm": thickness * 1e9, "noise": float(noise)}
    return Picture(noisy.astype(np.float32), Contrast.MFM, texture.cell[1:], meta=meta)


def _second_derivative(
    m: NDArray[np.float64], pixel_size: tuple[float, float], lift: float, thickness: float, periodic: bool
) -> NDArray[np.float64]:
    """Return d^2 H_z / dz^2 / Ms (ny, nx) in 1/m^2 at a lift above a film with m (ny, nx, 3)."""
    ny, nx, _ = m.shape
    shape = (ny, nx) if periodic else (2 * ny, 2 * nx)
    (dy, dx) = pixel_size
    qx = 2 * np.pi * np.fft.rfftfreq(shape[1], dx)
    qy = -2 * np.pi * np.fft.fftfreq(shape[0], dy)[:, None]  # rows run down, y up
    q = np.hypot(qx, qy)
    mx, my, mz = np.fft.rfft2(np.moveaxis(m, -1, 0), shape)
    q_safe = np.where(q > 0, q, 1)
    charges = mz - 1j * (qx * mx + qy * my) / q_safe
    transfer = q**2 * np.exp(-q * lift) * -np.expm1(-q * thickness) / 2
    return np.fft.irfft2(charges * transfer, shape)[:ny, :nx]
