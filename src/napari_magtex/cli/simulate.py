"""`magtex simulate` and `magtex lorentz simulate`: an experiment to a state, a state to its micrograph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_magtex.cli.console import one_input, progress_bar, wrote
from napari_magtex.cli.options import Cluster, DeviceOption, Experiments, Numbers, degrees, number, positive, usable
from napari_magtex.compute import Device, drain
from napari_magtex.errors import Unsuitable

if TYPE_CHECKING:
    from napari_magtex.estimate.experiment import Experiment

lorentz = typer.Typer(help="Lorentz TEM: from a texture to its micrograph.", no_args_is_help=True)


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
    from napari_magtex.io.ovf import write_ovf

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


@lorentz.command("simulate")
def simulate_frame(
    texture: Annotated[str, typer.Argument(metavar="TEXTURE.ovf", help="A texture with cell size and saturation.")],
    defocus: Annotated[float, typer.Option(parser=number, metavar="UM", help="Micrometres; positive is underfocus.")],
    out: Annotated[Path, typer.Option(dir_okay=False, metavar="F.tif", help="The frame to write.")],
    voltage: Annotated[float, typer.Option(parser=positive, metavar="KV", help="Accelerating voltage.")] = 200,
    cs: Annotated[float, typer.Option(parser=number, metavar="MM", help="Spherical aberration.")] = 0,
    tilt: Annotated[
        Numbers | None,
        typer.Option(parser=degrees, metavar="DEG,AXIS", help="Tilt, and where its axis points."),
    ] = None,
    dose: Annotated[
        float | None, typer.Option(parser=positive, metavar="E_PER_PX", help="Electrons a pixel. Default: no noise.")
    ] = None,
    edges: Annotated[bool, typer.Option("--open", help="The film ends at its edges. Default: it goes on.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise.")] = 0,
) -> None:
    """Simulate the defocused micrograph of a texture: float32, mean 1, with its pixel size."""
    if out.suffix.lower() not in (".tif", ".tiff"):
        raise typer.BadParameter(f"{out} is no .tif", param_hint="--out")
    from napari_magtex.imaging.lorentz import lorentz_frame
    from napari_magtex.imaging.optics import Optics
    from napari_magtex.inputs import open_inputs
    from napari_magtex.io.spin_png import write_spin_picture

    with one_input(texture):
        found = open_inputs(texture)
        if len(found) != 1 or found[0].texture is None:
            raise Unsuitable(f"one texture is needed, this file holds {len(found)} pictures or segments")
        optics = Optics(defocus=defocus * 1e-6, voltage=voltage * 1e3, cs=cs * 1e-3)
        angle, axis = tilt or (0.0, 0.0)
        frame = lorentz_frame(
            found[0].texture, optics, periodic=not edges, dose=dose, seed=seed, tilt_deg=angle, tilt_axis_deg=axis
        )
        write_spin_picture(out, frame)
    wrote(out)
