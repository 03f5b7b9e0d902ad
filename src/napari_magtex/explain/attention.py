"""Attention over a picture: Grad-CAM of everything that a classifier is shown of it, put back where it belongs."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_magtex.explain.gradcam import grad_cam
from napari_magtex.picture import Picture
from napari_magtex.states.definitions import State

MOST_TILES = 64  # a picture that needs more is seen as a whole and through the classifier's own close-ups
_LEAST_WEIGHT = 1e-3  # of a square's rim, where it may be all there is

Map = NDArray[np.float32]


class Explainable(Protocol):
    """What attention needs of a classifier, which it does not import.

    ``network`` has ``features`` (views to features), ``heads`` (mean features of wholes and close-ups to logits) and
    ``cam_layer``. The centre of that layer's cell i is at pixel ``cam_origin + i cam_stride`` of a view.
    """

    cam_stride: int
    cam_origin: float

    @property
    def network(self) -> Any:
        """The network itself."""
        ...

    @property
    def size(self) -> int:
        """Side of a view in pixels."""
        ...

    def look(self, picture: Picture, *, everywhere: bool = False) -> Any:
        """Return the views of a picture and where they lie."""
        ...

    def index(self, state: State) -> int:
        """Return a state's place among the logits."""
        ...

    def top(self, picture: Picture) -> State:
        """Name the state of a picture."""
        ...


class _Together(nn.Module):
    """All views of one picture in, the state logits (1, classes) of the picture out."""

    def __init__(self, network: Any, wholes: int) -> None:
        super().__init__()
        self.network, self.wholes = network, wholes

    def forward(self, views: Tensor) -> Tensor:
        features = self.network.features(views)
        whole, close = features[: self.wholes].mean(dim=0), features[self.wholes :].mean(dim=0)
        return self.network.heads(whole[None], close[None]).state


def attention(picture: Picture, classifier: Explainable, state: State | None = None) -> Map:
    """Show which places of a picture speak for a state.

    Parameters
    ----------
    picture
        Of any size.
    classifier
        The network and its way of looking.
    state
        The state to explain; the picture's own verdict where it is left out.

    Returns
    -------
    (ny, nx) over the picture's own pixels, 0 to 1 and 1 at its most telling place; all 0 where nothing speaks for the
    state. At S = 128 a cell of the map is 16 pixels of a close-up, and an eighth of the whole.

    Notes
    -----
    The picture is covered with close-ups, so that no place is overlooked. A logit is a sum over whole and close-ups,
    each a mean over its views: counted per view, a place has the same say in either, and the two maps are added.
    """
    state = classifier.top(picture) if state is None else State(state)
    tiles = ceil(picture.shape[0] / classifier.size) * ceil(picture.shape[1] / classifier.size)
    seen = classifier.look(picture, everywhere=tiles <= MOST_TILES)
    wholes, closes = len(seen.wholes), len(seen.closes)
    device = next(classifier.network.parameters()).device
    together = _Together(classifier.network, wholes)
    views = torch.cat([seen.wholes, seen.closes]).to(device)
    cams = grad_cam(together, classifier.network.cam_layer, views, classifier.index(state)).cpu().numpy()
    squares = [(s.y, s.x, s.side) for s in (*seen.whole_squares, *seen.close_squares)]
    shape, scale = seen.canvas.shape, (classifier.size, classifier.cam_stride, classifier.cam_origin)
    total = _laid_out(cams[:wholes] * wholes, squares[:wholes], shape, scale)
    total += _laid_out(cams[wholes:] * closes, squares[wholes:], shape, scale)
    n = seen.canvas.enlarged
    own = total.reshape(shape[0] // n, n, shape[1] // n, n).mean(axis=(1, 3))
    return (own / own.max() if own.max() > 0 else own).astype(np.float32)


def _laid_out(
    cams: Map, squares: Sequence[tuple[int, int, int]], shape: tuple[int, int], scale: tuple[int, int, float]
) -> Map:
    """Interpolate maps (n, h, w) over their squares of a canvas; where squares overlap one fades into the other."""
    total, weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for cam, (y, x, side) in zip(cams, squares, strict=True):
        inside = slice(y, y + side), slice(x, x + side)
        fade = np.sin(np.pi * (np.arange(side) + 0.5) / side) ** 2 + _LEAST_WEIGHT
        own = np.outer(fade, fade).astype(np.float32)
        total[inside] += own * (_spread(side, cam.shape[0], scale) @ cam @ _spread(side, cam.shape[1], scale).T)
        weight[inside] += own
    return np.divide(total, weight, out=total, where=weight > 0)


def _spread(side: int, cells: int, scale: tuple[int, int, float]) -> Map:
    """Weights (side, cells) of linear interpolation from cells of a map to the pixels of a square."""
    size, stride, origin = scale
    in_view = (np.arange(side) + 0.5) * size / side - 0.5
    place = np.clip((in_view - origin) / stride, 0, cells - 1)
    return np.maximum(1 - np.abs(place[:, None] - np.arange(cells)), 0).astype(np.float32)
