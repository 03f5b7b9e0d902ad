"""The dock Segment skyrmions in a real viewer, with a threshold and with a network that is real but untrained."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from napari.utils.notifications import notification_manager
from numpy.typing import NDArray

from napari_magtex.contributions import METADATA_KEY, texture_layer
from napari_magtex.errors import MagtexError
from napari_magtex.segment.kinds import Polarity
from napari_magtex.segment.measure import COLUMNS
from napari_magtex.texture import Lattice, SpinTexture

# ---- where things lie


@pytest.mark.parametrize("region", [False, True])
def test_labels_lie_exactly_over_a_turned_and_scaled_layer(person, region) -> None:
    dock = person.opens()
    image = dock.viewer.add_image(
        person.frame(), scale=(2, 3), translate=(50, -20), rotate=37, shear=[0.1], units=("nm", "nm"), name="frame"
    )
    wanted = person.places
    if region:
        corners = [image.data_to_world(at) for at in [(5, 35), (5, 155), (65, 155), (65, 35)]]
        dock.viewer.add_shapes([corners], shape_type="polygon", units=("nm", "nm"), name="roi")
        dock.form.roi.value = dock.viewer.layers["roi"]
        wanted = [(y, x) for y, x in person.places if y < 65 and x > 35]
    person.runs(dock)
    layer, centres = dock.overlay.labels, dock.overlay.order
    assert layer.data.shape == image.data.shape
    assert sorted(layer.data[place] for place in wanted) == list(range(1, len(wanted) + 1)) == dock.view.table.labels
    assert np.unique(layer.data).size == len(wanted) + 1
    for shown in (layer, centres):
        for at in [(0, 0), (10, 20), (119, 159)]:
            np.testing.assert_allclose(shown.data_to_world(at), image.data_to_world(at), atol=1e-9)
        assert shown.units == image.units
    found = sorted(tuple(int(v) for v in point.round(-1)) for point in centres.data)
    assert found == sorted(wanted)
    (result,) = dock.results()
    assert result.provenance.roi == ((35, 5, 155, 65) if region else None)
    assert result.rows.radius_nm.mean() == pytest.approx(person.radius * np.sqrt(6), rel=0.1)
    assert "nm" in dock.answer.summary.text()
    assert "/µm²" in dock.answer.summary.text()
    assert dock.viewer.layers.selection.active is not layer
    person.runs(dock)
    assert [each.name for each in dock.viewer.layers].count("skyrmions: frame") == 1


def test_each_shape_is_a_region_of_its_own(person) -> None:
    dock = person.opens_halves()
    person.runs(dock)
    left, right = dock.results()
    assert (left.summary["count"], right.summary["count"]) == (8, 12)
    assert dock.region.isVisibleTo(dock)
    assert len(dock.view.table.labels) == 8
    dock.region.value = 1
    assert dock.view.table.labels == list(range(9, 21))
    assert len(dock.overlay.order.data) == 20


def test_a_texture_is_looked_at_cell_by_cell_and_tells_its_charges(person) -> None:
    import torch

    from napari_magtex.physics.starts import paint_skyrmion, uniform_start

    m = uniform_start(1, (64, 96), (0.0, 0.0, 1.0))[0]
    for centre in ((25.0, 40.0), (70.0, 30.0)):
        paint_skyrmion(m, centre, 7.0, 2.0, helicity=0.0, lattice=Lattice.SQUARE)
    assert isinstance(m, torch.Tensor)
    texture = SpinTexture.from_layer(m.permute(1, 2, 0).numpy(), cell=(1e-9, 2e-9, 2e-9), saturation=1e6)
    dock = person.opens()
    data, keywords, _ = texture_layer(texture, "two")
    image = dock.viewer.add_image(data, **keywords)
    person.runs(dock)
    layer = dock.overlay.labels
    assert layer.data.shape == (64, 96)
    for at in [(0, 0), (63, 95)]:
        np.testing.assert_allclose(layer.data_to_world(at), image.data_to_world(at))
    (result,) = dock.results()
    assert result.rows.charge.to_numpy() == pytest.approx([-1, -1], abs=0.05)
    assert result.rows.radius_nm.to_numpy() == pytest.approx(14, rel=0.15)
    assert "-2.0" in dock.answer.summary.text()
    dock.view.choose(1)
    dock.remove()
    person.waits(dock)
    assert dock.results()[0].rows.charge.to_numpy() == pytest.approx([-2], abs=0.1)  # the film's is that of the nearest


def test_all_layers_of_a_triangular_lattice_lie_where_they_are(person) -> None:
    rng = np.random.default_rng(0)
    m = np.concatenate([np.zeros((3, 24, 24, 2)), np.ones((3, 24, 24, 1))], axis=3)
    for z in range(3):
        m[z, 4 * z + 4 : 4 * z + 12, 8:16, 2] = -1
    m += 0.05 * rng.standard_normal(m.shape)
    dock = person.opens()
    data, keywords, _ = texture_layer(SpinTexture(m, cell=(1e-9,) * 3, lattice=Lattice.TRIANGULAR), "three")
    image = dock.viewer.add_image(data, **keywords)
    dock.viewer.dims.set_point(0, image.data_to_world((2,) + (0,) * (image.ndim - 1))[0])
    dock.form.frames.value = True
    person.runs(dock)
    layer = dock.overlay.labels
    assert len(layer.data) == 3
    for z in range(3):
        assert layer.data_to_world((z, 0, 0))[0] == pytest.approx(image.data_to_world((z, 0, 0))[0])


def test_charts_are_those_of_the_frame_shown(person) -> None:
    dock = person.opens()
    dock.viewer.add_image(person.frame(), scale=(50, 50), units=("nm", "nm"), name="frame")
    person.runs(dock)
    answer = dock.answer
    answer.charts.setCurrentWidget(answer.diameters)
    answer.draw()
    assert sum(bar.get_height() for bar in answer.diameters.axes.patches) == 20
    assert answer.diameters.axes.get_xlabel() == "diameter (nm)"
    answer.charts.setCurrentWidget(answer.pairs)
    curve = answer.pairs.axes.lines[-1]
    assert curve.get_xdata()[np.argmax(curve.get_ydata())] == pytest.approx(30 * 50, abs=80)
    assert answer.pairs.axes.get_xlabel() == "distance r (nm)"
    assert not answer.charts.isTabVisible(2)
    for _ in range(19):
        dock.view.choose(dock.view.table.label(0))
        dock.remove()
        person.waits(dock)
    answer.draw()
    assert "two skyrmions or more" in answer.pairs.axes.texts[0].get_text()


# ---- stacks


def test_a_stack_is_counted_and_plotted_against_its_field(person, stack) -> None:
    dock = person.opens()
    fields = [30.0, 20.0, 10.0, 0.0]
    dock.viewer.add_image(stack, scale=(10, 1, 1), name="stack", metadata={METADATA_KEY: {"field_mT": fields}})
    dock.viewer.dims.set_point(0, 20)
    person.runs(dock)
    assert [result.summary["count"] for result in dock.results()] == [20, 16, 12, 8]
    layer = dock.overlay.labels
    assert layer.data.shape == stack.shape
    assert [int(frame.max()) for frame in layer.data] == [20, 16, 12, 8]
    assert len(dock.view.table.labels) == 12
    dock.answer.draw()
    (line, marker) = dock.answer.track.axes.lines
    assert list(line.get_xdata()) == fields
    assert list(line.get_ydata()) == [20, 16, 12, 8]
    assert dock.answer.track.axes.get_xlabel() == "field (mT)"
    assert list(marker.get_xdata()) == [10, 10]
    dock.viewer.dims.set_point(0, 30)
    dock.answer.draw()
    assert list(dock.answer.track.marker.get_xdata()) == [0, 0]
    assert len(dock.view.table.labels) == len(dock.overlay.order.data) == 8
    assert (dock.overlay.order.data[:, 0] == 3).all()
    dock.answer.against.value = None
    dock.answer.quantity.value = "Density"
    (line, _) = dock.answer.track.axes.lines
    assert list(line.get_xdata()) == [0, 1, 2, 3]
    assert line.get_ydata()[0] == pytest.approx(20 / (120 * 160))


def test_one_frame_of_a_stack_lies_on_that_frame_alone(person, stack) -> None:
    dock = person.opens()
    dock.viewer.add_image(stack, scale=(10, 1, 1), name="stack")
    dock.viewer.dims.set_point(0, 20)
    dock.form.frames.value = False
    person.runs(dock)
    layer = dock.overlay.labels
    assert layer.data.shape == (1, 120, 160)
    assert layer.extent.world[0][0] == 20
    assert [result.provenance.frame for result in dock.results()] == [2]
    dock.viewer.dims.set_point(0, 10)
    assert dock.view.table.labels == []
    assert "not segmented" in dock.answer.summary.text()


def test_cancel_keeps_the_frames_that_are_finished(person, qtbot) -> None:
    dock = person.opens()
    dock.viewer.add_image(np.stack([person.frame()] * 300), name="stack")
    dock.runner.button.click()
    qtbot.waitUntil(lambda: len(dock.counted) > 1, timeout=60_000)
    dock.runner.cancel.click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    done = {result.provenance.frame for result in dock.results()}
    assert 1 < len(done) < 300
    assert {int(n) for n in np.flatnonzero(dock.overlay.labels.data.any(axis=(1, 2)))} == done
    assert dock.runner.button.isEnabled()


def test_a_lazy_stack_is_read_frame_by_frame(person) -> None:
    import dask.array as da

    read: list[int] = []

    def frame(block_info: Any = None) -> NDArray[np.float32]:
        number = block_info[None]["chunk-location"][0]
        read.append(number)
        return person.frame(seed=number)[None]

    dock = person.opens()
    lazy = da.map_blocks(frame, chunks=((1,) * 5, 120, 160), dtype=np.float32, meta=np.zeros((0, 0, 0), np.float32))
    dock.viewer.add_image(lazy, name="lazy", contrast_limits=(60, 160), cache=False)
    person.runs(dock)
    assert [result.summary["count"] for result in dock.results()] == [20] * 5
    assert set(read) == set(range(5))


# ---- networks


def test_a_network_finds_dust_apart_from_the_ground(person, tiny_segmenter) -> None:
    dock = person.opens(tiny_segmenter)
    dock.viewer.add_image(person.frame(), name="frame")
    person.runs(dock)
    (result,) = dock.results()
    assert result.provenance.model == "tiny-segmenter 0"
    assert "tiny-segmenter 0" in dock.answer.remarks.text()


def test_settings_reach_the_answer(person) -> None:
    dock = person.opens()
    dock.viewer.add_image(person.frame(), name="frame")
    dock.polarity.value = Polarity.BRIGHT
    dock.threshold.setValue(0.7)
    dock.min_area.setValue(40)
    person.runs(dock)
    (result,) = dock.results()
    assert result.provenance.model == "threshold"
    settings = result.provenance.settings
    assert (settings["polarity"], settings["threshold"], settings["min_area"]) == ("bright", 0.7, 40)
    assert (result.rows.area_px >= 40).all()


# ---- what goes wrong


def test_what_cannot_be_used_is_told(person) -> None:
    dock = person.opens()
    dock.runner.button.click()
    assert "no image layer is open" in person.last_told
    dock.viewer.add_image(np.full((40, 40), 7, np.float32), name="constant")
    person.runs(dock)
    assert "is constant" in person.last_told or "every pixel of the picture is the same" in person.last_told
    colours = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    dock.form.layer.value = dock.viewer.add_image(colours, name="colours")
    person.runs(dock)
    assert "colours, which tell no brightness" in person.last_told
    with pytest.raises(MagtexError, match="press Segment skyrmions first"):
        dock.results()


def test_a_frame_without_skyrmions_says_so(person) -> None:
    dock = person.opens()
    dock.viewer.add_image(person.frame([]), name="empty")
    dock.min_area.setValue(60)
    person.runs(dock)
    assert dock.view.table.labels == []
    assert "No skyrmion" in dock.answer.summary.text()
    assert len(dock.overlay.order.data) == 0
    assert dock.results()[0].summary["count"] == 0


def test_one_bad_frame_does_not_lose_the_others(person, stack) -> None:
    dock = person.opens()
    stack[2] = 5
    dock.viewer.add_image(stack, name="stack")
    person.runs(dock)
    assert [result.provenance.frame for result in dock.results()] == [0, 1, 3]
    assert "frame 2: " in person.last_told


def test_layers_may_be_deleted_meanwhile_and_afterwards(person, stack, qtbot) -> None:
    dock = person.opens()
    dock.viewer.add_image(stack, name="stack")
    dock.runner.button.click()
    dock.viewer.layers.remove("stack")
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert len(dock.results()) == 4
    for name in ("skyrmions: stack", "order: stack"):
        dock.viewer.layers.remove(name)
    dock.view.setCurrentIndex(dock.view.table.index(3, 0))
    dock.draw_new()
    assert "was deleted: press Segment skyrmions again" in person.last_told
    dock.viewer.dims.set_point(0, 1)


def test_two_viewers_do_not_share_what_they_found(person) -> None:
    one, other = person.opens(), person.opens()
    one.viewer.add_image(person.frame(), name="frame")
    other.viewer.add_image(person.frame(person.places[:9]), name="frame")
    person.runs(one)
    assert not other.counted
    person.runs(other)
    assert [len(dock.view.table.labels) for dock in (one, other)] == [20, 9]
    person.clicks(other, 20, 20)
    assert (one.view.chosen, other.view.chosen is not None) == (None, True)


def test_a_closed_dock_hears_no_click(person) -> None:
    dock = person.opens()
    viewer = dock.viewer
    viewer.add_image(person.frame(), name="frame")
    person.runs(dock)
    where = person.place_of(dock, 50, 80)
    listening = len(viewer.mouse_drag_callbacks)
    viewer.window.remove_dock_widget(dock)
    assert len(viewer.mouse_drag_callbacks) == listening - 1
    person.clicks_at(viewer, where)
    assert dock.view.chosen is None


# ---- saving


def test_what_is_saved_is_what_is_shown(person, stack, tmp_path, qtbot) -> None:
    dock = person.opens()
    dock.viewer.add_image(stack, scale=(1, 50, 50), units=("pixel", "nm", "nm"), name="stack")
    dock.viewer.dims.set_point(0, 0)
    person.runs(dock)
    layer = dock.overlay.labels
    dock.draw_new()
    for place in ((35, 35), (65, 35)):
        layer.paint((0, *place), layer.selected_label)
    with pytest.raises(MagtexError, match="still being counted"):
        dock.save(tmp_path / "skyrmions.csv")
    person.waits(dock)
    for name in ("skyrmions.csv", "skyrmions.json", "labels.tif"):
        dock.save(tmp_path / name)
        qtbot.waitUntil(lambda: not dock.runner.running, timeout=30_000)
    table = pd.read_csv(tmp_path / "skyrmions.csv")
    assert tuple(table.columns) == COLUMNS
    assert table.groupby("frame").size().tolist() == [22, 16, 12, 8]
    told = json.loads((tmp_path / "skyrmions.json").read_text())
    assert [record["count"] for record in told] == [22, 16, 12, 8]
    assert ["corrected" in record["settings"] for record in told] == [True, False, False, False]
    labels = tifffile.imread(tmp_path / "labels.tif")
    assert labels.shape == stack.shape
    assert labels.dtype == np.int32
    for row in table.itertuples():
        assert labels[row.frame, round(row.y_px), round(row.x_px)] == row.label
    dock.save(tmp_path / "skyrmions.csv" / "below.csv")
    with pytest.raises(MagtexError, match="frames are still segmented"):
        dock.save(tmp_path / "skyrmions.csv")
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=30_000)
    assert "cannot be written" in notification_manager.records[-1].message
