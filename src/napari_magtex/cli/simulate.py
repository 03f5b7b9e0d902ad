"""`magtex simulate`: an experiment to a state, or to a table of films."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_magtex.cli.console import one_input, progress_bar, wrote
from napari_magtex.cli.options import Cluster, DeviceOption, Experiments, usable
from napari_magtex.compute import Device, drain

if TYPE_CHECKING:
    from napari_magtex.estimate.experiment import Experiment


def simulate(
    experiment: Experiments,
    out: Annotated[Path, typer.Option(metavar="FILE.ovf|DIR.zarr", help="One state, or a table of films.")],
    device: DeviceOption = Device.AUTO,
    scheduler: Cluster = None,
) -> None:
    """Relax the films of an experiment: one whose constants are all numbers, or one for every set of constants."""
    kind = out.suffix.lower()
    if kind not in (".ovf", ".omf", ".zarr"):
        raise typer.BadParameter(f"{out} is neither .ovf, one state, nor .zarr, a table", param_hint="--out")
    if scheduler is None:
        usable(device)
    elif kind != ".zarr":
        raise typer.BadParameter(
            "one state is computed here: a scheduler is for .zarr tables", param_hint="--scheduler"
        )
    from napari_magtex.estimate.experiment import Experiment

    with one_input(experiment):
        conditions = Experiment.from_toml(experiment)
        for note in conditions.notes():
            typer.echo(f"warning: {note}", err=True)
        if kind == ".zarr":
            _simulate_table(conditions, out, device, scheduler)
        else:
            _simulate_state(conditions, out, device)


def _simulate_state(experiment: Experiment, out: Path, device: Device) -> None:
    from napari_magtex.estimate.simulate import simulate_state
    from napari_magtex.files import may_be_written
    from napari_magtex.io.ovf import write_ovf

    may_be_written(out)
    write_ovf(out, simulate_state(experiment, device=device))
    wrote(out)


def _simulate_table(experiment: Experiment, out: Path, device: Device, scheduler: str | None) -> None:
    from rich.filesize import decimal

    from napari_magtex.estimate.sets import Split, parameter_sets
    from napari_magtex.estimate.simulate import simulate_table, table_bytes
    from napari_magtex.estimate.workers import SchedulerUnavailable

    ny, nx = experiment.film.shape
    films = len(parameter_sets(experiment, Split.TRAIN))
    size = decimal(table_bytes(experiment, films))
    typer.echo(f"{films} films of {nx} x {ny} cells, up to {size} in {out}", err=True)
    try:
        with progress_bar() as report:
            table = drain(simulate_table(experiment, out, device=device, scheduler=scheduler), report)
    except SchedulerUnavailable as error:
        raise typer.BadParameter(str(error), param_hint="--scheduler") from None
    except KeyboardInterrupt:
        typer.echo(f"stopped: {out} keeps the films that are done, the same command goes on with the rest", err=True)
        raise typer.Exit(130) from None  # what a shell expects after Ctrl-C
    done, settled = (int(table.read(name).sum()) for name in ("done", "converged"))
    typer.echo(f"wrote {out}: {done} films, {settled} converged, {decimal(table.stored_bytes)}")
    if settled < done:
        typer.echo(f"warning: {done - settled} films did not settle: they have converged = false", err=True)
