"""The tables of an experiment's file: keys in the units of the field outside, SI inside."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar

from napari_magtex.colours import ColourMap
from napari_magtex.errors import BadExperiment
from napari_magtex.estimate.parameters import tidy
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
    """How a film is seen.

    ``defocus``, ``voltage`` and ``dose`` matter to Lorentz frames alone (metres, volts, electrons a pixel), ``noise``
    to Kerr frames and induction maps: its standard deviation over that of the film's own contrast.
    """

    title: ClassVar[str] = "picture"
    contrast: Contrast = entry(Contrast.SPIN, allowed=[c for c in Contrast if c is not Contrast.PHASE])  # noqa: RUF009
    exposure: str = entry("snapshot", allowed=("snapshot", "averaged"))
    colour_map: ColourMap = entry(ColourMap.MUMAX3, allowed=ColourMap)  # noqa: RUF009
    defocus: float = entry(0.5e-3, "defocus_um", scale=1e-6)
    voltage: float = entry(200e3, "voltage_kV", scale=1e3, least=1)
    dose: float = entry(200.0, "dose_e_per_px", least=1)
    noise: float = entry(0.2, least=0)


@dataclass(frozen=True)
class Hysteresis(Section):
    """A loop between plus and minus ``max_T`` along ``direction``, and the disorder that lets the film switch.

    Lengths in metres, angles in degrees; ``grain`` = 0 means a film without grains. At T = 0 the spins are shaken and
    relaxed at each field, in heat they are held until M stands still over ``dwell`` seconds.
    """

    title: ClassVar[str] = "hysteresis"
    max_T: float = entry(1.0, least=1e-6)
    steps: int = entry(100, least=10)
    direction: tuple[float, ...] = entry((0.0, 0.0, 1.0))
    tilt_deg: float = entry(1.0, least=0)
    shake_deg: float = entry(1.0, least=0)
    dwell: float = entry(20e-12, "dwell_ns", scale=1e-9, least=1e-6)
    grain: float = entry(0.0, "grain_nm", scale=1e-9, least=0)
    Ku_spread: float = entry(0.1, least=0)
    axis_spread_deg: float = entry(3.0, least=0)

    def __post_init__(self) -> None:
        if not any(self.direction):
            raise BadExperiment("[hysteresis] direction is [0, 0, 0]: it must point somewhere")


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
    return given if isinstance(default, int) else tidy(float(given) * rules["scale"])


def _to_file(value: Any, scale: float) -> Any:
    if isinstance(value, tuple):
        return [_to_file(v, scale) for v in value]
    return tidy(value / scale) if isinstance(value, float) else value


def _list(given: Any, where: str) -> list[Any]:
    if not isinstance(given, list | tuple):
        raise BadExperiment(f"{where} is {given!r}: give a list")
    return list(given)
