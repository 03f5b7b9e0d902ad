"""What a microscope takes of a texture in each of its modes, against what can be worked out by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from napari_magtex.errors import Unsuitable
from napari_magtex.imaging.exposure import Exposure, Mode, expose
from napari_magtex.imaging.optics import Optics
from napari_magtex.imaging.phase import electron_phase
from napari_magtex.picture import Contrast
from napari_magtex.texture import SpinTexture

CELL = (20e-9, 4e-9, 4e-9)
MS = 384e3
UNDER = Exposure(Optics(50e-6))


@pytest.fixture(scope="module")
def helix() -> SpinTexture:
    """Stripes along y of four periods, which turn in the plane of the wall."""
    angle = 2 * np.pi * np.arange(64) / 16
    m = np.broadcast_to(np.stack([0 * angle, np.sin(angle), np.cos(angle)], axis=-1), (48, 64, 3))
    return SpinTexture.from_layer(m, cell=CELL, saturation=MS)


@pytest.fixture(scope="module")
def island() -> SpinTexture:
    """A disc of material magnetised upwards, which deflects nothing by its moments."""
    y, x = np.mgrid[-32:32, -32:32] + 0.5
    m = np.zeros((64, 64, 3))
    m[..., 2] = np.hypot(x, y) < 16
    return SpinTexture.from_layer(m, cell=CELL, saturation=MS)


def test_a_frame_tells_every_setting_as_a_file_would(helix) -> None:
    optics = Optics(50e-6, voltage=300e3, cs=1e-3, divergence=1e-5, astigmatism=2e-6, focal_spread=1e-7)
    frame = expose(helix, Exposure(optics, tilt_deg=10, dose=400, blur_px=0.5))
    assert frame.contrast is Contrast.LORENTZ
    assert frame.pixel_size == CELL[1:]
    told = json.loads(json.dumps(dict(frame.meta)))
    expected = {"defocus_um": 50, "voltage_kV": 300, "cs_mm": 1, "divergence_mrad": 0.01, "astigmatism_um": 2}
    expected |= {"focal_spread_um": 0.1, "tilt_deg": 10, "dose_e_per_px": 400, "blur_px": 0.5, "periodic": True}
    assert {name: told[name] for name in expected} == pytest.approx(expected)


def test_the_phase_is_that_of_the_moments_and_of_the_outline(helix, island) -> None:
    np.testing.assert_allclose(expose(helix, replace(UNDER, mode=Mode.PHASE)).pixels, electron_phase(helix), atol=1e-6)
    with_potential = Exposure(Optics(0.0), Mode.PHASE, periodic=False, inner_potential=17)
    phase = expose(island, with_potential)
    assert phase.contrast is Contrast.PHASE
    assert phase.pixels[32, 32] - phase.pixels[0, 0] == pytest.approx(7.288e6 * 17 * 20e-9, rel=1e-3)  # C_E V t, 200 kV


@pytest.mark.parametrize("tilt", [30.0, -60.0])
def test_electrons_go_a_longer_way_through_a_tilted_film(island, tilt) -> None:
    exposure = Exposure(Optics(0.0), Mode.PHASE, periodic=False, tilt_deg=tilt, inner_potential=17)
    added = expose(island, exposure).pixels - expose(island, replace(exposure, inner_potential=0)).pixels
    expected = 7.288e6 * 17 * 20e-9 / np.cos(np.radians(tilt))
    assert added[32, 32] == pytest.approx(expected, rel=1e-3)
    assert added[0, 0] == 0


def test_under_focus_the_vacuum_along_an_edge_is_bright(island) -> None:
    exposure = Exposure(Optics(5e-6), periodic=False, inner_potential=2)
    inside, outside = (32, 47), (32, 48)  # on either side of the rim
    under = expose(island, exposure).pixels
    assert under[outside] > 1.02
    assert under[inside] < 0.98
    over = expose(island, replace(exposure, optics=Optics(-5e-6))).pixels
    assert over[outside] < 0.98
    assert over[inside] > 1.02


def test_foucault_shows_what_is_deflected_its_way(helix) -> None:
    """B_y > 0 deflects to the right: d phase / dx = (e / hbar) B_y t, y up."""
    to_left, to_right = (
        expose(helix, Exposure(Optics(0.0), Mode.FOUCAULT, direction_deg=way)).pixels for way in (180, 0)
    )
    m_y = helix.m[0, ..., 1]
    assert np.corrcoef(to_right.ravel(), m_y.ravel())[0, 1] > 0.6
    assert np.corrcoef(to_left.ravel(), m_y.ravel())[0, 1] < -0.6


def test_the_fringes_of_a_hologram_are_as_far_apart_as_asked(helix) -> None:
    frame = expose(helix, Exposure(Optics(0.0), Mode.HOLOGRAM, fringe=32e-9, direction_deg=90)).pixels
    spectrum = np.abs(np.fft.rfft(frame[:, 0] - frame[:, 0].mean()))
    assert 48 * 4 / np.argmax(spectrum) == pytest.approx(32)  # nm
    with pytest.raises(Unsuitable, match=r"fringes 5 nm apart cannot be drawn on pixels of 4 nm"):
        expose(helix, Exposure(Optics(0.0), Mode.HOLOGRAM, fringe=5e-9))


@pytest.mark.parametrize("mode", [Mode.FRESNEL, Mode.FOUCAULT, Mode.HOLOGRAM])
def test_a_dose_brings_the_noise_of_counting(helix, mode) -> None:
    perfect, noisy = (expose(helix, Exposure(Optics(50e-6), mode, dose=dose)).pixels for dose in (None, 400))
    left = (noisy - perfect) / np.sqrt(np.maximum(perfect, 0.05) / 400)
    assert left.std() == pytest.approx(1, abs=0.1)


def test_the_defocus_counts_in_fresnels_mode_alone(helix) -> None:
    assert expose(helix, replace(UNDER, mode=Mode.FOUCAULT)).meta["defocus_um"] == 0
    assert expose(helix, replace(UNDER, mode=Mode.PHASE)).meta["defocus_um"] == 0
    assert expose(helix, UNDER).meta["defocus_um"] == 50
