"""A raw frame of a microscope made fit for analysis: what is no signal taken off, what is no picture masked.

Frames of electrons are divided by a reference or a background, for what a lens or a beam does multiplies the counts,
and the estimator reads contrast relative to the beam; those of light are subtracted, for Kerr contrast is a small
difference. Every step keeps the mean of the frame, but for a reference subtracted: that leaves a difference, about 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_magtex.errors import Unsuitable, UnusablePicture
from napari_magtex.picture import Contrast, checked_mask

LARGEST_LONE = 9  # pixels that are not finite, side by side: they are dead ones; more are a hole
HIGHEST_ORDER = 6
LARGEST_MEDIAN = 31


class By(StrEnum):
    """How a reference and a background are taken off."""

    DIVIDE = "divide"
    SUBTRACT = "subtract"


class Kind(StrEnum):
    """What can be found in a frame that is no picture of the sample."""

    FOOTER = "footer"  # rows that a program wrote below or above the picture
    CLIPPED = "clipped"  # an area at the end of the scale: saturated, empty, a scale bar
    SHADOW = "shadow"  # a dark area with an edge and without a texture: a beam stop's shadow, the frame of a membrane


@dataclass(frozen=True)
class Cleaning:
    """What is done to a frame, in this order; 0 leaves a step out.

    Parameters
    ----------
    left_out
        What is looked for and masked (`masks.proposals`); of a stack in its first frame.
    spikes_sigma
        Pixels so many robust standard deviations from the median around them are replaced by it: hot and dead pixels,
        hits of X-rays.
    by
        How the reference, the gradient and the flat field are taken off.
    median_px
        Side of a median filter.
    gradient_order
        Of a polynomial in x and y.
    flat_field_sigma_px
        Of a wide Gaussian mean, which stands for the illumination.
    high_pass_sigma_px
        Of a Gaussian mean that is subtracted.
    align
        Whether the drift of a stack is taken out.

    Raises
    ------
    Unsuitable
        A number is out of its range.
    """

    spikes_sigma: float = 8.0
    by: By = By.DIVIDE
    median_px: int = 0
    gradient_order: int = 0
    flat_field_sigma_px: float = 0.0
    high_pass_sigma_px: float = 0.0
    align: bool = False
    left_out: tuple[Kind, ...] = ()

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "left_out", tuple(dict.fromkeys(Kind(kind) for kind in self.left_out)))
        except (ValueError, TypeError) as error:
            raise Unsuitable(f"left_out is {self.left_out!r}: a list of some of {', '.join(Kind)}") from error
        try:
            object.__setattr__(self, "by", By(self.by))
        except ValueError as error:
            raise Unsuitable(f"by is {self.by!r}: choose {' or '.join(By)}") from error
        for name, highest in (("median_px", LARGEST_MEDIAN), ("gradient_order", HIGHEST_ORDER)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= highest:
                raise Unsuitable(f"{name} is {value!r}: choose a whole number from 0 to {highest}")
        for name in ("spikes_sigma", "flat_field_sigma_px", "high_pass_sigma_px"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < np.inf:
                raise Unsuitable(f"{name} is {value!r}: choose 0 or a number above")
        if not isinstance(self.align, bool):
            raise Unsuitable(f"align is {self.align!r}: choose true or false")

    @classmethod
    def suited_to(cls, contrast: Contrast | None) -> Cleaning:
        """Return where to begin: electrons are divided, all else subtracted; spikes go, and what is no picture."""
        return cls(by=By.DIVIDE if contrast is Contrast.LORENTZ else By.SUBTRACT, left_out=tuple(Kind))

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Cleaning:
        """Read settings as `to_dict` gives them; what is not told keeps its default.

        Raises
        ------
        Unsuitable
            A key is unknown, or a number out of its range.
        """
        known = {setting.name for setting in fields(cls)}
        if unknown := sorted(set(told) - known):
            raise Unsuitable(f"{', '.join(unknown)}: no setting of this name, there are {', '.join(sorted(known))}")
        return cls(**told)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON."""
        return {**asdict(self), "by": str(self.by), "left_out": [str(kind) for kind in self.left_out]}


@dataclass(frozen=True, eq=False)
class Cleaned:
    """A frame (ny, nx) float32, where nothing in it may be analysed, and what there is to say about it.

    Masked pixels hold the mean of those near them. ``found`` has the mask of each kind that was looked for and found.
    """

    frame: NDArray[np.float32]
    mask: NDArray[np.bool_]
    remarks: tuple[str, ...] = ()
    found: Mapping[Kind, NDArray[np.bool_]] = field(default_factory=dict)


def clean(
    frame: NDArray[Any],
    cleaning: Cleaning,
    *,
    mask: NDArray[np.bool_] | None = None,
    reference: NDArray[Any] | None = None,
) -> Cleaned:
    """Clean one frame.

    Parameters
    ----------
    frame
        (ny, nx), in the recorder's units. It is not altered.
    cleaning
        The settings.
    mask
        (ny, nx), True where nothing may be analysed; no filter takes anything from there.
    reference
        (ny, nx), a frame without the texture: saturated, above Tc, or of no sample; or with the field flipped.

    Raises
    ------
    UnusablePicture
        The frame is no grey picture, all one grey, not finite, or masked as a whole.
    Unsuitable
        The reference has another size; or one is to divide by what is not above 0.
    """
    from napari_magtex.imaging import filters
    from napari_magtex.imaging.masks import proposals

    pixels = grey_frame(frame)
    covered = checked_mask(mask, pixels.shape)
    inside = np.ones(pixels.shape, dtype=bool) if covered is None else ~covered
    found = proposals(pixels, cleaning.left_out)
    for area in found.values():
        inside = inside & ~area
    if not inside.any():
        raise UnusablePicture("what is drawn and what was found mask every pixel together: leave something")
    pixels, inside, dead = _finite(pixels, inside)
    if float(np.ptp(pixels[inside])) == 0:
        raise UnusablePicture("every pixel that is not masked is the same: there is nothing to clean")
    remarks = []
    if cleaning.spikes_sigma:
        hits, medians = filters.spikes(pixels, inside, cleaning.spikes_sigma)
        pixels = np.where(hits, medians, pixels)
        dead += int(hits.sum())
    if dead:
        remarks.append(f"{dead:,} hot or dead {'pixel' if dead == 1 else 'pixels'} replaced")
    divides = cleaning.by is By.DIVIDE
    if divides and (reference is not None or cleaning.gradient_order or cleaning.flat_field_sigma_px):
        negative = int((pixels[inside] < 0).sum())
        if negative:
            remarks.append(
                f"{negative:,} pixels are negative and the frame is divided: counts begin at 0, so take the dark level "
                "off first, or subtract"
            )
    if reference is not None:
        pixels, inside, blind = _without_reference(pixels, inside, reference, divides)
        if blind:
            remarks.append(f"{blind:,} pixels masked where the reference is 0 or less")
    if cleaning.median_px > 1:
        pixels = filters.median(pixels, inside, cleaning.median_px)
    if cleaning.gradient_order:
        pixels = _without(pixels, inside, filters.polynomial(pixels, inside, cleaning.gradient_order), divides)
    if cleaning.flat_field_sigma_px:
        pixels = _without(pixels, inside, filters.smoothed(pixels, inside, cleaning.flat_field_sigma_px), divides)
    if cleaning.high_pass_sigma_px:
        pixels = _without(pixels, inside, filters.smoothed(pixels, inside, cleaning.high_pass_sigma_px), False)
    return Cleaned(np.asarray(filters.filled(pixels, inside), np.float32), ~inside, tuple(remarks), found)


def check_reference(frame: tuple[int, ...], reference: tuple[int, ...]) -> None:
    """Compare the shapes (ny, nx) of a frame and its reference.

    Raises
    ------
    Unsuitable
        They differ, so that a pixel of one is not the same place in the other.
    """
    if frame != reference:
        raise Unsuitable(
            f"the reference is {size_text(reference)}, the frame {size_text(frame)}: take one of the same camera and "
            "binning"
        )


def size_text(shape: tuple[int, ...]) -> str:
    """Write a shape (ny, nx) as a person says it, x first."""
    return " x ".join(map(str, shape[::-1])) + " pixels"


def grey_frame(frame: NDArray[Any]) -> NDArray[np.float32]:
    """Return a copy of a frame (ny, nx) as float32.

    Raises
    ------
    UnusablePicture
        It is complex, in colour, or no frame.
    """
    pixels = np.asarray(frame)
    if np.iscomplexobj(pixels) or pixels.ndim != 2:
        raise UnusablePicture(f"a frame to clean is grey, (ny, nx): this one is {pixels.dtype} of {pixels.shape}")
    return pixels.astype(np.float32)


def _finite(
    pixels: NDArray[np.float32], inside: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_], int]:
    """Replace lone pixels that are no numbers by the mean around them, mask larger areas; return how many were lone."""
    from scipy.ndimage import label

    from napari_magtex.imaging import filters

    bad = ~np.isfinite(pixels)
    if not bad.any():
        return pixels, inside, 0
    areas, _ = label(bad, np.ones((3, 3)))
    lone = bad & (np.bincount(areas.ravel())[areas] <= LARGEST_LONE)
    if not (inside & ~bad).any():
        raise UnusablePicture("no pixel that is not masked is a number: there is nothing to clean")
    known = filters.filled(np.where(bad, np.float32(0), pixels), inside & ~bad)
    return np.where(bad, known, pixels), inside & (~bad | lone), int((lone & inside).sum())


def _without_reference(
    pixels: NDArray[np.float32], inside: NDArray[np.bool_], reference: NDArray[Any], divides: bool
) -> tuple[NDArray[np.float32], NDArray[np.bool_], int]:
    """Take a reference off; return also what is left to analyse, and how many pixels the reference is blind for."""
    known = grey_frame(reference)
    check_reference(pixels.shape, known.shape)
    usable = np.isfinite(known) & ((known > 0) if divides else np.isfinite(known))
    blind = int((inside & ~usable).sum())
    if blind == inside.sum():
        raise Unsuitable("the reference has no pixel to work with: none that is not masked is above 0")
    inside = inside & usable
    if not divides:
        return pixels - np.where(usable, known, 0), inside, blind
    ratio = pixels / np.where(usable, known, 1)
    return np.asarray(ratio * known[inside].mean(dtype=np.float64), np.float32), inside, blind


def _without(
    pixels: NDArray[np.float32], inside: NDArray[np.bool_], background: NDArray[np.float32], divides: bool
) -> NDArray[np.float32]:
    """Take a background off and keep its mean."""
    mean = float(background[inside].mean(dtype=np.float64))
    if not divides:
        return np.asarray(pixels - (background - np.float32(mean)), np.float32)
    lowest = float(background[inside].min())
    if lowest <= 0:
        raise Unsuitable(
            f"the background falls to {lowest:.3g} where the frame's mean is {mean:.3g}, and a frame is divided by "
            "what is above 0: subtract, or mask what is dark"
        )
    return np.asarray(pixels * (mean / np.maximum(background, lowest)), np.float32)
