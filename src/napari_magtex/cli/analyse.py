"""`magtex classify` and `magtex estimate`: answers for files, as the docks give them for layers."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_magtex.cli import tables
from napari_magtex.cli.console import Report, answer_each, finish, show
from napari_magtex.cli.options import (
    ContrastOption,
    CsvOut,
    DeviceOption,
    JsonOut,
    Numbers,
    Paths,
    Rois,
    Scheduler,
    Seen,
    positive,
    tesla,
    usable,
)
from napari_magtex.compute import Device, drain
from napari_magtex.errors import Unsuitable
from napari_magtex.picture import Contrast, Picture, Region

if TYPE_CHECKING:
    from napari_magtex.results import Estimate, Verdict


def classify(
    paths: Paths,
    contrast: ContrastOption = Seen.AUTO,
    roi: Rois = None,
    device: DeviceOption = Device.AUTO,
    json: JsonOut = None,
    csv: CsvOut = None,
    attention: Annotated[
        Path | None,
        typer.Option(file_okay=False, metavar="DIR", help="Write where the network looked, one PNG a picture."),
    ] = None,
    scheduler: Scheduler = None,
) -> None:
    """Name the magnetic state of pictures, frames and textures."""
    usable(device)
    from napari_magtex.classify.predict import Classifier
    from napari_magtex.classify.predict import classify as verdicts_of
    from napari_magtex.cli.maps import Folder
    from napari_magtex.inputs import open_inputs

    load = cache(lambda: Classifier.load(device=device))
    folder = Folder(attention) if attention else None

    def answer(path: str, report: Report) -> list[Verdict]:
        inputs = open_inputs(path, contrast=contrast.contrast)
        pictures = [picture for found in inputs for picture in cut(found.picture, roi)]
        verdicts = drain(verdicts_of(pictures, load()), report)
        if folder:
            folder.write_attention(pictures, verdicts, load())
        return verdicts

    verdicts, failed = answer_each(paths, answer)
    show(tables.VERDICTS, [tables.verdict_row(verdict) for verdict in verdicts])
    finish(verdicts, failed, json, csv)


def estimate(
    paths: Paths,
    roi: Rois = None,
    estimator: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="Default: fege-spin or fege-lorentz, as the contrast is.")
    ] = None,
    pixel_size: Annotated[
        float | None, typer.Option(parser=positive, metavar="NM", help="Where the file does not tell it.")
    ] = None,
    contrast: ContrastOption = Seen.AUTO,
    field: Annotated[
        Numbers | None,
        typer.Option(parser=tesla, metavar="X,Y,Z", help="Field on a vector file in tesla. Default: the estimator's."),
    ] = None,
    device: DeviceOption = Device.AUTO,
    json: JsonOut = None,
    csv: CsvOut = None,
    maps: Annotated[
        Path | None, typer.Option(file_okay=False, metavar="DIR", help="Write maps of A, D and Ms, one TIFF each.")
    ] = None,
) -> None:
    """Estimate A, D and Ms of pictures, frames and textures; of a texture by its torque balance too."""
    usable(device)
    if estimator is not None:
        known_estimator(estimator)
    from napari_magtex.classify.predict import Classifier
    from napari_magtex.classify.predict import classify as verdicts_of
    from napari_magtex.cli.maps import Folder
    from napari_magtex.estimate.predict import Estimator
    from napari_magtex.estimate.predict import estimate as estimate_windows
    from napari_magtex.estimate.torque_balance import torque_balance
    from napari_magtex.inputs import open_inputs

    load = cache(lambda name: Estimator.load(name, device=device))
    look = cache(lambda: Classifier.load(device=device))
    folder = Folder(maps) if maps else None
    notes: list[str] = []

    def with_contrast(picture: Picture, report: Report) -> Picture:
        if picture.contrast is not None:
            return picture
        (verdict,) = drain(verdicts_of([picture], look()), report)
        return replace(picture, contrast=verdict.provenance.contrast)

    def answer(path: str, report: Report) -> list[Estimate]:
        rows: list[Estimate] = []
        size = None if pixel_size is None else pixel_size * 1e-9
        for found in open_inputs(path, contrast=contrast.contrast, pixel_size=size):
            picture = with_contrast(found.picture, report)
            used = load(estimator or default_estimator(picture.contrast))
            for part in cut(picture, roi):
                estimation = drain(estimate_windows(part, used), report)
                rows.append(estimation.estimate)
                if folder:
                    folder.write_maps(part, estimation.maps)
            if found.texture is not None:
                name, frame = picture.name, picture.frame
                try:
                    rows.append(torque_balance(found.texture, used.experiment, field, name=name, frame=frame))
                except Unsuitable as error:  # the network's answer stands all the same
                    notes.append(f"note on {path}: no torque balance: {error}")
        return rows

    estimates, failed = answer_each(paths, answer)
    for note in notes:
        typer.echo(note, err=True)
    show(tables.ESTIMATES, [tables.estimate_row(row) for row in estimates])
    finish(estimates, failed, json, csv)


def cut(picture: Picture, regions: list[Region] | None) -> list[Picture]:
    """Return the regions of a picture, or the whole of it."""
    return [picture.crop(region) for region in regions] if regions else [picture]


def default_estimator(contrast: Contrast | None) -> str:
    """Return the shipped estimator of a contrast."""
    from napari_magtex.models.store import shipped

    name = f"fege-{contrast}"
    if name not in shipped():
        raise Unsuitable(f"no estimator for {contrast} pictures is shipped: train one and name it with --estimator")
    return name


def known_estimator(name: str) -> None:
    """Refuse a name that is neither shipped nor a file: bad usage."""
    from napari_magtex.errors import ModelUnavailable
    from napari_magtex.models.store import locate

    try:
        locate(name)
    except ModelUnavailable as error:
        raise typer.BadParameter(str(error), param_hint="--estimator") from None
