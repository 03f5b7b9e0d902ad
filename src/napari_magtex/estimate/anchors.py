"""Classical anchors: what a picture tells of its texture without any network, each with how it was measured."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.constants import mu_0
from scipy.ndimage import binary_erosion, gaussian_filter

from napari_magtex.errors import UncalibratedPicture, Unsuitable
from napari_magtex.estimate.channels import Channels, box_of, channels, filled
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.spectrum import measure_period
from napari_magtex.imaging.phase import induction_of
from napari_magtex.physics.structure import frequencies, structure_factor
from napari_magtex.physics.topology import topological_charge
from napari_magtex.picture import Contrast, Picture
from napari_magtex.results import Provenance

DIRECTED = 0.6  # anisotropy of stripes with a direction: labyrinths of 3 waves across have 0.35, one in 20 of them 0.6
_RING = 1.5  # waves longer or shorter than the period by this factor do not tell its direction
_NOISE = 0.35  # cycles a cell: beyond it a frame holds noise alone
_NEAR_ONE = 0.999  # of m_z, as 8-bit colours still tell it from 1
_FEWEST_PLACES = 20  # on walls
_SHARED = 2  # places along a wall that have a cell in common
_STRIPES = 0.2  # skyrmions on a square of one period: a hexagonal lattice has 0.87, stripes none
_BRIGHTEST = 0.95  # quantile of |B t| that stands for a film magnetised in its plane

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Anchor:
    """One number in SI units (angles in degrees), from ``low`` to ``high`` where that is known."""

    name: str
    value: float
    low: float | None
    high: float | None
    unit: str
    how: str


_SHOWN = {
    "period": ("period", "nm", 1e9),
    "stripe_angle": ("stripes", "°", 1.0),
    "anisotropy": ("anisotropy", "", 1.0),
    "wall_width": ("walls π Δ", "nm", 1e9),
    "domain_fraction": ("m_z > 0", "%", 100.0),
    "skyrmion_density": ("skyrmions", "1/µm²", 1e-12),
    "helical_length": ("4π A/D of stripes", "nm", 1e9),
    "Ms_t": ("Ms t", "mA", 1e3),
    "Ms": ("Ms", "kA/m", 1e-3),
}
"""Caption, unit and scale of every anchor that there may be, in the order of a table."""


@dataclass(frozen=True)
class Anchors:
    """The anchors of a region; what cannot be told is not among them."""

    provenance: Provenance
    entries: tuple[Anchor, ...]

    def rows(self) -> list[tuple[str, str, str]]:
        """Return caption with the field's unit, value with its interval in it, and how it was measured."""
        rows = []
        for anchor in self.entries:
            caption, unit, scale = _SHOWN[anchor.name]
            text = f"{anchor.value * scale:.3g}"
            if anchor.low is not None and anchor.high is not None:
                text += f" ({anchor.low * scale:.3g} to {anchor.high * scale:.3g})"
            rows.append((f"{caption} ({unit})" if unit else caption, text, anchor.how))
        return rows

    def record(self) -> dict[str, Any]:
        """Return a JSON object: a quantity for each name."""
        found = {anchor.name: asdict(anchor) for anchor in self.entries}
        for quantity in found.values():
            del quantity["name"]
        return self.provenance.record() | found


@dataclass(frozen=True)
class _Region:
    """Channels on the bounding box of a region, where it is, and how large a cell is, (dy, dx) in metres."""

    values: NDArray[np.float32]
    inside: NDArray[np.bool_]
    cell: tuple[float, float]
    contrast: Contrast

    @property
    def filled(self) -> NDArray[np.float32]:
        """Channels that take their mean outside the region."""
        return filled(self.values, self.inside)


def anchors(picture: Picture, experiment: Experiment) -> Anchors:
    """Measure a picture, or the region that was cut out of one.

    Parameters
    ----------
    picture
        Its pixel size must be known. Of the experiment's contrast, or an electron phase in rad.
    experiment
        Its film gives the cell and the thickness.

    Returns
    -------
    Of every picture with a period: the period, how directed the texture is and the direction of its stripes, 4 pi A/D
    as of a helix of this period. Of spins also the width of walls, the share of m_z > 0 and, where the colours tell
    the whole direction, the density of skyrmions. Of a phase Ms t, and Ms of the film's thickness.

    Raises
    ------
    UncalibratedPicture, Unsuitable, BadRegion
        As `channels` has it.
    """
    of_phase = picture.contrast is Contrast.PHASE
    region = _phase(picture) if of_phase else _box(channels(picture, experiment), experiment.picture.contrast)
    found = [*_periodic(region, experiment)]
    if region.contrast is Contrast.SPIN:
        found += _of_spins(region)
    if of_phase:
        strength = np.linalg.norm(induction_of(region.values[0], region.cell), axis=0)
        # outside a region the pixels are made up, and its rim has steps that are not the sample's
        if (within := binary_erosion(region.inside, border_value=1)).any():
            found += _moment(strength[within], experiment.film.thickness)
    density = next((a.value for a in found if a.name == "skyrmion_density"), 0.0)
    period = next((a.value for a in found if a.name == "period"), 0.0)
    if density * period**2 > _STRIPES:  # the period is that of a lattice's rows
        found = [anchor for anchor in found if anchor.name != "helical_length"]
    order = list(_SHOWN)
    return Anchors(
        Provenance.of(picture, contrast=region.contrast, model="", pixel_size=picture.pixel_size),
        tuple(sorted(found, key=lambda anchor: order.index(anchor.name))),
    )


def direction(
    values: NDArray[np.float32], period: float, *, cell: tuple[float, float] = (1.0, 1.0), noisy: bool = False
) -> tuple[float, float, float]:
    """Tell how the waves of a period lie.

    Parameters
    ----------
    values
        Channels (channels, ny, nx).
    period
        In the unit of the cell.
    cell
        (dy, dx); default: lengths in cells.
    noisy
        Take the white floor off.

    Returns
    -------
    Direction of the stripes in degrees from x, counter-clockwise with y up, from 0 to 180; the anisotropy, 1 where all
    waves run one way and 0 where none is preferred (a hexagonal lattice prefers none); the half-width of the
    direction's 90 % interval in degrees.

    Notes
    -----
    Anisotropy and direction are those of the mean of exp(2 i angle) over the wave vectors about the ring, weighted by
    power.
    """
    ny, nx = values.shape[1:]
    power = structure_factor(torch.from_numpy(np.array(values, dtype=np.float64))[None], periodic=False)[0].sum(dim=0)
    period, (dy, dx) = period / max(cell), (d / max(cell) for d in cell)
    k = frequencies((ny, nx), cell=(dy, dx))
    if noisy:
        power = power - power[k > _NOISE].mean()
    ring = (k * period > 1 / _RING) & (k * period < _RING)
    along = (-torch.fft.fftfreq(ny) / dy, torch.fft.fftfreq(nx) / dx)
    upwards, right = (t.numpy() for t in torch.meshgrid(*along, indexing="ij"))
    chosen = ring.numpy()
    weight, angle = power.numpy()[chosen], np.arctan2(upwards[chosen], right[chosen])
    mean = complex((weight * np.exp(2j * angle)).sum() / weight.sum())
    stripes = math.degrees(math.atan2(mean.imag, mean.real) / 2 + math.pi / 2) % 180
    # a mode's power scatters by as much as it is; k and -k are one, and faded edges make about two of their neighbours
    aside = weight * np.sin(2 * angle - math.atan2(mean.imag, mean.real))
    scatter = 2 * math.sqrt((aside**2).sum()) / abs(weight.sum() * mean)
    return stripes, min(abs(mean), 1.0), math.degrees(1.645 * scatter / 2)


def wall_slopes(mz: NDArray[np.float32], inside: NDArray[np.bool_], cell: tuple[float, float]) -> Array:
    """Return 1 / Delta of walls m_z = tanh(x / Delta) between every four cells where m_z (ny, nx) changes sign, in 1/m.

    The slope is that of artanh m_z, which a wall has along its whole profile: that of m_z itself comes out too small
    where a cell is no longer small beside Delta. Where walls are and which way they face is seen with m_z smoothed,
    and the slope is that way's part of the gradient as it is: noise averages out of it, and does not steepen it.
    """
    mz = mz.astype(np.float64)
    smooth = gaussian_filter(mz, 1, mode="nearest")
    up, solid = _corners(smooth > 0), binary_erosion(inside, iterations=2, border_value=1)
    wall = up.any(axis=0) & ~up.all(axis=0) & _corners(solid).all(axis=0)
    normal = _gradient(smooth, cell)[:, wall]
    slope = _gradient(np.arctanh(np.clip(mz, -_NEAR_ONE, _NEAR_ONE)), cell)[:, wall]
    return np.asarray((slope * normal).sum(axis=0) / np.linalg.norm(normal, axis=0))


def _corners(f: NDArray[Any]) -> NDArray[Any]:
    """Return the four cells around every point where four meet, (4, ny - 1, nx - 1)."""
    return np.stack([f[:-1, :-1], f[:-1, 1:], f[1:, :-1], f[1:, 1:]])


def _gradient(f: Array, cell: tuple[float, float]) -> Array:
    """Return the gradient (2, ny - 1, nx - 1), downwards and rightwards, where four cells meet."""
    a, b, c, d = _corners(f)
    return np.stack([(c + d - a - b) / (2 * cell[0]), (b + d - a - c) / (2 * cell[1])])


def helical_length(period: float, cell: float) -> float:
    """Return 4 pi A/D in metres of the helix with a period on cells of a film; no helix is shorter than four of them.

    Notes
    -----
    On a lattice the period is 2 pi dx / atan(D dx / 2A).
    """
    return 2 * math.pi * cell / math.tan(2 * math.pi * cell / period)


def _periodic(region: _Region, experiment: Experiment) -> Iterator[Anchor]:
    noisy = region.contrast is not Contrast.SPIN
    measured = measure_period(region.filled, cell=region.cell, noisy=noisy)
    if not measured.found:
        return
    value, low, high = measured.value, measured.low, measured.high
    yield Anchor(
        "period", value, low, high, "m", "strongest ring of the power spectrum, and how well its centre is known"
    )
    stripes, anisotropy, half = direction(region.filled, value, cell=region.cell, noisy=noisy)
    yield Anchor("anisotropy", anisotropy, None, None, "1", "mean of exp(2 i angle) over that ring")
    if anisotropy > DIRECTED:
        how = "power on that ring; from x, counter-clockwise"
        yield Anchor("stripe_angle", stripes, stripes - half, stripes + half, "deg", how)
    film = math.sqrt(math.prod(experiment.cell[1:]))
    if low > 4 * film:
        value, low, high = (helical_length(period, film) for period in (value, low, high))
        yield Anchor("helical_length", value, low, high, "m", "of the period, as stripes without a field have it")


def _of_spins(region: _Region) -> Iterator[Anchor]:
    mz = region.values[2]
    seen = mz[region.inside]
    if np.quantile(seen, 0.01) < -0.5 and np.quantile(seen, 0.99) > 0.5:  # domains, and not ripples about m_z = 0
        slopes = wall_slopes(mz, region.inside, region.cell)
        if len(slopes) >= _FEWEST_PLACES:
            slope = float(slopes.mean())
            half = 1.645 * float(slopes.std()) / math.sqrt(len(slopes) / _SHARED)
            if slope > half:
                low, high = math.pi / (slope + half), math.pi / (slope - half)
                how = f"slope of m_z where it is 0, mean of {len(slopes):,} places"
                yield Anchor("wall_width", math.pi / slope, low, high, "m", how)
    yield Anchor("domain_fraction", float((seen > 0).mean()), None, None, "1", "share of the cells")
    if region.values[:2].any():
        m = torch.from_numpy(np.where(region.inside, region.values, np.float32(0)))[None]
        area = region.inside.sum() * region.cell[0] * region.cell[1]
        density = abs(float(topological_charge(m, periodic=False))) / float(area)
        yield Anchor("skyrmion_density", density, None, None, "1/m^2", "topological charge over the area")


def _moment(strength: Array, thickness: float) -> Iterator[Anchor]:
    """Take the brightest of |B t| in T m, (n,), for the moment of a film that lies in its plane."""
    moment = float(np.quantile(strength, _BRIGHTEST)) / mu_0
    yield Anchor("Ms_t", moment, None, None, "A", f"{_BRIGHTEST:.0%} quantile of |B t| over mu0")
    yield Anchor("Ms", moment / thickness, None, None, "A/m", f"Ms t over a thickness of {thickness * 1e9:.3g} nm")


def _box(seen: Channels, contrast: Contrast) -> _Region:
    """Cut channels to the region's bounding box."""
    box = box_of(seen.inside)
    return _Region(seen.values[:, *box], seen.inside[box], seen.cell, contrast)


def _phase(picture: Picture) -> _Region:
    if picture.pixel_size is None:
        raise UncalibratedPicture("the pixel size is unknown, so no length can be measured: give it in nm")
    if picture.is_colour:
        raise Unsuitable("a phase in rad is a grey picture, this one is coloured: open the phase itself")
    return _Region(picture.pixels[None], picture.inside, picture.pixel_size, Contrast.PHASE)
