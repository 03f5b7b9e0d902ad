"""`magtex segment`: skyrmions of files, as label images and one table."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_magtex.cli import tables
from napari_magtex.cli.console import STOPPED, Partly, Report, answer_each, of_frames, show, write_results, write_table
from napari_magtex.cli.motion import Followed, Stack
from napari_magtex.cli.options import DeviceOption, Paths, Rois, number, positive, usable
from napari_magtex.compute import Device, Progress
from napari_magtex.errors import MagtexError
from napari_magtex.segment.kinds import Method, Polarity

if TYPE_CHECKING:
    from napari_magtex.segment.counted import Counted


def segment(
    paths: Paths,
    out: Annotated[
        Path, typer.Option(file_okay=False, metavar="DIR", help="Where label images and tables are written.")
    ],
    roi: Rois = None,
    polarity: Annotated[Polarity, typer.Option(help="How skyrmions look beside the film.")] = Polarity.AUTO,
    method: Annotated[Method, typer.Option(help="Default: the network, where its weights are shipped.")] = Method.AUTO,
    weights: Annotated[
        Path | None, typer.Option(dir_okay=False, metavar="FILE", help="Weights of a network of your own.")
    ] = None,
    threshold: Annotated[float, typer.Option(help="From 0 to 1; lower finds more.")] = 0.5,
    min_area: Annotated[int, typer.Option(min=1, metavar="PX", help="Smaller ones are left out.")] = 6,
    pixel_size: Annotated[
        float | None, typer.Option(parser=positive, metavar="NM", help="Where the file does not tell it.")
    ] = None,
    device: DeviceOption = Device.AUTO,
    tracks: Annotated[bool, typer.Option("--tracks", help="Follow skyrmions through the frames of each PATH.")] = False,
    interval: Annotated[
        float | None, typer.Option(parser=positive, metavar="S", help="Of --tracks: seconds between frames.")
    ] = None,
    drive: Annotated[
        float | None,
        typer.Option(
            parser=number, metavar="DEG", help="Of --tracks: where the drive points, counter-clockwise from x."
        ),
    ] = None,
    search_radius: Annotated[
        float | None, typer.Option(parser=positive, metavar="PX", help="Of --tracks: the longest step.")
    ] = None,
    memory: Annotated[
        int | None, typer.Option(min=0, metavar="FRAMES", help="Of --tracks: how long one may be missed; default 1.")
    ] = None,
    exposure: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Of --tracks: share of the interval that the shutter is open; default 1."),
    ] = None,
    subtract_drift: Annotated[
        bool, typer.Option("--subtract-drift", help="Of --tracks: take the mean motion for the stage's.")
    ] = False,
) -> None:
    """Find, count and measure the skyrmions of frames and textures; of a texture their charges too.

    DIR gets <stem>_labels.tif for each PATH, skyrmions.csv with a row for each skyrmion, radial.csv with g(r), and
    skyrmions.json with an object for each frame. With --tracks also tracks.csv, msd.csv with mean squared
    displacements, and motion.csv and motion.json with diffusion constant, drift and Hall angle of each PATH.
    """
    usable(device)
    followed = Followed.asked(
        tracks,
        interval=interval,
        drive=drive,
        radius=search_radius,
        memory=memory,
        exposure=exposure,
        subtract_drift=subtract_drift,
    )
    from napari_magtex.errors import ModelUnavailable
    from napari_magtex.segment.predict import Settings, find_segmenter

    try:
        settings = Settings(polarity=polarity, threshold=threshold, min_area=min_area)
    except MagtexError as error:
        raise typer.BadParameter(str(error), param_hint="--threshold") from None
    try:
        segmenter = find_segmenter(method, weights, device)
    except ModelUnavailable as error:
        raise typer.BadParameter(str(error), param_hint="--weights" if weights else "--method") from None
    interrupted: list[Counted] = []
    taken: set[str] = set()

    def answer(path: str, report: Report) -> list[Counted] | Partly[Counted]:
        from napari_magtex.inputs import open_inputs
        from napari_magtex.segment.counted import count_frame
        from napari_magtex.segment.grey import polar
        from napari_magtex.segment.saving import label_image

        size = None if pixel_size is None else pixel_size * 1e-9
        inputs = open_inputs(path, pixel_size=size)
        counted: list[Counted] = []
        refused: dict[int, MagtexError] = {}
        stack = Stack()
        try:
            with label_image(labels_path(out, path, taken)) as write:
                for number in range(len(inputs)):
                    try:
                        found = inputs[number]
                        picture, texture = polar(found.picture, found.texture)
                        frame = count_frame(picture, texture, roi or [None], segmenter, settings)
                    except MagtexError as error:
                        refused[number] = error
                        write(None)
                        stack.skip()
                    else:
                        write(frame.labels)
                        counted.extend(frame.counted)
                        if followed:
                            stack.add(frame, picture.pixel_size)
                    report(Progress(number + 1, len(inputs), path))
                outcome = of_frames(counted, refused)
        except KeyboardInterrupt:  # the frames that are finished are kept
            interrupted.extend(counted)
            if followed:
                followed.add(path, stack, report)
            raise
        if followed:
            followed.add(path, stack, report)
        return outcome

    counted, code = answer_each(paths, answer)
    counted += interrupted
    if counted or code != STOPPED:
        from napari_magtex.segment.measure import COLUMNS, RADIAL_COLUMNS

        code = write_table([one.rows for one in counted], COLUMNS, out / "skyrmions.csv") or code
        code = write_table([one.radial for one in counted], RADIAL_COLUMNS, out / "radial.csv") or code
        if followed:
            code = followed.write(out, code)
        code = write_results(counted, code, out / "skyrmions.json", None)
    show(tables.SEGMENTATIONS, [tables.segmentation_row(one) for one in counted])
    raise typer.Exit(code)


def labels_path(folder: Path, path: str, taken: set[str]) -> Path:
    """Return <stem>_labels.tif, numbered where that name is taken."""
    stem = Path(path).stem
    names = (stem if number == 1 else f"{stem}_{number}" for number in itertools.count(1))
    name = next(name for name in names if name not in taken)
    taken.add(name)
    return folder / f"{name}_labels.tif"
