"""The dock Teach states in a real viewer, with a network that is real but untrained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt

from napari_magtex.classify import adapt
from napari_magtex.classify.adapt import Adaptation, HeldBack
from napari_magtex.classify.corrections import corrections_folder
from napari_magtex.io import spin_png
from napari_magtex.io.corrections import TABLE
from napari_magtex.models.store import read_card
from napari_magtex.picture import Contrast
from napari_magtex.states.definitions import State
from napari_magtex.widgets.classify import ClassifyDock
from napari_magtex.widgets.correct import choose_folder, corrections_of
from napari_magtex.widgets.learn import TO_LABEL, LearnDock, outcome
from napari_magtex.widgets.networks import networks_folder


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keep off the person's own corrections and networks."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


@pytest.fixture
def stack() -> np.ndarray:
    """Eight frames, no two alike."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:80, :96]
    return np.stack([np.cos(x / (2 + k) + y / 9) + rng.normal(0, 0.2, x.shape) for k in range(8)]).astype(np.float32)


@pytest.fixture
def viewer(make_napari_viewer, stack) -> Any:
    viewer = make_napari_viewer()
    viewer.add_image(stack, scale=(10, 1, 1), name="stack")
    return viewer


@pytest.fixture
def opened(viewer, tiny_classifier):
    def open_dock(kind: Any) -> Any:
        dock = kind(viewer, model=tiny_classifier)
        viewer.window.add_dock_widget(dock)
        dock.device.value = "cpu"
        dock.form.contrast.value = Contrast.KERR
        return dock

    return open_dock


def run(dock: Any, qtbot: Any, button: Any = None) -> None:
    (button or dock.runner.button).click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=120_000)


def label(dock: LearnDock, qtbot: Any, row: int, state: State | None) -> None:
    dock.go_to(row)
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    dock.correct.state.value = state
    run(dock, qtbot, dock.correct.button)


def test_a_verdict_is_corrected_and_the_other_dock_has_it(opened, viewer, qtbot, stack) -> None:
    dock, teach = opened(ClassifyDock), opened(LearnDock)
    assert not dock.correct.isVisibleTo(dock)
    dock.form.frames.value = False
    viewer.dims.set_point(0, 30)
    run(dock, qtbot)
    offered = set(dock.correct.state._values)
    assert offered == {State.FM, State.FM_STRIPES, State.FM_SKYRMIONS, State.FM_IN_PLANE_SKYRMIONS, None}
    dock.correct.state.value = State.FM_STRIPES
    run(dock, qtbot, dock.correct.button)
    assert dock.correct.note.text() == "Kept: it shows FM stripes."
    (kept,) = corrections_of(viewer).read()
    assert (kept.frame, kept.state, kept.contrast) == (3, State.FM_STRIPES, Contrast.KERR)
    np.testing.assert_array_equal(corrections_of(viewer).picture(kept).pixels, stack[3])
    dock.correct.state.value = None
    run(dock, qtbot, dock.correct.button)
    teach._show()
    assert [correction.state for correction in teach.kept] == [None]
    assert "1 none of these" in teach.summary.text()


def test_the_ranking_leads_to_each_frame_and_passes_over_what_has_a_label(opened, viewer, qtbot) -> None:
    dock = opened(LearnDock)
    run(dock, qtbot)
    ranked = [candidate.view.frame for candidate in dock.candidates]
    assert len(ranked) > 3
    assert len(set(ranked)) == len(ranked)
    label(dock, qtbot, 2, State.FM_SKYRMIONS)
    assert viewer.dims.point[0] == 10 * ranked[2]
    assert dock.ranking.frame["Remark"][2] == "kept: FM skyrmions"
    assert [correction.frame for correction in dock.kept] == [ranked[2]]
    run(dock, qtbot)
    assert ranked[2] not in [candidate.view.frame for candidate in dock.candidates]


def fails(_path: Path) -> None:
    raise RuntimeError("the library fails")


def test_files_of_a_folder_are_ranked_and_shown_and_a_bad_one_is_told(
    opened, viewer, qtbot, stack, own_folder, monkeypatch
) -> None:
    dock = opened(LearnDock)
    folder = own_folder / "frames"
    folder.mkdir()
    np.save(folder / "a.npy", stack[:2])
    np.save(folder / "b.npy", stack[5])
    (folder / "notes.txt").write_text("not a picture")
    monkeypatch.setattr(spin_png, "read_tiff", fails)
    tifffile.imwrite(folder / "odd.tif", stack[0])
    dock.rank_folder(folder)
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert "notes.txt, frame 0" in notification_manager.records[-1].message
    assert "odd.tif, frame 0: the library fails" in notification_manager.records[-1].message
    places = {(candidate.view.path.name, candidate.view.frame) for candidate in dock.candidates}
    assert places <= {("a.npy", 0), ("a.npy", 1), ("b.npy", 0)}
    assert len(places) > 1
    first = dock.candidates[0].view
    label(dock, qtbot, 0, State.FM)
    shown = viewer.layers[TO_LABEL]
    np.testing.assert_array_equal(shown.data, first.picture().pixels)
    assert shown not in dock.form.layer._values
    assert dock.kept[0].file == str(first.path)


def test_the_keyboard_leads_to_a_frame_as_a_click_does(opened, viewer, qtbot) -> None:
    dock = opened(LearnDock)
    run(dock, qtbot)
    dock.go_to(0)
    qtbot.keyClick(dock.ranking_view, Qt.Key.Key_Down)
    second = dock.candidates[1]
    assert dock.shown is second
    assert viewer.dims.point[0] == 10 * second.view.frame
    dock.correct.state.value = State.FM
    run(dock, qtbot, dock.correct.button)
    assert [correction.frame for correction in dock.kept] == [second.view.frame]


def test_a_label_is_of_the_picture_that_is_on_the_canvas(opened, viewer, qtbot, stack, own_folder) -> None:
    dock = opened(LearnDock)
    folder = own_folder / "frames"
    folder.mkdir()
    for number in (0, 3, 6):
        np.save(folder / f"{number}.npy", stack[number])
    dock.rank_folder(folder)
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    first, second, *_ = dock.candidates
    label(dock, qtbot, 0, State.FM)
    dock.ranking_view.setFocus()
    second.view.path.unlink()
    qtbot.keyClick(dock.ranking_view, Qt.Key.Key_Down)
    assert not dock.ranking_view.isEnabled()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert "no such file" in notification_manager.records[-1].message
    assert dock.ranking_view.isEnabled()
    assert dock.shown is first
    assert dock.ranking_view.currentIndex().row() == 0
    np.testing.assert_array_equal(viewer.layers[TO_LABEL].data, first.view.picture().pixels)


def test_a_frame_of_a_closed_layer_is_not_labelled(opened, viewer, qtbot) -> None:
    dock = opened(LearnDock)
    run(dock, qtbot)
    viewer.layers.clear()
    dock.go_to(0)
    assert "is closed" in notification_manager.records[-1].message
    assert dock.shown is None
    assert not dock.correct.isVisibleTo(dock)


def test_a_network_learns_is_saved_and_can_be_chosen(opened, viewer, qtbot, monkeypatch) -> None:
    monkeypatch.setattr(adapt, "_REHEARSED", 13)
    monkeypatch.setattr(adapt, "_TESTED", 13)
    teach, dock = opened(LearnDock), opened(ClassifyDock)
    run(teach, qtbot, teach.adapt)
    assert "0 corrections are kept" in notification_manager.records[-1].message
    run(teach, qtbot)
    for row in range(3):
        label(teach, qtbot, row, State.FM_SKYRMIONS)
    run(teach, qtbot, teach.adapt)
    assert "of 3</b> right before" in teach.outcome.text()
    assert "too few to judge" in teach.outcome.text()
    path = networks_folder() / "mine.safetensors"
    teach.save_adapted(path)
    assert read_card(path)["adapted"]["corrections"] == {"fm_skyrmions": 3}
    dock.network.refresh()
    dock.network.choice.value = path
    run(dock, qtbot)
    assert dock.results()[0].provenance.model == "mine 0+3"
    teach.network.refresh()
    teach.network.choice.value = path
    run(teach, qtbot, teach.adapt)
    assert "learned from corrections already" in notification_manager.records[-1].message


def test_corrections_are_removed_and_kept_elsewhere(opened, viewer, qtbot, own_folder) -> None:
    dock = opened(LearnDock)
    run(dock, qtbot)
    for row in range(2):
        label(dock, qtbot, row, State.FM)
    first = dock.kept[0]
    dock.table_view.selectRow(1)
    dock._on_remove()
    assert corrections_of(viewer).read() == [first]
    choose_folder(viewer, own_folder / "elsewhere")
    dock._show()
    assert dock.kept == []
    label(dock, qtbot, 0, None)
    assert (own_folder / "elsewhere" / TABLE).is_file()
    assert len((corrections_folder() / TABLE).read_text().splitlines()) == 2


def test_a_damaged_table_is_told_in_the_dock(opened, viewer, qtbot) -> None:
    corrections_folder().mkdir(parents=True)
    (corrections_folder() / TABLE).write_text("something else\n")
    dock = opened(LearnDock)
    assert "lacks the columns" in dock.summary.text()
    run(dock, qtbot, dock.adapt)
    assert "lacks the columns" in notification_manager.records[-1].message


def test_the_outcome_is_said_with_its_limits() -> None:
    def said(**held: Any) -> str:
        return outcome(Adaptation(None, HeldBack(**held), plain=65, plain_kept=60))  # type: ignore[arg-type]

    good = said(count=20, before=4, after=15, whole_files=True)
    assert "<b>4 of 20</b> right before (8–42 %), <b>15 of 20</b> after (53–89 %)" in good
    assert "60 of 65 plain pictures" in good
    assert "too few" not in good
    assert "too few to judge" in said(count=4, before=1, after=4, whole_files=False)
    assert "not become better" in said(count=20, before=15, after=15, whole_files=True)
    assert "says little about others" in said(count=20, before=4, after=15, whole_files=False)
