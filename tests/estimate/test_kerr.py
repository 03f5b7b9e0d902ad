"""Estimators of Kerr frames, whose grey has no scale: from the film to the answer."""

from dataclasses import replace

import numpy as np
import pytest

from napari_magtex.compute import drain
from napari_magtex.estimate.channels import channels
from napari_magtex.estimate.drawing import draw, draw_channels
from napari_magtex.estimate.estimator import Estimator
from napari_magtex.estimate.predict import estimate
from napari_magtex.estimate.simulate import simulate_state
from napari_magtex.estimate.train import noisy, train_estimator
from napari_magtex.picture import Contrast, Region

MS = 0.384e6


@pytest.fixture(scope="module")
def experiment(experiment_with):
    return experiment_with(picture={"contrast": "kerr", "noise": 0.3})


@pytest.fixture(scope="module")
def m(fege):
    """FeGe at rest (3, 64, 72)."""
    return np.moveaxis(simulate_state(fege(film={"shape": [64, 72]})).m[0], -1, 0)


def test_gain_and_offset_of_the_camera_change_nothing(m, experiment):
    frame = draw(m, MS, experiment)
    assert frame.contrast is Contrast.KERR
    other = replace(frame, pixels=1000 + 37 * frame.pixels)
    one, two = (channels(picture, experiment).values for picture in (frame, other))
    assert np.allclose(one, two, atol=1e-4)
    assert (one.mean(), one.std()) == pytest.approx((0, 1), abs=1e-4)
    assert np.corrcoef(one.ravel(), m[2].ravel())[0, 1] == pytest.approx(1, abs=1e-5)
    assert not channels(replace(frame, pixels=0 * frame.pixels + 7), experiment).values.any()


def test_only_the_region_sets_the_scale(m, experiment):
    frame = draw(m, MS, experiment)
    mask = np.zeros(frame.shape, dtype=bool)
    mask[8:56, 8:64] = True
    bright = np.where(mask, frame.pixels, 100)
    values = channels(replace(frame, pixels=bright).crop(Region(0, 0, 72, 64, mask)), experiment).values[0]
    assert (values[mask].mean(), values[mask].std()) == pytest.approx((0, 1), abs=1e-4)


def test_noise_is_a_share_of_the_contrast(m, experiment):
    clean, grainy = (draw(m, MS, experiment, dose=dose).pixels for dose in (None, 1.0))
    assert (grainy - clean).std() / clean.std() == pytest.approx(0.3, rel=0.05)
    values = draw_channels(np.stack([m] * 200), np.full(200, MS), experiment)
    trained = noisy(values, experiment)
    assert trained.std(axis=(1, 2, 3)) == pytest.approx(np.ones(200), abs=0.03)  # as a frame is brought to
    left = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(trained, values, strict=True)]
    shares = np.sqrt(1 / np.square(left) - 1)
    assert (shares.min(), shares.max()) == pytest.approx((0, 0.6), abs=0.03)


def test_half_of_the_moment_is_half_of_the_contrast(m, experiment):
    whole, averaged = (draw(part, MS, experiment).pixels for part in (m, 0.5 * m))
    assert np.allclose(averaged - 0.5, 0.5 * (whole - 0.5), atol=1e-6)


def test_an_estimator_is_trained_and_answers(m, experiment, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    drain(train_estimator(experiment, tmp_path / "kerr.safetensors", device="cpu"))
    estimator = Estimator.load(tmp_path / "kerr.safetensors", device="cpu")
    assert estimator.misses is None
    answer = drain(estimate(draw(m, MS, experiment, dose=1.0), estimator)).estimate
    assert answer.provenance.contrast is Contrast.KERR
    assert answer.D_sign == 0
    assert "period" in answer.determined
    assert 60e-9 < answer.period.value < 90e-9
