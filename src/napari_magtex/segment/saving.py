"""Label images and tables of skyrmions as files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_magtex.compute import Progress
from napari_magtex.files import replacing, told_if_unwritable

if TYPE_CHECKING:
    from tifffile import TiffWriter


@contextmanager
def label_image(path: Path) -> Iterator[Any]:
    """Give what writes a label image (ny, nx) after the other into a TIFF; after Ctrl-C they stay, after an error none.

    Of None it writes a page without labels, as large as the others.

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
                yield _Pages(file).write
        except KeyboardInterrupt:
            stopped = True
    if stopped:
        raise KeyboardInterrupt


class _Pages:
    """Pages of a TIFF; those without labels wait until one tells how large they are."""

    def __init__(self, file: TiffWriter) -> None:
        self._file, self._waiting = file, 0
        self._shape: tuple[int, ...] | None = None

    def write(self, labels: NDArray[Any] | None) -> None:
        """Write the next page."""
        if labels is None:
            self._waiting += 1
        else:
            self._shape = labels.shape
        if self._shape is None:
            return
        for _ in range(self._waiting):
            self._page(np.zeros(self._shape, np.int32))
        self._waiting = 0
        if labels is not None:
            self._page(labels)

    def _page(self, labels: NDArray[Any]) -> None:
        self._file.write(labels, contiguous=False, compression="zlib", metadata=None)


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
