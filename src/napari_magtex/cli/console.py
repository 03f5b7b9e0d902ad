"""What the command line says: progress and failures on stderr, a short table on stdout, results in files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import typer

from napari_magtex.compute import Progress
from napari_magtex.errors import MagtexError, in_brief

if TYPE_CHECKING:
    import pandas as pd

    from napari_magtex.results import Result

Report = Callable[[Progress], None]
Row = TypeVar("Row")
PIPE_WIDTH = 160  # characters of a table that no terminal bounds
STOPPED = 130  # the exit code that a shell expects after Ctrl-C


@dataclass(frozen=True)
class Partly(Generic[Row]):
    """Of an input of several frames: the rows of those that could be used, and why others could not."""

    rows: list[Row]
    refused: str


Outcome = tuple[int, list[Row] | Partly[Row] | Exception]  # of one input: its number, and its rows or why it failed


def of_frames(rows: list[Row], refused: Mapping[int, MagtexError]) -> list[Row] | Partly[Row]:
    """Say what came of an input, of whose frames some may be ``refused``.

    Raises
    ------
    MagtexError
        The first refusal, where nothing was answered.
    """
    if not refused:
        return rows
    if not rows:
        raise next(iter(refused.values()))
    return Partly(rows, in_brief([f"frame {frame}: {error}" for frame, error in refused.items()]))


def complaint(path: str | Path, error: Exception) -> str:
    """Return the one line that tells what was wrong with an input."""
    message = " ".join(str(error).split()).removeprefix(f"{path}: ")
    if not isinstance(error, MagtexError):
        message = f"unforeseen {type(error).__name__}, please report it: {message}"
    return f"{path}: {message}"


def fail(path: str | Path, error: Exception) -> None:
    """Tell on stderr what was wrong with an input."""
    typer.echo(complaint(path, error), err=True)


@contextmanager
def one_input(path: str | Path) -> Iterator[None]:
    """Turn the failure of a command's only input into its line and exit code 1."""
    try:
        yield
    except MagtexError as error:
        fail(path, error)
        raise typer.Exit(1) from None


@contextmanager
def progress_bar() -> Iterator[Report]:
    """Show a bar on stderr while it is a terminal; it is gone when the work ends, however it ends."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def report(step: Progress) -> None:
            bar.update(task, completed=step.done, total=step.total, description=step.what)

        yield report


def answer_each(
    paths: Sequence[str], answer: Callable[[str, Report], list[Row] | Partly[Row]]
) -> tuple[list[Row], int]:
    """Answer input by input; return the rows of those that went well, and the exit code."""

    def outcomes(report: Report) -> Iterator[Outcome[Row]]:
        for number, path in enumerate(paths):
            report(Progress(number, len(paths), path))
            try:
                rows: list[Row] | Partly[Row] | Exception = answer(path, report)
            except Exception as error:
                rows = error
            yield number, rows

    return gather(paths, outcomes)


def gather(paths: Sequence[str], outcomes: Callable[[Report], Iterator[Outcome[Row]]]) -> tuple[list[Row], int]:
    """Take the outcomes of inputs as they come, in any order, and tell at the end which failed.

    Of a frame nothing is kept where one of its regions cannot be answered, but other frames of the input are.

    Returns
    -------
    The rows in the order of the inputs, and the exit code: 0, 1 where an input failed, 130 after Ctrl-C; what was
    answered until then is kept.
    """
    rows: dict[int, list[Row]] = {}
    complaints: dict[int, str] = {}  # text: an exception holds on to what was in memory where it was raised
    stopped = False
    with progress_bar() as report:
        try:
            for number, outcome in outcomes(report):
                match outcome:
                    case Exception():
                        complaints[number] = complaint(paths[number], outcome)
                    case Partly():
                        rows[number] = outcome.rows
                        complaints[number] = complaint(paths[number], MagtexError(outcome.refused))
                    case _:
                        rows[number] = outcome
        except MagtexError as error:  # of none of them, but of all that are left
            complaints |= {n: complaint(path, error) for n, path in enumerate(paths) if n not in rows | complaints}
        except KeyboardInterrupt:
            stopped = True
    for _, line in sorted(complaints.items()):
        typer.echo(line, err=True)
    if stopped:
        typer.echo(f"stopped: {len(rows)} of {len(paths)} inputs are answered", err=True)
    answered = [row for _, some in sorted(rows.items()) for row in some]
    return answered, STOPPED if stopped else int(bool(complaints))


def write_results(results: Sequence[Result], code: int, json: Path | None, csv: Path | None) -> int:
    """Write the files asked for; return the exit code, at least 1 where a file cannot be written."""
    from napari_magtex.results import write_csv, write_json

    for path, write in ((json, write_json), (csv, write_csv)):
        if path is not None and not written(path, partial(write, results)):
            code = code or 1
    return code


def written(path: Path, write: Callable[[Path], None]) -> bool:
    """Write a file; where it cannot be written, say so and return False."""
    try:
        write(path)
    except MagtexError as error:
        fail(path, error)
    except OSError as error:
        fail(path, MagtexError(f"cannot be written ({error.strerror})"))
    else:
        return True
    return False


def write_table(parts: Sequence[pd.DataFrame], columns: Sequence[str], path: Path) -> int:
    """Write the rows of all frames as CSV; return the exit code, 1 where it cannot be written."""
    from napari_magtex.compute import drain
    from napari_magtex.segment.saving import writing_rows

    try:
        drain(writing_rows(parts, columns, path))
    except MagtexError as error:
        typer.echo(str(error), err=True)
        return 1
    return 0


def leave(code: int) -> None:
    """Leave with an exit code, if there is one."""
    if code:
        raise typer.Exit(code)


def show(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a short table on stdout."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: a file name may hold what rich takes for markup
    bounded = sys.stdout.isatty() or "COLUMNS" in os.environ
    Console(width=None if bounded else PIPE_WIDTH).print(table)


def wrote(path: Path) -> None:
    """Say where a result lies."""
    typer.echo(f"wrote {path}")
