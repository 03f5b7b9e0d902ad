"""Material: the constants that a film is to have, estimated or typed, and what had to be taken for granted."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from napari_magtex.errors import BadExperiment, UnreadableFile
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.parameters import CONSTANTS, PARAMETERS, Parameter
from napari_magtex.results import Quantity

ESTIMATED = ("A", "D", "Ms")  # of every estimate's record


@dataclass(frozen=True)
class Material:
    """Constants by name (A, D, Ms, Ku), each with its 90 % interval, in SI units.

    ``guessed`` names those that nothing determined, of which the middle of a range stands here: constants, or
    ``D_sign``.
    """

    constants: Mapping[str, Quantity]
    guessed: tuple[str, ...] = ()

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Material:
        """Take the constants of ``Estimate.record()``, which is also a row of ``magtex estimate --json``.

        Raises
        ------
        BadExperiment
            It is no such record.
        """
        try:
            constants = {name: Quantity(**record[name]) for name in CONSTANTS if name in (*ESTIMATED, *record)}
            determined, sign = record["determined"], record["D_sign"]
        except (KeyError, TypeError) as error:
            raise BadExperiment(f"this is no answer of magtex estimate: it lacks {error}") from error
        guessed = [name for name, q in constants.items() if name not in determined and q.high > q.low]
        if sign < 0:
            D = constants["D"]
            constants["D"] = Quantity(-D.value, -D.high, -D.low, D.unit)
        elif sign == 0 and "D" in determined:
            guessed.append("D_sign")
        return cls(constants, tuple(guessed))

    @classmethod
    def of_experiment(cls, experiment: Experiment) -> Material:
        """Take the numbers of an experiment, and of its ranges the middle."""
        parameters = {name: p for name, p in experiment.parameters.items() if name in CONSTANTS}
        constants = {name: Quantity(p.middle, p.low, p.high, CONSTANTS[name].unit) for name, p in parameters.items()}
        return cls(constants, tuple(name for name, p in parameters.items() if p.varies))

    def told(self, other: Material) -> Material:
        """Return it with the constants that another one holds in place of its own."""
        kept = tuple(name for name in self.guessed if name.removesuffix("_sign") not in other.constants)
        return Material({**self.constants, **other.constants}, kept + other.guessed)

    @property
    def assumed(self) -> tuple[str, ...]:
        """A sentence for everything that is guessed."""
        return tuple(
            "the sign of D was not determined: D > 0 is taken"
            if name == "D_sign"
            else f"{name} was not determined: the middle of its range is used"
            for name in self.guessed
        )

    @property
    def values(self) -> dict[str, float]:
        """The constants without their intervals."""
        return {name: quantity.value for name, quantity in self.constants.items()}

    def unsigned(self) -> Material:
        """Return it with |D|: a mirror turns the sign of D over, and neither energies nor loops change."""
        D = self.constants["D"]
        ends = sorted((abs(D.low), abs(D.high)))
        low = 0.0 if D.low < 0 < D.high else ends[0]
        return replace(self, constants={**self.constants, "D": Quantity(abs(D.value), low, ends[1], D.unit)})

    def corners(self) -> dict[str, list[float]]:
        """Return the centre, and after it every corner of the box of the intervals: a column a constant."""
        centre = tuple(self.values.values())
        ends = itertools.product(*({q.low, q.high} for q in self.constants.values()))
        sets = [centre, *sorted(corner for corner in ends if corner != centre)]
        return {name: list(column) for name, column in zip(self.constants, zip(*sets, strict=True), strict=True)}

    def put_into(self, experiment: Experiment) -> Experiment:
        """Return an experiment whose constants are these numbers.

        Raises
        ------
        BadExperiment
            Its cells are too coarse for them, or a constant makes no sense.
        """
        return _with(experiment, {name: (value,) for name, value in self.values.items()})

    def span_over(self, experiment: Experiment) -> Experiment:
        """Return an experiment whose constants have the ends of these intervals for values.

        Raises
        ------
        BadExperiment
            Its cells are too coarse for some corner of the intervals, or a constant makes no sense.
        """
        return _with(experiment, {name: (q.low, q.value, q.high) for name, q in self.constants.items()})

    def record(self) -> dict[str, Any]:
        """Return the constants and what was assumed as a JSON object."""
        constants = {name: asdict(quantity) for name, quantity in self.constants.items()}
        return {**constants, "assumed": list(self.assumed)}


def read_estimate(path: str | Path) -> Material:
    """Read the one estimate in a file of ``magtex estimate --json``.

    Of a texture's two answers the torque balance goes before the network's where it is applicable.

    Raises
    ------
    UnreadableFile
        It is no such file.
    BadExperiment
        It holds estimates of several pictures or regions.
    """
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableFile(f"{path}: no estimate can be read there ({error.strerror})") from error
    except ValueError as error:
        raise UnreadableFile(f"{path}: this is no JSON ({error})") from error
    if not (isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows)):
        raise UnreadableFile(f"{path}: no estimates are in it, write it with magtex estimate --json")
    inputs = {json.dumps([row.get(key) for key in ("file", "frame", "roi")]) for row in rows}
    if len(inputs) > 1:
        raise BadExperiment(f"{path}: estimates of {len(inputs)} pictures or regions are in it, give a file of one")
    exact = [row for row in rows if row.get("method") == "torque_balance" and row.get("applicable")]
    return Material.of_record((exact or rows)[0])


def _with(experiment: Experiment, values: Mapping[str, tuple[float, ...]]) -> Experiment:
    """Return an experiment with other constants; where its temperature varies, at rest."""
    kept = {name: p for name, p in experiment.parameters.items() if name in CONSTANTS or not p.varies}
    known = kept | {name: Parameter(tuple(sorted(set(v)))) for name, v in values.items()}
    return replace(experiment, parameters={name: known[name] for name in PARAMETERS if name in known})
