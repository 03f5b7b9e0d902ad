"""Pictures that a person corrected, kept in a folder that any program can read and anybody can share.

The folder holds ``corrections.csv`` with a row for each, and beside it the pixels that were analysed, as a TIFF of
float32 (nothing of what the network saw is lost) named by their hash, and their mask where they have one. What is said
of them, each room decides.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from napari_magtex.errors import MagtexError, UnreadableFile
from napari_magtex.files import checked_file, replacing, told_if_unwritable, write_text
from napari_magtex.io.tiff import read_tiff, write_labels, write_tiff
from napari_magtex.picture import Contrast, Picture

TABLE = "corrections.csv"
_PICTURE = re.compile(r"([0-9a-f]{64})\.tif")


@dataclass(frozen=True)
class Corrected:
    """What is known of every picture kept.

    ``file``, ``frame`` and ``roi`` (x0, y0, x1, y1) tell where it came from, ``model`` what a person corrected the
    answer of; ``date`` is ISO 8601, UTC.
    """

    sha256: str
    file: str
    frame: int
    roi: tuple[int, int, int, int] | None
    contrast: Contrast
    model: str
    date: str


Kept = TypeVar("Kept", bound=Corrected)


@dataclass(frozen=True)
class CorrectedPictures(Generic[Kept]):
    """A folder of corrections; it need not be there yet, and several programs may look at it.

    Rooms name the columns of the table and say, in `_told` and `_heard`, what stands in those of their own.
    """

    folder: Path

    COLUMNS: ClassVar[tuple[str, ...]] = ()

    def read(self) -> list[Kept]:
        """Return all corrections, the oldest first.

        Raises
        ------
        UnreadableFile
            The table is damaged, in this line; nothing is changed or left out.
        """
        path = self.folder / TABLE
        if not path.exists():
            return []
        try:
            lines = csv.DictReader(io.StringIO(path.read_text("utf-8-sig", "surrogateescape")), strict=True)
            if missing := set(self.COLUMNS) - set(lines.fieldnames or ()):
                raise UnreadableFile(f"{path} lacks the columns {', '.join(sorted(missing))}: put its first line back")
            found = [self._from_row(row, f"{path}, line {lines.line_num}") for row in lines]
        except (OSError, csv.Error) as error:
            raise UnreadableFile(f"{path} cannot be read ({error}): mend it, or choose another folder") from error
        rows = Counter(correction.sha256 for correction in found)
        if twice := next((picture for picture, count in rows.items() if count > 1), None):
            raise UnreadableFile(f"{path} has two rows for the picture {twice[:8]}…: delete the one that is wrong")
        return found

    def remove(self, corrections: Iterable[Kept]) -> None:
        """Take corrections out, with their pictures."""
        gone = {correction.sha256 for correction in corrections}
        found = self.read()
        with told_if_unwritable(self.folder):
            self._write([other for other in found if other.sha256 not in gone])
            for correction in found:
                if correction.sha256 in gone:
                    for path in self._files(correction):
                        path.unlink(missing_ok=True)

    def picture(self, correction: Kept) -> Picture:
        """Read the pixels of a correction.

        Raises
        ------
        UnreadableFile
            They are missing, damaged, or not those that were corrected.
        """
        path = self._path(correction)
        with self._reading(correction, "picture", path):
            frames = read_tiff(checked_file(path))
            masked = self._mask_path(correction)  # older folders have none
            picture = Picture(
                frames.pixels[0],
                correction.contrast,
                frames.pixel_size,
                name=correction.file,
                frame=correction.frame,
                mask=read_tiff(masked).pixels[0] if masked.exists() else None,
            )
            if picture.sha256 != correction.sha256:
                raise UnreadableFile("its pixels are not those that were corrected")
        return picture

    # ---- what rooms fill in

    def _told(self, correction: Kept) -> dict[str, object]:
        """Return what stands in the room's own columns."""
        raise NotImplementedError

    def _heard(self, row: Mapping[str, str], common: dict[str, Any]) -> Kept:
        """Read the room's own columns; a ValueError says what is wrong with them."""
        raise NotImplementedError

    def _files(self, correction: Kept) -> list[Path]:
        """Return all that is kept of a correction beside its row."""
        return [self._path(correction), self._mask_path(correction)]

    # ---- what rooms use

    def _keep(self, picture: Picture, correction: Kept) -> None:
        """Keep the pixels and the row; what was said of the same picture before gives way."""
        others = [other for other in self.read() if other.sha256 != correction.sha256]
        with told_if_unwritable(self.folder):
            with replacing(self._path(correction)) as beside:
                write_tiff(beside, replace(picture, contrast=correction.contrast, meta={}), description="")
            if picture.mask is not None:
                with replacing(self._mask_path(correction)) as beside:
                    write_labels(beside, picture.mask.astype(np.int32), picture.pixel_size)
            self._write([*others, correction])

    def _path(self, correction: Kept) -> Path:
        return self.folder / f"{correction.sha256}.tif"

    def _mask_path(self, correction: Kept) -> Path:
        return self.folder / f"{correction.sha256}_mask.tif"

    def _write(self, corrections: Iterable[Kept]) -> None:
        text = io.StringIO()
        table = csv.DictWriter(text, self.COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(_common(correction) | self._told(correction) for correction in corrections)
        write_text(self.folder / TABLE, text.getvalue())

    @contextmanager
    def _reading(self, correction: Kept, what: str, path: Path) -> Iterator[None]:
        """Name the file in what goes wrong, and the way out."""
        try:
            yield
        except MagtexError as error:
            where = f"the {what} of {Path(correction.file).name}, frame {correction.frame} ({path})"
            raise UnreadableFile(f"{where}: {error}. Put it back, or remove its correction") from error

    def _from_row(self, row: Mapping[str, str], where: str) -> Kept:
        """Read a row back; a name that leads out of the folder is as wrong as a state that there is not."""
        try:
            if None in row or None in row.values():
                raise ValueError("it has too many cells, or too few")
            if (named := _PICTURE.fullmatch(row["picture"])) is None:
                raise ValueError(f"{row['picture']!r} is no name of a picture")
            roi = [int(number) for number in row["roi"].split(";")] if row["roi"] else None
            if roi is not None and len(roi) != 4:
                raise ValueError(f"{row['roi']!r} are not the four numbers of a region")
            common = {
                "sha256": named[1],
                "file": row["file"],
                "frame": int(row["frame"]),
                "roi": (roi[0], roi[1], roi[2], roi[3]) if roi else None,
                "contrast": Contrast(row["contrast"]),
                "model": row["model"],
                "date": row["date"],
            }
            return self._heard(row, common)
        except ValueError as error:
            raise UnreadableFile(f"{where} is damaged: {error}. Mend the line, or delete it") from error


def folds(corrections: Sequence[Corrected], count: int, fewest_files: int) -> tuple[list[int], bool]:
    """Return the fold of each correction, at most ``count``, and whether all of a file share one.

    They do from ``fewest_files`` files on: frames of one file are much alike. Those of a frame share one wherever there
    are several frames: regions of it may show the same pixels.
    """
    files = dict.fromkeys(correction.file for correction in corrections)
    whole_files = len(files) >= fewest_files
    units: list[object] = [c.file if whole_files else (c.file, c.frame) for c in corrections]
    if len(set(units)) == 1:
        units = [c.sha256 for c in corrections]
    fold = {unit: number % count for number, unit in enumerate(dict.fromkeys(units))}
    return [fold[unit] for unit in units], whole_files


def _common(correction: Corrected) -> dict[str, object]:
    return {
        "picture": f"{correction.sha256}.tif",
        "file": correction.file,
        "frame": correction.frame,
        "roi": ";".join(map(str, correction.roi or ())),
        "contrast": str(correction.contrast),
        "model": correction.model,
        "date": correction.date,
    }
