"""What is measured of the skyrmions of a frame: each one, and all together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_magtex.results import Provenance
from napari_magtex.segment.charge import charges
from napari_magtex.segment.order import Neighbours, hexatic_order, voronoi_neighbours
from napari_magtex.segment.pairs import RadialDistribution, nearest_distances, radial_distribution
from napari_magtex.segment.rim import rim_of
from napari_magtex.segment.shape import shapes_of
from napari_magtex.texture import SpinTexture

COLUMNS = (
    "file",
    "frame",
    "label",
    "x_px",
    "y_px",
    "area_px",
    "radius_px",
    "eccentricity",
    "orientation_deg",
    "nearest_px",
    "psi6",
    "neighbours",
    "at_edge",
    "cut",
    "x_nm",
    "y_nm",
    "area_nm2",
    "radius_nm",
    "nearest_nm",
    "charge",
)
"""Of a row of ``skyrmions.csv``; those in nm are empty where the pixel size is unknown, the charge is a texture's."""


RADIAL_COLUMNS = ("file", "frame", "roi", "r_px", "r_nm", "g")
"""Of a row of ``radial.csv``."""


@dataclass(frozen=True, eq=False)
class Measurements:
    """The skyrmions of one frame.

    Parameters
    ----------
    provenance
        Of which frame, how segmented.
    columns
        Of each skyrmion, (n,): those of `COLUMNS` from ``label`` to ``charge``. ``x_px`` and ``y_px`` are pixels of
        the stored picture, whole numbers at their middle; ``radius`` is that of a disc of the same area, ``nearest_px``
        counts pixels along x;
        ``orientation_deg`` is counted from the x axis upwards. ``psi6`` (its size) and ``neighbours`` are NaN and 0
        where neighbours beyond the film's edge may be missing: ``at_edge``. ``cut`` are those at the rim (`rim_of`).
    points
        (n, 2) as y, x in pixels of the label image.
    film
        Where there is film, (ny, nx): what density and g(r) refer to.
    pixel_size
        (dy, dx) in metres, or None.
    """

    provenance: Provenance
    columns: Mapping[str, NDArray[Any]]
    points: NDArray[np.float64]
    film: NDArray[np.bool_]
    pixel_size: tuple[float, float] | None
    psi6: NDArray[np.complex128]
    neighbours: Neighbours
    notes: tuple[str, ...] = field(default=())

    @property
    def count(self) -> int:
        """How many skyrmions there are."""
        return len(self.points)

    @property
    def density(self) -> float | None:
        """Skyrmions on a square metre of film; None where the pixel size is unknown."""
        return None if self.pixel_size is None else self.density_px / (self.pixel_size[0] * self.pixel_size[1])

    @property
    def density_px(self) -> float:
        """Skyrmions on a pixel of film; of those that are cut one half, for about as many have their centre beyond."""
        return (self.count - int(self.columns["cut"].sum()) / 2) / max(int(self.film.sum()), 1)

    @property
    def hexatic_mean(self) -> float | None:
        """Mean of |psi_6| over the skyrmions whose neighbours are all seen; None where there is none."""
        return _mean(np.abs(self.psi6))

    @property
    def hexatic_global(self) -> float | None:
        """Size of the mean psi_6: 1 only where the lattice has one direction all over the frame."""
        told = self.psi6[np.isfinite(self.psi6)]
        return float(abs(told.mean())) if told.size else None

    def coordinated(self, count: int) -> int:
        """Return how many skyrmions have so many neighbours, of those whose neighbours are all seen."""
        return int((self.neighbours.coordination[self.neighbours.whole] == count).sum())

    @cached_property
    def radial(self) -> RadialDistribution:
        """g(r), r in metres where the pixel size is known, else in pixels."""
        pixel = self.pixel_size or (1.0, 1.0)
        return radial_distribution(self.points * pixel, self.film, pixel)

    def rows(self) -> pd.DataFrame:
        """Return one row a skyrmion, with `COLUMNS`."""
        table = pd.DataFrame({name: self.columns[name] for name in COLUMNS if name in self.columns})
        table.insert(0, "file", self.provenance.file)
        table.insert(1, "frame", self.provenance.frame)
        return table.reindex(columns=list(COLUMNS))

    def radial_rows(self) -> pd.DataFrame:
        """Return g(r) as a row a distance, with `RADIAL_COLUMNS`; ``r_px`` counts pixels along x."""
        found, along_x = self.radial, self.pixel_size[1] if self.pixel_size else 1.0
        table = pd.DataFrame({"r_px": found.r / along_x, "g": found.g})
        if self.pixel_size is not None:
            table["r_nm"] = found.r * 1e9
        origin = self.provenance
        table["file"], table["frame"], table["roi"] = origin.file, origin.frame, ";".join(map(str, origin.roi or ()))
        return table.reindex(columns=list(RADIAL_COLUMNS))

    def record(self) -> dict[str, Any]:
        """Return the JSON object of the frame: what all its skyrmions have together."""
        density, cut = self.density, self.columns["cut"]
        sizes = ~cut if not cut.all() else cut  # what is seen of a skyrmion that is cut tells no size
        return {
            **self.provenance.record(),
            "count": self.count,
            "cut": int(cut.sum()),
            "film_px": int(self.film.sum()),
            "density_px": self.density_px,
            "density_um2": None if density is None else density * 1e-12,
            "radius_px": _mean(self.columns["radius_px"][sizes]),
            "radius_nm": _mean(self.columns["radius_nm"][sizes]) if self.pixel_size else None,
            "nearest_px": _mean(self.columns["nearest_px"]),
            "nearest_nm": _mean(self.columns.get("nearest_nm")),
            "psi6": self.hexatic_mean,
            "psi6_global": self.hexatic_global,
            "whole": int(self.neighbours.whole.sum()),
            "fives": self.coordinated(5),
            "sevens": self.coordinated(7),
            "charge": float(self.columns["charge"].sum()) if "charge" in self.columns else None,
            "notes": list(self.notes),
            "method": self.provenance.model,
            "settings": dict(self.provenance.settings),
            "version": self.provenance.version,
        }


def measure(
    labels: NDArray[np.int32],
    provenance: Provenance,
    *,
    pixel_size: tuple[float, float] | None = None,
    film: NDArray[np.bool_] | None = None,
    rim: NDArray[np.bool_] | None = None,
    texture: SpinTexture | None = None,
    notes: tuple[str, ...] = (),
) -> Measurements:
    """Measure the skyrmions of a label image (ny, nx), 0 between them.

    Parameters
    ----------
    provenance
        Its ``roi``, where there is one, tells where the label image lies in the stored picture.
    pixel_size
        (dy, dx) in metres, or None.
    film
        Where there is film, (ny, nx); everywhere where it is left out.
    rim
        Where a skyrmion is cut (`rim_of`), (ny, nx); at the edge of the label image where it is left out.
    texture
        That the labels were drawn on: the charge of each skyrmion is measured too.
    """
    ratio = pixel_size[0] / pixel_size[1] if pixel_size else 1.0
    film = np.ones(labels.shape, bool) if film is None else film
    rim = rim_of(np.ones(labels.shape, bool)) if rim is None else rim
    found = shapes_of(labels, ratio)
    points, area = found.points, found.area
    x0, y0 = provenance.roi[:2] if provenance.roi else (0, 0)
    scale = pixel_size or (1.0, 1.0)
    neighbours = voronoi_neighbours(points * scale, film, scale)
    psi6 = hexatic_order(points * scale, neighbours)
    columns: dict[str, NDArray[Any]] = {
        "label": found.label,
        "x_px": points[:, 1] + x0,
        "y_px": points[:, 0] + y0,
        "area_px": area,
        "radius_px": np.sqrt(area / np.pi),
        "eccentricity": found.eccentricity,
        "orientation_deg": np.degrees(found.angle),
        "nearest_px": nearest_distances(points * (ratio, 1)),
        "psi6": np.abs(psi6),
        "neighbours": np.where(neighbours.whole, neighbours.coordination, 0),
        "at_edge": ~neighbours.whole,
        "cut": np.isin(found.label, labels[rim]),
    }
    if pixel_size is not None:
        dy, dx = (d * 1e9 for d in pixel_size)
        columns |= {
            "x_nm": columns["x_px"] * dx,
            "y_nm": columns["y_px"] * dy,
            "area_nm2": area * dy * dx,
            "radius_nm": np.sqrt(area * dy * dx / np.pi),
            "nearest_nm": nearest_distances(points * (dy, dx)),
        }
    if texture is not None:
        every = charges(labels, texture)
        columns["charge"] = every[columns["label"] - 1]
    return Measurements(provenance, columns, points, film, pixel_size, psi6, neighbours, notes)


def _mean(values: NDArray[Any] | None) -> float | None:
    told = values[np.isfinite(values)] if values is not None else np.zeros(0)
    return float(told.mean()) if told.size else None
