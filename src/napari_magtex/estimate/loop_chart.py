"""A hysteresis loop drawn: M(H) with its figures marked and its conditions above."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from napari_magtex.physics.loops import Loop

FALLING, RISING, MARK = "#1f5fa8", "#c4473a", "#8a8a8a"
_MEGA = 1e-6  # A/m to MA/m


def draw_loop(axes: Axes, loop: Loop) -> None:
    """Draw both branches, their figures, and rings where the film had not come to rest."""
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
    if (Hc := loop.coercivity) is not None:
        label = f"$\\mu_0H_c$ = {loop.told(Hc)} T"
        axes.plot([-Hc, Hc], [0, 0], "|", color="black", markersize=16, markeredgewidth=1.6, label=label)
    for field, style, name in ((loop.saturation_at_knee, "--", "knee"), (loop.saturation_at_95, ":", "0.95 $M_s$")):
        if field is not None:
            axes.axvline(
                field, color=MARK, linestyle=style, linewidth=1.2, label=f"$\\mu_0H_s$ = {loop.told(field)} T, {name}"
            )
    axes.set_xlabel("applied field $\\mu_0H$ (T)")
    axes.set_ylabel("$M$ along the field (MA/m)")
    axes.set_xlim(loop.field_T[0], loop.field_T[-1])


def loop_figure(loop: Loop, title: str) -> Figure:
    """Return a figure of a loop below its title, its conditions, and what its reader must know."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.5, 5), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    draw_loop(axes, loop)
    axes.set_title(f"{title}\n{loop.conditions}", fontsize="medium")
    figure.legend(loc="outside right upper", frameon=False, fontsize="small")
    figure.supxlabel("\n".join(loop.notes()), fontsize="small", color="#555555")
    return figure
