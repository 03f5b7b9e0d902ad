"""Cleaning: each step does what it says, in its order, with what is masked left out of all of them."""

import json
from dataclasses import replace

import numpy as np
import pytest

from napari_magtex.errors import Unsuitable, UnusablePicture
from napari_magtex.imaging.cleaning import By, Cleaning, Kind, clean
from napari_magtex.picture import Contrast

RNG = np.random.default_rng(0)
Y, X = np.mgrid[:160, :200].astype(np.float32)
TEXTURE = (0.1 * np.cos(2 * np.pi * X / 20) * np.cos(2 * np.pi * Y / 16)).astype(np.float32)
SHADE = (1 + 0.4 * (X / 200 - 0.5) - 0.3 * (Y / 160 - 0.5) ** 2).astype(np.float32)
NOTHING = Cleaning(spikes_sigma=0)


def test_settings_that_do_nothing_change_nothing():
    frame = (100 * (1 + TEXTURE)).astype(np.uint16)
    before = frame.copy()
    cleaned = clean(frame, NOTHING)
    np.testing.assert_array_equal(cleaned.frame, frame)
    assert cleaned.frame.dtype == np.float32
    assert not cleaned.mask.any()
    assert cleaned.remarks == ()
    np.testing.assert_array_equal(frame, before)


def test_settings_go_to_json_and_back():
    settings = Cleaning(6.5, By.SUBTRACT, 3, 2, 80.0, 25.0, True, (Kind.FOOTER, Kind.SHADOW))
    assert Cleaning.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
    assert Cleaning.from_dict({"median_px": 5}) == Cleaning(median_px=5)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"median": 3}, "median: no setting of this name"),
        ({"by": "add"}, "choose divide or subtract"),
        ({"median_px": 2.5}, "whole number from 0 to 31"),
        ({"gradient_order": 9}, "whole number from 0 to 6"),
        ({"gradient_order": True}, "whole number"),
        ({"spikes_sigma": -1}, "0 or a number above"),
        ({"flat_field_sigma_px": float("inf")}, "0 or a number above"),
        ({"high_pass_sigma_px": "wide"}, "0 or a number above"),
        ({"align": "yes"}, "true or false"),
        ({"left_out": ["legend"]}, "some of footer, clipped, shadow"),
    ],
)
def test_settings_that_make_no_sense_are_refused(told, words):
    with pytest.raises(Unsuitable, match=words):
        Cleaning.from_dict(told)


def test_electrons_are_divided_and_light_subtracted():
    assert Cleaning.suited_to(Contrast.LORENTZ).by is By.DIVIDE
    assert {Cleaning.suited_to(c).by for c in (Contrast.KERR, Contrast.MFM, None)} == {By.SUBTRACT}


def test_a_reference_divided_leaves_the_texture_in_the_frames_own_counts():
    frame, reference = 500 * SHADE * (1 + TEXTURE), 900 * SHADE
    cleaned = clean(frame, NOTHING, reference=reference)
    np.testing.assert_allclose(cleaned.frame, 500 * (1 + TEXTURE) * SHADE.mean(), rtol=1e-4)


def test_a_reference_subtracted_leaves_a_difference():
    cleaned = clean(500 * SHADE + 20 * TEXTURE, replace(NOTHING, by=By.SUBTRACT), reference=500 * SHADE)
    np.testing.assert_allclose(cleaned.frame, 20 * TEXTURE, atol=1e-3)


@pytest.mark.parametrize("by", list(By))
def test_a_gradient_is_taken_off_and_the_mean_stays(by):
    frame = 500 * (SHADE * (1 + TEXTURE) if by is By.DIVIDE else SHADE + TEXTURE)
    cleaned = clean(frame, replace(NOTHING, by=by, gradient_order=2)).frame
    texture = cleaned / cleaned.mean() - 1 if by is By.DIVIDE else (cleaned - cleaned.mean()) / 500
    assert np.abs(texture - TEXTURE).max() < 0.02
    assert cleaned.mean() == pytest.approx(frame.mean(), rel=0.01)


@pytest.mark.parametrize("settings", [{"flat_field_sigma_px": 30.0}, {"high_pass_sigma_px": 30.0, "by": By.SUBTRACT}])
def test_wide_means_take_nine_tenths_of_long_waves_off_and_leave_the_texture(settings):
    frame = 100 + 20 * np.sin(2 * np.pi * X / 400) + 10 * TEXTURE
    cleaned = clean(frame, replace(NOTHING, **settings)).frame[30:-30, 40:-40]
    assert np.abs(cleaned - cleaned.mean() - 10 * TEXTURE[30:-30, 40:-40]).max() < 2
    assert cleaned.mean() == pytest.approx(frame.mean(), rel=0.02)


def test_hot_pixels_are_replaced_and_counted():
    frame = 100 * (1 + TEXTURE) + RNG.normal(0, 2, X.shape)
    hit = frame.copy()
    hit[40, 50] += 300
    hit[90, 91] = 0
    cleaned = clean(hit, Cleaning())
    assert cleaned.remarks == ("2 hot or dead pixels replaced",)
    assert np.abs(cleaned.frame - frame).max() < 15
    assert not cleaned.mask.any()


FULL = Cleaning(8.0, By.DIVIDE, 3, 2, 40.0, 25.0)


@pytest.mark.parametrize("by", list(By))
def test_what_lies_under_a_mask_reaches_no_pixel_that_counts(by):
    frame = 500 * SHADE * (1 + TEXTURE) + RNG.normal(0, 3, X.shape).astype(np.float32)
    mask = np.zeros(frame.shape, dtype=bool)
    mask[140:], mask[50:80, 60:90] = True, True
    answers = []
    for value in (0.0, 1e5, -1e5):
        burnt = frame.copy()
        burnt[mask] = value
        answers.append(clean(burnt, replace(FULL, by=by), mask=mask, reference=500 * SHADE))
    for other in answers[1:]:
        np.testing.assert_array_equal(other.frame, answers[0].frame)
    np.testing.assert_array_equal(answers[0].mask, mask)
    beside = answers[0].frame[~mask]
    assert beside.min() <= answers[0].frame[mask].min()
    assert answers[0].frame[mask].max() <= beside.max()


def test_a_footer_is_found_and_masked_where_it_is_asked_for():
    frame = 100 * (1 + TEXTURE) + RNG.normal(0, 2, X.shape)
    frame[140:] = 0
    frame[145:150, 10:60] = 255
    assert not clean(frame, Cleaning()).mask.any()
    cleaned = clean(frame, Cleaning(left_out=tuple(Kind)))
    assert set(cleaned.found) == {Kind.FOOTER}
    np.testing.assert_array_equal(np.flatnonzero(cleaned.mask.any(axis=1)), np.arange(140, 160))
    with pytest.raises(UnusablePicture, match="mask every pixel together"):
        clean(frame, Cleaning(left_out=tuple(Kind)), mask=Y < 145)


def test_lone_pixels_that_are_no_numbers_are_replaced_and_holes_masked():
    frame = (100 * (1 + TEXTURE)).astype(np.float32)
    bad = frame.copy()
    bad[20, 20], bad[21, 21], bad[60:80, 60:70] = np.nan, np.inf, np.nan
    cleaned = clean(bad, Cleaning())
    assert cleaned.remarks == ("2 hot or dead pixels replaced",)
    hole = np.zeros(frame.shape, dtype=bool)
    hole[60:80, 60:70] = True
    np.testing.assert_array_equal(cleaned.mask, hole)
    assert np.isfinite(cleaned.frame).all()
    np.testing.assert_array_equal(cleaned.frame[100:], frame[100:])


def test_negative_counts_are_fine_to_subtract_and_warned_of_when_divided():
    frame = 100 * (1 + TEXTURE)
    frame[5, 5:8] = -1
    ready = replace(NOTHING, gradient_order=1)
    assert clean(frame, replace(ready, by=By.SUBTRACT)).remarks == ()
    (remark,) = clean(frame, ready).remarks
    assert "3 pixels are negative and the frame is divided" in remark
    with pytest.raises(Unsuitable, match=r"falls to -?\d.*: subtract, or mask"):
        clean(TEXTURE, ready)


def test_where_a_reference_is_dark_the_frame_is_masked():
    reference = 900 * SHADE
    reference[:10, :10] = 0
    cleaned = clean(500 * SHADE * (1 + TEXTURE), NOTHING, reference=reference)
    assert cleaned.mask.sum() == cleaned.mask[:10, :10].sum() == 100
    assert cleaned.remarks == ("100 pixels masked where the reference is 0 or less",)
    with pytest.raises(Unsuitable, match="no pixel to work with"):
        clean(500 * SHADE, NOTHING, reference=-reference)


@pytest.mark.parametrize(
    ("frame", "mask", "error", "words"),
    [
        (np.full((40, 40), 3.0), None, UnusablePicture, "is the same"),
        (np.full((40, 40), np.nan), None, UnusablePicture, "no pixel that is not masked is a number"),
        (np.ones((40, 40, 3)), None, UnusablePicture, r"grey.*\(40, 40, 3\)"),
        (np.ones((40, 40), complex), None, UnusablePicture, "complex128"),
        (TEXTURE, np.ones(TEXTURE.shape, bool), UnusablePicture, "covers every pixel"),
        (TEXTURE, np.zeros((10, 10), bool), UnusablePicture, "10 x 10 pixels, the frame 200 x 160"),
    ],
)
def test_what_cannot_be_cleaned_is_refused_with_the_reason(frame, mask, error, words):
    with pytest.raises(error, match=words):
        clean(frame, Cleaning(), mask=mask)


def test_a_reference_of_another_size_is_refused():
    with pytest.raises(Unsuitable, match="the reference is 200 x 100 pixels, the frame 200 x 160 pixels"):
        clean(TEXTURE, Cleaning(), reference=TEXTURE[:100])


def test_a_real_bubble_stands_out_twice_as_clearly_when_it_is_cleaned(real_data):
    from napari_magtex.inputs import open_inputs

    folder = real_data / "kerr/KerrPy"
    frame, saturated = (
        open_inputs(folder / name)[0].picture.pixels for name in ("bubble_large.png", "uniform_saturated_up.png")
    )
    settings = replace(Cleaning.suited_to(Contrast.KERR), median_px=3, gradient_order=1)
    cleaned = clean(frame, settings, reference=saturated)
    np.testing.assert_array_equal(np.flatnonzero(cleaned.mask.any(axis=1)), np.arange(1024, 1066))
    raw, clear = (
        (plane[:500, :300].mean() - plane[400:600, 600:700].mean()) / plane[:500, :300].std()
        for plane in (frame, cleaned.frame)
    )
    assert clear > 2 * raw  # film less bubble, over the film's noise


@pytest.mark.parametrize("name", ["190K_lf100_hf10.tif", "190K_lf10_hf10.tif", "190K_lf40_hf40.tif"])
def test_real_lorentz_frames_without_faults_stay_as_they_are(real_data, name):
    from napari_magtex.inputs import open_inputs

    frame = open_inputs(real_data / "ltem/bender_FGT" / name)[0].picture.pixels
    cleaned = clean(frame, Cleaning.suited_to(Contrast.LORENTZ))
    assert not cleaned.mask.any()
    assert (cleaned.frame != frame).mean() < 1e-4
