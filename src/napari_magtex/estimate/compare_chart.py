"""The radial spectra of a picture and of the films that check it, drawn with their periods marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from napari_magtex.estimate.compare import Comparison

MEASURED, SIMULATED = "#2a9d8f", "#e07a3f"
_PER_MICROMETRE = 1e-6  # 1/m to 1/um
_SQUARE_NANOMETRES = 1e18  # m^2 to nm^2


def draw_spectra(axes: Axes, comparison: Comparison) -> None:
    """Draw both spectra, that of the films as a mean with its range over the seeds, and lines at the periods."""
    k = comparison.wave_number * _PER_MICROMETRE
    simulated = comparison.simulated_power * _SQUARE_NANOMETRES
    period = comparison.spread("period")
    for name, power, colour, length in (
        ("picture", comparison.measured_power * _SQUARE_NANOMETRES, MEASURED, comparison.measured.period),
        ("simulated", simulated.mean(axis=0), SIMULATED, period.mean if period else None),
    ):
        label = name if length is None else f"{name}, period {length * 1e9:.1f} nm"
        axes.plot(k, power, color=colour, linewidth=1.4, label=label)
        if length is not None:
            axes.axvline(_PER_MICROMETRE / length, color=colour, linestyle="--", linewidth=1)
    if len(simulated) > 1:
        axes.fill_between(k, simulated.min(axis=0), simulated.max(axis=0), color=SIMULATED, alpha=0.25, linewidth=0)
    axes.set_yscale("log")
    axes.set_xlim(0, k[-1])
    axes.set_xlabel("wave number, 1 / wavelength (1/µm)")
    axes.set_ylabel("power spectral density (nm²)")


def spectra_figure(comparison: Comparison, title: str) -> Figure:
    """Return a figure of both spectra, with what its reader must know below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    draw_spectra(axes, comparison)
    axes.set_title(title, fontsize="medium")
    axes.legend(frameon=False, fontsize="small")
    figure.supxlabel("\n".join(comparison.notes), fontsize="small", color="#555555")
    return figure
