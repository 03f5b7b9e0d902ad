"""Drift of a stack: where each frame lies against those before it, to a fraction of a pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft2, ifft2
from scipy.ndimage import fourier_shift, gaussian_filter
from scipy.ndimage import shift as shift_plane
from skimage.filters import window
from skimage.measure import block_reduce
from skimage.registration import phase_cross_correlation

from napari_magtex.imaging.filters import Frame, Mask, filled

LONGEST = 1024  # pixels: larger frames are compared by the means of blocks
_FINENESS = 50  # parts of a pixel
_MEMORY = 20  # frames: the reference forgets what is older, as a texture changes in a field
_SHADING = 1 / 16  # of the shorter side: longer waves are the lamp's or the beam's, which do not drift
_BLUR = 1.0  # pixels: finer is noise
_CLEAR = 0.2  # of 1: a correlation that chance does not make; a lattice's peaks do not stand out more than so
_STANDS_OUT = 7.0  # standard deviations of all correlations: chance makes 5; grainy frames show less than _CLEAR
_UNLIKE = 0.5  # of the usual correlation with the reference: a frame with less is another picture


@dataclass(frozen=True)
class Place:
    """Where a frame lies against the first: (y, x) pixels that it has to be moved by; and whether that was seen."""

    shift: tuple[float, float]
    seen: bool


class Drift:
    """Follows a stack frame by frame.

    A frame is compared with the mean of those before it, each moved to where the last of them lies, so that errors do
    not add up from frame to frame and a long way is followed as well as a short one. One that is unlike them (blank,
    blurred, another part of the sample) takes the place of the frame before it and does not enter the mean. Where the
    first frames are the odd ones, the mean begins anew.

    Parameters
    ----------
    inside
        (ny, nx), what may be compared; what is masked (a footer, a shadow) does not drift with the sample.
    """

    def __init__(self, inside: Mask) -> None:
        self._inside = inside
        self._step = -(-max(inside.shape) // LONGEST)
        self._reference: NDArray[np.complex64] | None = None
        self._count = 0
        self._usual: list[float] = []
        self._last = (0.0, 0.0)

    def place(self, frame: Frame) -> Place:
        """Find the place of the next frame (ny, nx)."""
        spectrum = self._spectrum(frame)
        if self._reference is None:
            return self._keep(spectrum, (0.0, 0.0))
        likeness, stands_out = _likeness(self._reference, spectrum)
        if self._usual:
            alike = likeness >= _UNLIKE * float(np.median(self._usual))
        else:
            alike = likeness >= _CLEAR or stands_out >= _STANDS_OUT
        if not alike:
            if not self._usual:  # which of the two is the odd one, later frames tell
                self._reference, self._count = None, 0
                self._keep(spectrum, (0.0, 0.0))
            return Place(self._last, seen=False)
        found = phase_cross_correlation(
            self._reference, spectrum, space="fourier", upsample_factor=_FINENESS * self._step, normalization=None
        )[0]
        self._usual.append(likeness)
        return self._keep(spectrum, (float(found[0]) * self._step, float(found[1]) * self._step))

    def _keep(self, spectrum: NDArray[np.complex64], step: tuple[float, float]) -> Place:
        """Go on by a step to the next frame, and take it into the mean."""
        self._last = (self._last[0] + step[0], self._last[1] + step[1])
        self._count = min(self._count + 1, _MEMORY)
        mean = spectrum
        if self._reference is not None:
            moved_on = fourier_shift(self._reference, -np.array(step) / self._step)
            mean = moved_on + (spectrum - moved_on) / self._count
        self._reference = np.asarray(mean, np.complex64)
        return Place(self._last, seen=True)

    def _spectrum(self, frame: Frame) -> NDArray[np.complex64]:
        """Return the spectrum of what may drift: without shading, noise, or the step from edge to edge."""
        plane = filled(frame, self._inside)
        if self._step > 1:
            rows, columns = (n // self._step * self._step for n in plane.shape)
            plane = block_reduce(plane[:rows, :columns], self._step, np.mean)
        wide = _SHADING * min(plane.shape)
        textured = gaussian_filter(plane, _BLUR) - gaussian_filter(plane, wide)
        return np.asarray(fft2(textured * window("hann", plane.shape).astype(np.float32)), np.complex64)


def moved(frame: Frame, inside: Mask, shift: tuple[float, float]) -> tuple[Frame, Mask]:
    """Move a frame (ny, nx) by (y, x) pixels.

    Returns
    -------
    The frame, and where its pixels are made of such inside; what came from beyond the edge is not.
    """
    if not any(shift):
        return frame, inside
    plane = shift_plane(filled(frame, inside), shift, order=3, mode="nearest")
    known = shift_plane(inside.astype(np.float32), shift, order=1, mode="constant", cval=0)
    return np.asarray(plane, np.float32), known > 1 - 1e-3


def _likeness(reference: NDArray[np.complex64], spectrum: NDArray[np.complex64]) -> tuple[float, float]:
    """Return the highest correlation of two spectra, of 1, and by how many standard deviations it stands out."""
    size = np.sqrt(float(np.square(np.abs(reference)).sum()) * float(np.square(np.abs(spectrum)).sum()))
    if size == 0:
        return 0.0, 0.0
    surface = np.real(ifft2(reference * spectrum.conj())) * reference.size / size
    return float(surface.max()), float(surface.max() / surface.std())
