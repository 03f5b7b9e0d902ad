"""Which state is where: the verdict of a window that slides over a large frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from napari_magtex.classify.network import STATES
from napari_magtex.classify.period import texture_period
from napari_magtex.classify.predict import Classifier, is_fringes, raw_answers
from napari_magtex.classify.views import QUANTILES, Views, worth_a_look
from napari_magtex.compute import Progress
from napari_magtex.errors import UnusablePicture
from napari_magtex.picture import SMALLEST_SIDE, Contrast, Picture, Region
from napari_magtex.results import Provenance, StateFractions
from napari_magtex.states.definitions import State

Floats = NDArray[np.float64]

LABELS = {state: number for number, state in enumerate(State, start=1)}
DECLINED, NO_CONTRAST = 10, 11  # 0 is outside of what was asked
PERIODS = 5  # of the texture along a window, where nobody says how large it is
STEPS = 2  # to a window
LEAST_SPAN = 1 / 32  # of the frame's range of greys, 8 of 255: less is what rounding, JPEG and neighbours leave
_LEAST_WEIGHT = 1e-3  # of a window's rim, where it may be all there is
_ROWS = 128  # of a map that are summed at once


@dataclass(frozen=True, eq=False)
class StateMap:
    """The state of every pixel of a picture.

    ``labels`` (ny, nx), uint8: 1 to 9 in the order of `State`, 10 declined, 11 no contrast, 0 outside the region, under
    its mask, and where no window is less than mostly masked.
    """

    labels: NDArray[np.uint8]
    result: StateFractions


def state_map(
    picture: Picture,
    classifier: Classifier,
    *,
    window: int | None = None,
    step: int | None = None,
) -> Iterator[Progress | StateMap]:
    """Name the state of every place of a picture.

    Every window is seen and judged as a picture of its own, but for two things. The contrast is that of the whole
    picture, told or seen once. And a window is stretched between its own greys, as a weak texture beside a bright hole
    needs it and as empty film was trained on, but not without limit: what spans less than 1/32 of the picture's range
    stays faint, or the rounding of an empty place would be drawn as a texture. A pixel takes the state with the highest
    mean probability over all windows that cover it, each weighted by how near its centre is and by its share of pixels
    that count; windows with less than half of the best one's share are left out.

    Parameters
    ----------
    picture
        Of any contrast but an electron phase; masked pixels do not count.
    classifier
        The network with its card.
    window
        Side of a window in pixels; None: `default_window`.
    step
        Pixels from one window to the next, at most (windows are spread evenly from edge to edge); None: half of
        the window.

    Yields
    ------
    Progress after each window, and last the StateMap.

    Raises
    ------
    UnusablePicture
        The window does not fit into the picture, or the steps are longer than the window.
    Unsuitable
        The picture is an electron phase.
    """
    window = default_window(picture, classifier.size) if window is None else window
    step = max(1, window // STEPS) if step is None else step
    _check(picture, window, step)
    contrast = picture.contrast or contrast_of(picture, classifier)
    inside = picture.inside
    ys, xs = (_starts(n, window, step) for n in picture.shape)
    shares = np.array([[inside[y : y + window, x : x + window].mean() for x in xs] for y in ys])
    shares[~worth_a_look(shares)] = 0
    chosen = np.argwhere(shares > 0)
    whole = replace(picture, contrast=contrast, roi=None)
    windows = (_cut(whole, ys[row], xs[column], window) for row, column in chosen)
    scores = np.zeros((*shares.shape, len(STATES) + 1))
    looking = _WithinFrame(classifier.network, classifier.card, classifier.calibration, _span(picture))
    seen = 0.0 if is_fringes(picture, contrast) else 1.0  # told by the whole frame: a window holds few of them
    for done, (place, (cut, raw)) in enumerate(zip(chosen, raw_answers(windows, looking), strict=True), start=1):
        scores[*place, :-1] = classifier.probabilities(cut, raw, contrast)
        scores[*place, -1] = seen * classifier.calibration.applicability(raw.applicable)
        yield Progress(done, len(chosen), "window")
    labels = _labels(scores, shares, _fades(ys, window, picture.shape[0]), _fades(xs, window, picture.shape[1]))
    if contrast is not Contrast.SPIN:
        labels[labels == LABELS[State.FM]] = NO_CONTRAST
    labels[~inside] = 0
    share = np.bincount(labels[labels > 0], minlength=NO_CONTRAST + 1) / (labels > 0).sum()
    yield StateMap(
        labels,
        StateFractions(
            provenance=Provenance.of(picture, contrast=contrast, model=classifier.model),
            window_px=window,
            step_px=step,
            fractions={str(state): float(share[number]) for state, number in LABELS.items()},
            declined=float(share[DECLINED]),
            no_contrast=float(share[NO_CONTRAST]),
        ),
    )


def contrast_of(picture: Picture, classifier: Classifier) -> Contrast:
    """Return the contrast of a picture, which the classifier sees where it is not known."""
    ((_, raw),) = raw_answers([picture], classifier)
    return classifier.judge(picture, raw).provenance.contrast


def default_window(picture: Picture, size: int) -> int:
    """Return a window of five periods, but no smaller than a view of the network nor larger than half the picture.

    Parameters
    ----------
    size
        Side of the network's views in pixels.
    """
    side = min(picture.shape)
    most = max(side // 2, min(size, side))
    period = texture_period(picture.pixels)
    return most if period is None else int(np.clip(round(PERIODS * period), min(size, side), most))


@dataclass(frozen=True, eq=False)
class _WithinFrame(Classifier):
    """A classifier that looks at windows of a frame, whose greys span ``span``."""

    span: float

    def look(self, picture: Picture, *, everywhere: bool = False) -> Views:
        """Return the views of a window; of one that spans little of the frame's greys they stay as faint as it is."""
        seen = super().look(picture, everywhere=everywhere)
        if not seen.canvas.grey or self.span == 0:
            return seen
        faintness = min(1.0, _span(picture) / (LEAST_SPAN * self.span))
        wholes, closes = (0.5 + faintness * (shown - 0.5) for shown in (seen.wholes, seen.closes))
        return replace(seen, wholes=wholes, closes=closes)


def _span(picture: Picture) -> float:
    grey = picture.pixels.mean(axis=2) if picture.is_colour else picture.pixels
    low, high = np.quantile(grey[picture.inside], QUANTILES)
    return float(high - low)


def _check(picture: Picture, window: int, step: int) -> None:
    ny, nx = picture.shape
    if not SMALLEST_SIDE <= window <= min(ny, nx):
        raise UnusablePicture(
            f"a window of {window} pixels does not fit: the picture is {nx} x {ny} pixels, "
            f"so choose {SMALLEST_SIDE} to {min(ny, nx)}, or auto"
        )
    if not 1 <= step <= window:
        raise UnusablePicture(f"steps of {step} pixels do not cover the picture: choose 1 to {window}, or auto")


def _starts(n: int, window: int, step: int) -> NDArray[np.int64]:
    """Where windows begin along an axis, spread evenly from edge to edge."""
    count = ceil((n - window) / step) + 1
    return np.linspace(0, n - window, count).round().astype(np.int64)


def _cut(picture: Picture, y: int, x: int, window: int) -> Picture:
    return picture.crop(Region(int(x), int(y), int(x) + window, int(y) + window))


def _fades(starts: NDArray[np.int64], window: int, n: int) -> Floats:
    """Weights (n, windows) of the windows of an axis at each of its pixels: Hann's, so one fades into the other."""
    fade = np.sin(np.pi * (np.arange(window) + 0.5) / window) ** 2 + _LEAST_WEIGHT
    weights = np.zeros((n, len(starts)))
    for column, start in enumerate(starts):
        weights[start : start + window, column] = fade
    return weights


def _labels(scores: Floats, shares: Floats, down: Floats, right: Floats) -> NDArray[np.uint8]:
    """Lay the windows' scores (rows, columns, 9 + 1) over the pixels, and name the highest; the last is applicability.

    Windows lie on a grid and their weights are products, so the sum over windows is a product of matrices.
    """
    weighted = scores * shares[..., None]
    labels = np.zeros((len(down), len(right)), np.uint8)
    for start in range(0, len(down), _ROWS):
        band = slice(start, start + _ROWS)
        total = right @ np.tensordot(down[band], weighted, axes=1)
        weight = down[band] @ shares @ right.T
        labels[band] = total[..., :-1].argmax(axis=2) + 1
        labels[band][total[..., -1] < 0.5 * weight] = DECLINED
        labels[band][weight == 0] = 0
    return labels
