"""The figures of a loop, on loops whose figures are known."""

import json

import numpy as np
import pytest

from napari_magtex.errors import BadExperiment
from napari_magtex.physics.loops import (
    Loop,
    LoopConditions,
    coercive_field,
    sample_volume,
    saturation_field,
    saturation_knee,
)
from napari_magtex.results import Quantity

FIELD = np.linspace(-2, 2, 401)
STEP = FIELD[1] - FIELD[0]
COLD = LoopConditions((0.0, 0.0, 1.0), 0.0, "relaxed at each of 401 fields", "infinite film")


def loop(rising, falling=None, *, Ms=4e5, conditions=COLD, field=FIELD, unrested=()):
    """Return a loop of reduced branches; the falling one is the mirror image unless it is given."""
    falling = -rising[::-1] if falling is None else falling
    rested = np.ones(len(field), bool)
    rested[list(unrested)] = False
    return Loop(field, Ms * falling, Ms * rising, rested, rested[::-1], Ms, conditions)


def stoner_wohlfarth(h, angle_deg):
    """Rising branch of a single domain, h in units of Hk (Stoner and Wohlfarth, Phil. Trans. A 240, 599, 1948)."""
    if angle_deg == 0:
        return np.where(h > 1, 1.0, -1.0)
    if angle_deg == 90:
        return np.clip(h, -1, 1)
    easy = np.radians(angle_deg)
    phi = np.linspace(1e-3, np.pi - 1e-3, 200_001)  # of m, from the field
    balance = np.sin(2 * (easy - phi)) / (2 * np.sin(phi))  # the field in which m rests at phi
    last = int(np.argmin(balance[phi < easy + np.pi / 2]))  # there the falling branch becomes unstable
    stable, along = balance[last::-1], np.cos(phi[last::-1])
    return np.where(h > -stable[0], np.interp(h, stable, along), -np.interp(-h, stable, along))


def langevin(x):
    return np.where(x == 0, 0.0, 1 / np.tanh(np.where(x == 0, 1, x)) - 1 / np.where(x == 0, 1, x))


@pytest.mark.parametrize(("angle", "Hc", "remanence"), [(0, 1.0, 1.0), (45, 0.5, np.sqrt(0.5)), (90, 0.0, 0.0)])
def test_single_domains_have_the_closed_forms_of_stoner_and_wohlfarth(angle, Hc, remanence):
    found = loop(stoner_wohlfarth(FIELD, angle))
    assert found.coercivity == pytest.approx(Hc, abs=STEP)
    assert found.remanence == pytest.approx(remanence, abs=1e-3)
    assert found.closed


@pytest.mark.parametrize("angle", [20, 45, 70])
def test_a_single_domain_is_saturated_where_its_energy_says(angle):
    # m reaches 0.95 where phi = acos(0.95) rests: h = sin(2(psi - phi)) / (2 sin phi), if the branch got there before
    phi, psi = np.arccos(0.95), np.radians(angle)
    expected = np.sin(2 * (psi - phi)) / (2 * np.sin(phi))
    tan = np.tan(psi) ** (1 / 3)
    switching = np.sqrt(1 - tan**2 + tan**4) / (1 + tan**2)
    found = loop(stoner_wohlfarth(FIELD, angle))
    assert found.saturation_at_95 == pytest.approx(max(expected, switching), abs=STEP)


def test_a_hard_axis_saturates_at_its_anisotropy_field():
    found = loop(np.clip(FIELD / 1.234, -1, 1))
    assert found.saturation_at_knee == pytest.approx(1.234, rel=1e-9)
    assert found.saturation_at_95 == pytest.approx(0.95 * 1.234, rel=1e-9)
    assert found.coercivity == pytest.approx(0, abs=1e-9)


def test_a_square_loop_saturates_where_it_switches():
    found = loop(np.where(FIELD > 0.4037, 1.0, -1.0))
    assert found.coercivity == pytest.approx(0.4037, abs=STEP / 2)
    assert found.saturation_at_knee == pytest.approx(0.4037, abs=STEP)
    assert found.saturation_at_95 == pytest.approx(0.4037, abs=STEP)
    assert found.remanence == 1


def test_smooth_curves_have_the_knee_of_their_tangent_at_the_origin():
    # the chord over a fifth of the plateau is a little less steep than the tangent
    assert saturation_knee(FIELD, np.tanh(FIELD / 0.3)) == pytest.approx(0.3, rel=0.02)
    x = np.linspace(-100, 100, 2001)
    assert saturation_knee(x, langevin(x)) == pytest.approx(3 * langevin(x)[x > 95].mean(), rel=0.04)
    assert saturation_field(x, langevin(x), 0.95) == pytest.approx(20, rel=1e-3)


def test_the_tail_of_a_stripe_domain_loop_sets_its_knee_not_its_nucleation():
    # nucleation throws M from -1 to -0.3 within a step; then domains grow in proportion to the field up to 0.9 T
    rising = np.where(FIELD < -0.5, -1.0, np.clip(FIELD / 0.9, -0.3, 1.0))
    assert saturation_knee(FIELD, rising) == pytest.approx(0.9, rel=1e-6)


def test_single_jumps_do_not_pass_for_the_steep_part():
    steps = np.round(np.clip(FIELD / 0.8, -1, 1) * 20) / 20  # Barkhausen jumps of 5 %
    assert saturation_knee(FIELD, steps) == pytest.approx(0.8, rel=0.1)


def test_noise_about_zero_gives_one_coercive_field():
    noise = 0.02 * np.random.default_rng(1).standard_normal(len(FIELD))
    assert coercive_field(FIELD, np.clip((FIELD - 0.3) / 0.5, -1, 1) + noise) == pytest.approx(0.3, abs=0.02)


def test_figures_use_both_branches():
    rising, falling = (np.clip(10 * (FIELD - Hc), -1, 1) for Hc in (0.5, -0.3))  # a biased loop
    found = loop(rising, falling)
    assert found.coercivity == pytest.approx(0.4)


def test_a_film_that_never_switches_has_no_coercive_field_and_says_that_it_is_not_saturated():
    found = loop(np.full(len(FIELD), 0.99), np.full(len(FIELD), 0.99))
    assert not found.closed
    assert found.coercivity is None
    assert found.saturation_at_knee is None
    assert found.saturation_at_95 is None
    assert any("not saturated at 2 T" in note and "raise max_T" in note for note in found.notes())
    assert any("does not cross 0" in note for note in found.notes())


def test_a_loop_that_ends_on_its_slope_has_no_knee():
    found = loop(FIELD / 3)
    assert found.closed
    assert found.saturation_at_knee is None
    assert any("no plateau below 2 T" in note for note in found.notes())


def test_a_plateau_below_ms_is_told():
    found = loop(0.9 * np.clip(FIELD, -1, 1))
    assert found.saturation_at_knee == pytest.approx(1)
    assert found.saturation_at_95 is None
    assert any("M ends at 0.90 of Ms" in note for note in found.notes())


def test_points_that_did_not_settle_are_counted():
    found = loop(np.clip(FIELD, -1, 1), unrested=(3, 4, 5))
    assert any("6 of 802 points" in note for note in found.notes())
    assert not found.record()["converged"]


def test_what_bounds_hc_is_told_cold_and_hot():
    assert "T = 0 bounds Hc from above" in loop(np.tanh(FIELD)).notes()[0]
    hot = LoopConditions((1.0, 0.0, 0.0), 300.0, "0.02 ns or more at each of 401 fields", "infinite film")
    assert "falls with the rate" in loop(np.tanh(FIELD), conditions=hot).notes()[0]


def test_the_record_is_json_with_conditions_and_null_for_what_is_not_known():
    record = json.loads(json.dumps(loop(FIELD / 3).record(), allow_nan=False))
    assert record["Hs_knee_T"] is None
    assert record["axis"] == [0, 0, 1]
    assert record["geometry"] == "infinite film"
    assert record["step_T"] == pytest.approx(0.01)


def test_fields_are_written_with_the_digits_that_the_step_resolves():
    found = loop(np.tanh(FIELD))
    assert found.told(0.123456) == "0.123"
    assert found.told(-1e-9) == "0.000"


def test_a_volume_is_the_moment_over_ms():
    volume = sample_volume(1e-9, 4e5)
    assert (volume.value, volume.unit) == (pytest.approx(2.5e-15), "m^3")
    assert volume.low == volume.high == volume.value


def test_independent_errors_of_moment_and_ms_add_in_squares():
    moment = Quantity(1e-9, 1e-9 / 1.1, 1.1e-9, "A m^2")
    Ms = Quantity(4e5, 4e5 / 1.2, 4.8e5, "A/m")
    volume = sample_volume(moment, Ms)
    factor = np.exp(np.hypot(np.log(1.1), np.log(1.2)))
    assert volume.high == pytest.approx(2.5e-15 * factor)
    assert volume.low == pytest.approx(2.5e-15 / factor)


@pytest.mark.parametrize(("moment", "Ms"), [(0.0, 4e5), (1e-9, Quantity(4e5, -1e5, 9e5, "A/m")), (1e-9, float("nan"))])
def test_a_volume_of_nothing_is_refused(moment, Ms):
    with pytest.raises(BadExperiment, match="positive"):
        sample_volume(moment, Ms)
