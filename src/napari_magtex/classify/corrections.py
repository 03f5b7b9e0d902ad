"""Corrections: pictures whose state a person named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_magtex.compute import user_folder
from napari_magtex.errors import Unsuitable
from napari_magtex.io.corrections import Corrected, CorrectedPictures
from napari_magtex.picture import Picture
from napari_magtex.results import Verdict
from napari_magtex.states.definitions import State, hidden_states

NONE = "none"  # in the column state: it shows none of the nine states, nor any magnetic texture
COLUMNS = (
    "picture", "state", "file", "frame", "roi", "contrast", "said", "probability", "applicability", "model", "date"
)  # fmt: skip


def corrections_folder() -> Path:
    """Return where corrections are kept unless the person chose another folder."""
    return user_folder() / "corrections"


@dataclass(frozen=True)
class Correction(Corrected):
    """What a person says that a picture shows, and what a network had said.

    ``state`` is None for none of the nine; ``said``, ``probability`` and ``applicability`` are the verdict of
    ``model``.
    """

    state: State | None
    said: State
    probability: float
    applicability: float

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
class Corrections(CorrectedPictures[Correction]):
    """A folder of them."""

    COLUMNS = COLUMNS

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
        self._keep(picture, correction)
        return correction

    def _told(self, correction: Correction) -> dict[str, object]:
        return {
            "state": correction.state or NONE,
            "said": str(correction.said),
            "probability": correction.probability,
            "applicability": correction.applicability,
        }

    def _heard(self, row: Mapping[str, str], common: dict[str, Any]) -> Correction:
        return Correction(
            **common,
            state=None if row["state"] == NONE else State(row["state"]),
            said=State(row["said"]),
            probability=float(row["probability"]),
            applicability=float(row["applicability"]),
        )
