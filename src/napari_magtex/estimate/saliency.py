"""Where an estimator looked: for each parameter, which places of a picture its answer hangs on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter
from torch import Tensor

from napari_magtex.compute import Progress
from napari_magtex.estimate.channels import Channels, channels
from napari_magtex.estimate.estimator import Estimator
from napari_magtex.estimate.network import STRIDE, WINDOW, Windows
from napari_magtex.estimate.parameters import CONSTANTS
from napari_magtex.estimate.windows import grid, windows_inside
from napari_magtex.picture import Picture

_BAND = 8  # rows of windows at once
_BLUR = 2.0  # cells: the network's strides leave a pattern of 2 and 4 cells in a gradient

Map = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Saliency:
    """What the answer for each parameter hangs on, to be laid over the picture that it came from.

    Parameters
    ----------
    names
        Of the parameters, in the order of the maps.
    values
        (parameters, rows, columns), one element a cell of the film: 0 to 1, and 1 at the most telling place; NaN
        outside the region. All 0 where nothing tells anything.
    scale
        Pixels of the stored picture to one element, (y, x).
    offset
        Centre (y, x) of the first element in pixels of the stored picture, whose first one has its centre at (0, 0).
    """

    names: tuple[str, ...]
    values: Map
    scale: tuple[float, float]
    offset: tuple[float, float]


def saliency(picture: Picture, estimator: Estimator) -> Iterator[Progress | Saliency]:
    """Show which places of a picture the estimate of each parameter hangs on.

    Parameters
    ----------
    picture, estimator
        As `estimate` takes them.

    Yields
    ------
    Progress after each band of windows, and last the Saliency.

    Raises
    ------
    UncalibratedPicture, Unsuitable, BadRegion
        As `estimate` has it.

    Notes
    -----
    A cell's value is by how much, to first order, the answer for the whole region would change if the cell took the
    mean of the window around it: ``|grad . (x - mean)|``, blurred over two cells. That is occlusion without its
    patches, and was chosen against it: with the shipped estimator of spins a film of 128 x 128 cells with one half
    uniform has some 1000 times as much in the other half (occlusion by patches of 16 cells: 4 to 17 times), and where
    one half of the texture is exchanged the map changes 4 to 19 times as much there as in the other (occlusion: 0.2 to
    16 times), in a twentieth of the time: 0.4 s of one core for 256 x 256 cells, 1.8 s for 512 x 512.
    """
    seen = channels(picture, estimator.experiment)
    _, _, rows, columns = grid((seen.inside.shape[0], seen.inside.shape[1]))
    values = seen.values[:, rows, columns]
    inside = windows_inside(*seen.within(rows, columns))
    count = len(inside)
    bands = [(first, min(first + _BAND, count)) for first in range(0, count, _BAND)]
    cells = [slice(first * STRIDE, (last - 1) * STRIDE + WINDOW) for first, last in bands]
    answers = []
    for done, band in enumerate(cells):
        yield Progress(done, 2 * len(bands), "reading windows")
        answers.append(estimator.windows(values[None, :, band]))
    slopes = _slopes_of_the_answer(estimator, Windows.joined(answers), inside)
    gradient = np.zeros((len(slopes), *values.shape), dtype=np.float32)
    for done, ((first, last), band) in enumerate(zip(bands, cells, strict=True)):
        yield Progress(len(bands) + done, 2 * len(bands), "asking back")
        gradient[:, :, band] += _gradient(estimator, values[:, band], slopes[..., first:last, :])
    yield Progress(2 * len(bands), 2 * len(bands), "asking back")
    change = np.zeros((len(gradient), *seen.inside.shape), dtype=np.float32)
    change[:, rows, columns] = np.abs((gradient * _above_surroundings(seen)[:, rows, columns]).sum(axis=1))
    (ys, xs), corner = seen.pixels_per_cell, (picture.roi.y0, picture.roi.x0) if picture.roi else (0, 0)
    yield Saliency(
        names=_constants(estimator),
        values=np.stack([_shown(one, seen.inside) for one in change]),
        scale=(ys, xs),
        offset=(corner[0] + ys / 2 - 0.5, corner[1] + xs / 2 - 0.5),
    )


def _constants(estimator: Estimator) -> tuple[str, ...]:
    """Return what is asked for: all that is estimated but the heat, which is no property of a place."""
    return tuple(name for name in estimator.experiment.estimated if name in CONSTANTS)


def _slopes_of_the_answer(estimator: Estimator, windows: Windows, inside: NDArray[np.bool_]) -> Tensor:
    """Derive the region's answer by every window's features, (constants, features, rows, columns)."""
    network = estimator.network
    place = next(network.parameters()).device
    with torch.inference_mode(False), torch.enable_grad():
        features = windows.features.clone().to(place).requires_grad_()
        seen = replace(windows.to(place), features=features)
        (answer,) = network.together(seen, torch.as_tensor(inside, dtype=features.dtype, device=place)[None]).value
        answers = dict(zip(estimator.experiment.estimated, answer, strict=True))
        asked = [answers[name] for name in _constants(estimator)]
        return torch.cat([torch.autograd.grad(one, features, retain_graph=True)[0] for one in asked])


def _gradient(estimator: Estimator, values: Map, slopes: Tensor) -> Map:
    """Carry the slopes of a band's windows back to its cells, (constants, channels, rows, columns)."""
    place = next(estimator.network.parameters()).device
    with torch.inference_mode(False), torch.enable_grad():
        x = torch.as_tensor(np.ascontiguousarray(values))[None].to(place).requires_grad_()
        features = estimator.network(x).features
        found = [torch.autograd.grad(features, x, one[None], retain_graph=True)[0] for one in slopes]
    return torch.cat(found).cpu().numpy()


def _above_surroundings(seen: Channels) -> Map:
    """Return channels less their mean over the window around each cell, as far as it lies in the region."""
    share = uniform_filter(seen.inside.astype(np.float64), WINDOW, mode="constant")
    held = np.where(seen.inside, seen.values, 0).astype(np.float64)
    total = np.stack([uniform_filter(channel, WINDOW, mode="constant") for channel in held])
    mean = np.divide(total, share, out=np.zeros_like(total), where=share > 0)
    return np.where(seen.inside, seen.values - mean, 0).astype(np.float32)


def _shown(change: Map, inside: NDArray[np.bool_]) -> Map:
    """Blur a map and bring it to 0..1."""
    blurred = gaussian_filter(change, _BLUR, mode="constant")
    most = float(blurred[inside].max())
    return np.where(inside, blurred / most if most > 0 else blurred, np.nan).astype(np.float32)
