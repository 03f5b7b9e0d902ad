"""A network made by hand finds red: attention must lie on the red of a picture, whatever its size and shape."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_magtex.classify.network import STATES, Logits
from napari_magtex.classify.views import Views, views
from napari_magtex.explain import attention as module
from napari_magtex.explain.attention import attention
from napari_magtex.picture import Picture
from napari_magtex.states.definitions import State

SIZE = 64


class FindsRed(nn.Module):
    """Features are the mean red and the mean blue; red speaks for skyrmions, blue for stripes."""

    interpolation = "bicubic"

    def __init__(self) -> None:
        super().__init__()
        self.cam_layer = nn.Conv2d(3, 2, 8, stride=8, bias=False).requires_grad_(False)
        self.cam_layer.weight[:] = 0
        self.cam_layer.weight[0, 0] = self.cam_layer.weight[1, 2] = 1 / 64

    def features(self, seen: Tensor) -> Tensor:
        return self.cam_layer(seen).mean(dim=(2, 3))

    def heads(self, whole: Tensor, close: Tensor) -> Logits:
        state = torch.zeros(len(whole), len(STATES))
        for index, target in enumerate((State.FM_SKYRMIONS, State.FM_STRIPES)):
            state[:, STATES.index(target)] = whole[:, index] + close[:, index]
        return Logits(state, torch.zeros(1, 4), torch.zeros(1))


@dataclass
class ByHand:
    network: Any
    size: int = SIZE
    cam_stride: int = 8
    cam_origin: float = 3.5  # an average of pixels 0 to 7

    def look(self, picture: Picture, *, everywhere: bool = False) -> Views:
        return views(picture, self.size, everywhere=everywhere)

    def index(self, state: State) -> int:
        return STATES.index(state)

    def top(self, picture: Picture) -> State:
        return State.FM_SKYRMIONS


@pytest.fixture
def classifier() -> ByHand:
    return ByHand(FindsRed())


def _spots(shape: tuple[int, int], red: tuple[float, float], blue: tuple[float, float]) -> Picture:
    pixels = np.zeros((*shape, 3), np.float32)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for channel, (cy, cx) in ((0, red), (2, blue)):
        radius = min(shape) / 16
        pixels[..., channel] = np.exp(-((y + 0.5 - cy * shape[0]) ** 2 + (x + 0.5 - cx * shape[1]) ** 2) / radius**2)
    return Picture(pixels)


def _centre(attended: NDArray[np.float32]) -> tuple[float, float]:
    y, x = np.mgrid[: attended.shape[0], : attended.shape[1]]
    total = attended.sum()
    return float((attended * (y + 0.5)).sum() / total), float((attended * (x + 0.5)).sum() / total)


@pytest.mark.parametrize("shape", [(64, 64), (20, 20), (50, 33), (128, 128), (150, 300), (400, 130), (301, 299)])
def test_attention_lies_on_the_spot_that_speaks_for_the_state(classifier: ByHand, shape: tuple[int, int]) -> None:
    picture = _spots(shape, red=(0.3, 0.65), blue=(0.75, 0.25))
    for state, place in ((State.FM_SKYRMIONS, (0.3, 0.65)), (State.FM_STRIPES, (0.75, 0.25))):
        attended = attention(picture, classifier, state)
        assert attended.shape == shape
        assert attended.dtype == np.float32
        y, x = _centre(attended)
        assert y == pytest.approx(place[0] * shape[0], abs=0.02 * min(shape))
        assert x == pytest.approx(place[1] * shape[1], abs=0.02 * min(shape))


def test_the_most_telling_place_is_one_and_nothing_is_negative(classifier: ByHand) -> None:
    attended = attention(_spots((90, 120), (0.5, 0.2), (0.5, 0.8)), classifier)
    assert attended.max() == 1
    assert attended.min() >= 0


def test_no_state_named_is_the_verdicts(classifier: ByHand) -> None:
    picture = _spots((90, 120), (0.5, 0.2), (0.5, 0.8))
    assert np.array_equal(attention(picture, classifier), attention(picture, classifier, State.FM_SKYRMIONS))


def test_nothing_that_speaks_for_a_state_is_no_attention(classifier: ByHand) -> None:
    blue = np.zeros((100, 100, 3), np.float32)
    blue[..., 2] = 1
    assert not attention(Picture(blue), classifier, State.FM_SKYRMIONS).any()


def test_two_equal_spots_in_different_tiles_get_equal_attention(classifier: ByHand) -> None:
    pixels = np.zeros((192, 192, 3), np.float32)
    pixels[20:44, 20:44, 0] = pixels[148:172, 148:172, 0] = 1
    attended = attention(Picture(pixels), classifier)
    assert attended[:96, :96].sum() == pytest.approx(attended[96:, 96:].sum(), rel=0.02)
    assert attended[:96, 96:].max() < 0.05


def test_a_weaker_spot_in_another_tile_stays_the_weaker_one(classifier: ByHand) -> None:
    pixels = np.zeros((192, 192, 3), np.float32)
    pixels[20:44, 20:44, 0], pixels[148:172, 148:172, 0] = 1, 0.5
    attended = attention(Picture(pixels), classifier)
    assert attended[96:, 96:].max() == pytest.approx(0.5, rel=0.05)


def test_attention_does_not_fade_where_the_verdict_is_certain(classifier: ByHand) -> None:
    picture = _spots((90, 120), (0.5, 0.2), (0.5, 0.8))
    before = attention(picture, classifier)
    classifier.network.cam_layer.weight *= 1e4  # a softmax would be 1 and its slope 0
    assert np.allclose(attention(picture, classifier), before, atol=1e-5)


def test_a_picture_of_too_many_tiles_is_still_explained(classifier: ByHand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TILES", 3)
    y, x = _centre(attention(_spots((256, 256), (0.3, 0.65), (0.75, 0.25)), classifier))
    assert (y, x) == (pytest.approx(0.3 * 256, abs=8), pytest.approx(0.65 * 256, abs=8))
