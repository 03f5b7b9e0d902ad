"""Estimate the constants of a picture: in every window, and for the whole region with intervals that hold."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_magtex.compute import Progress
from napari_magtex.estimate.channels import Channels, box_of, channels, filled
from napari_magtex.estimate.chirality import dmi_sign
from napari_magtex.estimate.estimator import DEFAULT_ESTIMATOR, RATIO, Estimator, log_ratio, ratio_sigma
from napari_magtex.estimate.evaluate import PERIOD
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.network import STRIDE, WINDOW, Windows
from napari_magtex.estimate.parameters import CONSTANTS
from napari_magtex.estimate.spectrum import descriptor, is_uniform, measure_period
from napari_magtex.estimate.windows import ParameterMaps, grid, windows_inside
from napari_magtex.picture import Contrast, Picture
from napari_magtex.results import Estimate, Provenance, Quantity

__all__ = ["DEFAULT_ESTIMATOR", "DETERMINED_BELOW", "Estimation", "Estimator", "estimate"]

DETERMINED_BELOW = 0.6  # an interval's width over the range's: above it the picture says little that was not known
_BAND = 16  # rows of windows at once
_TOLERANCE = 0.25  # relative, of a condition that a picture names


@dataclass(frozen=True, eq=False)
class Estimation:
    """The answer for a region, and the maps of what its windows say."""

    estimate: Estimate
    maps: ParameterMaps


def estimate(picture: Picture, estimator: Estimator) -> Iterator[Progress | Estimation]:
    """Estimate A, D, Ms and the period of a picture.

    Parameters
    ----------
    picture
        Whole, or cropped to a region of interest; its pixel size must be known.
    estimator
        Trained for the picture's contrast and conditions.

    Yields
    ------
    Progress after each band of windows, and last the Estimation.

    Raises
    ------
    UncalibratedPicture
        The pixel size is unknown, so no length can be measured.
    Unsuitable
        Another contrast than the estimator's, an atomic lattice, or fewer than 40 x 40 cells.
    BadRegion
        No window of 32 cells fits into the region.
    """
    seen = channels(picture, estimator.experiment)
    rows, columns = seen.inside.shape
    top, left, covered_rows, covered_columns = grid((rows, columns))
    inside = windows_inside(seen.inside[covered_rows, covered_columns])
    values = seen.values[:, covered_rows, covered_columns]
    bands = []
    count = len(inside)
    for first in range(0, count, _BAND):
        yield Progress(first, count, "reading windows")
        last = min(first + _BAND, count)
        bands.append(estimator.windows(values[None, :, first * STRIDE : (last - 1) * STRIDE + WINDOW]))
    windows = Windows(torch.cat([b.mean for b in bands], dim=2), torch.cat([b.log_sigma for b in bands], dim=2))
    yield Progress(count, count, "reading windows")
    maps = _maps(windows, inside, seen, picture, estimator.experiment, (top, left))
    yield Estimation(_answer(windows, inside, seen, picture, estimator), maps)


def _answer(
    windows: Windows, inside: NDArray[np.bool_], seen: Channels, picture: Picture, estimator: Estimator
) -> Estimate:
    """Combine the windows, and say what of it the picture determines."""
    experiment, intervals = estimator.experiment, estimator.intervals
    value, sigma = windows.over(torch.as_tensor(inside, dtype=windows.mean.dtype)[None])
    unit, spread = value.double().numpy(), sigma.double().numpy()
    side = math.sqrt(seen.inside.sum())
    boxed = _box(seen)
    doubts = [*seen.doubts, *_other_conditions(picture, experiment)]
    if not estimator.familiar.knows(descriptor(boxed, estimator.contrast)):
        doubts.append("the picture is not like those that the estimator was trained on")
    trusted = not doubts and not is_uniform(boxed, estimator.contrast)
    quantities: dict[str, Quantity] = {}
    determined: list[str] = []
    for name, constant in CONSTANTS.items():
        if name not in experiment.parameters:
            continue
        parameter = experiment.parameters[name]
        known = False
        if parameter.varies:
            index = list(experiment.estimated).index(name)
            half = intervals.half_width(name, float(spread[0, index]), side)
            known = trusted and 2 * half < DETERMINED_BELOW
        if known:
            determined.append(name)
            ends = np.clip([unit[0, index], unit[0, index] - half, unit[0, index] + half], 0, 1)
            value_si, low, high = (float(end) for end in parameter.from_unit(ends))
            quantities[name] = Quantity(value_si, low, high, constant.unit)
        else:
            quantities[name] = Quantity(parameter.middle, parameter.low, parameter.high, constant.unit)
    period, found = _period(boxed, estimator, side)
    if found:
        determined.append(PERIOD)
    if trusted and log_ratio(experiment, unit) is not None:
        half = intervals.half_width(RATIO, float(ratio_sigma(experiment, spread)[0]), side)
        if 2 * half < DETERMINED_BELOW:
            determined.append(RATIO)
    sign = dmi_sign(boxed, experiment.film.dmi) if trusted and estimator.contrast is Contrast.SPIN else 0
    return Estimate(
        provenance=Provenance.of(
            picture, contrast=estimator.contrast, model=estimator.name, pixel_size=picture.pixel_size, doubts=doubts
        ),
        method="network",
        A=quantities["A"],
        D=quantities["D"],
        D_sign=sign,
        Ms=quantities["Ms"],
        period=period,
        applicable=not doubts,
        determined=tuple(determined),
    )


def _period(values: NDArray[np.float32], estimator: Estimator, side: float) -> tuple[Quantity, bool]:
    """Measure the period in metres; where no ring stands out, give the helices of the ranges."""
    measured = measure_period(values, noisy=estimator.contrast is not Contrast.SPIN)
    cell = estimator.experiment.cell[2]
    if not measured.found:
        shortest, longest = estimator.experiment.period_range()
        return Quantity((shortest + longest) / 2, shortest, longest, "m"), False
    k = 1 / measured.value
    half = estimator.intervals.half_width(PERIOD, 1 / measured.low - k, side)
    return Quantity(cell / k, cell / (k + half), cell / max(k - half, k / 10), "m"), True


def _box(seen: Channels) -> NDArray[np.float32]:
    """Cut the channels to the region's bounding box; outside the region they take the mean inside."""
    box = box_of(seen.inside)
    return filled(seen.values[:, *box], seen.inside[box])


def _other_conditions(picture: Picture, experiment: Experiment) -> list[str]:
    """Compare what a picture says of its making with what the estimator was trained for."""
    doubts = []
    settings = experiment.picture
    optics = {"defocus_um": settings.defocus * 1e6, "voltage_kV": settings.voltage / 1e3}
    for key, trained in optics.items() if settings.contrast is Contrast.LORENTZ else ():
        given = picture.meta.get(key)
        if isinstance(given, int | float) and abs(given - trained) > _TOLERANCE * abs(trained):
            doubts.append(f"{key} is {given:g}, the estimator was trained at {trained:g}")
    field = picture.meta.get("field_T")
    if field is not None and np.shape(field) == (3,):
        trained_field = np.array(experiment.conditions.field_T)
        if np.linalg.norm(np.array(field) - trained_field) > _TOLERANCE * max(
            float(np.linalg.norm(trained_field)), 0.01
        ):
            doubts.append(f"the field is {tuple(field)} T, the estimator was trained at {tuple(trained_field)} T")
    return doubts


def _maps(
    windows: Windows,
    inside: NDArray[np.bool_],
    seen: Channels,
    picture: Picture,
    experiment: Experiment,
    first: tuple[int, int],
) -> ParameterMaps:
    """Bring the windows to SI units and to the pixels of the stored picture."""
    parameters = experiment.estimated
    low = np.array([p.low for p in parameters.values()])[:, None, None]
    width = np.array([p.high - p.low for p in parameters.values()])[:, None, None]
    values = low + np.clip(windows.mean[0].double().numpy(), 0, 1) * width
    spread = windows.log_sigma[0].double().exp().numpy() * width
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
