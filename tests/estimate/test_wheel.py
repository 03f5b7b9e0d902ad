"""Estimators of induction maps, whose colours have no scale: from the film to the answer."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_magtex.compute import drain
from napari_magtex.errors import Unsuitable
from napari_magtex.estimate.channels import channels
from napari_magtex.estimate.drawing import draw, draw_channels, stray_induction
from napari_magtex.estimate.estimator import Estimator
from napari_magtex.estimate.predict import estimate
from napari_magtex.estimate.simulate import simulate_state
from napari_magtex.estimate.symmetry import mirrored, turned
from napari_magtex.estimate.train import noisy, train_estimator
from napari_magtex.imaging.phase import electron_phase
from napari_magtex.imaging.reconstruction import Reconstruction
from napari_magtex.picture import Contrast, Region
from napari_magtex.texture import SpinTexture

MS = 0.384e6


@pytest.fixture(scope="module")
def experiment(experiment_with):
    return experiment_with(picture={"contrast": "wheel", "noise": 0.2})


@pytest.fixture(scope="module")
def m(fege):
    """FeGe at rest (3, 64, 64)."""
    return np.moveaxis(simulate_state(fege(film={"shape": [64, 64]})).m[0], -1, 0)


def test_the_colours_give_the_induction_back_but_for_its_scale(m, experiment):
    picture = draw(m, MS, experiment)
    assert picture.contrast is Contrast.WHEEL
    values = channels(picture, experiment).values
    assert np.square(values).mean() == pytest.approx(1)
    texture = SpinTexture.from_layer(np.moveaxis(m, 0, -1), cell=experiment.cell, saturation=MS)
    true = Reconstruction(electron_phase(texture), experiment.cell[1:]).induction
    assert np.corrcoef(values.ravel(), true.ravel())[0, 1] > 0.995
    assert np.allclose(values, channels(draw(m, 0.5 * MS, experiment), experiment).values, atol=0.03)


def test_turning_and_mirroring_the_film_does_so_to_the_channels(m, experiment):
    def of(film):
        return channels(draw(np.ascontiguousarray(film), MS, experiment), experiment).values

    spins, seen = torch.from_numpy(m.copy()), torch.from_numpy(of(m))
    inside = (slice(None), slice(1, -1), slice(1, -1))  # slopes at the rim are one-sided
    for change in (lambda v, c: turned(v, 1, c), lambda v, c: turned(v, 2, c), mirrored):
        of_film = of(change(spins, Contrast.SPIN).numpy())
        np.testing.assert_allclose(of_film[inside], change(seen, Contrast.WHEEL).numpy()[inside], atol=0.05)


def test_a_film_without_induction_has_none(experiment):
    up = np.zeros((3, 48, 48), np.float32)
    up[2] = 1
    assert not channels(draw(up, MS, experiment, dose=1.0), experiment).values.any()


def test_only_the_region_sets_the_scale(m, experiment):
    picture = draw(m, MS, experiment)
    mask = np.zeros(picture.shape, dtype=bool)
    mask[8:56, 8:56] = True
    dark = np.where(mask[..., None], picture.pixels, 0)
    values = channels(replace(picture, pixels=dark).crop(Region(0, 0, 64, 64, mask)), experiment).values
    assert np.square(values[:, mask]).mean() == pytest.approx(1, abs=1e-3)


def test_noise_is_a_share_of_the_induction_and_has_no_divergence(m, experiment):
    clean, rough = (draw_channels(m[None], np.array([MS]), experiment, dose=dose)[0] for dose in (None, 1.0))
    assert np.sqrt(np.square(rough - clean).mean()) == pytest.approx(0.2, rel=0.1)
    stray = stray_induction(torch.randn(2, 48, 64, dtype=torch.float64))
    assert stray.square().mean(dim=(1, 2, 3)).numpy() == pytest.approx([1, 1])
    x, y = torch.fft.fft2(stray).unbind(1)
    kx, ky = torch.fft.fftfreq(64), -torch.fft.fftfreq(48)[:, None]
    assert float((kx * x + ky * y)[:, 1:24, 1:32].abs().max()) < 1e-6 * float(x.abs().max())
    trained = noisy(np.repeat(clean[None], 50, axis=0), experiment)
    left = [np.corrcoef(a.ravel(), clean.ravel())[0, 1] for a in trained]
    shares = np.sqrt(1 / np.square(left) - 1)
    assert shares.max() == pytest.approx(0.4, abs=0.04)
    assert shares.min() < 0.05


def test_a_grey_picture_is_no_induction_map(m, experiment):
    picture = draw(m, MS, experiment)
    with pytest.raises(Unsuitable, match="this one is grey"):
        channels(replace(picture, pixels=picture.pixels.mean(axis=2)), experiment)


def test_an_estimator_of_induction_maps_is_trained_and_answers(m, experiment, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    drain(train_estimator(experiment, tmp_path / "wheel.safetensors", device="cpu"))
    estimator = Estimator.load(tmp_path / "wheel.safetensors", device="cpu")
    answer = drain(estimate(draw(m, MS, experiment, dose=1.0), estimator)).estimate
    assert answer.provenance.contrast is Contrast.WHEEL
    assert answer.D_sign == 0
    assert "period" in answer.determined
    assert 60e-9 < answer.period.value < 90e-9
