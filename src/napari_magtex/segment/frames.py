"""Real Kerr frames with masks by hand, to train and to judge on; none of them is in this package.

Labrie-Boulay et al., Phys. Rev. Applied 21, 014014 (2024); data: Zenodo, 10.5281/zenodo.10997175.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_magtex.errors import UnreadableFile
from napari_magtex.segment.kinds import Kind

SOURCE = "Labrie-Boulay et al., Phys. Rev. Applied 21, 014014 (2024); Zenodo 10.5281/zenodo.10997175"
FOLDER = Path("kerr", "kfjml_regensburg2025")
COLOURS = {
    (0, 0, 255): Kind.FILM,
    (255, 0, 0): Kind.SKYRMION,
    (0, 255, 0): Kind.DEFECT,
    (255, 255, 0): Kind.OUTSIDE,  # not ferromagnetic
    (0, 255, 255): Kind.OUTSIDE,  # boundary
}
# Samples that show the same place at another field or time: the same dust, or the same device's outline, shifted by
# less than a frame (the defects' masks correlate by 0.72 or more, or the outlines' by 0.98). They stay in one fold.
SAME_PLACE = (("8", "132"), ("15", "18", "25"), ("128", "131"), ("140", "141"))


@dataclass(frozen=True, eq=False)
class MaskedFrame:
    """A frame (ny, nx) float32 in the recorder's grey, what each of its pixels shows, and the sample it is of."""

    grey: NDArray[np.float32]
    kinds: NDArray[np.uint8]
    sample: str
    name: str


def frames_folder(given: str | Path | None = None) -> Path:
    """Return the folder of the frames: the one given, or that inside ``MAGTEX_REAL_DATA``.

    Raises
    ------
    UnreadableFile
        It is not there.
    """
    folder = Path(given) if given else Path(os.environ.get("MAGTEX_REAL_DATA", "../shared/data")) / FOLDER
    if not (folder / "source_ids.csv").is_file():
        raise UnreadableFile(f"{folder} holds no source_ids.csv: name the folder of masked frames, or MAGTEX_REAL_DATA")
    return folder


def read_masked_frames(folder: str | Path | None = None) -> list[MaskedFrame]:
    """Read every frame with its mask, in the order of their names.

    Raises
    ------
    UnreadableFile
        A frame or its mask is missing, they differ in size, or a mask has a colour that means nothing.
    """
    place = frames_folder(folder)
    with (place / "source_ids.csv").open(encoding="utf-8", newline="") as stream:
        rows = sorted((row["image"], row["source_id"]) for row in csv.DictReader(stream))
    return [_read(place, image, sample) for image, sample in rows]


def folds(samples: Iterable[str], count: int = 5) -> list[frozenset[str]]:
    """Divide samples into sets of about one size; those of one place stay together.

    The samples' numbers follow the kinds of film and device, so neighbours are dealt to different sets.
    """
    there = set(samples)
    together = {sample: group for group in SAME_PLACE for sample in group}
    groups = sorted(
        {together.get(sample, (sample,)) for sample in there}, key=lambda group: (-len(group), int(group[0]))
    )
    dealt: list[set[str]] = [set() for _ in range(count)]
    for group in groups:
        min(dealt, key=len).update(there & set(group))
    return [frozenset(fold) for fold in dealt]


def _read(place: Path, image: str, sample: str) -> MaskedFrame:
    mask = image.replace("images/", "labels/")
    try:
        with Image.open(place / image) as grey, Image.open(place / mask) as colours:
            pixels = np.asarray(grey.convert("L"), np.float32)
            painted = np.asarray(colours.convert("RGB"))
    except OSError as error:
        raise UnreadableFile(f"{image} or its mask cannot be read: {error}") from error
    if pixels.shape != painted.shape[:2]:
        raise UnreadableFile(f"{image} has {pixels.shape} pixels, its mask {painted.shape[:2]}")
    kinds = np.full(pixels.shape, 255, np.uint8)
    for colour, kind in COLOURS.items():
        kinds[(painted == colour).all(axis=2)] = kind
    if (kinds == 255).any():
        y, x = np.argwhere(kinds == 255)[0]
        raise UnreadableFile(f"{mask} has the colour {tuple(painted[y, x].tolist())}, which means nothing here")
    return MaskedFrame(pixels, kinds, sample, image)
