"""From a through-focus series to the induction in the film: phase, B t, and their picture in colours."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_magtex.colours import rgb_to_spin, spin_to_rgb
from napari_magtex.compute import Device, Progress
from napari_magtex.errors import Unsuitable
from napari_magtex.imaging.phase import induction_of
from napari_magtex.imaging.phase_fit import fit_phase
from napari_magtex.imaging.through_focus import ThroughFocus
from napari_magtex.imaging.tie import HOLDS_BELOW, texture_period, transport_phase
from napari_magtex.picture import Contrast, Picture

T_NM = 1e-9  # T m: B t is told in T nm
BRIGHTEST = 0.99  # quantile of |B t| that is drawn in full colour unless the user says what is


class Method(StrEnum):
    """How a phase is found."""

    TIE = "tie"  # transport of intensity: quick, for small defoci
    LEAST_SQUARES = "least-squares"  # the forward model fitted to all frames: any defocus, noise, few frames


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """The electron phase behind a film, and the induction that it tells.

    Parameters
    ----------
    phase
        (ny, nx) in rad, of mean 0.
    pixel_size
        (dy, dx) in m.
    settings
        How it was found: method, defoci, voltage, cutoff ...; all of them JSON.
    notes
        What the user should know of it.
    mask
        (ny, nx): True where the frames said nothing; None: nowhere.
    """

    phase: NDArray[np.float64]
    pixel_size: tuple[float, float]
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    mask: NDArray[np.bool_] | None = None

    @property
    def induction(self) -> NDArray[np.float64]:
        """(B_x t, B_y t), (2, ny, nx) in T m, x right and y up; over the film's thickness t it is B in T."""
        return induction_of(self.phase, self.pixel_size)

    def pictures(self) -> dict[str, Picture]:
        """Return what is kept of it, by the names of the files: phase, both components of B t in T nm, the wheel."""
        x, y = self.induction / T_NM
        found = {}
        for name, pixels, contrast, unit in (
            ("phase", self.phase, Contrast.PHASE, "rad"),
            ("induction_x", x, None, "T nm"),
            ("induction_y", y, None, "T nm"),
        ):
            meta = {"quantity": name, "value_unit": unit, **self.settings}
            found[f"{name}.tif"] = Picture(pixels.astype(np.float32), contrast, self.pixel_size, meta=meta)
        return found | {"colour.png": self.wheel()}

    def wheel(self, full: float | None = None) -> Picture:
        """Draw the induction in colours: hue is its direction as MuMax3 has it, brightness its size up to ``full`` T m.

        The picture knows ``full_T_nm``, so that the colours can be read back.
        """
        induction = self.induction
        if full is None:
            full = brightest(induction if self.mask is None else induction[:, ~self.mask])
        picture = wheel_picture(induction, full, self.pixel_size)
        return replace(picture, meta={**picture.meta, "colour_map": "wheel", **self.settings})


def reconstruct(
    series: ThroughFocus,
    method: Method | str = Method.TIE,
    *,
    cutoff: float | None = None,
    uniform: bool = True,
    device: Device | str = Device.AUTO,
) -> Iterator[Progress | Reconstruction]:
    """Find the phase of an aligned series.

    Parameters
    ----------
    series
        Frames of one place, aligned.
    method
        TIE, or least squares.
    cutoff, uniform
        As `transport_phase` takes them; of TIE alone.
    device
        Where to fit.

    Yields
    ------
    Progress, and last the `Reconstruction`.
    """
    method = Method(method)
    settings: dict[str, Any] = {
        "method": str(method),
        "defocus_um": [df * 1e6 for df in series.defoci],
        "voltage_kV": series.voltage / 1e3,
    }
    notes: tuple[str, ...] = ()
    if method is Method.TIE:
        work: Iterator[Any] = transport_phase(series, cutoff=cutoff, uniform=uniform)
        settings |= {"uniform": uniform, "cutoff_nm": None if cutoff is None else cutoff * 1e9}
        notes = tuple(limits(series))
    else:
        work = fit_phase(series, device=device)
    for step in work:
        if isinstance(step, Progress):
            yield step
            continue
        if isinstance(step, np.ndarray):
            phase = step
        else:
            phase, settings["noise"] = step.phase, step.noise
        yield Reconstruction(phase, series.pixel_size, settings, notes, series.mask)


def limits(series: ThroughFocus) -> Iterator[str]:
    """Yield what is to be said of a series before its transport of intensity is believed."""
    far = int(np.argmax(np.abs(series.defoci)))
    period = texture_period(series.intensity(far), series.pixel_size)
    ratio = math.pi * series.wavelength * abs(series.defoci[far]) / period**2
    if ratio > HOLDS_BELOW:
        most = HOLDS_BELOW * period**2 / (math.pi * series.wavelength)
        yield (
            f"{abs(series.defoci[far]) * 1e6:.4g} um is much defocus for a period of {period * 1e9:.3g} nm: TIE holds "
            f"up to about {most * 1e6:.4g} um and blurs what is finer. Least squares fits any defocus"
        )
    if len(series) == 1:
        yield (
            "one frame alone (SITIE) holds for a thin film of uniform thickness that is in focus everywhere the same: "
            "what absorbs or scatters is taken for induction"
        )


def part_phases(
    phase: NDArray[np.floating], other: NDArray[np.floating], *, flipped: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Part a phase into what comes of the moments and what of the specimen's potential, (ny, nx) each.

    Parameters
    ----------
    phase
        (ny, nx) in rad.
    other
        That of the same place, aligned: with the specimen turned over and the picture mirrored back (``flipped``),
        which turns the magnetic part's sign; or of a reference without any, saturated along the beam or above Tc.

    Raises
    ------
    Unsuitable
        They differ in size.
    """
    if phase.shape != other.shape:
        raise Unsuitable(f"the two phases differ in size, {phase.shape} and {other.shape}: align and crop them first")
    one, two = np.asarray(phase, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if flipped:
        return np.subtract(one, two) / 2, np.add(one, two) / 2
    return np.subtract(one, two), two


def brightest(induction: NDArray[np.floating]) -> float:
    """Return the size in T m of an induction (2, ...) that is drawn in full colour unless the user says what is."""
    return float(np.quantile(np.hypot(*induction), BRIGHTEST))


def wheel_picture(induction: NDArray[np.floating], full: float, pixel_size: tuple[float, float]) -> Picture:
    """Draw an induction (2, ny, nx) in T m in colours, of which the brightest stand for ``full``, as it then knows."""
    return Picture(wheel_colours(induction, full), Contrast.WHEEL, pixel_size, meta={"full_T_nm": full / T_NM})


def wheel_colours(induction: NDArray[np.floating], full: float) -> NDArray[np.float32]:
    """Colour an induction (2, ny, nx), x right and y up, (ny, nx, 3): hue is direction, 0 is black, ``full`` bright."""
    size = np.hypot(*induction)
    plane = np.zeros((*size.shape, 3), dtype=np.float32)
    plane[..., :2] = np.moveaxis(induction / np.maximum(size, 1e-30), 0, -1)
    plane[~np.any(plane, axis=-1), 0] = 1
    return spin_to_rgb(plane) * np.clip(size / max(full, 1e-30), 0, 1)[..., None].astype(np.float32)


def induction_of_wheel(colours: NDArray[np.floating], full: float = 1.0) -> NDArray[np.float32]:
    """Read the induction (2, ny, nx) back from colours (ny, nx, 3), 0 to 1, the brightest of which mean ``full``."""
    colours = np.asarray(colours, dtype=np.float32)
    size = colours.max(axis=-1)
    direction = rgb_to_spin(colours / np.maximum(size, 1e-6)[..., None])[..., :2]
    length = np.maximum(np.hypot(direction[..., 0], direction[..., 1]), 1e-6)
    return np.asarray(np.moveaxis(direction / length[..., None] * (full * size)[..., None], -1, 0), dtype=np.float32)


def wheel_legend(side: int = 128) -> NDArray[np.float32]:
    """Draw the colour wheel (side, side, 4), 0 to 1, see-through outside: what each direction and size looks like."""
    row, column = np.mgrid[:side, :side]
    x, y = (column - (side - 1) / 2) / (side / 2), ((side - 1) / 2 - row) / (side / 2)
    colours = wheel_colours(np.stack([x, y]), 1.0)
    inside = np.hypot(x, y) <= 1
    return np.concatenate([colours, inside[..., None].astype(np.float32)], axis=-1)
