import numpy as np
import pytest
import torch

from napari_magtex.compute import Progress, drain
from napari_magtex.errors import BadExperiment
from napari_magtex.estimate.loop import disordered_film, film_loops, loop_table
from napari_magtex.estimate.loop_chart import loop_figure
from napari_magtex.physics.terms.anisotropy import Uniaxial

PERPENDICULAR = {
    "film": {"shape": [40, 40], "thickness_nm": 1, "dmi": "interfacial"},
    "parameters": {"A_pJ_per_m": 10, "D_mJ_per_m2": 0, "Ms_MA_per_m": 0.6, "Ku_kJ_per_m3": 400},
}


@pytest.fixture
def magnet(experiment_with):
    """Return a perpendicular magnet's experiment with keys of [hysteresis], and other sections changed."""

    def make(*, film=(), parameters=(), **sections):
        changed = {
            "film": PERPENDICULAR["film"] | dict(film),
            "parameters": PERPENDICULAR["parameters"] | dict(parameters),
        }
        return experiment_with(**(changed | sections))

    return make


def anisotropy(film):
    return next(term for term in film.terms if isinstance(term, Uniaxial))


def test_a_film_without_grains_is_the_experiments_own(magnet):
    film = disordered_film(magnet(), {}, device="cpu")
    assert anisotropy(film).K.shape == (1, 1, 1)
    assert float(film.A) == pytest.approx(1e-11)


def test_grains_spread_ku_and_axis_by_what_the_experiment_says(magnet):
    experiment = magnet(hysteresis={"grain_nm": 8, "Ku_spread": 0.2, "axis_spread_deg": 5})
    term = anisotropy(disordered_film(experiment, {}, device="cpu"))
    K = term.K.double()
    assert K.shape == (1, 40, 40)
    assert K.mean().item() == pytest.approx(4e5 / 6e5, rel=0.05)
    assert (K.std() / K.mean()).item() == pytest.approx(0.2, rel=0.15)
    lean = torch.rad2deg(torch.acos(term.axis[0, 2].double().clamp(-1, 1)))
    assert lean.square().mean().sqrt().item() == pytest.approx(5, rel=0.15)
    assert len(K.unique()) == pytest.approx(400, abs=10)  # 160 x 160 nm of 8 x 8 nm; a few lie between cells


def test_all_films_of_a_batch_have_the_same_grains(magnet):
    experiment = magnet(hysteresis={"grain_nm": 16})
    film = disordered_film(experiment, {"Ku": [3e5, 6e5], "Ms": [5e5, 5e5]}, device="cpu")
    K = anisotropy(film).K
    assert torch.allclose(K[1], 2 * K[0])
    assert film.Ms.tolist() == pytest.approx([5e5, 5e5])
    other = disordered_film(magnet(hysteresis={"grain_nm": 16}, start={"seed": 2}), {}, device="cpu")
    assert not torch.allclose(anisotropy(other).K[0] / 4e5, K[0] / 3e5)


def test_grains_without_anisotropy_are_refused(magnet):
    experiment = magnet(hysteresis={"grain_nm": 16}, parameters={"Ku_kJ_per_m3": 0})
    with pytest.raises(BadExperiment, match="grain_nm = 16, but Ku is 0"):
        disordered_film(experiment, {}, device="cpu")


def test_grains_smaller_than_a_cell_are_refused(magnet):
    with pytest.raises(BadExperiment, match=r"grains of 2 nm do not fit cells of 4 nm"):
        disordered_film(magnet(hysteresis={"grain_nm": 2}), {}, device="cpu")


def test_a_constant_that_varies_needs_a_number(magnet):
    experiment = magnet(parameters={"Ms_MA_per_m": {"low": 0.4, "high": 0.6}})
    with pytest.raises(BadExperiment, match="Ms vary: a loop needs a number for each"):
        next(film_loops(experiment, device="cpu"))


def test_loops_of_several_constants_are_taken_at_once_and_follow_them(magnet):
    experiment = magnet(
        film={"boundary": "open"},
        parameters={"Ku_kJ_per_m3": {"low": 300, "high": 450}},
        hysteresis={"steps": 16, "grain_nm": 16, "max_T": 0.9},
    )
    seen = []
    soft, hard = drain(film_loops(experiment, {"Ku": [3e5, 4.5e5]}, device="cpu"), seen.append)
    assert seen[0] == Progress(0, 17, "field falling")
    assert soft.coercivity < hard.coercivity
    assert hard.saturation_at_95 < 0.9
    assert hard.conditions.geometry == "piece of 160 x 160 nm with edges"
    assert hard.conditions.rate == "relaxed at each of 17 fields"
    assert hard.conditions.axis[2] == pytest.approx(np.cos(np.radians(1)))
    table = loop_table(hard)
    assert list(table.columns) == ["branch", "field_T", "M_A_per_m", "converged"]
    assert table.field_T.tolist()[:2] == pytest.approx([0.9, 0.9 - 0.1125])
    assert table.branch.tolist() == ["falling"] * 17 + ["rising"] * 17
    assert table.M_A_per_m.iloc[[0, 16, 17, 33]].tolist() == pytest.approx([6e5, -6e5, -6e5, 6e5], rel=0.02)


@pytest.mark.parametrize(
    ("film", "geometry"),
    [
        ({}, "infinite film"),
        ({"demag": False}, "infinite film, no demagnetising field"),
        ({"demag": False, "boundary": "open"}, "piece of 160 x 160 nm with edges, no demagnetising field"),
    ],
)
def test_a_hot_loop_states_its_rate_and_what_its_film_is(magnet, film, geometry):
    experiment = magnet(
        film=film, conditions={"temperature_K": 200}, hysteresis={"steps": 10, "dwell_ns": 0.0005, "max_T": 2}
    )
    (loop,) = drain(film_loops(experiment, device="cpu"))
    assert loop.conditions.geometry == geometry
    assert loop.conditions.temperature_K == 200
    assert loop.conditions.rate == "0.0005 ns or more at each of 11 fields (at most 8.0e+11 T/s)"
    assert 0.8 < loop.falling[-1] / loop.Ms < 0.995


def test_the_figure_states_the_conditions_and_marks_what_the_loop_tells(magnet):
    experiment = magnet(film={"demag": False}, hysteresis={"steps": 10, "max_T": 2})
    (loop,) = drain(film_loops(experiment, device="cpu"))
    figure = loop_figure(loop, "magnet")
    (axes,) = figure.axes
    assert axes.get_title().splitlines() == ["magnet", str(loop.conditions)]
    assert "(T)" in axes.get_xlabel()
    assert "(MA/m)" in axes.get_ylabel()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels[:2] == ["falling field", "rising field"]
    assert f"{loop.told(loop.coercivity)} T" in labels[2]
    assert any("knee" in label for label in labels)
    assert "bounds Hc from above" in figure.get_supxlabel()
