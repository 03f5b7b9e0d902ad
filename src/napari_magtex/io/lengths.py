"""Units of length as files spell them."""

from __future__ import annotations

import math
import re

METRES = {
    "m": 1.0,
    "meter": 1.0,
    "meters": 1.0,
    "metre": 1.0,
    "metres": 1.0,
    "cm": 1e-2,
    "mm": 1e-3,
    "um": 1e-6,
    "µm": 1e-6,  # the micro sign, and below it the Greek letter
    "μm": 1e-6,
    "micron": 1e-6,
    "microns": 1e-6,
    "micrometer": 1e-6,
    "micrometers": 1e-6,
    "micrometre": 1e-6,
    "micrometres": 1e-6,
    "nm": 1e-9,
    "nanometer": 1e-9,
    "nanometers": 1e-9,
    "nanometre": 1e-9,
    "nanometres": 1e-9,
    "å": 1e-10,
    "a": 1e-10,
    "angstrom": 1e-10,
    "angstroms": 1e-10,
    "pm": 1e-12,
}


def metres(unit: object) -> float | None:
    """Return a unit in metres, None where it is no length: ``nm``, ``[n_m]`` as EMD files write it, ``micron``."""
    return METRES.get(re.sub(r"[\[\]_\s]", "", str(unit or "")).lower())


def pixel_size(dy: object, dx: object, unit_y: object, unit_x: object) -> tuple[float, float] | None:
    """Return (dy, dx) in metres; None where a scale is missing or not positive, or its unit is no length."""
    sizes = []
    for scale, unit in ((dy, unit_y), (dx, unit_x)):
        factor = metres(unit)
        number = positive(scale)
        if factor is None or number is None:
            return None
        sizes.append(number * factor)
    return sizes[0], sizes[1]


def positive(value: object) -> float | None:
    """Return a number that a file gives, None where it is missing, no number, or not above 0."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None
