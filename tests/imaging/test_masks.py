"""Proposals of what is no picture: found where it is, and not where it is not."""

import io

import numpy as np
import pytest
from PIL import Image

from napari_magtex.imaging.cleaning import Kind
from napari_magtex.imaging.masks import footer_of, proposals

RNG = np.random.default_rng(3)
Y, X = np.mgrid[:240, :320].astype(np.float32)
LABYRINTH = np.sign(np.sin(X / 9 + 3 * np.sin(Y / 25)))


def grainy(mean=120.0, texture=25.0, noise=10.0):
    """An 8-bit frame of stripes."""
    frame = mean + texture * LABYRINTH + RNG.normal(0, noise, X.shape)
    return frame.clip(0, 255).round().astype(np.float32)


def burnt_in(frame, rows=24, ground=0.0, ink=255.0):
    """The same with a footer: a bar, and letters as blocks."""
    frame = frame.copy()
    frame[-rows:] = ground
    frame[-rows + 4 : -rows + 8, 20:120] = ink
    frame[-10:-4, 20:300:12] = ink
    return frame


@pytest.mark.parametrize("rows", [6, 24, 70])
@pytest.mark.parametrize(("ground", "ink"), [(0, 255), (255, 0), (40, 200)])
def test_a_footer_is_found_to_the_row(rows, ground, ink):
    frame = burnt_in(grainy(), rows, ground, ink)
    assert np.flatnonzero(footer_of(frame).all(axis=1)).tolist() == list(range(240 - rows, 240))
    assert np.flatnonzero(footer_of(frame[::-1]).any(axis=1)).tolist() == list(range(rows))


def test_a_footer_below_a_film_of_few_greys_is_found():
    quiet = np.where(RNG.random(X.shape) < 0.9, 120, 140).astype(np.float32)
    quiet[RNG.random(X.shape) < 0.12] = 90
    assert footer_of(burnt_in(quiet)).sum() == 24 * 320


def test_a_footer_survives_a_jpeg():
    stream = io.BytesIO()
    Image.fromarray(burnt_in(grainy()).astype(np.uint8)).save(stream, "jpeg", quality=90)
    seen = np.asarray(Image.open(stream), np.float32)
    rows = np.flatnonzero(footer_of(seen).any(axis=1))
    assert 216 - 4 <= rows[0] <= 216 + 4
    assert rows[-1] == 239


@pytest.mark.parametrize(
    "frame",
    [
        grainy(),
        LABYRINTH,
        np.full(X.shape, 7.0, np.float32),
        np.sin(X / 7) * np.sin(Y / 7),
        RNG.poisson(3, X.shape).astype(np.float32),
        grainy() - 120,
        100 + 0.3 * X + RNG.normal(0, 3, X.shape),
    ],
    ids=["stripes", "noise-free", "constant", "lattice", "few electrons", "difference", "gradient"],
)
def test_a_texture_is_left_alone(frame):
    assert Kind.FOOTER not in proposals(frame)
    assert Kind.SHADOW not in proposals(frame)


def test_the_shadow_of_a_beam_stop_is_found_with_its_half_light():
    light = np.where(np.hypot(X - 320, Y - 120) < 90, 0.05, 1.0)
    frame = RNG.poisson(200 * light * (1 + 0.2 * LABYRINTH)).astype(np.float32)
    found = proposals(frame)
    assert set(found) == {Kind.SHADOW}
    dark = light < 1
    assert found[Kind.SHADOW][dark].mean() > 0.99
    assert found[Kind.SHADOW][~dark].mean() < 0.1


def test_only_what_is_asked_for_is_proposed():
    frame = burnt_in(grainy())
    frame[20:60, 200:260] = 255
    assert set(proposals(frame, {Kind.CLIPPED})) == {Kind.CLIPPED}
    assert proposals(frame, ()) == {}


def test_dark_fringes_without_an_edge_are_no_shadow():
    fringes = 100 * (1 + np.cos(Y / 30)) / 2
    assert proposals(RNG.poisson(fringes + 1).astype(np.float32)) == {}


def test_a_saturated_block_is_found_and_the_footer_apart_from_it():
    frame = burnt_in(grainy())
    frame[20:60, 200:260] = 255
    found = proposals(frame)
    assert set(found) == {Kind.FOOTER, Kind.CLIPPED}
    assert found[Kind.CLIPPED][20:60, 200:260].all()
    assert found[Kind.CLIPPED].sum() <= 44 * 64
    assert not (found[Kind.CLIPPED] & found[Kind.FOOTER]).any()


@pytest.mark.parametrize("name", ["KerrPy/bubble_large.png", "KerrPy/uniform_saturated_up.png"])
def test_the_footers_of_real_kerr_frames(real_data, name):
    from napari_magtex.inputs import open_inputs

    frame = open_inputs(real_data / "kerr" / name)[0].picture.pixels
    found = proposals(frame)
    assert set(found) == {Kind.FOOTER}
    assert np.flatnonzero(found[Kind.FOOTER].any(axis=1)).tolist() == list(range(1024, 1066))


def test_the_footer_of_a_real_difference_and_none_in_frames_of_skyrmions(real_data):
    from napari_magtex.inputs import open_inputs

    frame = open_inputs(real_data / "kerr/Stoner/annotated_diff.png")[0].picture.pixels
    assert np.flatnonzero(footer_of(frame).any(axis=1)).tolist() == list(range(512, 554))
    for path in sorted((real_data / "kerr/kfjml_regensburg2025/images").glob("*.png"))[::40]:
        assert proposals(open_inputs(path)[0].picture.pixels) == {}
