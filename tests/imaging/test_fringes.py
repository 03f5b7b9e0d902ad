"""Holograms told from textures by their fringes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_magtex.imaging.fringes import carrier, is_hologram
from napari_magtex.imaging.lorentz import hologram
from napari_magtex.inputs import open_inputs

PIXEL = (4e-9, 4e-9)


@pytest.mark.parametrize("angle", [0, 37, 90])
@pytest.mark.parametrize("fringe", [3.3, 5.0])
def test_a_hologram_of_a_texture_is_one(phase, fringe, angle):
    frame = hologram(
        torch.from_numpy(phase)[None], PIXEL, fringe=fringe * PIXEL[0], direction_deg=angle, visibility=0.5
    )
    noisy = np.random.default_rng(0).poisson(50 * frame[0].numpy())
    assert carrier(noisy)[0] == pytest.approx(fringe, rel=0.05)
    assert is_hologram(noisy)


@pytest.mark.parametrize("dose", [None, 50])
@pytest.mark.parametrize("defocus", [100e-6, 800e-6])
def test_a_defocused_frame_is_none(frames_of, defocus, dose):
    assert not is_hologram(frames_of([defocus], dose=dose)[0])


def test_noise_nothing_and_fine_stripes_that_bend_are_none():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:256, :256]
    assert not is_hologram(rng.normal(size=(256, 256)))
    assert not is_hologram(np.zeros((64, 64)))
    assert not is_hologram(np.cos(2 * np.pi * (x + 20 * np.sin(y / 30)) / 8))


def test_real_holograms_are_and_real_lorentz_frames_are_not(real_data):
    for path in sorted((real_data / "ltem" / "holospy_Fe_needle").glob("*.hdf5")):
        assert is_hologram(open_inputs(path)[0].picture.pixels), path.name
    for path in sorted((real_data / "ltem" / "bender_FGT").glob("*.tif")):
        assert not is_hologram(open_inputs(path)[0].picture.pixels), path.name
