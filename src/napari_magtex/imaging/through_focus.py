"""A through-focus series: frames of one place at several defoci, and what a reconstruction must know of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_magtex.errors import MagtexError, UncalibratedPicture, UnreadableFile, Unsuitable, UnusablePicture
from napari_magtex.imaging.optics import Optics

SAME_DEFOCUS = 1e-9  # m


@dataclass(frozen=True, eq=False)
class ThroughFocus:
    """Frames of one place at several defoci.

    Parameters
    ----------
    frames
        As many arrays (ny, nx) as there are defoci, in electrons or any unit proportional to them; lazy ones (dask) are
        read one at a time.
    defoci
        In m, positive is underfocus.
    pixel_size
        (dy, dx) in m.
    voltage
        Acceleration voltage in V.
    mask
        (ny, nx): True where nothing may be taken from the frames; None: nowhere.
    periodic
        Whether what the frames show goes on periodically, as simulations do.

    Raises
    ------
    Unsuitable
        The frames differ in size; a defocus is there twice; all are 0; the voltage or the pixel size is not positive.
    """

    frames: Sequence[Any]
    defoci: tuple[float, ...]
    pixel_size: tuple[float, float]
    voltage: float
    mask: NDArray[np.bool_] | None = None
    periodic: bool = False

    def __post_init__(self) -> None:
        frames, defoci = self.frames, tuple(float(df) for df in self.defoci)
        object.__setattr__(self, "defoci", defoci)
        if len(frames) != len(defoci):
            raise Unsuitable(f"{len(frames)} frames and {len(defoci)} defoci were given: each frame needs its own")
        if not len(frames):
            raise Unsuitable("no frame was given: a series has one or more, each with its defocus")
        shapes = {tuple(int(n) for n in frame.shape) for frame in frames}
        if len(shapes) > 1:
            told = ", ".join(" x ".join(map(str, reversed(shape))) for shape in sorted(shapes))
            raise Unsuitable(f"the frames of the series differ in size ({told} pixels): bin or crop them to one size")
        if len(next(iter(shapes))) != 2:
            raise Unsuitable("the frames must be grey pictures, (ny, nx): choose one frame of each stack")
        for number, df in enumerate(defoci):
            if not math.isfinite(df):
                raise Unsuitable(f"the defocus of frame {number} is no number")
            twice = [k for k in range(number) if abs(defoci[k] - df) < SAME_DEFOCUS]
            if twice:
                raise Unsuitable(
                    f"frames {twice[0]} and {number} have the same defocus, {df * 1e6:g} um: give each its own, or "
                    "average frames of one defocus first"
                )
        if all(abs(df) < SAME_DEFOCUS for df in defoci):
            raise Unsuitable("all frames are in focus (defocus 0), where a magnetic phase shows nothing: add others")
        if not all(math.isfinite(d) and d > 0 for d in self.pixel_size):
            raise UncalibratedPicture("the pixel size is unknown: give it in nm")
        Optics(0.0, voltage=self.voltage)  # which says what is wrong with the voltage
        if self.mask is not None and (self.mask.shape != self.shape or self.mask.all()):
            raise Unsuitable("the mask must have the size of the frames and leave something of them")

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx)."""
        ny, nx = self.frames[0].shape
        return int(ny), int(nx)

    @property
    def wavelength(self) -> float:
        """Of the electrons, in m."""
        return Optics(0.0, voltage=self.voltage).wavelength

    def optics(self, number: int) -> Optics:
        """Return the setting at which a frame was taken."""
        return Optics(self.defoci[number], voltage=self.voltage)

    def intensity(self, number: int) -> NDArray[np.float32]:
        """Read a frame (ny, nx) and bring its mean to 1, that of a wave whose amplitude is 1; masked pixels become 1.

        Raises
        ------
        UnusablePicture
            It holds negative counts, is the same everywhere, or has no finite pixel.
        UnreadableFile
            It had stayed on the disk and is damaged there.
        """
        try:
            frame = np.array(self.frames[number], dtype=np.float32)
        except MagtexError:
            raise
        except Exception as error:  # whatever the library behind an array on disk raises
            raise UnreadableFile(f"frame {number} cannot be read: {str(error).strip()[:200]}") from error
        bad = ~np.isfinite(frame)
        if self.mask is not None:
            bad |= self.mask
        if bad.all():
            raise UnusablePicture(f"frame {number} has no finite pixel")
        good = frame[~bad]
        low, mean = float(good.min()), float(good.mean(dtype=np.float64))
        if low == float(good.max()) and abs(self.defoci[number]) >= SAME_DEFOCUS:  # in focus, a perfect one is even
            raise UnusablePicture(f"every pixel of frame {number} is the same: it shows nothing to reconstruct from")
        if mean <= 0 or (low < 0 and float((good < -0.05 * mean).mean()) > 0.001):
            raise UnusablePicture(
                f"frame {number} has negative intensities, down to {low:.3g} about a mean of {mean:.3g}: take the "
                "frame with its background (no high-pass, no difference of frames), or add what was subtracted"
            )
        frame /= mean
        frame[bad] = 1
        return frame

    def intensities(self) -> Iterator[NDArray[np.float32]]:
        """Read every frame, one after the other."""
        return (self.intensity(number) for number in range(len(self)))


def slope_weights(defoci: Sequence[float], order: int | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weights (n,) of frames that give the picture in focus, and those that give its slope dI/d(df), in 1/m.

    Parameters
    ----------
    defoci
        In m, two or more that differ.
    order
        Of the polynomial in the defocus that is fitted to every pixel; None: 1 for two frames, 2 for up to four, else
        3.
    """
    count = len(defoci)
    order = min(count - 1, order or (1 if count == 2 else 2 if count < 5 else 3))
    scale = max(abs(df) for df in defoci)
    fit = np.linalg.pinv(np.vander(np.asarray(defoci) / scale, order + 1, increasing=True))
    return fit[0], fit[1] / scale
