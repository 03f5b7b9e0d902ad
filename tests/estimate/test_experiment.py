import math
import warnings

import pytest

from napari_magtex.errors import BadExperiment
from napari_magtex.estimate.experiment import Experiment, digest, physics
from napari_magtex.picture import Contrast


def test_units_are_those_of_the_keys_outside_and_si_inside(experiment_with):
    e = experiment_with(
        film={"thickness_nm": 5, "cell_nm": [2, 3]}, picture={"contrast": "lorentz", "defocus_um": -200}
    )
    assert e.parameters["A"].low == pytest.approx(6e-12)
    assert e.parameters["D"].high == pytest.approx(2.4e-3)
    assert e.parameters["Ms"].values == pytest.approx((3.84e5,))
    assert e.cell == pytest.approx((5e-9, 3e-9, 2e-9))
    assert e.conditions.field_T == (0, 0, 0.18)
    assert e.picture.contrast is Contrast.LORENTZ
    assert e.picture.defocus == pytest.approx(-2e-4)


def test_what_is_written_is_read_back_the_same(experiment_with):
    e = experiment_with(start={"field_path_T": [1, [0, 0.1, 0.5]]}, parameters={"Ku_kJ_per_m3": {"values": [1, 2]}})
    assert Experiment.from_dict(e.to_dict()) == e
    assert e.start.field_path_T == ((0, 0, 1), (0, 0.1, 0.5))
    assert list(e.estimated) == ["A", "D", "Ku"]


@pytest.mark.parametrize("name", ["fege-spin", "fege-wheel", "fege-lorentz"])
def test_the_shipped_experiments_are_the_fege_window(name):
    e = Experiment.from_toml(name)
    assert e.conditions.field_T == (0, 0, 0.18)
    assert [e.parameters[n].low for n in ("A", "D", "Ms")] == pytest.approx([4e-12, 0.8e-3, 0.2e6])
    assert [e.parameters[n].high for n in ("A", "D", "Ms")] == pytest.approx([12e-12, 2.4e-3, 0.6e6])
    assert e.cell == pytest.approx((4e-9, 4e-9, 4e-9))
    assert name == f"fege-{e.picture.contrast}"


def test_a_file_is_read_as_toml(tmp_path):
    path = tmp_path / "e.toml"
    path.write_text("[parameters]\nA_pJ_per_m = 8.78\nD_mJ_per_m2 = 1.58\nMs_MA_per_m = 0.384\n")
    assert Experiment.from_toml(path).estimated == {}
    path.write_text("[parameters\n")
    with pytest.raises(BadExperiment, match="no TOML"):
        Experiment.from_toml(path)
    with pytest.raises(BadExperiment, match=r"nowhere\.toml"):
        Experiment.from_toml(tmp_path / "nowhere.toml")


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"film": {"shap": [64, 64]}}, r"\[film\] has no 'shap': known are thickness_nm, cell_nm, shape"),
        ({"films": {}}, "has no 'films': known are conditions, film"),
        ({"film": {"shape": [64]}}, r"\[film\] shape is \[64\]: give 2 numbers"),
        ({"film": {"shape": [64, 39]}}, "at least 40"),
        ({"film": {"shape": [64.5, 64]}}, "a whole number"),
        ({"film": {"dmi": "bulky"}}, "'bulky': allowed are bulk, interfacial"),
        ({"film": {"demag": 1}}, "true or false"),
        ({"film": {"thickness_nm": 0}}, "thickness_nm is 0"),
        ({"film": {"thickness_nm": math.nan}}, "thickness_nm is nan"),
        ({"film": {"Ku_kJ_per_m3": 1.0}, "parameters": {"Ku_kJ_per_m3": 1}}, "keep one"),
        ({"picture": {"contrast": "xray"}}, "allowed are spin, wheel, lorentz, kerr, mfm"),
        ({"picture": {"colour_map": "jet"}}, "allowed are mumax3"),
        ({"start": {"kind": "vortex"}}, "allowed are random"),
        ({"start": {"field_path_T": 3}}, "give a list"),
        ({"hysteresis": {"direction": [0, 0, 0]}}, "must point somewhere"),
        ({"hysteresis": {"steps": 9}}, "a whole number, at least 10"),
        ({"hysteresis": {"grain_nm": -1}}, "grain_nm is -1: give a number, at least 0"),
        ({"hysteresis": {"max_T": 0}}, "max_T is 0"),
        ({"parameters": {"A_pJ_per_m": {"low": 9, "high": 6}}}, "low = 9 must be below high = 6"),
        ({"parameters": {"A_pJ_per_m": {"low": 9}}}, r"give a number, \{low=, high=\}"),
        ({"parameters": {"A_pJ_per_m": {"values": []}}}, r"give a number, \{low=, high=\}"),
        ({"parameters": {"A_pJ_per_m": "many"}}, "give a number"),
        ({"parameters": {"A_pJ_per_m": -1}}, "must be positive"),
        ({"parameters": {"A": 8}}, r"\[parameters\] has no 'A'"),
        ({"parameters": {"D_mJ_per_m2": {"low": -1, "high": 1}}}, "sign"),
    ],
)
def test_a_bad_value_is_refused_with_its_key_and_what_is_allowed(tables_with, sections, words):
    with pytest.raises(BadExperiment, match=words):
        Experiment.from_dict(tables_with(**sections))


def test_a_missing_constant_is_named(tables_with):
    tables = tables_with()
    del tables["parameters"]["Ms_MA_per_m"]
    with pytest.raises(BadExperiment, match="lacks Ms_MA_per_m"):
        Experiment.from_dict(tables)


def test_a_coarse_cell_is_noted_with_the_two_lengths(experiment_with):
    # worst corner: A 6 pJ/m, D 2.4 mJ/m2: 4 pi A/D = 31.4 nm; sqrt(2 A / mu0 Ms^2) = 8.05 nm
    e = experiment_with()
    assert e.coarseness().helix == pytest.approx(31.416e-9, rel=1e-4)
    assert e.coarseness().exchange_length == pytest.approx(8.05e-9, rel=1e-3)
    assert any("8.05 nm" in note and "31.4 nm" in note for note in e.notes())
    assert experiment_with(film={"cell_nm": [3, 3]}).notes() == ()


def test_a_cell_that_breaks_the_continuum_is_refused_unless_allowed(tables_with):
    with pytest.raises(BadExperiment, match=r"8\.05 nm.*allow_coarse"):
        Experiment.from_dict(tables_with(film={"cell_nm": [8, 8]}))
    assert Experiment.from_dict(tables_with(film={"cell_nm": [8, 8], "allow_coarse": True})).film.allow_coarse


def test_a_thick_film_is_noted(experiment_with):
    assert any("thick" in note for note in experiment_with(film={"thickness_nm": 12}).notes())


def test_walls_thinner_than_a_cell_are_noted(experiment_with):
    # sqrt(A/Ku) = sqrt(6e-12 / 5e5) = 3.46 nm
    notes = experiment_with(film={"Ku_kJ_per_m3": 500}).notes()
    assert any("3.46 nm" in note and "walls stick to the mesh" in note for note in notes)
    assert not any("walls" in note for note in experiment_with(film={"Ku_kJ_per_m3": -100}).notes())


def test_a_loop_has_its_own_table_with_sensible_defaults(experiment_with):
    e = experiment_with(hysteresis={"grain_nm": 25, "dwell_ns": 0.1, "direction": [1, 0, 0]})
    assert e.hysteresis.grain == pytest.approx(25e-9)
    assert e.hysteresis.dwell == pytest.approx(1e-10)
    assert (e.hysteresis.steps, e.hysteresis.max_T, e.hysteresis.tilt_deg) == (100, 1.0, 1.0)
    assert Experiment.from_dict(e.to_dict()) == e


def test_the_hash_follows_what_matters_and_is_the_same_tomorrow(experiment_with):
    e = experiment_with()
    assert e.hash() == experiment_with().hash()
    other = experiment_with(picture={"contrast": "lorentz"})
    assert other.hash() != e.hash()
    assert digest(physics(other.to_dict())) == digest(physics(e.to_dict()))


def test_reading_warns_of_nothing(tables_with):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Experiment.from_dict(tables_with())


def test_before_a_picture_a_period_is_that_of_helices_and_no_longer_than_the_film(experiment_with):
    prior = experiment_with().period_prior()
    assert (prior.low, prior.high) == pytest.approx(experiment_with().period_range())
    assert experiment_with(parameters={"D_mJ_per_m2": {"low": 0, "high": 2.4}}).period_prior().high == pytest.approx(
        192e-9
    )
    none = experiment_with(parameters={"D_mJ_per_m2": 0}).period_prior()
    assert (none.low, none.high) == pytest.approx((8e-9, 192e-9))  # two cells, the film
