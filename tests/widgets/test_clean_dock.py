"""The dock Clean frame in a real viewer: what it adds, where, and that the input stays as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image
from napari.utils.notifications import notification_manager

from napari_magtex.contributions import texture_layer
from napari_magtex.errors import UnreadableFile, Unsuitable
from napari_magtex.imaging.cleaning import By, Cleaning, Kind, clean
from napari_magtex.picture import Contrast
from napari_magtex.texture import SpinTexture
from napari_magtex.widgets import clean as module
from napari_magtex.widgets.clean import CleanDock
from napari_magtex.widgets.clean_settings import read_settings, write_settings
from napari_magtex.widgets.pictures import picture_of

PLACED = {"scale": (2, 3), "translate": (50, -20), "rotate": 30, "units": ("nm", "nm")}


@pytest.fixture
def dock_in(make_napari_viewer):
    def open_dock() -> CleanDock:
        viewer = make_napari_viewer()
        dock = CleanDock(viewer)
        viewer.window.add_dock_widget(dock)
        return dock

    return open_dock


@pytest.fixture
def raw(frame) -> np.ndarray:
    """The frame with a gradient, a footer and a hot pixel, 8 bits."""
    pixels = 100 + 15 * frame + np.linspace(0, 40, 160)
    pixels[40, 50] = 255
    pixels[108:] = 0
    pixels[112:115, 10:60] = 255
    return pixels.round().astype(np.uint8)


def run(dock: CleanDock, qtbot: Any) -> None:
    dock.runner.button.click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)


def settle(dock: CleanDock, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: dock.preview.settled, timeout=60_000)


def last_notice() -> str:
    return notification_manager.records[-1].message


def test_a_frame_is_cleaned_into_a_layer_beside_it(dock_in, qtbot, raw) -> None:
    dock, before = dock_in(), raw.copy()
    meta = {"magtex": {"contrast": "kerr", "field_mT": 12}, "mine": "kept"}
    image = dock.viewer.add_image(raw, name="raw", metadata=meta, colormap="viridis", **PLACED)
    drawing = dock.viewer.add_shapes(name="above", **{k: v for k, v in PLACED.items() if k == "units"})
    dock.settings.order.setValue(1)
    run(dock, qtbot)
    assert [layer.name for layer in dock.viewer.layers] == ["raw", "clean: raw", "above"]
    layer = dock.viewer.layers["clean: raw"]
    expected = clean(raw, replace(Cleaning.suited_to(Contrast.KERR), gradient_order=1))
    np.testing.assert_array_equal(layer.data, expected.frame)
    assert layer.data.dtype == np.float32
    for at in [(0, 0), (30, 99)]:
        np.testing.assert_allclose(layer.data_to_world(at), image.data_to_world(at))
    assert layer.units == image.units
    held = layer.metadata["magtex"]
    assert layer.metadata["mine"] == "kept"
    assert (held["contrast"], held["field_mT"]) == ("kerr", 12)
    assert held["cleaning"]["gradient_order"] == 1
    assert held["cleaning"]["by"] == "subtract"
    assert held["cleaning"]["of"] == "raw"
    json.dumps(held["cleaning"], allow_nan=False)
    np.testing.assert_array_equal(np.flatnonzero(held["mask"].any(axis=1)), np.arange(108, 120))
    np.testing.assert_array_equal(image.data, before)
    assert image.metadata == meta
    assert layer.colormap.name == "viridis"
    assert "1 hot or dead pixel replaced" in dock.said.text()
    assert dock.settings.left_out[Kind.FOOTER].text() == "Footer: 12 rows"
    assert picture_of(layer).mask.sum() == 12 * 160
    assert drawing in dock.viewer.layers


def test_electrons_are_divided_and_light_is_subtracted(dock_in, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(frame, name="kerr", metadata={"magtex": {"contrast": "kerr"}})
    assert dock.settings.value.by is By.SUBTRACT
    dock.form.contrast.value = Contrast.LORENTZ
    assert dock.settings.value.by is By.DIVIDE
    dock.form.contrast.value = None
    assert dock.settings.value.by is By.SUBTRACT


def test_what_is_drawn_is_masked_and_reaches_classify(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    image = dock.viewer.add_image(frame, name="frame", **PLACED)
    corners = [image.data_to_world(at) for at in [(20, 30), (20, 70), (60, 70), (60, 30)]]
    dock.viewer.add_shapes([corners], shape_type="polygon", units=("nm", "nm"), name="hole")
    dock.drawn.value = dock.viewer.layers["hole"]
    run(dock, qtbot)
    mask = picture_of(dock.viewer.layers["clean: frame"]).mask
    assert mask.sum() == pytest.approx(40 * 40, abs=90)
    assert mask[22:58, 32:68].all()


@pytest.mark.parametrize("step", [1, 2])
def test_painted_labels_are_a_mask_wherever_they_lie(dock_in, qtbot, frame, step) -> None:
    dock = dock_in()
    dock.viewer.add_image(frame, name="frame", scale=(2, 2), units=("nm", "nm"))
    painted = np.zeros((120 // step, 160 // step), np.uint8)
    painted[20 // step : 40 // step, 100 // step :] = 3
    labels = dock.viewer.add_labels(painted, scale=(2 * step, 2 * step), translate=(step - 1,) * 2, units=("nm", "nm"))
    dock.drawn.value = labels
    run(dock, qtbot)
    mask = picture_of(dock.viewer.layers["clean: frame"]).mask
    expected = np.zeros(frame.shape, bool)
    expected[20:40, 100:] = True
    np.testing.assert_array_equal(mask, expected)


def test_the_mask_of_a_layer_stays_when_it_is_cleaned_again(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    mask = np.zeros(frame.shape, bool)
    mask[:20] = True
    dock.viewer.add_image(frame, name="frame", metadata={"magtex": {"mask": mask}})
    run(dock, qtbot)
    np.testing.assert_array_equal(picture_of(dock.viewer.layers["clean: frame"]).mask, mask)


def test_the_mean_of_a_reference_stack_is_taken_off(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    lamp = np.broadcast_to(np.linspace(100, 200, 160), frame.shape)
    dock.viewer.add_image(np.stack([lamp - 3, lamp + 3]), name="lamp")
    dock.viewer.add_image(lamp + 5 * frame, name="frame")
    dock.form.layer.value, dock.reference.value = dock.viewer.layers["frame"], dock.viewer.layers["lamp"]
    dock.settings.value = Cleaning(spikes_sigma=0, by=By.SUBTRACT)
    run(dock, qtbot)
    np.testing.assert_allclose(dock.viewer.layers["clean: frame"].data, 5 * frame, atol=1e-3)
    assert dock.viewer.layers["clean: frame"].metadata["magtex"]["cleaning"]["reference"] == "lamp"


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ({"data": np.ones((50, 160))}, "the reference is 160 x 50 pixels, the frame 160 x 120 pixels"),
        (
            {"data": np.ones((120, 160)), "scale": (4, 4), "units": ("nm", "nm")},
            "is 4 nm wide, one of frame 2 nm",
        ),
    ],
)
def test_a_reference_of_another_size_is_told(dock_in, qtbot, frame, reference, words) -> None:
    dock = dock_in()
    dock.viewer.add_layer(Image(name="reference", **reference))
    dock.viewer.add_image(frame, name="frame", scale=(2, 2), units=("nm", "nm"))
    dock.form.layer.value, dock.reference.value = dock.viewer.layers["frame"], dock.viewer.layers["reference"]
    run(dock, qtbot)
    assert words in last_notice()
    assert len(dock.viewer.layers) == 2


def test_a_stack_is_cleaned_and_aligned_as_a_whole(dock_in, qtbot) -> None:
    dock = dock_in()
    large = np.kron(np.random.default_rng(0).normal(size=(30, 30)), np.ones((6, 6)))
    stack = np.stack([large[20 - i : 140 - i, 20 + i : 160 + i] for i in range(5)])
    image = dock.viewer.add_image(stack, name="series", scale=(1, 2, 2), units=("pixel", "nm", "nm"))
    assert dock.settings.rows.isRowVisible(dock.settings.align)
    dock.settings.align.setChecked(True)
    run(dock, qtbot)
    layer = dock.viewer.layers["clean: series"]
    assert layer.data.shape == stack.shape
    inside = ~layer.metadata["magtex"]["mask"]
    assert 0.85 < inside.mean() < 0.97
    assert np.abs(layer.data[:, inside] - layer.data[0, inside]).max() < 0.2
    np.testing.assert_allclose(layer.data_to_world((3, 5, 7)), image.data_to_world((3, 5, 7)))


def test_one_frame_of_a_stack_lies_over_its_own(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    image = dock.viewer.add_image(np.stack([frame, 2 * frame, 3 * frame]), name="series", scale=(5, 1, 1))
    dock.form.frames.value = False
    dock.viewer.dims.set_point(0, 10)
    run(dock, qtbot)
    layer = dock.viewer.layers["clean: series"]
    assert layer.data.shape == (1, 120, 160)
    np.testing.assert_array_equal(layer.data[0], clean(3 * frame, dock.settings.value).frame)
    np.testing.assert_allclose(layer.data_to_world((0, 2, 3)), image.data_to_world((2, 2, 3)))
    assert layer.metadata["magtex"]["frame"] == 2


def test_a_stack_beyond_the_memory_stays_lazy(dock_in, qtbot, frame, monkeypatch) -> None:
    monkeypatch.setattr(module, "SHARE_OF_MEMORY", 0)
    dock = dock_in()
    stack = da.stack([da.from_array(frame + i, chunks=-1) for i in range(4)])
    dock.viewer.add_image(stack, name="long")
    run(dock, qtbot)
    layer = dock.viewer.layers["clean: long"]
    assert isinstance(layer.data, da.Array)
    np.testing.assert_allclose(np.asarray(layer.data[3]), clean(frame + 3, dock.settings.value).frame, atol=1e-5)


def test_cancel_keeps_nothing_half_done(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(np.stack([frame] * 300), name="series")
    dock.runner.button.click()
    qtbot.waitUntil(lambda: dock.runner.progress.maximum() == 300, timeout=60_000)
    dock.runner.cancel.click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert [layer.name for layer in dock.viewer.layers] == ["series"]


def test_the_preview_follows_the_form_and_goes_with_its_tick(dock_in, qtbot, raw) -> None:
    dock = dock_in()
    image = dock.viewer.add_image(raw, name="raw", **PLACED)
    dock.viewer.add_shapes(name="above", units=("nm", "nm"))
    dock.preview.setChecked(True)
    settle(dock, qtbot)
    assert [layer.name for layer in dock.viewer.layers] == ["raw", "preview: raw", "left out: raw", "above"]
    shown, left_out = dock.preview.layers
    np.testing.assert_array_equal(shown.data, clean(raw, dock.settings.value).frame)
    np.testing.assert_array_equal(np.flatnonzero(left_out.data.any(axis=1)), np.arange(108, 120))
    np.testing.assert_allclose(shown.data_to_world((3, 4)), image.data_to_world((3, 4)))
    dock.settings.order.setValue(2)
    dock.settings.left_out[Kind.FOOTER].setChecked(False)
    settle(dock, qtbot)
    shown, left_out = dock.preview.layers
    np.testing.assert_array_equal(shown.data, clean(raw, dock.settings.value).frame)
    assert not left_out.data[108:111].any()
    assert dock.settings.left_out[Kind.FOOTER].text() == "Footer"
    assert dock.form.layer.value is image  # a preview is nobody's input
    dock.preview.setChecked(False)
    assert [layer.name for layer in dock.viewer.layers] == ["raw", "above"]


def test_the_preview_follows_the_slider_and_what_is_drawn(dock_in, qtbot, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(np.stack([frame, 5 * frame]), name="series")
    drawing = dock.viewer.add_shapes(name="hole", ndim=2)
    drawing.add_rectangles([[10, 10], [30, 40]])
    dock.drawn.value = drawing
    dock.viewer.dims.set_point(0, 0)
    dock.preview.setChecked(True)
    settle(dock, qtbot)
    assert dock.preview.layers[1].data.sum() == 20 * 30
    dock.viewer.dims.set_point(0, 1)
    drawing.add_rectangles([[60, 60], [80, 70]])
    settle(dock, qtbot)
    shown, left_out = dock.preview.layers
    assert left_out.data.sum() == 20 * 30 + 20 * 10
    assert shown.data_to_world((0, 0, 0))[0] == 1
    assert np.abs(shown.data).max() > 6


def test_a_preview_that_cannot_be_is_told_in_the_dock_without_a_notice(dock_in, qtbot) -> None:
    dock = dock_in()
    dock.viewer.add_image(np.full((40, 40), 7), name="flat")
    before = len(notification_manager.records)
    dock.preview.setChecked(True)
    settle(dock, qtbot)
    assert "every pixel that is not masked is the same" in dock.said.text()
    assert len(notification_manager.records) == before
    run(dock, qtbot)
    assert "is the same" in last_notice()


def test_closing_the_dock_takes_the_preview_away(make_napari_viewer, qtbot, frame) -> None:
    viewer = make_napari_viewer()
    viewer.add_image(frame, name="frame")
    dock = CleanDock(viewer)
    window = viewer.window.add_dock_widget(dock)
    dock.preview.setChecked(True)
    settle(dock, qtbot)
    window.destroyOnClose()
    assert [layer.name for layer in viewer.layers] == ["frame"]


def test_layers_of_spins_and_of_colours_are_refused(dock_in, qtbot) -> None:
    dock = dock_in()
    data, keywords, _ = texture_layer(SpinTexture.from_layer(np.tile((0.0, 0.6, 0.8), (20, 24, 1))), "t")
    dock.viewer.add_image(data, **keywords)
    run(dock, qtbot)
    assert "t holds spins" in last_notice()
    dock.viewer.add_image(np.random.default_rng(0).random((40, 40, 3)), rgb=True, name="colours")
    dock.form.layer.value = dock.viewer.layers["colours"]
    run(dock, qtbot)
    assert "colours is a colour picture" in last_notice()


def test_grey_stored_as_colour_is_cleaned_as_grey(dock_in, qtbot, raw) -> None:
    dock = dock_in()
    dock.viewer.add_image(np.repeat(raw[..., None], 3, axis=2), rgb=True, name="rgb")
    run(dock, qtbot)
    layer = dock.viewer.layers["clean: rgb"]
    assert not layer.rgb
    np.testing.assert_allclose(layer.data, clean(raw, dock.settings.value).frame, rtol=1e-5)


def test_settings_are_saved_and_opened_again(dock_in, tmp_path) -> None:
    dock = dock_in()
    settings = Cleaning(6.5, By.DIVIDE, 3, 2, 80.0, 25.0, True, (Kind.SHADOW,))
    dock.settings.value = settings
    dock.save(tmp_path / "mine.json")
    assert read_settings(tmp_path / "mine.json") == settings == dock.settings.value
    write_settings(tmp_path / "other.json", Cleaning())
    dock.settings.value = read_settings(tmp_path / "other.json")
    assert dock.settings.value == Cleaning()
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(UnreadableFile, match=r"bad\.json holds no settings"):
        read_settings(tmp_path / "bad.json")
    (tmp_path / "odd.json").write_text('{"median_px": 99}')
    with pytest.raises(Unsuitable, match=r"odd\.json: median_px is 99"):
        read_settings(tmp_path / "odd.json")


def test_lengths_are_shown_in_the_layers_unit_too(dock_in, frame) -> None:
    dock = dock_in()
    dock.viewer.add_image(frame, scale=(2.5, 2.5), units=("nm", "nm"))
    dock.settings.flat_field.setValue(40)
    assert dock.settings.flat_field.text() == "40.0 px = 100 nm"


def test_a_line_on_the_scale_bar_sets_the_scale_in_the_dock(dock_in, frame) -> None:
    dock = dock_in()
    image = dock.viewer.add_image(frame, name="frame")
    line = dock.viewer.add_shapes([[[110, 20], [110, 120]]], shape_type="line", name="bar")
    dock.settings.high_pass.setValue(10)
    dock.scale_bar.line.value = line
    dock.scale_bar.length.setValue(0.5)
    dock.scale_bar.unit.value = 1e-6
    dock.scale_bar.set.click()
    assert tuple(image.scale) == tuple(line.scale) == pytest.approx((5, 5))
    assert "5 nm wide and high" in last_notice()
    assert dock.settings.high_pass.text() == "10.0 px = 50 nm"
    dock.scale_bar.length.setValue(0)
    dock.scale_bar.set.click()
    assert "type what stands beside it" in last_notice()
