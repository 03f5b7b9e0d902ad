"""Phases found from series of frames, against the texture that the frames were drawn from."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_magtex.compute import Progress, drain
from napari_magtex.errors import UncalibratedPicture, UnreadableFile, Unsuitable, UnusablePicture
from napari_magtex.imaging.optics import Optics
from napari_magtex.imaging.phase import electrostatic_phase, induction_of
from napari_magtex.imaging.phase_fit import fit_phase
from napari_magtex.imaging.reconstruction import (
    Method,
    induction_of_wheel,
    part_phases,
    reconstruct,
    wheel_colours,
    wheel_legend,
)
from napari_magtex.imaging.through_focus import ThroughFocus, slope_weights
from napari_magtex.imaging.tie import holds, texture_period, transport_phase

PIXEL = (4e-9, 4e-9)
WEAK = (-100e-6, 0.0, 100e-6)


def series(frames, defoci, **known) -> ThroughFocus:
    return ThroughFocus(frames, tuple(defoci), **{"pixel_size": PIXEL, "voltage": 200e3, **known})


def error(found, phase, border=24) -> float:
    """Relative L2 error of the induction, away from the border."""
    inside = (slice(None), slice(border, -border), slice(border, -border))
    ours, true = induction_of(found, PIXEL)[inside], induction_of(phase, PIXEL)[inside]
    return float(np.linalg.norm(ours - true) / np.linalg.norm(true))


# ---- transport of intensity


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("uniform", [True, False])
def test_a_series_without_noise_gives_the_induction_back(phase, frames_of, periodic, uniform):
    found = drain(transport_phase(series(frames_of(WEAK), WEAK, periodic=periodic), uniform=uniform))
    assert error(found, phase) < 0.03  # and so its sign and its handedness


def test_two_frames_do_without_one_in_focus(phase, frames_of):
    defoci = (-80e-6, 80e-6)
    assert error(drain(transport_phase(series(frames_of(defoci), defoci))), phase) < 0.03


def test_one_frame_of_a_thin_film_does_but_worse(phase, frames_of):
    found = drain(transport_phase(series(frames_of([100e-6]), [100e-6])))
    assert 0.03 < error(found, phase) < 0.12


def test_overfocus_is_not_underfocus(phase, frames_of):
    frames = frames_of(WEAK)
    assert error(drain(transport_phase(series(frames, [-df for df in WEAK]))), -phase) < 0.03


def test_a_specimen_that_absorbs_is_seen_through_with_a_frame_in_focus(phase, frames_of):
    darker = 1 - 0.4 * np.linspace(0, 1, 160)[None]  # towards the right: thicker
    frames = [frame * darker for frame in frames_of(WEAK)]
    taken_uniform = drain(transport_phase(series(frames, WEAK), uniform=True))
    told = drain(transport_phase(series(frames, WEAK), uniform=False))
    assert error(told, phase) < 0.05 < 0.1 < error(taken_uniform, phase)


def test_a_cutoff_quiets_noise(phase, frames_of):
    noisy = series(frames_of(WEAK, dose=200), WEAK)
    plain, damped = (drain(transport_phase(noisy, cutoff=cutoff)) for cutoff in (math.inf, 300e-9))
    assert error(damped, phase) < error(plain, phase)


def test_the_slope_of_a_parabola_is_exact_with_frames_at_any_three_defoci():
    defoci = np.array([-1e-4, 3e-5, 2e-4])
    focus, slope = slope_weights(defoci)
    values = 1 + 2e3 * defoci + 5e6 * defoci**2
    assert focus @ values == pytest.approx(1)
    assert slope @ values == pytest.approx(2e3)


def test_the_period_of_stripes_is_found_in_noise():
    x = np.arange(200) * PIXEL[1]
    stripes = np.cos(2 * np.pi * x / 70e-9) + np.random.default_rng(0).normal(size=(160, 200))
    assert texture_period(stripes, PIXEL) == pytest.approx(70e-9, rel=0.08)


def test_what_the_equation_holds_for_is_design_s_rule():
    assert holds(0.2e-3, 70e-9, Optics(0).wavelength)
    assert not holds(8e-3, 70e-9, Optics(0).wavelength)


# ---- least squares


@pytest.fixture(scope="module")
def far():
    return (-800e-6, 0.0, 800e-6)


def best_tie(frames, defoci, phase) -> float:
    """The error of the transport of intensity with the cutoff that suits it best."""
    known = series(frames, defoci, periodic=True)
    cutoffs = np.geomspace(60e-9, 4e-6, 13)
    return min(error(drain(transport_phase(known, cutoff=c, order=n)), phase) for c in cutoffs for n in (1, 2))


def test_with_200_electrons_a_pixel_the_fit_errs_half_as_much_as_the_best_transport_of_intensity(phase, frames_of, far):
    frames = frames_of(far, dose=200)
    fitted = drain(fit_phase(series(frames, far, periodic=True)))
    assert error(fitted.phase, phase) < 0.5 * best_tie(frames, far, phase)
    assert fitted.noise == pytest.approx(1 / math.sqrt(200), rel=0.05)  # nothing is left but the counting


def test_the_fit_needs_no_border(phase, frames_of, far):
    fitted = drain(fit_phase(series(frames_of(WEAK), WEAK)))
    assert error(fitted.phase, phase) < 0.01


def test_one_far_frame_is_enough_for_the_fit(phase, frames_of):
    fitted = drain(fit_phase(series(frames_of([800e-6], dose=1000), [800e-6])))
    assert error(fitted.phase, phase) < 0.2


def test_masked_pixels_do_not_count(phase, frames_of, far):
    frames = frames_of(far, dose=2000)
    mask = np.zeros((160, 160), dtype=bool)
    mask[70:80, 70:80] = True
    spoilt = [np.where(mask, 50 * frame.max(), frame) for frame in frames]
    with_mask = drain(fit_phase(series(spoilt, far, mask=mask)))
    without = drain(fit_phase(series(frames, far)))
    away = np.linalg.norm((with_mask.phase - without.phase)[:60]) / np.linalg.norm(without.phase[:60])
    assert away < 0.1


def test_a_fit_can_be_cancelled(frames_of):
    work = fit_phase(series(frames_of(WEAK), WEAK))
    assert isinstance(next(work), Progress)
    work.close()


# ---- what is made of a phase


@pytest.mark.parametrize("method", list(Method))
def test_a_reconstruction_knows_how_it_was_made(phase, frames_of, method):
    steps = list(reconstruct(series(frames_of(WEAK), WEAK, periodic=True), method))
    assert all(isinstance(step, Progress) for step in steps[:-1])
    found = steps[-1]
    assert found.settings["method"] == method
    assert found.settings["defocus_um"] == pytest.approx([-100, 0, 100])
    assert error(found.phase, phase) < 0.03
    assert not found.notes


def test_too_much_defocus_for_the_transport_of_intensity_is_said(frames_of):
    defoci = (-1e-3, 1e-3)
    found = drain(reconstruct(series(frames_of(defoci), defoci), Method.TIE))
    assert any("blurs what is finer" in note for note in found.notes)
    assert drain(reconstruct(series(frames_of([1e-4]), [1e-4]), Method.TIE)).notes


def test_the_wheel_can_be_read_back(frames_of):
    found = drain(reconstruct(series(frames_of(WEAK), WEAK, periodic=True)))
    picture, true = found.wheel(), found.induction / 1e-9
    full = picture.meta["full_T_nm"]
    read = induction_of_wheel(np.round(picture.pixels * 255) / 255, full)
    unclipped = np.hypot(*true) < full
    assert unclipped.mean() == pytest.approx(0.99, abs=1e-3)
    assert np.abs(read - true)[:, unclipped].max() < 0.02 * full


def test_no_induction_is_black():
    assert not wheel_colours(np.zeros((2, 16, 16)), 0.0).any()
    assert not induction_of_wheel(np.zeros((16, 16, 3)), 0.0).any()


def test_the_legend_shows_right_as_red_and_up_as_mumax3_has_it():
    legend = wheel_legend(65)
    np.testing.assert_allclose(legend[32, 62, :3], wheel_colours(np.array([[[0.923]], [[0.0]]]), 1.0)[0, 0], atol=0.02)
    assert legend[32, 62, 0] > 0.9 > 0.1 > legend[32, 62, 2]
    assert legend[2, 32, 1] > legend[2, 32, 2]  # up: 90 degrees of hue, between green and red
    assert legend[0, 0, 3] == 0


def test_a_flipped_series_parts_the_potential_from_the_moments(phase):
    wedge = electrostatic_phase(np.linspace(0, 5e-9, 160)[None].repeat(160, axis=0), 17.0, Optics(0))
    magnetic, electric = part_phases(phase + wedge, -phase + wedge, flipped=True)
    np.testing.assert_allclose(magnetic, phase, atol=1e-12)
    np.testing.assert_allclose(electric, wedge, atol=1e-12)
    magnetic, electric = part_phases(phase + wedge, wedge, flipped=False)
    np.testing.assert_allclose(magnetic, phase, atol=1e-12)
    with pytest.raises(Unsuitable, match="differ in size"):
        part_phases(phase, phase[:-1], flipped=True)


# ---- bad input


@pytest.mark.parametrize(
    ("frames", "defoci", "known", "error", "message"),
    [
        ([np.ones((20, 20)), np.ones((20, 30))], (0, 1e-4), {}, Unsuitable, "differ in size"),
        ([np.ones((20, 20))] * 2, (1e-4, 1e-4), {}, Unsuitable, "same defocus, 100 um"),
        ([np.ones((20, 20))], (0.0,), {}, Unsuitable, "in focus"),
        ([np.ones((20, 20))], (math.nan,), {}, Unsuitable, "no number"),
        ([np.ones((20, 20))] * 2, (1e-4,), {}, Unsuitable, "2 frames and 1 defoci"),
        ([], (), {}, Unsuitable, "no frame"),
        ([np.ones((20, 20, 3))], (1e-4,), {}, Unsuitable, "grey"),
        ([np.ones((20, 20))], (1e-4,), {"voltage": 0.0}, Unsuitable, "positive acceleration voltage"),
        ([np.ones((20, 20))], (1e-4,), {"pixel_size": (0.0, 1e-9)}, UncalibratedPicture, "pixel size"),
        ([np.ones((20, 20))], (1e-4,), {"mask": np.ones((20, 20), bool)}, Unsuitable, "mask"),
    ],
)
def test_a_series_that_makes_no_sense_is_refused(frames, defoci, known, error, message):
    with pytest.raises(error, match=message):
        series(frames, defoci, **known)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (np.ones((20, 20)), "every pixel of frame 0 is the same"),
        (np.full((20, 20), np.nan), "no finite pixel"),
        (np.random.default_rng(0).normal(1, 1, (20, 20)), "negative intensities"),
    ],
)
def test_a_frame_that_holds_nothing_is_refused(frame, message):
    with pytest.raises(UnusablePicture, match=message):
        drain(transport_phase(series([frame], [1e-4])))


def test_a_frame_that_is_gone_from_the_disk_is_named(frames_of):
    import dask.array as da

    def broken(_block):
        raise OSError("no such page")

    lazy = da.from_array(frames_of([1e-4])[0]).map_blocks(broken, dtype=float, meta=np.empty((0, 0)))
    with pytest.raises(UnreadableFile, match="frame 0 cannot be read"):
        drain(transport_phase(series([lazy], [1e-4])))


def test_dead_pixels_that_are_nan_are_left_out(phase, frames_of):
    frames = frames_of(WEAK)
    for frame in frames:
        frame[80, 80] = np.nan
    assert error(drain(transport_phase(series(frames, WEAK))), phase) < 0.05
