"""What the dock Teach skyrmions says: of the corrections that are kept, and of a network that has learned from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_magtex.segment.corrections import Correction
from napari_magtex.segment.kinds import Kind
from napari_magtex.widgets.kept import where

if TYPE_CHECKING:
    from napari_magtex.segment.finetune import Adaptation


def outcome(adaptation: Adaptation) -> str:
    """Say in rich text how a fine-tuned network does."""
    from napari_magtex.segment.held_back import BY_FILE, BY_HALF

    held, (once, now) = adaptation.held_back, adaptation.simulated
    count = "one correction" if len(held.before) == 1 else f"{len(held.before)} corrections"
    what = "one half of the frame, which was" if held.way == BY_HALF else f"{count},"
    lines = [
        f"<b>MCC {held.mcc[0]:.3f} before, {held.mcc[1]:.3f} after</b>; <b>F1 {held.f1[0]:.3f} before, "
        f"{held.f1[1]:.3f} after</b>, on {what} held back{'' if held.way == BY_HALF else ' ' + held.way}."
    ]
    if not held.better:
        lines.append("It has not become better: keep the old network, and more corrections.")
    if held.way == BY_HALF:
        lines.append("Half a frame that the other half taught says little: keep a second corrected frame.")
    elif held.way != BY_FILE:
        lines.append("All are of a few files, so this says little about others.")
    lines.append(f"Simulated frames, which tell what was forgotten: MCC {once:.3f} before, {now:.3f} after.")
    if adaptation.forgotten:
        lines.append("It has forgotten some of what it knew: use it for frames like these alone.")
    if adaptation.done < 1:
        lines.append(f"The time was over after {100 * adaptation.done:.0f} % of the steps: allow more minutes.")
    return "<br>".join(lines)


def summary(kept: Sequence[Correction], folder: Path) -> str:
    """Say what is kept, and where."""
    if not kept:
        return f"None yet in {folder}. Correct the labels of a frame, then keep it."
    frames = "one frame" if len(kept) == 1 else f"{len(kept)} frames"
    return f"{frames} in {folder}, with {sum(correction.skyrmions for correction in kept)} skyrmions."


def row_of(correction: Correction) -> dict[str, str]:
    """Return the table's row of a correction."""
    marks = {Kind.DEFECT: "dust", Kind.OUTSIDE: "outside"}
    return {
        "Frame": where(correction.file, correction.frame, correction.roi),
        "Skyrmions": str(correction.skyrmions),
        "Remark": ", ".join(marks[kind] for kind in correction.marks) + " marked" if correction.marks else "",
    }
