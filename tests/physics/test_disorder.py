import numpy as np
import pytest

from napari_magtex.errors import BadExperiment
from napari_magtex.physics.disorder import grain_axes, grain_strengths, tilted, voronoi_grains

CELL = (2e-9, 4e-9)  # dy, dx


def grains_of(size=20e-9, shape=(200, 100), periodic=True, seed=1):
    return voronoi_grains(shape, CELL, size, periodic=periodic, generator=np.random.default_rng(seed))


def test_a_grain_has_the_area_that_was_asked_for():
    grains = grains_of()
    assert grains.shape == (200, 100)
    assert len(np.unique(grains)) == 400  # 400 x 400 nm of 20 x 20 nm
    assert np.array_equal(np.unique(grains), np.arange(400))


def test_grains_are_as_wide_as_high_in_cells_that_are_not_square():
    grains = grains_of()
    crossings_x = (grains != np.roll(grains, 1, axis=1)).mean() / CELL[1]  # grain boundaries a metre
    crossings_y = (grains != np.roll(grains, 1, axis=0)).mean() / CELL[0]
    assert crossings_x == pytest.approx(crossings_y, rel=0.05)


@pytest.mark.parametrize("axis", [0, 1])
def test_grains_of_a_periodic_film_go_on_at_the_opposite_edge_and_of_an_open_one_end(axis):
    def across(grains):
        return (np.take(grains, 0, axis) == np.take(grains, -1, axis)).mean()

    inside = grains_of()
    usual = (inside == np.roll(inside, 1, axis)).mean()
    assert across(inside) == pytest.approx(usual, abs=0.12)
    assert across(grains_of(periodic=False)) < 0.1


def test_the_same_seed_gives_the_same_grains():
    assert np.array_equal(grains_of(seed=3), grains_of(seed=3))
    assert not np.array_equal(grains_of(seed=3), grains_of(seed=4))


@pytest.mark.parametrize("size", [3e-9, 2e-6])
def test_grains_that_do_not_fit_are_refused_with_the_sizes(size):
    with pytest.raises(BadExperiment, match=r"cells of 4 nm and a film of 400 x 400 nm"):
        grains_of(size=size)


def test_strengths_have_mean_one_and_the_spread_asked_for_and_keep_their_sign():
    grains = np.arange(40_000).reshape(200, 200)
    strengths = grain_strengths(grains, 0.4, np.random.default_rng(1))
    assert strengths.mean().item() == pytest.approx(1, abs=0.01)
    assert strengths.std().item() == pytest.approx(0.4, rel=0.03)
    assert strengths.min() > 0


def test_a_grain_is_one_piece_of_anisotropy():
    grains = grains_of()
    strengths = grain_strengths(grains, 0.3, np.random.default_rng(1)).numpy()
    axes = grain_axes(grains, (0, 0, 1), 10, np.random.default_rng(1)).numpy()
    for number in (0, 17, 399):
        assert np.ptp(strengths[grains == number]) == 0
        assert np.ptp(axes[:, grains == number], axis=1).max() == 0
    assert len(np.unique(strengths)) == 400


@pytest.mark.parametrize("axis", [(0, 0, 2), (1, 0, 0), (1, -2, 3)])
def test_axes_lean_by_the_spread_in_every_direction(axis):
    grains = np.arange(40_000).reshape(200, 200)
    axes = grain_axes(grains, axis, 8.0, np.random.default_rng(1)).numpy()
    along = np.array(axis) / np.linalg.norm(axis)
    assert np.linalg.norm(axes, axis=0) == pytest.approx(np.ones(grains.shape))
    angle = np.degrees(np.arccos(np.clip(np.tensordot(along, axes, 1), -1, 1)))
    assert np.sqrt((angle**2).mean()) == pytest.approx(8, rel=0.02)
    mean = axes.reshape(3, -1).mean(axis=1)
    assert mean / np.linalg.norm(mean) == pytest.approx(along, abs=2e-3)


def test_no_spread_leaves_the_film_as_it_was():
    grains = grains_of()
    assert np.all(grain_strengths(grains, 0, np.random.default_rng(1)).numpy() == 1)
    axes = grain_axes(grains, (0, 1, 0), 0, np.random.default_rng(1)).numpy()
    assert np.abs(axes - np.array([0, 1, 0])[:, None, None]).max() < 1e-15


@pytest.mark.parametrize("axis", [(0, 0, 1), (0, 3, 0), (1, 1, 1)])
def test_a_tilted_axis_leans_by_its_angle_and_leaves_no_direction_out(axis):
    lean = np.array(tilted(axis, 5.0))
    along = np.array(axis) / np.linalg.norm(axis)
    assert np.linalg.norm(lean) == pytest.approx(1)
    assert np.degrees(np.arccos(lean @ along)) == pytest.approx(5)
    assert tilted(axis, 0.0) == pytest.approx(tuple(along))
    if axis != (1, 1, 1):
        assert np.sort(np.abs(lean))[:2] == pytest.approx([np.sin(np.radians(5)) / np.sqrt(2)] * 2)
