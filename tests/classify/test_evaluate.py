import numpy as np
import pytest

from napari_magtex.classify.evaluate import false_positives, wilson


def test_false_positives_are_counted_where_95_of_100_textures_are_let_in() -> None:
    textures = np.arange(100.0)
    assert false_positives(textures, np.array([-1.0, 4.0, 6.0, 200.0])) == 0.5
    assert false_positives(textures, textures) == pytest.approx(0.95)
    assert false_positives(textures, np.array([50.0, 80.0]), true_positives=0.3) == 0.5


def test_wilsons_interval_worked_out_by_hand() -> None:
    # 9 of 10: (0.9 + 0.19208) / 1.38416 +- 1.96 / 1.38416 sqrt(0.009 + 0.009604)
    assert wilson(9, 10) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert wilson(10, 10)[1] == 1
