"""Label images and tables of skyrmions as files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from napari_magtex.compute import Progress
from napari_magtex.files import replacing, told_if_unwritable


@contextmanager
def label_image(path: Path) -> Iterator[Any]:
    """Give what writes a label image after the other into a TIFF; after Ctrl-C those written stay, after an error none.

    Raises
    ------
    MagtexError
        The file cannot be written.
    """
    from tifffile import TiffWriter

    with told_if_unwritable(path), replacing(path) as beside:
        stopped = False
        try:
            with TiffWriter(beside) as file:
                yield lambda labels: file.write(labels, contiguous=False, compression="zlib", metadata=None)
        except KeyboardInterrupt:
            stopped = True
    if stopped:
        raise KeyboardInterrupt


def writing_rows(parts: Sequence[pd.DataFrame], columns: Sequence[str], path: Path) -> Iterator[Progress | Path]:
    """Write the rows of one frame after the other as CSV, below the names of the columns.

    Yields
    ------
    Progress, and last the path.

    Raises
    ------
    MagtexError
        The file cannot be written.
    """
    # a file name that is no UTF-8 stays the bytes it was; pandas ends the lines
    how: dict[str, Any] = {"encoding": "utf-8", "errors": "surrogateescape", "newline": ""}
    with told_if_unwritable(path), replacing(path) as beside, beside.open("w", **how) as file:
        pd.DataFrame(columns=list(columns)).to_csv(file, index=False, lineterminator="\n")
        for done, part in enumerate(parts):
            yield Progress(done, len(parts), "writing frame")
            part.to_csv(file, columns=list(columns), header=False, index=False, lineterminator="\n")
    yield path
