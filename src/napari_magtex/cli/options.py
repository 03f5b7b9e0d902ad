"""How the command line's options are written and read: an option that makes no sense is bad usage, exit code 2."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from napari_magtex.compute import Device
from napari_magtex.errors import MagtexError
from napari_magtex.picture import Contrast, Region


class Seen(StrEnum):
    """The contrasts that a user may name, or auto: look at the picture."""

    AUTO = "auto"
    SPIN = "spin"
    WHEEL = "wheel"
    LORENTZ = "lorentz"
    KERR = "kerr"
    MFM = "mfm"

    @property
    def contrast(self) -> Contrast | None:
        """None for auto."""
        return None if self is Seen.AUTO else Contrast(self.value)


class ReconstructBy(StrEnum):
    """How a phase is found: the values of `imaging.reconstruction.Method`, which loads too much for a start."""

    TIE = "tie"
    LEAST_SQUARES = "least-squares"


class Numbers(tuple[float, ...]):
    """What an option of several numbers holds."""


class NamedNumber(tuple[str, float]):
    """What an option of a constant holds: its name, and its value in SI units."""


def numbers(text: str, count: int, form: str) -> Numbers:
    """Read numbers set apart by commas."""
    try:
        values = Numbers(float(part) for part in text.split(","))
    except ValueError:
        values = Numbers()
    if len(values) != count or not all(map(math.isfinite, values)):
        raise typer.BadParameter(f"{text!r} is not {form}")
    return values


def region(text: str) -> Region:
    """Read X0,Y0,X1,Y1 in whole pixels; whether it lies in a picture, each picture tells."""
    form = "X0,Y0,X1,Y1 in whole pixels"
    values = numbers(text, 4, form)
    if any(value != int(value) for value in values):
        raise typer.BadParameter(f"{text!r} is not {form}")
    x0, y0, x1, y1 = map(int, values)
    return Region(x0, y0, x1, y1)


def tesla(text: str) -> Numbers:
    """Read X,Y,Z."""
    return numbers(text, 3, "X,Y,Z in tesla")


def degrees(text: str) -> Numbers:
    """Read a tilt and the direction of its axis."""
    return numbers(text, 2, "DEG,AXIS in degrees")


def astigmatic(text: str) -> Numbers:
    """Read a twofold astigmatism and where its axis points."""
    return numbers(text, 2, "UM,AXIS in micrometres and degrees")


def several(text: str) -> Numbers:
    """Read as many numbers as there are."""
    return numbers(text, text.count(",") + 1, "numbers set apart by commas")


def number(text: str | float) -> float:
    """Read a finite number."""
    (value,) = numbers(str(text), 1, "a number")
    return value


def positive(text: str | float) -> float:
    """Read a number above 0."""
    value = number(text)
    if value <= 0:
        raise typer.BadParameter(f"{text} is not above 0")
    return value


def _no_card(path: Path) -> Path:
    """Keep weights from where their card is written."""
    if path.suffix.lower() == ".json":
        raise typer.BadParameter(f"{path} is where the card belongs: name the weights .safetensors")
    return path


def nonnegative(text: str | float) -> float:
    """Read a number from 0."""
    value = number(text)
    if value < 0:
        raise typer.BadParameter(f"{text} is below 0")
    return value


def constant(text: str) -> NamedNumber:
    """Read KEY=VALUE, the key as an experiment's [parameters] have it."""
    from napari_magtex.estimate.parameters import PARAMETERS

    key, _, value = text.partition("=")
    for name, known in PARAMETERS.items():
        if known.key == key.strip():
            return NamedNumber((name, number(value) * known.scale))
    keys = ", ".join(known.key for known in PARAMETERS.values())
    raise typer.BadParameter(f"{text!r} is not KEY=VALUE, the key one of {keys}")


def address(text: str) -> str:
    """Read where a dask scheduler listens; whether it does, the first connection tells."""
    scheme, _, host = text.partition("://")
    if not scheme or not host:
        raise typer.BadParameter(f"{text!r} is no address like tcp://HOST:8786")
    return text


def usable(device: Device) -> None:
    """Refuse a device that this machine has not, before any input is opened."""
    if device in (Device.AUTO, Device.CPU):
        return
    from napari_magtex.compute import torch_device

    try:
        torch_device(device)
    except MagtexError as error:
        raise typer.BadParameter(str(error), param_hint="--device") from None


Paths = Annotated[list[str], typer.Argument(metavar="PATH...", help="Pictures, frames or textures.")]
ContrastOption = Annotated[Seen, typer.Option("--contrast", help="What makes a pixel bright.")]
Rois = Annotated[
    list[Region] | None,
    typer.Option("--roi", parser=region, metavar="X0,Y0,X1,Y1", help="Pixels, x right, y down; may be repeated."),
]
Known = Annotated[
    list[NamedNumber] | None,
    typer.Option(
        parser=constant,
        metavar="KEY=VALUE",
        help="A constant known from elsewhere, like Ms_MA_per_m=0.384 or T_K=265; may be repeated.",
    ),
]
DeviceOption = Annotated[Device, typer.Option("--device", help="Where to compute.")]
JsonOut = Annotated[Path | None, typer.Option("--json", dir_okay=False, metavar="FILE", help="Write answers as JSON.")]
CsvOut = Annotated[Path | None, typer.Option("--csv", dir_okay=False, metavar="FILE", help="Write answers as CSV.")]
Cluster = Annotated[
    str | None,
    typer.Option("--scheduler", parser=address, metavar="URL", help="Compute on the workers of a dask scheduler."),
]
Experiments = Annotated[str, typer.Argument(metavar="EXPERIMENT.toml", help="What is simulated and how it is seen.")]
Weights = Annotated[
    Path,
    typer.Option(
        "--out", dir_okay=False, callback=_no_card, metavar="FILE.safetensors", help="Weights to write, a card beside."
    ),
]
