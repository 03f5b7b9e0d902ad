"""What a picture's metadata tells of its making, beside what an estimator was trained for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_magtex.estimate.experiment import Experiment
from napari_magtex.imaging.optics import Optics
from napari_magtex.picture import Contrast

_FIELD = 0.02  # relative, of the applied field: torques take their scale from it, so that A and D go as its square
_FAINT = 2.5e-3  # tesla: nor does less than this one count
_CONTRAST = 0.05  # relative, of wavelength x defocus: contrast goes as it, and Ms is off by as much
_KELVIN = 5.0  # beyond the temperatures of the training


def number_of(meta: Mapping[str, Any], key: str) -> float | None:
    """Return a number that metadata hold; None where they hold none."""
    try:
        number = float(meta.get(key))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def field_of(meta: Mapping[str, Any]) -> tuple[float, float, float] | None:
    """Return the applied field (x, y, z) in tesla that metadata hold; one number means along z."""
    for key, scale in (("field_T", 1.0), ("field_mT", 1e-3)):
        try:
            given = scale * np.asarray(meta.get(key), dtype=float)
        except (TypeError, ValueError):
            continue
        if given.shape in ((), (3,)) and np.isfinite(given).all():
            x, y, z = (0.0, 0.0, float(given)) if given.ndim == 0 else given.tolist()
            return x, y, z
    return None


def field_ratio(meta: Mapping[str, Any], experiment: Experiment) -> float:
    """Return how many times as strong as the experiment's the field is that metadata tell; 1 where it is no such one.

    It is where it points the same way, within what `other_conditions` lets pass.
    """
    field, trained = field_of(meta), np.array(experiment.conditions.field_T)
    if field is None or not trained.any() or math.hypot(*field) <= _FAINT:
        return 1.0
    ratio = float(trained @ field / (trained @ trained))
    if ratio <= 0 or math.isclose(ratio, 1.0) or not _are_alike(field, ratio * trained):
        return 1.0
    return ratio


def other_conditions(meta: Mapping[str, Any], experiment: Experiment, *, heat_is_told: bool = False) -> Iterator[str]:
    """Yield a doubt for everything that a picture was made otherwise with; ``heat_is_told``: by who knows better."""
    if experiment.picture.contrast is Contrast.LORENTZ:
        yield from _other_optics(meta, experiment)
    field, trained = field_of(meta), experiment.conditions.field_T
    if field is not None and not _are_alike(field, trained):
        yield f"the field is {_in_tesla(field)}, the estimator was trained at {_in_tesla(trained)}"
    heat, range_ = number_of(meta, "temperature_K"), experiment.temperature
    if heat is not None and not heat_is_told and not range_.low - _KELVIN <= heat <= range_.high + _KELVIN:
        ends = f"{range_.low:g} to {range_.high:g}" if range_.varies else f"{range_.low:g}"
        yield f"the temperature is {heat:g} K, the estimator was trained at {ends} K"


def _other_optics(meta: Mapping[str, Any], experiment: Experiment) -> Iterator[str]:
    trained = Optics(experiment.picture.defocus, experiment.picture.voltage)
    defocus, voltage = number_of(meta, "defocus_um"), number_of(meta, "voltage_kV")
    taken = Optics(
        trained.defocus if defocus is None else 1e-6 * defocus,
        1e3 * voltage if voltage is not None and voltage > 0 else trained.voltage,
    )
    before, now = (optics.wavelength * optics.defocus for optics in (trained, taken))
    if abs(now - before) > _CONTRAST * abs(before):
        said, trained_at = (f"{1e6 * o.defocus:g} um and {1e-3 * o.voltage:g} kV" for o in (taken, trained))
        yield f"the defocus is {said}, the estimator was trained at {trained_at}"


def _are_alike(field: Sequence[float], trained: Sequence[float] | NDArray[np.float64]) -> bool:
    return math.dist(field, trained) <= max(_FIELD * math.hypot(*trained), _FAINT)


def _in_tesla(field: tuple[float, ...]) -> str:
    return f"({', '.join(f'{component:g}' for component in field)}) T"
