"""Label images and tables of skyrmions as files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from napari_magtex.errors import MagtexError
from napari_magtex.files import replacing, write_text


@contextmanager
def label_image(path: Path) -> Iterator[Any]:
    """Give what writes a label image after the other into a TIFF; after Ctrl-C those written stay, after an error none.

    Raises
    ------
    MagtexError
        The file cannot be written.
    """
    from tifffile import TiffWriter

    try:
        with replacing(path) as beside:
            stopped = False
            try:
                with TiffWriter(beside) as file:
                    yield lambda labels: file.write(labels, contiguous=False, compression="zlib", metadata=None)
            except KeyboardInterrupt:
                stopped = True
    except OSError as error:
        raise MagtexError(f"{path} cannot be written ({error.strerror})") from error
    if stopped:
        raise KeyboardInterrupt


def write_rows(parts: Sequence[pd.DataFrame], columns: Sequence[str], path: Path) -> None:
    """Write the rows of all frames as CSV; where there is none, the names of the columns."""
    filled = [one.astype(object) for one in parts if len(one)]
    rows = pd.concat(filled) if filled else pd.DataFrame(columns=list(columns))
    write_text(path, rows.to_csv(index=False, lineterminator="\n"))
