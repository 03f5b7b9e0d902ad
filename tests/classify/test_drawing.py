import numpy as np
import pytest

from napari_magtex.classify.data import held_out
from napari_magtex.classify.drawing import Family, _track, draw, families, random_family
from napari_magtex.classify.faults import Faults
from napari_magtex.classify.instruments import _half_period, exposed
from napari_magtex.classify.negatives import HELD_BACK, HELD_BACK_PHOTOGRAPHS, TRAINING, TRAINING_PHOTOGRAPHS, negative
from napari_magtex.picture import Contrast
from napari_magtex.states.definitions import State
from napari_magtex.states.library import Simulation


@pytest.mark.parametrize("faults", Faults)
@pytest.mark.parametrize("family", Family)
def test_every_style_draws_every_state_that_it_can_show(
    family: Family, faults: Faults, simulations: list[Simulation]
) -> None:
    for index, simulation in enumerate(s for s in simulations if s.split == "train" and family in families(s)):
        picture = draw(simulation, family, np.random.default_rng(index), faults=faults)
        assert picture.contrast is family.contrast
        assert max(picture.shape) < 1.5 * 1000  # the widest, resized by 1.4 at most, and a margin


def test_false_colours_and_frames_come_only_with_all_faults(simulations: list[Simulation]) -> None:
    stripes = next(s for s in simulations if s.state is State.FM_STRIPES)
    coloured = {
        faults: sum(draw(stripes, Family.MFM, np.random.default_rng(i), faults=faults).is_colour for i in range(40))
        for faults in Faults
    }
    assert coloured[Faults.CLEAN] == coloured[Faults.MODERATE] == 0
    assert coloured[Faults.ALL] > 0


def test_an_order_in_the_plane_is_never_drawn_by_mz_alone(simulations: list[Simulation]) -> None:
    for simulation in simulations:
        if simulation.state is State.NEEL_120:
            assert Family.GREY not in families(simulation)
            for seed in range(10):
                pixels = draw(simulation, Family.CELLS, np.random.default_rng(seed), faults=Faults.CLEAN).pixels
                assert pixels.std(axis=(0, 1)).max() > 0.05


@pytest.mark.parametrize("family", [Family.KERR, Family.LORENTZ, Family.MFM])
def test_a_lone_skyrmion_is_always_inside_its_frame(family: Family, simulations: list[Simulation]) -> None:
    lone = next(s for s in simulations if s.state is State.FM_SKYRMIONS)
    for seed in range(20):
        grey = draw(lone, family, np.random.default_rng(seed), faults=Faults.CLEAN).pixels
        assert np.abs(grey - np.median(grey)).max() > 8 * 0.05  # far above its noise of 5 %


def test_an_exposure_averages_over_spin_waves_and_keeps_the_texture() -> None:
    x = 2 * np.pi * np.arange(80, dtype=np.float32) / 20
    rest = np.zeros((80, 80, 3), np.float32)
    rest[..., 1], rest[..., 2] = np.sin(x), np.cos(x)
    hot = rest + 0.4 * np.random.default_rng(0).standard_normal(rest.shape).astype(np.float32)
    seen = exposed(hot, periodic=True)
    assert np.corrcoef(seen[..., 2].ravel(), rest[..., 2].ravel())[0, 1] > 0.99
    assert seen[..., 0].std() < 0.1
    assert np.abs(seen[..., 2]).max() > 0.7


@pytest.mark.parametrize("period", [8.0, 20.0])
def test_what_fluctuates_does_not_enlarge_a_texture(period: float) -> None:
    x = np.arange(120, dtype=np.float32)
    wave = np.sin(2 * np.pi * (x[:, None] + 0.5 * x) / period)
    noisy = wave + 0.5 * np.random.default_rng(0).standard_normal(wave.shape)
    across = period / np.hypot(1, 0.5)
    assert _half_period(noisy.astype(np.float32), periodic=False) == pytest.approx(across / 2, rel=0.1)


def test_a_track_is_a_band_of_the_film_where_its_texture_is() -> None:
    y, x = np.mgrid[:100, :120]
    angle = 2 * np.arctan(np.exp((np.hypot(y - 70, x - 40) - 6) / 1.5))  # 0 in the core of a skyrmion, pi far away
    m = np.stack([np.sin(angle), 0 * angle, -np.cos(angle)], axis=-1).astype(np.float32)
    for seed in range(5):
        band = _track(m, np.random.default_rng(seed))
        assert band.shape[1:] == (120, 3)
        assert 12 <= len(band) < 60
        assert (band[..., 2] < 0).sum() > 0.9 * (m[..., 2] < 0).sum()


def test_the_pictures_of_the_figures_have_moderate_faults(simulations: list[Simulation]) -> None:
    items = list(held_out(simulations, "test", Family.KERR, 4, seed=5))
    again = list(held_out(simulations, "test", Family.KERR, 4, seed=5, faults=Faults.MODERATE))
    wild = list(held_out(simulations, "test", Family.KERR, 4, seed=5, faults=Faults.ALL))
    assert all(np.array_equal(a.picture.pixels, b.picture.pixels) for a, b in zip(items, again, strict=True))
    assert not any(np.array_equal(a.picture.pixels, b.picture.pixels) for a, b in zip(items, wild, strict=True))


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
    grey = draw(uniform, Family.KERR, np.random.default_rng(0), faults=Faults.CLEAN).pixels
    neighbours = np.corrcoef(grey[:, 1:].ravel(), grey[:, :-1].ravel())[0, 1]
    assert abs(neighbours) < 0.05


def test_a_stripe_shows_in_light_and_under_electrons(simulations: list[Simulation]) -> None:
    stripes = next(s for s in simulations if s.state is State.FM_STRIPES)
    for family in (Family.KERR, Family.LORENTZ, Family.MFM):
        grey = draw(stripes, family, np.random.default_rng(0), faults=Faults.CLEAN).pixels
        assert np.corrcoef(grey[:, 1:].ravel(), grey[:, :-1].ravel())[0, 1] > 0.5


@pytest.mark.parametrize("kind", TRAINING + HELD_BACK)
def test_every_kind_of_negative_is_a_picture_of_something(kind) -> None:  # type: ignore[no-untyped-def]
    picture = negative(np.random.default_rng(0), (kind,))
    assert not picture.is_constant
    assert picture.contrast is None


def test_what_is_held_back_is_not_trained_on() -> None:
    assert not set(TRAINING) & set(HELD_BACK)
    assert not set(TRAINING_PHOTOGRAPHS) & set(HELD_BACK_PHOTOGRAPHS)
