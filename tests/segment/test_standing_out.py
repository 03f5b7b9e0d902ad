"""Few spots that noise alone may be are left out; skyrmions, and crowds, stay."""

import numpy as np
import pytest

from napari_magtex.segment.standing_out import standing_out

PLACES = [(40, 50), (90, 120), (150, 60), (200, 200)]


@pytest.fixture
def noise():
    return np.random.default_rng(0).standard_normal((256, 256)).astype(np.float32)


def test_spots_of_noise_are_left_out(discs, noise):
    labels = discs((256, 256), [(y, x, 4) for y, x in PLACES])
    assert standing_out(labels, noise).max() == 0


@pytest.mark.parametrize("sign", [1, -1])
def test_skyrmions_as_faint_as_the_noise_stay_and_are_numbered_anew(discs, noise, sign):
    labels = discs((256, 256), [(y, x, 7) for y, x in PLACES])
    grey = noise + sign * np.isin(labels, [1, 3, 4]).astype(np.float32)
    kept = standing_out(labels, grey)
    assert set(np.unique(kept)) == {0, 1, 2, 3}
    assert ((kept > 0) == np.isin(labels, [1, 3, 4])).all()


def test_a_crowd_stays_however_faint(discs, noise):
    labels = discs((256, 256), [(y, x, 3) for y in range(10, 250, 16) for x in range(10, 250, 16)])
    assert (standing_out(labels, noise) == labels).all()


def test_without_noise_everything_stays(discs):
    labels = discs((64, 64), [(30, 30, 5)])
    assert (standing_out(labels, (labels > 0) * 0.01) == labels).all()
    assert standing_out(np.zeros((64, 64), np.int32), np.zeros((64, 64))).max() == 0
