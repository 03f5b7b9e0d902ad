"""Skyrmions by a threshold on the flattened frame: no training, and the baseline that a network must beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_magtex.errors import MagtexError
from napari_magtex.imaging.detector import SIGMA_OF_MAD
from napari_magtex.segment.kinds import Polarity
from napari_magtex.segment.polarity import guess_polarity
from napari_magtex.segment.splitting import NECK, separate

_CLIP = (0.002, 0.998)  # quantiles: dust and edges of devices do not move the threshold
_NOISE = 0.66  # of its variance that a threshold through the middle of Gaussian noise explains, 2/pi, and a little more
_HALVES = 0.3  # of the spread: a threshold so near the median parts no phases, it halves the noise
_OUTSTANDING = 4.0  # of the spread: what is as far from the median is not noise, were it all there is


@dataclass(frozen=True)
class ClassicalSettings:
    """What a person may choose.

    ``fine`` and ``coarse`` are the widths in pixels of the Gaussians whose difference flattens the frame: noise and
    uneven light go. ``level`` moves the threshold, 1 is Otsu's and 0 the flattened film's mean. ``min_area`` is in
    pixels; ``neck`` is told of in `separate`. ``cautious`` asks more of a frame whose threshold only halves the noise:
    else an empty film is full of skyrmions.

    Raises
    ------
    MagtexError
        A number makes no sense.
    """

    fine: float = 2.0
    coarse: float = 10.0
    level: float = 1.0
    min_area: int = 10
    neck: float = NECK
    cautious: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.fine < self.coarse:
            raise MagtexError(f"the fine width must be above 0 and below the coarse one, not {self.fine:g} and "
                              f"{self.coarse:g} pixels")  # fmt: skip
        if self.min_area < 1 or not 0 <= self.neck < 1 or self.level <= 0:
            raise MagtexError(f"the least area must be 1 pixel or more, not {self.min_area}, the neck from 0 to 1, "
                              f"not {self.neck:g}, and the level above 0, not {self.level:g}")  # fmt: skip


def classical_mask(
    grey: NDArray[np.floating], settings: ClassicalSettings | None = None, polarity: Polarity = Polarity.AUTO
) -> tuple[NDArray[np.bool_], Polarity]:
    """Return where there are skyrmions in a frame (ny, nx), and whether they are dark or bright."""
    from skimage.filters import threshold_otsu

    settings = settings or ClassicalSettings()
    flat = flattened(grey, settings)
    flat = np.clip(flat, *np.quantile(flat, _CLIP))
    threshold = float(threshold_otsu(flat))
    if polarity is Polarity.AUTO:
        polarity = guess_polarity(flat, threshold, min_area=settings.min_area)
    middle = float(np.median(flat))
    spread = SIGMA_OF_MAD * float(np.median(np.abs(flat - middle)))
    if settings.cautious and abs(threshold - middle) < _HALVES * spread and _explained(flat, threshold) < _NOISE:
        threshold = middle + polarity.sign * _OUTSTANDING * spread
    return polarity.sign * (flat - middle - settings.level * (threshold - middle)) > 0, polarity


def _explained(flat: NDArray[np.floating], threshold: float) -> float:
    """Return which part of the variance is that between the phases: what Otsu's threshold makes as large as it gets."""
    above = flat > threshold
    share = float(above.mean())
    if not 0 < share < 1:
        return 0.0
    apart = float(flat[above].mean() - flat[~above].mean())
    return share * (1 - share) * apart**2 / float(flat.var())


def segment_classical(
    grey: NDArray[np.floating], settings: ClassicalSettings | None = None, polarity: Polarity = Polarity.AUTO
) -> tuple[NDArray[np.int32], Polarity]:
    """Number the skyrmions of a frame (ny, nx) from 1; return them, and whether they are dark or bright."""
    settings = settings or ClassicalSettings()
    mask, polarity = classical_mask(grey, settings, polarity)
    return separate(mask, neck=settings.neck, min_area=settings.min_area), polarity


def flattened(grey: NDArray[np.floating], settings: ClassicalSettings) -> NDArray[np.float64]:
    """Return the difference of two Gaussians of a frame (ny, nx): what is neither noise nor uneven light."""
    grey = np.asarray(grey, np.float64)
    return gaussian_filter(grey, settings.fine) - gaussian_filter(grey, settings.coarse)
