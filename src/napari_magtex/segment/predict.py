"""A frame to its skyrmions: by the network where there are weights, by a threshold otherwise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import relabel_sequential

from napari_magtex.compute import Device
from napari_magtex.errors import MagtexError
from napari_magtex.models.store import shipped
from napari_magtex.picture import Contrast, Picture, Region
from napari_magtex.results import Provenance
from napari_magtex.segment.classical import ClassicalSettings, classical_mask
from napari_magtex.segment.grey import grey_of
from napari_magtex.segment.kinds import Kind, Method, Polarity
from napari_magtex.segment.measure import Measurements, measure
from napari_magtex.segment.polarity import contrast_of_each, measured_polarity
from napari_magtex.segment.rim import rim_of
from napari_magtex.segment.segmenter import SHIPPED, Segmenter
from napari_magtex.segment.splitting import NECK, separate
from napari_magtex.segment.standing_out import standing_out
from napari_magtex.texture import SpinTexture

THRESHOLD_METHOD = "threshold"
_OPPOSITE = 0.25  # of the usual contrast: what stands out of the film to the other side is no skyrmion of this frame


@dataclass(frozen=True)
class Settings:
    """What a person may choose.

    ``threshold`` is the probability from which on a pixel counts as skyrmion; of the method without a network, twice
    Otsu's level. ``min_area`` is in pixels; ``neck`` is told of in `separate`.

    Raises
    ------
    MagtexError
        A number makes no sense.
    """

    polarity: Polarity = Polarity.AUTO
    threshold: float = 0.5
    min_area: int = 6
    neck: float = NECK

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1 or self.min_area < 1 or not 0 <= self.neck < 1:
            raise MagtexError(
                f"the threshold must lie between 0 and 1, not at {self.threshold:g}; the least area be 1 pixel or "
                f"more, not {self.min_area}; the neck from 0 to below 1, not {self.neck:g}"
            )


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What was found in a frame, or in the region of it that ``provenance`` names.

    Parameters
    ----------
    labels
        Skyrmions, numbered from 1, (ny, nx) int32.
    kinds
        What each pixel shows, (ny, nx): of `Kind`.
    seen
        What was looked at, (ny, nx): no footer, nothing masked, nothing beyond the region.
    polarity
        Whether skyrmions are dark or bright; auto where there is none.
    """

    provenance: Provenance
    labels: NDArray[np.int32]
    kinds: NDArray[np.uint8]
    seen: NDArray[np.bool_]
    polarity: Polarity
    pixel_size: tuple[float, float] | None
    notes: tuple[str, ...] = ()

    @property
    def film(self) -> NDArray[np.bool_]:
        """Where there is film, (ny, nx); dust lies on it."""
        return self.kinds != Kind.OUTSIDE

    def measured(self, texture: SpinTexture | None = None) -> Measurements:
        """Measure the skyrmions; with the texture that the frame was drawn from, their charges too."""
        return measure(self.labels, self.provenance, pixel_size=self.pixel_size, film=self.film, rim=rim_of(self.seen),
                       texture=texture, notes=self.notes)  # fmt: skip


def find_segmenter(
    method: Method | str = Method.AUTO, weights: str | Path | None = None, device: Device | str = Device.AUTO
) -> Segmenter | None:
    """Return the network that a method wants, or None for the threshold.

    Raises
    ------
    ModelUnavailable
        The network was asked for and its weights are not here, or those named are no segmenter.
    """
    method = Method(method)
    if method is Method.THRESHOLD or (method is Method.AUTO and weights is None and SHIPPED not in shipped()):
        return None
    return Segmenter.load(weights or SHIPPED, device)


def segment(
    picture: Picture, segmenter: Segmenter | None, settings: Settings | None = None, region: Region | None = None
) -> Segmentation:
    """Find the skyrmions of a frame.

    Parameters
    ----------
    picture
        A grey frame of any contrast that shows m_z or what goes with it; spins in colours are read back to m_z. There
        is no film where it is masked.
    segmenter
        The network, or None for a threshold on the flattened frame.
    region
        What to look at; beyond its mask there is no film. By default everything, but for a footer.

    Raises
    ------
    UnusablePicture
        The frame is constant, or in false colours.
    BadRegion
        The region has no area or leaves the frame.
    """
    settings = settings or Settings()
    if region is not None:  # the rectangle as it is: what a mask fills up would count as noise of the film
        picture = picture.crop(replace(region.checked(picture.shape), mask=None))
    grey = grey_of(picture)
    values = grey.values[: grey.rows]
    kinds = np.full(grey.values.shape, Kind.OUTSIDE, np.uint8)
    if segmenter is None:
        kinds[: grey.rows] = _by_threshold(values, settings)
    else:
        kinds[: grey.rows] = _by_network(values, segmenter, settings)
    seen = np.array(picture.inside)
    seen[grey.rows :] = False
    if region is not None and region.mask is not None:
        seen &= region.mask
    kinds[~seen] = Kind.OUTSIDE
    labels = separate(kinds == Kind.SKYRMION, neck=settings.neck, min_area=settings.min_area)
    if segmenter is not None:  # a threshold is cautious by itself
        labels = standing_out(labels, grey.values)
    labels, polarity = _of_one_polarity(labels, grey.values, settings.polarity)
    kinds[(kinds == Kind.SKYRMION) & (labels == 0)] = Kind.FILM
    provenance = Provenance.of(
        picture,
        contrast=picture.contrast or Contrast.KERR,
        model=THRESHOLD_METHOD if segmenter is None else segmenter.model,
        polarity=str(polarity),
        threshold=settings.threshold,
        min_area=settings.min_area,
        neck=settings.neck,
    )
    return Segmentation(provenance, labels, kinds, seen, polarity, picture.pixel_size, grey.notes)


def _by_threshold(values: NDArray[np.float32], settings: Settings) -> NDArray[np.uint8]:
    classical = ClassicalSettings(level=2 * settings.threshold, min_area=settings.min_area, neck=settings.neck)
    mask, _ = classical_mask(values, classical, settings.polarity)
    return np.where(mask, Kind.SKYRMION, Kind.FILM).astype(np.uint8)


def _by_network(values: NDArray[np.float32], segmenter: Segmenter, settings: Settings) -> NDArray[np.uint8]:
    likely = segmenter.probabilities(values)
    skyrmion = likely[Kind.SKYRMION] > settings.threshold
    likely[Kind.SKYRMION] = -1
    return np.where(skyrmion, Kind.SKYRMION, likely.argmax(axis=0)).astype(np.uint8)


def _of_one_polarity(
    labels: NDArray[np.int32], grey: NDArray[np.float32], given: Polarity
) -> tuple[NDArray[np.int32], Polarity]:
    """Leave out what stands out of the film to the other side than the skyrmions of the frame do."""
    polarity = measured_polarity(grey, labels) if given is Polarity.AUTO else given
    if polarity is Polarity.AUTO or labels.max() == 0:
        return labels, polarity
    contrast = polarity.sign * contrast_of_each(grey, labels)
    kept = np.concatenate([[False], contrast >= -_OPPOSITE * np.median(np.abs(contrast))])
    return relabel_sequential(np.where(kept[labels], labels, 0))[0].astype(np.int32), polarity
