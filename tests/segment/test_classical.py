"""Skyrmions by a threshold, and whether they are dark or bright."""

import numpy as np
import pytest

from napari_magtex.errors import MagtexError, UnusablePicture
from napari_magtex.picture import Contrast, Picture
from napari_magtex.segment.classical import ClassicalSettings, segment_classical
from napari_magtex.segment.evaluate import score
from napari_magtex.segment.frames import FOLDER, read_masked_frames
from napari_magtex.segment.grey import grey_of
from napari_magtex.segment.kinds import Kind, Polarity
from napari_magtex.segment.polarity import contrast_of_each, measured_polarity
from napari_magtex.segment.splitting import separate

LATTICE = [(y, x + (y // 30 % 2) * 15, 8) for y in range(15, 200, 30) for x in range(15, 280, 30)]
FEW = [(50, 60, 8), (120, 200, 8), (170, 90, 8)]


def frame(labels, sign=-1, noise=0.2, seed=0):
    rng = np.random.default_rng(seed)
    slope = np.linspace(0, 2, labels.shape[1])
    return (100 + 20 * (sign * (labels > 0) + slope + noise * rng.standard_normal(labels.shape))).astype(np.float32)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("places", [LATTICE, FEW], ids=["many", "few"])
def test_skyrmions_of_either_polarity_are_found_on_a_slope(discs, places, sign):
    truth = discs((200, 300), places)
    labels, polarity = segment_classical(frame(truth, sign))
    assert polarity.sign == sign
    assert labels.max() == len(places)
    assert score(labels, truth).f1 == 1
    assert measured_polarity(frame(truth, sign), labels).sign == sign


def test_skyrmions_that_cover_more_than_the_film_between_them_are_still_the_skyrmions(discs):
    truth = discs((200, 300), [(y, x, 13) for y, x, _ in LATTICE])
    assert (truth > 0).mean() > 0.5
    labels, polarity = segment_classical(frame(truth, 1, noise=0.1))
    assert polarity is Polarity.BRIGHT
    assert score(labels, truth).mcc > 0.7


def test_a_polarity_that_is_given_is_taken(discs):
    truth = discs((200, 300), LATTICE)
    _, polarity = segment_classical(frame(truth, -1), polarity=Polarity.BRIGHT)
    assert polarity is Polarity.BRIGHT


def test_each_skyrmion_has_its_own_contrast(discs):
    labels = discs((60, 100), [(30, 25, 8), (30, 70, 8)])
    grey = np.where(labels == 1, -3.0, np.where(labels == 2, 2.0, 0.0))
    assert contrast_of_each(grey, labels).tolist() == [-3, 2]


@pytest.mark.parametrize("wrong", [{"fine": 0}, {"fine": 12.0}, {"min_area": 0}, {"neck": 1.0}, {"level": 0}])
def test_settings_that_make_no_sense_are_told(wrong):
    with pytest.raises(MagtexError, match="must be"):
        ClassicalSettings(**wrong)


def test_real_frames_come_out_well_in_either_polarity(real_data):
    frames = [f for f in read_masked_frames(real_data / FOLDER) if f.sample in ("7", "23")][::8]
    assert len(frames) > 1
    for found in frames:
        truth = separate(found.kinds == Kind.SKYRMION, neck=0)
        dark, bright = segment_classical(found.grey), segment_classical(255 - found.grey)
        assert (dark[1], bright[1]) == (Polarity.DARK, Polarity.BRIGHT)
        assert score(dark[0], truth).mcc > 0.85
        assert score(bright[0], truth).mcc == pytest.approx(score(dark[0], truth).mcc, abs=0.01)


def test_a_constant_frame_is_refused():
    with pytest.raises(UnusablePicture, match="every pixel is 7"):
        grey_of(Picture(np.full((32, 32), 7.0, np.float32)))


def test_a_grey_frame_saved_in_colours_is_grey(discs):
    values = frame(discs((64, 64), [(30, 30, 8)])) / 255
    grey = grey_of(Picture(np.repeat(values[..., None], 3, axis=2), Contrast.KERR))
    assert np.allclose(grey.values, values, atol=1e-6)


def test_a_frame_in_false_colours_is_refused(discs):
    values = frame(discs((64, 64), [(30, 30, 8)])) / 255
    with pytest.raises(UnusablePicture, match="in colours"):
        grey_of(Picture(np.stack([values, values**2, 1 - values], axis=2), Contrast.KERR))


def test_a_saturated_frame_says_so(discs):
    values = np.clip(frame(discs((64, 64), [(30, 30, 8)])), None, 110)
    assert any("brightest value, 110" in note for note in grey_of(Picture(values)).notes)


def test_a_footer_is_found_and_said(discs):
    values = frame(discs((200, 300), LATTICE))
    values[180:] = 0
    values[185:192, 20:90] = 255
    grey = grey_of(Picture(values))
    assert grey.rows == 180
    assert any("rows 180 to 199 hold a footer" in note for note in grey.notes)
    assert grey_of(Picture(frame(discs((200, 300), LATTICE)))).rows == 200


def test_what_is_masked_is_no_footer(discs):
    values = frame(discs((200, 300), LATTICE))
    mask = np.zeros((200, 300), bool)
    mask[170:, 80:] = True
    mask[195:] = True
    assert grey_of(Picture(values, mask=mask)).rows == 200
    values[180:195] = 0  # a real one above the masked rows
    assert grey_of(Picture(values, mask=mask)).rows == 180


def test_a_texture_has_no_footer(discs):
    values = frame(discs((200, 300), LATTICE))
    values[180:] = 0
    assert grey_of(Picture(values, Contrast.SPIN)).rows == 200


def test_a_frame_drawn_without_noise_has_no_footer(discs):
    assert grey_of(Picture((discs((200, 300), FEW) > 0).astype(np.float32))).rows == 200


@pytest.mark.parametrize("seed", range(3))
def test_an_empty_film_holds_hardly_any_skyrmion(seed):
    noise = np.random.default_rng(seed).standard_normal((256, 256)).astype(np.float32)
    labels, _ = segment_classical(noise)
    assert labels.max() <= 4
    assert segment_classical(noise, ClassicalSettings(cautious=False))[0].max() > 200
