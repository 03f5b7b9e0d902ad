"""A relaxed film as the experiment's picture, and as the network's channels."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from napari_magtex.errors import BadExperiment
from napari_magtex.estimate.channels import CHANNELS, channels
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.imaging import detector
from napari_magtex.imaging.cells import draw_cells
from napari_magtex.imaging.kerr import kerr_frame
from napari_magtex.imaging.lorentz import lorentz_frame
from napari_magtex.imaging.optics import Optics, wave_vectors
from napari_magtex.imaging.phase import padded_phase
from napari_magtex.imaging.reconstruction import Reconstruction, brightest, wheel_picture
from napari_magtex.picture import Contrast, Picture
from napari_magtex.texture import SpinTexture

_SOFTEST = 1.5  # cells: the blur of a reconstruction that damps fine waves most
_STRAY = 2.5  # cells: the blur of the noise in a reconstructed phase, whose finest waves are damped


def draw(
    m: NDArray[np.float32], Ms: float, experiment: Experiment, *, dose: float | None = None, seed: int = 0
) -> Picture:
    """Draw a film m (3, ny, nx) with saturation Ms in A/m as the experiment sees it; ``dose`` None leaves noise out.

    What an exposure averaged over heat has vectors shorter than 1, and electrons see the less of it.

    Raises
    ------
    BadExperiment
        There is no drawing for the contrast yet.
    """
    settings = experiment.picture
    if settings.contrast not in CHANNELS:
        raise BadExperiment(
            f"[picture] contrast = {str(settings.contrast)!r}: estimators can be trained for "
            f"{', '.join(CHANNELS)} pictures in this version"
        )
    texture = SpinTexture.from_layer(np.moveaxis(m, 0, -1), cell=experiment.cell, saturation=Ms)
    if settings.contrast is Contrast.SPIN:
        return draw_cells(texture, settings.colour_map)
    order = np.linalg.norm(m, axis=0)
    periodic = experiment.film.boundary == "periodic"
    if settings.contrast is Contrast.KERR:
        return _kerr(texture, order, settings.noise if dose is not None else 0.0, seed)
    if settings.contrast is Contrast.WHEEL:
        return _wheel(texture, order, periodic, settings.noise if dose is not None else 0.0, seed)
    optics = Optics(defocus=settings.defocus, voltage=settings.voltage)
    return lorentz_frame(texture, optics, dose=dose, seed=seed, periodic=periodic, order=order)


def _kerr(texture: SpinTexture, order: NDArray[np.floating], noise: float, seed: int) -> Picture:
    """Draw m_z in grey, with noise as a share of its contrast."""
    clean = kerr_frame(texture)
    signal = (clean.pixels - 0.5) * order
    grainy = detector.add_noise(0.5 + signal, noise * float(signal.std()), np.random.default_rng(seed))
    return replace(clean, pixels=grainy.astype(np.float32))


def _wheel(texture: SpinTexture, order: NDArray[np.floating], periodic: bool, noise: float, seed: int) -> Picture:
    """Draw the induction in colours as a reconstruction has it: softer than it is, with noise as a share of it."""
    phase, film = padded_phase(texture, periodic=periodic, order=order)
    cell = (texture.cell or (1.0,) * 3)[1:]
    found = Reconstruction(phase[film].numpy(), cell)
    induction = found.induction
    if noise > 0:
        rng = np.random.default_rng(seed)
        induction = softened(torch.from_numpy(induction)[None], torch.from_numpy(rng.random(1)))[0].numpy()
        rough = rng.standard_normal((1, *found.phase.shape))
        stray = stray_induction(torch.from_numpy(rough))[0].numpy()
        induction = induction + noise * np.sqrt(np.mean(np.square(induction))) * stray
    return wheel_picture(induction, brightest(induction), cell)


def stray_induction(rough: torch.Tensor) -> torch.Tensor:
    """Turn white noise (n, ny, nx) into an induction's, (n, 2, ny, nx), of mean square 1: curls of smooth noise."""
    shape = (rough.shape[-2], rough.shape[-1])
    qx, qy = wave_vectors(shape, (1.0, 1.0), half=True)
    damped = torch.fft.rfft2(rough) * torch.exp(-(_STRAY**2) / 2 * (qx**2 + qy**2)).to(rough)
    along = torch.stack([-1j * qy.to(rough) * damped, 1j * qx.to(rough) * damped], dim=1)
    stray = torch.fft.irfft2(along, s=shape)
    return stray / stray.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()


def softened(induction: torch.Tensor, how_much: torch.Tensor) -> torch.Tensor:
    """Damp the finest waves of inductions (n, 2, ny, nx): not at all where ``how_much`` (n,) is 0, most where it is 1.

    Reconstructions do, some more, some less, for fine waves are mostly noise.
    """
    n, two, ny, nx = induction.shape
    reach = 3 * math.ceil(_SOFTEST)
    kernel = torch.exp(-(torch.arange(-reach, reach + 1).to(induction) ** 2) / (2 * _SOFTEST**2))
    kernel = kernel / kernel.sum()
    soft = torch.nn.functional.pad(induction.reshape(n * two, 1, ny, nx), (reach,) * 4, mode="reflect")
    soft = torch.nn.functional.conv2d(soft, kernel.reshape(1, 1, -1, 1))
    soft = torch.nn.functional.conv2d(soft, kernel.reshape(1, 1, 1, -1)).reshape(induction.shape)
    return induction + how_much.reshape(-1, 1, 1, 1).to(induction) * (soft - induction)


def draw_channels(
    m: NDArray[np.float32], Ms: NDArray[np.float64], experiment: Experiment, *, dose: float | None = None
) -> NDArray[np.float32]:
    """Draw films (n, 3, ny, nx) and read the pictures back, (n, channels, ny, nx)."""
    pictures = [
        draw(film, float(s), experiment, dose=dose, seed=i) for i, (film, s) in enumerate(zip(m, Ms, strict=True))
    ]
    return np.stack([channels(picture, experiment).values for picture in pictures])
