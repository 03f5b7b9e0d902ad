"""What changes from frame to frame of a stack, a field or a temperature: from its file, or from a CSV beside it."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
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


def read_series(path: Path, frames: int) -> list[Series]:
    """Read a CSV with a row for each frame.

    Its first column is the number of the frame, counted from 0, or the name of its file, and then the rows stand in the
    order of the frames. Other columns hold the numbers: those of the names `KNOWN`, or, where there is none of these,
    the only one with numbers. Tabs, semicolons or commas part the columns; but for commas, a decimal one may be meant.

    Returns
    -------
    A series for each column of numbers, one or more.

    Raises
    ------
    UnreadableFile
        The file is no such table.
    Unsuitable
        Its rows are not those of the stack's frames.
    """
    table = _table(path)
    names = _value_columns(table, path)
    columns = {name: pd.to_numeric(table[name], errors="coerce") for name in names}
    for name, values in columns.items():
        if not (finite := np.isfinite(values)).all():
            raise UnreadableFile(f"{path.name}, row {int(finite.argmin()) + 1}: no number in the column {name}")
    if len(table) != frames:
        raise Unsuitable(f"{path.name} has {len(table)} rows, the stack {frames} frames: give one row for each frame")
    key = next((column for column in (FRAME, table.columns[0]) if column in table and column not in names), None)
    numbers = pd.to_numeric(table[key], errors="coerce") if key is not None else pd.Series(range(frames))
    if numbers.isna().all():  # names of files
        numbers = pd.Series(range(frames))
    if sorted(numbers) != list(range(frames)):
        raise Unsuitable(f"{path.name}: the column {key} must hold every frame once, from 0 to {frames - 1}")
    order = np.argsort(numbers.to_numpy())
    return [Series(name, tuple(float(values[row]) for row in order)) for name, values in columns.items()]


def _table(path: Path) -> pd.DataFrame:
    """Read the columns of a table; nothing of a line is lost silently."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
        parted_by = next((mark for mark in "\t;," if mark in first), "\t")
        decimal = "." if parted_by == "," else ","  # what is no number with a comma is still one with a point
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                io.StringIO(text), sep=parted_by, decimal=decimal, comment="#", skipinitialspace=True, index_col=False
            )
    except (OSError, ValueError, pd.errors.ParserWarning) as error:  # pandas' own errors are ValueErrors
        raise UnreadableFile(f"{path.name} is no CSV: {error}") from error
    table.columns = [str(column).strip() for column in table.columns]
    return table


def _value_columns(table: pd.DataFrame, path: Path) -> list[str]:
    if known := [name for name in KNOWN if name in table]:
        return known
    others = table.columns.drop(FRAME, errors="ignore")
    others = others[1:] if FRAME not in table and len(others) > 1 else others
    numeric = [str(column) for column in others if pd.to_numeric(table[column], errors="coerce").notna().any()]
    if len(numeric) != 1:
        raise UnreadableFile(
            f"{path.name} has the columns {', '.join(table.columns)}: name one of them {', '.join(KNOWN)}, "
            "or leave one with numbers beside the first"
        )
    return numeric
