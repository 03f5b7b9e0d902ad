"""Textures as lit arrows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_magtex.errors import Unsuitable
from napari_magtex.imaging.arrows import ArrowStyle, draw_arrows
from napari_magtex.texture import Lattice, SpinTexture


def uniform(m: tuple[float, float, float], shape: tuple[int, int] = (12, 12)) -> np.ndarray:
    return np.tile(np.array(m, dtype=float), (*shape, 1))


def one_arrow(m: tuple[float, float, float], **style: Any) -> np.ndarray:
    """How far each pixel (61, 61) is from a white ground, around a single arrow as long."""
    look = ArrowStyle(**{"pixels_per_site": 61, "length": 1.0, **style})
    return 1 - draw_arrows(SpinTexture.from_layer([[m]]), look).pixels.min(axis=-1)


@pytest.mark.parametrize("angle_deg", [0, 45, 90, 180, 225, 270, 300])
def test_the_head_of_an_arrow_is_where_it_points(angle_deg: float) -> None:
    angle = np.radians(angle_deg)
    ink = one_arrow((np.cos(angle), np.sin(angle), 0.0), colour_map="grey") > 0.05
    down, right = np.argwhere(ink).T - 30.0
    along = right * np.cos(angle) - down * np.sin(angle)
    across = right * np.sin(angle) + down * np.cos(angle)

    cone, shaft = (along > 2) & (along < 10), (along < -2) & (along > -28)
    assert np.ptp(across[cone]) > 1.5 * np.ptp(across[shaft])
    assert np.ptp(across[along > 26]) < 0.5 * np.ptp(across[shaft])  # the tip
    assert np.ptp(along) == pytest.approx(60, abs=3)
    assert abs(across.mean()) < 0.5


def test_an_arrow_towards_the_viewer_is_a_disc_and_darker_than_one_away() -> None:
    up, down = (one_arrow((0.0, 0.0, z), colour_map="blue-white-red", antialias=False) for z in (1.0, -1.0))
    for ink in (up, down):
        rows, columns = np.nonzero(ink > 0.05)
        assert abs(np.ptp(rows) - np.ptp(columns)) <= 1
        assert rows.mean() == pytest.approx(30, abs=0.6)
    # Up shows the cone's slope, down its flat end, as in VFRendering's own pictures.
    picture = [
        draw_arrows(SpinTexture.from_layer(uniform((0, 0, z))), ArrowStyle(colour_map="blue-white-red")).pixels
        for z in (1.0, -1.0)
    ]
    assert picture[0][..., 2].min() < 0.05
    assert picture[1][..., 0].min() < 0.25
    assert picture[0][picture[0][..., 2] < 0.05][:, 0].max() < 0.7


def test_an_arrow_is_nowhere_cut() -> None:
    m = uniform((0.0, 1.0, 0.0), (16, 16))
    for length in (1.0, 1.35):
        style = ArrowStyle(pixels_per_site=13.3, length=length)
        ink = 1 - draw_arrows(SpinTexture.from_layer(m), style).pixels.min(axis=-1)
        assert ink[:, 0].max() == 0
        # The tip of the top row and the foot of the bottom row are inside.
        assert ink[0].max() < 0.6
        inside = ink[2:-2].sum() / 16**2
        single = np.zeros((16, 16, 3))
        single[8, 8] = [0, 1, 0]
        whole = (1 - draw_arrows(SpinTexture.from_layer(single), style).pixels.min(axis=-1)).sum()
        assert inside == pytest.approx(whole, rel=0.1 if length == 1 else 0.2)


def test_arrows_stand_at_the_sites_of_a_triangular_lattice() -> None:
    field = np.zeros((12, 12, 3))
    field[2, 3] = [0, 0, 1]
    style = ArrowStyle(pixels_per_site=10, length=1.0, colour_map="blue-red")
    pixels = draw_arrows(SpinTexture.from_layer(field, lattice=Lattice.TRIANGULAR), style).pixels
    down, right = np.argwhere(pixels.min(axis=-1) < 0.9).mean(axis=0)
    assert right + 0.5 == pytest.approx((3.5 + 9 / 2) * 10, abs=0.7)
    assert down + 0.5 == pytest.approx(2.5 * 10 * np.sqrt(3) / 2, abs=0.7)


def test_a_calibrated_texture_gives_a_calibrated_picture_unless_tilted() -> None:
    texture = SpinTexture.from_layer(uniform((0, 0, 1)), cell=(1e-9, 4e-9, 2e-9))
    assert draw_arrows(texture).pixel_size == pytest.approx((5e-10, 2.5e-10))
    assert draw_arrows(texture, ArrowStyle(tilt_deg=20)).pixel_size is None


def test_a_tilted_view_shows_the_side_of_an_arrow_that_points_up() -> None:
    flat, tilted = (one_arrow((0.0, 0.0, 1.0), colour_map="blue-red", tilt_deg=t) > 0.05 for t in (0.0, 40.0))
    rows = [np.ptp(np.nonzero(ink)[0]) for ink in (flat, tilted)]
    assert rows[1] > rows[0]
    wide = tilted.sum(axis=1)
    assert np.flatnonzero(wide == wide.max()).mean() < np.nonzero(tilted)[0].mean() + 3
    # What lies at the upper edge recedes and shrinks.
    ink = 1 - draw_arrows(
        SpinTexture.from_layer(uniform((0, 0, -1), (20, 20))), ArrowStyle(tilt_deg=40, colour_map="grey")
    ).pixels.min(axis=-1)
    third = len(ink) // 3
    assert (ink[:third] > 0.1).any(axis=0).sum() < (ink[-third:] > 0.1).any(axis=0).sum()


def test_sites_without_material_are_empty() -> None:
    field = uniform((0, 1, 0))
    field[:, 6:] = 0
    pixels = draw_arrows(SpinTexture.from_layer(field), ArrowStyle(ground=(0.5, 0.5, 0.5))).pixels
    assert (pixels[:, 54:] == 0.5).all()
    assert (pixels[:, :45] != 0.5).any()


def test_every_second_arrow_hides_an_antiferromagnet() -> None:
    y, x = np.mgrid[:24, :24]
    field = uniform((0, 0, 1), (24, 24)) * (1 - 2 * ((x + y) % 2))[..., None]
    pixels = draw_arrows(SpinTexture.from_layer(field), ArrowStyle(every=2, colour_map="blue-red")).pixels
    assert pixels[..., 2].min() < 0.1
    assert pixels[..., 0].min() > 0.3  # no blue arrow is left


def test_random_styles_are_repeatable_various_and_drawable() -> None:
    styles = [ArrowStyle.random(np.random.default_rng(seed)) for seed in range(25)]
    assert styles[3] == ArrowStyle.random(np.random.default_rng(3))
    assert len({s.colour_map for s in styles}) >= 4
    assert len({s.ground for s in styles}) >= 3
    assert all(s.every == 1 for s in styles)
    for style in styles:
        pixels = draw_arrows(SpinTexture.from_layer(uniform((0.6, 0.0, 0.8), (16, 16))), style).pixels
        assert np.ptp(pixels) > 0.1


def test_arrows_too_small_to_see_are_refused() -> None:
    with pytest.raises(Unsuitable, match="2 pixels"):
        ArrowStyle(pixels_per_site=1)
