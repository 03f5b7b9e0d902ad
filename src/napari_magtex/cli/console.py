"""What the command line says: progress and failures on stderr, a short table on stdout, results in files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from napari_magtex.compute import Progress
from napari_magtex.errors import MagtexError

if TYPE_CHECKING:
    from napari_magtex.results import Result

Report = Callable[[Progress], None]
Row = TypeVar("Row")
PIPE_WIDTH = 160  # characters of a table that no terminal bounds


def fail(path: str | Path, error: Exception | str) -> None:
    """Tell on one line of stderr what was wrong with an input."""
    message = " ".join(str(error).split()).removeprefix(f"{path}: ")
    if isinstance(error, Exception) and not isinstance(error, MagtexError):
        message = f"unforeseen {type(error).__name__}, please report it: {message}"
    typer.echo(f"{path}: {message}", err=True)


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


def answer_each(paths: Sequence[str], answer: Callable[[str, Report], list[Row]]) -> tuple[list[Row], bool]:
    """Answer input by input; return the rows of those that went well, and whether one failed.

    An input fails as a whole: where one of its frames or regions cannot be answered it has no row.
    """
    rows: list[Row] = []
    failures: list[tuple[str, Exception]] = []
    with progress_bar() as report:
        for number, path in enumerate(paths):
            report(Progress(number, len(paths), path))
            try:
                rows += answer(path, report)
            except Exception as error:
                failures.append((path, error))
    for path, why in failures:
        fail(path, why)
    return rows, bool(failures)


def finish(results: Sequence[Result], failed: bool, json: Path | None, csv: Path | None) -> None:
    """Write the files asked for and leave with the exit code: 1 where an input or a file failed."""
    from napari_magtex.results import write_csv, write_json

    for path, write in ((json, write_json), (csv, write_csv)):
        if path is None:
            continue
        try:
            write(results, path)
        except OSError as error:
            fail(path, MagtexError(f"cannot be written ({error.strerror})"))
            failed = True
    if failed:
        raise typer.Exit(1)


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
