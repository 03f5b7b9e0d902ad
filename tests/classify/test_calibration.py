import numpy as np
import pytest

from napari_magtex.classify.calibration import Calibration, auroc, calibrate, calibration_error
from napari_magtex.classify.evaluate import wilson
from napari_magtex.classify.network import STATES
from napari_magtex.picture import Contrast
from napari_magtex.states.definitions import State, hidden_states


def _drawn_from(logits: np.ndarray, seed: int) -> np.ndarray:
    """Draw true states with the probabilities that the logits tell."""
    noise = np.random.default_rng(seed).gumbel(size=logits.shape)
    return (logits + noise).argmax(axis=1)


def test_the_temperature_undoes_overconfidence() -> None:
    honest = np.random.default_rng(0).normal(0, 2, (4000, 9))
    truth = _drawn_from(honest, 1)
    calibration = calibrate(3 * honest, truth, [Contrast.SPIN] * 4000, np.zeros(4000))
    assert calibration.temperature["spin"] == pytest.approx(3, rel=0.06)


def test_the_bias_undoes_a_liking_for_one_state() -> None:
    honest = np.random.default_rng(0).normal(0, 2, (4000, 9))
    truth = _drawn_from(honest, 1)
    liking = np.eye(9)[STATES.index(State.FM_STRIPES)]
    calibration = calibrate(honest + 2 * liking, truth, [Contrast.SPIN] * 4000, np.zeros(4000))
    bias = calibration.bias["spin"]
    others = np.mean([bias[state] for state in STATES if state is not State.FM_STRIPES])
    assert bias[State.FM_STRIPES] - others == pytest.approx(-2, abs=0.3)


def test_a_state_that_no_picture_shows_gets_no_bias() -> None:
    logits = np.random.default_rng(0).normal(0, 2, (400, 9))
    truth = np.where(logits[:, 0] > logits[:, 1], 0, 1)
    assert set(calibrate(logits, truth, [Contrast.SPIN] * 400, np.zeros(400)).bias["spin"]) == set(STATES[:2])


def test_the_sets_cover_nine_tenths_of_every_class() -> None:
    logits = np.random.default_rng(0).normal(0, 2, (6000, 9))
    truth = _drawn_from(logits, 1)
    half = slice(0, 3000), slice(3000, None)
    calibration = calibrate(logits[half[0]], truth[half[0]], [Contrast.SPIN] * 3000, np.zeros(3000))
    covered = np.array([
        STATES[k] in calibration.states(calibration.probabilities(row, Contrast.SPIN), Contrast.SPIN)
        for row, k in zip(logits[half[1]], truth[half[1]], strict=True)
    ])  # fmt: skip
    for k in range(9):
        assert covered[truth[half[1]] == k].mean() > 0.9 - 3 * np.sqrt(2 * 0.09 / 330)  # as many to calibrate and test
    assert covered.mean() == pytest.approx(0.9, abs=0.02)


def test_a_set_is_never_empty_and_begins_with_the_top_state() -> None:
    strict = Calibration(thresholds={"spin": dict.fromkeys(map(str, STATES), 1.1)})
    even = np.full(9, 1 / 9)
    assert strict.states(even, Contrast.SPIN) == (STATES[0],)
    loose = Calibration(thresholds={"spin": dict.fromkeys(map(str, STATES), 0.0)})
    assert len(loose.states(even, Contrast.SPIN)) == 9


@pytest.mark.parametrize("contrast", [Contrast.LORENTZ, Contrast.KERR, Contrast.MFM, Contrast.WHEEL])
def test_hidden_states_have_no_probability_and_are_in_no_set(contrast: Contrast) -> None:
    calibration = Calibration(thresholds={str(contrast): dict.fromkeys(map(str, STATES), 0.0)})
    probabilities = calibration.probabilities(np.arange(9.0), contrast)
    assert probabilities.sum() == pytest.approx(1, abs=1e-12)
    for state in hidden_states(contrast):
        assert probabilities[STATES.index(state)] == 0
        assert state not in calibration.states(probabilities, contrast)
    assert State.FM_STRIPES in calibration.states(probabilities, contrast)


def test_nineteen_of_twenty_textures_stay_applicable() -> None:
    scores = np.random.default_rng(0).normal(5, 2, 2000)
    calibration = calibrate(np.zeros((2000, 9)), np.arange(2000) % 9, [Contrast.SPIN] * 2000, scores)
    inside = np.mean([calibration.applicability(s) >= 0.5 for s in scores])
    assert inside == pytest.approx(0.95, abs=0.002)


def test_a_calibration_survives_its_card() -> None:
    calibration = Calibration({"spin": 1.5}, {"spin": {"fm": -0.5}}, {"spin": {"fm": 0.25}}, -1.25)
    assert Calibration.from_card(calibration.as_card()) == calibration


def test_the_calibration_error_of_a_worked_example() -> None:
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    correct = np.array([True, True, True, False, True, False])
    # |0.95 - 0.75| on 4 of 6, |0.55 - 0.5| on 2 of 6
    assert calibration_error(confidence, correct) == pytest.approx(0.2 * 4 / 6 + 0.05 * 2 / 6)


def test_auroc_of_a_worked_example() -> None:
    assert auroc(np.array([2.0, 3.0]), np.array([1.0, 2.0])) == pytest.approx((1.5 + 2) / 4)
    assert auroc(np.array([1.0]), np.array([0.0])) == 1


def test_wilsons_interval_of_the_published_test() -> None:
    low, high = wilson(847, 858)
    assert (low, high) == (pytest.approx(0.9772, abs=2e-4), pytest.approx(0.9928, abs=2e-4))
