"""The phase that explains every frame of a series at once: least squares through the microscope's forward model.

The prior is that of a smooth random texture: waves of all directions are alike, much longer and much shorter ones than
its period are weak; how weak, the frames themselves tell (empirical Bayes). In linear order this is Wiener's filter;
large defoci, where the transport of intensity fails, cost nothing here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_magtex.compute import Device, Progress, how_many_fit, torch_device
from napari_magtex.imaging.lorentz import intensity_of, wave_of
from napari_magtex.imaging.optics import transfer, wave_vectors
from napari_magtex.imaging.through_focus import SAME_DEFOCUS, ThroughFocus
from napari_magtex.imaging.tie import texture_period

if TYPE_CHECKING:
    import torch

CLOSER = (2.0, 6.0, 20.0)  # rounds before the last: the contrast over the noise that is reckoned with
STEPS, STRETCHES = 25, 4  # of L-BFGS: so many at a time, and as often at most in a round
SETTLED = 1e-7  # relative gain of a step below which a round is over
HELD = 8  # steps that L-BFGS remembers
QUIETEST = 1e-3  # of the mean intensity: a million electrons a pixel; frames are not better known
VARIANCES = np.geomspace(1e-7, 1e2, 73)  # rad^2: of the phase
LENGTHS = np.geomspace(0.5, 4, 13)  # periods of the texture: where the prior's power begins to fall
RISES, FALLS = (0, 2, 4), (4, 6, 8, 12)  # powers of k with which it rises before, and falls then
WEAKEST = 1e-8  # of the strongest: no wave is taken to be weaker, for the unknowns are divided by it
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
    import torch

    fit = _Fit(series, torch_device(device))
    total = len(series) + (1 + len(CLOSER)) * STRETCHES
    for number in range(len(series)):
        fit.take(number)
        yield Progress(number, total, "reading frames")
    phase = torch.zeros(fit.domain, dtype=torch.float64, device=fit.device)
    for number, ratio in enumerate((*CLOSER, math.inf)):
        spectrum = fit.likeliest(phase)
        noise = max(fit.noise, fit.contrast / ratio)
        if number == 0:
            phase = fit.linear(spectrum, noise)
        for stretch in range(STRETCHES):
            phase, settled = fit.closer(phase, spectrum, noise)
            yield Progress(len(series) + number * STRETCHES + stretch, total, "fitting the phase")
            if settled:
                break
    ny, nx = series.shape
    inside = phase[:ny, :nx].cpu().numpy()
    yield PhaseFit(inside - inside.mean(), fit.left(phase))


class _Fit:
    """The frames on a domain that is larger than they are, their noise, and what they tell of each wave."""

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
        self.window = self.weight if series.periodic else self.weight * _faded(series.shape, self.domain).to(device)
        self.information = torch.zeros(self.domain, dtype=torch.float64, device=device)
        self.period = 0.0
        self.noise, self.contrast = QUIETEST, 0.0

    def take(self, number: int) -> None:
        """Add a frame to what is known."""
        import torch

        ny, nx = self.series.shape
        seen = self.series.intensity(number)
        frame = torch.ones(self.domain, dtype=torch.float64)
        frame[:ny, :nx] = torch.from_numpy(seen).double()
        frame = frame.to(self.device)
        self.frames.append(frame)
        factor = transfer(self.domain, self.series.pixel_size, self.series.optics(number)).to(self.device)
        self.transfers.append(factor)
        response = -2 * factor.imag  # of the intensity to a weak phase: 2 sin(chi), which is even in k
        power = torch.fft.fft2((frame - 1) * self.weight, norm="ortho").abs() ** 2 / self.share
        self.information += response**2
        self.contrast = max(self.contrast, math.sqrt(float(power.mean())))
        outer = self.k2 > 0.64 * self.k2.max()  # where no texture is
        self.noise = max(self.noise, math.sqrt(float(power[outer].mean())))
        if abs(self.series.defoci[number]) > SAME_DEFOCUS:
            self.period = max(self.period, texture_period(seen, self.series.pixel_size))

    # ---- linear theory, and the prior

    def _data(self, phase: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
        """Return what the frames say of each wave, times its information, by linear theory about a phase."""
        import torch

        spectrum = torch.fft.fft2(wave_of(phase))
        data = self.information * torch.fft.fft2(phase * window, norm="ortho")
        for number, factor in enumerate(self.transfers):
            data += 2 * factor.imag * torch.fft.fft2(self._misfit(spectrum, number) * window, norm="ortho")
        return data

    def likeliest(self, phase: torch.Tensor) -> torch.Tensor:
        """Return the power (ny, nx) of waves under which the data near a phase are likeliest.

        By linear theory, where each wave is by itself: its data over their noise have the variance
        1 + power x information / noise^2. Waves of like length count together. The frames are faded towards their rim,
        which would else look like power in short waves.
        """
        import torch

        width = 1 / max(n * d for n, d in zip(self.domain, self.series.pixel_size, strict=True))
        ring = torch.round(self.k2.sqrt() / width).long().flatten()
        count = torch.bincount(ring).cpu().numpy()

        def mean(values: torch.Tensor) -> NDArray[np.float64]:
            return torch.bincount(ring, values.flatten(), len(count)).cpu().numpy() / np.maximum(count, 1)

        known = self.information * float((self.window**2).mean()) * self.noise**2
        ratio = mean(self.information) / self.noise**2
        data = mean(self._data(phase, self.window).abs() ** 2 / known.clamp(min=1e-30))
        k = mean(self.k2.sqrt()) * self.period
        used = (ratio > 0) & (k > 0)

        def unlikely(length: float, rise: int, fall: int) -> NDArray[np.float64]:
            shape = _shape(k * length, rise, fall)
            shape = shape * count.sum() / (count * shape).sum()
            expected = 1 + VARIANCES[:, None] * (shape * ratio)[used]
            return np.asarray((count[used] * (np.log(expected) + data[used] / expected)).sum(axis=1))

        choices = list(product(LENGTHS, RISES, FALLS))
        table = np.array([unlikely(*choice) for choice in choices])
        best, variance = np.unravel_index(table.argmin(), table.shape)
        length, rise, fall = choices[int(best)]
        shape = _shape(self.k2.sqrt() * (self.period * length), rise, fall)
        shape = shape.clamp(min=WEAKEST * float(shape.max()))
        return float(VARIANCES[variance]) / shape.mean() * shape

    def _unknown(self, spectrum: torch.Tensor, noise: float) -> torch.Tensor:
        """Variance of each wave that linear theory expects to be left."""
        return 1 / (self.share * self.information / noise**2 + 1 / spectrum)

    def linear(self, spectrum: torch.Tensor, noise: float) -> torch.Tensor:
        """Return the phase of linear theory."""
        import torch

        data = self._data(torch.zeros(self.domain, dtype=torch.float64, device=self.device), self.weight)
        return torch.fft.ifft2(data / noise**2 * self._unknown(spectrum, noise), norm="ortho").real

    # ---- the fit

    def left(self, phase: torch.Tensor) -> float:
        """Return the standard deviation of what a phase leaves of the frames."""
        import torch

        spectrum = torch.fft.fft2(wave_of(phase))
        misfit = sum(float((self._misfit(spectrum, number) ** 2).sum()) for number in range(len(self.frames)))
        return math.sqrt(misfit / (len(self.frames) * float(self.weight.sum())))

    def _misfit(self, spectrum: torch.Tensor, number: int) -> torch.Tensor:
        """Return by how much a frame differs from what a wave of such a spectrum gives."""
        import torch

        wave = torch.fft.ifft2(spectrum * self.transfers[number])
        return (intensity_of(wave) - self.frames[number]) * self.weight

    def closer(self, phase: torch.Tensor, spectrum: torch.Tensor, noise: float) -> tuple[torch.Tensor, bool]:
        """Return a phase that fits better, after a stretch of steps, and whether none can be found any more."""
        import torch
        from scipy.optimize import minimize

        scale = self._unknown(spectrum, noise).sqrt()
        looseness = scale**2 / spectrum

        def phase_of(u: torch.Tensor) -> torch.Tensor:
            return torch.fft.ifft2(torch.fft.fft2(u) * scale).real

        def cost(x: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            u = torch.from_numpy(x.reshape(self.domain)).to(self.device).requires_grad_(True)
            wave = torch.fft.fft2(wave_of(phase_of(u)))
            total = (looseness * torch.fft.fft2(u, norm="ortho").abs() ** 2).sum() / 2
            for number in range(len(self.frames)):
                total = total + (self._misfit(wave, number) ** 2).sum() / (2 * noise**2)
            total.backward()
            assert u.grad is not None
            return float(total.detach()), u.grad.cpu().numpy().ravel()

        start = torch.fft.ifft2(torch.fft.fft2(phase) / scale).real.cpu().numpy().ravel()
        options = {"maxiter": STEPS, "maxcor": HELD, "ftol": SETTLED}
        found = minimize(cost, start, jac=True, method="L-BFGS-B", options=options)
        return phase_of(torch.from_numpy(found.x.reshape(self.domain)).to(self.device)), found.nit < STEPS


def _faded(shape: tuple[int, int], domain: tuple[int, int]) -> torch.Tensor:
    """Return a window on a domain that fades to 0 towards the rim of a frame (ny, nx)."""
    import torch

    sides = [torch.zeros(n, dtype=torch.float64) for n in domain]
    for side, n in zip(sides, shape, strict=True):
        side[:n] = torch.hann_window(n, periodic=False, dtype=torch.float64)
    return sides[0][:, None] * sides[1]


def _shape(k: Any, rise: int, fall: int) -> Any:
    """Return k^rise / (1 + k^2)^((rise + fall) / 2), of an array or a tensor."""
    return k**rise / (1 + k**2) ** ((rise + fall) / 2)


def _domain(series: ThroughFocus) -> tuple[int, int]:
    """Return the sides of the domain in pixels: the frame's, and a margin that its farthest defocus reaches across."""
    from scipy.fft import next_fast_len

    if series.periodic:
        return series.shape
    spread = max(series.optics(number).spread_px(series.pixel_size) for number in range(len(series)))
    ny, nx = (next_fast_len(n + max(n // 8, min(math.ceil(2 * spread), n))) for n in series.shape)
    return ny, nx
