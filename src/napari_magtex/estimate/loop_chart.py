"""A hysteresis loop drawn: M(H) with its band and figures marked and its conditions above."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from napari_magtex.estimate.band import LoopBand
    from napari_magtex.physics.loops import Loop

FALLING, RISING, MARK = "#1f5fa8", "#c4473a", "#8a8a8a"
_MEGA = 1e-6  # A/m to MA/m


def draw_loop(axes: Axes, loop: Loop, band: LoopBand | None = None, *, ink: str = "black") -> None:
    """Draw both branches, their figures, and rings where the film had not come to rest.

    Parameters
    ----------
    band
        Of this loop: drawn behind it, and the figures get its ranges.
    ink
        Colour of the mark of Hc.
    """
    axes.axhline(0, color=MARK, linewidth=0.6, zorder=0)
    axes.axvline(0, color=MARK, linewidth=0.6, zorder=0)
    branches = (
        ("falling field", loop.falling, loop.falling_converged, FALLING, "<"),
        ("rising field", loop.rising, loop.rising_converged, RISING, ">"),
    )
    for name, M, rested, colour, arrow in branches:
        axes.plot(loop.field_T, M * _MEGA, color=colour, marker=arrow, markersize=3, linewidth=1.2, label=name)
        if not rested.all():
            label = f"{name}, not at rest"
            axes.plot(loop.field_T[~rested], M[~rested] * _MEGA, "o", color=colour, fillstyle="none", label=label)
    if band is not None and band.corners:
        label = f"ends of the intervals, {len(band.corners)} films"
        for (low, high), colour, name in ((band.falling, FALLING, label), (band.rising, RISING, "_")):  # one entry
            low_mega, high_mega = low * _MEGA, high * _MEGA
            axes.fill_between(loop.field_T, low_mega, high_mega, color=colour, alpha=0.2, linewidth=0, label=name)
    if (Hc := loop.coercivity) is not None:
        label = f"$\\mu_0H_c$ = {loop.told(Hc) if band is None else band.told('Hc_T')} T"
        axes.plot([-Hc, Hc], [0, 0], "|", color=ink, markersize=16, markeredgewidth=1.6, label=label)
    for field, style, key, name in (
        (loop.saturation_at_knee, "--", "Hs_knee_T", "knee"),
        (loop.saturation_at_95, ":", "Hs_95_T", "0.95 $M_s$"),
    ):
        if field is not None:
            label = f"$\\mu_0H_s$ = {loop.told(field) if band is None else band.told(key)} T, {name}"
            axes.axvline(field, color=MARK, linestyle=style, linewidth=1.2, label=label)
    axes.set_xlabel("applied field $\\mu_0H$ (T)")
    axes.set_ylabel("$M$ along the field (MA/m)")
    axes.set_xlim(loop.field_T[0], loop.field_T[-1])


def loop_figure(loop: Loop, title: str, band: LoopBand | None = None) -> Figure:
    """Return a figure of a loop below its title, its conditions, and what its reader must know."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 5), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    draw_loop(axes, loop, band)
    axes.set_title(f"{title}\n{loop.conditions}", fontsize="medium")
    figure.legend(loc="outside right upper", frameon=False, fontsize="small")
    notes = loop.notes() if band is None else band.notes()
    figure.supxlabel("\n".join(notes), fontsize="small", color="#555555")
    return figure
