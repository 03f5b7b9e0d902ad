"""The dock Clean frame: a raw frame or stack of Lorentz or Kerr light made fit for analysis, with a live preview."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Shapes
from numpy.typing import NDArray
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QFileDialog, QVBoxLayout

from napari_magtex.compute import Progress
from napari_magtex.contributions import MASK_KEY, METADATA_KEY
from napari_magtex.errors import MagtexError, Unsuitable
from napari_magtex.files import told_if_unwritable, with_ending
from napari_magtex.imaging.cleaning import Cleaned, Cleaning, Kind
from napari_magtex.picture import Contrast
from napari_magtex.widgets.choices import SOURCE_KEY, LayerChoice
from napari_magtex.widgets.clean_preview import Preview
from napari_magtex.widgets.clean_settings import CleaningForm, read_settings, write_settings
from napari_magtex.widgets.dock import Dock, button_row, wrapped_label
from napari_magtex.widgets.fold import Fold
from napari_magtex.widgets.layers import pixel_size_of, placed_on
from napari_magtex.widgets.masks import drawn_mask
from napari_magtex.widgets.pictures import (
    GreyFrames,
    contrast_of,
    frame_count,
    mask_of,
    meta_of,
    part_of,
    source_name,
    stack_shape,
    texture_of,
)
from napari_magtex.widgets.scale_bar import ScaleBar
from napari_magtex.widgets.worker import tell

if TYPE_CHECKING:
    from napari.viewer import Viewer

OFTEN = 3  # remarks on frames that are told one by one
SHARE_OF_MEMORY = 1 / 3  # of what is free: a longer stack is cleaned frame by frame as it is shown
_SAME = 0.01  # relative difference of two pixel sizes

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Job:
    """What is cleaned, and how; ``frame`` None means all of them."""

    image: Image
    frame: int | None
    contrast: Contrast | None
    cleaning: Cleaning
    mask: Mask | None
    reference: Image | None


@dataclass(frozen=True, eq=False)
class Answer:
    """What came out: pixels of one frame or of all, the words to it, and the greys between which it is shown."""

    job: Job
    pixels: Any
    mask: Mask
    found: Mapping[Kind, Mask]
    remarks: tuple[str, ...]
    limits: tuple[float, float]


class CleanDock(Dock):
    """Cleans the frames of a layer into a new layer beside it; the input is never altered.

    Parameters
    ----------
    napari_viewer
        The viewer whose layers it cleans.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer, "Clean")
        self.drawn = LayerChoice(self.viewer, (Shapes, Labels), none="None")
        self.reference = LayerChoice(self.viewer, Image, none="None")
        self.settings = CleaningForm()
        self.preview = Preview(self.viewer, self._preview_work, self._show_preview, self._tell_why_not)
        self.scale_bar = ScaleBar(self.viewer, self.form.layer)
        self.drawn.setToolTip("Closed shapes or labels over what is not to be analysed: holes, bend contours, dirt")
        self.reference.setToolTip("A frame without the texture: saturated, above Tc, or flipped; of a stack the mean")
        self.form.rows.setRowVisible(self.form.roi, False)
        self.form.rows.insertRow(self.form.rows.rowCount() - 1, "Mask", self.drawn)
        self.form.rows.insertRow(self.form.rows.rowCount() - 1, "Reference", self.reference)
        asking = self.runner.parentWidget()
        layout = asking.layout() if asking is not None else None
        assert isinstance(layout, QVBoxLayout)
        files = button_row({"Open settings…": self._on_open, "Save settings…": self._on_save})
        scale = Fold("Scale from a scale bar", self.scale_bar)
        for widget in (self.settings, files, self.preview):
            layout.insertWidget(layout.indexOf(self.runner), widget)
        layout.insertWidget(layout.indexOf(self.runner) + 1, scale)
        self.said = wrapped_label()
        self.column.addWidget(self.said)
        self.column.addStretch()

        self._reference: tuple[Image, Any, NDArray[np.float32]] | None = None  # the last one, and its mean
        self._drawn_in: Shapes | Labels | None = None
        for choice in (self.form.layer, self.form.contrast, self.drawn, self.reference):
            choice.currentIndexChanged.connect(self.preview.renew)
        self.form.layer.currentIndexChanged.connect(self._on_layer)
        self.form.contrast.currentIndexChanged.connect(self._on_contrast)
        self.drawn.currentIndexChanged.connect(self._on_mask)
        self.settings.changed.connect(self.preview.renew)
        self.viewer.dims.events.point.connect(self.preview.renew)
        self.scale_bar.scaled.connect(self._on_layer)
        self._on_layer()
        self._on_contrast()
        self._on_mask()

    # ---- the form

    def _on_layer(self, _event: Any = None) -> None:
        self.settings.suit(self.form.layer.value)
        self._on_contrast()

    def _on_contrast(self, _event: Any = None) -> None:
        """Divide frames of electrons, subtract from others."""
        image = self.form.layer.value
        contrast = self.form.contrast.value or (contrast_of(image) if image is not None else None)
        if contrast is not None:
            self.settings.by.value = Cleaning.suited_to(contrast).by

    def _on_mask(self, _event: Any = None) -> None:
        """Follow what is drawn in the layer chosen."""
        for name in ("data", "paint", "labels_update"):
            for layer, connect in ((self._drawn_in, False), (self.drawn.value, True)):
                event = getattr(layer.events, name, None) if layer is not None else None
                if event is not None:
                    (event.connect if connect else event.disconnect)(self.preview.renew)
        self._drawn_in = self.drawn.value

    def _on_open(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open settings", "", "Settings (*.json)")
        if name:
            try:
                self.settings.value = read_settings(Path(name))
            except MagtexError as error:
                tell(error)

    def _on_save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save settings", "cleaning.json", "Settings (*.json)")
        if name:
            try:
                self.save(with_ending(name, "json"))
            except MagtexError as error:
                tell(error)

    def save(self, path: str | Path) -> None:
        """Write the settings as JSON."""
        with told_if_unwritable(Path(path)):
            write_settings(Path(path), self.settings.value)

    def _job(self, frame: int | None) -> Job:
        image = self.form.image
        if texture_of(image) is not None:
            raise Unsuitable(f"{image.name} holds spins: there is nothing to clean in them, it takes frames")
        reference = self.reference.value
        if reference is not None:
            _check_pixel_sizes(image, reference)
        known, drawn = mask_of(image), None
        if self.drawn.value is not None:
            drawn = drawn_mask(self.drawn.value, image, self.viewer.dims.units)
        masks = [mask for mask in (known, drawn) if mask is not None]
        mask = np.logical_or.reduce(masks) if masks else None
        return Job(image, frame, self.form.contrast.value, self.settings.value, mask, reference)

    def _preview_work(self) -> Iterator[Any]:
        return self._cleaning(self._job(self.form.shown))

    def _show_preview(self, answer: Answer) -> None:
        self._say(answer)
        job, lead = answer.job, (np.newaxis,) * len(stack_shape(answer.job.image))
        assert job.frame is not None
        self.preview.show_layers(
            job.image,
            answer.pixels[lead],
            answer.mask[lead],
            part_of(job.image, job.frame, origin=(0, 0)),
            colormap=job.image.colormap.name,
            contrast_limits=answer.limits,
        )

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Take the preview away when napari takes the widget out of its closed dock."""
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.preview.setChecked(False)
        super().changeEvent(event)

    # ---- cleaning

    def prepare(self) -> Iterator[Any]:
        """Read the form; the cleaned layer follows."""
        every = frame_count(self.form.image) > 1 and bool(self.form.frames.value)
        return self._cleaning(self._job(None if every else self.form.shown))

    def take(self, answer: Answer) -> None:
        """Add the cleaned frames as a layer above their input."""
        self.preview.setChecked(False)
        job, image = answer.job, answer.job.image
        meta = {key: value for key, value in meta_of(image).items() if key != MASK_KEY}
        if job.contrast is not None:
            meta["contrast"] = str(job.contrast)
        meta["cleaning"] = job.cleaning.to_dict() | {
            "of": source_name(image),
            "reference": None if job.reference is None else source_name(job.reference),
        }
        if answer.mask.any():
            meta[MASK_KEY] = answer.mask
        lead = stack_shape(image)
        if job.frame is None:
            pixels, placement = answer.pixels.reshape(*lead, *answer.mask.shape), placed_on(image)
        else:
            pixels, placement = answer.pixels[(np.newaxis,) * len(lead)], part_of(image, job.frame, origin=(0, 0))
            meta |= {"frame": job.frame} if lead else {}
        layer = Image(
            pixels,
            name=f"clean: {image.name}",
            metadata={**image.metadata, METADATA_KEY: meta, SOURCE_KEY: image.unique_id},
            colormap=image.colormap.name,
            contrast_limits=answer.limits,
            **placement,
        )
        self.viewer.add_layer(layer)
        if image in self.viewer.layers:
            self.viewer.layers.move(self.viewer.layers.index(layer), self.viewer.layers.index(image) + 1)
        self._say(answer)

    def results(self) -> list[Any]:
        """Return nothing: what is cleaned is a layer, and what is saved are the settings."""
        return []

    def _tell_why_not(self, why: str) -> None:
        self.said.setText(why)

    def _say(self, answer: Answer) -> None:
        self.settings.show_found({kind: found_text(kind, mask) for kind, mask in answer.found.items()})
        share = float(answer.mask.mean())
        masked = [f"{100 * share:.3g} % of the frame masked"] if share else []
        lines = [*masked, *answer.remarks] or ["Nothing is masked, and no hot or dead pixel was found"]
        self.said.setText("<br>".join(f"{line[0].upper()}{line[1:]}." for line in lines))

    def _cleaning(self, job: Job) -> Iterator[Progress | Answer]:
        """Clean one frame, or all of them."""
        yield Progress(0, 0, "cleaning")
        from napari_magtex.imaging.cleaning import clean
        from napari_magtex.imaging.stack import clean_stack

        frames = GreyFrames(job.image)
        reference: NDArray[np.float32] | None = None
        if job.reference is not None:
            for step in self._mean_of(job.reference):
                if isinstance(step, Progress):
                    yield step
                else:
                    reference = step
        if job.frame is not None:
            alone = replace(job.cleaning, align=False)
            cleaned: Cleaned = clean(frames[job.frame], alone, mask=job.mask, reference=reference)
            shown = limits(cleaned.frame, cleaned.mask)
            yield Answer(job, cleaned.frame, cleaned.mask, cleaned.found, cleaned.remarks, shown)
            return
        import psutil

        room = int(psutil.virtual_memory().available * SHARE_OF_MEMORY)
        for stage in clean_stack(frames, job.cleaning, mask=job.mask, reference=reference, most_bytes=room):
            if isinstance(stage, Progress):
                yield stage
            else:
                shown = limits(np.asarray(stage.pixels[0]), stage.mask)
                yield Answer(job, stage.pixels, stage.mask, stage.found, _of_frames(stage.remarks), shown)

    def _mean_of(self, layer: Image) -> Iterator[Progress | NDArray[np.float32]]:
        """Average a reference; the last one is kept, as a preview asks for it again and again."""
        from napari_magtex.imaging.stack import mean_frame

        if self._reference is not None and self._reference[0] is layer and self._reference[1] is layer.data:
            yield self._reference[2]
            return
        for step in mean_frame(GreyFrames(layer)):
            if not isinstance(step, Progress):
                self._reference = (layer, layer.data, step)
            yield step


def found_text(kind: Kind, mask: Mask) -> str:
    """Say where something was found."""
    if kind is Kind.FOOTER:
        rows = np.flatnonzero(mask.any(axis=1))
        return f"{len(rows)} rows"
    return f"{100 * mask.mean():.3g} %"


def _of_frames(remarks: Mapping[int, tuple[str, ...]]) -> tuple[str, ...]:
    """Bring remarks on single frames to a few lines: what is said of many frames is said once."""
    spikes = [said for about in remarks.values() for said in about if said.endswith("replaced")]
    others = [f"frame {n}: {said}" for n, about in remarks.items() for said in about if not said.endswith("replaced")]
    lines = [f"hot or dead pixels were replaced in {len(spikes)} frames"] if spikes else []
    more = [f"and {len(others) - OFTEN} more of this kind"] if len(others) > OFTEN else []
    return (*lines, *others[:OFTEN], *more)


def _check_pixel_sizes(image: Image, reference: Image) -> None:
    sizes = pixel_size_of(image), pixel_size_of(reference)
    if all(sizes) and not np.allclose(*sizes, rtol=_SAME, atol=0):  # type: ignore[arg-type]
        of_image, of_reference = (f"{1e9 * size[1]:.4g} nm" for size in sizes if size is not None)
        raise Unsuitable(
            f"a pixel of the reference {reference.name} is {of_reference} wide, one of {image.name} {of_image}: take "
            "one at the same magnification"
        )


def limits(pixels: NDArray[np.float32], mask: Mask) -> tuple[float, float]:
    """Return the greys between which a frame is shown; they never meet."""
    counted = pixels[~mask]
    low, high = (float(q) for q in np.quantile(counted[:: max(1, counted.size // 1_000_000)], (0.001, 0.999)))
    return (low, high) if high > low else (low, low + 1)
