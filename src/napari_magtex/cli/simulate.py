"""`magtex simulate` and `magtex lorentz simulate`: an experiment to a state, a state to its micrograph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_magtex.cli.console import one_input, wrote
from napari_magtex.cli.options import DeviceOption, Experiments, Numbers, Scheduler, degrees, number, positive, usable
from napari_magtex.compute import Device
from napari_magtex.errors import Unsuitable

lorentz = typer.Typer(help="Lorentz TEM: from a texture to its micrograph.", no_args_is_help=True)


def simulate(
    experiment: Experiments,
    out: Annotated[Path, typer.Option(dir_okay=False, metavar="FILE.ovf", help="The state to write.")],
    device: DeviceOption = Device.AUTO,
    scheduler: Scheduler = None,
) -> None:
    """Relax the one state of an experiment whose constants are all numbers."""
    if out.suffix.lower() not in (".ovf", ".omf"):
        raise typer.BadParameter(
            f"{out} is no .ovf: tables of many states come with a later version", param_hint="--out"
        )
    usable(device)
    from napari_magtex.estimate.experiment import Experiment
    from napari_magtex.estimate.simulate import simulate_state
    from napari_magtex.io.ovf import write_ovf

    with one_input(experiment):
        write_ovf(out, simulate_state(Experiment.from_toml(experiment), device=device))
    wrote(out)


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
    from napari_magtex.imaging.lorentz import Optics, lorentz_frame
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
