"""Answers: what follows from constants that are known, and what the torques add."""

from __future__ import annotations

import numpy as np
import pytest

from napari_magtex.compute import drain
from napari_magtex.estimate.answer import Answer, mesh_of, truth_of
from napari_magtex.estimate.equilibrium import Misses
from napari_magtex.estimate.films import relax_films
from napari_magtex.estimate.virials import SCALES, Equations, region_virials

RANGES = {
    "A_pJ_per_m": {"low": 4, "high": 12},
    "D_mJ_per_m2": {"low": 0.8, "high": 2.4},
    "Ms_MA_per_m": {"low": 0.2, "high": 0.6},
}
TRUTH = {"A": 8e-12, "D": 1.6e-3, "Ms": 0.384e6}


@pytest.fixture(scope="module")
def experiment(experiment_with):
    return experiment_with(parameters=RANGES)


@pytest.fixture(scope="module")
def equations(experiment):
    m = relax_films(experiment, np.array([list(TRUTH.values())]), [4], device="cpu", tolerance=1e-6)["m"][0]
    eight_bits = np.round(m * 127) / 127
    return drain(region_virials(eight_bits.astype(np.float32), np.ones((48, 48), bool), mesh_of(experiment)))


@pytest.fixture
def misses() -> Misses:
    q = 4 * len(SCALES)
    return Misses(1e-3 * np.eye(q), 0.1 * np.eye(q))


def units(experiment) -> np.ndarray:
    return np.array([experiment.parameters[name].to_unit(value) for name, value in TRUTH.items()])


def test_what_is_known_moves_what_goes_with_it() -> None:
    covariance = np.array([[4.0, 3.0, 0.0], [3.0, 9.0, 0.0], [0.0, 0.0, 1.0]])
    answer = Answer(("A", "D", "Ms"), np.array([1.0, 2.0, 3.0]), covariance)
    given = answer.given({"D": 5.0})
    np.testing.assert_allclose(given.value, [1 + 3 / 9 * 3, 5, 3])
    np.testing.assert_allclose(given.covariance, [[3, 0, 0], [0, 0, 0], [0, 0, 1]])
    assert answer.given({}).value.tolist() == [1, 2, 3]
    assert covariance[0, 0] == 4  # what was said before is left as it was


def test_torques_correct_a_guess(experiment, equations, misses) -> None:
    guess = Answer(("A", "D", "Ms"), np.array([0.2, 0.8, 0.3]), 0.3**2 * np.eye(3))
    found = guess.balanced(equations, misses, experiment)
    error = np.abs(found.value - units(experiment))
    assert error.max() < 0.06
    assert (found.sigma < 0.1).all()
    assert (error < 4 * found.sigma).all()
    assert found.misfit is not None
    assert found.misfit < 3
    assert found.D_sign == 1


def test_the_mirror_image_has_the_same_constants_and_the_other_sign(experiment, equations, misses) -> None:
    guess = Answer(("A", "D", "Ms"), np.array([0.2, 0.8, 0.3]), 0.3**2 * np.eye(3))
    mirrored = Equations(equations.rows * [1, -1, 1, 1, 1], equations.cells)
    there, here = (guess.balanced(rows, misses, experiment) for rows in (mirrored, equations))
    assert (there.D_sign, here.D_sign) == (-1, 1)
    np.testing.assert_allclose(there.value, here.value)


def test_where_either_sign_balances_as_well_none_is_told(experiment, equations, misses) -> None:
    guess = Answer(("A", "D", "Ms"), np.array([0.2, 0.8, 0.3]), 0.3**2 * np.eye(3))
    without = Equations(equations.rows * [1, 0, 1, 1, 1], equations.cells)
    assert guess.balanced(without, misses, experiment).D_sign == 0


def test_a_D_that_is_known_may_be_negative(experiment_with, equations, misses) -> None:
    known = experiment_with(parameters=RANGES | {"D_mJ_per_m2": -1.6})
    guess = Answer(("A", "Ms"), np.array([0.2, 0.3]), 0.3**2 * np.eye(2))
    assert guess.balanced(equations, misses, known).D_sign == 1


def test_a_constant_that_is_known_stays_and_helps(experiment, equations, misses) -> None:
    guess = Answer(("A", "D", "Ms"), np.array([0.2, 0.8, 0.3]), 0.3**2 * np.eye(3))
    Ms = units(experiment)[2]
    alone, helped = (guess.balanced(equations, misses, experiment, known) for known in ({}, {"Ms": Ms}))
    assert helped.value[2] == pytest.approx(Ms)
    assert helped.sigma[2] == 0
    assert (helped.sigma[:2] <= alone.sigma[:2]).all()


def test_a_sure_guess_is_left_alone_by_torques_that_say_nothing(experiment, equations) -> None:
    q = 4 * len(SCALES)
    guess = Answer(("A", "D", "Ms"), np.array([0.2, 0.8, 0.3]), 0.01**2 * np.eye(3))
    found = guess.balanced(equations, Misses(1e9 * np.eye(q), 1e9 * np.eye(q)), experiment)
    np.testing.assert_allclose(found.value, guess.value, atol=1e-3)
    np.testing.assert_allclose(found.sigma, guess.sigma, rtol=0.05)


def test_columns_follow_the_experiment(experiment_with) -> None:
    assert mesh_of(experiment_with(parameters=RANGES)).names == ("A", "D", "Ms2", "Ms")
    no_demag = experiment_with(parameters=RANGES, film={"shape": [48, 48], "demag": False, "Ku_kJ_per_m3": 5.0})
    assert mesh_of(no_demag).names == ("A", "D", "Ku", "Ms")
    assert "Ms" not in mesh_of(experiment_with(parameters=RANGES, conditions={"field_T": 0})).names
    truth = truth_of(no_demag, np.array([list(TRUTH.values())]))
    np.testing.assert_allclose(truth, [[0.8, 1.6, 0, 0.5, 0.768, 0]])
    both = experiment_with(parameters=RANGES | {"Di_mJ_per_m2": {"low": -1, "high": 1}})
    assert mesh_of(both).names == ("A", "D", "Di", "Ms2", "Ms")
