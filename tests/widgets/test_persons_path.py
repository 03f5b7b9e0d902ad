"""The person's path, as the demo walks it; the pictures of the window are there to be looked at."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_magtex.models.store import shipped
from napari_magtex.widgets.demo import differences, walk, write

SHIPPED = {"nine-states", "fege-lorentz"} <= set(shipped())


def test_open_classify_attend_estimate_and_save(make_napari_viewer, tiny_classifier, tiny_estimator, tmp_path) -> None:
    folder = tmp_path / "demo"
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1600, 1000)
    states, constants = walk(viewer, tiny_classifier, tiny_estimator)
    write(viewer, states.results(), constants.results(), folder)
    assert {path.name for path in folder.iterdir()} == {
        "screenshot.png",
        "states.csv",
        "states.json",
        "parameters.csv",
        "parameters.json",
    }
    pixels = np.asarray(Image.open(folder / "screenshot.png").convert("RGB"))
    assert min(pixels.shape[:2]) >= 800
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 1000
    names = [layer.name for layer in viewer.layers]
    assert sum(name.startswith("attention") for name in names) == 1
    assert sum(layer.name.startswith(("A (", "D (", "Ms (")) for layer in viewer.layers) == 3


@pytest.mark.skipif(not SHIPPED, reason="this tree holds no trained weights yet: train them, or install a release")
def test_the_answers_agree_with_the_samples_truth(make_napari_viewer) -> None:
    viewer = make_napari_viewer(show=True)
    assert list(differences(viewer, *walk(viewer))) == []
