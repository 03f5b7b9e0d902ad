"""`magtex hysteresis`: an experiment to the loop of its film, with a band where an estimate gives the constants."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_magtex import __version__
from napari_magtex.cli.console import leave, one_input, progress_bar, show, written, wrote
from napari_magtex.cli.options import DeviceOption, Experiments, usable
from napari_magtex.compute import Device, drain

if TYPE_CHECKING:
    from napari_magtex.estimate.band import LoopBand
    from napari_magtex.physics.loops import Loop

COLUMNS = ("file", "Hc (T)", "Mr/Ms", "Hs, knee (T)", "Hs, 0.95 Ms (T)", "field step (T)")


def hysteresis(
    experiment: Experiments,
    out: Annotated[Path, typer.Option(dir_okay=False, metavar="FILE.csv", help="The points of the loop.")],
    plot: Annotated[Path | None, typer.Option(dir_okay=False, metavar="FILE.png", help="Draw the loop.")] = None,
    json_out: Annotated[
        Path | None, typer.Option("--json", dir_okay=False, metavar="FILE", help="Write figures and conditions.")
    ] = None,
    estimate: Annotated[
        Path | None,
        typer.Option(dir_okay=False, metavar="FILE", help="Constants and their intervals: magtex estimate --json."),
    ] = None,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Take the film of an experiment from saturation to saturation and back; its constants are all numbers.

    With --estimate they are those of an estimate, and the ends of its intervals give the loop a band.
    """
    for option, path, suffix in (("--out", out, ".csv"), ("--plot", plot, ".png")):
        if path is not None and path.suffix.lower() != suffix:
            raise typer.BadParameter(f"{path} is no {suffix}", param_hint=option)
    usable(device)
    from napari_magtex.estimate.band import band_table, loop_band
    from napari_magtex.estimate.experiment import Experiment
    from napari_magtex.estimate.figures import write_figure
    from napari_magtex.estimate.loop import film_loops, loop_table
    from napari_magtex.estimate.loop_chart import loop_figure
    from napari_magtex.estimate.material import read_estimate
    from napari_magtex.files import write_text

    band: LoopBand | None = None
    if estimate is not None:
        with one_input(estimate):
            material = read_estimate(estimate)
    with one_input(experiment):
        conditions = Experiment.from_toml(experiment)
        if estimate is not None:
            conditions = material.put_into(conditions)
        for note in conditions.notes():
            typer.echo(f"warning: {note}", err=True)
        with progress_bar() as report:
            if estimate is not None:
                band = drain(loop_band(conditions, material, device=device), report)
                loop = band.loop
            else:
                (loop,) = drain(film_loops(conditions, device=device), report)
    show(COLUMNS, [_row(experiment, loop, band)])
    typer.echo(f"{loop.conditions}")
    for note in (band or loop).notes():
        typer.echo(note)
    about = {"file": experiment, **(band or loop).record(), "experiment": conditions.to_dict(), "version": __version__}
    points = loop_table(loop) if band is None else band_table(band)
    _write(out, lambda path: write_text(path, points.to_csv(index=False, lineterminator="\n", float_format="%.9g")))
    if plot is not None:
        figure = loop_figure(loop, Path(experiment).stem, band)
        _write(plot, lambda path: write_figure(figure, path))
    if json_out is not None:
        _write(json_out, lambda path: write_text(path, json.dumps([about], indent=2, allow_nan=False) + "\n"))


def _row(file: str, loop: Loop, band: LoopBand | None) -> list[str]:
    """Return the cells of `COLUMNS`."""

    def field(name: str, value: float | None) -> str:
        if band is not None:
            return band.told(name)
        return "not determined" if value is None else loop.told(value)

    remanence = "not determined" if loop.remanence is None else f"{loop.remanence:.2f}"
    return [
        file,
        field("Hc_T", loop.coercivity),
        remanence,
        field("Hs_knee_T", loop.saturation_at_knee),
        field("Hs_95_T", loop.saturation_at_95),
        f"{loop.step_size:.3g}",
    ]


def _write(path: Path, write: Callable[[Path], None]) -> None:
    if not written(path, write):
        leave(1)
    wrote(path)
