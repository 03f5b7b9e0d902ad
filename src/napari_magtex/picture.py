"""Picture: pixels, how large one is, by what contrast they show magnetisation, and which of them do not count."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_magtex.errors import BadRegion, UnusablePicture

SMALLEST_SIDE = 16  # pixels: below it no texture can be told from noise
_FULL = (255, 1023, 4095, 16383, 65535)  # what a full colour may be in integers: of 8 bits, or a camera's 10 to 16
_OVERSHOOT = 0.5  # that interpolation may leave beyond 0 and 1; spins reach -1


class Contrast(StrEnum):
    """What makes a pixel bright."""

    SPIN = "spin"  # a program's picture of spins
    WHEEL = "wheel"  # the in-plane induction of a reconstruction, with its colour wheel
    LORENTZ = "lorentz"  # a defocused transmission electron micrograph
    KERR = "kerr"  # Kerr, Faraday or XMCD: m along a sensitivity vector
    MFM = "mfm"  # magnetic charges, sensed above the surface
    PHASE = "phase"  # electron phase in radians


@dataclass(frozen=True)
class Region:
    """A region of interest in pixels of the stored picture: x right, y down, x1 and y1 excluded.

    ``mask``, (y1 - y0, x1 - x0), narrows the rectangle to an ellipse or a polygon.
    """

    x0: int
    y0: int
    x1: int
    y1: int
    mask: NDArray[np.bool_] | None = field(default=None, compare=False)

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """The four numbers, as the command line takes them."""
        return self.x0, self.y0, self.x1, self.y1

    def checked(self, shape: tuple[int, int]) -> Region:
        """Return the region itself where it lies inside a picture of (ny, nx).

        Raises
        ------
        BadRegion
            It has no area or leaves the picture.
        """
        x0, y0, x1, y1 = self.bounds
        if x1 <= x0 or y1 <= y0 or (self.mask is not None and not self.mask.any()):
            raise BadRegion(f"the region {x0},{y0},{x1},{y1} has no area: X1 must exceed X0, and Y1 exceed Y0")
        ny, nx = shape
        if x0 < 0 or y0 < 0 or x1 > nx or y1 > ny:
            raise BadRegion(f"the region {x0},{y0},{x1},{y1} leaves the picture, which is {nx} x {ny} pixels (x, y)")
        return self


@dataclass(frozen=True, eq=False)
class Picture:
    """One frame of one contrast.

    Parameters
    ----------
    pixels
        Grey (ny, nx) in the recorder's own units, or colour (ny, nx, 3) from 0 to 1; float32, all finite.
    contrast
        None where only a look at the picture can tell.
    pixel_size
        (dy, dx) in metres; None where it is unknown.
    name, frame
        The source as the user named it, and the number of the frame in it.
    roi
        The region that was cut out of the stored frame, if one was.
    meta
        Acquisition data, colour map, truth of a sample.
    mask
        (ny, nx), True where nothing may be analysed: a footer, a hole, what lies outside of a region's outline. Areas
        that are not finite join it. The pixels there take the median of the others, so that they are no texture of
        their own. None: all count.

    Raises
    ------
    UnusablePicture
        The array is no picture: complex, of a wrong shape, smaller than 16 pixels, or without a finite pixel; the mask
        has another shape, or leaves no pixel.
    """

    pixels: NDArray[np.float32]
    contrast: Contrast | None = None
    pixel_size: tuple[float, float] | None = None
    name: str = ""
    frame: int = 0
    roi: Region | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    mask: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        pixels, missing = _real_pixels(np.asarray(self.pixels))
        ny, nx = pixels.shape[:2]
        if min(ny, nx) < SMALLEST_SIDE:
            raise UnusablePicture(
                f"the picture is {nx} x {ny} pixels: a texture needs {SMALLEST_SIDE} x {SMALLEST_SIDE} or more"
            )
        mask = checked_mask(self.mask, (ny, nx))
        if missing is not None:
            mask = checked_mask(missing if mask is None else mask | missing, (ny, nx))
        if mask is not None:
            pixels[mask] = np.median(pixels[~mask], axis=0)
        pixels.flags.writeable = False
        object.__setattr__(self, "pixels", pixels)
        object.__setattr__(self, "mask", mask)
        if self.contrast is not None:
            object.__setattr__(self, "contrast", Contrast(self.contrast))
        if self.pixel_size is not None:
            dy, dx = (float(d) for d in self.pixel_size)
            known = math.isfinite(dy) and math.isfinite(dx) and dy > 0 and dx > 0
            object.__setattr__(self, "pixel_size", (dy, dx) if known else None)

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        ny, nx = self.pixels.shape[:2]
        return ny, nx

    @property
    def is_colour(self) -> bool:
        """Whether the pixels are red, green and blue."""
        return self.pixels.ndim == 3

    @property
    def is_constant(self) -> bool:
        """Whether every pixel that counts is the same."""
        pixels = self.pixels[self.inside]
        return bool((pixels == pixels[0]).all())

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Where pixels count, (ny, nx)."""
        return np.ones(self.shape, dtype=bool) if self.mask is None else ~self.mask

    @property
    def sha256(self) -> str:
        """Hash of the pixels, as filled where they are masked, and of the mask where there is one."""
        seen = hashlib.sha256(np.ascontiguousarray(self.pixels).tobytes())
        if self.mask is not None:
            seen.update(np.packbits(self.mask).tobytes())
        return seen.hexdigest()

    def crop(self, region: Region) -> Picture:
        """Cut a region out; what lies outside its outline is masked.

        Raises
        ------
        BadRegion
            The region leaves the picture, or all of it is masked.
        """
        x0, y0, x1, y1 = region.checked(self.shape).bounds
        mask = None if self.mask is None else self.mask[y0:y1, x0:x1]
        if region.mask is not None:
            mask = ~region.mask if mask is None else mask | ~region.mask
        if mask is not None and mask.all():
            raise BadRegion(f"all of the region {x0},{y0},{x1},{y1} is masked: nothing in it is left to analyse")
        return replace(self, pixels=self.pixels[y0:y1, x0:x1], mask=mask, roi=region)


def checked_mask(mask: NDArray[np.bool_] | None, shape: tuple[int, int]) -> NDArray[np.bool_] | None:
    """Return a mask of a frame (ny, nx) as booleans, None where it masks nothing.

    Raises
    ------
    UnusablePicture
        It has another shape, or leaves no pixel.
    """
    if mask is None:
        return None
    mask = np.array(mask, dtype=bool)
    if mask.shape != shape:
        size = " x ".join(map(str, mask.shape[::-1]))
        raise UnusablePicture(f"the mask is {size} pixels, the frame {shape[1]} x {shape[0]}: they must be the same")
    if mask.all():
        raise UnusablePicture("the mask covers every pixel: nothing is left to analyse")
    mask.flags.writeable = False
    return mask if mask.any() else None


def unit_colours(colours: NDArray[Any]) -> NDArray[np.float32]:
    """Return red, green and blue (..., 3) from 0 to 1, alpha over white.

    Raises
    ------
    UnusablePicture
        The numbers do not tell what a full colour is.
    """
    real = colours.astype(np.float32) / np.float32(full_colour(colours))
    if real.shape[-1] == 4:
        alpha = np.clip(real[..., 3:], 0, 1)
        real = real[..., :3] * alpha + (1 - alpha)
    return real


def full_colour(colours: NDArray[Any]) -> float:
    """Return the value of a full colour; of integers wider than 8 bits their largest one tells.

    Raises
    ------
    UnusablePicture
        No colours have such numbers.
    """
    if colours.dtype == bool:
        return 1.0
    low, high = float(colours.min(initial=0)), float(colours.max(initial=0))
    if np.issubdtype(colours.dtype, np.integer):
        most = float(np.iinfo(colours.dtype).max)
        if colours.dtype.itemsize == 1:
            return most
        if low >= 0 and high <= _FULL[-1]:
            return min(most, float(next(full for full in _FULL if high <= full)))
    else:
        if not math.isfinite(high - low):
            finite = colours[np.isfinite(colours)]
            low, high = float(finite.min(initial=0)), float(finite.max(initial=0))
        if low >= -_OVERSHOOT and high <= 1 + _OVERSHOOT:
            return 1.0
    raise UnusablePicture(
        f"colours go from {low:g} to {high:g}: floats take 0 to 1, integers 0 to 255 or 65535. Rescale them; spins are "
        "read from an OVF"
    )


def _real_pixels(pixels: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """Bring any image array to float32: integers of colour to 0..1, alpha over white, bad pixels to the median.

    Returns
    -------
    The pixels, and the areas of bad ones (ny, nx); None where every pixel is good.
    """
    if np.iscomplexobj(pixels):
        raise UnusablePicture("the picture is complex: show its phase or its amplitude and analyse that")
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise UnusablePicture(
            f"one frame is (ny, nx) or (ny, nx, 3 or 4), this is {pixels.shape}: choose one frame of the stack"
        )
    colour = pixels.ndim == 3
    real = unit_colours(pixels) if colour else pixels.astype(np.float32)
    finite = np.isfinite(real)
    if finite.size and not finite.any():
        raise UnusablePicture("no pixel of the picture is finite: every one is NaN or infinite")
    missing = None
    if not finite.all():
        missing = _areas(~np.asarray(finite.all(axis=2) if colour else finite))
        real = np.where(finite, real, np.median(real[finite])).astype(np.float32)
    return np.ascontiguousarray(real.clip(0, 1) if colour else real), missing


def _areas(bad: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Leave lone pixels and lines of them, which a detector misses, out of (ny, nx)."""
    from scipy.ndimage import binary_erosion, binary_propagation

    cores = binary_erosion(bad, np.ones((3, 3), dtype=bool), border_value=1)
    return np.asarray(binary_propagation(cores, mask=bad), dtype=bool)
