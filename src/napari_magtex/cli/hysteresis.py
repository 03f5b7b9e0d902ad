"""`magtex hysteresis`: an experiment to the loop of its film."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_magtex import __version__
from napari_magtex.cli.console import one_input, progress_bar, show, wrote
from napari_magtex.cli.options import DeviceOption, Experiments, usable
from napari_magtex.compute import Device, drain
from napari_magtex.errors import MagtexError

if TYPE_CHECKING:
    from napari_magtex.physics.loops import Loop

COLUMNS = ("file", "Hc (T)", "Mr/Ms", "Hs, knee (T)", "Hs, 0.95 Ms (T)", "field step (T)")


def hysteresis(
    experiment: Experiments,
    out: Annotated[Path, typer.Option(dir_okay=False, metavar="FILE.csv", help="The points of the loop.")],
    plot: Annotated[Path | None, typer.Option(dir_okay=False, metavar="FILE.png", help="Draw the loop.")] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json", dir_okay=False, metavar="FILE", help="Write figures and conditions.")
    ] = None,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Take the film of an experiment from saturation to saturation and back; its constants are all numbers."""
    for option, path, suffix in (("--out", out, ".csv"), ("--plot", plot, ".png")):
        if path is not None and path.suffix.lower() != suffix:
            raise typer.BadParameter(f"{path} is no {suffix}", param_hint=option)
    usable(device)
    from napari_magtex.estimate.experiment import Experiment
    from napari_magtex.estimate.loop import film_loops, loop_table
    from napari_magtex.results import write_text

    with one_input(experiment):
        conditions = Experiment.from_toml(experiment)
        for note in conditions.notes():
            typer.echo(f"warning: {note}", err=True)
        with progress_bar() as report:
            (loop,) = drain(film_loops(conditions, device=device), report)
    show(COLUMNS, [_row(experiment, loop)])
    typer.echo(f"{loop.conditions}")
    for note in loop.notes():
        typer.echo(note)
    about = {"file": experiment, **loop.record(), "experiment": conditions.to_dict(), "version": __version__}
    _write(out, lambda path: write_text(path, loop_table(loop).to_csv(index=False, float_format="%.9g")))
    if plot is not None:
        _write(plot, lambda path: _draw(path, loop, Path(experiment).stem))
    if json_out is not None:
        _write(json_out, lambda path: write_text(path, json.dumps([about], indent=2, allow_nan=False) + "\n"))


def _row(file: str, loop: Loop) -> list[str]:
    """Return the cells of `COLUMNS`."""

    def field(value: float | None) -> str:
        return "not determined" if value is None else loop.told(value)

    remanence = "not determined" if loop.remanence is None else f"{loop.remanence:.2f}"
    return [
        file,
        field(loop.coercivity),
        remanence,
        field(loop.saturation_at_knee),
        field(loop.saturation_at_95),
        f"{loop.step_size:.3g}",
    ]


def _draw(path: Path, loop: Loop, title: str) -> None:
    from napari_magtex.estimate.loop_chart import loop_figure

    beside = path.with_name(f".{path.name}.part")
    beside.parent.mkdir(parents=True, exist_ok=True)
    loop_figure(loop, title).savefig(beside, format="png")
    beside.replace(path)


def _write(path: Path, write: Callable[[Path], None]) -> None:
    with one_input(path):
        try:
            write(path)
        except OSError as error:
            raise MagtexError(f"cannot be written ({error.strerror})") from error
    wrote(path)
