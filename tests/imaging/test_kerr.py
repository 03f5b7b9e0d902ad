"""Kerr and magnetic force frames."""

from __future__ import annotations

import numpy as np
import pytest

from napari_magtex.errors import Unsuitable
from napari_magtex.imaging.kerr import kerr_frame, mfm_frame
from napari_magtex.picture import Contrast
from napari_magtex.texture import SpinTexture

CELL = (10e-9, 5e-9, 4e-9)


def helix(
    amplitudes: tuple[float, float, float], n: int = 64, along: str = "x"
) -> tuple[SpinTexture, np.ndarray, float]:
    """Two periods of (a cos, b cos, c sin) along x or, upward, y; with its angle and its wave number."""
    row, column = np.mgrid[:n, :n]
    step = CELL[2] if along == "x" else CELL[1]
    q = 2 * np.pi / (n / 2 * step)
    angle = q * step * (column if along == "x" else -row)
    a, b, c = amplitudes
    m = np.stack([a * np.cos(angle), b * np.cos(angle), c * np.sin(angle)], axis=-1)
    return SpinTexture.from_layer(m, cell=CELL), angle, q


def test_kerr_light_shows_m_along_its_sensitivity() -> None:
    texture, angle, _ = helix((0, 1, 1))
    polar, longitudinal = kerr_frame(texture), kerr_frame(texture, sensitivity=(0, 3, 0))
    np.testing.assert_allclose(polar.pixels, 0.5 + 0.5 * np.sin(angle), atol=1e-6)
    np.testing.assert_allclose(longitudinal.pixels, 0.5 + 0.5 * np.cos(angle), atol=1e-6)
    assert polar.contrast is Contrast.KERR
    assert polar.pixel_size == CELL[1:]


def test_light_does_not_resolve_an_antiferromagnet() -> None:
    row, column = np.mgrid[:64, :64]
    m = np.zeros((64, 64, 3))
    m[..., 2] = 1 - 2 * ((row + column) % 2)
    assert kerr_frame(SpinTexture.from_layer(m), blur_px=2).pixels.std() < 1e-3


def test_noise_and_light_are_as_strong_as_asked_and_repeatable() -> None:
    texture = SpinTexture.from_layer(np.tile([1.0, 0.0, 0.0], (128, 128, 1)))
    noisy = [kerr_frame(texture, noise=0.1, seed=s).pixels for s in (1, 1, 2)]
    assert noisy[0].std() == pytest.approx(0.1, rel=0.03)
    np.testing.assert_array_equal(noisy[0], noisy[1])
    assert (noisy[0] != noisy[2]).any()
    uneven = kerr_frame(texture, gradient=0.4).pixels
    assert np.ptp(uneven) == pytest.approx(0.5 * 0.4, rel=1e-3)
    assert uneven.mean() == pytest.approx(0.5, rel=1e-3)


def test_a_sensitivity_without_direction_is_refused() -> None:
    with pytest.raises(Unsuitable, match="direction"):
        kerr_frame(helix((0, 1, 1))[0], sensitivity=(0, 0, 0))


@pytest.mark.parametrize("along", ["x", "y"])
def test_a_force_microscope_sees_the_charges_of_both_kinds_of_wall(along: str) -> None:
    lift, q = 15e-9, helix((0, 1, 1), along=along)[2]
    scale = q * q * np.exp(-q * lift) * (1 - np.exp(-q * CELL[0])) / 2 * 1e-12
    spiral = (1, 0, 1) if along == "x" else (0, 1, 1)  # a cycloid: it turns towards its own wave vector
    screw = (0, 1, 1) if along == "x" else (1, 0, 1)
    bloch, angle, _ = helix(screw, along=along)
    np.testing.assert_allclose(mfm_frame(bloch, lift=lift).pixels, scale * np.sin(angle), atol=1e-4 * scale)
    # M = (cos qx, 0, sin qx) has div M = -q sin qx: the charges add, and under the film they cancel.
    neel, angle, _ = helix(spiral, along=along)
    np.testing.assert_allclose(mfm_frame(neel, lift=lift).pixels, 2 * scale * np.sin(angle), atol=1e-4 * scale)
    below = helix((-spiral[0], -spiral[1], 1), along=along)[0]
    assert np.abs(mfm_frame(below, lift=lift).pixels).max() < 1e-4 * scale


def test_a_higher_lift_shows_less() -> None:
    texture, _, q = helix((0, 1, 1))
    low, high = (mfm_frame(texture, lift=h).pixels.std() for h in (10e-9, 30e-9))
    assert high / low == pytest.approx(np.exp(-q * 20e-9), rel=1e-4)


def test_a_force_frame_is_calibrated_and_its_noise_relative() -> None:
    texture, *_ = helix((0, 1, 1))
    clean, noisy = mfm_frame(texture), mfm_frame(texture, noise=0.5, seed=3)
    assert clean.contrast is Contrast.MFM
    assert clean.pixel_size == CELL[1:]
    assert clean.meta["thickness_nm"] == pytest.approx(10)
    assert (noisy.pixels - clean.pixels).std() == pytest.approx(0.5 * clean.pixels.std(), rel=0.05)


def test_an_open_film_has_charges_at_its_edges() -> None:
    m = np.tile([1.0, 0.0, 0.0], (48, 48, 1))
    texture = SpinTexture.from_layer(m, cell=CELL)
    assert np.abs(mfm_frame(texture).pixels).max() < 1e-9
    alone = mfm_frame(texture, periodic=False).pixels
    middle = alone[24]
    assert middle[-1] > 5 * abs(middle[24])  # M leaves the film on the right: a positive charge
    assert middle[0] < -5 * abs(middle[24])


def test_a_force_frame_needs_lengths() -> None:
    with pytest.raises(Unsuitable, match="cell size"):
        mfm_frame(SpinTexture.from_layer(np.tile([0.0, 0.0, 1.0], (32, 32, 1))))
