"""What a hysteresis loop tells: coercivity, remanence, saturation, and the conditions that they hold under."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_magtex.errors import BadExperiment
from napari_magtex.results import Quantity

Array = NDArray[np.float64]

_PLATEAU = 0.95  # of the largest field: what lies above is taken for the plateau
_CHORD = 0.2  # of the plateau: over less than this a slope is that of one Barkhausen jump
_CLOSED = 0.02  # of Ms


@dataclass(frozen=True)
class LoopConditions:
    """How a loop was taken.

    ``axis`` is the unit vector that the field points along and M is measured along; ``rate`` and ``geometry`` are
    sentences: how long the film had at a field, and what its demagnetising field is that of.
    """

    axis: tuple[float, float, float]
    temperature_K: float
    rate: str
    geometry: str

    def __str__(self) -> str:
        axis = ", ".join(f"{component:.2f}" for component in self.axis)
        return f"{self.temperature_K:g} K, {self.rate} along ({axis}), {self.geometry}"


@dataclass(frozen=True, eq=False)
class Loop:
    """Magnetisation of a film between two opposite fields, along the field.

    ``field_T`` (n,) rises from -max to +max; ``falling`` and ``rising`` are M in A/m at these fields on the branch of
    the falling and of the rising field, ``falling_converged`` and ``rising_converged`` (n,) whether the film had come
    to rest. ``Ms`` in A/m is that of the material. All fields are mu0 H, in tesla.
    """

    field_T: Array
    falling: Array
    rising: Array
    falling_converged: NDArray[np.bool_]
    rising_converged: NDArray[np.bool_]
    Ms: float
    conditions: LoopConditions

    @property
    def closed(self) -> bool:
        """Whether the branches start from opposite states: at the largest field nothing is left of the past."""
        return bool(abs(self.falling[0] + self.falling[-1]) < _CLOSED * self.Ms)

    @property
    def coercivity(self) -> float | None:
        """Coercive field: where M crosses 0, half the distance of the branches; None where one never does."""
        return self._of_both(coercive_field)

    @property
    def remanence(self) -> float | None:
        """M/Ms left at zero field."""
        return self._of_both(lambda field, M: -float(np.interp(0.0, field, M)) / self.Ms)

    @property
    def saturation_at_knee(self) -> float | None:
        """Saturation field at the knee; None where the loop ends before its plateau."""
        return self._of_both(saturation_knee) if self.closed else None

    @property
    def saturation_at_95(self) -> float | None:
        """Field from which M stays above 0.95 Ms; None where the loop ends before."""
        return self._of_both(lambda field, M: saturation_field(field, M, 0.95 * self.Ms)) if self.closed else None

    @property
    def step_size(self) -> float:
        """The field step: no switching field is known better."""
        return float(self.field_T[1] - self.field_T[0])

    def told(self, field_T: float) -> str:
        """Write a field with the digits that the field step resolves, one tenth of it."""
        digits = max(0, math.ceil(1 - math.log10(self.step_size)))
        return f"{round(field_T, digits) + 0.0:.{digits}f}"  # + 0.0: no minus before zero

    def notes(self) -> tuple[str, ...]:
        """Return what a reader of the loop must know, a sentence each."""
        found, most = [], self.field_T[-1]
        if self.conditions.temperature_K == 0:
            found.append("a film at T = 0 bounds Hc from above: no heat helps it over a barrier")
        else:
            found.append("Hc falls with the rate: a slower sweep gives heat more time to help the film over a barrier")
        if not self.closed:
            found.append(
                f"not saturated at {most:g} T: this is a minor loop, and its fields are not those of the film; "
                "raise max_T"
            )
        elif self.saturation_at_knee is None:
            found.append(f"no plateau below {most:g} T: the saturation field lies higher; raise max_T")
        elif self.saturation_at_95 is None:
            found.append(f"M ends at {self.rising[-1] / self.Ms:.2f} of Ms: it does not reach 0.95 below {most:g} T")
        if self.coercivity is None:
            found.append(f"M does not cross 0 on both branches up to {most:g} T: no coercive field")
        restless = int((~self.falling_converged).sum() + (~self.rising_converged).sum())
        if restless:
            found.append(f"the film had not come to rest at {restless} of {2 * len(self.field_T)} points of the loop")
        return tuple(found)

    def record(self) -> dict[str, Any]:
        """Return the loop's figures and conditions as a JSON object."""
        return {
            "Hc_T": self.coercivity,
            "remanence": self.remanence,
            "Hs_knee_T": self.saturation_at_knee,
            "Hs_95_T": self.saturation_at_95,
            "Ms_A_per_m": self.Ms,
            "max_T": float(self.field_T[-1]),
            "step_T": self.step_size,
            "closed": self.closed,
            "converged": bool(self.falling_converged.all() and self.rising_converged.all()),
            **asdict(self.conditions),
            "notes": list(self.notes()),
        }

    def _of_both(self, figure: Any) -> float | None:
        """Mean of a rising branch's figure over both branches: the falling one, turned about the origin, rises too."""
        found = [figure(self.field_T, self.rising), figure(-self.field_T[::-1], -self.falling[::-1])]
        return None if None in found else float(np.mean(found))


def crossings(field: Array, M: Array, level: float = 0.0) -> Array:
    """Return the fields at which M goes through a level, by linear interpolation."""
    left, right = M[:-1] - level, M[1:] - level
    found = np.sign(left) != np.sign(right)
    fraction = left[found] / (left[found] - right[found])
    return field[:-1][found] + fraction * np.diff(field)[found]


def coercive_field(field: Array, M: Array) -> float | None:
    """Return the field at which a branch crosses M = 0: the mean of its crossings where noise makes several."""
    found = crossings(field, M)
    return float(found.mean()) if len(found) else None


def saturation_field(field: Array, M: Array, level: float) -> float | None:
    """Return the field from which a rising branch stays above a level."""
    found = crossings(field, M, level)
    return float(found[-1]) if len(found) and M[-1] >= level else None


def saturation_knee(field: Array, M: Array) -> float | None:
    """Return the field where the tangent of a rising branch's steep part meets its plateau.

    The plateau is the mean of M in the highest twentieth of the fields. The tangent is the steepest chord between
    M = 0 and there that spans a fifth of it: shorter ones follow single jumps. For a hard axis, M = Ms H/Hk, this is
    Hk; for a jump, its field.

    Parameters
    ----------
    field, M
        (n,) in any unit; the field rises.

    Returns
    -------
    float or None
        None where the branch never crosses 0, or where the knee lies in the plateau: the film is not saturated.
    """
    start = coercive_field(field, M)
    plateau = float(M[field >= _PLATEAU * field[-1]].mean())
    if start is None or plateau <= 0:
        return None
    beyond = field > start
    x, y = np.append(start, field[beyond]), np.append(0.0, M[beyond])
    run, rise = x[None] - x[:, None], y[None] - y[:, None]
    slope = np.divide(rise, run, out=np.zeros_like(run), where=(run > 0) & (rise >= _CHORD * plateau))
    steepest = slope.max()
    if steepest <= 0:
        return None
    at = int(slope.argmax()) // len(x)
    knee = float(x[at] + (plateau - y[at]) / steepest)
    return knee if knee < _PLATEAU * field[-1] else None


def sample_volume(moment: Quantity | float, Ms: Quantity | float) -> Quantity:
    """Return the volume in m^3 of a sample of known moment in A m^2, and of Ms in A/m.

    The relative errors of the two are taken as independent: their logarithms add in squares.

    Raises
    ------
    BadExperiment
        One of them, or the lower end of its interval, is not positive.
    """
    (moment, moment_low, moment_high), (Ms, Ms_low, Ms_high) = (_interval(q) for q in (moment, Ms))
    if not (moment_low > 0 and Ms_low > 0):
        raise BadExperiment(
            f"a volume needs a positive moment and a positive Ms: their intervals start at {moment_low:g} A m^2 and "
            f"{Ms_low:g} A/m"
        )
    volume = moment / Ms
    below = math.hypot(math.log(moment / moment_low), math.log(Ms_high / Ms))
    above = math.hypot(math.log(moment_high / moment), math.log(Ms / Ms_low))
    return Quantity(volume, volume * math.exp(-below), volume * math.exp(above), "m^3")


def _interval(quantity: Quantity | float) -> tuple[float, float, float]:
    if isinstance(quantity, Quantity):
        return quantity.value, quantity.low, quantity.high
    return quantity, quantity, quantity
