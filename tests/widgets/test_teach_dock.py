"""The dock Teach skyrmions in a real viewer, with a network that is real but untrained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari.utils.notifications import notification_manager

from napari_magtex.errors import Unsuitable
from napari_magtex.io.corrections import TABLE
from napari_magtex.models.store import read_card
from napari_magtex.segment import held_back
from napari_magtex.segment.corrections import corrections_folder
from napari_magtex.segment.evaluate import Score
from napari_magtex.segment.finetune import Adaptation
from napari_magtex.segment.held_back import BY_FILE, BY_FRAME, BY_HALF, HeldBack
from napari_magtex.segment.kinds import Kind
from napari_magtex.widgets.choices import RESULT_KEY, SOURCE_KEY
from napari_magtex.widgets.networks import networks_folder
from napari_magtex.widgets.segment import SegmentDock
from napari_magtex.widgets.teach import TeachDock, labels_over, outcome

SHAPE = (72, 96)


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keep off the person's own corrections and networks; and judge fewer frames, for speed."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(held_back, "_GUARD", 1)
    monkeypatch.setattr(held_back, "_GUARD_SHAPE", (64, 64))
    return tmp_path


@pytest.fixture
def skyrmions() -> np.ndarray:
    """Where there are twelve, (72, 96)."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return (y % 24 - 12) ** 2 + (x % 24 - 12) ** 2 <= 49


@pytest.fixture
def viewer(make_napari_viewer: Any, skyrmions: np.ndarray) -> Any:
    viewer = make_napari_viewer()
    noise = np.random.default_rng(0).normal(0, 4, (3, *SHAPE))
    viewer.add_image((100 - 20 * skyrmions + noise).astype(np.float32), scale=(10, 1, 1), name="film")
    return viewer


@pytest.fixture
def opened(viewer: Any, tiny_segmenter: Path) -> Any:
    def open_dock(kind: Any = TeachDock) -> Any:
        dock = kind(viewer, model=tiny_segmenter)
        viewer.window.add_dock_widget(dock)
        dock.device.value = "cpu"
        return dock

    return open_dock


def run(dock: Any, qtbot: Any, button: Any = None) -> None:
    (button or dock.runner.button).click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=240_000)


def told() -> str:
    return notification_manager.records[-1].message


def test_the_labels_that_segmenting_laid_are_corrected_and_kept(opened, viewer, qtbot, skyrmions) -> None:
    segmenting, dock = opened(SegmentDock), opened()
    segmenting.form.frames.value = False
    viewer.dims.set_point(0, 20)
    run(segmenting, qtbot)
    labels = viewer.layers["skyrmions: film"]
    assert dock.labels.value is labels
    labels.data[0] = skyrmions
    run(dock, qtbot)
    (kept,) = dock.corrections.read()
    assert (kept.file, kept.frame, kept.skyrmions, kept.model) == ("film", 2, 12, "tiny-segmenter 0")
    frame = dock.corrections.frame(kept)
    np.testing.assert_array_equal(frame.picture.pixels, viewer.layers["film"].data[2])
    np.testing.assert_array_equal(frame.labels > 0, skyrmions)
    assert dock.table.frame["Skyrmions"][0] == "12"
    assert "one frame in" in dock.summary.text()
    viewer.dims.set_point(0, 0)
    run(dock, qtbot)
    assert "do not lie on the 96 x 72 pixels of film, frame 0" in told()
    assert len(dock.corrections.read()) == 1


def test_a_frame_is_not_kept_with_what_was_found_in_another(opened, viewer, qtbot) -> None:
    segmenting, dock = opened(SegmentDock), opened()
    other = viewer.add_image(viewer.layers["film"].data.copy(), scale=(10, 1, 1), name="other")
    segmenting.form.layer.value = dock.form.layer.value = viewer.layers["film"]
    segmenting.form.frames.value = False
    viewer.layers["film"].name = "renamed"
    run(segmenting, qtbot)
    labels = segmenting.overlay.labels
    labels.name = "mine now"
    dust = segmenting.overlay.rest or segmenting.overlay._add_rest()
    dock.form.layer.value = other
    dock.form.layer.value = viewer.layers["renamed"]
    assert dock.labels.value is labels
    assert dock.rest.value is dust
    dock.form.layer.value = other
    assert dock.rest.value is None
    run(dock, qtbot)
    assert "was found in another layer than other" in told()
    assert not dock.corrections.read()


def test_regions_and_dust_are_kept_with_it(opened, viewer, qtbot, skyrmions) -> None:
    dock = opened()
    viewer.add_labels(skyrmions.astype(int), name="mine")
    dust = np.zeros(SHAPE, np.uint8)
    dust[0:6, 0:6] = 5
    viewer.add_labels(dust, name="dust")
    viewer.add_shapes(np.array([[0, 0], [0, 48], [48, 48], [48, 0]]), shape_type="rectangle", name="roi")
    dock.labels.value, dock.rest.value = viewer.layers["mine"], viewer.layers["dust"]
    dock.form.roi.value = viewer.layers["roi"]
    run(dock, qtbot)
    (kept,) = dock.corrections.read()
    assert (kept.roi, kept.skyrmions, kept.marks) == ((0, 0, 48, 48), 4, (Kind.DEFECT,))
    assert dock.table.frame["Remark"][0] == "dust marked"


def test_labels_of_another_place_or_size_are_refused(viewer, skyrmions) -> None:
    image, units = viewer.layers["film"], viewer.dims.units
    np.testing.assert_array_equal(labels_over(viewer.add_labels(skyrmions.astype(int)), image, 1, units), skyrmions)
    stack = viewer.add_labels(np.stack([skyrmions * n for n in (1, 2, 3)]), scale=(10, 1, 1))
    assert labels_over(stack, image, 2, units).max() == 3
    for wrong in (
        viewer.add_labels(skyrmions[:-1].astype(int)),
        viewer.add_labels(skyrmions.astype(int), translate=(0, 5)),
        viewer.add_labels(skyrmions.astype(int), scale=(2, 2)),
    ):
        with pytest.raises(Unsuitable, match="same shape at the same place"):
            labels_over(wrong, image, 0, units)


def test_a_network_learns_is_saved_and_can_be_chosen(opened, viewer, qtbot, skyrmions, tiny_segmenter) -> None:
    old = tiny_segmenter.read_bytes()
    dock, segmenting = opened(), opened(SegmentDock)
    run(dock, qtbot)
    assert "no labels are open" in told()
    dock.tune.click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert "no corrected frame is kept" in told()
    viewer.add_labels(skyrmions.astype(int), name="mine")
    for frame in range(2):
        viewer.dims.set_point(0, 10 * frame)
        run(dock, qtbot)
    dock.minutes.setValue(0.1)
    assert "at most 0.1 minutes" in dock.beforehand.text()
    run(dock, qtbot, dock.tune)
    assert "on 2 corrections, held back frame by frame" in dock.outcome.text()
    path = networks_folder() / "mine.safetensors"
    dock.save_adapted(path)
    assert "Saved as mine" in dock.outcome.text()
    assert read_card(path)["adapted"]["corrections"]["skyrmions"] == 24
    assert tiny_segmenter.read_bytes() == old
    segmenting.network.refresh()
    segmenting.network.choice.value = path
    segmenting.form.frames.value = False
    run(segmenting, qtbot)
    assert segmenting.results()[0].provenance.model.startswith("mine ")


def test_cancel_leaves_no_network_and_the_dock_ready(opened, viewer, qtbot, skyrmions) -> None:
    dock = opened()
    viewer.add_labels(skyrmions.astype(int), name="mine")
    run(dock, qtbot)
    dock.tune.click()
    qtbot.waitUntil(lambda: "fine-tuning" in dock.runner.progress.format(), timeout=240_000)
    dock.runner.quit()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert dock.adaptation is None
    assert not dock.save_network.isVisibleTo(dock)
    assert dock.tune.isEnabled()
    assert not list(networks_folder().glob("*"))


def test_corrections_are_removed_and_kept_elsewhere(opened, viewer, qtbot, skyrmions, own_folder) -> None:
    dock = opened()
    viewer.add_labels(skyrmions.astype(int), name="mine")
    for frame in range(2):
        viewer.dims.set_point(0, 10 * frame)
        run(dock, qtbot)
    first = dock.kept[0]
    dock.table_view.selectRow(1)
    dock._on_remove()
    assert dock.corrections.read() == [first]
    dock.choose_folder(own_folder / "elsewhere")
    assert dock.kept == []
    run(dock, qtbot)
    assert (own_folder / "elsewhere" / TABLE).is_file()
    assert len((corrections_folder() / TABLE).read_text().splitlines()) == 2


def test_a_damaged_table_is_told_in_the_dock(opened, qtbot) -> None:
    corrections_folder().mkdir(parents=True)
    (corrections_folder() / TABLE).write_text("something else\n")
    dock = opened()
    assert "lacks the columns" in dock.summary.text()
    run(dock, qtbot, dock.tune)
    assert "lacks the columns" in told()


def test_an_older_result_of_the_dust_layer_says_both_kinds(opened, viewer, qtbot, skyrmions) -> None:
    dock = opened()
    name = "dust and outside: film"
    rest = np.zeros(SHAPE, np.uint8)
    rest[:3], rest[-3:] = Kind.DEFECT, Kind.OUTSIDE
    viewer.add_labels(skyrmions.astype(int), name="mine")
    viewer.add_labels(rest, name=name, metadata={RESULT_KEY: name, SOURCE_KEY: viewer.layers["film"].unique_id})
    dock.labels.value = viewer.layers["mine"]
    assert dock.rest.value is viewer.layers[name]
    viewer.layers[name].name = "dust that I have corrected"
    run(dock, qtbot)
    assert dock.kept[0].marks == (Kind.DEFECT, Kind.OUTSIDE)


def test_the_outcome_is_said_with_its_limits() -> None:
    def said(way: str, after: float, now: float = 0.9, done: float = 1.0, count: int = 2) -> str:
        held = HeldBack(way, (Score(0.5, 0.6, 0),) * count, (Score(after, 0.7, 0),) * count)
        return outcome(Adaptation(None, held, (0.9, now), done))  # type: ignore[arg-type]

    good = said(BY_FILE, 0.8)
    assert "<b>MCC 0.500 before, 0.800 after</b>; <b>F1 0.600 before, 0.700 after</b>" in good
    assert "on 2 corrections, held back file by file." in good
    assert "MCC 0.900 before, 0.900 after" in good
    assert len(good.split("<br>")) == 2
    assert "not become better" in said(BY_FILE, 0.4)
    assert "says little about others" in said(BY_FRAME, 0.8)
    assert "on one half of the frame, which was held back." in said(BY_HALF, 0.8, count=1)
    assert "keep a second corrected frame" in said(BY_HALF, 0.8, count=1)
    assert "forgotten some" in said(BY_FILE, 0.8, now=0.8)
    assert "after 40 % of the steps" in said(BY_FILE, 0.8, done=0.4)
