"""Textures as blocks of colour."""

from __future__ import annotations

import numpy as np
import pytest

from napari_magtex.colours import NO_MATERIAL, ColourMap, rgb_to_spin, spin_to_rgb
from napari_magtex.errors import Unsuitable
from napari_magtex.imaging.cells import draw_cells
from napari_magtex.picture import Contrast
from napari_magtex.texture import Lattice, SpinTexture


def noise(shape: tuple[int, ...] = (20, 30)) -> np.ndarray:
    m = np.random.default_rng(1).normal(size=(*shape, 3))
    return m / np.linalg.norm(m, axis=-1, keepdims=True)


def test_every_cell_becomes_a_block_of_its_colour() -> None:
    m = noise()
    picture = draw_cells(SpinTexture.from_layer(m, cell=(1e-9, 4e-9, 2e-9)), zoom=3)

    assert picture.contrast is Contrast.SPIN
    assert picture.meta["colour_map"] == ColourMap.MUMAX3
    assert picture.shape == (60, 90)
    assert picture.pixel_size == pytest.approx((4e-9 / 3, 2e-9 / 3))
    np.testing.assert_array_equal(picture.pixels, spin_to_rgb(m.astype(np.float32)).repeat(3, 0).repeat(3, 1))


def test_the_first_row_of_a_texture_is_on_top() -> None:
    m = np.tile([0.0, 0.0, -1.0], (16, 16, 1))
    m[0] = [0, 0, 1]
    assert draw_cells(SpinTexture.from_layer(m)).pixels[0].min() == 1


def test_a_thick_texture_shows_its_middle_layer() -> None:
    m = noise((3, 20, 20))
    np.testing.assert_array_equal(draw_cells(SpinTexture(m)).pixels, draw_cells(SpinTexture.from_layer(m[1])).pixels)


def test_cells_without_material_are_grey() -> None:
    m = noise()
    m[5, 7] = 0
    np.testing.assert_allclose(draw_cells(SpinTexture.from_layer(m)).pixels[5, 7], NO_MATERIAL)


def test_sites_of_a_triangular_lattice_lie_where_they_are() -> None:
    m, zoom = noise((18, 20)), 10
    texture = SpinTexture.from_layer(m, lattice=Lattice.TRIANGULAR, cell=(1e-9, 3e-10, 2e-10))
    picture = draw_cells(texture, zoom=zoom)

    read = rgb_to_spin(picture.pixels)
    rows, columns = np.mgrid[:18, :20]
    x = (columns + 0.5 + (17 - rows) / 2) * zoom
    y = (rows + 0.5) * zoom * np.sqrt(3) / 2
    np.testing.assert_allclose(read[y.astype(int), x.astype(int)], m, atol=2e-3)
    np.testing.assert_allclose(picture.pixels[0, 0], NO_MATERIAL)
    np.testing.assert_allclose(picture.pixels[-1, -1], NO_MATERIAL)
    assert picture.pixel_size == pytest.approx((2e-11, 2e-11))


def test_no_site_of_a_triangular_lattice_is_lost_at_zoom_1() -> None:
    texture = SpinTexture.from_layer(noise((18, 20)), lattice=Lattice.TRIANGULAR, cell=(1e-9, 2e-10, 2e-10))
    picture = draw_cells(texture)
    sites = (picture.pixels != picture.pixels[0, 0]).any(axis=-1)
    assert sites.sum() == 18 * 20
    assert picture.pixel_size == pytest.approx((2e-10 * np.sqrt(3) / 2, 2e-10))


@pytest.mark.parametrize("zoom", [0, -1, 1.5])
def test_a_zoom_that_is_no_whole_number_is_refused(zoom: float) -> None:
    with pytest.raises(Unsuitable, match="not"):
        draw_cells(SpinTexture.from_layer(noise()), zoom=zoom)  # type: ignore[arg-type]


def test_a_tiny_texture_asks_for_a_larger_zoom() -> None:
    texture = SpinTexture.from_layer(noise((4, 4)))
    with pytest.raises(Unsuitable, match="raise the zoom"):
        draw_cells(texture)
    assert draw_cells(texture, zoom=4).shape == (16, 16)
