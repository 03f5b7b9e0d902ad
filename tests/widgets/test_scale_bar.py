"""A line on a scale bar becomes a pixel size, whatever the transforms, and drawings stay where they are."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels, Shapes

from napari_magtex.errors import BadRegion, UncalibratedPicture
from napari_magtex.widgets.calibration import scale_by_bar
from napari_magtex.widgets.layers import pixel_size_of

LINE = np.array([[90.0, 10.0], [90.0, 60.0]])


def drawn(vertices: np.ndarray = LINE, kind: str = "line", **more: object) -> Shapes:
    return Shapes([vertices], shape_type=kind, **more)


@pytest.mark.parametrize(
    ("vertices", "kind"),
    [
        (LINE, "line"),
        (np.array([[90.0, 10.0], [91.0, 30.0], [90.0, 60.0]]), "path"),
        (np.array([[88.0, 10.0], [88.0, 60.0], [92.0, 60.0], [92.0, 10.0]]), "rectangle"),
        (np.array([[50.0, 10.0], [90.0, 40.0]]), "line"),
    ],
)
def test_the_line_gives_the_pixel_size(vertices, kind) -> None:
    image = Image(np.zeros((4, 100, 100)))
    assert scale_by_bar(image, drawn(vertices, kind), 100e-9, None) == pytest.approx(2e-9)
    assert tuple(image.scale) == pytest.approx((1, 2, 2))
    assert [str(unit) for unit in image.units] == ["pixel", "nanometer", "nanometer"]
    assert pixel_size_of(image) == pytest.approx((2e-9, 2e-9))
    assert image.metadata["magtex"]["scale_bar"] == {"length_m": 100e-9, "length_px": pytest.approx(50)}


def test_a_layer_that_is_turned_moved_and_had_another_scale_is_scaled_anew() -> None:
    image = Image(np.zeros((100, 100)), scale=(7, 7), translate=(35, -70), rotate=40, units=("nm", "nm"))
    ends = np.array([image.data_to_world(end) for end in LINE])
    scale_by_bar(image, drawn(ends, units=("nm", "nm")), 100e-9, image.units)
    assert pixel_size_of(image) == pytest.approx((2e-9, 2e-9))
    assert tuple(image.translate) == pytest.approx((10, -20))


def test_drawings_on_the_layer_stay_where_they_are_on_it_and_others_alone() -> None:
    image = Image(np.zeros((100, 100)), translate=(3, 4))
    bar, hole = drawn(LINE + np.array([3, 4])), Labels(np.zeros((100, 100), np.uint8), translate=(3, 4))
    other, elsewhere = Image(np.zeros((100, 100))), drawn(scale=(9, 9))
    of_it = Image(np.zeros((100, 100)), translate=(3, 4), metadata={"magtex": {"cleaning": {"of": image.name}}})
    before = [np.array(image.world_to_data(layer.data_to_world((10, 20)))) for layer in (bar, hole, of_it)]
    scale_by_bar(image, bar, 100e-9, None, [image, bar, hole, other, elsewhere, of_it])
    after = [np.array(image.world_to_data(layer.data_to_world((10, 20)))) for layer in (bar, hole, of_it)]
    np.testing.assert_allclose(after, before)
    assert tuple(hole.scale) == tuple(of_it.scale) == pytest.approx((2, 2))
    assert tuple(other.scale) == (1, 1)
    assert tuple(elsewhere.scale) == (9, 9)


def test_what_is_no_bar_is_refused() -> None:
    image = Image(np.zeros((100, 100)))
    with pytest.raises(BadRegion, match="holds no line"):
        scale_by_bar(image, Shapes(name="empty", ndim=2), 1e-9, None)
    with pytest.raises(BadRegion, match="holds no line"):
        scale_by_bar(image, drawn(np.array([[0, 0], [0, 9], [9, 9], [9, 0.0]]), "ellipse"), 1e-9, None)
    with pytest.raises(BadRegion, match=r"0\.5 pixels long"):
        scale_by_bar(image, drawn(np.array([[9, 9], [9, 9.5]])), 1e-9, None)
    for length in (0, -1, float("nan")):
        with pytest.raises(UncalibratedPicture, match="length of the scale bar is missing"):
            scale_by_bar(image, drawn(), length, None)
    assert tuple(image.scale) == (1, 1)
