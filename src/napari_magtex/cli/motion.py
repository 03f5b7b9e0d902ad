"""`magtex segment --tracks`: skyrmions followed through the frames of each input, and how they move."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from napari_magtex.cli import tables
from napari_magtex.cli.console import Report, complaint, show, write_results, write_table
from napari_magtex.errors import MagtexError

if TYPE_CHECKING:
    import pandas as pd

    from napari_magtex.results import Provenance
    from napari_magtex.segment.counted import CountedFrame
    from napari_magtex.segment.motion import Motion, MotionSettings
    from napari_magtex.segment.tracks import Tracks, TrackSettings


@dataclass
class Stack:
    """The frames of an input, as far as they are segmented: where skyrmions are, not the label images."""

    provenance: Provenance | None = None
    positions: list[pd.DataFrame] = field(default_factory=list)
    frames: int = 0
    pixel_sizes: set[tuple[float, float] | None] = field(default_factory=set)
    snapshots: bool = False

    def add(self, frame: CountedFrame, pixel_size: tuple[float, float] | None) -> None:
        """Keep where the skyrmions of the next frame are."""
        from napari_magtex.picture import Contrast
        from napari_magtex.segment.positions import positions_of

        if self.provenance is None:
            provenances = [one.provenance for one in frame.counted]
            first = provenances[0]
            about = {"segmented_by": first.model, **first.settings}
            if len(provenances) > 1:
                about["rois"] = [list(one.roi or ()) for one in provenances]
            self.provenance = replace(first, roi=first.roi if len(provenances) == 1 else None, settings=about)
            self.snapshots = first.contrast is Contrast.SPIN
        self.positions.append(positions_of(frame.labels, self.frames, frame.rim))
        self.pixel_sizes.add(pixel_size)
        self.frames += 1

    def skip(self) -> None:
        """Pass over a frame that could not be segmented; its time passes all the same."""
        self.frames += 1

    def follow(self, wanted: Followed, report: Report) -> tuple[Tracks, Motion]:
        """Follow the skyrmions, and measure how they move.

        Raises
        ------
        Unsuitable
            Frames differ in pixel size, the radius mixes skyrmions up, or there is no drift to tell.
        """
        import pandas as pd

        from napari_magtex.compute import drain
        from napari_magtex.errors import Unsuitable
        from napari_magtex.segment.motion import motion_of
        from napari_magtex.segment.tracks import follow

        if len(self.pixel_sizes) > 1:
            raise Unsuitable("its frames differ in pixel size: they are no series that skyrmions can be followed in")
        assert self.provenance is not None
        positions = pd.concat(self.positions, ignore_index=True)
        (size,) = self.pixel_sizes
        following = follow(positions, self.provenance, frames=self.frames, pixel_size=size, settings=wanted.following)
        tracks = drain(following, report)
        exposure = wanted.exposure if wanted.exposure is not None else 0.0 if self.snapshots else 1.0
        return tracks, drain(motion_of(tracks, replace(wanted.moving, exposure=exposure)), report)


@dataclass
class Followed:
    """What is asked for, the tracks and motions of all inputs, and what was wrong with some.

    ``exposure`` None: 1 of frames, 0 of spins, which are snapshots.
    """

    following: TrackSettings
    moving: MotionSettings
    exposure: float | None
    tracks: list[Tracks] = field(default_factory=list)
    motions: list[Motion] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @classmethod
    def asked(
        cls,
        wanted: bool,
        *,
        interval: float | None,
        drive: float | None,
        radius: float | None,
        memory: int | None,
        exposure: float | None,
        subtract_drift: bool,
    ) -> Followed | None:
        """Read the options; None where tracks are not asked for.

        Raises
        ------
        BadParameter
            One is given without ``--tracks``.
        """
        given = {"--interval": interval, "--drive": drive, "--search-radius": radius, "--memory": memory,
                 "--exposure": exposure, "--subtract-drift": subtract_drift or None}  # fmt: skip
        if not wanted:
            if alone := [name for name, value in given.items() if value is not None]:
                raise typer.BadParameter("it is of use with --tracks alone", param_hint=alone[0])
            return None
        from napari_magtex.segment.motion import MotionSettings
        from napari_magtex.segment.tracks import TrackSettings

        following = TrackSettings(radius, TrackSettings.memory if memory is None else memory, interval)
        return cls(following, MotionSettings(drive=drive, subtract_drift=subtract_drift), exposure)

    def add(self, path: str, stack: Stack, report: Report) -> None:
        """Follow the skyrmions of an input; where they cannot be, it is still segmented."""
        if stack.provenance is None:
            return
        try:
            tracks, motion = stack.follow(self, report)
        except MagtexError as error:
            self.complaints.append(complaint(path, error))
        else:
            self.tracks.append(tracks)
            self.motions.append(motion)

    def write(self, out: Path, code: int) -> int:
        """Show the motions and write the files; return the exit code."""
        from napari_magtex.segment.motion import MSD_COLUMNS
        from napari_magtex.segment.tracks import TRACK_COLUMNS

        for line in self.complaints:
            typer.echo(line, err=True)
        show(tables.MOTIONS, [tables.motion_row(motion) for motion in self.motions])
        code = code or int(bool(self.complaints))
        code = write_table([one.rows() for one in self.tracks], TRACK_COLUMNS, out / "tracks.csv") or code
        code = write_table([one.msd_rows() for one in self.motions], MSD_COLUMNS, out / "msd.csv") or code
        return write_results(self.motions, code, out / "motion.json", out / "motion.csv")
