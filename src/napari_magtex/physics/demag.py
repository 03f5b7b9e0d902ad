"""The stray field of a film one cell thick, by FFT."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from scipy.fft import fft, next_fast_len
from torch import Tensor

from napari_magtex.errors import BadExperiment
from napari_magtex.physics.demag_tensor import Floats, infinite_tensor, isolated_tensor

_CACHED = 2**20  # bytes of workspace that stay in a core's cache
_ABUNDANT = 2**28  # bytes that keep an accelerator busy


class Demag:
    """Field of every cell, magnetised uniformly, on every other: ``B = -mu0 Ms N * m``, per unit of mu0 Ms.

    Parameters
    ----------
    shape, cell
        (ny, nx) and (dz, dy, dx) in metres.
    periodic
        In the plane: an infinite film; otherwise the film ends at its edges.

    Raises
    ------
    BadExperiment
        There is no cell, or its edges are not positive numbers.

    Notes
    -----
    An isolated film is padded to twice its size so that its images do not act on it, but the rows of zeros are never
    transformed: the film's own rows go along x, then some columns at a time, while they are in the cache, along y,
    through the tensor and back. A batch is worked off in parts for the same reason: the field takes little memory.
    The tensor is right to 1e-12 (`demag_tensor`), and those of the last two films are kept for the next ones alike.
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
        (ny, nx), (dz, dy, dx) = shape, cell
        if min(ny, nx) < 1 or not all(0 < d < math.inf for d in cell):
            raise BadExperiment(f"a film needs cells of positive size, not {ny} x {nx} of (dz, dy, dx) = {cell} m")
        self._shape = (ny, nx)
        self._padded = self._shape if periodic else (_padded(ny), _padded(nx))
        spectrum = _spectrum(self._shape, self._padded, (dz, dy, dx), periodic)
        # each number twice, for a real and an imaginary part: products of plain reals take half as long
        self._spectrum = torch.tensor(spectrum, dtype=dtype, device=device).repeat_interleave(2, dim=-1)

    @property
    def domain(self) -> tuple[int, int]:
        """The grid (ny, nx) on which the field is a product in Fourier space: the film's own, or a padded one."""
        return self._padded

    @property
    def tensor(self) -> Tensor:
        """Spectrum of -N on the `domain`: xx, yy, zz, xy, (4, columns, rows), rows downwards."""
        return self._spectrum[..., ::2]

    def field(self, m: Tensor) -> Tensor:
        """Return -N * m, (batch, 3, ny, nx)."""
        return self.through_spectrum(m, self._through_tensor)

    def through_spectrum(self, m: Tensor, multiply: Callable[[Tensor, slice, slice], Tensor]) -> Tensor:
        """Return a field that is linear in m and the same from every cell, (batch, 3, ny, nx).

        Parameters
        ----------
        multiply
            (spectrum, systems, columns) to the field's spectrum: of these systems of the batch and these columns of the
            half spectrum, (systems, 3, columns, rows of the `domain`), columns first. It may work in place.
        """
        (ny, nx), (padded_y, padded_x) = self._shape, self._padded
        waves = padded_x // 2 + 1
        numbers = (_CACHED if m.device.type == "cpu" else _ABUNDANT) // (2 * m.element_size())
        systems = _part(len(m), numbers // (3 * ny * waves))
        columns = _part(waves, numbers // (3 * padded_y * systems))
        field = torch.empty_like(m, memory_format=torch.contiguous_format)
        for first in range(0, len(m), systems):
            these = slice(first, first + systems)
            rows = torch.fft.rfft(m[these], n=padded_x)
            for k in range(0, waves, columns):
                some = rows[..., k : k + columns]
                spectrum = torch.fft.fft(some.mT, n=padded_y).contiguous()
                spectrum = multiply(spectrum, these, slice(k, k + columns))
                some.copy_(torch.fft.ifft(spectrum)[..., :ny].mT)
            field[these] = torch.fft.irfft(rows, n=padded_x)[..., :nx]
        return field

    def _through_tensor(self, spectrum: Tensor, systems: slice, columns: slice) -> Tensor:
        """Multiply by -N in place."""
        xx, yy, zz, xy = self._spectrum[:, columns]
        parts = torch.view_as_real(spectrum).flatten(-2)
        x, y, z = parts[:, 0], parts[:, 1], parts[:, 2]
        from_x = xy * x
        x.mul_(xx).addcmul_(xy, y)
        y.mul_(yy).add_(from_x)
        z.mul_(zz)
        return spectrum


def _padded(n: int) -> int:
    """Return the quickest length to transform at which n cells do not meet their images, nor any cell itself."""
    return int(next_fast_len(max(2 * n - 1, n + 1), real=True))


def _part(total: int, most: int) -> int:
    """Return the size, from 1 to most where it can be, of the parts that share a total evenly."""
    parts = math.ceil(total / max(1, most))
    return math.ceil(total / parts) if parts else 1


@lru_cache(maxsize=2)
def _spectrum(
    shape: tuple[int, int], padded: tuple[int, int], cell: tuple[float, float, float], periodic: bool
) -> Floats:
    """Spectrum of -N, rows downwards: xx, yy, zz, xy, (4, padded_x // 2 + 1, padded_y), columns first."""
    if periodic:
        xx, yy, xy = infinite_tensor(shape, cell).swapaxes(1, 2)
    else:
        by_rows = _mirrored_waves(isolated_tensor(shape, cell), padded[1])[..., : padded[1] // 2 + 1]
        xx, yy, xy = _mirrored_waves(by_rows.swapaxes(1, 2), padded[0])
        xy = -xy  # i twice
    # zz from the trace, which is 1 for every wave; y points up while rows run downwards, which turns xy over
    spectrum = np.stack((-xx, -yy, xx + yy - 1, xy))
    spectrum.setflags(write=False)
    return spectrum


def _mirrored_waves(tensor: Floats, size: int) -> Floats:
    """Transform the last axis of (xx, yy, xy) over its distances of either sign; xy is odd, so without its i."""
    n = tensor.shape[-1]
    mirrored = np.pad(tensor, ((0, 0), (0, 0), (0, size - n)))
    mirrored[:2, :, :-n:-1] = tensor[:2, :, 1:]
    mirrored[2, :, :-n:-1] = -tensor[2, :, 1:]
    waves = fft(mirrored)
    return np.concatenate((waves[:2].real, waves[2:].imag))
