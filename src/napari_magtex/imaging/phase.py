"""Texture to electron phase, and phase to induction.

Signs as DESIGN has them, y up: (B_x, B_y) t = (hbar / e) (-d phase / dy, d phase / dx). Batched in torch and
differentiable.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.constants import e, hbar, mu_0

from napari_magtex.errors import Unsuitable
from napari_magtex.imaging.optics import Optics, across, wave_vectors
from napari_magtex.texture import Lattice, SpinTexture

if TYPE_CHECKING:
    import torch


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
    Phase (ny, nx) in rad; of a periodic film of mean 0, without the ramp of a net in-plane moment.

    Raises
    ------
    Unsuitable
        Cell or saturation is unknown, or the lattice is triangular.
    """
    phase, film = padded_phase(texture, tilt_deg=tilt_deg, tilt_axis_deg=tilt_axis_deg, periodic=periodic)
    return np.asarray(phase[film].numpy())


def electrostatic_phase(thickness: NDArray[np.floating], inner_potential: float, optics: Optics) -> NDArray[np.float64]:
    """Phase (ny, nx) in rad of a specimen of ``thickness`` (ny, nx) in m and a mean inner potential in V.

    Notes
    -----
    Typical inner potentials are 10 to 25 V; 10 nm of 17 V are 1.2 rad at 200 kV. It depends on neither the direction of
    the moments nor on which side of the specimen looks up, which is how a flipped series tells it from theirs.
    """
    return optics.interaction * inner_potential * np.asarray(thickness, dtype=np.float64)


def induction_of(phase: NDArray[np.floating], pixel_size: tuple[float, float]) -> NDArray[np.float64]:
    """Return (B_x t, B_y t) of an electron phase (ny, nx) in rad, (2, ny, nx) in T m, x right and y up."""
    down, right = np.gradient(np.asarray(phase, dtype=np.float64), *pixel_size)
    return np.asarray(hbar / e * np.stack([down, right]))


def phase_of(
    m: torch.Tensor,
    cell: tuple[float, float, float],
    saturation: float | torch.Tensor,
    *,
    tilt_deg: float = 0.0,
    tilt_axis_deg: float = 0.0,
    heights: torch.Tensor | None = None,
    reach: float | None = None,
) -> torch.Tensor:
    """Magnetic phase of electrons behind layers, batched.

    Parameters
    ----------
    m
        Directions (B, 3, ny, nx), row 0 at the largest y.
    cell
        (dz, dy, dx) in m; dz is the thickness of the layer.
    saturation
        In A/m, one for all or (B,).
    tilt_deg, tilt_axis_deg
        As in `electron_phase`.
    heights
        Height of each layer's middle in m, (B,), which a tilt turns into a shift; 0 where left out.
    reach
        None: the layers go on periodically. Else they are alone in space, and right within this distance in m of every
        moment; zeros around them must make the array longer, on each side, than the part looked at and the reach.

    Returns
    -------
    Phase (B, ny, nx) in rad, in the type of m; k = 0 is 0.

    Notes
    -----
    phase(q) = -i (e mu0 / hbar) [q x M_I]_z / q^2, with M_I the integral of M along the beam: the part of the field
    outside the film is in it, for the projected induction has no divergence. Alone in space, the kernel -ln(r) / 2 pi
    of 1 / q^2 is cut off at the reach R, where its transform is (1 - J0(q R)) / q^2: no image of the film is left
    (Vico, Greengard and Ferrando, J. Comput. Phys. 323, 191 (2016)).
    """
    import torch

    dz, dy, dx = cell
    ny, nx = m.shape[-2:]
    qx, qy = wave_vectors((ny, nx), (dy, dx), tilt_deg, tilt_axis_deg, half=True)
    square = qx**2 + qy**2
    weight = torch.where(square > 0, 1 / torch.where(square > 0, square, 1), 0)
    if reach is not None:
        weight = weight * (1 - torch.special.bessel_j0(torch.sqrt(square) * reach))
    if ny % 2 == 0:
        weight[ny // 2] = 0  # the highest frequency of an even number of pixels has no sign
    if nx % 2 == 0:
        weight[:, nx // 2] = 0
    weight = weight * (e * mu_0 / hbar * dz / math.cos(math.radians(tilt_deg)))
    of_x, of_y = (w.to(m) for w in (-qy * weight, qx * weight))
    spectrum = torch.fft.rfft2(_in_plane_of_beam(m, tilt_deg, tilt_axis_deg))
    phase = -1j * (of_x * spectrum[:, 0] + of_y * spectrum[:, 1])
    if heights is not None and tilt_deg:
        shift = (across(qx, qy, tilt_axis_deg) * math.sin(math.radians(tilt_deg))).to(m)
        phase = phase * torch.exp(1j * shift * heights.reshape(-1, 1, 1))
    Ms = torch.as_tensor(saturation, dtype=m.dtype, device=m.device).reshape(-1, 1, 1)
    return torch.fft.irfft2(phase, s=(ny, nx)) * Ms


def padded_phase(
    texture: SpinTexture,
    *,
    tilt_deg: float = 0.0,
    tilt_axis_deg: float = 0.0,
    periodic: bool = True,
    order: NDArray[np.floating] | None = None,
    margin: int = 0,
) -> tuple[torch.Tensor, tuple[slice, slice]]:
    """Phase of all layers together, with vacuum around an open film, and where the film is in it.

    Parameters
    ----------
    texture, tilt_deg, tilt_axis_deg, periodic
        As `electron_phase` takes them.
    order
        (ny, nx): what is left of each cell's moment (heat, a thinner place); None: all of it.
    margin
        Pixels of vacuum around an open film whose phase is wanted too.

    Returns
    -------
    Phase (ny + 2 margin, nx + 2 margin) in rad, float64, and the rows and columns of the film.
    """
    import torch

    cell, saturation = known_to_electrons(texture)
    if not abs(tilt_deg) < 80:
        raise Unsuitable(f"a film can be tilted by less than 80 degrees, not {tilt_deg:g}")
    nz, ny, nx = texture.shape
    m = torch.from_numpy(np.moveaxis(texture.m, -1, 1).astype(np.float64))
    if order is not None:
        m = m * torch.as_tensor(order, dtype=m.dtype)
    margin, reach = (0, None) if periodic else (margin, _reach((ny, nx), cell[1:], margin))
    if reach is not None:
        far = (_fast(n + margin + reach / d) - n - margin for n, d in zip((nx, ny), (cell[2], cell[1]), strict=True))
        x, y = far
        m = torch.nn.functional.pad(m, (margin, x, margin, y))
    heights = (torch.arange(nz, dtype=torch.float64) - (nz - 1) / 2) * cell[0]
    phase = phase_of(m, cell, saturation, tilt_deg=tilt_deg, tilt_axis_deg=tilt_axis_deg, heights=heights, reach=reach)
    whole = phase.sum(dim=0)[: ny + 2 * margin, : nx + 2 * margin]
    return whole, (slice(margin, margin + ny), slice(margin, margin + nx))


def _reach(shape: tuple[int, int], pixel_size: tuple[float, float], margin: int) -> float:
    """Return the longest distance in m from a place of a film to one of the film and its margin."""
    return math.hypot(*((n + margin) * d for n, d in zip(shape, pixel_size, strict=True)))


def _fast(length: float) -> int:
    from scipy.fft import next_fast_len

    return int(next_fast_len(math.ceil(length) + 1))


def _in_plane_of_beam(m: torch.Tensor, tilt_deg: float, tilt_axis_deg: float) -> torch.Tensor:
    """Components x and y (B, 2, ny, nx) of m in the frame of the microscope, whose z is the beam's axis."""
    import torch

    if tilt_deg == 0:
        return m[:, :2]
    tilt, axis = math.radians(tilt_deg), math.radians(tilt_axis_deg)
    aside = across(m[:, 0], m[:, 1], tilt_axis_deg)
    change = (math.cos(tilt) - 1) * aside - math.sin(tilt) * m[:, 2]
    return torch.stack([m[:, 0] - math.sin(axis) * change, m[:, 1] + math.cos(axis) * change], dim=1)


def known_to_electrons(texture: SpinTexture) -> tuple[tuple[float, float, float], float]:
    """Cell and saturation of a texture that has both."""
    missing = [
        name for name, value in (("cell size", texture.cell), ("saturation", texture.saturation)) if value is None
    ]
    if texture.cell is None or texture.saturation is None:
        raise Unsuitable(f"electrons need the texture's {' and '.join(missing)}, which is unknown: set it first")
    if texture.lattice is Lattice.TRIANGULAR:
        raise Unsuitable("a Lorentz picture of a triangular lattice is not computed: resample it on a square one first")
    return texture.cell, texture.saturation
