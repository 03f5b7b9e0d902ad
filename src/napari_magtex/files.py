"""Files: what every reader checks before it looks inside one, and how every writer leaves none by halves."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_magtex.errors import MagtexError, UnreadableFile


def checked_file(path: str | Path) -> Path:
    """Return the path of a file that is there and holds something.

    Raises
    ------
    UnreadableFile
        It is missing, a folder, empty, or may not be read.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise UnreadableFile("this is a folder: give the files in it")
        if not path.exists():
            raise UnreadableFile("there is no such file: look for a slip in the name or the folder")
        if path.stat().st_size == 0:
            raise UnreadableFile("the file is empty (0 bytes): it was never written, or copied before it was")
        with path.open("rb"):
            pass
    except OSError as error:
        raise UnreadableFile(f"the file cannot be opened: {error.strerror or error}") from error
    return path


def may_be_written(path: Path) -> None:
    """Try whether a file may be written to, before long work is done for it; its folder is made.

    Raises
    ------
    MagtexError
        It may not.
    """
    with told_if_unwritable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass


@contextmanager
def told_if_unwritable(path: Path) -> Iterator[None]:
    """Say what a person can do where a file cannot be written.

    Raises
    ------
    MagtexError
        It could not.
    """
    try:
        yield
    except OSError as error:
        raise MagtexError(f"{path} cannot be written: {error.strerror or error}. Choose another folder") from error


def with_ending(path: str | Path, ending: str, *others: str) -> Path:
    """Return a path with an ending after its name, without a dot, unless it has that or one of the others already."""
    path = Path(path)
    known = path.suffix.lower().removeprefix(".") in (ending, *others)  # what film_0.2T ends with is none
    return path if known else path.with_name(f"{path.name}.{ending}")


def write_text(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old one or the whole new one."""
    with replacing(path) as beside:
        # a file name that is no UTF-8 stays the bytes it was; pandas has ended its lines already
        beside.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a place beside a file to write to, and rename it to the file when all is written.

    Where writing fails nothing stays behind. Of a link the file that it leads to is replaced; what is no file, as a
    pipe or /dev/stdout, is written to itself.
    """
    path = Path(path)
    if path.is_relative_to("/dev") or (path.exists() and not path.is_file()):
        yield path
        return
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    try:
        yield beside
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
