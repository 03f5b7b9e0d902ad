"""The loops that an estimate allows: that of its values, and a band of those at the ends of its intervals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_magtex.compute import Device, Progress, how_many_fit, torch_device
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.films import film_bytes
from napari_magtex.estimate.loop import film_loops, loop_table
from napari_magtex.estimate.material import Material
from napari_magtex.physics.loops import Loop, sample_volume
from napari_magtex.results import Quantity

Array = NDArray[np.float64]

FIGURES = {"Hc_T": "coercivity", "Hs_knee_T": "saturation_at_knee", "Hs_95_T": "saturation_at_95"}
"""Fields that a loop tells, by their names in JSON: attributes of `Loop`."""

_NAMES = {"Hc_T": "Hc", "Hs_knee_T": "Hs at the knee", "Hs_95_T": "Hs at 0.95 Ms"}


@dataclass(frozen=True, eq=False)
class LoopBand:
    """The ``loop`` of a ``material``'s values, and those of the ``corners`` of its intervals, at the same fields."""

    material: Material
    loop: Loop
    corners: tuple[Loop, ...]

    @property
    def falling(self) -> tuple[Array, Array]:
        """Least and largest M of all loops on the falling branch, each (n,), in A/m."""
        return _ends([each.falling for each in (self.loop, *self.corners)])

    @property
    def rising(self) -> tuple[Array, Array]:
        """The same on the rising branch."""
        return _ends([each.rising for each in (self.loop, *self.corners)])

    def field(self, name: str) -> Quantity | None:
        """Return one of `FIGURES` in tesla: of the loop, and its range over those that have it; None without."""
        value = getattr(self.loop, FIGURES[name])
        found = [f for f in (getattr(each, FIGURES[name]) for each in self.corners) if f is not None]
        return None if value is None else Quantity(value, min([value, *found]), max([value, *found]), "T")

    def told(self, name: str) -> str:
        """Write one of `FIGURES` in tesla, with its range over the corners where there are some."""
        field = self.field(name)
        if field is None:
            return "not determined"
        value, low, high = (self.loop.told(f) for f in (field.value, field.low, field.high))
        return f"{value} ({low} … {high})" if self.corners else value

    def volume(self, moment: float) -> Quantity:
        """Return the volume in m^3 of a sample with a saturation moment in A m^2.

        Raises
        ------
        BadExperiment
            The moment, or Ms at the lower end of its interval, is not positive.
        """
        return sample_volume(moment, self.material.constants["Ms"])

    def notes(self) -> tuple[str, ...]:
        """Return what a reader of the loop and its band must know, a sentence each."""
        found = [*self.material.assumed, *self.loop.notes()]
        for name, attribute in FIGURES.items():
            without = sum(getattr(each, attribute) is None for each in self.corners)
            if self.field(name) is not None and without:
                found.append(
                    f"{_NAMES[name]} is not determined for {without} of the {len(self.corners)} films of the band"
                )
        if restless := sum(not (c.falling_converged.all() and c.rising_converged.all()) for c in self.corners):
            found.append(f"{restless} of the {len(self.corners)} films of the band had not come to rest everywhere")
        return tuple(found)

    def record(self) -> dict[str, Any]:
        """Return the loop's figures, their ranges and the constants as a JSON object."""
        ranges = {name: self.field(name) for name in FIGURES}
        return {
            **self.loop.record(),
            "notes": list(self.notes()),
            "constants": self.material.record(),
            "band": {name: asdict(field) if field else None for name, field in ranges.items()},
            "films": 1 + len(self.corners),
        }


def loop_band(
    experiment: Experiment, material: Material, *, device: Device | str = Device.AUTO
) -> Iterator[Progress | LoopBand]:
    """Take the loops that [hysteresis] describes of a material's values and of all corners of its intervals.

    Corners hold the extremes of all that rises or falls with every constant. D goes without its sign, which no loop
    depends on.

    Yields
    ------
    Progress after each field, and last the `LoopBand`.

    Raises
    ------
    BadExperiment
        The cells are too coarse for a corner, a constant makes no sense, or the disorder does not fit the film.
    MagtexError
        The films do not fit the memory at once.
    """
    unsigned = material.unsigned()
    films, corners = unsigned.span_over(experiment), unsigned.corners()
    count = len(corners["A"])
    ny, nx = films.film.shape
    how_many_fit(count * film_bytes(films), f"a band of {count} films of {nx} x {ny} cells", torch_device(device))
    for step in film_loops(films, corners, device=device):
        if isinstance(step, Progress):
            yield step
        else:
            yield LoopBand(material, step[0], tuple(step[1:]))


def band_table(band: LoopBand) -> pd.DataFrame:
    """Return `loop_table` with the ends of the band beside each point."""
    (falling_low, falling_high), (rising_low, rising_high) = band.falling, band.rising
    return loop_table(band.loop).assign(
        M_low_A_per_m=np.concatenate([falling_low[::-1], rising_low]),
        M_high_A_per_m=np.concatenate([falling_high[::-1], rising_high]),
    )


def _ends(branches: list[Array]) -> tuple[Array, Array]:
    return np.min(branches, axis=0), np.max(branches, axis=0)
