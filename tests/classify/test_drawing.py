import numpy as np
import pytest

from napari_magtex.classify.drawing import Family, draw, families, random_family
from napari_magtex.classify.negatives import HELD_BACK, HELD_BACK_PHOTOGRAPHS, TRAINING, TRAINING_PHOTOGRAPHS, negative
from napari_magtex.picture import Contrast
from napari_magtex.states.definitions import State
from napari_magtex.states.library import Simulation


@pytest.mark.parametrize("family", Family)
def test_every_style_draws_every_state_that_it_can_show(family: Family, simulations: list[Simulation]) -> None:
    for index, simulation in enumerate(s for s in simulations if s.split == "train" and family in families(s)):
        picture = draw(simulation, family, np.random.default_rng(index))
        assert picture.contrast is family.contrast
        assert max(picture.shape) < 1000


def test_no_instrument_shows_an_antiferromagnet(simulations: list[Simulation]) -> None:
    for simulation in simulations:
        seen = {family.contrast for family in families(simulation)}
        if simulation.state.startswith("afm") or simulation.state is State.NEEL_120:
            assert seen == {Contrast.SPIN}
        else:
            assert {Contrast.LORENTZ, Contrast.KERR, Contrast.MFM, Contrast.WHEEL} < seen


def test_the_same_seed_draws_the_same_picture(simulations: list[Simulation]) -> None:
    def pixels(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return draw(simulations[2], random_family(simulations[2], rng), rng).pixels

    assert np.array_equal(pixels(3), pixels(3))
    assert pixels(3).shape != pixels(4).shape or not np.array_equal(pixels(3), pixels(4))


def test_a_uniform_film_shows_nothing_but_noise_in_an_instrument(simulations: list[Simulation]) -> None:
    uniform = next(s for s in simulations if s.state is State.FM)
    grey = draw(uniform, Family.KERR, np.random.default_rng(0), clean=True).pixels
    neighbours = np.corrcoef(grey[:, 1:].ravel(), grey[:, :-1].ravel())[0, 1]
    assert abs(neighbours) < 0.05


def test_a_stripe_shows_in_light_and_under_electrons(simulations: list[Simulation]) -> None:
    stripes = next(s for s in simulations if s.state is State.FM_STRIPES)
    for family in (Family.KERR, Family.LORENTZ, Family.MFM):
        grey = draw(stripes, family, np.random.default_rng(0), clean=True).pixels
        assert np.corrcoef(grey[:, 1:].ravel(), grey[:, :-1].ravel())[0, 1] > 0.5


@pytest.mark.parametrize("kind", TRAINING + HELD_BACK)
def test_every_kind_of_negative_is_a_picture_of_something(kind) -> None:  # type: ignore[no-untyped-def]
    picture = negative(np.random.default_rng(0), (kind,))
    assert not picture.is_constant
    assert picture.contrast is None


def test_what_is_held_back_is_not_trained_on() -> None:
    assert not set(TRAINING) & set(HELD_BACK)
    assert not set(TRAINING_PHOTOGRAPHS) & set(HELD_BACK_PHOTOGRAPHS)
