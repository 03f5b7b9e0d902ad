"""The path without a microscope at hand: a texture, its series in one dock, its induction in the other, its state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_magtex.contributions import open_sample
from napari_magtex.imaging.phase import electron_phase, induction_of
from napari_magtex.models.store import shipped
from napari_magtex.picture import Contrast
from napari_magtex.widgets.classify import ClassifyDock
from napari_magtex.widgets.pictures import texture_of
from napari_magtex.widgets.reconstruct import ReconstructDock
from napari_magtex.widgets.simulate_frame import SimulateFrameDock

pytestmark = pytest.mark.usefixtures("one_thread")


def press(dock: Any, qtbot: Any, button: Any = None) -> None:
    (button or dock.runner.button).click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=300_000)


@pytest.mark.skipif("nine-states" not in shipped(), reason="this tree holds no trained weights yet")
def test_texture_series_induction_state(make_napari_viewer, qtbot) -> None:
    viewer = make_napari_viewer()
    ((data, keywords, _),) = open_sample("chiral_skyrmions.ovf")
    texture = viewer.add_image(data, **keywords)

    simulate = SimulateFrameDock(viewer)
    viewer.window.add_dock_widget(simulate)
    simulate.defoci.setText("-200, 0, 200")
    press(simulate, qtbot, simulate.series)

    reconstruct = ReconstructDock(viewer)  # whose table the series, selected as the newest layer, fills
    viewer.window.add_dock_widget(reconstruct)
    assert len(reconstruct.frames.rows) == 3
    press(reconstruct, qtbot)
    found, inner = reconstruct.found.reconstruction.induction, np.s_[:, 10:-10, 10:-10]
    true = induction_of(electron_phase(texture_of(texture)), (4e-9, 4e-9))
    assert np.linalg.norm((found - true)[inner]) < 0.03 * np.linalg.norm(true[inner])

    classify = ClassifyDock(viewer)
    viewer.window.add_dock_widget(classify)
    (wheel,) = (layer for layer in viewer.layers if layer.name.startswith("induction"))
    classify.form.layer.value = wheel
    press(classify, qtbot)
    (verdict,) = classify.results()
    assert verdict.provenance.contrast is Contrast.WHEEL
    assert verdict.applicable
    assert {"fm_skyrmions", "fm_in_plane_skyrmions"} & set(verdict.set)
    assert classify.headline.text().endswith("in an induction map")
