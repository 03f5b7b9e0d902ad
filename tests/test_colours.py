"""Colour maps there and back, and MuMax3's own pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_magtex.colours import NO_MATERIAL, ColourMap, recognise, rgb_to_spin, spin_to_rgb

X, Y, Z = np.eye(3)
COMPLETE = [c for c in ColourMap if c.carries_in_plane]


@pytest.fixture
def spins() -> np.ndarray:
    m = np.random.default_rng(0).normal(size=(200, 200, 3))
    return m / np.linalg.norm(m, axis=-1, keepdims=True)


def in_8_bits(rgb: np.ndarray) -> np.ndarray:
    return np.round(rgb * 255) / 255


def helix(period: float = 23.0) -> np.ndarray:
    y, x = np.mgrid[:96, :96]
    angle = 2 * np.pi * (x + 0.3 * y) / period
    return np.stack([-0.3 * np.sin(angle), np.sin(angle), np.cos(angle)], axis=-1)


@pytest.mark.parametrize(
    ("m", "rgb"),
    [
        (X, (1, 0, 0)),
        (Y, (0.5, 1, 0)),
        (-X, (0, 1, 1)),
        (-Y, (0.5, 0, 1)),
        (Z, (1, 1, 1)),
        (-Z, (0, 0, 0)),
        (0 * Z, (NO_MATERIAL,) * 3),
    ],
)
def test_mumax3_colours_the_axes_as_its_source_does(m: np.ndarray, rgb: tuple[float, ...]) -> None:
    np.testing.assert_allclose(spin_to_rgb(m), rgb, atol=1e-6)


@pytest.mark.parametrize(
    ("colour_map", "up", "across", "down"),
    [
        (ColourMap.BLUE_RED, (1, 0, 0), (0.5, 0, 0.5), (0, 0, 1)),
        (ColourMap.RAINBOW, (1, 0, 0), (0, 1, 0), (0, 0, 1)),
        (ColourMap.BLUE_WHITE_RED, (1, 0, 0), (1, 1, 1), (0, 0, 1)),
        (ColourMap.GREY, (1, 1, 1), (0.5, 0.5, 0.5), (0, 0, 0)),
    ],
)
def test_maps_of_one_component_run_from_down_to_up(
    colour_map: ColourMap, up: tuple[float, ...], across: tuple[float, ...], down: tuple[float, ...]
) -> None:
    np.testing.assert_allclose(spin_to_rgb([Z, X, -Z], colour_map), [up, across, down], atol=1e-6)


def test_vfrendering_turns_its_hue_from_y_to_x() -> None:
    np.testing.assert_allclose(spin_to_rgb([Y, X], ColourMap.HSV), [(1, 0, 0), (0.5, 1, 0)], atol=1e-6)


@pytest.mark.parametrize("colour_map", COMPLETE)
def test_directions_come_back_to_the_rounding_of_8_bits(colour_map: ColourMap, spins: np.ndarray) -> None:
    back = rgb_to_spin(in_8_bits(spin_to_rgb(spins, colour_map)), colour_map)

    np.testing.assert_allclose(np.linalg.norm(back, axis=-1), 1, atol=1e-5)
    assert np.abs(back - spins)[..., 2].max() < 0.004
    steep = np.abs(spins[..., 2]) < 0.9
    assert np.abs(back - spins)[steep].max() < 0.015


@pytest.mark.parametrize("colour_map", sorted(set(ColourMap) - set(COMPLETE)))
def test_maps_of_one_component_give_it_back_and_no_other(colour_map: ColourMap, spins: np.ndarray) -> None:
    back = rgb_to_spin(in_8_bits(spin_to_rgb(spins, colour_map)), colour_map)

    assert np.abs(back - spins)[..., 2].max() < 0.005
    assert not back[..., :2].any()


@pytest.mark.parametrize("colour_map", sorted(set(ColourMap) - {ColourMap.GREY}))
def test_no_material_comes_back_as_such(colour_map: ColourMap) -> None:
    assert not rgb_to_spin(in_8_bits(spin_to_rgb(np.zeros((4, 3)), colour_map)), colour_map).any()


@pytest.mark.parametrize("colour_map", sorted(set(ColourMap) - {ColourMap.HSV}))
@pytest.mark.parametrize("sublattices", [False, True])
def test_a_map_is_recognised_by_its_colours(colour_map: ColourMap, sublattices: bool) -> None:
    m = helix()
    if sublattices:
        y, x = np.mgrid[:96, :96]
        m = m * (1 - 2 * ((x + y) % 2))[..., None]
    assert recognise(in_8_bits(spin_to_rgb(m, colour_map))) is colour_map


@pytest.mark.parametrize("colour_map", sorted(set(ColourMap) - {ColourMap.HSV}))
@pytest.mark.parametrize("elsewhere", ["one colour", "noise"])
def test_a_map_is_recognised_by_the_pixels_that_count(colour_map: ColourMap, elsewhere: str) -> None:
    rgb = in_8_bits(spin_to_rgb(helix(), colour_map))
    inside = np.zeros(rgb.shape[:2], bool)
    inside[10:70:2, 10:70] = True
    inside[10:70, 20:50] = True
    noise = np.random.default_rng(0).random(rgb[~inside].shape)
    rgb[~inside] = (0.1, 0.9, 0.4) if elsewhere == "one colour" else noise
    assert recognise(rgb, inside) is colour_map


def test_pixels_that_count_are_not_lost_in_a_large_picture() -> None:
    rgb = np.repeat(np.repeat(spin_to_rgb(helix()), 16, axis=0), 16, axis=1)
    inside = np.zeros(rgb.shape[:2], bool)
    inside[1::6, 1::6] = True
    assert recognise(rgb, inside) is ColourMap.MUMAX3


def test_noise_of_all_colours_is_no_map() -> None:
    assert recognise(np.random.default_rng(0).random((64, 64, 3))) is None


@pytest.mark.parametrize(
    ("name", "m"),
    [
        ("example5_twodomain", {(0.1, 0.5): X, (0.9, 0.5): -X}),
        ("example5_vortex", {(0.95, 0.5): Y, (0.05, 0.5): -Y, (0.5, 0.97): X, (0.5, 0.03): -X}),
    ],
)
def test_pictures_by_mumax3_are_read_the_way_they_were_set(
    real_data: Path, name: str, m: dict[tuple[float, float], np.ndarray]
) -> None:
    # Of MuMax3's documentation: a two-domain state along +x | -x, and a counter-clockwise vortex.
    rgb = np.asarray(Image.open(real_data / f"spinpng/mumax3_website/{name}.png").convert("RGB")) / 255
    assert recognise(rgb) is ColourMap.MUMAX3
    read = rgb_to_spin(rgb)
    for (x, y), expected in m.items():
        spot = read[int(y * rgb.shape[0]), int(x * rgb.shape[1])]
        assert spot @ expected > 0.9


@pytest.mark.parametrize(
    ("folder", "known"),
    [("mumax3_website", {ColourMap.MUMAX3, ColourMap.GREY}), ("SKML_params", {ColourMap.GREY}), ("spirit", {None})],
)
def test_pictures_by_other_programs_are_recognised(real_data: Path, folder: str, known: set[ColourMap | None]) -> None:
    for path in sorted((real_data / "spinpng" / folder).glob("*.png"))[:40]:
        assert recognise(np.asarray(Image.open(path).convert("RGB")) / 255) in known, path.name
