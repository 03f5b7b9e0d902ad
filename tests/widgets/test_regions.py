"""Shapes land on the right pixels, whatever the transforms of both layers."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Shapes

from napari_magtex.errors import BadRegion
from napari_magtex.widgets.regions import regions_of

SQUARE = np.array([[10, 20], [10, 40], [30, 40], [30, 20]], dtype=float)


def image(**more: object) -> Image:
    return Image(np.zeros((60, 80)), **more)


def drawn(points: np.ndarray, kind: str = "rectangle", **more: object) -> Shapes:
    return Shapes([points], shape_type=kind, **more)


def test_a_rectangle_gives_its_pixels_without_a_mask() -> None:
    (region,) = regions_of(drawn(SQUARE), image(), None)
    assert region.bounds == (20, 10, 40, 30)
    assert region.mask is None


@pytest.mark.parametrize("turn", [0, 30, 90, 133])
def test_a_shape_over_a_turned_scaled_and_moved_picture_lands_on_the_pixels_under_it(turn) -> None:
    under = image(scale=(2, 3), translate=(-5, 11), rotate=turn, units=("nm", "nm"))
    world = np.array([under.data_to_world(corner) for corner in SQUARE])
    above = Shapes(np.empty((0, 2)), scale=(0.5, 0.25), translate=(9, 9), rotate=20, units=("nm", "nm"), ndim=2)
    above.add_polygons(np.array([above.world_to_data(corner) for corner in world]))
    (region,) = regions_of(above, under, under.units)
    assert region.bounds == (20, 10, 40, 30)
    assert region.mask is None


def test_a_rectangle_in_um_over_a_picture_in_nm_is_converted() -> None:
    under = image(scale=(2, 2), units=("nm", "nm"))
    (region,) = regions_of(drawn(SQUARE * 2e-3, units=("um", "um")), under, under.units)
    assert region.bounds == (20, 10, 40, 30)


def test_an_ellipse_is_masked_to_its_area() -> None:
    (region,) = regions_of(drawn(SQUARE, "ellipse"), image(), None)
    assert region.bounds == (20, 10, 40, 30)
    assert region.mask.sum() == pytest.approx(np.pi * 100, rel=0.03)
    assert not region.mask[0, 0]
    assert region.mask[10, 10]


def test_a_polygon_is_masked_to_the_pixels_whose_centres_it_holds() -> None:
    triangle = np.array([[9.5, 19.5], [29.5, 19.5], [29.5, 39.5]])
    (region,) = regions_of(drawn(triangle, "polygon"), image(), None)
    assert region.bounds == (20, 10, 40, 30)
    assert region.mask[19, 0]
    assert not region.mask[0, 19]
    assert region.mask.sum() == pytest.approx(200, abs=20)


def test_a_rectangle_over_a_turned_picture_becomes_a_mask() -> None:
    (region,) = regions_of(drawn(SQUARE), image(rotate=45, translate=(27.07, -19.5)), None)
    assert region.mask is not None
    assert region.mask.sum() == pytest.approx(400, rel=0.1)


def test_what_a_hand_drew_beyond_the_rim_is_cut_off() -> None:
    (region,) = regions_of(drawn(np.array([[-9, -3], [-9, 500], [20, 500], [20, -3]])), image(), None)
    assert region.bounds == (0, 0, 80, 20)


def test_several_shapes_give_several_regions_in_turn() -> None:
    shapes = Shapes([SQUARE, SQUARE + 5], shape_type=["rectangle", "ellipse"])
    assert [region.bounds[0] for region in regions_of(shapes, image(), None)] == [20, 25]


@pytest.mark.parametrize("ndim", [2, 3])
def test_on_a_stack_a_shape_counts_whatever_frame_it_was_drawn_on(ndim) -> None:
    stack = Image(np.zeros((5, 60, 80)), scale=(1, 2, 2))
    points = 2 * SQUARE if ndim == 2 else np.insert(2 * SQUARE, 0, 3, axis=1)
    (region,) = regions_of(drawn(points), stack, None)
    assert region.bounds == (20, 10, 40, 30)


@pytest.mark.parametrize(
    ("points", "kind", "says"),
    [
        (SQUARE + 500, "rectangle", "shape 1 of .* leaves the picture, which is 80 x 60"),
        (SQUARE * (0, 1), "rectangle", "shape 1 of .* has no area"),
        (np.array([[3.1, 3.1], [3.1, 3.3], [3.3, 3.3]]), "polygon", "shape 1 of .* has no area"),
        (SQUARE, "path", "shape 1 of .* is a path"),
        (SQUARE[:2], "line", "shape 1 of .* is a line"),
    ],
)
def test_a_shape_that_is_no_region_is_refused_by_its_number(points, kind, says) -> None:
    with pytest.raises(BadRegion, match=says):
        regions_of(drawn(points, kind), image(), None)


def test_an_empty_layer_is_refused() -> None:
    with pytest.raises(BadRegion, match="holds no shape"):
        regions_of(Shapes(ndim=2), image(), None)
