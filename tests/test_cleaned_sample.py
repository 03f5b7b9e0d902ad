"""A frame spoilt as a camera would is read, when it is cleaned, as the frame that it was."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_magtex.classify.predict import Classifier, classify
from napari_magtex.compute import drain
from napari_magtex.estimate.predict import Estimator, estimate
from napari_magtex.imaging.cleaning import Cleaning, clean
from napari_magtex.inputs import open_inputs
from napari_magtex.picture import Contrast

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def frames():
    """The sample frame, spoilt, and cleaned."""
    spec = importlib.util.spec_from_file_location("draw_clean", ROOT / "tools" / "draw_clean.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    sample = open_inputs(ROOT / "sample_data" / "chiral_skyrmions_lorentz.tif")[0].picture
    spoilt = replace(sample, pixels=tool.spoilt(sample.pixels))
    cleaned = clean(spoilt.pixels, replace(Cleaning.suited_to(Contrast.LORENTZ), gradient_order=2))
    return sample, spoilt, replace(spoilt, pixels=cleaned.frame, mask=cleaned.mask)


def test_its_state_is_named_again(frames):
    sample, spoilt, cleaned = drain(classify(frames, Classifier.load(device="cpu")))
    assert (sample.state, sample.applicable) == (cleaned.state, cleaned.applicable) == ("fm_skyrmions", True)
    assert not spoilt.applicable
    assert cleaned.probability == pytest.approx(sample.probability, abs=0.1)


def test_its_constants_are_estimated_again(frames):
    estimator = Estimator.load("fege-lorentz", device="cpu")
    sample, spoilt, cleaned = (drain(estimate(frame, estimator)).estimate for frame in frames)
    assert sample.applicable
    assert cleaned.applicable
    assert not spoilt.applicable
    assert cleaned.determined == sample.determined
    for name in sample.determined[:-1]:
        was, found = (getattr(answer, name) for answer in (sample, cleaned))
        assert found.value == pytest.approx(was.value, rel=0.05)
        assert np.ptp([found.low, found.high]) < 2 * np.ptp([was.low, was.high])
