"""Corrections of segmented frames: the skyrmions that a person says are there, in a folder of open formats.

Beside the grey frame, ``<sha256>.tif``, lies ``<sha256>_labels.tif``, int32: skyrmions numbered from 1, 0 between them,
-1 where there is a defect, -2 outside of the film, -3 where nothing is said (beyond a region, masked, a footer).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_magtex.compute import user_folder
from napari_magtex.errors import UnreadableFile, Unsuitable
from napari_magtex.files import checked_file, replacing, told_if_unwritable
from napari_magtex.io.corrections import Corrected, CorrectedPictures
from napari_magtex.io.tiff import read_tiff, write_labels
from napari_magtex.picture import Contrast, Picture, Region
from napari_magtex.segment.corrected import as_counted
from napari_magtex.segment.grey import grey_of
from napari_magtex.segment.kinds import Kind

DEFECT, OUTSIDE, NOT_SAID = -1, -2, -3  # in a label image
MARKS = {Kind.DEFECT: DEFECT, Kind.OUTSIDE: OUTSIDE}
COLUMNS = (
    "picture", "file", "frame", "roi", "skyrmions", "also_marked", "contrast", "pixel_size_m", "model", "date"
)  # fmt: skip
LEAST = 6  # pixels of a skyrmion, where nothing else is told; as in `predict.Settings`, which would load torch
_NAMES = {kind.name.lower(): kind for kind in MARKS}


def corrections_folder() -> Path:
    """Return where corrections of frames are kept unless the person chose another folder."""
    return user_folder() / "skyrmion corrections"


@dataclass(frozen=True)
class Correction(Corrected):
    """What a person says that a frame, or a region of it, shows.

    ``skyrmions`` is their count; ``marks`` are the other kinds that were marked as well, wherever they are;
    ``pixel_size`` is (dy, dx) in metres; ``model`` tells whose labels were corrected, empty where that is not known.
    """

    skyrmions: int
    marks: tuple[Kind, ...]
    pixel_size: tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class CorrectedFrame:
    """A correction with its grey picture, and its label image (ny, nx) as the module tells it."""

    correction: Correction
    picture: Picture
    labels: NDArray[np.int32]

    @property
    def said(self) -> NDArray[np.bool_]:
        """Where it is said what the frame shows, (ny, nx)."""
        return self.labels != NOT_SAID

    @property
    def skyrmions(self) -> NDArray[np.int32]:
        """The skyrmions alone, (ny, nx), 0 between them."""
        return np.maximum(self.labels, 0)

    def part(self, region: Region) -> CorrectedFrame:
        """Cut a rectangle out."""
        x0, y0, x1, y1 = region.bounds
        return replace(self, picture=self.picture.crop(region), labels=self.labels[y0:y1, x0:x1])


@dataclass(frozen=True)
class Corrections(CorrectedPictures[Correction]):
    """A folder of them."""

    COLUMNS = COLUMNS

    def keep(
        self,
        picture: Picture,
        labels: NDArray[np.integer],
        *,
        rest: NDArray[np.integer] | None = None,
        marks: Sequence[Kind] = tuple(MARKS),
        region: Region | None = None,
        model: str = "",
        min_area: int = LEAST,
    ) -> Correction:
        """Keep what a frame shows; what was said of the same pixels before gives way.

        Parameters
        ----------
        picture
            Grey, or spins in colours, of which m_z is kept. Where it is masked nothing is said.
        labels
            Skyrmions, (ny, nx), 0 between them. Parts of one number that do not touch count as several.
        rest, marks
            Where there is another kind of `Kind` than film, (ny, nx), and which of them a person has looked for: of the
            others the frame may have some all the same. Without ``rest`` it is none of them. Where skyrmions are drawn
            over another kind they count: whoever draws them corrects also what else was found there.
        region
            What was looked at; beyond it nothing is said. By default everything, but for a footer.
        model
            Whose labels they were before they were corrected.
        min_area
            Pixels: what is smaller is a crumb of the brush and no skyrmion; of one that a region or a mask cuts down
            to a crumb nothing is said.

        Raises
        ------
        UnusablePicture, BadRegion, Unsuitable
            The frame is constant or in false colours; the region leaves it; labels have another shape.
        UnreadableFile, MagtexError
            The table is damaged, or cannot be written there.
        """
        for name, image in (("labels", labels), ("marks", rest)):
            if image is not None and image.shape != picture.shape:
                size, ours = (" x ".join(map(str, shape[::-1])) for shape in (image.shape, picture.shape))
                raise Unsuitable(f"the {name} are {size} pixels, the frame is {ours}: choose those of this frame")
        said = _numbered(labels, min_area)
        found = () if rest is None else tuple(marks)
        for kind in found:
            said[(rest == kind) & (said == 0)] = MARKS[kind]
        said[~picture.inside] = NOT_SAID
        if region is not None:
            x0, y0, x1, y1 = region.checked(picture.shape).bounds
            picture, said = picture.crop(replace(region, mask=None)), said[y0:y1, x0:x1]
            if region.mask is not None:
                said[~region.mask] = NOT_SAID
        grey = grey_of(picture)
        said[grey.rows :] = NOT_SAID
        if (said == NOT_SAID).all():
            raise Unsuitable("all of it is masked or a footer: nothing is said that could be learned")
        numbered = _numbered(said, min_area)
        said = np.where(said > 0, np.where(numbered > 0, numbered, NOT_SAID), said)
        frame = replace(picture, pixels=grey.values, contrast=picture.contrast or Contrast.KERR, mask=None)
        return self._keep_frame(frame, said, found, model)

    def frame(self, correction: Correction) -> CorrectedFrame:
        """Read a correction with all that was said.

        Raises
        ------
        UnreadableFile
            A picture or its labels are missing, damaged, or not of one another.
        """
        picture = self.picture(correction)
        path = self._labels_path(correction)
        with self._reading(correction, "label image", path):
            pixels = np.asarray(read_tiff(checked_file(path)).pixels[0])
            if pixels.shape != picture.shape:
                raise UnreadableFile(f"it has {pixels.shape} pixels, its picture {picture.shape}")
            labels = pixels.astype(np.int32)  # programs that edit it may have made floats of the numbers
            if not (labels == pixels).all() or labels.min() < NOT_SAID:
                raise UnreadableFile(f"it holds other numbers than {NOT_SAID} to 0 and those of skyrmions")
        return CorrectedFrame(correction, picture, labels)

    def _keep_frame(self, frame: Picture, labels: NDArray[np.int32], marks: tuple[Kind, ...], model: str) -> Correction:
        correction = Correction(
            sha256=frame.sha256,
            file=frame.name,
            frame=frame.frame,
            roi=frame.roi.bounds if frame.roi else None,
            contrast=frame.contrast or Contrast.KERR,
            model=model,
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            skyrmions=int(labels.max(initial=0)),
            marks=marks,
            pixel_size=frame.pixel_size,
        )
        self.read()  # a damaged table is told before anything is written
        with told_if_unwritable(self.folder), replacing(self._labels_path(correction)) as beside:
            write_labels(beside, labels, frame.pixel_size)
        self._keep(frame, correction)
        return correction

    def _labels_path(self, correction: Correction) -> Path:
        return self.folder / f"{correction.sha256}_labels.tif"

    def _files(self, correction: Correction) -> list[Path]:
        return [*super()._files(correction), self._labels_path(correction)]

    def _told(self, correction: Correction) -> dict[str, object]:
        size = correction.pixel_size or ()
        return {
            "skyrmions": correction.skyrmions,
            "also_marked": ";".join(kind.name.lower() for kind in correction.marks),
            "pixel_size_m": ";".join(map(repr, size)),
        }

    def _heard(self, row: Mapping[str, str], common: dict[str, Any]) -> Correction:
        size = [float(side) for side in row["pixel_size_m"].split(";")] if row["pixel_size_m"] else None
        if size is not None and len(size) != 2:
            raise ValueError(f"{row['pixel_size_m']!r} are not the two sides of a pixel")
        if unknown := set(filter(None, row["also_marked"].split(";"))) - set(_NAMES):
            raise ValueError(f"{', '.join(sorted(unknown))} is nothing that can be marked")
        return Correction(
            **common,
            skyrmions=int(row["skyrmions"]),
            marks=tuple(_NAMES[name] for name in row["also_marked"].split(";") if name),
            pixel_size=(size[0], size[1]) if size else None,
        )


def _numbered(labels: NDArray[np.integer], min_area: int) -> NDArray[np.int32]:
    """Number what counts as a skyrmion from 1, (ny, nx)."""
    from skimage.segmentation import relabel_sequential

    return relabel_sequential(as_counted(np.maximum(labels, 0), min_area))[0].astype(np.int32)
