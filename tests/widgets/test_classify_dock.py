"""The dock Classify state in a real viewer, with a network that is real but untrained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari.utils.notifications import notification_manager

from napari_magtex.contributions import FIRST_KEY
from napari_magtex.picture import Contrast
from napari_magtex.results import Provenance, Verdict
from napari_magtex.states.definitions import State, hidden_states
from napari_magtex.widgets.classify import ClassifyDock, headline, remarks


@pytest.fixture
def dock_in(make_napari_viewer, tiny_classifier, qtbot):
    def open_dock(viewer: Any = None) -> ClassifyDock:
        viewer = viewer or make_napari_viewer()
        dock = ClassifyDock(viewer, model=tiny_classifier)
        viewer.window.add_dock_widget(dock)
        dock.device.value = "cpu"
        return dock

    return open_dock


def run(dock: ClassifyDock, qtbot: Any, button: Any = None) -> None:
    (button or dock.runner.button).click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert dock.runner.button.isEnabled()


def last_notice() -> str:
    return notification_manager.records[-1].message


def test_a_picture_is_named_with_nine_probabilities(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(frame, scale=(2, 2), units=("nm", "nm"), name="frame")
    dock.form.contrast.value = Contrast.LORENTZ
    run(dock, qtbot)
    (verdict,) = dock.results()
    assert verdict.provenance.file == "frame"
    assert verdict.provenance.contrast == "lorentz"
    assert set(verdict.probabilities) == set(State)
    assert sum(verdict.probabilities.values()) == pytest.approx(1)
    shown = {text.get_text() for text in dock.chart.axes.texts}
    assert f"{100 * verdict.probability:.0f} %" in shown
    assert sum(text.get_text() == "not visible here" for text in dock.chart.axes.texts) == 5
    assert dock.headline.text()


@pytest.mark.parametrize("turn", [0, 37])
@pytest.mark.parametrize("region", [False, True])
def test_attention_lies_exactly_over_its_input(dock_in, qtbot, frame, turn, region) -> None:
    dock = dock_in()
    image = dock.viewer.add_image(
        frame, scale=(2, 3), translate=(50, -20), rotate=turn, shear=[0.1], units=("nm", "nm"), name="frame"
    )
    corner = np.array([0, 0])
    shape = frame.shape
    if region:
        corners = [image.data_to_world(at) for at in [(30, 40), (30, 104), (94, 104), (94, 40)]]
        dock.viewer.add_shapes([corners], shape_type="polygon", units=("nm", "nm"), name="roi")
        dock.form.roi.value = dock.viewer.layers["roi"]
        corner, shape = np.array([30, 40]), (64, 64)
    run(dock, qtbot)
    if region:
        assert dock.results()[0].provenance.roi == (40, 30, 104, 94)
    dock.target.value = State.FM_SKYRMIONS
    run(dock, qtbot, dock.attend)
    layer = dock.viewer.layers["attention to FM skyrmions: frame"]
    assert layer.data.shape == shape
    for at in [(0, 0), (10, 20), (63, 63)]:
        np.testing.assert_allclose(layer.data_to_world(at), image.data_to_world(corner + at), atol=1e-9)
    assert layer.units == image.units
    assert layer not in dock.form.layer._values  # a result is nobody's input
    run(dock, qtbot, dock.attend)
    assert len([each for each in dock.viewer.layers if each.name.startswith("attention")]) == 1
    assert "grid is 16 px" in dock.grid.text()


def test_every_frame_of_a_stack_is_classified_and_the_marker_follows_the_slider(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    stack = np.stack([np.roll(frame, 5 * n, axis=1) for n in range(11)])
    dock.viewer.add_image(stack, scale=(10, 1, 1), name="stack")
    run(dock, qtbot)
    assert [verdict.provenance.frame for verdict in dock.results()] == list(range(11))
    assert dock.track.isVisibleTo(dock)
    dock.viewer.dims.set_point(0, 70)
    assert list(dock.track.marker.get_xdata()) == [7, 7]
    assert dock.current().verdict is dock.results()[7]
    dock.form.frames.value = False
    run(dock, qtbot)
    assert [verdict.provenance.frame for verdict in dock.results()] == [7]
    run(dock, qtbot, dock.attend)
    attention = dock.viewer.layers[-1]
    assert attention.data.shape == (1, *frame.shape)
    assert attention.extent.world[0][0] == 70  # on its own frame alone


def test_attentions_of_several_frames_and_regions_do_not_replace_each_other(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(np.stack([frame] * 2), name="stack")
    squares = [[(y, 10), (y, 70), (y + 50, 70), (y + 50, 10)] for y in (5, 60)]
    dock.viewer.add_shapes(squares, shape_type="rectangle", name="roi")
    dock.form.roi.value = dock.viewer.layers["roi"]
    dock.target.value = State.FM_SKYRMIONS
    run(dock, qtbot)
    for place in range(2):
        dock.viewer.dims.set_point(0, place)
        dock.region.setCurrentIndex(place)
        run(dock, qtbot, dock.attend)
    assert [layer.name for layer in dock.viewer.layers[2:]] == [
        f"attention to FM skyrmions, region {n + 1}, frame {n}: stack" for n in range(2)
    ]


def test_attention_is_of_the_network_and_the_pixels_that_gave_the_verdict(dock_in, qtbot, frame, monkeypatch) -> None:
    dock = dock_in()
    image = dock.viewer.add_image(frame.copy(), name="frame")
    run(dock, qtbot)
    asked: list[Any] = []

    def attention(picture: Any, classifier: Any, state: State) -> np.ndarray:
        asked.append(classifier)
        return np.zeros(picture.shape, np.float32)

    monkeypatch.setattr("napari_magtex.explain.attention.attention", attention)
    dock.network.choice.value = "nine-states"  # chosen since then
    run(dock, qtbot, dock.attend)
    assert [classifier.model for classifier in asked] == [dock.results()[0].provenance.model]
    image.data[40:60] = 0
    run(dock, qtbot, dock.attend)
    assert len(asked) == 1
    assert "has changed since it was classified" in notification_manager.records[-1].message


def test_frames_are_numbered_as_those_of_their_file(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(np.stack([frame] * 3), name="stack", metadata={FIRST_KEY: 40})
    dock.viewer.dims.set_point(0, 2)
    run(dock, qtbot)
    assert [verdict.provenance.frame for verdict in dock.results()] == [40, 41, 42]
    assert dock.current().verdict.provenance.frame == 42
    assert list(dock.track.marker.get_xdata()) == [42, 42]


def test_cancel_keeps_what_is_done(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(np.stack([frame] * 400), name="stack")
    dock.runner.button.click()
    qtbot.waitUntil(lambda: len(dock.named) > 0, timeout=60_000)
    dock.runner.cancel.click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert 0 < len(dock.results()) < 400
    assert dock.runner.button.isEnabled()


def test_one_bad_frame_does_not_lose_the_others(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    stack = np.stack([frame] * 4)
    stack[2] = np.nan
    dock.viewer.add_image(stack, name="stack")
    run(dock, qtbot)
    assert [verdict.provenance.frame for verdict in dock.results()] == [0, 1, 3]
    assert "frame 2: no pixel of the picture is finite" in last_notice()


def test_of_two_regions_the_chosen_one_is_shown_though_the_other_is_refused(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(np.stack([frame] * 3), name="stack")
    squares = [
        np.array([(y, y), (y, y + side), (y + side, y + side), (y + side, y)]) for y, side in [(10, 8), (70, 40)]
    ]
    dock.viewer.add_shapes(squares, shape_type="rectangle", name="roi")
    dock.form.roi.value = dock.viewer.layers["roi"]
    run(dock, qtbot)
    assert "8 x 8 pixels" in last_notice()
    assert len(dock.results()) == 3
    dock.viewer.dims.set_point(0, 1)
    assert dock.current() is None
    dock.region.setCurrentIndex(1)
    provenance = dock.current().verdict.provenance
    assert (provenance.frame, provenance.roi) == (1, (70, 70, 110, 110))


@pytest.mark.parametrize(
    ("pixels", "says"),
    [(np.zeros((3, 3)), "3 x 3 pixels"), (np.full((30, 30), np.nan), "no pixel of the picture is finite")],
)
def test_a_bad_picture_is_told_and_the_button_comes_back(dock_in, qtbot, pixels, says) -> None:
    dock = dock_in()
    dock.viewer.add_image(pixels, contrast_limits=(0, 1))
    run(dock, qtbot)
    assert says in last_notice()
    assert dock.named == []


def test_without_a_layer_or_weights_the_person_is_told(dock_in, qtbot, frame, make_napari_viewer) -> None:
    dock = dock_in()
    run(dock, qtbot)
    assert "no image layer is open" in last_notice()
    dock.viewer.add_image(frame)
    dock.network.choice.offer({"nowhere": Path("nowhere.safetensors")})
    run(dock, qtbot)
    assert "no model nowhere.safetensors" in last_notice()


def test_a_region_outside_the_picture_is_told(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(frame)
    dock.viewer.add_shapes([[[500, 500], [500, 600], [600, 600], [600, 500]]], name="roi")
    dock.form.roi.value = dock.viewer.layers["roi"]
    run(dock, qtbot)
    assert "shape 1 of roi: the region 500,500,600,600 leaves the picture, which is 160 x 120" in last_notice()


def test_the_layer_may_be_deleted_meanwhile(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(np.stack([frame] * 3), name="stack")
    dock.runner.button.click()
    dock.viewer.layers.remove("stack")
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert len(dock.results()) == 3
    assert dock.form.layer.value is None


def test_two_viewers_keep_their_own_state(dock_in, qtbot, frame, make_napari_viewer) -> None:
    one, other = dock_in(make_napari_viewer()), dock_in(make_napari_viewer())
    one.viewer.add_image(frame, name="mine")
    assert other.form.layer.value is None
    run(one, qtbot)
    assert len(one.named) == 1
    assert other.named == []
    run(one, qtbot, one.attend)
    assert len(other.viewer.layers) == 0


def test_the_choice_of_a_layer_stays_while_others_come_go_and_are_renamed(dock_in, frame) -> None:
    dock = dock_in()
    first = dock.viewer.add_image(frame, name="first")
    dock.viewer.add_image(frame, name="second")
    assert dock.form.layer.value is first
    first.name = "renamed"
    assert dock.form.layer.currentText() == "renamed"
    dock.viewer.layers.remove("second")
    assert dock.form.layer.value is first
    dock.viewer.add_shapes(name="shapes")
    assert dock.form.roi.value is None  # a region is chosen, never taken


def test_results_are_saved_as_csv_and_json(dock_in, qtbot, frame, tmp_path) -> None:
    dock = dock_in()
    dock.viewer.add_image(np.stack([frame] * 2), name="stack")
    run(dock, qtbot)
    dock.save(tmp_path / "states.csv")
    dock.save(tmp_path / "states.json")
    assert list(pd.read_csv(tmp_path / "states.csv")["frame"]) == [0, 1]
    assert json.loads((tmp_path / "states.json").read_text())[1]["file"] == "stack"


def verdict(**more: Any) -> Verdict:
    shares = dict.fromkeys(State, 0.0) | {State.FM_SKYRMIONS: 0.9, State.FM: 0.1}
    given = {"verdict": "state", "state": "fm_skyrmions", "set": ("fm_skyrmions", "fm"), "applicable": True} | more
    hidden = tuple(hidden_states(Contrast.LORENTZ))
    provenance = Provenance("x.tif", 0, Contrast.LORENTZ, None, "", "tiny")
    return Verdict(provenance=provenance, probabilities=shares, hidden=hidden, applicability=0.2, **given)


def test_a_verdict_is_said_in_words() -> None:
    assert "FM skyrmions" in headline(verdict())
    assert "90 % in Lorentz TEM" in headline(verdict())
    assert "The 90 % set also holds: Ferromagnet." in remarks(verdict())
    assert "5 of the nine states cannot be seen in Lorentz TEM" in remarks(verdict())
    declined = headline(verdict(applicable=False))
    assert declined.startswith("<b style='font-size:large'>Not like anything I was trained on")
    assert "color:gray'>Nearest: FM skyrmions, 90 %" in declined
    assert "Applicability 0.20" in remarks(verdict(applicable=False))
    assert "No magnetic contrast" in headline(verdict(verdict="no_contrast", state="fm"))


def test_a_closed_dock_stops_its_work(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(np.stack([frame] * 400), name="stack")
    dock.runner.button.click()
    qtbot.waitUntil(lambda: len(dock.named) > 0, timeout=60_000)
    dock.parent().destroyOnClose()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert len(dock.named) < 400
    dock.deleteLater()


def test_the_viewer_may_be_closed_meanwhile(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(np.stack([frame] * 40), name="stack")
    dock.runner.button.click()
    dock.viewer.close()
    qtbot.wait(1500)


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((40, 50), 7.0),
        np.random.default_rng(0).integers(0, 65535, (40, 50), dtype=np.uint16),
        np.random.default_rng(0).integers(0, 255, (40, 50, 4), dtype=np.uint8),
        np.random.default_rng(0).random((2, 3, 40, 50)),
    ],
    ids=["one colour", "16 bit", "RGBA", "4-D"],
)
def test_pictures_of_every_kind_are_answered(dock_in, qtbot, pixels) -> None:
    dock = dock_in()
    dock.viewer.add_image(pixels, rgb=pixels.shape[-1] == 4, contrast_limits=(0, pixels.max()))
    run(dock, qtbot)
    assert len(dock.results()) == (6 if pixels.ndim == 4 else 1)


def test_a_texture_is_named_and_its_attention_lies_over_it(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.open_sample("napari-magtex", "chiral_skyrmions")
    image = dock.form.image
    run(dock, qtbot)
    assert dock.results()[0].provenance.contrast is Contrast.SPIN
    run(dock, qtbot, dock.attend)
    layer = dock.viewer.layers[-1]
    assert layer.data.shape[-1] > image.data.shape[-2]  # drawn larger, as the command line does
    pixel = np.asarray(layer.scale)[-2:]
    np.testing.assert_allclose(layer.extent.world[0] - pixel / 2, image.extent.world[0] - image.scale / 2)
    np.testing.assert_allclose(layer.extent.world[1] + pixel / 2, image.extent.world[1] + image.scale / 2)
