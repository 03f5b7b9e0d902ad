"""The dock Simulate frame in a real viewer, on the sample of skyrmions and on a spin picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_magtex.contributions import METADATA_KEY, open_sample, texture_layer
from napari_magtex.imaging.cells import draw_cells
from napari_magtex.imaging.exposure import Exposure, Mode, expose
from napari_magtex.imaging.optics import Optics
from napari_magtex.imaging.phase import electron_phase
from napari_magtex.picture import Contrast
from napari_magtex.texture import SpinTexture
from napari_magtex.widgets.classify import ClassifyDock
from napari_magtex.widgets.layers import pixel_size_of
from napari_magtex.widgets.pictures import contrast_of, picture_of, texture_of
from napari_magtex.widgets.simulate_frame import PREVIEW, SimulateFrameDock

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def viewer(make_napari_viewer) -> Any:
    """A viewer with the texture of chiral skyrmions, turned and moved."""
    viewer = make_napari_viewer()
    ((data, keywords, _),) = open_sample("chiral_skyrmions.ovf")
    viewer.add_image(data, **keywords, rotate=20, translate=(30, -50))
    return viewer


def open_dock(viewer: Any) -> SimulateFrameDock:
    dock = SimulateFrameDock(viewer)
    viewer.window.add_dock_widget(dock)
    return dock


def settled(dock: SimulateFrameDock, qtbot: Any) -> None:
    """Wait for a preview of what is set now."""
    idle = lambda: not (dock._timer.isActive() or dock.previewing.running or dock._stale)  # noqa: E731
    qtbot.waitUntil(idle, timeout=60_000)


def press(dock: SimulateFrameDock, qtbot: Any, button: Any = None) -> None:
    (button or dock.runner.button).click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)


def last_notice() -> str:
    return notification_manager.records[-1].message


def test_a_frame_lies_on_its_texture_and_says_how_it_was_taken(viewer, qtbot) -> None:
    dock = open_dock(viewer)
    dock.exposure.boxes["defocus"].setValue(-300)
    dock.exposure.boxes["voltage"].setValue(300)
    assert dock.exposure.word.text() == "Overfocus"
    press(dock, qtbot)
    (texture,) = (layer for layer in viewer.layers if texture_of(layer) is not None)
    frame = viewer.layers[f"-300 µm: {texture.name}"]
    for at in [(0, 0), (50, 90)]:
        np.testing.assert_allclose(frame.data_to_world(at), texture.data_to_world(at))
    assert pixel_size_of(frame) == pytest.approx((4e-9, 4e-9))
    expected = expose(texture_of(texture), Exposure(Optics(-300e-6, voltage=300e3)))
    np.testing.assert_allclose(frame.data, expected.pixels, atol=1e-6)
    assert contrast_of(frame) is Contrast.LORENTZ
    says = frame.metadata[METADATA_KEY]
    assert (says["defocus_um"], says["voltage_kV"], says["simulated_from"]) == (-300, 300, texture.name)


def test_the_preview_follows_what_is_turned_and_goes_with_the_dock(viewer, qtbot) -> None:
    dock = open_dock(viewer)
    settled(dock, qtbot)
    preview = viewer.layers[PREVIEW]
    before = np.array(preview.data)
    preview.opacity = 0.5
    dock.exposure.slider.setValue(-dock.exposure.slider.value())
    settled(dock, qtbot)
    assert viewer.layers[PREVIEW] is preview  # its look stays
    assert preview.opacity == 0.5
    assert np.corrcoef(preview.data.ravel(), before.ravel())[0, 1] < -0.5  # contrast turns over with the defocus
    assert dock.exposure.boxes["defocus"].value() == -200
    texture = viewer.layers["chiral_skyrmions.ovf"]
    texture.translate = (5, 6)
    dock.exposure.boxes["voltage"].setValue(300)
    settled(dock, qtbot)
    np.testing.assert_allclose(preview.data_to_world((3, 4)), texture.data_to_world((3, 4)))
    dock.live.setChecked(False)
    assert PREVIEW not in viewer.layers
    dock.live.setChecked(True)
    settled(dock, qtbot)
    assert PREVIEW in viewer.layers
    viewer.window.remove_dock_widget(dock.parent())
    qtbot.waitUntil(lambda: PREVIEW not in viewer.layers)


def test_many_turns_are_computed_once(viewer, qtbot) -> None:
    dock = open_dock(viewer)
    settled(dock, qtbot)
    ended = []
    dock.previewing.ended.connect(lambda: ended.append(1))
    for step in range(1, 60):
        dock.exposure.slider.setValue(step)
    settled(dock, qtbot)
    assert len(ended) <= 2
    np.testing.assert_allclose(dock.exposure.boxes["defocus"].value(), 295)
    assert viewer.layers[PREVIEW].data.std() > 0


def test_a_preview_and_the_layers_made_are_nobodys_texture_and_a_frame_is_an_input(viewer, qtbot) -> None:
    dock = open_dock(viewer)
    settled(dock, qtbot)
    assert dock.layer.count() == 1
    classify = ClassifyDock(viewer)
    offered = lambda: [classify.form.layer.itemText(i) for i in range(classify.form.layer.count())]  # noqa: E731
    assert PREVIEW not in offered()
    press(dock, qtbot)
    assert "+200 µm: chiral_skyrmions.ovf" in offered()
    classify.form.layer.value = viewer.layers["+200 µm: chiral_skyrmions.ovf"]
    assert classify.form.contrast.itemText(0) == "Auto (Lorentz TEM)"
    assert classify.form.taken.text() == "200 kV, defocus 200 um"


def test_a_series_is_a_stack_with_a_defocus_a_frame(viewer, qtbot) -> None:
    dock = open_dock(viewer)
    dock.defoci.setText("-100, 0; +100.5")
    dock.exposure.boxes["dose"].setValue(500)
    press(dock, qtbot, dock.series)
    stack = viewer.layers["through focus, 3 frames: chiral_skyrmions.ovf"]
    assert stack.data.shape == (3, 160, 160)
    assert stack.metadata[METADATA_KEY]["defocus_um"] == [-100, 0, 100.5]
    assert picture_of(stack, frame=2).meta["defocus_um"] == 100.5
    texture = viewer.layers["chiral_skyrmions.ovf"]
    np.testing.assert_allclose(stack.data_to_world((0, 7, 9))[1:], texture.data_to_world((7, 9)))
    noise = stack.data[1] - 1  # in focus a pure phase shows nothing else
    assert noise.std() == pytest.approx(500**-0.5, rel=0.05)


@pytest.mark.parametrize("typed", ["a few", "100, nan", "", "1,2,x"])
def test_defoci_that_are_no_numbers_are_told(viewer, qtbot, typed) -> None:
    dock = open_dock(viewer)
    dock.defoci.setText(typed)
    press(dock, qtbot, dock.series)
    assert "are no numbers set apart by commas" in last_notice()


def test_the_other_modes_ask_for_what_they_need_and_say_what_they_are(viewer, qtbot) -> None:
    dock = open_dock(viewer)
    form = dock.exposure
    form.mode.value = Mode.PHASE
    assert not form.rows.isRowVisible(form._defocus)
    assert not dock.series.isEnabled()
    press(dock, qtbot)
    phase = viewer.layers["phase: chiral_skyrmions.ovf"]
    assert contrast_of(phase) is Contrast.PHASE
    np.testing.assert_allclose(phase.data, electron_phase(dock.film().texture()), atol=1e-6)
    form.mode.value = Mode.HOLOGRAM
    assert form.rows.isRowVisible(form.boxes["fringe"])
    form.boxes["fringe"].setValue(5)
    settled(dock, qtbot)
    assert "fringes 5 nm apart cannot be drawn" in dock.notes.text()  # beside the form, not in a window a turn


def test_a_spin_picture_is_asked_for_what_it_does_not_tell(make_napari_viewer, qtbot) -> None:
    viewer = make_napari_viewer()
    ((_, keywords, _),) = open_sample("chiral_skyrmions.ovf")
    texture = keywords["metadata"][METADATA_KEY]
    picture = draw_cells(texture)
    viewer.add_image(picture.pixels, rgb=True, name="m000001.png", metadata={METADATA_KEY: {"colour_map": "mumax3"}})
    dock = open_dock(viewer)
    for field in (dock.saturation, dock.thickness, dock.cell):
        assert dock.rows.isRowVisible(field)
    press(dock, qtbot)
    assert "the pixel size of the texture is unknown: type it in nm" in last_notice()
    dock.saturation.setValue(320)
    dock.thickness.setValue(4)
    dock.cell.setValue(4)
    press(dock, qtbot)
    frame = viewer.layers["+200 µm: m000001.png"]
    expected = expose(texture, Exposure(Optics(200e-6)))
    assert np.abs(frame.data - expected.pixels).max() < 0.02 * np.ptp(expected.pixels)  # of directions in 8 bits
    assert pixel_size_of(frame) == pytest.approx((4e-9, 4e-9))


def test_a_frame_of_a_film_of_several_layers_is_one_picture(make_napari_viewer, qtbot) -> None:
    viewer = make_napari_viewer()
    angle = np.linspace(0, 4 * np.pi, 48, endpoint=False)
    m = np.broadcast_to(np.stack([0 * angle, np.sin(angle), np.cos(angle)], axis=-1), (3, 32, 48, 3))
    data, keywords, _ = texture_layer(SpinTexture(m, cell=(5e-9, 3e-9, 2e-9), saturation=4e5), "film")
    film = viewer.add_image(data, **keywords)
    dock = open_dock(viewer)
    press(dock, qtbot)
    frame = viewer.layers["+200 µm: film"]
    assert frame.data.shape == (32, 48)
    np.testing.assert_allclose(frame.data_to_world((3, 5)), film.data_to_world((0, 3, 5))[1:])
    assert "aliases on 48 x 32 pixels" in dock.notes.text()


def test_the_microscope_is_remembered_by_the_viewer_and_by_no_other(viewer, make_napari_viewer) -> None:
    first = SimulateFrameDock(viewer)
    first.exposure.boxes["voltage"].setValue(300)
    first.exposure.boxes["defocus"].setValue(50)
    again, elsewhere = SimulateFrameDock(viewer), SimulateFrameDock(make_napari_viewer())
    assert again.exposure.boxes["voltage"].value() == 300
    assert again.exposure.boxes["defocus"].value() == 200  # of the frame, not of the microscope
    assert elsewhere.exposure.boxes["voltage"].value() == 200


def test_without_a_texture_the_dock_says_what_it_needs(make_napari_viewer, qtbot, frame) -> None:
    viewer = make_napari_viewer()
    viewer.add_image(frame)
    dock = open_dock(viewer)
    press(dock, qtbot)
    assert "no texture is open" in last_notice()
    assert len(viewer.layers) == 1
