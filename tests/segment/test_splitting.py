"""Masks to single skyrmions."""

import numpy as np
import pytest

from napari_magtex.segment.splitting import separate


def union(discs, places, shape=(120, 160)):
    return discs(shape, places) > 0


@pytest.mark.parametrize("radius", [3, 6, 20, 45])
def test_two_discs_that_touch_are_two(discs, radius):
    side = 6 * radius + 10
    middle = side // 2
    apart = round(1.75 * radius)
    mask = union(discs, [(middle, middle - apart // 2, radius), (middle, middle + apart - apart // 2, radius)],
                 (side, side))  # fmt: skip
    labels = separate(mask)
    assert labels.max() == 2
    areas = np.bincount(labels.ravel())[1:]
    assert areas.sum() == mask.sum()
    assert abs(areas[0] - areas[1]) <= 0.1 * areas[0] + 2


@pytest.mark.parametrize("radius", [2, 5, 30])
def test_one_disc_is_one_however_rough(discs, radius):
    side = 4 * radius + 10
    y, x = np.mgrid[:side, :side] - side // 2
    angle = np.arctan2(y, x)
    mask = np.hypot(y, x) <= radius * (1 + 0.1 * np.cos(9 * angle))
    assert separate(mask).max() == 1


def test_a_worm_is_one(discs):
    places = [(60 + 12 * np.sin(x / 15), x, 8) for x in range(20, 140)]
    assert separate(union(discs, places)).max() == 1


def test_a_chain_of_three_is_three(discs):
    assert separate(union(discs, [(60, 40, 14), (60, 64, 14), (60, 88, 14)])).max() == 3


def test_no_neck_parts_nothing(discs):
    assert separate(union(discs, [(60, 40, 14), (60, 64, 14)]), neck=0).max() == 1


def test_specks_are_left_out_and_numbers_have_no_gap(discs):
    mask = union(discs, [(20, 20, 1), (60, 40, 10), (90, 120, 10)])
    labels = separate(mask, min_area=10)
    assert np.unique(labels).tolist() == [0, 1, 2]
    assert labels.dtype == np.int32
    assert separate(mask, min_area=1).max() == 3


def test_discs_cut_by_the_edge_are_one_each(discs):
    assert separate(union(discs, [(0, 40, 14), (119, 100, 14), (60, 159, 14), (0, 0, 14)])).max() == 4


@pytest.mark.parametrize("fill", [False, True])
def test_an_empty_and_a_full_mask_are_answered(fill):
    assert separate(np.full((32, 48), fill)).max() == int(fill)
