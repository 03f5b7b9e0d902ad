"""A value with its standard error and unit, and how a person reads it."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log10

_DECIMALS = 5  # beyond so many a power of ten is set apart
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Measured:
    """A value with its standard error; None where it is not determined."""

    value: float | None = None
    error: float | None = None
    unit: str = ""

    def __str__(self) -> str:
        """Write it with two digits of the error."""
        if self.value is None:
            return "not determined"
        unit = in_print(self.unit)
        space = "" if unit == "°" else " "
        if not self.error:
            return f"{self.value:.3g}{space}{unit}"
        decimals = 1 - floor(log10(self.error))
        if decimals <= _DECIMALS:
            value, error = (f"{number:.{max(decimals, 0)}f}" for number in (self.value, self.error))
            return f"{value} ± {error}{space}{unit}"
        power = floor(log10(max(abs(self.value), self.error)))
        value, error = (f"{number / 10.0**power:.{decimals + power}f}" for number in (self.value, self.error))
        return f"({value} ± {error}) × 10{str(power).translate(_SUPERSCRIPTS)}{space}{unit}"


def in_print(unit: str) -> str:
    """Write a unit of a file as print has it: um^2/s is µm²/s, deg is °."""
    return unit.replace("um", "µm").replace("^2", "²").replace("deg", "°")
