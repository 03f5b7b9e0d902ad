"""What can be estimated: names, units, and how a file gives a number, a range or a list of values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_magtex.errors import BadExperiment

Value = TypeVar("Value", float, NDArray[np.float64])


@dataclass(frozen=True)
class Constant:
    """A number that may vary from film to film: its SI unit, and the key and scale that a file uses."""

    unit: str
    key: str
    scale: float


CONSTANTS = {
    "A": Constant("J/m", "A_pJ_per_m", 1e-12),
    "D": Constant("J/m^2", "D_mJ_per_m2", 1e-3),
    "Ms": Constant("A/m", "Ms_MA_per_m", 1e6),
    "Ku": Constant("J/m^3", "Ku_kJ_per_m3", 1e3),
    "Di": Constant("J/m^2", "Di_mJ_per_m2", 1e-3),
}
"""Of the material; Di is interfacial DMI beside a bulk D."""

PARAMETERS = CONSTANTS | {"T": Constant("K", "T_K", 1.0)}
"""All that may vary: the temperature too."""

OPTIONAL = ("Ku", "Di", "T")  # most films have no Di; the others have a place of their own where they are known


@dataclass(frozen=True)
class Parameter:
    """A constant's values in SI units: one that is known, a list to step through, or the two ends of a range."""

    values: tuple[float, ...]
    is_range: bool = False

    @property
    def low(self) -> float:
        """Smallest value."""
        return min(self.values)

    @property
    def high(self) -> float:
        """Largest value."""
        return max(self.values)

    @property
    def largest(self) -> float:
        """Largest size, whatever the sign."""
        return max(map(abs, self.values))

    @property
    def smallest(self) -> float:
        """Smallest size: 0 in a range that goes through it."""
        return 0.0 if self.is_range and self.low < 0 < self.high else min(map(abs, self.values))

    @property
    def varies(self) -> bool:
        """Whether there is anything to estimate."""
        return self.high > self.low

    @property
    def middle(self) -> float:
        """Midpoint: the answer of whoever knows nothing more."""
        return (self.low + self.high) / 2

    def to_unit(self, value: Value) -> Value:
        """Map the range to 0..1."""
        return (value - self.low) / (self.high - self.low)

    def from_unit(self, fraction: Value) -> Value:
        """Map 0..1 to the range."""
        return self.low + fraction * (self.high - self.low)

    def times(self, factor: float) -> Parameter:
        """Return it with all values so many times as large."""
        return replace(self, values=tuple(factor * value for value in self.values))

    @classmethod
    def parse(cls, given: Any, constant: Constant) -> Parameter:
        """Read ``8.78``, ``{low = 4, high = 12}`` or ``{values = [4, 8, 12]}``, in the file's unit."""
        where = f"[parameters] {constant.key}"
        if isinstance(given, Mapping):
            if set(given) == {"low", "high"}:
                low, high = (_number(given[end], f"{where}.{end}") for end in ("low", "high"))
                if low >= high:
                    raise BadExperiment(f"{where}: low = {low:g} must be below high = {high:g}")
                return cls((low * constant.scale, high * constant.scale), is_range=True)
            if set(given) == {"values"} and isinstance(given["values"], list | tuple) and given["values"]:
                values = {_number(value, f"{where}.values") * constant.scale for value in given["values"]}
                return cls(tuple(sorted(values)))
            raise BadExperiment(f"{where} is {dict(given)!r}: give a number, {{low=, high=}} or {{values=[...]}}")
        return cls((_number(given, where) * constant.scale,))

    def to_file(self, constant: Constant) -> Any:
        """Return what ``parse`` reads."""
        values = [tidy(value / constant.scale) for value in self.values]
        if self.is_range:
            return {"low": values[0], "high": values[1]}
        return values[0] if len(values) == 1 else {"values": values}


def tidy(number: float) -> float:
    """Take off what the change of units left in the last digits."""
    return float(f"{number:.12g}")


def _number(given: Any, where: str) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise BadExperiment(f"{where} is {given!r}: give a number")
    return float(given)
