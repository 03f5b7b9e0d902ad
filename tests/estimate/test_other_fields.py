"""Films in another field than that of the training: the same ones, where every energy is larger by its square."""

from dataclasses import replace

import numpy as np
import pytest

from napari_magtex.compute import drain
from napari_magtex.estimate.conditions import field_ratio
from napari_magtex.estimate.drawing import draw
from napari_magtex.estimate.estimator import Estimator
from napari_magtex.estimate.predict import estimate
from napari_magtex.estimate.simulate import simulate_state

FEGE = {"A": 8.78e-12, "D": 1.58e-3, "Ms": 3.84e5}
SHAPE = {"shape": [96, 96]}


@pytest.fixture(scope="module")
def shipped():
    return Estimator.load("fege-spin", device="cpu")


@pytest.mark.parametrize("temperature_K", [0.0, 50.0])
def test_larger_energies_in_a_larger_field_make_the_same_film(fege, temperature_K):
    one = fege(conditions={"field_T": [0.0, 0.0, 0.18], "temperature_K": temperature_K})
    other = one.scaled(1.5)
    assert other.conditions.field_T == pytest.approx((0, 0, 0.27))
    assert other.temperature.low == pytest.approx(2.25 * temperature_K)
    m, n = (simulate_state(experiment).m for experiment in (one, other))
    assert np.abs(m - n).max() < 1e-3
    assert m[..., 2].std() > 0.1


@pytest.fixture(scope="module")
def film(fege):
    """FeGe in a field a third stronger than that of the shipped estimators, at rest."""
    numbers = {"A_pJ_per_m": 8.78, "D_mJ_per_m2": 1.58, "Ms_MA_per_m": 0.384}
    texture = simulate_state(fege(film=SHAPE, parameters=numbers, conditions={"field_T": [0.0, 0.0, 0.24]}))
    return np.moveaxis(texture.m[0], -1, 0)


def errors_in(found):
    return {name: getattr(found, name).value / value - 1 for name, value in FEGE.items()}


def test_a_picture_that_tells_its_field_is_told_in_it(shipped, film):
    picture = draw(film, FEGE["Ms"], shipped.experiment)
    there = replace(picture, meta={"field_T": 0.24, "temperature_K": 0.0})
    found = drain(estimate(there, shipped)).estimate
    assert found.applicable
    assert found.provenance.settings["field_T"] == pytest.approx([0, 0, 0.24])
    assert {"A", "D", "Ms"} <= set(found.determined)
    assert all(abs(error) < 0.03 for error in errors_in(found).values())
    assert all(FEGE[name] in getattr(found, name) for name in FEGE)
    silent = drain(estimate(replace(picture, meta={"temperature_K": 0.0}), shipped)).estimate
    assert errors_in(silent)["Ms"] == pytest.approx(0.18 / 0.24 - 1, abs=0.03)  # what it would be in 0.18 T


def test_the_estimator_of_a_field_has_its_ranges_and_heat(shipped):
    other = shipped.in_field_of({"field_mT": 360})
    for name, power in (("A", 4), ("D", 4), ("Ms", 2), ("T", 4)):
        here, there = (e.experiment.parameters[name] for e in (shipped, other))
        assert np.allclose(there.values, power * np.array(here.values))
    assert np.allclose(other.misses.hot * 4, shipped.misses.hot)
    assert np.allclose(other.misses.cold, shipped.misses.cold)
    assert other.in_field_of({"field_mT": 360}) is other
    assert shipped.in_field_of({}) is shipped


@pytest.mark.parametrize("field", [0.0, -0.24, [0.0, 0.1, 0.2], 0.002])
def test_a_field_that_points_otherwise_is_another_experiment(shipped, film, field):
    assert field_ratio({"field_T": field}, shipped.experiment) == 1
    picture = replace(draw(film, FEGE["Ms"], shipped.experiment), meta={"field_T": field})
    found = drain(estimate(picture, shipped)).estimate
    assert not found.applicable
    assert any("the field is" in doubt for doubt in found.provenance.settings["doubts"])


def test_electrons_see_how_strong_the_film_is(shipped):
    lorentz = Estimator.load("fege-lorentz", device="cpu")
    assert lorentz.in_field_of({"field_T": 0.24}) is lorentz
