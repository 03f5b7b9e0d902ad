"""The table of simulated films: a zarr group that is filled chunk by chunk, and that a killed run goes on with.

Every array has the films as its first axis and, but for what is known from the start, the same chunks along it, so that
a chunk of films is one file of each array. ``done`` is written last: until then the rows of a chunk read as NaN and
not done, and whoever goes on computes them anew. A file appears whole or not at all (zarr renames it into place), and
carries a checksum.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec
from zarr.errors import BaseZarrError

from napari_magtex import __version__
from napari_magtex.errors import MagtexError
from napari_magtex.estimate.experiment import Experiment, physics
from napari_magtex.estimate.films import ENGINE, FIGURES, Column, film_seed
from napari_magtex.estimate.parameters import PARAMETERS
from napari_magtex.estimate.sets import Split, parameter_sets

_FORMAT = "napari-magtex films"
_M = Column("float32", "", "unit spins, components x, y, z; row 0 at the top, the largest y")
_DONE = Column("bool", "", "the film was simulated; where it was not, its row is empty")
_SEED = Column("uint32", "", "of the film's random numbers")
_NAMES = {
    "A": "exchange stiffness",
    "D": "DMI",
    "Ms": "saturation magnetisation",
    "Ku": "uniaxial anisotropy",
    "Di": "interfacial DMI beside a bulk one",
    "T": "temperature",
}
_KNOWN = {name: Column("float64", PARAMETERS[name].unit, said) for name, said in _NAMES.items()} | {"seed": _SEED}
_DAMAGED = (OSError, ValueError, RuntimeError, BaseZarrError)


class Table:
    """Films of an experiment, one a row, in a folder that ``open`` makes or finds."""

    def __init__(self, path: Path, group: zarr.Group) -> None:
        self.path, self._group = path, group

    @classmethod
    def open(cls, path: Path, experiment: Experiment, split: Split, chunk: int) -> Table:
        """Open the table of an experiment to go on with it, longer if more films are asked for, or begin it.

        Raises
        ------
        MagtexError
            Something else is there, the films of another experiment or engine, or it cannot be written.
        """
        with _writing(path):
            if not path.exists():
                _begin(path, experiment, split, chunk)
            table = cls(path, _group(path))
            _refuse_others(path, table._group.attrs.asdict(), experiment, split)
            table._lengthen(experiment, split)
        return table

    @classmethod
    def at(cls, path: Path) -> Table:
        """Open the table that is there, whatever its experiment, to look at it.

        Raises
        ------
        MagtexError
            Something else is there, or it cannot be read.
        """
        return cls(path, _group(path))

    def __len__(self) -> int:
        return self._array("done").shape[0]

    @property
    def chunks(self) -> list[slice]:
        """The rows of every chunk."""
        size = self._array("m").chunks[0]
        return [slice(first, min(first + size, len(self))) for first in range(0, len(self), size)]

    @property
    def stored_bytes(self) -> int:
        """What the table takes on disk."""
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())

    def read(self, name: str, rows: slice = slice(None)) -> NDArray[Any]:
        """Return an array's rows."""
        return np.asarray(self._array(name)[rows])

    def constants(self, experiment: Experiment, rows: slice) -> NDArray[np.float64]:
        """Return the constants of films in SI units, a column for each of ``experiment.parameters``."""
        return np.stack([self.read(name, rows) for name in experiment.parameters], axis=1)

    def holds(self, rows: slice) -> bool:
        """Whether every film of a chunk is there, marked and readable: a disk may lose what was written."""
        try:
            return bool(self.read("done", rows).all()) and not np.isnan(self.read("m", rows)).all()
        except _DAMAGED:
            return False

    def write(self, rows: slice, films: Mapping[str, NDArray[Any]]) -> None:
        """Store a chunk of films, and mark it when all of it is there.

        Raises
        ------
        MagtexError
            The disk is full, or cannot be written; the chunks before are kept.
        """
        with _writing(self.path, lambda: f"{int(self.read('done').sum())} of its {len(self)} films are done, and "):
            for name, values in films.items():
                self._array(name)[rows] = values
            self._array("done")[rows] = True

    def _array(self, name: str) -> zarr.Array[Any]:
        return cast("zarr.Array[Any]", self._group[name])

    def _lengthen(self, experiment: Experiment, split: Split) -> None:
        sets = parameter_sets(experiment, split)
        if len(sets) <= len(self):
            return
        for name in (*_known(experiment), "m", *FIGURES):
            self._array(name).resize((len(sets), *self._array(name).shape[1:]))
        self._tell(experiment, split, sets)
        self._group.attrs["experiment"] = experiment.to_dict()
        self._array("done").resize((len(sets),))  # last: until then the next run lengthens it again

    def _tell(self, experiment: Experiment, split: Split, sets: NDArray[np.float64]) -> None:
        """Write what is known before anything is simulated."""
        known = {"Ku": experiment.film.Ku, "T": experiment.conditions.temperature_K}
        columns = {name: np.full(len(sets), value) for name, value in known.items()} | dict(
            zip(experiment.parameters, sets.T, strict=True)
        )
        columns["seed"] = np.array([film_seed(experiment, split, row) for row in range(len(sets))], np.uint32)
        for name, values in columns.items():
            self._array(name)[:] = values


def _begin(path: Path, experiment: Experiment, split: Split, chunk: int) -> None:
    """Make an empty table beside its place, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    about = {"format": _FORMAT, "engine": ENGINE, "version": __version__, "split": str(split)}
    group = zarr.create_group(beside, attributes=about | {"experiment": experiment.to_dict()}, zarr_format=3)
    sets = parameter_sets(experiment, split)
    ny, nx = experiment.film.shape
    n, chunk = len(sets), min(chunk, len(sets))

    def array(
        name: str, column: Column, shape: tuple[int, ...], chunks: tuple[int, ...], axes: tuple[str, ...]
    ) -> None:
        attributes: dict[str, Any] = {"long_name": column.meaning} | ({"units": column.unit} if column.unit else {})
        group.create_array(
            name,
            shape=shape,
            dtype=column.dtype,
            chunks=chunks,
            fill_value=np.nan if column.dtype.startswith("float") else 0,
            compressors=ZstdCodec(level=1, checksum=True),
            dimension_names=axes,
            attributes=attributes,
        )

    for name, column in _known(experiment).items():
        array(name, column, (n,), (n,), ("film",))
    for name, column in (FIGURES | {"done": _DONE}).items():
        array(name, column, (n,), (chunk,), ("film",))
    array("m", _M, (n, 3, ny, nx), (chunk, 3, ny, nx), ("film", "component", "y", "x"))
    _, dy, dx = experiment.cell
    for axis, places in (("y", dy * (np.arange(ny)[::-1] + 0.5)), ("x", dx * (np.arange(nx) + 0.5))):
        array(axis, Column("float64", "m", f"{axis} of the middle of the cells"), places.shape, places.shape, (axis,))
        Table(beside, group)._array(axis)[:] = places
    Table(beside, group)._tell(experiment, split, sets)
    beside.rename(path)


def _known(experiment: Experiment) -> dict[str, Column]:
    """Return the columns of what is known beforehand: few films have two kinds of DMI."""
    return {name: column for name, column in _KNOWN.items() if name != "Di" or name in experiment.parameters}


def _group(path: Path) -> zarr.Group:
    try:
        group = zarr.open_group(path, mode="r+", zarr_format=3)
    except _DAMAGED as error:
        raise MagtexError(f"{path} is there and is no table of films: name another folder") from error
    if group.attrs.get("format") != _FORMAT:
        raise MagtexError(f"{path} is there and is no table of films: name another folder")
    return group


def _refuse_others(path: Path, about: Mapping[str, Any], experiment: Experiment, split: Split) -> None:
    """Say in what the films of a table differ from those asked for."""
    if about["engine"] != ENGINE:
        raise MagtexError(
            f"{path} was simulated by napari-magtex {about['version']}, whose films are not those of {__version__}: "
            "name another folder, or go on with that version"
        )
    there, asked = physics(about["experiment"]), physics(experiment.to_dict())
    pairs = [("split", about["split"], str(split))]
    for title in there | asked:
        old, new = there.get(title, {}), asked.get(title, {})
        pairs += [(f"[{title}] {key}", old.get(key), new.get(key)) for key in old | new]
    for what, old, new in pairs:
        if old != new:
            raise MagtexError(
                f"{path} holds the films of another experiment: {what} is {old} there and {new} here; "
                "name another folder"
            )


@contextmanager
def _writing(path: Path, kept: Callable[[], str] = str) -> Iterator[None]:
    """Say what to do where the disk refuses, after how much is ``kept``, which is asked then alone."""
    try:
        yield
    except OSError as error:
        raise MagtexError(
            f"{path} cannot be written ({error.strerror or error}); {kept()}what is there is kept: make room, or "
            "choose another place, and start again"
        ) from error
