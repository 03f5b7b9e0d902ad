"""New layers lie on the part of their input that they came from, whatever its transform and units."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from napari_magtex.widgets.layers import flat, label_colours, pixel_size_of, placed_on, to_pixels, units_disagree


def tangled(ndim: int, **more: object) -> Image:
    """Return a layer that is scaled, moved, rotated, sheared and then put through an affine."""
    affine = np.eye(ndim + 1)
    affine[-3:-1, -3:-1] = [[0.8, 0.3], [-0.2, 1.1]]
    affine[-3:-1, -1] = [7, 9]
    layer = Image(np.zeros((2, 3, 20, 30)[-ndim:]), scale=[5, 4, 3, 2][-ndim:], affine=affine, **more)
    layer.translate = np.array([1, -2, 3, -4])[-ndim:]
    turn = np.eye(ndim)
    turn[-2:, -2:] = [[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]]
    layer.rotate = turn
    shear = np.eye(ndim)
    shear[-2, -1] = 0.2
    layer.shear = shear
    return layer


@pytest.mark.parametrize("ndim", [2, 3, 4])
@pytest.mark.parametrize(("origin", "step"), [((0, 0), (1, 1)), ((5, 7), (1, 1)), ((11.5, 15.5), (8, 4))])
def test_a_pixel_of_the_new_layer_lies_where_its_pixel_of_the_input_lies(ndim, origin, step) -> None:
    layer = tangled(ndim)
    new = Image(np.zeros((2, 2, 6, 6)[-ndim:]), **placed_on(layer, origin=origin, step=step))
    for y, x in [(0, 0), (3, 0), (2, 5)]:
        mine, theirs = np.ones(ndim), np.ones(ndim)
        mine[-2:] = y, x
        theirs[-2:] = origin[0] + step[0] * y, origin[1] + step[1] * x
        np.testing.assert_allclose(new.data_to_world(mine), layer.data_to_world(theirs), atol=1e-9)


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_flat_layer_lies_under_every_frame_of_a_stack_where_its_pixels_lie(ndim) -> None:
    layer = tangled(ndim)
    new = Image(np.zeros((6, 6)), **flat(placed_on(layer, origin=(5, 7), step=(2, 2))))
    for y, x in [(0, 0), (3, 0), (2, 5)]:
        theirs = np.ones(ndim)
        theirs[-2:] = 5 + 2 * y, 7 + 2 * x
        np.testing.assert_allclose(new.data_to_world((y, x)), layer.data_to_world(theirs)[-2:], atol=1e-9)


def test_a_result_of_one_frame_shows_on_that_frame_alone() -> None:
    layer = Image(np.zeros((5, 20, 30)), scale=(10, 1, 1))
    new = Image(np.zeros((1, 20, 30)), **placed_on(layer, origin=(3, 0, 0)))
    assert new.extent.world[0][0] == new.extent.world[1][0] == 30


def test_units_and_axis_labels_follow_and_the_transform_is_not_shared() -> None:
    layer = tangled(2, units=("nm", "nm"), axis_labels=("y", "x"))
    new = Image(np.zeros((5, 5)), **placed_on(layer))
    assert (new.units, new.axis_labels) == (layer.units, ("y", "x"))
    layer.affine = np.eye(3)
    assert not np.allclose(new.affine.affine_matrix, np.eye(3))


@pytest.mark.parametrize(
    ("unit", "metres"), [("nm", 1e-9), ("um", 1e-6), ("µm", 1e-6), ("m", 1.0), ("angstrom", 1e-10)]
)
def test_the_pixel_size_comes_from_scale_and_unit(unit, metres) -> None:
    layer = Image(np.zeros((20, 30)), scale=(2, 4), rotate=30, units=(unit, unit))
    assert pixel_size_of(layer) == pytest.approx((2 * metres, 4 * metres))


@pytest.mark.parametrize("units", [None, ("pixel", "pixel"), ("s", "s")])
def test_without_a_length_the_pixel_size_is_unknown(units) -> None:
    assert pixel_size_of(Image(np.zeros((20, 30)), scale=(2, 4), units=units)) is None


def test_the_time_axis_of_a_stack_has_no_say_in_the_pixel_size() -> None:
    layer = Image(np.zeros((4, 20, 30)), scale=(7, 2, 2), units=("s", "nm", "nm"))
    assert pixel_size_of(layer) == pytest.approx((2e-9, 2e-9))


def test_nm_and_um_convert_where_napari_converts_them() -> None:
    coarse = Image(np.zeros((20, 30)), scale=(0.01, 0.01), units=("um", "um"))
    fine = Image(np.zeros((20, 30)), scale=(2, 2), units=("nm", "nm"))
    world = fine.units  # what viewer.dims.units holds
    np.testing.assert_allclose(to_pixels(np.array([[1.0, 2.0]]), coarse, fine, world), [[5, 10]])
    assert not units_disagree([coarse, fine])


def test_pixel_beside_nm_goes_by_bare_numbers_as_napari_draws_it() -> None:
    bare = Image(np.zeros((20, 30)))
    fine = Image(np.zeros((20, 30)), scale=(2, 2), units=("nm", "nm"))
    np.testing.assert_allclose(to_pixels(np.array([[4.0, 8.0]]), bare, fine, None), [[2, 4]])
    assert units_disagree([bare, fine])


def test_labels_have_colours_of_their_own_or_none():
    colours = label_colours({2: "#ff0000", 3: "#0000ff80"}).map(np.array([[0, 1, 2], [3, 4, 99]], np.uint8))
    assert colours[..., 3].round(2).tolist() == [[0, 0, 1], [0.5, 0, 0]]
    assert colours[0, 2, :3].tolist() == [1, 0, 0]
    assert colours[1, 0, :3].tolist() == [0, 0, 1]
