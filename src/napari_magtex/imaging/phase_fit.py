"""The phase that explains every frame of a series at once: least squares through the microscope's forward model.

The prior is that of a smooth random texture: waves of all directions are alike, those much shorter than its period are
weak. In linear order this is Wiener's filter; large defoci, where the transport of intensity fails, cost nothing here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_magtex.compute import Device, Progress, how_many_fit, torch_device
from napari_magtex.imaging.lorentz import intensity_of, wave_of
from napari_magtex.imaging.optics import transfer, wave_vectors
from napari_magtex.imaging.through_focus import SAME_DEFOCUS, ThroughFocus
from napari_magtex.imaging.tie import texture_period

if TYPE_CHECKING:
    import torch

CLOSER = (2.0, 6.0, 20.0, 60.0)  # rounds: the contrast over the noise that is reckoned with, until that of the frames
STEPS = 30  # of L-BFGS in a round
HELD = 8  # steps that L-BFGS remembers
QUIETEST = 1e-3  # of the mean intensity: a million electrons a pixel; frames are not better known
VARIANCE = 0.1  # rad^2: that of the phase, to begin with
WIDTH = 1.4  # periods of the texture: the length of the prior
SMOOTHNESS = 4  # the prior's power falls as k to minus twice this
FINEST = 4  # pixels: the period whose spread by the defocus is the margin around a frame
BYTES_A_PIXEL = 16 * (6 + 2 * HELD)  # what a pixel of the domain takes beside its frames


@dataclass(frozen=True, eq=False)
class PhaseFit:
    """A phase, and how well it explains the frames.

    Parameters
    ----------
    phase
        (ny, nx) in rad, of mean 0.
    noise
        Standard deviation of a pixel that is left, in units of the mean intensity; 1 / noise^2 is the dose in electrons
        a pixel where nothing but counting is left.
    """

    phase: NDArray[np.float64]
    noise: float


def fit_phase(series: ThroughFocus, *, device: Device | str = Device.AUTO) -> Iterator[Progress | PhaseFit]:
    """Fit the phase of a specimen of uniform absorption to every frame of a series.

    Parameters
    ----------
    series
        One frame or more, aligned. Masked pixels do not count.
    device
        Where to compute.

    Yields
    ------
    Progress, and last the `PhaseFit`.

    Raises
    ------
    MagtexError
        The series does not fit the memory.

    Notes
    -----
    The phase goes on beyond the frame's rim, where the prior alone holds it; so no border condition is needed. The
    unknowns are scaled by what the linear theory expects to be left unknown of each wave, which makes the problem round
    for L-BFGS. Frames are first taken for noisier than they are, so that the prior leads to the right valley.
    """

    fit = _Fit(series, torch_device(device))
    for number in range(len(series)):
        fit.take(number)
        yield Progress(number, len(series) + len(CLOSER) * STEPS, "reading frames")
    quiet, contrast = fit.noise, fit.contrast
    fit.noise = max(quiet, contrast / CLOSER[0])
    spectrum = fit.spectrum(VARIANCE)
    phase = fit.linear(spectrum)
    for number, ratio in enumerate((*CLOSER[1:], math.inf)):
        for step in fit.solve(phase, spectrum):
            if isinstance(step, int):
                done = len(series) + number * STEPS + step
                yield Progress(done, len(series) + len(CLOSER) * STEPS, "fitting the phase")
            else:
                phase = step
        spectrum = fit.spectrum(float(phase.var()))
        fit.noise = max(quiet, contrast / ratio)
    ny, nx = series.shape
    inside = phase[:ny, :nx].cpu().numpy()
    yield PhaseFit(inside - inside.mean(), fit.left(phase))


class _Fit:
    """The frames on a domain that is larger than they are, the noise, and waves sorted by length into rings."""

    def __init__(self, series: ThroughFocus, device: torch.device) -> None:
        import torch

        self.series, self.device = series, device
        self.domain = _domain(series)
        each = math.prod(self.domain)
        how_many_fit(each * (BYTES_A_PIXEL + 16 * len(series)), f"the fit of {len(series)} frames", device)
        qx, qy = wave_vectors(self.domain, series.pixel_size, half=False)
        self.k2 = ((qx**2 + qy**2) / (4 * math.pi**2)).to(device)
        ny, nx = series.shape
        weight = torch.zeros(self.domain, dtype=torch.float64)
        weight[:ny, :nx] = 1 if series.mask is None else torch.from_numpy(~series.mask).double()
        self.weight = weight.to(device)
        self.share = float(weight.mean())
        self.frames: list[torch.Tensor] = []
        self.transfers: list[torch.Tensor] = []
        self.data = torch.zeros(self.domain, dtype=torch.complex128, device=device)
        self.information = torch.zeros(self.domain, dtype=torch.float64, device=device)
        self.length = 0.0
        self.noise, self.contrast = QUIETEST, 0.0

    def take(self, number: int) -> None:
        """Add a frame to what is known."""
        import torch

        ny, nx = self.series.shape
        frame = torch.ones(self.domain, dtype=torch.float64)
        frame[:ny, :nx] = torch.from_numpy(self.series.intensity(number)).double()
        frame = frame.to(self.device)
        self.frames.append(frame)
        factor = transfer(self.domain, self.series.pixel_size, self.series.optics(number)).to(self.device)
        self.transfers.append(factor)
        response = -2 * factor.imag  # of the intensity to a weak phase: 2 sin(chi), which is even in k
        spectrum = torch.fft.fft2((frame - 1) * self.weight, norm="ortho")
        self.data += response * spectrum
        self.information += response**2
        self.contrast = max(self.contrast, float((spectrum.abs() ** 2).mean() / self.share) ** 0.5)
        outer = self.k2 > 0.64 * self.k2.max()  # where no texture is
        self.noise = max(self.noise, math.sqrt(float((spectrum.abs() ** 2)[outer].mean()) / self.share))
        period = texture_period(self.series.intensity(number), self.series.pixel_size)
        self.length = max(self.length, WIDTH * period * (abs(self.series.defoci[number]) > SAME_DEFOCUS))

    # ---- the prior

    def spectrum(self, variance: float) -> torch.Tensor:
        """Return the power (ny, nx) that a texture of such a variance in rad^2 has in each wave."""
        power = 1 / (1 + self.k2 * self.length**2) ** SMOOTHNESS
        return variance / power.mean() * power

    def left(self, phase: torch.Tensor) -> float:
        """Return the standard deviation of what a phase leaves of the frames."""
        import torch

        spectrum = torch.fft.fft2(wave_of(phase))
        misfit = sum(float((self._misfit(spectrum, number) ** 2).sum()) for number in range(len(self.frames)))
        return math.sqrt(misfit / (len(self.frames) * float(self.weight.sum())))

    def _unknown(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Variance of each wave that linear theory expects to be left."""
        return 1 / (self.share * self.information / self.noise**2 + 1 / spectrum)

    def linear(self, spectrum: torch.Tensor) -> torch.Tensor:
        """Return the phase of linear theory."""
        import torch

        return torch.fft.ifft2(self.data / self.noise**2 * self._unknown(spectrum), norm="ortho").real

    # ---- the fit

    def _misfit(self, spectrum: torch.Tensor, number: int) -> torch.Tensor:
        """Return by how much a frame differs from what a wave of such a spectrum gives."""
        import torch

        wave = torch.fft.ifft2(spectrum * self.transfers[number])
        return (intensity_of(wave) - self.frames[number]) * self.weight

    def solve(self, phase: torch.Tensor, spectrum: torch.Tensor) -> Iterator[int | torch.Tensor]:
        """Yield the number of each step, and last the phase that fits best."""
        import torch

        scale = self._unknown(spectrum).sqrt()
        looseness = scale**2 / spectrum
        unknown = torch.fft.ifft2(torch.fft.fft2(phase) / scale).real.requires_grad_(True)
        search = torch.optim.LBFGS([unknown], max_iter=1, history_size=HELD, line_search_fn="strong_wolfe")

        def phase_of(u: torch.Tensor) -> torch.Tensor:
            return torch.fft.ifft2(torch.fft.fft2(u) * scale).real

        def cost() -> torch.Tensor:
            search.zero_grad()
            wave = torch.fft.fft2(wave_of(phase_of(unknown)))
            total = (looseness * torch.fft.fft2(unknown, norm="ortho").abs() ** 2).sum() / 2
            for number in range(len(self.frames)):
                total = total + (self._misfit(wave, number) ** 2).sum() / (2 * self.noise**2)
            total.backward()
            return total

        for step in range(STEPS):
            search.step(cost)
            yield step + 1
        yield phase_of(unknown.detach())


def _domain(series: ThroughFocus) -> tuple[int, int]:
    """Return the sides of the domain in pixels: the frame's, and a margin that its farthest defocus reaches across."""
    from scipy.fft import next_fast_len

    if series.periodic:
        return series.shape
    finest = min(series.pixel_size)
    spread = series.wavelength * max(abs(df) for df in series.defoci) / (FINEST * finest) / finest
    ny, nx = (next_fast_len(n + max(n // 8, min(math.ceil(2 * spread), n))) for n in series.shape)
    return ny, nx
