"""Check an estimate by simulation: films of its constants under the same conditions, measured as the picture is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from napari_magtex.colours import ColourMap, recognise
from napari_magtex.compute import Device, Progress
from napari_magtex.errors import BadExperiment
from napari_magtex.estimate.anchors import anchors
from napari_magtex.estimate.channels import Channels, channels, filled
from napari_magtex.estimate.drawing import draw
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.films import film_seed, relax_films
from napari_magtex.estimate.material import Material
from napari_magtex.estimate.sets import Split
from napari_magtex.physics.structure import faded_share, frequencies, structure_factor
from napari_magtex.picture import Contrast, Picture
from napari_magtex.results import Provenance

LARGEST = 512  # cells along a side of a film: a minute of relaxing, and periods enough for any figure
_HALF = 0.5  # a skyrmion: less is none, but a helix cut off at the region's edge

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """What is measured on one picture; None where it cannot be told.

    ``period`` in metres; ``skyrmion_density``, skyrmions less antiskyrmions of the other sign in 1/m^2, from the
    topological charge; ``mean_mz``. The last two are those of spin pictures alone.
    """

    period: float | None
    skyrmion_density: float | None
    mean_mz: float | None


FIGURES = tuple(Figures.__dataclass_fields__)


@dataclass(frozen=True)
class Spread:
    """A figure over the seeds: mean, least and largest."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """A picture beside films that were simulated with the constants estimated from it.

    Parameters
    ----------
    material
        The constants.
    pictures
        One a seed, drawn as the experiment sees them; a pixel is a cell.
    wave_number
        (n,) in 1/m: 1 / wavelength.
    measured_power, simulated_power
        `radial_spectrum` of the picture, (n,), and of the films, (seeds, n), in m^2.
    measured, simulated
        Figures of the picture, and of each film.
    notes
        What a reader must know, a sentence each.
    """

    provenance: Provenance
    material: Material
    pictures: tuple[Picture, ...]
    wave_number: Array
    measured_power: Array
    simulated_power: Array
    measured: Figures
    simulated: tuple[Figures, ...]
    notes: tuple[str, ...]

    def spread(self, name: str) -> Spread | None:
        """Return a figure of the films; None where one of them does not have it."""
        values = [getattr(figures, name) for figures in self.simulated]
        return None if None in values else Spread(float(np.mean(values)), min(values), max(values))

    def difference(self, name: str) -> float | None:
        """Return by how much the films' figure exceeds the picture's, in parts of the latter.

        None where one is unknown or the picture's is 0.
        """
        measured, simulated = getattr(self.measured, name), self.spread(name)
        return None if not measured or simulated is None else (simulated.mean - measured) / abs(measured)

    def record(self) -> dict[str, Any]:
        """Return figures, constants and spectra as a JSON object, SI units."""
        spreads = {name: self.spread(name) for name in FIGURES}
        return {
            **self.provenance.record(),
            "constants": self.material.record(),
            "seeds": len(self.simulated),
            "measured": asdict(self.measured),
            "simulated": {name: asdict(spread) if spread else None for name, spread in spreads.items()},
            "relative_difference": {name: self.difference(name) for name in ("period", "skyrmion_density")},
            "notes": list(self.notes),
            "wave_number_per_m": self.wave_number.tolist(),
            "measured_power_m2": self.measured_power.tolist(),
            "simulated_power_m2": self.simulated_power.tolist(),
            "experiment": self.provenance.model,
            "version": self.provenance.version,
        }


def spectra_table(comparison: Comparison) -> pd.DataFrame:
    """Return a row a wave number: the picture's power, and the films' mean, least and largest."""
    simulated = comparison.simulated_power
    return pd.DataFrame(
        {
            "wave_number_per_m": comparison.wave_number,
            "measured_m2": comparison.measured_power,
            "simulated_m2": simulated.mean(axis=0),
            "simulated_low_m2": simulated.min(axis=0),
            "simulated_high_m2": simulated.max(axis=0),
        }
    )


def compare(
    picture: Picture,
    experiment: Experiment,
    material: Material,
    *,
    name: str = "",
    seeds: int = 1,
    device: Device | str = Device.AUTO,
) -> Iterator[Progress | Comparison]:
    """Simulate films with the constants estimated from a picture, and measure both alike.

    Parameters
    ----------
    picture
        Whole, or cropped to a region; its pixel size must be known.
    experiment
        The conditions that films are simulated under, and how they are seen; a spin picture's own colours go before
        its colour map. ``name`` is what results call it.
    seeds
        Films that start from different random numbers: their spread is that of chance.

    Yields
    ------
    Progress before each film, and last the `Comparison`. A film has the picture's size in cells, at most 512 a side.

    Raises
    ------
    UncalibratedPicture, Unsuitable, BadRegion
        As `channels` has it.
    BadExperiment
        The cells are too coarse for the constants, or the material lacks one that the experiment leaves open.
    """
    seen = channels(picture, experiment)
    film = _film_for(picture, seen, experiment, material)
    constants = np.array([[parameter.low for parameter in film.parameters.values()]])
    pictures, settled = [], 0
    for row in range(seeds):
        yield Progress(row, seeds, "relaxing film")
        relaxed = relax_films(film, constants, [film_seed(film, Split.TEST, row)], device=device)
        settled += int(relaxed["converged"][0])
        m = np.asarray(relaxed["m"][0], dtype=np.float32)
        pictures.append(draw(m, material.values["Ms"], film, dose=film.picture.dose, seed=row))
    yield Progress(seeds, seeds, "measuring")
    cell = film.cell[1:]
    resolution = max(1 / (n * d) for n, d in zip(film.film.shape, cell, strict=True))
    k, power = radial_spectrum(filled(seen.values, seen.inside), cell, resolution)
    measured_power = power / faded_share(torch.from_numpy(seen.inside))  # an outline's box holds less than it is large
    spectra = [radial_spectrum(channels(simulated, film).values, cell, resolution)[1] for simulated in pictures]
    notes = [*material.assumed, *_notes(seen, film)]
    if settled < seeds:
        notes.append(f"{seeds - settled} of {seeds} films did not settle: they are shown where they were stopped")
    yield Comparison(
        Provenance.of(picture, contrast=film.picture.contrast, model=name, pixel_size=picture.pixel_size, seeds=seeds),
        material,
        tuple(pictures),
        k,
        measured_power,
        np.stack(spectra),
        figures_of(picture, film),
        tuple(figures_of(simulated, film) for simulated in pictures),
        tuple(notes),
    )


def figures_of(picture: Picture, experiment: Experiment) -> Figures:
    """Measure a picture as its `anchors` are, and the mean m_z of a spin picture."""
    found = {anchor.name: anchor.value for anchor in anchors(picture, experiment).entries}
    density, mean_mz = found.get("skyrmion_density"), None
    if experiment.picture.contrast is Contrast.SPIN:
        seen = channels(picture, experiment)
        mean_mz = float(seen.values[2][seen.inside].mean(dtype=np.float64))
        if density is not None and density * math.prod(seen.cell) * int(seen.inside.sum()) < _HALF:
            density = 0.0
    return Figures(found.get("period"), density, mean_mz)


def radial_spectrum(values: NDArray[np.float32], cell: Sequence[float], resolution: float) -> tuple[Array, Array]:
    """Average the power spectral density of channels over the directions of the wave vector.

    Parameters
    ----------
    values
        (channels, ny, nx); their powers are summed.
    cell
        (dy, dx) in metres.
    resolution
        Width of a ring of wave vectors in 1/m.

    Returns
    -------
    Wave numbers 1 / wavelength in 1/m, (n,), up to half a wave a cell, and the density there in m^2, (n,). It does not
    depend on the picture's size, and its integral over the plane of wave vectors is the variance of the channels.
    """
    ny, nx = values.shape[1:]
    channels = torch.from_numpy(np.array(values, dtype=np.float64))[None]
    power = structure_factor(channels, periodic=False)[0].sum(dim=0).flatten() * (ny * cell[0] * nx * cell[1])
    k = frequencies((ny, nx), cell=(cell[0], cell[1])).flatten()
    ring = (k / resolution).round().long()
    rings = int(1 / (2 * max(cell)) / resolution)
    count = torch.bincount(ring, minlength=rings + 1)[1 : rings + 1]
    total = torch.bincount(ring, power, minlength=rings + 1)[1 : rings + 1]
    return np.asarray(resolution * np.arange(1, rings + 1)), (total / count).numpy()


def _film_for(picture: Picture, seen: Channels, experiment: Experiment, material: Material) -> Experiment:
    """Return the experiment of a film on the picture's cells, with the material's constants and its colours."""
    shape = tuple(min(n, LARGEST) for n in seen.inside.shape)
    colours = _colour_map(picture) or experiment.picture.colour_map
    film = replace(
        experiment,
        film=replace(experiment.film, shape=shape, cell=seen.cell[::-1]),
        picture=replace(experiment.picture, colour_map=colours),
    )
    film = material.put_into(film)
    if film.estimated:
        raise BadExperiment(f"[parameters] {', '.join(film.estimated)} vary: a film needs a number for each")
    return film


def _notes(seen: Channels, film: Experiment) -> Iterator[str]:
    """Say what of the picture or the film bears on the comparison."""
    yield from seen.doubts
    yield from film.notes()
    ny, nx = film.film.shape
    if (ny, nx) != seen.inside.shape:
        yield f"the region is larger than the film, which has {nx} x {ny} cells"
    if film.picture.contrast is not Contrast.SPIN:
        yield "skyrmions are not counted in this contrast"
    elif not seen.values[:2].any():
        yield "the picture shows m_z alone, which does not tell a skyrmion: none are counted"


def _colour_map(picture: Picture) -> ColourMap | None:
    """Return the colour map of a spin picture, if it is told or known."""
    if named := picture.meta.get("colour_map"):
        return ColourMap(named)
    return recognise(picture.pixels, picture.inside) if picture.is_colour else ColourMap.GREY
