"""A frame to its skyrmions: polarity, regions, footers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_magtex.errors import BadRegion, MagtexError, ModelUnavailable
from napari_magtex.models.store import shipped
from napari_magtex.picture import Contrast, Picture, Region
from napari_magtex.segment.kinds import Kind, Method, Polarity
from napari_magtex.segment.network import SkyrmionUNet
from napari_magtex.segment.predict import Settings, find_segmenter, segment
from napari_magtex.segment.segmenter import SHIPPED, Segmenter, ready

PLACES = [(y, x, 8) for y in range(20, 120, 30) for x in range(20, 160, 30)]


@pytest.fixture
def frame(discs):
    def of(dark=PLACES, bright=(), sign=1, seed=0):
        noise = np.random.default_rng(seed).standard_normal((120, 160))
        signal = 30.0 * (discs((120, 160), list(bright)) > 0) - 30.0 * (discs((120, 160), dark) > 0)
        return Picture((sign * (signal + 4 * noise)).astype(np.float32), Contrast.KERR, (50e-9, 50e-9), name="f.tif")

    return of


class Oracle:
    """A network that calls skyrmion whatever stands out of the film, to either side, and dust what stands out most."""

    model = "oracle 1"

    def probabilities(self, grey):
        likely = np.zeros((len(Kind), *grey.shape), np.float32)
        likely[Kind.FILM] = 0.4
        likely[Kind.SKYRMION] = np.where(np.abs(grey - np.median(grey)) > 15, 0.8, 0)
        likely[Kind.DEFECT] = np.where(np.abs(grey - np.median(grey)) > 200, 0.9, 0)
        likely[Kind.SKYRMION][likely[Kind.DEFECT] > 0] = 0.1
        likely[Kind.OUTSIDE, :, -10:] = 0.5
        return likely


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("segmenter", [None, Oracle()], ids=["threshold", "network"])
def test_skyrmions_of_either_polarity_are_found(frame, segmenter, sign):
    found = segment(frame(sign=sign), segmenter)
    assert found.labels.max() == len(PLACES)
    assert found.polarity is (Polarity.DARK if sign > 0 else Polarity.BRIGHT)
    assert found.provenance.settings["polarity"] == str(found.polarity)
    assert found.provenance.model == ("threshold" if segmenter is None else "oracle 1")
    assert found.measured().columns["radius_nm"] == pytest.approx(np.full(len(PLACES), 400), rel=0.15)


@pytest.mark.parametrize("sign", [1, -1])
def test_what_stands_out_to_the_other_side_is_no_skyrmion(frame, sign):
    picture = frame(PLACES[:15], PLACES[15:], sign)
    found = segment(picture, Oracle())
    assert found.labels.max() == 15
    assert np.unique(found.labels).tolist() == list(range(16))
    assert (found.kinds[found.labels == 0] != Kind.SKYRMION).all()
    given = segment(picture, Oracle(), Settings(polarity=Polarity.BRIGHT if sign > 0 else Polarity.DARK))
    assert given.labels.max() == len(PLACES) - 15


def test_dust_and_what_is_beside_the_film_are_told(frame):
    picture = frame()
    pixels = picture.pixels.copy()
    pixels[60:64, 80:84] = 500
    found = segment(Picture(pixels, Contrast.KERR), Oracle())
    assert (found.kinds[60:64, 80:84] == Kind.DEFECT).all()
    assert (found.labels[60:64, 80:84] == 0).all()
    assert not found.film[:, -10:].any()
    assert found.film[60:64, 80:84].all()


def test_a_region_is_segmented_alone_and_its_mask_holds(frame):
    mask = np.zeros((60, 80), bool)
    mask[:, :40] = True
    region = Region(40, 30, 120, 90, mask)
    found = segment(frame(), Oracle(), region=region)
    assert found.provenance.roi == (40, 30, 120, 90)
    assert found.labels.shape == (60, 80)
    assert not found.film[:, 40:].any()
    assert found.labels[:, 40:].max() == 0
    assert found.measured().columns["x_px"].min() > 40


def test_what_is_masked_holds_no_skyrmion_and_is_no_film(frame):
    picture = frame()
    mask = np.zeros(picture.shape, bool)
    mask[:, :95] = True
    found = segment(replace(picture, mask=mask), None)
    assert found.labels.max() == len([x for _, x, _ in PLACES if x > 95])
    assert (found.kinds[mask] == Kind.OUTSIDE).all()
    assert not (found.kinds[~mask] == Kind.OUTSIDE).any()


def test_a_region_that_leaves_the_frame_is_refused(frame):
    with pytest.raises(BadRegion, match="leaves the picture"):
        segment(frame(), None, region=Region(0, 0, 200, 50))


def test_a_footer_is_left_out_and_said(frame):
    pixels = frame().pixels.copy()
    pixels[100:] = 0
    pixels[104:110, 20:60] = 90
    found = segment(Picture(pixels, Contrast.KERR), Oracle())
    assert not found.film[100:].any()
    assert found.labels[100:].max() == 0
    assert any("footer" in note for note in found.measured().record()["notes"])


def test_an_empty_frame_has_no_polarity(frame):
    found = segment(frame([]), Oracle())
    assert found.labels.max() == 0
    assert found.polarity is Polarity.AUTO
    assert found.measured().record()["count"] == 0


def test_two_thousand_skyrmions_are_counted(discs):
    places = [(y, x, 3) for y in range(6, 512, 12) for x in range(6, 672, 12)]
    noise = np.random.default_rng(0).standard_normal((512, 672))
    found = segment(Picture(4 * noise - 30.0 * (discs((512, 672), places) > 0), Contrast.KERR), Oracle())
    assert abs(found.labels.max() - len(places)) < 0.01 * len(places)
    assert len(places) > 2000


def test_the_same_frame_inverted_has_the_same_labels(frame):
    torch.manual_seed(1)
    segmenter = Segmenter(ready(SkyrmionUNet((4, 4, 4, 4, 4)), "cpu"), {"name": "any", "version": 1})
    found, negative = (segment(frame(sign=sign), segmenter, Settings(threshold=0.25)) for sign in (1, -1))
    assert (found.labels != negative.labels).mean() < 1e-3


@pytest.mark.parametrize("wrong", [{"threshold": 0}, {"threshold": 1.0}, {"min_area": 0}, {"neck": 1.0}])
def test_settings_that_make_no_sense_are_told(wrong):
    with pytest.raises(MagtexError, match="must lie between 0 and 1"):
        Settings(**wrong)


def test_the_method_decides_whether_a_network_is_loaded():
    assert find_segmenter(Method.THRESHOLD) is None
    if SHIPPED in shipped():
        assert find_segmenter() is not None
    else:
        assert find_segmenter() is None
        with pytest.raises(ModelUnavailable, match="no model skyrmions"):
            find_segmenter(Method.NETWORK)
