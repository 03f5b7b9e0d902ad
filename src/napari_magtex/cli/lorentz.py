"""`magtex lorentz`: a texture to its micrograph, and a through-focus series back to the induction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_magtex.cli.console import one_input, progress_bar, show, wrote
from napari_magtex.cli.options import (
    DeviceOption,
    Numbers,
    ReconstructBy,
    astigmatic,
    degrees,
    nonnegative,
    number,
    positive,
    several,
    usable,
)
from napari_magtex.compute import Device, drain
from napari_magtex.errors import MagtexError, UncalibratedPicture, Unsuitable

if TYPE_CHECKING:
    from napari_magtex.imaging.reconstruction import Reconstruction
    from napari_magtex.imaging.through_focus import ThroughFocus
    from napari_magtex.io.frames import Frames

app = typer.Typer(help="Lorentz TEM: from a texture to its micrograph, and back.", no_args_is_help=True)


@app.command("simulate")
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
    divergence: Annotated[
        float, typer.Option(parser=nonnegative, metavar="MRAD", help="Half-angle of the illumination.")
    ] = 0,
    astigmatism: Annotated[
        Numbers | None, typer.Option(parser=astigmatic, metavar="UM,AXIS", help="Twofold, and its axis in degrees.")
    ] = None,
    focal_spread: Annotated[
        float, typer.Option(parser=nonnegative, metavar="UM", help="Standard deviation of the focus.")
    ] = 0,
    blur: Annotated[
        float, typer.Option(parser=nonnegative, metavar="PX", help="Of the detector: a Gaussian's standard deviation.")
    ] = 0,
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
        twofold, twofold_axis = astigmatism or (0.0, 0.0)
        optics = Optics(
            defocus=defocus * 1e-6,
            voltage=voltage * 1e3,
            cs=cs * 1e-3,
            divergence=divergence * 1e-3,
            astigmatism=twofold * 1e-6,
            astigmatism_axis_deg=twofold_axis,
            focal_spread=focal_spread * 1e-6,
        )
        angle, axis = tilt or (0.0, 0.0)
        frame = lorentz_frame(
            found[0].texture,
            optics,
            periodic=not edges,
            dose=dose,
            seed=seed,
            tilt_deg=angle,
            tilt_axis_deg=axis,
            blur_px=blur,
        )
        write_spin_picture(out, frame)
    wrote(out)


@app.command("reconstruct")
def reconstruct(
    frames: Annotated[list[str], typer.Argument(metavar="FRAME...", help="Frames of one place, or stacks of them.")],
    out: Annotated[Path, typer.Option(file_okay=False, metavar="DIR", help="Folder for what is found.")],
    defocus: Annotated[
        Numbers | None,
        typer.Option(parser=several, metavar="UM,...", help="Of each frame; positive is underfocus."),
    ] = None,
    pixel_size: Annotated[
        float | None, typer.Option(parser=positive, metavar="NM", help="Default: what the frames say.")
    ] = None,
    voltage: Annotated[
        float | None, typer.Option(parser=positive, metavar="KV", help="Default: what the frames say.")
    ] = None,
    method: Annotated[ReconstructBy, typer.Option(help="Transport of intensity, or a fit to all frames.")] = (
        ReconstructBy.TIE
    ),
    cutoff: Annotated[
        float | None, typer.Option(parser=positive, metavar="NM", help="TIE damps longer waves. Default: 6 periods.")
    ] = None,
    aligned: Annotated[bool, typer.Option("--aligned", help="The frames lie over each other already.")] = False,
    shift_only: Annotated[
        bool, typer.Option("--shift-only", help="They are shifted, but neither turned nor magnified.")
    ] = False,
    periodic: Annotated[bool, typer.Option("--periodic", help="What they show goes on periodically.")] = False,
    thickness: Annotated[
        float | None, typer.Option(parser=positive, metavar="NM", help="Of the film, which makes B of B t.")
    ] = None,
    device: DeviceOption = Device.AUTO,
) -> None:
    """Find the phase and the in-plane induction of a through-focus series.

    DIR gets phase.tif (rad), induction_x.tif and induction_y.tif (B t in T nm; x right, y up) and colour.png.
    """
    usable(device)
    label = frames[0] if len(frames) == 1 else f"{frames[0]} and {len(frames) - 1} more"
    with one_input(label):
        series = _series(frames, defocus, pixel_size, voltage, periodic)
        with progress_bar() as report:
            from napari_magtex.imaging.reconstruction import reconstruct as reconstructing
            from napari_magtex.imaging.registration import align
            from napari_magtex.io.spin_png import write_spin_pictures

            if len(series) > 1 and not (aligned or periodic):
                series, _ = drain(align(series, turn_and_zoom=not shift_only), report)
            found = drain(reconstructing(series, method.value, cutoff=cutoff and cutoff * 1e-9, device=device), report)
        for note in found.notes:
            typer.echo(f"warning: {note}", err=True)
        for path in write_spin_pictures(out, found.pictures()):
            wrote(path)
        _summarise(found, thickness)


def _series(
    paths: Sequence[str],
    defocus: Numbers | None,
    pixel_size: float | None,
    voltage: float | None,
    periodic: bool,
) -> ThroughFocus:
    """Open the frames; what the options do not say, the files must."""
    from napari_magtex.imaging.through_focus import ThroughFocus
    from napari_magtex.inputs import open_recordings
    from napari_magtex.io.frames import each_frame

    recordings = []
    for path in paths:
        try:
            recordings += list(each_frame(open_recordings(path)))
        except MagtexError as error:
            raise type(error)(f"{path}: {error}") from error
    if any(recording.is_colour for recording, _ in recordings):
        raise Unsuitable("a frame is in colour: a microscope's frames are grey. Give them as they were recorded")
    told = [_defocus_of(recording, index) for recording, index in recordings]
    if defocus is None and None in told:
        raise typer.BadParameter("the frames do not tell it, so it must be given", param_hint="--defocus")
    defoci = list(defocus or [df for df in told if df is not None])
    if len(defoci) != len(recordings):
        raise typer.BadParameter(f"{len(defoci)} are given for {len(recordings)} frames", param_hint="--defocus")
    kilovolts = voltage or next((v for recording, _ in recordings if (v := recording.meta.get("voltage_kV"))), None)
    if kilovolts is None:
        raise Unsuitable("the frames do not tell the acceleration voltage: give it with --voltage KV")
    sizes = {recording.pixel_size for recording, _ in recordings}
    if pixel_size is not None:
        sizes = {(pixel_size * 1e-9, pixel_size * 1e-9)}
    size = sizes.pop()
    if sizes:
        raise Unsuitable("the frames differ in pixel size: bring them to one, or give it with --pixel-size NM")
    if size is None:
        raise UncalibratedPicture("the pixel size is unknown: give it with --pixel-size NM")
    pixels = [recording.pixels[index] for recording, index in recordings]
    return ThroughFocus(pixels, tuple(df * 1e-6 for df in defoci), size, float(kilovolts) * 1e3, periodic=periodic)


def _defocus_of(recording: Frames, index: int) -> float | None:
    """Return what a file says of a frame's defocus in micrometres, of all frames or of each its own."""
    told = recording.meta.get("defocus_um")
    if isinstance(told, list | tuple):
        told = told[index] if len(told) == len(recording) else None
    return float(told) if isinstance(told, int | float) else None


def _summarise(found: Reconstruction, thickness: float | None) -> None:
    import numpy as np

    from napari_magtex.imaging.reconstruction import BRIGHTEST, T_NM

    size = float(np.quantile(np.hypot(*found.induction), BRIGHTEST))
    rows = [
        ("phase, peak to peak", f"{np.ptp(found.phase):.3g} rad"),
        (f"|B t|, {BRIGHTEST:.0%}", f"{size / T_NM:.3g} T nm"),
    ]
    if thickness is not None:
        rows.append((f"|B|, {BRIGHTEST:.0%}", f"{size / (thickness * 1e-9):.3g} T"))
    if "noise" in found.settings:
        rows.append(("left of the frames", f"{found.settings['noise']:.2%} of the mean"))
    show(("quantity", "value"), rows)
