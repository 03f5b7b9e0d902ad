"""Corrections: pictures whose state a person named, kept in a folder that any program can read and anybody can share.

The folder holds ``corrections.csv`` with a row for each, and beside it the pixels that were analysed, as a TIFF of
float32 (nothing of what the network saw is lost) named by their hash.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from napari_magtex.compute import user_folder
from napari_magtex.errors import MagtexError, UnreadableFile, Unsuitable
from napari_magtex.io.files import checked_file
from napari_magtex.io.tiff import read_tiff, write_tiff
from napari_magtex.picture import Contrast, Picture
from napari_magtex.results import Verdict, write_text
from napari_magtex.states.definitions import State, hidden_states

TABLE = "corrections.csv"
NONE = "none"  # in the column state: it shows none of the nine states, nor any magnetic texture
COLUMNS = (
    "picture", "state", "file", "frame", "roi", "contrast", "said", "probability", "applicability", "model", "date"
)  # fmt: skip
_PICTURE = re.compile(r"([0-9a-f]{64})\.tif")


def corrections_folder() -> Path:
    """Return where corrections are kept unless the person chose another folder."""
    return user_folder() / "corrections"


@dataclass(frozen=True)
class Correction:
    """What a person says that a picture shows, and what a network had said.

    ``state`` is None for none of the nine. ``file``, ``frame`` and ``roi`` (x0, y0, x1, y1) tell where the picture came
    from; ``said``, ``probability`` and ``applicability`` are the verdict of ``model``; ``date`` is ISO 8601, UTC.
    """

    sha256: str
    state: State | None
    file: str
    frame: int
    roi: tuple[int, int, int, int] | None
    contrast: Contrast
    said: State
    probability: float
    applicability: float
    model: str
    date: str

    @classmethod
    def of(cls, verdict: Verdict, state: State | None) -> Correction:
        """Correct, or confirm, a verdict.

        Raises
        ------
        Unsuitable
            The contrast of the picture cannot show that state.
        """
        origin = verdict.provenance
        if state is not None and state in hidden_states(origin.contrast):
            raise Unsuitable(
                f"{state.caption} cannot be seen in {origin.contrast} pictures: if this is a picture of spins, "
                "choose that contrast and classify it again"
            )
        return cls(
            sha256=origin.sha256,
            state=state,
            file=origin.file,
            frame=origin.frame,
            roi=origin.roi,
            contrast=origin.contrast,
            said=State(verdict.state),
            probability=round(verdict.probability, 4),
            applicability=round(verdict.applicability, 4),
            model=origin.model,
            date=datetime.now(UTC).isoformat(timespec="seconds"),
        )


@dataclass(frozen=True)
class Corrections:
    """A folder of corrections; it need not be there yet, and several programs may look at it."""

    folder: Path

    def read(self) -> list[Correction]:
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
            lines = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")), strict=True)
            if missing := set(COLUMNS) - set(lines.fieldnames or ()):
                raise UnreadableFile(f"{path} lacks the columns {', '.join(sorted(missing))}: put its first line back")
            found = [_from_row(row, f"{path}, line {lines.line_num}") for row in lines]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise UnreadableFile(f"{path} cannot be read ({error}): mend it, or choose another folder") from error
        pictures = [correction.sha256 for correction in found]
        if twice := next((p for p in pictures if pictures.count(p) > 1), None):
            raise UnreadableFile(f"{path} has two rows for the picture {twice[:8]}…: delete the one that is wrong")
        return found

    def keep(self, picture: Picture, verdict: Verdict, state: State | None) -> Correction:
        """Keep what a picture shows; what was said of the same picture before gives way.

        Raises
        ------
        Unsuitable
            The contrast hides that state, or the verdict is of other pixels.
        UnreadableFile, MagtexError
            The table is damaged, or cannot be written there.
        """
        correction = Correction.of(verdict, state)
        if picture.sha256 != correction.sha256:
            raise Unsuitable("the picture has changed since it was classified: classify it again, then correct it")
        others = [other for other in self.read() if other.sha256 != correction.sha256]
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self._path(correction)
            beside = path.with_name(f".{path.name}.part")
            write_tiff(beside, replace(picture, contrast=correction.contrast, meta={}), description="")
            beside.replace(path)
            self._write([*others, correction])
        return correction

    def remove(self, corrections: Iterable[Correction]) -> None:
        """Take corrections out, with their pictures."""
        gone = {correction.sha256 for correction in corrections}
        found = self.read()
        with self._writing():
            self._write([other for other in found if other.sha256 not in gone])
            for correction in found:
                if correction.sha256 in gone:
                    self._path(correction).unlink(missing_ok=True)

    def picture(self, correction: Correction) -> Picture:
        """Read the pixels of a correction.

        Raises
        ------
        UnreadableFile
            They are missing, damaged, or not those that were corrected.
        """
        path = self._path(correction)
        try:
            frames = read_tiff(checked_file(path))
            picture = Picture(
                frames.pixels[0],
                correction.contrast,
                frames.pixel_size,
                name=correction.file,
                frame=correction.frame,
            )
            if picture.sha256 != correction.sha256:
                raise UnreadableFile("its pixels are not those that were corrected")
        except MagtexError as error:
            where = f"the picture of {Path(correction.file).name}, frame {correction.frame} ({path})"
            raise UnreadableFile(f"{where}: {error}. Put it back, or remove its correction") from error
        return picture

    def _path(self, correction: Correction) -> Path:
        return self.folder / f"{correction.sha256}.tif"

    def _write(self, corrections: Iterable[Correction]) -> None:
        text = io.StringIO()
        table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(map(_row, corrections))
        write_text(self.folder / TABLE, text.getvalue())

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise MagtexError(
                f"{self.folder} cannot be written: {error.strerror or error}. Choose another folder"
            ) from error


def _row(correction: Correction) -> dict[str, object]:
    return {
        "picture": f"{correction.sha256}.tif",
        "state": correction.state or NONE,
        "file": correction.file,
        "frame": correction.frame,
        "roi": ";".join(map(str, correction.roi or ())),
        "contrast": str(correction.contrast),
        "said": str(correction.said),
        "probability": correction.probability,
        "applicability": correction.applicability,
        "model": correction.model,
        "date": correction.date,
    }


def _from_row(row: Mapping[str, str], where: str) -> Correction:
    """Read a row back; a name that leads out of the folder is as wrong as a state that there is not."""
    try:
        if None in row or None in row.values():
            raise ValueError("it has too many cells, or too few")
        if (named := _PICTURE.fullmatch(row["picture"])) is None:
            raise ValueError(f"{row['picture']!r} is no name of a picture")
        roi = [int(number) for number in row["roi"].split(";")] if row["roi"] else None
        if roi is not None and len(roi) != 4:
            raise ValueError(f"{row['roi']!r} are not the four numbers of a region")
        return Correction(
            sha256=named[1],
            state=None if row["state"] == NONE else State(row["state"]),
            file=row["file"],
            frame=int(row["frame"]),
            roi=(roi[0], roi[1], roi[2], roi[3]) if roi else None,
            contrast=Contrast(row["contrast"]),
            said=State(row["said"]),
            probability=float(row["probability"]),
            applicability=float(row["applicability"]),
            model=row["model"],
            date=row["date"],
        )
    except ValueError as error:
        raise UnreadableFile(f"{where} is damaged: {error}. Mend the line, or delete it") from error
