"""A temperature that varies from film to film."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_magtex.errors import BadExperiment
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.films import film_of, relax_films
from napari_magtex.estimate.material import Material
from napari_magtex.estimate.sets import Split, parameter_sets
from napari_magtex.estimate.simulate import films_folder
from napari_magtex.physics.vectors import cross

CONSTANTS = {"A_pJ_per_m": {"low": 6, "high": 10}, "D_mJ_per_m2": 1.6, "Ms_MA_per_m": 0.384}


@pytest.fixture
def warmed(experiment_with) -> Experiment:
    return experiment_with(
        film={"shape": [40, 40]}, training={"films": 64}, parameters=CONSTANTS | {"T_K": {"low": 0, "high": 300}}
    )


def test_a_quarter_is_at_rest_and_the_others_fill_the_range(warmed) -> None:
    assert Experiment.from_dict(warmed.to_dict()) == warmed
    assert list(warmed.estimated) == ["A", "T"]
    T = parameter_sets(warmed, Split.TRAIN)[:, -1]
    assert (T == 0).sum() == 16
    assert np.histogram(T[T > 0], bins=4, range=(0, 300))[0].tolist() == [12] * 4


def test_each_film_has_its_own_heat(warmed) -> None:
    constants = np.array([[8e-12, 1.6e-3, 0.384e6, T] for T in (0.0, 100.0, 300.0)])
    films = relax_films(warmed, constants, [1, 1, 1], device="cpu")
    film = film_of(warmed, dict(zip(warmed.parameters, constants.T[:3], strict=False)))
    m = torch.as_tensor(films["m"])
    left = cross(m, film.field(m)).square().sum(1).mean((1, 2)).sqrt().numpy()
    assert left[0] < 1e-3 * left[1]
    assert left[2] / left[1] == pytest.approx(np.sqrt(3), rel=0.2)  # equipartition
    alone = relax_films(warmed, constants[1:2], [1], device="cpu")
    np.testing.assert_array_equal(alone["m"][0], films["m"][1])


def test_a_temperature_has_one_place(experiment_with) -> None:
    with pytest.raises(BadExperiment, match="keep one of them"):
        experiment_with(conditions={"temperature_K": 100}, parameters=CONSTANTS | {"T_K": {"low": 0, "high": 300}})
    with pytest.raises(BadExperiment, match="0 or more"):
        experiment_with(parameters=CONSTANTS | {"T_K": {"low": -1, "high": 300}})


def test_an_exposure_matters_to_films_that_may_be_hot(experiment_with) -> None:
    def made(exposure: str, T: object) -> Path:
        e = experiment_with(picture={"exposure": exposure}, parameters=CONSTANTS | {"T_K": T})
        return films_folder(e)

    hot = {"low": 0, "high": 300}
    assert made("snapshot", hot) != made("averaged", hot)


def test_what_goes_on_with_constants_leaves_a_temperature_that_varies_out(warmed) -> None:
    material = Material.of_experiment(warmed)
    assert set(material.constants) == {"A", "D", "Ms"}
    assert material.guessed == ("A",)
    film = material.put_into(warmed)
    assert film.estimated == {}
    assert film.temperature.values == (0.0,)


def test_a_temperature_that_does_not_vary_stays_when_constants_are_put_in(experiment_with) -> None:
    e = experiment_with(parameters=CONSTANTS | {"T_K": 200})
    material = Material.of_experiment(e)
    for film in (material.put_into(e), material.span_over(e)):
        assert film.temperature.values == (200.0,)
        assert list(film.parameters) == ["A", "D", "Ms", "T"]
