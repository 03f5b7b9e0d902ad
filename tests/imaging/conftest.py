"""A film of a chiral magnet, its phase, and frames of it."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_magtex.imaging.lorentz import fresnel
from napari_magtex.imaging.optics import Optics
from napari_magtex.imaging.phase import electron_phase
from napari_magtex.texture import SpinTexture

PIXEL = (4e-9, 4e-9)
THICK = 50e-9


@pytest.fixture(scope="session")
def film() -> SpinTexture:
    """Skyrmions in FeGe, 160 x 160 cells of 4 nm, periodic; 50 nm thick."""
    from napari_magtex.io.ovf import open_ovf

    with resources.as_file(resources.files("napari_magtex") / "sample_data" / "chiral_skyrmions.ovf") as path:
        texture = open_ovf(path)[0].texture()
    return SpinTexture(texture.m, cell=(THICK, *PIXEL), saturation=texture.saturation)


@pytest.fixture(scope="session")
def phase(film: SpinTexture) -> NDArray[np.float64]:
    """Its phase (160, 160) in rad."""
    return electron_phase(film)


@pytest.fixture(scope="session")
def frames_of(phase: NDArray[np.float64]):
    """A function: defoci in m, and electrons a pixel or None, to frames (160, 160)."""

    def draw(defoci, dose=None, seed=0) -> list[NDArray[np.float64]]:
        rng = np.random.default_rng(seed)
        wave = torch.from_numpy(phase)[None]
        perfect = [fresnel(wave, PIXEL, Optics(df))[0].numpy() for df in defoci]
        return [frame if dose is None else rng.poisson(frame * dose).astype(float) for frame in perfect]

    return draw
