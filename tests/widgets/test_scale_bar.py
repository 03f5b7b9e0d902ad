"""A line on a scale bar becomes a pixel size, whatever the transforms, and drawings stay where they are."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels, Layer, Shapes, Tracks

from napari_magtex.errors import BadRegion, UncalibratedPicture
from napari_magtex.widgets.calibration import scale_by_bar
from napari_magtex.widgets.choices import SOURCE_KEY
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


def places(image: Image, layers: list[Layer]) -> list[np.ndarray]:
    """Return where a pixel of each layer lies on an image."""
    return [np.array(image.world_to_data(layer.data_to_world((0,) * (layer.ndim - 2) + (10, 20))))[-2:]
            for layer in layers]  # fmt: skip


def test_what_lies_on_the_layer_stays_where_it_is_on_it_and_others_alone() -> None:
    image = Image(np.zeros((100, 100)), translate=(3, 4))
    bar, hole = drawn(LINE + np.array([3, 4])), Labels(np.zeros((100, 100), np.uint8), translate=(3, 4))
    other, elsewhere = Image(np.zeros((100, 100)), scale=(5, 5)), drawn(scale=(9, 9))
    clean = Image(np.zeros((100, 100)), translate=(3, 4), metadata={SOURCE_KEY: image.unique_id})
    coarse = Image(np.zeros((9, 9)), scale=(8, 8), translate=(7, 9), metadata={SOURCE_KEY: image.unique_id})
    tracks = Tracks([[1, t, 5, 6 + t] for t in range(3)], metadata={SOURCE_KEY: clean.unique_id})
    on_it = [bar, hole, clean, coarse, tracks]
    before = places(image, on_it)
    scale_by_bar(image, bar, 100e-9, None, [image, *on_it, other, elsewhere])
    np.testing.assert_allclose(places(image, on_it), before)
    assert tuple(hole.scale) == tuple(clean.scale) == pytest.approx((2, 2))
    assert tuple(coarse.scale) == pytest.approx((16, 16))
    assert {str(layer.units[-1]) for layer in on_it} == {"nanometer"}
    assert tuple(other.scale) == (5, 5)
    assert tuple(elsewhere.scale) == (9, 9)


def test_drawings_that_may_be_of_another_image_stay_but_for_the_line() -> None:
    image, other = Image(np.zeros((100, 100))), Image(np.zeros((100, 100)))
    bar, roi = drawn(), drawn()
    of_other = Labels(np.zeros((100, 100), np.uint8), metadata={SOURCE_KEY: other.unique_id})
    scale_by_bar(image, bar, 100e-9, None, [image, other, bar, roi, of_other])
    assert tuple(bar.scale) == pytest.approx((2, 2))
    assert [tuple(layer.scale) for layer in (other, roi, of_other)] == [(1, 1)] * 3


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
