"""Open spin picture…, Read calibration, components and arrows."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_magtex.contributions import texture_layer
from napari_magtex.errors import UncalibratedPicture
from napari_magtex.io.spin_png import write_spin_picture
from napari_magtex.picture import Contrast, Picture
from napari_magtex.texture import SpinTexture
from napari_magtex.widgets.calibration import calibrate, calibrate_selected
from napari_magtex.widgets.open_picture import add_pictures
from napari_magtex.widgets.pictures import source_name
from napari_magtex.widgets.texture import show_components, show_vectors


@pytest.fixture
def tif(tmp_path, frame):
    path = tmp_path / "frame.tif"
    write_spin_picture(path, Picture(frame, Contrast.LORENTZ, (2e-9, 3e-9), meta={"defocus_um": 200.0}))
    return path


def test_a_picture_opens_with_its_pixel_size_and_is_named_by_its_path(make_napari_viewer, tif) -> None:
    viewer = make_napari_viewer()
    (layer,) = add_pictures(viewer, [tif])
    assert tuple(layer.scale) == pytest.approx((2, 3))
    assert [str(unit) for unit in layer.units] == ["nanometer", "nanometer"]
    assert source_name(layer) == str(tif)


def test_a_file_that_is_no_picture_is_told_and_the_others_open(make_napari_viewer, tif, tmp_path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    assert len(add_pictures(make_napari_viewer(), [bad, tif])) == 1
    assert notification_manager.records[-1].message.startswith("bad.png: ")


def test_calibration_is_read_from_the_file_that_napari_opened(make_napari_viewer, tif) -> None:
    viewer = make_napari_viewer()
    (layer,) = viewer.open(tif, plugin="napari")
    calibrate_selected(viewer)
    assert tuple(layer.scale) == pytest.approx((2, 3))
    assert [str(unit) for unit in layer.units] == ["nanometer", "nanometer"]
    assert layer.metadata["magtex"]["defocus_um"] == 200
    assert "3 nm wide and 2 nm high" in notification_manager.records[-1].message


def test_what_lies_on_a_layer_comes_along_when_it_is_calibrated(make_napari_viewer, tif) -> None:
    viewer = make_napari_viewer()
    (layer,) = viewer.open(tif, plugin="napari")
    roi = viewer.add_shapes([[[10, 20], [10, 60], [50, 60], [50, 20]]], shape_type="polygon")
    viewer.layers.selection.active = layer
    calibrate_selected(viewer)
    assert tuple(roi.scale) == tuple(layer.scale) == pytest.approx((2, 3))
    assert roi.units == layer.units


def test_a_layer_without_a_file_cannot_be_calibrated(make_napari_viewer, frame) -> None:
    layer = make_napari_viewer().add_image(frame)
    with pytest.raises(UncalibratedPicture, match="not opened from a file"):
        calibrate(layer)


def test_a_file_that_tells_no_pixel_size_leaves_the_layer_as_it_is(make_napari_viewer, tmp_path, frame) -> None:
    path = tmp_path / "plain.tif"
    write_spin_picture(path, Picture(frame))
    viewer = make_napari_viewer()
    (layer,) = viewer.open(path, plugin="napari")
    with pytest.raises(UncalibratedPicture, match="tells no pixel size"):
        calibrate(layer)
    assert tuple(layer.scale) == (1, 1)


def swirl(nz: int) -> SpinTexture:
    y, x = np.mgrid[15:-17:-1, -16:16]
    m = np.stack([-y, x, np.full_like(x, 3)], axis=-1)
    return SpinTexture(np.stack([m] * nz), cell=(1e-9, 2e-9, 2e-9))


@pytest.mark.parametrize("nz", [1, 3])
def test_components_and_arrows_lie_on_their_cells_and_point_as_the_spins_do(make_napari_viewer, nz) -> None:
    viewer = make_napari_viewer()
    texture = swirl(nz)
    data, keywords, _ = texture_layer(texture, "t")
    image = viewer.add_image(data, **keywords, rotate=20)
    show_components(viewer)
    component = viewer.layers["m_y: t"]
    np.testing.assert_allclose(np.squeeze(component.data), np.squeeze(texture.m[..., 1]))
    np.testing.assert_allclose(component.data_to_world(np.ones(image.ndim)), image.data_to_world(np.ones(image.ndim)))
    viewer.layers.selection.active = image
    show_vectors(viewer)
    arrows = viewer.layers["spins: t"]
    assert len(arrows.data) == nz * 32 * 32
    start, along = arrows.data[5 * 32 + 20, :, -2:]  # of layer 0, row 5, column 20: y = 10, x = 4
    np.testing.assert_allclose(start + along / 2, (5, 20), atol=1e-5)
    m_x, m_y = texture.m[0, 5, 20, :2]
    np.testing.assert_allclose(along, (-m_y, m_x), atol=1e-6)


def test_a_layer_without_spins_is_told(make_napari_viewer, frame) -> None:
    viewer = make_napari_viewer()
    viewer.add_image(frame)
    show_vectors(viewer)
    assert "select a layer that holds a spin texture" in notification_manager.records[-1].message
