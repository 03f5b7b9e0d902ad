from dataclasses import replace

import numpy as np
import pytest

from napari_magtex.errors import UncalibratedPicture, Unsuitable
from napari_magtex.estimate.simulate import simulate_state
from napari_magtex.estimate.torque_balance import torque_balance
from napari_magtex.texture import Lattice, SpinTexture

TRUTH = {"A": 8.78e-12, "D": 1.58e-3, "Ms": 3.84e5}
RANGES = {
    "A_pJ_per_m": {"low": 4, "high": 12},
    "D_mJ_per_m2": {"low": 0.8, "high": 2.4},
    "Ms_MA_per_m": {"low": 0.2, "high": 0.6},
}


@pytest.fixture(scope="module")
def state(fege):
    return simulate_state(fege(film={"shape": [64, 64]}))


@pytest.fixture(scope="module")
def window(experiment_with):
    return experiment_with(film={"shape": [64, 64]}, parameters=RANGES)


def test_a_relaxed_film_gives_its_constants_to_five_digits(state, window):
    found = torque_balance(replace(state, saturation=None), window, name="film.ovf")
    assert found.applicable
    assert found.residual < 1e-3
    assert found.determined == ("A", "D", "Ms", "period", "A_over_D")
    for name, truth in TRUTH.items():
        quantity = getattr(found, name)
        assert quantity.value == pytest.approx(truth, rel=2e-5)
        assert truth in quantity
        assert quantity.high - quantity.low < 1e-3 * truth
    assert found.D_sign == 1
    assert found.record()["file"] == "film.ovf"
    assert found.record()["method"] == "torque_balance"


def test_the_sign_of_D_is_that_of_the_film(fege, window):
    left = simulate_state(fege(parameters={"D_mJ_per_m2": -1.58}))
    found = torque_balance(left, window)
    assert found.D_sign == -1
    assert found.D.value == pytest.approx(1.58e-3, rel=1e-4)


@pytest.mark.parametrize("film", [{"boundary": "open"}, {"dmi": "interfacial"}, {"Ku_kJ_per_m3": 30.0}])
def test_other_films_balance_too(fege, experiment_with, film):
    texture = simulate_state(fege(film=film))
    found = torque_balance(texture, experiment_with(film=film, parameters=RANGES))
    for name, truth in TRUTH.items():
        assert getattr(found, name).value == pytest.approx(truth, rel=1e-3)
    assert found.provenance.settings["boundary"] == film.get("boundary", "periodic")


@pytest.mark.parametrize("Di", [0.6, -0.4])
def test_a_film_of_both_kinds_of_dmi_tells_how_much_of_each(fege, experiment_with, Di):
    texture = simulate_state(fege(film={"shape": [64, 64]}, parameters={"Di_mJ_per_m2": Di}))
    asked = {"Di_mJ_per_m2": {"low": -1, "high": 1}}
    found = torque_balance(texture, experiment_with(film={"shape": [64, 64]}, parameters=RANGES | asked))
    for name, truth in (TRUTH | {"Di": Di * 1e-3}).items():
        assert getattr(found, name).value == pytest.approx(truth, rel=1e-4)
    assert "Di" in found.determined
    assert found.interfacial_share.value == pytest.approx(abs(Di) / (1.58 + abs(Di)), rel=1e-4)
    assert found.record()["Di"]["unit"] == "J/m^2"


def test_an_anisotropy_that_was_asked_for_is_told(fege, experiment_with):
    texture = simulate_state(fege(film={"Ku_kJ_per_m3": 30.0}))
    asked = {"Ku_kJ_per_m3": {"low": 0, "high": 60}}
    found = torque_balance(texture, experiment_with(parameters=RANGES | asked))
    assert found.Ku.value == pytest.approx(30e3, rel=1e-3)
    assert "Ku" in found.determined


def test_the_film_of_another_dmi_or_field_is_not_at_rest(state, window, experiment_with):
    other = experiment_with(film={"shape": [64, 64], "dmi": "interfacial"}, parameters=RANGES)
    assert torque_balance(state, window).applicable
    assert not torque_balance(state, other).applicable
    assert not torque_balance(state, window, field_T=(0, 0.3, -0.3)).applicable


def test_a_texture_that_is_no_relaxed_film_has_the_ranges_for_an_answer(window):
    m = np.random.default_rng(0).normal(size=(48, 48, 3))
    found = torque_balance(SpinTexture.from_layer(m, cell=(4e-9, 4e-9, 4e-9)), window)
    assert not found.applicable
    assert found.residual > 0.05
    assert not {"A", "D", "Ms", "A_over_D"} & set(found.determined)
    assert (found.A.low, found.A.value, found.A.high) == pytest.approx((4e-12, 8e-12, 12e-12))
    assert found.D_sign == 0


def test_spins_rounded_to_eight_bits_do_not_pass_for_exact(state, window):
    rounded = SpinTexture.from_layer(np.round(state.m[0] * 127) / 127, cell=state.cell)
    found = torque_balance(rounded, window)
    assert found.residual > 0.005
    for name in {"A", "D", "Ms"} & set(found.determined):
        assert TRUTH[name] in getattr(found, name)


def test_without_a_field_only_the_ratio_is_fixed_unless_Ms_is_known(fege, window):
    texture = simulate_state(fege(conditions={"field_T": 0.0}))
    blind = torque_balance(replace(texture, saturation=None), window, field_T=(0, 0, 0))
    assert set(blind.determined) == {"period", "A_over_D"}
    assert blind.A.low == pytest.approx(4e-12)
    told = torque_balance(texture, window, field_T=(0, 0, 0))
    assert {"A", "D", "A_over_D"} <= set(told.determined)
    assert told.A.value == pytest.approx(TRUTH["A"], rel=1e-3)
    assert told.D.value == pytest.approx(TRUTH["D"], rel=1e-3)
    assert "Ms" not in told.determined


def test_a_uniform_texture_fixes_nothing(window):
    up = np.broadcast_to(np.array([0.0, 0.0, 1.0]), (48, 48, 3))
    found = torque_balance(SpinTexture.from_layer(up, cell=(4e-9, 4e-9, 4e-9)), window)
    assert found.determined == ()
    assert not found.applicable
    assert np.isfinite(found.residual)


@pytest.mark.parametrize("cell_nm", [[3.0, 4.0], [4.0, 3.0]])
def test_the_period_is_that_of_cells_that_are_not_square(fege, experiment_with, cell_nm):
    film = {"cell_nm": cell_nm, "shape": [60, 60]}
    dx, dy = (d * 1e-9 for d in cell_nm)
    x = np.arange(60) * dx
    helix = np.stack([0 * x, -np.sin(2 * np.pi * x / 60e-9), np.cos(2 * np.pi * x / 60e-9)], axis=-1)
    for m, step in ((helix[None].repeat(60, axis=0), dx), (helix[:, None].repeat(60, axis=1), dy)):
        found = torque_balance(SpinTexture.from_layer(m, cell=(4e-9, dy, dx)), experiment_with(film=film))
        assert found.period.value == pytest.approx(60e-9 * step / dx, rel=0.05)


def test_a_thickness_that_was_made_up_is_not_taken_for_the_films(state, fege, window):
    unknown = replace(state, meta=state.meta | {"thickness_known": False})
    with pytest.raises(Unsuitable, match="thickness of the film is unknown"):
        torque_balance(unknown, window)
    without_demag = fege(film={"shape": [64, 64], "demag": False})
    assert torque_balance(unknown, without_demag).residual > 0, "nothing depends on it there"


def test_what_is_no_film_is_refused(window):
    m = np.random.default_rng(0).normal(size=(48, 48, 3))
    with pytest.raises(UncalibratedPicture, match="cell size"):
        torque_balance(SpinTexture.from_layer(m), window)
    with pytest.raises(Unsuitable, match=r"0\.3 nm are an atomic lattice"):
        torque_balance(SpinTexture.from_layer(m, cell=(3e-10, 3e-10, 3e-10)), window)
    with pytest.raises(Unsuitable, match="triangular"):
        torque_balance(SpinTexture.from_layer(m, cell=(4e-9,) * 3, lattice=Lattice.TRIANGULAR), window)
    m[:3, :5] = 0
    with pytest.raises(Unsuitable, match="15 cells hold no material"):
        torque_balance(SpinTexture.from_layer(m, cell=(4e-9,) * 3), window)
