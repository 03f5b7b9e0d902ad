"""What an electron microscope can take of a texture: a defocused frame, Foucault's, a hologram, the phase."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_magtex.errors import Unsuitable
from napari_magtex.imaging import detector
from napari_magtex.imaging.lorentz import foucault, hologram, lorentz_frame
from napari_magtex.imaging.optics import Optics
from napari_magtex.imaging.phase import electrostatic_phase, known_to_electrons, padded_phase
from napari_magtex.picture import Contrast, Picture
from napari_magtex.texture import SpinTexture

if TYPE_CHECKING:
    import torch

FINEST_FRINGE = 2  # pixels: finer ones are not sampled


class Mode(StrEnum):
    """How the microscope is used."""

    FRESNEL = "fresnel"  # out of focus
    PHASE = "phase"  # what holography measures in the end, in rad
    FOUCAULT = "foucault"  # in focus, a knife edge in the diffraction plane
    HOLOGRAM = "hologram"  # in focus, fringes of an off-axis biprism


@dataclass(frozen=True)
class Exposure:
    """All that is set for a frame.

    Parameters
    ----------
    optics
        The microscope; its defocus counts in `Mode.FRESNEL` alone.
    mode
        How it is used.
    periodic
        Whether the film goes on beyond its edges; else it is alone in space.
    tilt_deg, tilt_axis_deg
        As `electron_phase` takes them.
    dose
        Electrons a pixel, which brings noise; None: a perfect picture. A phase is never counted.
    seed
        Of the noise.
    blur_px
        Standard deviation, in pixels, of the Gaussian that the detector makes of a point.
    inner_potential
        In V, of the film where it holds material; 0: only its moments turn the phase.
    direction_deg
        Counter-clockwise from +x: which way deflected electrons pass the knife edge, or along which fringes follow each
        other.
    fringe
        Distance of the fringes in m.
    """

    optics: Optics
    mode: Mode = Mode.FRESNEL
    periodic: bool = True
    tilt_deg: float = 0.0
    tilt_axis_deg: float = 0.0
    dose: float | None = None
    seed: int = 0
    blur_px: float = 0.0
    inner_potential: float = 0.0
    direction_deg: float = 0.0
    fringe: float = 20e-9


def expose(texture: SpinTexture, exposure: Exposure) -> Picture:
    """Take a frame of a texture, a pixel a cell.

    Returns
    -------
    A grey picture (ny, nx), calibrated, of contrast ``phase`` (rad) or ``lorentz``; ``meta`` holds every setting as a
    file's frame would tell it.

    Raises
    ------
    Unsuitable
        Cell or saturation is unknown, the lattice is triangular, the tilt too steep, the fringes too fine.
    """
    taken = replace(exposure, optics=exposure.optics if exposure.mode is Mode.FRESNEL else _in_focus(exposure.optics))
    cell, _ = known_to_electrons(texture)
    pixel_size = (cell[1], cell[2])
    if taken.mode is Mode.FRESNEL:
        frame = lorentz_frame(
            texture,
            taken.optics,
            dose=taken.dose,
            seed=taken.seed,
            periodic=taken.periodic,
            tilt_deg=taken.tilt_deg,
            tilt_axis_deg=taken.tilt_axis_deg,
            electrostatic=_electrostatic(texture, taken),
            blur_px=taken.blur_px,
        )
        return replace(frame, meta={**frame.meta, **_told(taken)})
    if taken.mode is Mode.PHASE:
        phase, film = _phase(texture, taken, 0)
        pixels = phase[film].numpy()
        return Picture(pixels.astype(np.float32), Contrast.PHASE, pixel_size, meta=_told(taken))
    pixels = _foucault(texture, taken) if taken.mode is Mode.FOUCAULT else _hologram(texture, taken)
    pixels = detector.blur(pixels, taken.blur_px, periodic=taken.periodic)
    if taken.dose is not None:
        pixels = detector.count(pixels, taken.dose, np.random.default_rng(taken.seed))
    return Picture(pixels.astype(np.float32), Contrast.LORENTZ, pixel_size, meta=_told(taken))


def _in_focus(optics: Optics) -> Optics:
    return replace(optics, defocus=0.0)


def _told(exposure: Exposure) -> dict[str, Any]:
    """Return the settings under the names that files' frames have; those that say nothing are left out."""
    optics = exposure.optics
    told: dict[str, Any] = {
        "mode": str(exposure.mode),
        "defocus_um": optics.defocus * 1e6,
        "voltage_kV": optics.voltage / 1e3,
        "cs_mm": optics.cs * 1e3,
        "divergence_mrad": optics.divergence * 1e3,
        "astigmatism_um": optics.astigmatism * 1e6,
        "astigmatism_axis_deg": optics.astigmatism_axis_deg,
        "focal_spread_um": optics.focal_spread * 1e6,
        "tilt_deg": exposure.tilt_deg,
        "tilt_axis_deg": exposure.tilt_axis_deg,
        "dose_e_per_px": exposure.dose,
        "blur_px": exposure.blur_px,
        "inner_potential_V": exposure.inner_potential,
        "periodic": exposure.periodic,
    }
    told = {name: round(value, 9) if isinstance(value, float) else value for name, value in told.items()}
    if exposure.mode in (Mode.FOUCAULT, Mode.HOLOGRAM):
        told["direction_deg"] = exposure.direction_deg
    if exposure.mode is Mode.HOLOGRAM:
        told["fringe_nm"] = exposure.fringe * 1e9
    return told


def _electrostatic(texture: SpinTexture, exposure: Exposure) -> NDArray[np.float64] | None:
    """Phase (ny, nx) in rad of the film's outline; None where it has no potential."""
    if not exposure.inner_potential:
        return None
    path = texture.material.sum(axis=0) * known_to_electrons(texture)[0][0] / math.cos(math.radians(exposure.tilt_deg))
    return electrostatic_phase(path, exposure.inner_potential, exposure.optics)


def _phase(texture: SpinTexture, exposure: Exposure, margin: int) -> tuple[torch.Tensor, tuple[slice, slice]]:
    """Phase of moments and potential with a margin of vacuum around an open film, which fades to 0, and the film."""
    import torch
    from scipy.signal.windows import tukey

    phase, film = padded_phase(
        texture,
        tilt_deg=exposure.tilt_deg,
        tilt_axis_deg=exposure.tilt_axis_deg,
        periodic=exposure.periodic,
        margin=margin,
    )
    if (electrostatic := _electrostatic(texture, exposure)) is not None:
        phase[film] += torch.from_numpy(electrostatic)
    if margin and not exposure.periodic:
        fading = np.outer(*(tukey(n, margin / n) for n in phase.shape))
        phase = phase * torch.from_numpy(fading)
    return phase, film


def _foucault(texture: SpinTexture, exposure: Exposure) -> NDArray[np.floating]:
    cell, _ = known_to_electrons(texture)
    margin = max(16, math.ceil(max(texture.shape[1:]) / 2))  # what an edge does falls off slowly, as 1 / x
    phase, film = _phase(texture, exposure, margin)
    intensity = foucault(phase[None], (cell[1], cell[2]), exposure.optics, direction_deg=exposure.direction_deg)
    return np.asarray(intensity[0][film].numpy())


def _hologram(texture: SpinTexture, exposure: Exposure) -> NDArray[np.floating]:
    cell, _ = known_to_electrons(texture)
    coarsest = max(cell[1:])
    if exposure.fringe < FINEST_FRINGE * coarsest:
        raise Unsuitable(
            f"fringes {exposure.fringe * 1e9:.3g} nm apart cannot be drawn on pixels of {coarsest * 1e9:.3g} nm: set "
            f"them {FINEST_FRINGE * coarsest * 1e9:.3g} nm apart or more"
        )
    phase, film = _phase(texture, exposure, 0)
    drawn = hologram(phase[None], (cell[1], cell[2]), fringe=exposure.fringe, direction_deg=exposure.direction_deg)
    return np.asarray(drawn[0][film].numpy())
