"""What an analysis answers, with its provenance, and the one way from it to a row, CSV and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from napari_magtex import __version__
from napari_magtex.files import write_text
from napari_magtex.picture import Contrast, Picture


@dataclass(frozen=True)
class Provenance:
    """Where an answer comes from: enough to get it again.

    ``sha256`` is the hash of the pixels analysed, ``model`` names the card, ``settings`` holds what the user chose.
    """

    file: str
    frame: int
    contrast: Contrast
    roi: tuple[int, int, int, int] | None
    sha256: str
    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    version: str = __version__

    @classmethod
    def of(cls, picture: Picture, *, contrast: Contrast, model: str, **settings: Any) -> Provenance:
        """Describe an analysis of a picture."""
        return cls(
            file=picture.name,
            frame=picture.frame,
            contrast=contrast,
            roi=picture.roi.bounds if picture.roi else None,
            sha256=picture.sha256,
            model=model,
            settings=settings,
        )

    def record(self) -> dict[str, Any]:
        """Return the keys that begin every JSON object: which part of which input it is about."""
        return {
            "file": self.file,
            "frame": self.frame,
            "contrast": str(self.contrast),
            "roi": list(self.roi) if self.roi else None,
        }


@dataclass(frozen=True)
class Quantity:
    """A value with its 90 % interval, in SI units."""

    value: float
    low: float
    high: float
    unit: str

    def __contains__(self, truth: float) -> bool:
        return self.low <= truth <= self.high


class Result(Protocol):
    """Anything with a provenance and a JSON record."""

    @property
    def provenance(self) -> Provenance:
        """Where the answer comes from."""
        ...

    def record(self) -> dict[str, Any]:
        """Return the JSON object that DESIGN fixes."""
        ...


@dataclass(frozen=True)
class Verdict:
    """The magnetic state of a picture.

    ``verdict`` is ``state``, ``no_contrast`` or ``out_of_range``; ``probabilities`` has all nine keys and sums to 1;
    ``set`` is the 90 % set; ``hidden`` lists the states that this contrast cannot show; ``applicability`` runs from
    0 (nothing like the training pictures) to 1.
    """

    provenance: Provenance
    verdict: str
    state: str
    probabilities: Mapping[str, float]
    set: tuple[str, ...]
    hidden: tuple[str, ...]
    applicable: bool
    applicability: float

    @property
    def probability(self) -> float:
        """Probability of the state named."""
        return self.probabilities[self.state]

    def record(self) -> dict[str, Any]:
        """Return the JSON object of ``magtex classify``."""
        origin = self.provenance
        return {
            **origin.record(),
            "verdict": self.verdict,
            "state": self.state,
            "probability": self.probability,
            "probabilities": dict(self.probabilities),
            "set": list(self.set),
            "hidden": list(self.hidden),
            "applicable": self.applicable,
            "applicability": self.applicability,
            "model": origin.model,
            "version": origin.version,
        }


@dataclass(frozen=True)
class StateFractions:
    """How much of a picture's area is in which state.

    ``fractions`` has all nine keys; with ``declined`` (out of range) and ``no_contrast`` they sum to 1. ``at`` holds
    the conditions of the frame where they are known, under names that end with their unit: ``field_mT``.
    """

    provenance: Provenance
    window_px: int
    step_px: int
    fractions: Mapping[str, float]
    declined: float
    no_contrast: float
    at: Mapping[str, float] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Return the JSON object of a state map."""
        origin = self.provenance
        return {
            **origin.record(),
            "at": dict(self.at),
            "fractions": dict(self.fractions),
            "declined": self.declined,
            "no_contrast": self.no_contrast,
            "window_px": self.window_px,
            "step_px": self.step_px,
            "model": origin.model,
            "version": origin.version,
        }


@dataclass(frozen=True)
class Estimate:
    """A, D, Ms and the period of a region.

    ``determined`` names what the picture fixes; a quantity that is not in it has its prior's midpoint and range.
    ``known`` names what was told, or was no question: those have no interval.
    ``D_sign`` is +1, -1 or 0 (not determined). ``residual`` belongs to the torque balance alone. ``Ku`` and ``Di``
    (interfacial DMI beside a bulk D, with its sign) are there where they were estimated too; ``T`` where the picture,
    or who knew it, told the heat, and with it ``A_long``: A is that of the film's cells, and waves much longer than a
    cell are softened by the heat of short ones. Of these the record has ``Ku`` and ``Di``, and of ``known`` nothing.
    """

    provenance: Provenance
    method: str
    A: Quantity
    D: Quantity
    D_sign: int
    Ms: Quantity
    period: Quantity
    applicable: bool
    determined: tuple[str, ...]
    residual: float | None = None
    Ku: Quantity | None = None
    Di: Quantity | None = None
    T: Quantity | None = None
    A_long: Quantity | None = None
    known: tuple[str, ...] = ()

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why it is not applicable."""
        if self.applicable:
            return ()
        if self.residual is not None:
            return (f"not at rest: {self.residual:.0%} of the torques are left",)
        return tuple(self.provenance.settings.get("doubts", ())) or ("not the estimator's experiment",)

    @property
    def asides(self) -> tuple[str, ...]:
        """What was told beside the columns of a table, each with its interval."""
        told = (
            ("T", self.T, 1.0, "K"),
            ("A of long waves", self.A_long, 1e-12, "pJ/m"),
            ("Ku", self.Ku if "Ku" in self.determined else None, 1e3, "kJ/m³"),
            ("interfacial DMI", self.Di if "Di" in self.determined else None, 1e-3, "mJ/m²"),
            ("its share", self.interfacial_share, 1.0, "of the DMI"),
        )
        return tuple(
            f"{name} {q.value / scale:.3g} {unit}"
            + (f" ({q.low / scale:.3g} to {q.high / scale:.3g})" * (q.high > q.low))
            for name, q, scale, unit in told
            if q is not None
        )

    @property
    def interfacial_share(self) -> Quantity | None:
        """How much of the DMI is interfacial, |Di| / (|D| + |Di|); None where the two are not both determined."""
        if self.Di is None or not {"D", "Di"} <= set(self.determined):
            return None
        ends = sorted((abs(self.Di.low), abs(self.Di.high)))
        least = 0.0 if self.Di.low < 0 < self.Di.high else ends[0]
        shares = [(abs(self.Di.value), self.D.value), (least, self.D.high), (ends[1], self.D.low)]
        value, low, high = (Di / (Di + D) if Di + D else 0.0 for Di, D in shares)
        return Quantity(value, low, high, "")

    def record(self) -> dict[str, Any]:
        """Return the JSON object of ``magtex estimate``."""
        origin = self.provenance
        row: dict[str, Any] = {
            **origin.record(),
            "method": self.method,
            "A": asdict(self.A),
            "D": asdict(self.D),
            "D_sign": self.D_sign,
            "Ms": asdict(self.Ms),
            "period": asdict(self.period),
            "applicable": self.applicable,
            "determined": list(self.determined),
            "estimator": origin.model,
            "version": origin.version,
        }
        for name, quantity in (("Ku", self.Ku), ("Di", self.Di)):
            if quantity is not None:
                row[name] = asdict(quantity)
        if self.residual is not None:
            row["residual"] = self.residual
        return row


def table(results: Sequence[Result]) -> pd.DataFrame:
    """Return one row a result; nested keys are joined by ``_`` and lists by ``;``."""
    return pd.DataFrame([_flat(result.record()) for result in results])


def write_json(results: Sequence[Result], path: Path) -> None:
    """Write the records as a JSON list: beside the target first, then renamed."""
    text = json.dumps([result.record() for result in results], indent=2, allow_nan=False)
    write_text(path, text + "\n")


def write_csv(results: Sequence[Result], path: Path) -> None:
    """Write the table as CSV: beside the target first, then renamed."""
    write_text(path, table(results).to_csv(index=False, lineterminator="\n"))


def _flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    row: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, Mapping):
            row |= _flat(value, f"{prefix}{key}_")
        elif isinstance(value, Iterable) and not isinstance(value, str):
            row[prefix + key] = ";".join(map(str, value))
        else:
            row[prefix + key] = value
    return row
