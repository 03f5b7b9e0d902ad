"""Experiment: the conditions that a sample and its picture were made under, as a form, a file and an argument."""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from scipy.constants import mu_0

from napari_magtex.errors import BadExperiment
from napari_magtex.estimate.parameters import OPTIONAL, PARAMETERS, Parameter
from napari_magtex.estimate.sections import (
    SECTIONS,
    Conditions,
    FilmSettings,
    Hysteresis,
    PictureSettings,
    Start,
    Training,
    refuse_unknown,
)
from napari_magtex.picture import Contrast
from napari_magtex.results import Quantity

_NO_DMI = 1e-9  # J/m^2: weaker is none, and a helix of it longer than any film


@dataclass(frozen=True)
class Experiment:
    """Conditions, film, constants, start and picture: everything that a simulated picture depends on."""

    parameters: dict[str, Parameter]
    conditions: Conditions = field(default_factory=Conditions)
    film: FilmSettings = field(default_factory=FilmSettings)
    start: Start = field(default_factory=Start)
    picture: PictureSettings = field(default_factory=PictureSettings)
    hysteresis: Hysteresis = field(default_factory=Hysteresis)
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        if missing := [c.key for name, c in PARAMETERS.items() if name not in (*OPTIONAL, *self.parameters)]:
            raise BadExperiment(
                f"[parameters] lacks {', '.join(missing)}: give a number, {{low=, high=}} or {{values=}}"
            )
        if "Ku" in self.parameters and self.film.Ku:
            raise BadExperiment("Ku_kJ_per_m3 stands in [film] and in [parameters]: keep one of them")
        if "Di" in self.parameters and self.film.dmi != "bulk":
            raise BadExperiment(
                '[parameters] Di_mJ_per_m2 is interfacial DMI beside a bulk one: set dmi = "bulk" in [film], or give '
                "D_mJ_per_m2 alone"
            )
        if "T" in self.parameters and self.conditions.temperature_K:
            raise BadExperiment("temperature_K in [conditions] and T_K in [parameters] are the same: keep one of them")
        if "T" in self.parameters and self.parameters["T"].low < 0:
            raise BadExperiment("[parameters] T_K must be 0 or more")
        for name, least in (("A", 0.0), ("Ms", 0.0)):
            if self.parameters[name].low <= least:
                raise BadExperiment(f"[parameters] {PARAMETERS[name].key} must be positive")
        if self.parameters["D"].varies and self.parameters["D"].low < 0:
            raise BadExperiment(
                "[parameters] D_mJ_per_m2 ranges below 0: what is estimated is |D| and, apart, its sign"
            )
        wrong = self.coarseness()
        if wrong.too_coarse and not self.film.allow_coarse:
            raise BadExperiment(f"{wrong}: take a smaller cell_nm, narrow the ranges, or set allow_coarse = true")

    @classmethod
    def from_toml(cls, path: str | Path) -> Experiment:
        """Read a file, or a shipped experiment by its name (``fege-spin``).

        Raises
        ------
        BadExperiment
            It is not there, is no TOML, or a key or value is not allowed.
        """
        shipped = Path(str(files("napari_magtex.estimate") / "experiments" / f"{path}.toml"))
        source = shipped if shipped.is_file() else Path(path)
        try:
            given = tomllib.loads(source.read_text(encoding="utf-8"))
        except OSError as error:
            raise BadExperiment(f"{source}: no experiment can be read there ({error.strerror})") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadExperiment(f"{source} is no TOML file: {error}") from error
        return cls.from_dict(given)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Experiment:
        """Make an experiment of nested tables, as a TOML file or a model's card holds them."""
        refuse_unknown(given, [*SECTIONS, "parameters"], "an experiment")
        constants = given.get("parameters", {})
        if not isinstance(constants, Mapping):
            raise BadExperiment(f"[parameters] must be a table, not {constants!r}")
        by_key = {constant.key: name for name, constant in PARAMETERS.items()}
        refuse_unknown(constants, by_key, "[parameters]")
        parameters = {by_key[key]: Parameter.parse(v, PARAMETERS[by_key[key]]) for key, v in constants.items()}
        ordered = {name: parameters[name] for name in PARAMETERS if name in parameters}
        sections: dict[str, Any] = {title: SECTIONS[title].parse(given[title]) for title in SECTIONS if title in given}
        return cls(ordered, **sections)

    def to_dict(self) -> dict[str, Any]:
        """Return nested tables that ``from_dict`` reads."""
        tables = {title: getattr(self, title).to_file() for title in SECTIONS}
        constants = {PARAMETERS[name].key: p.to_file(PARAMETERS[name]) for name, p in self.parameters.items()}
        return tables | {"parameters": constants}

    @property
    def estimated(self) -> dict[str, Parameter]:
        """The constants that vary, in the order of a network's outputs."""
        return {name: p for name, p in self.parameters.items() if p.varies}

    @property
    def cell(self) -> tuple[float, float, float]:
        """Cell (dz, dy, dx) in metres."""
        dx, dy = self.film.cell
        return self.film.thickness, dy, dx

    @property
    def temperature(self) -> Parameter:
        """In kelvin: one for all films, or a range."""
        return self.parameters.get("T", Parameter((self.conditions.temperature_K,)))

    def at(self, temperature_K: float) -> Experiment:
        """Return it at one temperature."""
        parameters = {name: p for name, p in self.parameters.items() if name != "T"}
        return replace(self, parameters=parameters, conditions=replace(self.conditions, temperature_K=temperature_K))

    def scaled(self, factor: float) -> Experiment:
        """Return what shows the same textures in fields so many times as strong.

        With Ms, too, so many times as large, and A, D, Ku and kT by the square of it, every energy is larger by that
        square: films of the same size in cells have the same states, at rest and in heat.
        """
        square = factor**2
        field_T = tuple(factor * b for b in self.conditions.field_T)
        path = tuple((factor * np.asarray(b, dtype=float)).tolist() for b in self.start.field_path_T)
        return replace(
            self,
            parameters={n: p.times(factor if n == "Ms" else square) for n, p in self.parameters.items()},
            conditions=replace(self.conditions, field_T=field_T, temperature_K=square * self.conditions.temperature_K),
            film=replace(self.film, Ku=square * self.film.Ku),
            start=replace(self.start, field_path_T=path, anneal_K=square * self.start.anneal_K),
        )

    def hash(self) -> str:
        """Return a short hash of everything, which names a folder of the cache."""
        return digest(self.to_dict())

    @property
    def dmi_range(self) -> tuple[float, float]:
        """Of both kinds together: the weakest and the strongest of the ranges, in J/m^2."""
        kinds = [self.parameters[name] for name in ("D", "Di") if name in self.parameters]
        return math.hypot(*(p.smallest for p in kinds)), math.hypot(*(p.largest for p in kinds))

    def period_range(self) -> tuple[float, float]:
        """Return the shortest and the longest helix 4 pi A/D of the ranges, in metres; D of both kinds together."""
        A, (weakest, strongest) = self.parameters["A"], (max(D, _NO_DMI) for D in self.dmi_range)
        return 4 * math.pi * A.low / strongest, 4 * math.pi * A.high / weakest

    def period_prior(self) -> Quantity:
        """Return what is known of the period before a picture: that of helices, and no longer than the film.

        Where no helix fits the film it is anything that its cells can show.
        """
        side = max(n * d for n, d in zip(self.film.shape, self.cell[1:], strict=True))
        low, high = (min(period, side) for period in self.period_range())
        low = low if low < high else 2 * max(self.cell[1:])
        return Quantity((low + high) / 2, low, high, "m")

    def coarseness(self) -> Coarseness:
        """Compare the cell with the lengths of the ranges' worst corner."""
        exchange = math.sqrt(2 * self.parameters["A"].low / (mu_0 * self.parameters["Ms"].high ** 2))
        return Coarseness(max(self.film.cell), exchange, self.period_range()[0])

    def notes(self) -> tuple[str, ...]:
        """Return what a user should know before computing: coarse cells, a film too thick for one layer."""
        coarse, shortest = self.coarseness(), self.period_range()[0]
        found = [str(coarse)] if coarse.coarse else []
        if self.film.thickness > 0.3 * shortest:
            found.append(
                f"the film is {self.film.thickness * 1e9:.3g} nm thick, above 0.3 of the shortest helix "
                f"({shortest * 1e9:.3g} nm): one layer of cells no longer stands for it"
            )
        Ku = self.parameters["Ku"].values if "Ku" in self.parameters else (self.film.Ku,)
        wall = math.sqrt(self.parameters["A"].low / max(*map(abs, Ku), 1e-9))
        if coarse.cell > wall:
            found.append(
                f"cells of {coarse.cell * 1e9:.3g} nm are larger than sqrt(A/Ku) = {wall * 1e9:.3g} nm: domain walls "
                "stick to the mesh"
            )
        picture = self.picture
        hottest = self.temperature.high
        if hottest and picture.contrast is not Contrast.SPIN and picture.exposure == "snapshot":
            found.append(
                f"a {picture.contrast} frame takes long beside the heat of {hottest:g} K: "
                'exposure = "averaged" is what a microscope sees'
            )
        return tuple(found)


def physics(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of an experiment's tables its films depend on: how they are seen only where that averages heat."""
    chosen = {title: tables[title] for title in ("conditions", "film", "parameters", "start")}
    if tables["conditions"]["temperature_K"] or PARAMETERS["T"].key in tables["parameters"]:
        chosen["picture"] = {"exposure": tables["picture"]["exposure"]}
    return chosen


def digest(tables: Mapping[str, Any]) -> str:
    """Return a short hash of tables."""
    return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Coarseness:
    """A cell beside the two lengths that it must resolve, in metres."""

    cell: float
    exchange_length: float
    helix: float

    @property
    def coarse(self) -> bool:
        """Worth a warning: above the exchange length or a tenth of the helix."""
        return self.cell > self.exchange_length or self.cell > self.helix / 10

    @property
    def too_coarse(self) -> bool:
        """Above twice the one or a quarter of the other the lattice no longer follows the continuum."""
        return self.cell > 2 * self.exchange_length or self.cell > self.helix / 4

    def __str__(self) -> str:
        return (
            f"cells of {self.cell * 1e9:.3g} nm are coarse for the ranges: the exchange length goes down to "
            f"{self.exchange_length * 1e9:.3g} nm, 4 pi A/D to {self.helix * 1e9:.3g} nm"
        )
