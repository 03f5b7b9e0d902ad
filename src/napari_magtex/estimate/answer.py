"""What is said of a region: its constants and how far they are known, first by a network, then by the torques too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_magtex.estimate.equilibrium import ORDER, Guess, Misses, balance
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.parameters import Parameter
from napari_magtex.estimate.virials import UNITS, Equations, Mesh

_ROUNDING_K = 3.0  # heat that colours of eight bits look like, at most
_BEYOND = 0.1  # of a range: so far past its ends constants are looked for
_CLEAR = 9.0  # larger chi square of the torques with the other sign of D: three standard deviations


@dataclass(frozen=True, eq=False)
class Answer:
    """Constants of a region.

    Attributes
    ----------
    names
        Of those that vary, in the order of the experiment.
    value, covariance
        (p,) and (p, p), on the unit scale of the ranges.
    misfit
        Of the torques, where they were asked: mean square miss over what is expected.
    by_torques
        Whether they had a say.
    D_sign
        +1 or -1, as the torques say it; 0 where they were not asked, or balance as well with the other.
    """

    names: tuple[str, ...]
    value: NDArray[np.float64]
    covariance: NDArray[np.float64]
    misfit: float | None = None
    by_torques: bool = False
    D_sign: int = 0

    @property
    def sigma(self) -> NDArray[np.float64]:
        """Standard deviations (p,)."""
        return np.sqrt(np.diag(self.covariance))

    def given(self, known: Mapping[str, float]) -> Answer:
        """Return what is left to say when some constants are known, on the unit scale."""
        held = [self.names.index(name) for name in known]
        value, covariance = self.value.copy(), self.covariance.copy()
        if held:
            gain = covariance[:, held] @ np.linalg.inv(covariance[np.ix_(held, held)])
            value += gain @ (np.array(list(known.values())) - value[held])
            covariance -= gain @ covariance[held]
            covariance[held], covariance[:, held] = 0.0, 0.0
        return Answer(self.names, value, covariance)

    def balanced(
        self, equations: Equations, misses: Misses, experiment: Experiment, known: Mapping[str, float] | None = None
    ) -> Answer:
        """Return the likeliest constants once the torques were asked, this answer being the guess before.

        ``known`` holds constants that are given, on the unit scale.
        """
        known = known or {}
        ranges = [range_of(name, experiment) for name in ORDER]
        unit = np.array([UNITS[name] for name in ORDER])
        mean, low, high = (np.array([p.low for p in ranges]) for _ in range(3))
        width = np.array([p.high - p.low for p in ranges])
        free = [name for name in self.names if name not in known]
        for name in self.names:
            i, p = ORDER.index(name), ranges[ORDER.index(name)]
            mean[i] = p.from_unit(known[name] if name in known else float(self.value[self.names.index(name)]))
            low[i] = high[i] = mean[i]
            if name in free:
                low[i] = p.low - _BEYOND * width[i] if name != "T" else 0.0
                high[i] = p.high + _BEYOND * width[i]
        heat = ORDER.index("T")
        if "T" not in free:
            high[heat] += _ROUNDING_K
            width[heat] = _ROUNDING_K
        theirs, mine = [ORDER.index(name) for name in free], [self.names.index(name) for name in free]
        covariance = np.diag((width / unit) ** 2)
        scale = np.outer(width[theirs] / unit[theirs], width[theirs] / unit[theirs])
        covariance[np.ix_(theirs, theirs)] = self.covariance[np.ix_(mine, mine)] * scale
        guess = Guess(mean / unit, covariance, low / unit, high / unit)
        names = mesh_of(experiment).names
        turned = np.where(np.array([*names, "T"]) == "D", -1.0, 1.0)  # |D| is what is asked for, and its sign
        signs = {sign: Equations(equations.rows * (turned if sign < 0 else 1), equations.cells) for sign in (1, -1)}
        tried = {sign: balance(rows, names, misses, guess) for sign, rows in signs.items()}
        turn = min(tried, key=lambda sign: tried[sign].misfit)
        found = tried[turn]
        clear = (tried[-turn].misfit - found.misfit) * len(equations.rows) > _CLEAR
        D_sign = turn * (-1 if mean[ORDER.index("D")] < 0 else 1) if clear else 0  # a D that is known has its own
        value, spread = self.given(known).value, np.zeros_like(self.covariance)
        for i, j in zip(theirs, mine, strict=True):
            value[j] = ranges[i].to_unit(float(found.value[i] * unit[i]))
        spread[np.ix_(mine, mine)] = found.covariance[np.ix_(theirs, theirs)] / scale
        return Answer(self.names, value, spread, found.misfit, True, D_sign)


def mesh_of(experiment: Experiment) -> Mesh:
    """Return what the forces of an experiment's films depend on beside their constants."""
    field, axis = experiment.conditions.field_T, experiment.film.easy_axis
    there = {
        "A": True,
        "D": True,
        "Di": "Di" in experiment.parameters,
        "Ku": "Ku" in experiment.parameters or experiment.film.Ku != 0,
        "Ms2": experiment.film.demag,
        "Ms": any(field),
    }
    names = tuple(name for name, here in there.items() if here)
    return Mesh(
        experiment.cell, experiment.film.dmi, (field[0], field[1], field[2]), (axis[0], axis[1], axis[2]), names
    )


def truth_of(experiment: Experiment, constants: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the constants of films (films, parameters), in SI, in `ORDER` and the equations' units."""
    given = dict(zip(experiment.parameters, constants.T, strict=True))
    every = [given.get(name, np.full(len(constants), range_of(name, experiment).low)) for name in ORDER]
    return np.stack(every, axis=1) / np.array([UNITS[name] for name in ORDER])


def range_of(name: str, experiment: Experiment) -> Parameter:
    """Return what is known of a constant before: its range, or its one value."""
    match name:
        case "T":
            return experiment.temperature
        case "Ku":
            return experiment.parameters.get("Ku", Parameter((experiment.film.Ku,)))
        case "Di":
            return experiment.parameters.get("Di", Parameter((0.0,)))
        case _:
            return experiment.parameters[name]
