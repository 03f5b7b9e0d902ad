"""Drift: found to a fraction of a pixel, robust to odd frames, and taken out without making anything up."""

import numpy as np
import pytest
from scipy.ndimage import fourier_gaussian, gaussian_filter

from napari_magtex.imaging.drift import Drift, moved

SIZE = 192
ALL = np.ones((SIZE, SIZE), dtype=bool)


def sample(seed=0, side=2 * SIZE):
    """A random texture with waves of about 12 pixels, (side, side), that closes on itself."""
    white = np.fft.fft2(np.random.default_rng(seed).normal(size=(side, side)))
    band = np.real(np.fft.ifft2(fourier_gaussian(white, 3) - fourier_gaussian(white, 5)))
    return band / band.std()


def seen_at(texture, shift, noise=0.0, rng=None):
    """Cut the middle out of a texture that has moved by (y, x) pixels."""
    k = np.meshgrid(*(np.fft.fftfreq(n) for n in texture.shape), indexing="ij")
    spectrum = np.fft.fft2(texture) * np.exp(-2j * np.pi * (k[0] * shift[0] + k[1] * shift[1]))
    cut = np.real(np.fft.ifft2(spectrum))[SIZE // 2 : -SIZE // 2, SIZE // 2 : -SIZE // 2]
    return (cut + (rng.normal(0, noise, cut.shape) if noise else 0)).astype(np.float32)


def places(frames, inside=ALL):
    drift = Drift(inside)
    return [drift.place(frame) for frame in frames]


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_a_random_walk_is_followed_to_a_tenth_of_a_pixel(noise):
    rng = np.random.default_rng(1)
    walk = np.concatenate([[[0, 0]], np.cumsum(rng.normal(0, 0.8, (14, 2)), axis=0)])
    found = places(seen_at(sample(), shift, noise, rng) for shift in walk)
    assert all(place.seen for place in found)
    error = np.array([place.shift for place in found]) + walk
    assert np.abs(error).max() < (0.05 if noise == 0 else 0.12)


def test_errors_do_not_add_up_over_a_long_stack():
    rng = np.random.default_rng(2)
    walk = 0.21 * np.arange(60)[:, None] * np.array([1, -0.6])
    found = places(seen_at(sample(), shift, 2.0, rng) for shift in walk)
    error = np.array([place.shift for place in found]) + walk
    assert np.abs(error[40:]).max() < 0.35


@pytest.mark.parametrize("odd", ["blank", "noise", "elsewhere"])
def test_an_odd_frame_keeps_the_place_of_the_one_before_and_spoils_nothing(odd):
    rng = np.random.default_rng(3)
    walk = [(0.5 * i, -0.3 * i) for i in range(9)]
    frames = [seen_at(sample(), shift, 0.3, rng) for shift in walk]
    frames[5] = {
        "blank": np.zeros_like(frames[5]),
        "noise": rng.normal(size=frames[5].shape).astype(np.float32),
        "elsewhere": seen_at(sample(99), (0, 0)),
    }[odd]
    found = places(frames)
    assert [place.seen for place in found] == [i != 5 for i in range(9)]
    assert found[5].shift == found[4].shift
    assert np.allclose(found[8].shift, (-4, 2.4), atol=0.15)


def test_a_stack_that_begins_with_a_blank_frame_is_followed_from_the_next():
    walk = [(0.0, 0.0), (0.0, 0.0), (1.2, 0.4), (2.0, 1.0)]
    frames = [seen_at(sample(), shift) for shift in walk]
    frames[0] = np.zeros_like(frames[0])
    found = places(frames)
    assert np.allclose([place.shift for place in found[1:]], -np.array(walk[1:]), atol=0.1)


def test_a_footer_that_stays_does_not_hold_the_frame_when_it_is_masked():
    inside = ALL.copy()
    inside[-40:] = False
    frames = [seen_at(sample(), (1.5 * i, 0.7 * i)) for i in range(4)]
    for frame in frames:
        frame[-40:] = 30 * (np.arange(SIZE) % 20 < 10)
    found = places(frames, inside)
    assert np.allclose([place.shift for place in found], [(-1.5 * i, -0.7 * i) for i in range(4)], atol=0.2)


def test_shading_that_stays_does_not_hold_the_frame():
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    lamp = 20 * np.exp(-((x - 0.4) ** 2) - (y - 0.6) ** 2)
    found = places(seen_at(sample(), (2.0 * i, -1.0 * i)) + lamp.astype(np.float32) for i in range(4))
    assert np.allclose(found[-1].shift, (-6, 3), atol=0.1)


def test_large_frames_are_compared_by_blocks():
    rng = np.random.default_rng(5)
    large = gaussian_filter(rng.normal(size=(1200, 1200)), 5).astype(np.float32)
    found = places([large[20:1120, 20:1120], large[14:1114, 29:1129]], np.ones((1100, 1100), dtype=bool))
    assert np.allclose(found[1].shift, (-6, 9), atol=0.1)


def test_moving_back_gives_the_frame_again_and_masks_what_came_from_beyond():
    texture = sample()
    frame, inside = moved(seen_at(texture, (2.4, -3.7)), ALL, (-2.4, 3.7))
    assert not inside[-3:].any()
    assert not inside[:, :3].any()
    assert inside[8:-8, 8:-8].all()
    assert np.abs(frame - seen_at(texture, (0, 0)))[8:-8, 8:-8].max() < 0.05


def test_what_is_masked_is_moved_along_and_does_not_bleed():
    frame, inside = np.full((SIZE, SIZE), 5.0, np.float32), ALL.copy()
    frame[50:60, 50:60], inside[50:60, 50:60] = 1e6, False
    plane, known = moved(frame, inside, (10.5, 0.0))
    assert not known[61:70, 50:60].any()
    assert np.allclose(plane[known], 5, rtol=1e-3)
