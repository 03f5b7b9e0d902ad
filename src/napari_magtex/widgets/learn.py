"""The dock Teach states: what to label next, the corrections that are kept, a network that has learned from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex
from qtpy.QtWidgets import QAbstractItemView, QFileDialog, QLabel, QPushButton

from napari_magtex.classify.corrections import Correction, Corrections
from napari_magtex.compute import Progress
from napari_magtex.errors import MagtexError, UnusablePicture, in_brief
from napari_magtex.picture import Contrast, Picture
from napari_magtex.states.definitions import State
from napari_magtex.widgets.choices import DEVICES, Choice
from napari_magtex.widgets.classify import View
from napari_magtex.widgets.correct import CorrectRow, caption_of, choose_folder, corrections_of, keeping
from napari_magtex.widgets.dock import button_row, wrapped_label
from napari_magtex.widgets.kept import heading, selected_rows, where
from napari_magtex.widgets.layers import in_world
from napari_magtex.widgets.learning import LearningDock
from napari_magtex.widgets.networks import NetworkChoice
from napari_magtex.widgets.pictures import frame_index, source_name
from napari_magtex.widgets.tables import EstimateTable, table_view
from napari_magtex.widgets.worker import tell

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_magtex.classify.adapt import Adaptation
    from napari_magtex.classify.predict import Classifier
    from napari_magtex.results import Verdict

TO_LABEL = "to label"  # the layer that shows a file which is not open


@dataclass(frozen=True)
class FileView:
    """One frame of a file that is not open in napari."""

    path: Path
    frame: int
    contrast: Contrast | None

    def picture(self) -> Picture:
        """Read the pixels."""
        from napari_magtex.inputs import open_inputs

        return open_inputs(self.path, contrast=self.contrast)[self.frame].picture


@dataclass(frozen=True)
class Candidate:
    """A picture worth labelling, its verdict, and between what that wavers."""

    view: View | FileView
    verdict: Verdict
    doubt: str


class LearnDock(LearningDock["Adaptation"]):
    """Asks for the labels that help most, shows those that were given, and fits a network to them.

    Parameters
    ----------
    napari_viewer
        The viewer whose layers it ranks.
    model
        Name or path of the classifier's weights.
    """

    ending, use = "adapted", "where states are classified"

    def __init__(self, napari_viewer: Viewer, model: str | Path = "nine-states") -> None:
        super().__init__(napari_viewer, "Most useful to label next")
        self.candidates: list[Candidate] = []
        self.shown: Candidate | None = None  # the one whose picture is on the canvas: a label is of no other
        self._focused = False
        self.kept: list[Correction] = []
        self.network, self.device = NetworkChoice(model), Choice(DEVICES)
        last = self.form.rows.rowCount() - 1
        self.form.rows.insertRow(last, "Network", self.network)
        self.form.rows.insertRow(last + 1, "Device", self.device)

        self.ranking, self.table = EstimateTable(), EstimateTable()
        self.ranking_view, self.table_view = table_view(self.ranking), table_view(self.table)
        for view in (self.ranking_view, self.table_view):
            view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.ranking_view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.of_folder = QPushButton("Most useful of a folder…")
        self.hint = QLabel("Click a row to look at it, then say what it shows.")
        self.correct, self.summary = CorrectRow(), wrapped_label()
        self.manage = button_row({"Remove": self._on_remove, "Other folder…": self._on_choose_folder})
        self.adapt = QPushButton("Adapt the network")
        for widget in (
            self.of_folder,
            self.ranking_view,
            self.hint,
            self.correct,
            heading("Corrections kept"),
            self.summary,
            self.table_view,
            self.manage,
            heading("A network that learns from them"),
            self.adapt,
            self.outcome,
            self.save_network,
        ):
            self.column.addWidget(widget)
        self.column.addStretch()

        self.of_folder.clicked.connect(self._on_of_folder)
        self.adapt.clicked.connect(self._on_adapt)
        self.correct.keep.connect(self._on_keep)
        self.ranking_view.clicked.connect(lambda index: self.go_to(index.row()))
        rows = self.ranking_view.selectionModel()
        assert rows is not None
        rows.currentRowChanged.connect(self._on_row)  # by the keyboard, too
        self.runner.ended.connect(self._show)
        self._show()

    # ---- what to label next

    def prepare(self) -> Iterator[Any]:
        """Read the form; a ranking of the layer's frames and regions follows."""
        image, contrast, regions = self.form.image, self.form.contrast.value, self.form.regions()
        views = [View(image, frame, region, contrast) for frame in self.form.chosen_frames() for region in regions]
        return self._rank(_read(views), len(views))

    def take(self, answer: Any) -> None:
        """Show a ranking."""
        self.candidates = answer
        self._show()

    def rank_folder(self, folder: Path) -> None:
        """Rank all pictures in a folder, every frame of every file that can be read."""
        paths = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
        self._run(self._rank(_in_files(paths, self.form.contrast.value), len(paths)), self.take)

    def _rank(self, pictures: Iterable[tuple[View | FileView, Picture | Exception]], total: int) -> Iterator[Any]:
        self.candidates, self.shown = [], None
        self._show()
        self._set_busy(True)
        return _ranking(pictures, total, corrections_of(self.viewer), self.network.loader(self.device.value))

    def go_to(self, row: int) -> None:
        """Show the picture of a row of the ranking, and ask what it is."""
        candidate = self.candidates[row]
        view = candidate.view
        if isinstance(view, FileView):
            self._run(_opened(view), lambda picture: self._on_opened(candidate, picture))
        elif view.image in self.viewer.layers:
            self.viewer.layers.selection.active = view.image
            index = frame_index(view.image, view.frame)
            place = (*index, *[0] * (view.image.ndim - len(index)))
            world = in_world(place, view.image, self.viewer.dims.units)
            first = self.viewer.dims.ndim - view.image.ndim
            for axis, position in enumerate(world[: len(index)], start=first):
                self.viewer.dims.set_point(axis, position)
            self.shown = candidate
            self._show()
        else:
            tell(UnusablePicture(f"the layer {view.image.name} is closed: open it, and rank its frames again"))
            self._show()

    def _on_row(self, current: QModelIndex) -> None:
        if current.isValid() and self.candidates[current.row()] is not self.shown:
            self.go_to(current.row())

    def _on_opened(self, candidate: Candidate, picture: Picture) -> None:
        self.add_result(picture.pixels, TO_LABEL, {}, rgb=picture.is_colour)
        self.viewer.reset_view()
        self.shown = candidate

    def _on_of_folder(self) -> None:
        if folder := QFileDialog.getExistingDirectory(self, "A folder of pictures"):
            self.rank_folder(Path(folder))

    # ---- corrections

    def _on_keep(self, state: State | None) -> None:
        if self.shown is not None:
            work = keeping(corrections_of(self.viewer), self.shown.view.picture, self.shown.verdict, state)
            self._run(work, self._on_kept)

    def _on_kept(self, correction: Correction) -> None:
        self._show()
        self.correct.show_kept(correction)

    def _on_remove(self) -> None:
        try:
            corrections_of(self.viewer).remove([self.kept[row] for row in selected_rows(self.table_view)])
        except MagtexError as error:
            tell(error)
        self._show()

    def _on_choose_folder(self) -> None:
        at = str(corrections_of(self.viewer).folder)
        if folder := QFileDialog.getExistingDirectory(self, "Keep corrections in", at):
            choose_folder(self.viewer, Path(folder))
            self._show()

    # ---- adapting

    def _on_adapt(self) -> None:
        self._run(_adapting(corrections_of(self.viewer), self.network.loader(self.device.value)), self._on_learned)

    def outcome_of(self, adaptation: Adaptation) -> str:
        """Say in rich text how an adapted network does."""
        return outcome(adaptation)

    # ---- showing

    def _run(self, work: Iterator[Any], answered: Callable[[Any], None]) -> None:
        if not self.runner.running:
            self._set_busy(True)
            self.runner.run(work, answered)

    def _set_busy(self, busy: bool) -> None:
        self._focused |= self.ranking_view.hasFocus()  # which it loses with being enabled
        for widget in (self.of_folder, self.ranking_view, self.correct, self.manage, self.adapt, self.save_network):
            widget.setEnabled(not busy)
        if self._focused and not busy:
            self._focused = False
            self.ranking_view.setFocus()

    def _show(self) -> None:
        """Bring tables and buttons to what is known."""
        corrections = corrections_of(self.viewer)
        try:
            kept = corrections.read()
            self.summary.setText(_summary(kept, corrections.folder))
        except MagtexError as error:
            kept = []
            self.summary.setText(str(error))
        if kept != self.kept:  # rows that stay keep their selection
            self.kept = kept
            self.table.show_rows([_correction_row(correction) for correction in kept])
        said = {correction.sha256: correction.state for correction in self.kept}
        self.ranking.show_rows([_candidate_row(candidate, said) for candidate in self.candidates])
        for row, candidate in enumerate(self.candidates):
            if candidate is self.shown:
                self.ranking_view.selectRow(row)
        self.ranking_view.setVisible(bool(self.candidates))
        self.hint.setVisible(bool(self.candidates) and self.shown is None)
        self.correct.show_verdict(self.shown.verdict if self.shown else None)
        self.table_view.setVisible(bool(self.kept))
        self.outcome.setVisible(self.adaptation is not None)
        self.save_network.setVisible(self.adaptation is not None)
        self._set_busy(self.runner.running)


def outcome(adaptation: Adaptation) -> str:
    """Say in rich text how an adapted network does."""
    held = adaptation.held_back
    how = "file by file" if held.whole_files else "picture by picture"
    (low_b, high_b), (low_a, high_a) = held.intervals
    lines = [
        f"<b>{held.before} of {held.count}</b> right before ({100 * low_b:.0f}–{100 * high_b:.0f} %), "
        f"<b>{held.after} of {held.count}</b> after ({100 * low_a:.0f}–{100 * high_a:.0f} %), on corrections held back "
        f"{how}."
    ]
    if not held.enough:
        lines.append("These are too few to judge by: keep more.")
    elif held.after <= held.before:
        lines.append("It has not become better: keep the old network, and more corrections.")
    if not held.whole_files:
        lines.append("All are of a few files, so this says little about others.")
    kept, plain = adaptation.plain_kept, adaptation.plain
    lines.append(f"{kept} of {plain} plain pictures of all states are still named as before.")
    return "<br>".join(lines)


def _summary(kept: Sequence[Correction], folder: Path) -> str:
    if not kept:
        return f"None yet in {folder}. Keep what a picture shows, here or under a verdict of Classify state."
    counts = Counter(caption_of(correction.state) for correction in kept)
    return f"{len(kept)} in {folder}: " + ", ".join(f"{count} {name}" for name, count in counts.most_common()) + "."


def _candidate_row(candidate: Candidate, said: dict[str, State | None]) -> dict[str, str]:
    origin = candidate.verdict.provenance
    label = f"kept: {caption_of(said[origin.sha256])}" if origin.sha256 in said else candidate.doubt
    return {"Picture": where(origin.file, origin.frame, origin.roi), "Remark": label.replace(", ", "\n")}


def _correction_row(correction: Correction) -> dict[str, str]:
    within = f"{correction.said.caption}\n{100 * correction.probability:.0f} %"
    return {
        "Picture": where(correction.file, correction.frame, correction.roi),
        "It shows": caption_of(correction.state),
        "Remark": f"named {within}" if correction.applicability >= 0.5 else "out of range",
    }


def _read(views: Sequence[View]) -> Iterator[tuple[View, Picture | Exception]]:
    for view in views:
        try:
            yield view, view.picture()
        except Exception as error:  # whatever a library behind a lazy layer raises
            yield view, error


def _in_files(paths: Sequence[Path], contrast: Contrast | None) -> Iterator[tuple[FileView, Picture | Exception]]:
    from napari_magtex.inputs import open_inputs

    for path in paths:
        try:
            inputs = open_inputs(path, contrast=contrast)
        except Exception as error:  # one bad file does not lose the others
            yield FileView(path, 0, contrast), error
            continue
        for frame in range(len(inputs)):
            try:
                yield FileView(path, frame, contrast), inputs[frame].picture
            except Exception as error:
                yield FileView(path, frame, contrast), error


def _ranking(
    pictures: Iterable[tuple[View | FileView, Picture | Exception]],
    total: int,
    corrections: Corrections,
    load: Callable[[], Classifier],
) -> Iterator[Progress | list[Candidate]]:
    """Rank pictures without a label; those that cannot be used do not lose the others, and are told at the end."""
    from napari_magtex.classify.usefulness import doubt, most_useful

    yield Progress(0, total, "loading the network")
    classifier = load()
    known = {correction.sha256 for correction in corrections.read()}
    views: list[View | FileView] = []
    refused: list[str] = []

    def each() -> Iterator[Picture | Exception]:
        for view, picture in pictures:
            views.append(view)
            yield picture

    def refuse(place: int, error: Exception) -> None:
        view = views[place]
        name = view.path.name if isinstance(view, FileView) else source_name(view.image)
        refused.append(f"{Path(name).name}, frame {view.frame}: {error}")

    for step in most_useful(each(), classifier, total=total, known=known, refused=refuse):
        if isinstance(step, Progress):
            yield step
        else:
            yield [Candidate(views[useful.place], useful.verdict, doubt(useful.verdict)) for useful in step]
    if refused:
        raise UnusablePicture("not ranked: " + in_brief(refused))


def _opened(view: FileView) -> Iterator[Progress | Picture]:
    yield Progress(0, 0, "opening")
    yield view.picture()


def _adapting(corrections: Corrections, load: Callable[[], Classifier]) -> Iterator[Progress | Adaptation]:
    from napari_magtex.classify.adapt import adapt

    yield Progress(0, 0, "loading the network")
    yield from adapt(corrections, load())
