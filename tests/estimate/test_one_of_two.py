"""Estimators that know one of A and D: the other fixes their ratio, and what is known has a sign of its own."""

import math
from dataclasses import replace

import numpy as np
import pytest

from napari_magtex.compute import drain
from napari_magtex.errors import Unsuitable
from napari_magtex.estimate.calibration import Familiar
from napari_magtex.estimate.drawing import draw
from napari_magtex.estimate.estimator import Estimator
from napari_magtex.estimate.films import relax_films
from napari_magtex.estimate.predict import estimate
from napari_magtex.estimate.train import train_estimator
from napari_magtex.results import Estimate

A, D = 8e-12, 2e-3


@pytest.fixture(scope="module")
def trained(tmp_path_factory, experiment_with):
    """Return an estimator that takes the constants given as known, trained in seconds; every picture is familiar."""
    folder = tmp_path_factory.mktemp("one")

    def make(**known) -> Estimator:
        path = folder / f"{'-'.join(known)}.safetensors"
        drain(train_estimator(experiment_with(parameters=known), path, device="cpu"))
        made = Estimator.load(path, device="cpu")
        return replace(made, familiar=Familiar(made.familiar.descriptors, math.inf))

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        yield make


@pytest.fixture(scope="module")
def m(experiment_with):
    return relax_films(experiment_with(), np.array([[A, D, 0.384e6]]), [4], device="cpu", tolerance=1e-6)["m"][0]


def told(m, estimator: Estimator, **known: float) -> Estimate:
    return drain(estimate(draw(m, 0.384e6, estimator.experiment), estimator, known=known)).estimate


def test_with_A_fixed_D_is_told_and_with_both_their_ratio(trained, m) -> None:
    estimator = trained(A_pJ_per_m=8.0)
    free, given = told(m, estimator), told(m, estimator, D=D)
    assert free.applicable, free.provenance.settings["doubts"]
    assert (free.known, given.known) == (("A", "Ms"), ("A", "D", "Ms"))
    assert (free.D_sign, given.D_sign) == (1, 1)
    assert "A_over_D" in given.determined
    assert "A_over_D|D" not in estimator.intervals.quantiles


def test_what_is_fixed_may_be_told_again_and_nothing_else(trained, m) -> None:
    estimator = trained(A_pJ_per_m=8.0)
    assert told(m, estimator, A=8.0 * 1e-12, Ms=0.384 * 1e6, T=0.0) == told(m, estimator)
    with pytest.raises(Unsuitable, match=r"A_pJ_per_m = 9 is not what the estimator takes as known: 8"):
        told(m, estimator, A=9e-12)
    assert told(m, estimator, D=2.4 * 1e-3 * (1 + 1e-12)).D.value == pytest.approx(2.4e-3)  # the range's end


def test_a_D_that_is_fixed_has_a_size_and_the_picture_its_sign(trained, m) -> None:
    estimator = trained(D_mJ_per_m2=-2.0)
    mirrored = m * np.array([-1, -1, 1], np.float32)[:, None, None]
    for film, sign in ((m, 1), (mirrored, -1)):
        answer = told(film, estimator, D=D)
        assert answer.applicable, answer.provenance.settings["doubts"]
        assert (answer.D.value, answer.D_sign) == (D, sign)
        assert told(film, replace(estimator, misses=None)).D_sign == sign  # the way it turns says the same
