"""Estimate the constants of a picture: in every window, and for the whole region with intervals that hold."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.constants import Boltzmann

from napari_magtex.compute import Progress
from napari_magtex.errors import Unsuitable
from napari_magtex.estimate.answer import Answer, range_of
from napari_magtex.estimate.channels import Channels, box_of, channels, filled
from napari_magtex.estimate.chirality import dmi_sign
from napari_magtex.estimate.conditions import number_of, other_conditions
from napari_magtex.estimate.estimator import DEFAULT_ESTIMATOR, RATIO, Estimator, log_ratio, ratio_sigma
from napari_magtex.estimate.evaluate import PERIOD
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.network import STRIDE, WINDOW, Windows
from napari_magtex.estimate.parameters import CONSTANTS, PARAMETERS, Parameter
from napari_magtex.estimate.spectrum import descriptor, is_uniform, measure_period
from napari_magtex.estimate.windows import ParameterMaps, grid, windows_inside
from napari_magtex.picture import Contrast, Picture
from napari_magtex.results import Estimate, Provenance, Quantity

__all__ = ["DEFAULT_ESTIMATOR", "DETERMINED_BELOW", "Estimation", "Estimator", "estimate"]

DETERMINED_BELOW = 0.6  # an interval's width over the range's: above it the picture says little that was not known
_BAND = 16  # rows of windows at once
_SAME = 1e-9  # relative: what units leave of a number
_PAST_THE_END = 0.02  # of a range: constants that are its end are found as far past it by chance


@dataclass(frozen=True, eq=False)
class Estimation:
    """The answer for a region, and the maps of what its windows say."""

    estimate: Estimate
    maps: ParameterMaps


def estimate(
    picture: Picture, estimator: Estimator, *, known: Mapping[str, float] | None = None
) -> Iterator[Progress | Estimation]:
    """Estimate A, D, Ms and the period of a picture.

    Parameters
    ----------
    picture
        Whole, or cropped to a region of interest; its pixel size must be known.
    estimator
        Trained for the picture's contrast and conditions.
    known
        Constants that are known from elsewhere, in SI units by name (T among them): the others are told given these.
        Where it says nothing of T, the picture's own ``temperature_K`` does.

    Yields
    ------
    Progress after each band of windows and each block of torques, and last the Estimation.

    Raises
    ------
    UncalibratedPicture
        The pixel size is unknown, so no length can be measured.
    Unsuitable
        Another contrast than the estimator's, an atomic lattice, fewer than 40 x 40 cells, or a known constant that
        lies outside the estimator's range, or is another than the one that it takes as known.
    BadRegion
        No window of 32 cells fits into the region.
    """
    estimator = estimator.in_field_of(picture.meta)
    experiment = estimator.experiment
    known = known or {}
    given = _given(_noted(picture, experiment) | dict(known), experiment)
    seen = channels(picture, experiment)
    rows, columns = seen.inside.shape
    top, left, covered_rows, covered_columns = grid((rows, columns))
    inside = windows_inside(*seen.within(covered_rows, covered_columns))
    values = seen.values[:, covered_rows, covered_columns]
    bands = []
    count = len(inside)
    for first in range(0, count, _BAND):
        yield Progress(first, count, "reading windows")
        last = min(first + _BAND, count)
        bands.append(estimator.windows(values[None, :, first * STRIDE : (last - 1) * STRIDE + WINDOW]))
    windows = Windows.joined(bands)
    yield Progress(count, count, "reading windows")
    maps = _maps(windows, inside, seen, picture, experiment, (top, left))
    for step in estimator.weigh(estimator.guess(windows, inside), seen):
        if isinstance(step, Progress):
            yield step
        else:
            doubts = [*seen.doubts, *other_conditions(picture.meta, experiment, heat_is_told="T" in known)]
            yield Estimation(_told(estimator.answer(step, given), given, seen, picture, estimator, doubts), maps)


def _noted(picture: Picture, experiment: Experiment) -> dict[str, float]:
    """Return the temperature that a picture's file tells, where heat is among what an estimator knows."""
    noted, T = number_of(picture.meta, "temperature_K"), experiment.estimated.get("T")
    return {"T": noted} if T and noted is not None and T.low <= noted <= T.high else {}


def _given(known: Mapping[str, float], experiment: Experiment) -> dict[str, float]:
    """Bring constants that are known to the unit scale of the ranges; what the experiment fixes may be told again."""
    given = {}
    for name, value in known.items():
        p, constant = _sized(name, experiment), PARAMETERS[name]
        near = min(max(value, p.low), p.high)
        if not math.isclose(value, near, rel_tol=_SAME):
            said = f"{constant.key} = {value / constant.scale:g}"
            if not p.varies:
                raise Unsuitable(f"{said} is not what the estimator takes as known: {p.low / constant.scale:g}")
            ranges = {PARAMETERS[n]: q for n, q in experiment.estimated.items()}
            there = ", ".join(f"{c.key} {q.low / c.scale:g} to {q.high / c.scale:g}" for c, q in ranges.items())
            raise Unsuitable(f"{said} is not within what this estimator was trained for: {there}")
        if p.varies:
            given[name] = p.to_unit(near)
    return given


def _sized(name: str, experiment: Experiment) -> Parameter:
    """Return what is known of a constant before; of D its size, for the sign is told apart."""
    known = range_of(name, experiment)
    return replace(known, values=tuple(map(abs, known.values))) if name == "D" else known


def _told(
    answer: Answer,
    given: Mapping[str, float],
    seen: Channels,
    picture: Picture,
    estimator: Estimator,
    doubts: list[str],
) -> Estimate:
    """Say what the picture determines, with intervals that hold; to the ``doubts`` those of the answer are added."""
    experiment = estimator.experiment
    side = math.sqrt(seen.inside.sum())
    boxed = _box(seen)
    if not estimator.familiar.knows(descriptor(boxed, estimator.contrast, cell=experiment.cell[1:])):
        doubts.append("the picture is not like those that the estimator was trained on")
    if answer.misfit is not None and not answer.by_torques:
        doubts.append(
            "the torques of its spins do not balance in such a film: it is another film, in another field, or a JPEG"
        )
    trusted = not doubts and not is_uniform(boxed, estimator.contrast)
    spans = _spans(answer, given, estimator, side) if trusted else {}
    outside = [name for name, (centre, half) in spans.items() if abs(centre - 0.5) > 0.5 + half + _PAST_THE_END]
    for name in outside:
        if spans[name][0] > 1 or experiment.parameters[name].low != 0:  # nothing lies below 0
            doubts.append(f"{name} lies beyond the estimator's range")
    trusted = trusted and not doubts
    quantities: dict[str, Quantity] = {}
    determined: list[str] = []
    for name in experiment.parameters:
        parameter = _sized(name, experiment)
        value, low, high = parameter.middle, parameter.low, parameter.high
        if name in given:
            value = low = high = float(parameter.from_unit(given[name]))
            determined.append(name)
        elif trusted and name in spans and name not in outside:
            centre, half = np.clip(spans[name][0], 0, 1), spans[name][1]
            if 2 * half < DETERMINED_BELOW:
                value, low, high = parameter.from_unit(np.clip([centre, centre - half, centre + half], 0, 1)).tolist()
                determined.append(name)
        quantities[name] = Quantity(value, low, high, PARAMETERS[name].unit)
    period, found = _period(boxed, seen.cell, estimator, side)
    if found:
        determined.append(PERIOD)
    if _ratio_is_fixed(answer, given, estimator, side, trusted=trusted):
        determined.append(RATIO)
    T = quantities["T"] if "T" in determined else _fixed_heat(experiment)
    return Estimate(
        provenance=Provenance.of(
            picture,
            contrast=estimator.contrast,
            model=estimator.name,
            pixel_size=picture.pixel_size,
            field_T=list(experiment.conditions.field_T),
            doubts=doubts,
        ),
        method="network",
        A=quantities["A"],
        D=quantities["D"],
        D_sign=_sign(answer, boxed, quantities["D"], estimator) if trusted else 0,
        Ms=quantities["Ms"],
        period=period,
        applicable=not doubts,
        determined=tuple(name for name in determined if name != "T"),
        known=tuple(name for name, p in experiment.parameters.items() if name in given or not p.varies),
        Ku=quantities["Ku"] if "Ku" in experiment.estimated else None,
        Di=quantities["Di"] if "Di" in experiment.estimated else None,
        T=T,
        A_long=_of_long_waves(quantities["A"], T, experiment) if T and "A" in determined else None,
    )


def _spans(
    answer: Answer, given: Mapping[str, float], estimator: Estimator, side: float
) -> dict[str, tuple[float, float]]:
    """Return centre and half-width, on the unit scale, of the interval of every constant that is not given."""
    known = _calibrated_for(given)
    return {
        name: (float(value), estimator.intervals.half_width(estimator.told_as(name, answer, known), float(sigma), side))
        for name, value, sigma in zip(answer.names, answer.value, answer.sigma, strict=True)
        if name not in given
    }


def _calibrated_for(given: Mapping[str, float]) -> str:
    """Return the constant that is known where it is one: intervals of their own were measured for that."""
    constants = [name for name in given if name != "T"]
    return constants[0] if len(constants) == 1 else ""


def _ratio_is_fixed(
    answer: Answer, given: Mapping[str, float], estimator: Estimator, side: float, *, trusted: bool
) -> bool:
    """Tell whether A/D is determined; where both are known it is, and no interval was measured for that."""
    if log_ratio(estimator.experiment, answer.value) is None:
        return False
    sigma = ratio_sigma(estimator.experiment, answer)
    if sigma == 0:
        return True
    told = estimator.told_as(RATIO, answer, _calibrated_for(given))
    return trusted and 2 * estimator.intervals.half_width(told, sigma, side) < DETERMINED_BELOW


def _sign(answer: Answer, values: NDArray[np.float32], D: Quantity, estimator: Estimator) -> int:
    """Return the sign of D, by the torques, or, where they had no say, by the way in which spins turn."""
    if D.low <= 0 <= D.high:
        return 0
    if answer.by_torques:
        return answer.D_sign
    return dmi_sign(values, estimator.experiment.film.dmi) if estimator.contrast is Contrast.SPIN else 0


def _fixed_heat(experiment: Experiment) -> Quantity | None:
    """Return the one temperature of all films; None where there are several, and at rest."""
    T = experiment.temperature
    return Quantity(T.low, T.low, T.low, PARAMETERS["T"].unit) if T.low > 0 and not T.varies else None


def _of_long_waves(A: Quantity, T: Quantity, experiment: Experiment) -> Quantity | None:
    """Return A as waves much longer than a cell see it, less by about kT / (4 dz); None at rest."""
    if T.high == 0:
        return None
    per_kelvin = Boltzmann / (4 * experiment.cell[0])
    value, low, high = (a - per_kelvin * t for a, t in ((A.value, T.value), (A.low, T.high), (A.high, T.low)))
    return Quantity(value, low, high, A.unit)


def _period(
    values: NDArray[np.float32], cell: tuple[float, float], estimator: Estimator, side: float
) -> tuple[Quantity, bool]:
    """Measure the period in metres; where no ring stands out, give the helices of the ranges."""
    measured = measure_period(values, cell=cell, noisy=estimator.contrast is not Contrast.SPIN)
    if not measured.found:
        return estimator.experiment.period_prior(), False
    k = 1 / measured.value
    half = estimator.intervals.half_width(PERIOD, 1 / measured.low - k, side)
    return Quantity(1 / k, 1 / (k + half), 1 / max(k - half, k / 10), "m"), True


def _box(seen: Channels) -> NDArray[np.float32]:
    """Cut the channels to the region's bounding box; outside the region they take the mean inside."""
    box = box_of(seen.inside)
    return filled(seen.values[:, *box], seen.inside[box])


def _maps(
    windows: Windows,
    inside: NDArray[np.bool_],
    seen: Channels,
    picture: Picture,
    experiment: Experiment,
    first: tuple[int, int],
) -> ParameterMaps:
    """Bring what windows say of the constants to SI units and to the pixels of the stored picture."""
    shown = [i for i, name in enumerate(experiment.estimated) if name in CONSTANTS]
    parameters = {name: p for name, p in experiment.estimated.items() if name in CONSTANTS}
    low = np.array([p.low for p in parameters.values()])[:, None, None]
    width = np.array([p.high - p.low for p in parameters.values()])[:, None, None]
    values = low + np.clip(windows.mean[0, shown].double().numpy(), 0, 1) * width
    spread = windows.log_sigma[0, shown].double().exp().numpy() * width
    corner = (picture.roi.y0, picture.roi.x0) if picture.roi is not None else (0, 0)
    (ys, xs), (y0, x0), (top, left) = seen.pixels_per_cell, corner, first
    return ParameterMaps(
        names=tuple(parameters),
        values=np.where(inside, values, np.nan),
        spread=np.where(inside, spread, np.nan),
        window_px=(WINDOW * ys, WINDOW * xs),
        stride_px=(STRIDE * ys, STRIDE * xs),
        origin=(y0 + (top + WINDOW / 2) * ys - 0.5, x0 + (left + WINDOW / 2) * xs - 0.5),
    )
