"""What the tests of segmentation share."""

import numpy as np
import pytest

from napari_magtex.picture import Contrast
from napari_magtex.results import Provenance


@pytest.fixture
def provenance():
    """Of a frame without a file."""

    def of(roi=None):
        return Provenance("frame.tif", 3, Contrast.KERR, roi, "0" * 64, "by hand")

    return of


@pytest.fixture
def discs():
    """A label image of discs: each y, x, radius."""

    def draw(shape, places):
        labels = np.zeros(shape, np.int32)
        y, x = np.ogrid[: shape[0], : shape[1]]
        for number, (row, column, radius) in enumerate(places, start=1):
            labels[(y - row) ** 2 + (x - column) ** 2 <= radius**2] = number
        return labels

    return draw
