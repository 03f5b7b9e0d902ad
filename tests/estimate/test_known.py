"""What is known beside a picture: a constant, or the temperature, of which an estimator of heated films asks."""

from dataclasses import replace

import numpy as np
import pytest

from napari_magtex.compute import drain
from napari_magtex.errors import Unsuitable
from napari_magtex.estimate.drawing import draw
from napari_magtex.estimate.estimator import Estimator
from napari_magtex.estimate.predict import estimate
from napari_magtex.estimate.simulate import simulate_state
from napari_magtex.estimate.train import train_estimator

CONSTANTS = {"A_pJ_per_m": 8.0, "D_mJ_per_m2": 2.0}


@pytest.fixture(scope="module")
def hot(tmp_path_factory, experiment_with):
    """An estimator of films from 0 to 300 K, trained in seconds."""
    folder = tmp_path_factory.mktemp("hot")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        experiment = experiment_with(picture={"contrast": "spin"}, parameters={"T_K": {"low": 0, "high": 300}})
        drain(train_estimator(experiment, folder / "hot.safetensors", device="cpu"))
    return Estimator.load(folder / "hot.safetensors", device="cpu")


@pytest.fixture(scope="module")
def picture(fege):
    """A film at rest in colours of eight bits, 72 x 64 cells."""
    experiment = fege(picture={"contrast": "spin"}, film={"shape": [64, 72]}, parameters=CONSTANTS)
    m = np.moveaxis(simulate_state(experiment).m[0], -1, 0)
    return draw(m, 0.384e6, experiment)


def noting(picture, T):
    return replace(picture, meta={**picture.meta, "temperature_K": T})


def told(picture, estimator, **known):
    return drain(estimate(picture, estimator, known=known)).estimate


def test_a_constant_that_is_known_is_told_back_and_narrows_the_others(picture, hot):
    free, given = told(picture, hot), told(picture, hot, A=8e-12)
    assert (given.A.low, given.A.value, given.A.high) == pytest.approx((8e-12,) * 3)
    assert "A" in given.determined
    assert given.D.high - given.D.low < free.D.high - free.D.low
    assert given.D.low < 2e-3 < given.D.high


def test_the_temperature_may_be_typed_or_noted_in_the_picture(picture, hot):
    typed, noted = told(picture, hot, T=0.0), told(noting(picture, 0.0), hot)
    assert (typed.T, typed.A) == (noted.T, noted.A)
    assert (typed.T.low, typed.T.high) == (0, 0)
    assert told(noting(picture, 100.0), hot, T=0.0).T.value == 0  # what is typed goes first
    assert typed.asides == ("T 0 K",)  # at rest long waves see the A of the cells
    warm = told(picture, hot, T=200.0, A=8e-12)
    assert warm.A.value - warm.A_long.value == pytest.approx(1.38e-23 * 200 / (4 * 4e-9), rel=1e-3)
    assert "T" not in typed.record()
    assert "T" not in typed.determined


def test_what_no_training_film_had_cannot_be_known(picture, hot):
    with pytest.raises(Unsuitable, match=r"A_pJ_per_m = 20 is not within .* A_pJ_per_m 6 to 10"):
        told(picture, hot, A=20e-12)
    with pytest.raises(Unsuitable, match=r"Ms_MA_per_m = 0.4 is not what the estimator takes as known: 0.384"):
        told(picture, hot, Ms=0.4e6)  # it is one number in this experiment
    noted = told(noting(picture, 900.0), hot)
    assert noted.T != 900  # a note is no order
    said = "the temperature is 900 K, the estimator was trained at 0 to 300 K"
    assert said in noted.provenance.settings["doubts"]
    assert said not in told(noting(picture, 900.0), hot, T=0.0).provenance.settings["doubts"]  # who says so knows
