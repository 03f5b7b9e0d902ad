"""What changes from frame to frame of a stack, a field or a temperature: from its file, or from a CSV beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import pandas as pd

from napari_magtex.errors import UnreadableFile, Unsuitable

KNOWN = ("field_mT", "field_T", "temperature_K")
FRAME = "frame"


@dataclass(frozen=True)
class Series:
    """A number for each frame of a stack; the name ends with the unit, as in ``field_mT``."""

    name: str
    values: tuple[float, ...]


def series_in(meta: Mapping[str, Any], frames: int) -> list[Series]:
    """Return the fields and temperatures that acquisition data hold for each of so many frames."""
    found = []
    for name in KNOWN:
        values = meta.get(name)
        if isinstance(values, (list, tuple)) and len(values) == frames and all(isinstance(v, Real) for v in values):
            found.append(Series(name, tuple(float(v) for v in values)))
    return found


def read_series(path: Path, frames: int) -> Series:
    """Read a CSV with a row for each frame.

    Its first column is the number of the frame, counted from 0, or the name of its file, and then the rows stand in the
    order of the frames. Another column holds the numbers: ``field_mT``, ``field_T`` or ``temperature_K``, or, where
    there is none of these, the only one with numbers.

    Raises
    ------
    UnreadableFile
        The file is no such table.
    Unsuitable
        Its rows are not those of the stack's frames.
    """
    try:
        table = pd.read_csv(path, sep=r"\s*[,;\t]\s*", engine="python", comment="#", skipinitialspace=True)
    except (OSError, ValueError) as error:  # pandas' own errors are ValueErrors
        raise UnreadableFile(f"{path.name} is no CSV: {error}") from error
    table.columns = [str(column).strip() for column in table.columns]
    name = _value_column(table, path)
    values = pd.to_numeric(table[name], errors="coerce")
    if values.isna().any():
        raise UnreadableFile(f"{path.name}, row {int(values.isna().argmax()) + 1}: no number in the column {name}")
    if len(table) != frames:
        raise Unsuitable(f"{path.name} has {len(table)} rows, the stack {frames} frames: give one row for each frame")
    key = next((column for column in table if column == FRAME or column == table.columns[0] != name), None)
    numbers = pd.to_numeric(table[key], errors="coerce") if key is not None else pd.Series(range(frames))
    if numbers.isna().all():  # names of files
        numbers = pd.Series(range(frames))
    if sorted(numbers) != list(range(frames)):
        raise Unsuitable(f"{path.name}: the column {key} must hold every frame once, from 0 to {frames - 1}")
    return Series(name, tuple(values.set_axis(numbers.astype(int)).sort_index()))


def _value_column(table: pd.DataFrame, path: Path) -> str:
    if known := [name for name in KNOWN if name in table]:
        return known[0]
    others = table.columns.drop(FRAME, errors="ignore")
    others = others[1:] if FRAME not in table and len(others) > 1 else others
    numeric = [str(column) for column in others if pd.to_numeric(table[column], errors="coerce").notna().any()]
    if len(numeric) != 1:
        raise UnreadableFile(
            f"{path.name} has the columns {', '.join(table.columns)}: name one of them {', '.join(KNOWN)}, "
            "or leave one with numbers beside the first"
        )
    return numeric[0]
