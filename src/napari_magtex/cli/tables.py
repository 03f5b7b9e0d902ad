"""Rows of the short tables on stdout: what a person wants to see first, in the units of the field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_magtex.states.definitions import State

if TYPE_CHECKING:
    from napari_magtex.results import Estimate, Provenance, Quantity, Verdict
    from napari_magtex.segment.counted import Counted
    from napari_magtex.segment.motion import Motion

VERDICTS = ("file", "frame", "roi", "contrast", "state", "probability", "90 % set", "remark")
ESTIMATES = ("file", "frame", "roi", "method", "A (pJ/m)", "D (mJ/m2)", "Ms (MA/m)", "period (nm)", "remark")
SEGMENTATIONS = (
    "file", "frame", "roi", "skyrmions", "radius", "nearest", "density (1/um2)", "|psi6|", "5 | 7", "look", "method",
    "remark",
)  # fmt: skip
MOTIONS = ("file", "roi", "tracks", "mean length", "D", "sigma", "speed", "direction", "Hall angle", "remark")
REMARKS = {"state": "", "no_contrast": "nothing magnetic shows in this contrast", "out_of_range": "out of range"}


def verdict_row(verdict: Verdict) -> list[str]:
    """Return the cells of `VERDICTS`."""
    return [
        *_origin(verdict.provenance),
        str(verdict.provenance.contrast),
        State(verdict.state).caption,
        f"{verdict.probability:.1%}",
        ", ".join(State(key).caption for key in verdict.set),
        REMARKS[verdict.verdict],
    ]


def estimate_row(estimate: Estimate) -> list[str]:
    """Return the cells of `ESTIMATES`."""

    def cell(name: str, quantity: Quantity, unit: float) -> str:
        value, low, high = (f"{number / unit:.3g}" for number in (quantity.value, quantity.low, quantity.high))
        if name in estimate.known:
            return f"{value} (known)"
        return f"{value} ({low} to {high})" if name in estimate.determined else "not determined"

    return [
        *_origin(estimate.provenance),
        estimate.method.replace("_", " "),
        cell("A", estimate.A, 1e-12),
        cell("D", estimate.D, 1e-3),
        cell("Ms", estimate.Ms, 1e6),
        cell("period", estimate.period, 1e-9),
        "; ".join([*estimate.doubts, *estimate.asides]),
    ]


def segmentation_row(counted: Counted) -> list[str]:
    """Return the cells of `SEGMENTATIONS`."""
    told = counted.record()

    def length(name: str) -> str:
        nm, px = told[f"{name}_nm"], told[f"{name}_px"]
        return f"{nm:.4g} nm" if nm is not None else f"{px:.3g} px" if px is not None else ""

    def number(name: str) -> str:
        return "" if told[name] is None else f"{told[name]:.3g}"

    charge = told["charge"]
    return [
        *_origin(counted.provenance),
        str(told["count"]),
        length("radius"),
        length("nearest"),
        number("density_um2"),
        number("psi6"),
        f"{told['fives']} | {told['sevens']} of {told['whole']}" if told["whole"] else "",
        "" if told["settings"]["polarity"] == "auto" else told["settings"]["polarity"],
        told["method"],
        "; ".join([*told["notes"], *([] if charge is None else [f"charge {charge:.3g}"])]),
    ]


def motion_row(motion: Motion) -> list[str]:
    """Return the cells of `MOTIONS`."""
    where = motion.provenance
    length = "" if motion.mean_length is None else f"{motion.mean_length:.3g} of {motion.frames}"
    hall = "no drive given" if where.settings["drive_deg"] is None else str(motion.hall_angle)
    told = [str(one) for one in (motion.D, motion.sigma, motion.speed, motion.direction)]
    roi = ",".join(map(str, where.roi)) if where.roi else ""
    return [where.file, roi, str(motion.tracks), length, *told, hall, "; ".join(motion.notes)]


def _origin(provenance: Provenance) -> list[str]:
    roi = ",".join(map(str, provenance.roi)) if provenance.roi else ""
    return [provenance.file, str(provenance.frame), roi]
