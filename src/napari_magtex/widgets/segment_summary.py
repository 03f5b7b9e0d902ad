"""What is said of the skyrmions of a frame beside their table, and the scale of the colours at their centres."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import to_hex
from napari.utils.colormaps import ensure_colormap
from numpy.typing import NDArray
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QWidget

from napari_magtex.widgets.segment_charts import diameters_of
from napari_magtex.widgets.segment_layers import ORDER_COLOURS
from napari_magtex.widgets.tables import decimals

if TYPE_CHECKING:
    from napari_magtex.segment.counted import Counted

LOOKS = {"dark": "darker than the film", "bright": "brighter than the film"}


def summary_of(counted: Counted) -> str:
    """Return what all skyrmions of a frame have together, as rich text."""
    told, rows = counted.summary, counted.rows
    count, look = told["count"], LOOKS.get(told["settings"]["polarity"])
    found = "No skyrmion" if count == 0 else "1 skyrmion" if count == 1 else f"{count} skyrmions"
    head = f"<b style='font-size:large'>{found}</b>" + (f", {look}" if look and count else "")
    lines = [("Density", _density(told))] if count else []
    if count:
        diameters, unit = diameters_of(rows)
        lines.append(("Diameter", _mean(diameters, unit)))
    if count > 1:
        lines.append(("Nearest neighbour", _mean(rows[f"nearest_{unit}"].to_numpy(np.float64), unit)))
    if told["psi6"] is not None:
        lines.append(("Mean |ψ₆|", f"{told['psi6']:.3f}"))
        lines.append(("|Mean ψ₆|", f"{told['psi6_global']:.3f}"))
        fives, sevens = (100 * told[name] / told["whole"] for name in ("fives", "sevens"))
        lines.append(("5 | 7 neighbours", f"{fives:.1f} % | {sevens:.1f} % of {told['whole']} inside"))
    if told["charge"] is not None and count:
        lines.append(("Charge", f"{told['charge']:.3f} in all"))
    cells = "".join(f"<tr><td>{name}&nbsp;&nbsp;</td><td>{value}</td></tr>" for name, value in lines)
    return head + (f"<table>{cells}</table>" if cells else "")


def remarks_of(counted: Counted) -> str:
    """Return how they were found, and what else a person must know."""
    told, settings = counted.summary, counted.summary["settings"]
    how = "a threshold" if told["method"] == "threshold" else told["method"]
    lines = [f"Found by {how} at {settings['threshold']:g}, {settings['min_area']} px or more.", *told["notes"]]
    if told["roi"]:
        lines.insert(1, "x {0}–{2}, y {1}–{3} px".format(*told["roi"]))
    return "<br>".join(f"{line[0].upper()}{line[1:]}".rstrip(".") + "." for line in lines)


class OrderScale(QWidget):
    """The colours of |psi_6| from 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        bar = QFrame()
        bar.setStyleSheet(f"background: qlineargradient(x1: 0, x2: 1, {_stops()})")
        bar.setFixedHeight(12)
        bar.setMinimumWidth(30)
        bar.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        for widget in (QLabel("Centres: |ψ₆| 0"), bar, QLabel("1, hollow at the edge")):
            row.addWidget(widget)


def _stops(count: int = 17) -> str:
    """Return the colours from 0 to 1 as Qt's style sheets spell a gradient."""
    places = np.linspace(0, 1, count)
    colours = ensure_colormap(ORDER_COLOURS).map(places)
    return ", ".join(f"stop: {place:g} {to_hex(colour)}" for place, colour in zip(places, colours, strict=True))


def _density(told: Mapping[str, Any]) -> str:
    if told["density_um2"] is not None:
        return f"{told['density_um2']:.4g} /µm²"
    mantissa, _, exponent = f"{told['density_px']:.3e}".partition("e")
    return f"{float(mantissa):g} × 10<sup>{int(exponent)}</sup> /px²"


def _mean(values: NDArray[np.float64], unit: str) -> str:
    told = values[np.isfinite(values)]
    mean, spread = float(told.mean()), float(told.std())
    places = decimals(spread if spread > 0 else mean)
    return f"{mean:.{places}f}" + (f" ± {spread:.{places}f}" if len(told) > 1 else "") + f" {unit}"
