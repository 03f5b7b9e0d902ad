"""What every reader checks before it looks inside a file."""

from __future__ import annotations

from pathlib import Path

from napari_magtex.errors import UnreadableFile


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
