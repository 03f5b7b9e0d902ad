"""The dock Map states: which state is where in a large frame, the area of each, and how it changes over a stack."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from numpy.typing import NDArray
from qtpy.QtWidgets import QSpinBox, QWidget

from napari_magtex.compute import Progress
from napari_magtex.errors import MagtexError, UncalibratedPicture, UnusablePicture, in_brief
from napari_magtex.picture import Contrast, Picture, Region
from napari_magtex.widgets.choices import DEVICES, Choice
from napari_magtex.widgets.classify import NAMES, View
from napari_magtex.widgets.dock import Dock, row_of, wrapped_label
from napari_magtex.widgets.layers import label_colours, pixel_size_of
from napari_magtex.widgets.networks import NetworkChoice
from napari_magtex.widgets.pictures import (
    as_analysed,
    frame_count,
    frame_number,
    part_of,
    shown_frame,
    stack_shape,
)
from napari_magtex.widgets.plots import (
    DECLINED_COLOUR,
    NO_CONTRAST_COLOUR,
    STATE_COLOURS,
    FractionTrack,
    area_rows,
)
from napari_magtex.widgets.series_choice import SeriesChoice

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_magtex.classify.predict import Classifier
    from napari_magtex.results import StateFractions

STEPS = {"Half a window": 2, "Quarter, 4 times as long": 4}  # to a window


@dataclass(frozen=True)
class Window:
    """What the person says of the window: its side (0: auto) in ``px`` or ``nm``, and how many steps make one."""

    side: int
    unit: str
    steps: int

    def pixels(self, picture: Picture, size: int) -> int:
        """Return the side in pixels of a picture; ``size`` is that of the network's views.

        Raises
        ------
        UncalibratedPicture
            It is given in nm, and the pixel size is not known.
        """
        from napari_magtex.classify.state_map import default_window

        if self.side == 0:
            return default_window(picture, size)
        if self.unit == "px":
            return self.side
        if picture.pixel_size is None:
            raise UncalibratedPicture("the pixel size is unknown: give the window in px")
        return round(self.side * 1e-9 / float(np.mean(picture.pixel_size)))


@dataclass(frozen=True)
class Area:
    """How much of a view is in which state, and its pixel size (dy, dx) in metres where it is known."""

    view: View
    result: StateFractions
    pixel_size: tuple[float, float] | None


class StateMapDock(Dock):
    """Lays a map of states over a picture or every frame of a stack, with the area fractions.

    Parameters
    ----------
    napari_viewer
        The viewer whose layers it maps.
    model
        Name or path of the classifier's weights.
    """

    def __init__(self, napari_viewer: Viewer, model: str | Path = "nine-states") -> None:
        super().__init__(napari_viewer, "Map states")
        self.areas: list[Area] = []
        self.labels: Labels | None = None  # one frame, or the whole stack where all frames are mapped
        self._listened_to: Image | None = None
        self._frames: list[int] = []
        self._regions: list[Region | None] = [None]
        self.network, self.device = NetworkChoice(model), Choice(DEVICES)
        self.steps, self.against = Choice(STEPS), SeriesChoice()
        last = self.form.rows.rowCount() - 1
        self.form.rows.insertRow(last, "Window", self._window_row())
        self.form.rows.insertRow(last + 1, "Step", self.steps)
        self.form.rows.insertRow(last + 2, "Against", self.against)
        self.form.rows.insertRow(last + 3, "Network", self.network)
        self.form.rows.insertRow(last + 4, "Device", self.device)

        self.region, self.legend, self.remark = Choice(), wrapped_label(), wrapped_label()
        self.track = FractionTrack(self.viewer)
        for widget in (self.region, self.legend, self.remark, self.track):
            self.column.addWidget(widget)
        self.column.addWidget(self.save_row("csv", "json"))
        self.column.addStretch()
        self.form.layer.currentIndexChanged.connect(self._on_layer)
        self.region.currentIndexChanged.connect(self._show)
        self.against.changed.connect(self._show)
        self.viewer.dims.events.point.connect(self._on_slider)
        self._on_layer()

    def _window_row(self) -> QWidget:
        self.side, self.unit = QSpinBox(), Choice({"px": "px"})
        self.side.setRange(0, 1_000_000)
        self.side.setSpecialValueText("auto")
        self.side.setToolTip("Side of the window. Auto: five periods of the texture, at least 128 pixels")
        self.unit.setMinimumContentsLength(3)
        return row_of(self.side, self.unit)

    def _on_layer(self, _event: Any = None) -> None:
        image = self.form.layer.value
        for layer, connect in ((self._listened_to, False), (image, True)):
            if layer is not None:
                for event, told in (
                    (layer.events.scale, self._on_calibrated),
                    (layer.events.units, self._on_calibrated),
                    (layer.events.metadata, self._on_metadata),
                ):
                    (event.connect if connect else event.disconnect)(told)
        self._listened_to = image
        self._on_calibrated()
        self.form.rows.setRowVisible(self.against, image is not None and frame_count(image) > 1)
        self.against.show_layer(image)
        self._show()

    def _on_calibrated(self, _event: Any = None) -> None:
        image = self.form.layer.value
        calibrated = image is not None and pixel_size_of(image) is not None
        self.unit.offer({"px": "px"} | ({"nm": "nm"} if calibrated else {}))

    def _on_metadata(self, _event: Any = None) -> None:
        if self.against.value is None:  # what the person chose stays
            self.against.show_layer(self.form.layer.value)

    # ---- computing

    def prepare(self) -> Iterator[Any]:
        """Read the form; maps follow frame by frame, that of the frame shown first."""
        image, contrast, shown = self.form.image, self.form.contrast.value, self.form.shown
        self._regions, self._frames = self.form.regions(), self.form.chosen_frames()
        views = [View(image, frame, region, contrast) for frame in self._frames for region in self._regions]
        views.sort(key=lambda view: view.frame != shown)
        self.areas.clear()
        self.labels = None
        count = len(self._regions)
        self.region.offer({f"Region {n} of {count}": n for n in range(1, count + 1)})
        self._show()
        window = Window(self.side.value(), self.unit.value, self.steps.value)
        return _maps(views, window, self.network.loader(self.device.value))

    def take(self, answer: tuple[Area, NDArray[np.uint8]]) -> None:
        """Lay a map over its frame, as soon as it is done."""
        area, labels = answer
        self._paint(area.view, labels)
        self.areas.append(area)
        self.areas.sort(key=lambda each: each.view.frame)
        self._show()

    def results(self) -> list[StateFractions]:
        """Return the area fractions, frame by frame, with the field or temperature chosen."""
        if not self.areas:
            raise UnusablePicture("nothing is mapped yet: press Map states first")
        return [self._with_series(area) for area in self.areas]

    def _with_series(self, area: Area) -> StateFractions:
        series = self.against.value if area.view.image is self.form.layer.value else None
        return area.result if series is None else replace(area.result, at={series.name: series.values[area.view.frame]})

    # ---- showing

    def _paint(self, view: View, labels: NDArray[np.uint8]) -> None:
        """Write a map into the layer of labels; of a layer that the person has deleted nothing more is shown."""
        alone = len(self._frames) == 1
        if self.labels is None:
            self.labels = self._add_labels(view, alone)
        stack = self.labels.data.shape[:-2]
        whole = self.labels.data[np.unravel_index(0 if alone else view.frame, stack)] if stack else self.labels.data
        x0, y0 = view.region.bounds[:2] if view.region else (0, 0)
        part = whole[y0 : y0 + labels.shape[0], x0 : x0 + labels.shape[1]]
        np.copyto(part, labels, where=labels > 0)
        self.labels.refresh()

    def _add_labels(self, view: View, alone: bool) -> Labels:
        """Add an empty layer over the frame or the stack; that of an earlier map of the same layer gives way."""
        stack = stack_shape(view.image)
        seen, _ = as_analysed(view.image, view.frame)
        data = seen.data[0] if seen.multiscale else seen.data
        return self.add_layer(
            Labels(
                np.zeros(((1,) * len(stack) if alone else stack) + data.shape[len(stack) : len(stack) + 2], np.uint8),
                name=f"states: {view.image.name}",
                colormap=label_colours(_state_colours()),
                opacity=0.5,
                **part_of(view.image, view.frame if alone else 0, origin=(0, 0)),
            ),
            view.image,
        )

    def _of_region(self) -> list[Area]:
        """Return what is known of the region chosen, frame by frame."""
        region = self._regions[(self.region.value or 1) - 1]
        return [area for area in self.areas if area.view.region is region]

    def current(self) -> Area | None:
        """Return what the sliders and the choice of a region point at, if it is mapped."""
        frame = shown_frame(self.areas[0].view.image, self.viewer.dims) if self.areas else 0
        return next((area for area in self._of_region() if area.view.frame == frame), None)

    def _show(self, _event: Any = None) -> None:
        self.region.setVisible(self.region.count() > 1)
        self.track.setVisible(len(self._frames) > 1 and bool(self.areas))
        if self.track.isVisibleTo(self):
            self.track.show_results([self._with_series(area) for area in self._of_region()])
        self._on_slider()

    def _on_slider(self, _event: Any = None) -> None:
        area = self.current()
        self.legend.setText(legend(area.result) if area else "")
        self.legend.setVisible(area is not None)
        self.remark.setText(_remark(area) if area else "")
        self.remark.setVisible(area is not None)
        if self.track.isVisibleTo(self):
            image = self.areas[0].view.image
            self.track.show_frame(frame_number(image, shown_frame(image, self.viewer.dims)))


def legend(result: StateFractions) -> str:
    """Return a table in rich text: colour, state and area of all that occurs."""
    rows = [
        f"<tr><td style='color:{colour}'>■</td><td>{caption}</td><td align='right'>{100 * values[0]:.1f} %</td></tr>"
        for caption, colour, values in area_rows([result])
    ]
    return f"<table cellpadding='3'>{''.join(rows)}</table>"


def _remark(area: Area) -> str:
    result = area.result
    side = f"{result.window_px} px"
    if area.pixel_size is not None:
        side += f" ({result.window_px * float(np.mean(area.pixel_size)) * 1e9:.4g} nm)"
    lines = [f"Windows of {side}, every {result.step_px} px, in {NAMES[result.provenance.contrast]}."]
    if result.declined:
        lines.append("Declined: unlike any picture that the network was trained on.")
    return "<br>".join(lines)


def _state_colours() -> dict[int, str]:
    from napari_magtex.classify.state_map import DECLINED, LABELS, NO_CONTRAST

    of_states = {LABELS[state]: colour for state, colour in STATE_COLOURS.items()}
    return {DECLINED: DECLINED_COLOUR, NO_CONTRAST: NO_CONTRAST_COLOUR} | of_states


def _maps(
    views: Sequence[View], window: Window, load: Callable[[], Classifier]
) -> Iterator[Progress | tuple[Area, NDArray[np.uint8]]]:
    """Map view by view; the first that can be used settles the contrast, and for each region the window, of them all.

    A frame that cannot be used does not lose the others, and is told at the end.
    """
    from napari_magtex.classify.state_map import contrast_of, state_map

    yield Progress(0, 0, "loading the network")
    classifier = load()
    contrast: Contrast | None = None
    sides: dict[Region | None, int] = {}
    refused: list[str] = []
    for done, view in enumerate(views):
        try:
            picture = view.picture()
            contrast = contrast or picture.contrast or contrast_of(picture, classifier)
            if view.region not in sides:
                sides[view.region] = window.pixels(picture, classifier.size)
            side = sides[view.region]
            step = max(1, side // window.steps)
            for answer in state_map(replace(picture, contrast=contrast), classifier, window=side, step=step):
                if isinstance(answer, Progress):
                    yield Progress(done * answer.total + answer.done, len(views) * answer.total, "window")
                else:
                    yield Area(view, answer.result, picture.pixel_size), answer.labels
        except MagtexError as error:
            refused.append(str(error) if len(views) == 1 else f"frame {view.frame}: {error}")
    if refused:
        raise UnusablePicture(in_brief(refused))
