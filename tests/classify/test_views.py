import numpy as np
import pytest

from napari_magtex.classify.squares import close_squares, middle_squares, tile_squares, whole_squares
from napari_magtex.classify.views import is_grey, prepare, stretched, training_views, views
from napari_magtex.picture import Picture


def test_grey_is_stretched_between_quantiles_whatever_its_units() -> None:
    ramp = np.linspace(3000, 5000, 10_000, dtype=np.float32).reshape(100, 100)
    ramp[0, 0] = 65_000  # a hot pixel must not darken the rest
    unit = stretched(ramp)
    assert unit.min() == 0
    assert unit.max() == 1
    assert unit[50, 50] == pytest.approx(0.5, abs=0.01)


def test_a_constant_picture_becomes_middle_grey() -> None:
    assert (stretched(np.full((20, 20), 7.0, np.float32)) == 0.5).all()


def test_a_few_different_pixels_are_not_lost() -> None:
    grey = np.zeros((200, 200), np.float32)
    grey[100, 100] = 1
    assert stretched(grey)[100, 100] == 1


def test_grey_stored_as_colour_is_grey_and_treated_alike() -> None:
    grey = np.random.default_rng(0).random((150, 150)).astype(np.float32)
    colour = np.repeat(grey[..., None], 3, axis=2)
    assert is_grey(Picture(colour))
    assert not is_grey(Picture(colour * np.array([1, 0.5, 1], np.float32)))
    assert np.allclose(prepare(Picture(grey), 128).values, prepare(Picture(colour), 128).values, atol=1e-6)


@pytest.mark.parametrize(("side", "factor"), [(40, 4), (64, 2), (100, 2), (128, 1), (500, 1)])
def test_small_pictures_are_enlarged_by_whole_numbers(side: int, factor: int) -> None:
    canvas = prepare(Picture(np.random.default_rng(0).random((side, 2 * side, 3))), 128)
    assert canvas.enlarged == factor
    assert canvas.shape == (side * factor, 2 * side * factor)


@pytest.mark.parametrize("shape", [(128, 128), (200, 300), (700, 200), (512, 512)])
def test_whole_squares_reach_from_edge_to_edge(shape: tuple[int, int]) -> None:
    seen = np.zeros(shape, bool)
    for square in whole_squares(shape):
        assert square.side == min(shape)
        seen[square.y : square.y + square.side, square.x : square.x + square.side] = True
    assert seen.all()


@pytest.mark.parametrize("shape", [(128, 128), (129, 128), (200, 300), (512, 517)])
def test_tiles_cover_every_pixel_and_leave_none_of_the_picture(shape: tuple[int, int]) -> None:
    seen = np.zeros(shape, bool)
    for square in tile_squares(shape, 128):
        assert square.y + 128 <= shape[0]
        assert square.x + 128 <= shape[1]
        seen[square.y : square.y + 128, square.x : square.x + 128] = True
    assert seen.all()


def test_close_ups_are_one_for_a_small_picture_and_five_for_a_large_one() -> None:
    assert len(close_squares((128, 128), 128)) == 1
    assert len(close_squares((512, 512), 128)) == 5


def test_middle_squares_take_eight_periods_where_the_whole_shows_many_more() -> None:
    assert {square.side for square in middle_squares((512, 672), 128, 20.0)} == {160}
    assert len(middle_squares((512, 672), 128, 20.0)) == 5
    assert {square.side for square in middle_squares((512, 672), 128, 3.0)} == {64}  # enlarged twice, no further
    assert middle_squares((512, 672), 128, 45.0) == ()
    assert middle_squares((512, 672), 128, None) == ()


def _waves(side: int, period: float) -> np.ndarray:
    x = np.arange(side)
    waves = np.sin(2 * np.pi * x / period)[:, None] + np.sin(2 * np.pi * x / period)
    return (waves + np.random.default_rng(0).normal(size=waves.shape)).astype(np.float32)


def test_a_fine_grey_texture_is_seen_at_its_own_scale_too() -> None:
    fine, coarse = (views(Picture(_waves(512, period)), 128) for period in (12.0, 60.0))
    assert [square.side for square in fine.whole_squares] == [512] + [96] * 5
    assert fine.wholes.shape == (6, 3, 128, 128)
    assert [square.side for square in coarse.whole_squares] == [512]
    coloured = stretched(_waves(512, 12.0))[..., None] * np.array([1, 0.5, 1], np.float32)
    assert len(views(Picture(coloured), 128).wholes) == 1
    assert len(views(Picture(np.random.default_rng(0).random((512, 512))), 128).wholes) == 1


def test_training_sees_a_fine_texture_from_afar_and_at_its_own_scale() -> None:
    picture = Picture(_waves(512, 12.0))
    seen = [training_views(picture, 128, "bicubic", np.random.default_rng(n))[0] for n in range(12)]
    far = views(picture, 128).wholes[0]
    assert 1 < sum(np.array_equal(view, far) for view in seen) < 11


def test_middle_squares_that_are_masked_do_not_hide_the_whole() -> None:
    mask = np.zeros((512, 512), bool)
    mask[:, 300:] = True
    seen = views(Picture(_waves(512, 12.0), mask=mask), 128)
    assert [square.side for square in seen.whole_squares] == [512] + [96] * 3


def test_close_ups_hold_the_pictures_own_pixels() -> None:
    pixels = np.random.default_rng(1).random((300, 260, 3)).astype(np.float32)
    seen = views(Picture(pixels), 128)
    for view, square in zip(seen.closes, seen.close_squares, strict=True):
        own = pixels[square.y : square.y + 128, square.x : square.x + 128]
        assert np.array_equal(view.permute(1, 2, 0).numpy(), own)


def test_a_checkerboard_of_single_pixels_is_flat_from_afar_and_whole_close_by() -> None:
    rows, columns = np.mgrid[:512, :512]
    checkerboard = np.repeat(((rows + columns) % 2)[..., None], 3, axis=2) * np.array([1.0, 0, 0.5])
    seen = views(Picture(checkerboard), 128)
    assert float(seen.wholes.std(dim=(2, 3)).max()) < 0.02
    assert float(seen.closes[:, 0].std()) > 0.49


def test_training_sees_what_prediction_sees_of_a_picture_of_one_size() -> None:
    picture = Picture(np.random.default_rng(2).random((128, 128, 3)))
    seen = views(picture, 128)
    whole, close = training_views(picture, 128, "bicubic", np.random.default_rng(0))
    assert np.array_equal(whole, seen.wholes[0])
    assert np.array_equal(close, seen.closes[0])


def test_greys_are_stretched_between_those_that_count() -> None:
    grey = np.random.default_rng(0).random((150, 150)).astype(np.float32)
    burnt, mask = grey.copy(), np.zeros(grey.shape, bool)
    burnt[140:], mask[140:] = 255, True
    plain, canvas = prepare(Picture(grey[:140]), 128), prepare(Picture(burnt, mask=mask), 128)
    assert np.allclose(canvas.values[:, :140], plain.values)
    assert np.array_equal(canvas.inside, ~mask)


def test_squares_that_are_mostly_masked_are_not_looked_at() -> None:
    picture, mask = np.random.default_rng(0).random((200, 600)), np.zeros((200, 600), bool)
    mask[:, 150:] = True
    seen, plain = views(Picture(picture, mask=mask), 128), views(Picture(picture), 128)
    assert [square.x for square in plain.whole_squares] == [0, 200, 400]
    assert [square.x for square in seen.whole_squares] == [0]
    assert len(plain.close_squares) == 5
    assert {square.x for square in seen.close_squares} == {round(0.15 * 472)}
    assert len(seen.closes) == len(seen.close_squares)


def test_where_close_ups_show_nothing_that_counts_all_are_looked_at() -> None:
    mask = np.ones((512, 512), bool)
    mask[:20, :20] = False
    seen = views(Picture(np.random.default_rng(0).random((512, 512)), mask=mask), 128)
    assert len(seen.close_squares) == 5
