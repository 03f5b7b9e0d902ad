"""The dock Classify state: the magnetic state of a picture or of every frame of a stack, where the network looked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray
from qtpy.QtWidgets import QPushButton, QWidget

from napari_magtex.compute import Progress
from napari_magtex.errors import MagtexError, Unsuitable, UnusablePicture, in_brief
from napari_magtex.picture import Contrast, Picture, Region
from napari_magtex.states.definitions import State
from napari_magtex.widgets.choices import DEVICES, Choice
from napari_magtex.widgets.correct import CorrectRow, corrections_of, keeping
from napari_magtex.widgets.dock import Dock, row_of, wrapped_label
from napari_magtex.widgets.networks import NetworkChoice
from napari_magtex.widgets.pictures import (
    frame_number,
    part_of,
    picture_of,
    shown_frame,
    stack_shape,
    told_apart,
)
from napari_magtex.widgets.plots import StateTrack, VerdictChart
from napari_magtex.widgets.veil import veil

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_magtex.classify.predict import Classifier
    from napari_magtex.results import Verdict

BATCH = 8  # pictures between two looks at Cancel
NAMES = {
    Contrast.SPIN: "a spin picture",
    Contrast.WHEEL: "an induction map",
    Contrast.LORENTZ: "Lorentz TEM",
    Contrast.KERR: "Kerr light",
    Contrast.MFM: "MFM",
    Contrast.PHASE: "a phase map",
}


@dataclass(frozen=True)
class View:
    """What is classified: one frame of a layer, or a region of it; ``label`` tells it from the others."""

    image: Image
    frame: int
    region: Region | None
    contrast: Contrast | None
    label: str = ""

    def picture(self) -> Picture:
        """Read the pixels."""
        return picture_of(self.image, frame=self.frame, roi=self.region, contrast=self.contrast)


@dataclass(frozen=True)
class Named:
    """A view, its verdict, and whose that is."""

    view: View
    verdict: Verdict
    classifier: Classifier


@dataclass(frozen=True)
class Heatmap:
    """Where the network looked, (ny, nx) from 0 to 1, in the pixels of a view; ``cell`` of them is its own grid."""

    view: View
    state: State
    values: NDArray[np.float32]
    cell: float


class ClassifyDock(Dock):
    """Names the state, shows the nine probabilities, and lays the attention over the input.

    Parameters
    ----------
    napari_viewer
        The viewer whose layers it classifies.
    model
        Name or path of the classifier's weights.
    """

    def __init__(self, napari_viewer: Viewer, model: str | Path = "nine-states") -> None:
        super().__init__(napari_viewer, "Classify state")
        self.network, self.device = NetworkChoice(model), Choice(DEVICES)
        last = self.form.rows.rowCount() - 1
        self.form.rows.insertRow(last, "Network", self.network)
        self.form.rows.insertRow(last + 1, "Device", self.device)
        self.named: list[Named] = []

        self.headline, self.remarks, self.correct = wrapped_label(), wrapped_label(), CorrectRow()
        self.chart, self.track = VerdictChart(self.viewer), StateTrack(self.viewer)
        self.region = Choice()
        for widget in (self.region, self.headline, self.chart, self.remarks, self.correct, self.track):
            self.column.addWidget(widget)
        self.column.addWidget(self._attention_row())
        self.grid = wrapped_label()
        self.grid.hide()
        self.column.addWidget(self.grid)
        self.column.addWidget(self.save_row("csv", "json"))
        self.column.addStretch()
        self.region.currentIndexChanged.connect(self._show)
        self.correct.keep.connect(self._on_keep)
        self.viewer.dims.events.point.connect(self._on_slider)
        self._show()

    def _attention_row(self) -> QWidget:
        self.target = Choice({"For the state named": None} | {f"For {state.caption}": state for state in State})
        self.attend = QPushButton("Show attention")
        self.attend.clicked.connect(self._on_attend)
        self.runner.ended.connect(self._show)
        self.attend.setToolTip("Grad-CAM: which places speak for the state, scaled to the strongest of them")
        return row_of(self.target, self.attend)

    # ---- computing

    def prepare(self) -> Iterator[Any]:
        """Read the form; verdicts follow in batches."""
        image, contrast = self.form.image, self.form.contrast.value
        regions, frames = self.form.regions(), self.form.chosen_frames()
        views = [
            View(image, frame, region, contrast, told_apart(number, len(regions), frame, len(frames)))
            for frame in frames
            for number, region in enumerate(regions, start=1)
        ]
        self.named.clear()
        self.region.offer({f"Region {n} of {len(regions)}": region for n, region in enumerate(regions, start=1)})
        self._show()
        return _verdicts(views, self.network.loader(self.device.value))

    def take(self, answer: Any) -> None:
        """Show verdicts as they come, or a heatmap."""
        if isinstance(answer, Heatmap):
            self._add_attention(answer)
        else:
            self.named += answer
            self._show()

    def results(self) -> list[Verdict]:
        """Return the verdicts, frame by frame."""
        if not self.named:
            raise UnusablePicture("nothing is classified yet: press Classify state first")
        return [named.verdict for named in self.named]

    def _on_keep(self, state: State | None) -> None:
        if (named := self.current()) is not None:
            work = keeping(corrections_of(self.viewer), named.view.picture, named.verdict, state)
            self.runner.run(work, self.correct.show_kept)

    def _on_attend(self) -> None:
        if (named := self.current()) is not None:
            self.runner.run(_heatmap(named, self.target.value))

    # ---- showing

    def current(self) -> Named | None:
        """Return what the sliders and the choice of a region point at, if it is classified."""
        if not self.named:
            return None
        shown = shown_frame(self.named[0].view.image, self.viewer.dims)
        return next((named for named in self._of_region() if named.view.frame == shown), None)

    def _of_region(self) -> list[Named]:
        """Return what is classified of the region chosen; a frame that was refused is not among it."""
        return [named for named in self.named if named.view.region is self.region.value]

    def _show(self, _event: Any = None) -> None:
        self.region.setVisible(self.region.count() > 1)
        view = self.named[0].view if self.named else None
        self.track.setVisible(view is not None and stack_shape(view.image) != ())
        if self.track.isVisibleTo(self):
            self.track.show_verdicts([named.verdict for named in self._of_region()])
        self._on_slider()

    def _on_slider(self, _event: Any = None) -> None:
        named = self.current()
        verdict = named.verdict if named else None
        self.chart.show_verdict(verdict)
        self.headline.setText(headline(verdict) if verdict else "")
        self.headline.setVisible(verdict is not None)
        self.remarks.setText(remarks(verdict) if verdict else "")
        self.remarks.setVisible(bool(self.remarks.text()))
        self.correct.show_verdict(verdict)
        self.correct.setEnabled(not self.runner.running)
        self.attend.setEnabled(verdict is not None and not self.runner.running)
        if self.track.isVisibleTo(self):
            image = self.named[0].view.image
            self.track.show_frame(frame_number(image, shown_frame(image, self.viewer.dims)))

    def _add_attention(self, heatmap: Heatmap) -> None:
        view = heatmap.view
        self.grid.setText(f"A cell of the attention's own grid is {heatmap.cell:g} px of the picture.")
        self.grid.show()
        corner = (view.region.y0, view.region.x0) if view.region else (0, 0)
        self.add_result(
            heatmap.values[(np.newaxis,) * len(stack_shape(view.image))],
            f"attention to {heatmap.state.caption}{view.label}: {view.image.name}",
            part_of(view.image, view.frame, origin=corner),
            of=view.image,
            colormap=veil(),
            contrast_limits=(0, 1),
            blending="translucent_no_depth",
        )


def headline(verdict: Verdict) -> str:
    """Say the verdict in a line of rich text."""
    seen_in = NAMES[verdict.provenance.contrast]
    if verdict.verdict == "no_contrast":
        return f"<b style='font-size:large'>No magnetic contrast</b> in {seen_in}"
    name, share = State(verdict.state).caption, f"{100 * verdict.probability:.0f} %"
    if not verdict.applicable:
        return (
            "<b style='font-size:large'>Not like anything I was trained on</b>"
            f"<br><span style='color:gray'>Nearest: {name}, {share} in {seen_in}</span>"
        )
    return f"<b style='font-size:large'>{name}</b>, {share} in {seen_in}"


def remarks(verdict: Verdict) -> str:
    """Say what else the person must know: how sure, what is hidden, whether to believe it."""
    lines = []
    if verdict.verdict == "no_contrast":
        lines.append("Uniform, antiferromagnetic, or a texture that this contrast does not show.")
    if not verdict.applicable:
        lines.append(f"Applicability {verdict.applicability:.2f}, where 0.5 is needed: do not rely on the state.")
    others = [State(state).caption for state in verdict.set if state != verdict.state]
    if others:
        lines.append("The 90 % set also holds: " + ", ".join(others) + ".")
    if verdict.hidden:
        seen_in = NAMES[verdict.provenance.contrast]
        lines.append(f"{len(verdict.hidden)} of the nine states cannot be seen in {seen_in}.")
    return "<br>".join(lines)


def _verdicts(views: Sequence[View], load: Callable[[], Classifier]) -> Iterator[Progress | list[Named]]:
    """Classify views batch by batch; a frame that cannot be used does not lose the others, and is told at the end."""
    from napari_magtex.classify.predict import classify

    yield Progress(0, len(views), "loading the network")
    classifier = load()
    refused: list[str] = []
    for start in range(0, len(views), BATCH):
        batch, pictures = [], []
        for view in views[start : start + BATCH]:
            try:
                pictures.append(view.picture())
            except MagtexError as error:
                refused.append(str(error) if len(views) == 1 else f"frame {view.frame}: {error}")
            else:
                batch.append(view)
        for step in classify(pictures, classifier) if pictures else ():
            if isinstance(step, Progress):
                yield Progress(start + step.done, len(views), "picture")
            else:
                yield [Named(view, verdict, classifier) for view, verdict in zip(batch, step, strict=True)]
    if refused:
        raise UnusablePicture(in_brief(refused))


def _heatmap(named: Named, state: State | None) -> Iterator[Progress | Heatmap]:
    from napari_magtex.classify.views import enlargement
    from napari_magtex.explain.attention import attention

    yield Progress(0, 0, "looking where the network looked")
    state, classifier, picture = State(state or named.verdict.state), named.classifier, named.view.picture()
    if picture.sha256 != named.verdict.provenance.sha256:
        raise Unsuitable("the picture has changed since it was classified: classify it again, then show the attention")
    values = attention(picture, classifier, state)
    cell = classifier.cam_stride / enlargement(picture.shape, classifier.size)
    yield Heatmap(named.view, state, values * picture.inside, cell)
