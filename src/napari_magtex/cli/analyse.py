"""`magtex classify` and `magtex estimate`: answers for files, as the docks give them for layers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache, partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_magtex import __version__
from napari_magtex.cli import tables
from napari_magtex.cli.console import (
    Outcome,
    Partly,
    Report,
    answer_each,
    gather,
    leave,
    of_frames,
    show,
    write_results,
    written,
)
from napari_magtex.cli.options import (
    Cluster,
    ContrastOption,
    CsvOut,
    DeviceOption,
    JsonOut,
    Known,
    Numbers,
    Paths,
    Rois,
    Seen,
    positive,
    tesla,
    usable,
)
from napari_magtex.compute import Device, Progress, drain
from napari_magtex.errors import MagtexError, Unsuitable
from napari_magtex.picture import Contrast, Picture, Region

if TYPE_CHECKING:
    from napari_magtex.classify.predict import Classifier
    from napari_magtex.estimate.anchors import Anchors
    from napari_magtex.inputs import Input
    from napari_magtex.results import Estimate, Verdict

FILES_A_TASK = 16  # of a cluster: enough to fill a batch or two, few enough to share evenly


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
    scheduler: Cluster = None,
) -> None:
    """Name the magnetic state of pictures, frames and textures.

    The workers of a --scheduler read the files themselves: every PATH must lead to the same file on each of them.
    """
    if scheduler is None:
        usable(device)
    elif attention:
        raise typer.BadParameter(
            "attention is drawn on this machine: leave out one of the two", param_hint="--scheduler"
        )
    regions = roi or []

    def outcomes(report: Report) -> Iterator[Outcome[Verdict]]:
        if scheduler is not None:
            return classify_on_workers(scheduler, paths, contrast.contrast, regions, device, report)
        return classify_files(paths, contrast.contrast, regions, _classifier(device), report, attention)

    verdicts, code = gather(paths, outcomes)
    code = write_results(verdicts, code, json, csv)
    show(tables.VERDICTS, [tables.verdict_row(verdict) for verdict in verdicts])
    leave(code)


def classify_files(
    paths: Sequence[str],
    contrast: Contrast | None,
    regions: list[Region],
    classifier: Classifier,
    report: Report | None = None,
    attention: Path | None = None,
) -> Iterator[Outcome[Verdict]]:
    """Classify files together: their pictures share the network, and the next ones are read while it works.

    Yields
    ------
    The outcome of each file, in their order. However many files and frames there are, few pictures are held at a time.
    """
    from napari_magtex.classify.predict import classify_each
    from napari_magtex.cli.maps import Folder
    from napari_magtex.inputs import open_inputs

    folder = Folder(attention) if attention else None
    underway = deque[tuple[int, int, Picture | None]]()  # what `pictures` gave and `answers` has not taken yet
    total = len(paths)  # pictures: one for each file that is not open yet

    def pictures() -> Iterator[Picture | Exception]:
        nonlocal total
        for number, path in enumerate(paths):
            try:
                inputs = open_inputs(path, contrast=contrast)
            except Exception as error:
                underway.append((number, 0, None))
                yield error
                continue
            total += len(inputs) * max(1, len(regions)) - 1
            for frame in range(len(inputs)):
                try:
                    parts = cut(inputs[frame].picture, regions)
                except Exception as error:
                    total -= max(1, len(regions)) - 1  # of all its regions one answer
                    underway.append((number, frame, None))
                    yield error
                    continue
                for picture in parts:
                    underway.append((number, frame, picture))
                    yield picture

    def answers() -> Iterator[tuple[int, int, Verdict | Exception]]:
        for done, answer in enumerate(classify_each(pictures(), classifier), start=1):
            number, frame, picture = underway.popleft()
            if folder and picture and not isinstance(answer, Exception):
                try:
                    folder.write_attention([picture], [answer], classifier)
                except Exception as error:
                    answer = error
            if report is not None:
                report(Progress(done, total, paths[number]))
            yield number, frame, answer

    for number, group in groupby(answers(), key=itemgetter(0)):
        yield number, _of_file(group)


def _of_file(answers: Iterable[tuple[int, int, Verdict | Exception]]) -> list[Verdict] | Partly[Verdict] | Exception:
    """Return what came of a file: answers are its number, the frame's, and a verdict or why there is none."""
    verdicts: dict[int, list[Verdict]] = {}
    refused: dict[int, MagtexError] = {}
    for _, frame, answer in answers:
        if isinstance(answer, MagtexError):
            refused.setdefault(frame, answer)
        elif isinstance(answer, Exception):
            return answer
        else:
            verdicts.setdefault(frame, []).append(answer)
    kept = [verdict for frame, some in verdicts.items() if frame not in refused for verdict in some]
    try:
        return of_frames(kept, refused)
    except MagtexError as error:
        return error


def classify_on_workers(
    scheduler: str,
    paths: Sequence[str],
    contrast: Contrast | None,
    regions: list[Region],
    device: Device,
    report: Report,
) -> Iterator[Outcome[Verdict]]:
    """Classify files on the workers of a dask scheduler, a few a task; yield their outcomes as they come."""
    from napari_magtex.estimate.workers import SchedulerUnavailable, cluster

    places = [str(Path(path).absolute()) for path in paths]  # a worker has a folder of its own
    jobs = (
        (start, (__version__, places[start : start + FILES_A_TASK], contrast, regions, device))
        for start in range(0, len(paths), FILES_A_TASK)
    )
    done = 0
    try:
        with cluster(scheduler) as workers:
            report(Progress(0, len(paths), f"waiting for {scheduler}"))
            for start, outcomes in workers.run(_classify_on_worker, jobs):
                for number, outcome in outcomes:
                    path = paths[start + number]
                    if isinstance(outcome, Partly):
                        outcome = replace(outcome, rows=[_named(path, verdict) for verdict in outcome.rows])
                    elif not isinstance(outcome, Exception):
                        outcome = [_named(path, verdict) for verdict in outcome]
                    done += 1
                    report(Progress(done, len(paths), path))
                    yield start + number, outcome
    except SchedulerUnavailable as error:
        raise typer.BadParameter(str(error), param_hint="--scheduler") from None


def _classify_on_worker(
    version: str, paths: list[str], contrast: Contrast | None, regions: list[Region], device: Device
) -> list[Outcome[Verdict]]:
    if version != __version__:
        raise MagtexError(f"a worker has napari-magtex {__version__}, not {version}: install the same on both")
    return list(classify_files(paths, contrast, regions, _classifier(device)))


def _named(path: str, verdict: Verdict) -> Verdict:
    """Name the file as the user did."""
    return replace(verdict, provenance=replace(verdict.provenance, file=path))


@cache
def _classifier(device: Device) -> Classifier:
    """Load the shipped classifier, once a process."""
    from napari_magtex.classify.predict import Classifier

    return Classifier.load(device=device)


def estimate(
    paths: Paths,
    roi: Rois = None,
    estimator: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="Default: fege-spin, fege-wheel or fege-lorentz, as the contrast is."),
    ] = None,
    pixel_size: Annotated[
        float | None, typer.Option(parser=positive, metavar="NM", help="Where the file does not tell it.")
    ] = None,
    contrast: ContrastOption = Seen.AUTO,
    field: Annotated[
        Numbers | None,
        typer.Option(parser=tesla, metavar="X,Y,Z", help="Applied field in tesla. Default: the estimator's."),
    ] = None,
    known: Known = None,
    device: DeviceOption = Device.AUTO,
    json: JsonOut = None,
    csv: CsvOut = None,
    maps: Annotated[
        Path | None, typer.Option(file_okay=False, metavar="DIR", help="Write maps of A, D and Ms, one TIFF each.")
    ] = None,
    attention: Annotated[
        Path | None,
        typer.Option(file_okay=False, metavar="DIR", help="Write where the network looked, one TIFF a constant."),
    ] = None,
    anchors: Annotated[
        Path | None, typer.Option(dir_okay=False, metavar="FILE", help="Write what no network is needed for as CSV.")
    ] = None,
) -> None:
    """Estimate A, D and Ms of pictures, frames and textures; of a texture by its torque balance too.

    A second table holds what can be measured without a network: period, direction, walls, domains.
    """
    usable(device)
    if estimator is not None:
        known_estimator(estimator)
    from napari_magtex.classify.predict import classify as verdicts_of
    from napari_magtex.cli.maps import Folder
    from napari_magtex.estimate.anchors import anchors as anchors_of
    from napari_magtex.estimate.conditions import field_of
    from napari_magtex.estimate.estimator import default_estimator
    from napari_magtex.estimate.predict import Estimator
    from napari_magtex.estimate.predict import estimate as estimate_windows
    from napari_magtex.estimate.saliency import saliency
    from napari_magtex.estimate.torque_balance import torque_balance
    from napari_magtex.inputs import open_inputs

    load = cache(lambda name: Estimator.load(name, device=device))
    folder, looks = (Folder(path) if path else None for path in (maps, attention))
    notes: list[str] = []
    measured: list[Anchors] = []

    def with_contrast(picture: Picture, report: Report) -> Picture:
        if picture.contrast is not None:
            return picture
        (verdict,) = drain(verdicts_of([picture], _classifier(device)), report)
        return replace(picture, contrast=verdict.provenance.contrast)

    def of_frame(path: str, found: Input, report: Report) -> tuple[list[Estimate], list[Anchors]]:
        rows: list[Estimate] = []
        found_here: list[Anchors] = []
        picture = with_contrast(found.picture, report)
        if field is not None:
            picture = replace(picture, meta={**picture.meta, "field_T": field})
        used = load(estimator or default_estimator(picture.contrast)).in_field_of(picture.meta)
        for part in cut(picture, roi):
            estimation = drain(estimate_windows(part, used, known=dict(known or [])), report)
            rows.append(estimation.estimate)
            found_here.append(anchors_of(part, used.experiment))
            if folder:
                folder.write_maps(part, estimation.maps)
            if looks:
                looks.write_saliency(part, drain(saliency(part, used), report))
        if found.texture is not None:
            name, frame = picture.name, picture.frame
            try:
                there = field_of(picture.meta)
                rows.append(torque_balance(found.texture, used.experiment, there, name=name, frame=frame))
            except Unsuitable as error:  # the network's answer stands all the same
                notes.append(f"note on {path}: no torque balance: {error}")
        return rows, found_here

    def answer(path: str, report: Report) -> list[Estimate] | Partly[Estimate]:
        rows: list[Estimate] = []
        refused: dict[int, MagtexError] = {}
        size = None if pixel_size is None else pixel_size * 1e-9
        inputs = open_inputs(path, contrast=contrast.contrast, pixel_size=size)
        for number in range(len(inputs)):
            try:
                more, found_here = of_frame(path, inputs[number], report)
            except MagtexError as error:
                refused[number] = error
            else:
                rows += more
                measured.extend(found_here)
        return of_frames(rows, refused)

    estimates, code = answer_each(paths, answer)
    if anchors:
        code = write_anchors(measured, anchors) or code
    code = write_results(estimates, code, json, csv)
    for note in notes:
        typer.echo(note, err=True)
    show(tables.ESTIMATES, [tables.estimate_row(row) for row in estimates])
    show_anchors(measured)
    leave(code)


def show_anchors(measured: Sequence[Anchors]) -> None:
    """Print a row for each region, a column for each anchor that one of them has."""
    rows = [{caption: text for caption, text, _ in found.rows()} for found in measured]
    captions = list(dict.fromkeys(caption for row in rows for caption in row))
    if not captions:
        return
    typer.echo()
    cells = []
    for found, row in zip(measured, rows, strict=True):
        origin = found.provenance
        roi = ",".join(map(str, origin.roi or ()))
        cells.append([origin.file, str(origin.frame), roi, *(row.get(caption, "") for caption in captions)])
    show(("file", "frame", "roi", *captions), cells)


def write_anchors(measured: Sequence[Anchors], path: Path) -> int:
    """Write a row for each region as CSV; return the exit code, 1 where it cannot be written."""
    from napari_magtex.results import write_csv

    return int(not written(path, partial(write_csv, measured)))


def cut(picture: Picture, regions: Sequence[Region] | None) -> list[Picture]:
    """Return the regions of a picture, or the whole of it."""
    return [picture.crop(region) for region in regions] if regions else [picture]


def known_estimator(name: str) -> None:
    """Refuse a name that is neither shipped nor a file: bad usage."""
    from napari_magtex.errors import ModelUnavailable
    from napari_magtex.models.store import locate

    try:
        locate(name)
    except ModelUnavailable as error:
        raise typer.BadParameter(str(error), param_hint="--estimator") from None
