"""The stray field of a film one cell thick, by FFT."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_FAR = 40  # cells: beyond it a cell is a dipole to 1e-6, and Newell's differences lose their digits
_IMAGES = 40  # aliases a side in the periodic sum


class Demag:
    """Field of a uniformly magnetised cell on every other: ``B = -mu0 Ms N * m``, per unit of mu0 Ms.

    Parameters
    ----------
    shape, cell
        (ny, nx) and (dz, dy, dx) in metres.
    periodic
        In the plane: an infinite film; otherwise the film ends at its edges.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        cell: tuple[float, float, float],
        *,
        periodic: bool,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        self._shape = shape
        self._padded = shape if periodic else (2 * shape[0], 2 * shape[1])
        tensor = _periodic_tensor(shape, cell) if periodic else _open_tensor(shape, cell)
        self._xx, self._yy, self._zz, self._xy = (torch.as_tensor(n).to(device, dtype) for n in tensor)

    def field(self, m: Tensor) -> Tensor:
        """Return -N * m, (batch, 3, ny, nx)."""
        ny, nx = self._shape
        spectrum = torch.fft.rfft2(m, s=self._padded)
        x, y, z = spectrum.unbind(1)
        result = torch.stack((self._xx * x + self._xy * y, self._xy * x + self._yy * y, self._zz * z), dim=1)
        return torch.fft.irfft2(result, s=self._padded)[..., :ny, :nx].neg_()


Components = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _periodic_tensor(shape: tuple[int, int], cell: tuple[float, float, float]) -> Components:
    """Demagnetising tensor of an infinite film in Fourier space: xx, yy, zz, xy, each (ny, nx // 2 + 1).

    The continuous film's tensor, averaged over source and target cell (sinc^2), summed over the aliases of each
    wave vector. N_zz converges as 1/G^3; the slower in-plane sums are scaled so that the trace is exactly 1.
    """
    (ny, nx), (dz, dy, dx) = shape, cell
    ky = 2 * math.pi * np.fft.fftfreq(ny, dy)[:, None]
    kx = 2 * math.pi * np.fft.rfftfreq(nx, dx)[None]
    xx, yy, zz, xy = (np.zeros((ny, nx // 2 + 1)) for _ in range(4))
    for p in range(-_IMAGES, _IMAGES + 1):
        gy = ky + 2 * math.pi * p / dy
        wy = np.sinc(gy * dy / (2 * math.pi)) ** 2
        for q in range(-_IMAGES, _IMAGES + 1):
            gx = kx + 2 * math.pi * q / dx
            weight = wy * np.sinc(gx * dx / (2 * math.pi)) ** 2
            k2 = gx**2 + gy**2
            kt = np.sqrt(k2) * dz
            out = np.divide(-np.expm1(-kt), kt, out=np.ones_like(kt), where=kt > 0)
            plane = np.divide(weight * (1 - out), k2, out=np.zeros_like(k2), where=k2 > 0)
            zz += weight * out
            xx += plane * gx**2
            yy += plane * gy**2
            xy += plane * gx * gy
    trace = xx + yy
    scale = np.divide(1 - zz, trace, out=np.ones_like(trace), where=trace > 0)
    # rows run downwards while y points up: turn the sign of every odd power of k_y
    return xx * scale, yy * scale, zz, -xy * scale


def _open_tensor(shape: tuple[int, int], cell: tuple[float, float, float]) -> Components:
    """Demagnetising tensor between cells of an isolated film, transformed on the doubled grid."""
    (ny, nx), (dz, dy, dx) = shape, cell
    i = np.fft.fftfreq(2 * ny, 1 / (2 * ny))[:, None]
    j = np.fft.fftfreq(2 * nx, 1 / (2 * nx))[None]
    x, y = np.broadcast_arrays(j * dx, -i * dy)
    xx = _newell(_f, x, y, (dx, dy, dz))
    yy = _newell(_f, y, x, (dy, dx, dz))
    xy = _newell(_g, x, y, (dx, dy, dz))
    far = np.hypot(i, j) > _FAR
    r = np.where(far, np.hypot(x, y), 1.0)
    dipole = dx * dy * dz / (4 * math.pi * r**3)
    xx = np.where(far, dipole * (1 - 3 * (x / r) ** 2), xx)
    yy = np.where(far, dipole * (1 - 3 * (y / r) ** 2), yy)
    xy = np.where(far, -3 * dipole * x * y / r**2, xy)
    zz = -xx - yy
    zz[0, 0] += 1  # the trace of a cell's own tensor
    return tuple(np.fft.rfft2(n).real for n in (xx, yy, zz, xy))  # type: ignore[return-value]


def _newell(
    function: Callable[..., NDArray], x: NDArray[np.float64], y: NDArray[np.float64], d: tuple[float, float, float]
) -> NDArray:
    """Second differences of a function of Newell (J. Geophys. Res. 98, 9551, 1993) along all axes, in long double."""
    weights = {-1: 1, 0: -2, 1: 1}
    hx, hy, hz = d
    u, v = x.astype(np.longdouble) / hx, y.astype(np.longdouble) / hx
    total = np.zeros(u.shape, np.longdouble)
    for a, wa in weights.items():
        for b, wb in weights.items():
            for c, wc in weights.items():
                z = np.full_like(u, c * hz / hx)
                total += wa * wb * wc * function(u + a, v + b * hy / hx, z)
    volume = (hy / hx) * (hz / hx)
    return np.asarray(-total / (4 * math.pi * volume), np.float64)


def _f(x: NDArray, y: NDArray, z: NDArray) -> NDArray:
    x, y, z = np.abs(x), np.abs(y), np.abs(z)
    x2, y2, z2 = x * x, y * y, z * z
    r = np.sqrt(x2 + y2 + z2)
    result = (2 * x2 - y2 - z2) * r / 6
    result += 0.5 * y * (z2 - x2) * _asinh_ratio(y, x2 + z2)
    result += 0.5 * z * (y2 - x2) * _asinh_ratio(z, x2 + y2)
    return result - x * y * z * _atan_ratio(y * z, x * r)


def _g(x: NDArray, y: NDArray, z: NDArray) -> NDArray:
    z = np.abs(z)
    x2, y2, z2 = x * x, y * y, z * z
    r = np.sqrt(x2 + y2 + z2)
    result = x * y * z * _asinh_ratio(z, x2 + y2)
    result += y / 6 * (3 * z2 - y2) * _asinh_ratio(x, y2 + z2)
    result += x / 6 * (3 * z2 - x2) * _asinh_ratio(y, x2 + z2)
    result -= z * z2 / 6 * _atan_ratio(x * y, z * r)
    result -= z * y2 / 2 * _atan_ratio(x * z, y * r)
    result -= z * x2 / 2 * _atan_ratio(y * z, x * r)
    return result - x * y * r / 3


def _asinh_ratio(a: NDArray, b2: NDArray) -> NDArray:
    b = np.sqrt(b2)
    return np.arcsinh(np.divide(a, b, out=np.zeros_like(a), where=b > 0))


def _atan_ratio(a: NDArray, b: NDArray) -> NDArray:
    return np.arctan(np.divide(a, b, out=np.zeros_like(a), where=b != 0))
