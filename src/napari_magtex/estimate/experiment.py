"""Experiment: the conditions that a sample and its picture were made under, as a form, a file and an argument."""

from __future__ import annotations

import hashlib
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from scipy.constants import mu_0

from napari_magtex.colours import ColourMap
from napari_magtex.errors import BadExperiment
from napari_magtex.estimate.parameters import CONSTANTS, Parameter, tidy
from napari_magtex.picture import Contrast

SectionType = TypeVar("SectionType", bound="Section")


def entry(default: Any, key: str = "", *, scale: float = 1.0, least: float | None = None, allowed: Any = ()) -> Any:
    """Declare a field of a section: its key in a file, the file's unit in SI, a bound and the values allowed."""
    return field(default=default, metadata={"key": key, "scale": scale, "least": least, "allowed": tuple(allowed)})


_FIELDS = ("[conditions] field_T", "[start] field_path_T")


@dataclass(frozen=True)
class Section:
    """One table of an experiment's file; SI inside, the units of the keys outside."""

    title: ClassVar[str]

    @classmethod
    def parse(cls: type[SectionType], given: Any) -> SectionType:
        """Read a table; keys that are not there keep their defaults."""
        if not isinstance(given, Mapping):
            raise BadExperiment(f"[{cls.title}] must be a table, not {given!r}")
        keys = {f.metadata["key"] or f.name: f for f in fields(cls)}
        refuse_unknown(given, keys, f"[{cls.title}]")
        values = {}
        for key, value in given.items():
            f = keys[key]
            values[f.name] = _read(value, f.default, f.metadata, f"[{cls.title}] {key}")
        return cls(**values)

    def to_file(self) -> dict[str, Any]:
        """Return what ``parse`` reads."""
        table = {}
        for f in fields(self):
            scale, value = f.metadata["scale"], getattr(self, f.name)
            table[f.metadata["key"] or f.name] = _to_file(value, scale)
        return table


@dataclass(frozen=True)
class Conditions(Section):
    """Applied field (3,) in tesla, z towards the reader, and temperature in kelvin."""

    title: ClassVar[str] = "conditions"
    field_T: tuple[float, ...] = entry((0.0, 0.0, 0.0))
    temperature_K: float = entry(0.0, least=0)


@dataclass(frozen=True)
class FilmSettings(Section):
    """The film that is simulated: lengths in metres, Ku in J/m^3, cell (dx, dy), shape (ny, nx)."""

    title: ClassVar[str] = "film"
    thickness: float = entry(4e-9, "thickness_nm", scale=1e-9, least=0.1)
    cell: tuple[float, ...] = entry((4e-9, 4e-9), "cell_nm", scale=1e-9, least=0.1)
    shape: tuple[int, ...] = entry((128, 128), least=40)
    dmi: str = entry("bulk", allowed=("bulk", "interfacial"))
    Ku: float = entry(0.0, "Ku_kJ_per_m3", scale=1e3)
    easy_axis: tuple[float, ...] = entry((0.0, 0.0, 1.0))
    boundary: str = entry("periodic", allowed=("periodic", "open"))
    demag: bool = entry(True)
    allow_coarse: bool = entry(False)


@dataclass(frozen=True)
class Start(Section):
    """What is relaxed: quenched when ``field_path_T`` is empty, else through its fields."""

    title: ClassVar[str] = "start"
    kind: str = entry("random", allowed=("random", "uniform", "helix", "skyrmions"))
    seed: int = entry(1, least=0)
    field_path_T: tuple[Any, ...] = entry(())
    anneal_K: float = entry(0.0, least=0)


@dataclass(frozen=True)
class PictureSettings(Section):
    """How a film is seen; the last three matter to Lorentz frames alone (metres, volts, electrons a pixel)."""

    title: ClassVar[str] = "picture"
    contrast: Contrast = entry(Contrast.SPIN, allowed=[c for c in Contrast if c is not Contrast.PHASE])  # noqa: RUF009
    exposure: str = entry("snapshot", allowed=("snapshot", "averaged"))
    colour_map: ColourMap = entry(ColourMap.MUMAX3, allowed=ColourMap)  # noqa: RUF009
    defocus: float = entry(0.5e-3, "defocus_um", scale=1e-6)
    voltage: float = entry(200e3, "voltage_kV", scale=1e3, least=1)
    dose: float = entry(200.0, "dose_e_per_px", least=1)


@dataclass(frozen=True)
class Hysteresis(Section):
    """A loop between plus and minus ``max_T`` along ``direction``."""

    title: ClassVar[str] = "hysteresis"
    max_T: float = entry(1.0, least=1e-6)
    steps: int = entry(100, least=2)
    direction: tuple[float, ...] = entry((0.0, 0.0, 1.0))


@dataclass(frozen=True)
class Training(Section):
    """How many films are simulated for what, the network, and for how many steps it learns."""

    title: ClassVar[str] = "training"
    films: int = entry(256, least=1)
    calibration: int = entry(64, least=10)
    test: int = entry(64, least=1)
    network: str = entry("windows-cnn", allowed=("windows-cnn", "wang2020"))
    steps: int = entry(2000, least=1)


SECTIONS: dict[str, type[Section]] = {
    s.title: s for s in (Conditions, FilmSettings, Start, PictureSettings, Hysteresis, Training)
}


@dataclass(frozen=True)
class Experiment:
    """Conditions, film, constants, start and picture: everything that a simulated picture depends on."""

    parameters: dict[str, Parameter]
    conditions: Conditions = Conditions()
    film: FilmSettings = FilmSettings()
    start: Start = Start()
    picture: PictureSettings = PictureSettings()
    hysteresis: Hysteresis = Hysteresis()
    training: Training = Training()

    def __post_init__(self) -> None:
        if missing := [c.key for name, c in CONSTANTS.items() if name != "Ku" and name not in self.parameters]:
            raise BadExperiment(
                f"[parameters] lacks {', '.join(missing)}: give a number, {{low=, high=}} or {{values=}}"
            )
        if "Ku" in self.parameters and self.film.Ku:
            raise BadExperiment("Ku_kJ_per_m3 stands in [film] and in [parameters]: keep one of them")
        for name, least in (("A", 0.0), ("Ms", 0.0)):
            if self.parameters[name].low <= least:
                raise BadExperiment(f"[parameters] {CONSTANTS[name].key} must be positive")
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
        by_key = {constant.key: name for name, constant in CONSTANTS.items()}
        refuse_unknown(constants, by_key, "[parameters]")
        parameters = {by_key[key]: Parameter.parse(v, CONSTANTS[by_key[key]]) for key, v in constants.items()}
        ordered = {name: parameters[name] for name in CONSTANTS if name in parameters}
        sections: dict[str, Any] = {title: SECTIONS[title].parse(given[title]) for title in SECTIONS if title in given}
        return cls(ordered, **sections)

    def to_dict(self) -> dict[str, Any]:
        """Return nested tables that ``from_dict`` reads."""
        tables = {title: getattr(self, title).to_file() for title in SECTIONS}
        constants = {CONSTANTS[name].key: p.to_file(CONSTANTS[name]) for name, p in self.parameters.items()}
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

    def hash(self, *tables: str) -> str:
        """Return a short hash of some tables (default: all), which names a folder of the cache."""
        everything = self.to_dict()
        chosen = {title: everything[title] for title in tables or everything}
        return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:16]

    def period_range(self) -> tuple[float, float]:
        """Return the shortest and the longest helix 4 pi A/D of the ranges, in metres."""
        A, D = self.parameters["A"], self.parameters["D"]
        strongest, weakest = (max(abs(d), 1e-9) for d in (max(D.values, key=abs), min(D.values, key=abs)))
        return 4 * math.pi * A.low / strongest, 4 * math.pi * A.high / weakest

    def coarseness(self) -> Coarseness:
        """Compare the cell with the lengths of the ranges' worst corner."""
        exchange = math.sqrt(2 * self.parameters["A"].low / (mu_0 * self.parameters["Ms"].high ** 2))
        return Coarseness(max(self.film.cell), exchange, self.period_range()[0])

    def notes(self) -> tuple[str, ...]:
        """Return what a user should know before computing: a coarse cell, a film too thick for one layer."""
        coarse, shortest = self.coarseness(), self.period_range()[0]
        found = [str(coarse)] if coarse.coarse else []
        if self.film.thickness > 0.3 * shortest:
            found.append(
                f"the film is {self.film.thickness * 1e9:.3g} nm thick, above 0.3 of the shortest helix "
                f"({shortest * 1e9:.3g} nm): one layer of cells no longer stands for it"
            )
        return tuple(found)


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


def refuse_unknown(given: Any, allowed: Any, where: str) -> None:
    """Name the first key that is not known, and those that are."""
    for key in given:
        if key not in allowed:
            raise BadExperiment(f"{where} has no {key!r}: known are {', '.join(map(str, allowed))}")


def _read(given: Any, default: Any, rules: Mapping[str, Any], where: str) -> Any:
    """Bring one value to the type of its default and to SI, or say what is wrong with it."""
    if default == ():  # the fields of a path
        return tuple(_read(step, (0.0, 0.0, 0.0), rules, where) for step in _list(given, where))
    if isinstance(default, tuple):
        if where.startswith(_FIELDS) and isinstance(given, int | float):
            given = [0.0, 0.0, given]  # a number means along z
        values = _list(given, where)
        if len(values) != len(default):
            raise BadExperiment(f"{where} is {given!r}: give {len(default)} numbers")
        return tuple(_read(value, d, rules, where) for value, d in zip(values, default, strict=True))
    if isinstance(default, bool):
        if not isinstance(given, bool):
            raise BadExperiment(f"{where} is {given!r}: give true or false")
        return given
    if isinstance(default, str):
        if given not in rules["allowed"]:
            raise BadExperiment(f"{where} is {given!r}: allowed are {', '.join(rules['allowed'])}")
        return type(default)(given)
    kind = "a whole number" if isinstance(default, int) else "a number"
    if isinstance(given, bool) or not isinstance(given, int if isinstance(default, int) else int | float):
        raise BadExperiment(f"{where} is {given!r}: give {kind}")
    least = rules["least"]
    if not math.isfinite(given) or (least is not None and given < least):
        raise BadExperiment(f"{where} is {given!r}: give {kind}, at least {least}")
    return given if isinstance(default, int) else float(given) * rules["scale"]


def _to_file(value: Any, scale: float) -> Any:
    if isinstance(value, tuple):
        return [_to_file(v, scale) for v in value]
    return tidy(value / scale) if isinstance(value, float) else value


def _list(given: Any, where: str) -> list[Any]:
    if not isinstance(given, list | tuple):
        raise BadExperiment(f"{where} is {given!r}: give a list")
    return list(given)
