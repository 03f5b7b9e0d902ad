"""`magtex segment`: skyrmions of files, as label images and one table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_magtex.cli import tables
from napari_magtex.cli.console import STOPPED, Report, answer_each, fail, finish, show
from napari_magtex.cli.options import DeviceOption, Paths, Rois, positive, usable
from napari_magtex.compute import Device, Progress
from napari_magtex.errors import MagtexError
from napari_magtex.segment.kinds import Method, Polarity

if TYPE_CHECKING:
    import pandas as pd

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
) -> None:
    """Find, count and measure the skyrmions of frames and textures; of a texture their charges too.

    DIR gets <stem>_labels.tif for each PATH, skyrmions.csv with a row for each skyrmion, radial.csv with g(r), and
    skyrmions.json with an object for each frame.
    """
    usable(device)
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
    taken = Counter[str]()

    def answer(path: str, report: Report) -> list[Counted]:
        from napari_magtex.inputs import open_inputs
        from napari_magtex.segment.counted import count_frame
        from napari_magtex.segment.grey import polar
        from napari_magtex.segment.saving import label_image

        size = None if pixel_size is None else pixel_size * 1e-9
        inputs = open_inputs(path, pixel_size=size)
        counted: list[Counted] = []
        try:
            with label_image(labels_path(out, path, taken)) as write:
                for number, found in enumerate(inputs):
                    frame = count_frame(*polar(found.picture, found.texture), roi or [None], segmenter, settings)
                    write(frame.labels)
                    counted.extend(frame.counted)
                    report(Progress(number + 1, len(inputs), path))
        except KeyboardInterrupt:  # the frames that are finished are kept
            interrupted.extend(counted)
            raise
        return counted

    counted, code = answer_each(paths, answer)
    counted += interrupted
    show(tables.SEGMENTATIONS, [tables.segmentation_row(one) for one in counted])
    if counted or code != STOPPED:
        from napari_magtex.segment.measure import COLUMNS, RADIAL_COLUMNS

        code = write_table([one.rows for one in counted], COLUMNS, out / "skyrmions.csv") or code
        code = write_table([one.radial for one in counted], RADIAL_COLUMNS, out / "radial.csv") or code
        finish(counted, code, out / "skyrmions.json", None)
    raise typer.Exit(code)


def labels_path(folder: Path, path: str, taken: Counter[str]) -> Path:
    """Return <stem>_labels.tif, numbered where two inputs share a stem."""
    stem = Path(path).stem
    taken[stem] += 1
    again = f"_{taken[stem]}" if taken[stem] > 1 else ""
    return folder / f"{stem}{again}_labels.tif"


def write_table(parts: Sequence[pd.DataFrame], columns: Sequence[str], path: Path) -> int:
    """Write the rows of all frames as CSV; return the exit code, 1 where it cannot be written."""
    from napari_magtex.segment.saving import write_rows

    try:
        write_rows(parts, columns, path)
    except OSError as error:
        fail(path, MagtexError(f"cannot be written ({error.strerror})"))
        return 1
    return 0
