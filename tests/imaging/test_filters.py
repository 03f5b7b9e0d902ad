"""Filters that know what is masked: analytic cases, and nothing bleeds."""

import numpy as np
import pytest

from napari_magtex.imaging.filters import filled, median, polynomial, smoothed, spikes

Y, X = np.mgrid[:150, :200].astype(np.float32)
ALL = np.ones(Y.shape, dtype=bool)


def with_hole(frame, value):
    """A frame with a burnt-in block, and where it is not."""
    frame, inside = frame.copy(), ALL.copy()
    frame[60:100, 80:130], inside[60:100, 80:130] = value, False
    return frame, inside


@pytest.mark.parametrize("sigma", [2, 7, 20, 45])
def test_a_gaussian_mean_damps_a_wave_as_it_must(sigma):
    period = 5 * sigma
    wide = np.mgrid[: 6 * period, : 8 * period].astype(np.float32)[1]
    wave = np.sin(2 * np.pi * wide / period)
    seen = smoothed(5 + wave, np.ones(wave.shape, dtype=bool), sigma)[
        2 * period : -2 * period, 2 * period : -2 * period
    ]
    damped = np.exp(-2 * (np.pi * sigma / period) ** 2)
    assert np.allclose(seen, 5 + damped * wave[2 * period : -2 * period, 2 * period : -2 * period], atol=0.02 * damped)


@pytest.mark.parametrize("sigma", [3, 30])
def test_what_is_masked_does_not_bleed(sigma):
    flat = np.full(Y.shape, 3.0, np.float32)
    for value in (0, 1e4, -1e4):
        burnt, inside = with_hole(flat, value)
        np.testing.assert_allclose(smoothed(burnt, inside, sigma), 3, rtol=1e-4)
        np.testing.assert_allclose(median(burnt, inside, 5), 3, rtol=1e-4)
        np.testing.assert_allclose(filled(burnt, inside), 3, rtol=1e-4)


def test_a_polynomial_is_found_again_beside_a_hole():
    x, y = (X + 0.5) / 100 - 1, (Y + 0.5) / 75 - 1
    field = 10 + 3 * x - 2 * y + 1.5 * x * y + 4 * y**2
    burnt, inside = with_hole(field, 1e3)
    np.testing.assert_allclose(polynomial(burnt, inside, 2), field, atol=5e-3)
    assert np.abs(polynomial(burnt, inside, 1) - field).max() > 1


def test_a_texture_of_amplitude_2_bends_the_polynomial_by_a_tenth_of_that_at_most():
    field = 10 + 0.02 * X
    texture = np.sin(2 * np.pi * X / 9.7) + np.sin(2 * np.pi * Y / 11.3)
    np.testing.assert_allclose(polynomial(field + texture, ALL, 2), field, atol=0.2)


def test_hits_are_found_in_a_grainy_texture_and_nothing_else_is():
    rng = np.random.default_rng(1)
    frame = (100 + 20 * np.sin(2 * np.pi * X / 16) + rng.normal(0, 5, X.shape)).astype(np.float32)
    hit = np.zeros(frame.shape, dtype=bool)
    hit[rng.integers(5, 145, 40), rng.integers(5, 195, 40)] = True
    hit[70:73, 100:103] = True  # of an X-ray
    frame[hit] += 400
    dead = (20, 30)
    frame[dead] = -200
    found, local = spikes(frame, ALL, 8)
    assert found[hit].all()
    assert found[dead]
    assert found.sum() - hit.sum() - 1 <= 2
    assert np.abs(local[hit] - 100).max() < 40


def test_walls_and_lines_of_a_noise_free_texture_are_no_hits():
    walls = np.where((X // 10 + Y // 14) % 2, 1.0, -1.0).astype(np.float32)
    line = np.where(np.abs(X - Y) < 1, 1.0, 0.0).astype(np.float32)
    cores = (np.cos(2 * np.pi * X / 12) + np.cos(2 * np.pi * Y / 12)).astype(np.float32)
    for frame in (walls, line, cores):
        assert not spikes(frame, ALL, 8)[0].any()
    cores[70, 70] += 10
    assert np.argwhere(spikes(cores, ALL, 8)[0]).tolist() == [[70, 70]]


def test_what_is_masked_is_no_hit():
    frame, inside = with_hole(np.random.default_rng(0).normal(0, 1, Y.shape).astype(np.float32), 1e3)
    frame[80, 81] = -1e5
    assert not spikes(frame, inside, 8)[0].any()
