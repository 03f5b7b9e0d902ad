"""What is kept of a frame once its skyrmions are measured: its rows and its record, no pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from napari_magtex.results import Provenance
from napari_magtex.segment.measure import Measurements


@dataclass(frozen=True, eq=False)
class Counted:
    """What is kept of a frame, or of a region of it: thousands of them fit the memory.

    ``rows`` and ``radial`` are those of `Measurements`, ``summary`` its record.
    """

    provenance: Provenance
    rows: pd.DataFrame
    radial: pd.DataFrame
    summary: dict[str, Any]

    def record(self) -> dict[str, Any]:
        """Return the JSON object of the frame."""
        return self.summary


def counted_in(found: Measurements, before: int = 0) -> Counted:
    """Keep what is measured; the labels are counted on from ``before``: of regions together no two have one number."""
    rows = found.rows().assign(label=lambda rows: rows.label + before)
    return Counted(found.provenance, rows, found.radial_rows(), found.record())
