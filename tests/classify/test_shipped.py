"""The shipped weights on textures that are simple enough for anyone to name."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_magtex.classify.network import STATES
from napari_magtex.classify.predict import Classifier, classify
from napari_magtex.colours import ColourMap
from napari_magtex.compute import drain
from napari_magtex.explain.attention import attention
from napari_magtex.imaging.arrows import ArrowStyle, draw_arrows
from napari_magtex.imaging.cells import draw_cells
from napari_magtex.models import store
from napari_magtex.picture import Contrast, Picture
from napari_magtex.results import Verdict
from napari_magtex.states.definitions import State
from napari_magtex.texture import SpinTexture

missed = pytest.mark.xfail(reason="weights 0.4 miss square arrays, which no training picture shows")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load(device="cpu")


def _verdict(picture: Picture, classifier: Classifier) -> Verdict:
    (verdict,) = drain(classify([picture], classifier))
    return verdict


def _skyrmions(side: int = 96, period: int = 24, radius: float = 6.0) -> NDArray[np.float64]:
    """A square array of Néel skyrmions, cores down."""
    rows, columns = np.mgrid[:side, :side] % period - period / 2
    r, angle = np.hypot(columns, rows), np.arctan2(-rows, columns)
    theta = 2 * np.arctan2(np.sinh(radius / 3), np.sinh(r / 3))
    return np.stack([np.sin(theta) * np.cos(angle), np.sin(theta) * np.sin(angle), np.cos(theta)], axis=-1)


def _stripes(side: int = 96, period: float = 16) -> NDArray[np.float64]:
    phase = 2 * np.pi / period * np.mgrid[:side, :side][1]
    return np.stack([np.sin(phase), 0 * phase, np.cos(phase)], axis=-1)


def _staggered(m: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, columns = np.mgrid[: m.shape[0], : m.shape[1]]
    return m * (1 - 2 * ((rows + columns) % 2))[..., None]


UP = np.broadcast_to(np.array([0.0, 0.0, 1.0]), (96, 96, 3))
TEXTURES = {
    State.FM_SKYRMIONS: _skyrmions(),
    State.FM_STRIPES: _stripes(),
    State.FM: UP,
    State.AFM: _staggered(UP),
    State.AFM_SKYRMIONS: _staggered(_skyrmions()),
    State.AFM_STRIPES: _staggered(_stripes()),
}


DENSE = {(State.FM_SKYRMIONS, 2)}


def test_the_card_says_what_it_was_trained_on_and_how_good_it_is() -> None:
    card = store.read_card("nine-states")
    assert card["kind"] == "classifier"
    assert card["states"] == [str(s) for s in STATES]
    assert {"calibration", "data", "recipe", "rule", "size", "test", "version"} <= set(card)
    assert store.locate("nine-states").stat().st_size < 10_000_000


@pytest.mark.parametrize(
    ("state", "zoom"),
    [pytest.param(s, z, marks=missed) if (s, z) in DENSE else (s, z) for s in TEXTURES for z in (2, 4)],
)
def test_mumax_cells_are_named(state: State, zoom: int, classifier: Classifier) -> None:
    picture = draw_cells(SpinTexture.from_layer(TEXTURES[state]), ColourMap.MUMAX3, zoom=zoom)
    assert state in _verdict(picture, classifier).set


@pytest.mark.parametrize("pixels_per_site", [4.0, 6.0, 9.0])
def test_an_antiferromagnet_is_one_at_whatever_size_it_is_drawn(pixels_per_site: float, classifier: Classifier) -> None:
    style = ArrowStyle(pixels_per_site=pixels_per_site, colour_map=ColourMap.BLUE_RED)
    picture = draw_arrows(SpinTexture.from_layer(TEXTURES[State.AFM]), style)
    assert _verdict(picture, classifier).state == State.AFM


@pytest.mark.parametrize("side", [64, 128, 400, 1000])
def test_a_uniform_texture_is_a_ferromagnet_at_any_size(side: int, classifier: Classifier) -> None:
    picture = draw_cells(SpinTexture.from_layer(np.broadcast_to(UP[:1, :1], (side, side, 3))))
    assert _verdict(picture, classifier).state == State.FM


@pytest.mark.parametrize("colour_map", [ColourMap.MUMAX3, ColourMap.HSV, ColourMap.BLUE_RED, ColourMap.RAINBOW])
def test_a_uniform_texture_is_a_ferromagnet_in_any_direction(colour_map: ColourMap, classifier: Classifier) -> None:
    directions = np.random.default_rng(1).normal(size=(12, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    uniform = [SpinTexture.from_layer(np.broadcast_to(d, (80, 80, 3))) for d in directions]
    named = drain(classify([draw_cells(m, colour_map, zoom=2) for m in uniform], classifier))
    assert sum(verdict.state == State.FM for verdict in named) >= 11


def test_noise_in_a_microscope_is_no_contrast(classifier: Classifier) -> None:
    noise = Picture(np.random.default_rng(0).normal(1000, 30, (300, 300)), Contrast.KERR)
    assert _verdict(noise, classifier).verdict == "no_contrast"


def test_noise_in_three_colours_is_out_of_range(classifier: Classifier) -> None:
    assert _verdict(Picture(np.random.default_rng(0).random((256, 256, 3))), classifier).verdict == "out_of_range"


def test_attention_to_a_lone_skyrmion_is_where_it_is(classifier: Classifier) -> None:
    m = np.array(UP)
    m[16:40, 52:76] = _skyrmions(24)
    attended = attention(draw_cells(SpinTexture.from_layer(m), zoom=4), classifier, State.FM_SKYRMIONS)
    inside = np.zeros(attended.shape, bool)
    inside[48:176, 192:320] = True  # the skyrmion, and a cell of the map around it
    assert attended[inside].mean() > 2 * attended[~inside].mean()
