"""Scores against cases worked out by hand."""

import math

import numpy as np
import pytest

from napari_magtex.segment.evaluate import Score, by_sample, matches, matthews, overall, score


def test_matthews_is_the_formula_by_hand():
    truth, found = np.zeros(100, bool), np.zeros(100, bool)
    truth[:30] = True
    found[10:50] = True  # 20 right, 20 too many, 10 missed, 50 rightly left
    expected = (20 * 50 - 20 * 10) / math.sqrt(40 * 30 * 70 * 60)
    assert matthews(found, truth) == pytest.approx(expected)
    assert matthews(found, truth) == pytest.approx(np.corrcoef(found, truth)[0, 1])


@pytest.mark.parametrize(("found", "truth", "value"), [(0, 0, 1), (1, 1, 1), (1, 0, 0), (0, 1, 0)])
def test_masks_of_one_kind_have_a_score(found, truth, value):
    assert matthews(np.full(9, found, bool), np.full(9, truth, bool)) == value


def test_an_opposite_mask_has_minus_one():
    truth = np.arange(10) < 4
    assert matthews(~truth, truth) == pytest.approx(-1)


def test_a_pair_needs_more_than_half_of_its_union():
    truth, found = np.zeros((1, 40), np.int32), np.zeros((1, 40), np.int32)
    truth[0, :10], found[0, 5:15] = 1, 1  # 5 of 15
    truth[0, 20:30], found[0, 22:30] = 2, 2  # 8 of 10
    assert matches(found, truth) == 1


def test_one_found_over_two_matches_at_most_one():
    truth, found = np.zeros((1, 20), np.int32), np.zeros((1, 20), np.int32)
    truth[0, :8], truth[0, 8:10] = 1, 2
    found[0, :10] = 1
    assert matches(found, truth) == 1
    one = score(found, truth)
    assert one.f1 == pytest.approx(2 / 3)
    assert one.count_error == 0.5


def test_exactly_half_is_no_match():
    truth, found = np.zeros((1, 20), np.int32), np.zeros((1, 20), np.int32)
    truth[0, :10], found[0, :5] = 1, 1
    assert matches(found, truth) == 0


def test_numbers_with_gaps_are_counted_right():
    truth = np.array([[0, 3, 0, 9]], np.int32)
    one = score(truth * 2, truth)
    assert (one.mcc, one.f1, one.count_error) == (pytest.approx(1), 1, 0)


def test_nothing_found_where_nothing_is_is_right():
    nothing = np.zeros((8, 8), np.int32)
    assert score(nothing, nothing) == Score(1, 1, 0)
    assert score(np.eye(8, dtype=np.int32), nothing).f1 == 0


def test_a_sample_counts_once_however_many_frames_it_has():
    frames = [("a", Score(0.9, 1.0, 0.0))] * 9 + [("b", Score(0.5, 0.6, 0.2)), ("b", Score(0.7, 0.8, 0.4))]
    samples = by_sample(frames)
    assert samples["b"] == Score(pytest.approx(0.6), pytest.approx(0.7), pytest.approx(0.3))
    figures = overall(samples)
    assert figures["mcc"] == pytest.approx(0.75)
    assert figures["mcc_least"] == pytest.approx(0.6)
    assert figures["count_error"] == pytest.approx(0.15)
