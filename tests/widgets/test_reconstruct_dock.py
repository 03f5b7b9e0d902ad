"""The dock Reconstruct series in a real viewer, on frames of the sample whose induction is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dask.array as da
import numpy as np
import pytest
import torch
from napari.layers import Image
from napari.utils.notifications import notification_manager
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_magtex.compute import Device, drain
from napari_magtex.contributions import MASK_KEY, METADATA_KEY, open_sample
from napari_magtex.errors import UnusablePicture
from napari_magtex.imaging.lorentz import fresnel
from napari_magtex.imaging.optics import Optics
from napari_magtex.imaging.phase import electron_phase, induction_of
from napari_magtex.imaging.reconstruction import Method
from napari_magtex.imaging.through_focus import ThroughFocus
from napari_magtex.inputs import open_recordings
from napari_magtex.picture import Contrast
from napari_magtex.widgets.classify import ClassifyDock
from napari_magtex.widgets.estimate import EstimateDock
from napari_magtex.widgets.layers import pixel_size_of
from napari_magtex.widgets.pictures import contrast_of, mask_of
from napari_magtex.widgets.reconstruct import ReconstructDock
from napari_magtex.widgets.reconstructing import Aligning, Other, Question, found_of

pytestmark = pytest.mark.usefixtures("one_thread")

PIXEL = (4e-9, 4e-9)
DEFOCI = (-40.0, 0.0, 40.0)  # um
NAMES = ("phase (rad)", "B_x t (T nm)", "B_y t (T nm)", "induction", "colour wheel")


@pytest.fixture(scope="module")
def magnetic() -> NDArray[np.float64]:
    """The phase of the sample, whose film goes on beyond its edges."""
    ((_, keywords, _),) = open_sample("chiral_skyrmions.ovf")
    return electron_phase(keywords["metadata"][METADATA_KEY])


@pytest.fixture(scope="module")
def bumps() -> NDArray[np.float64]:
    """An electrostatic phase: a film that is not everywhere as thick."""
    y, x = np.mgrid[:160, :160] * 2 * np.pi / 160
    return 0.02 * np.cos(3 * x + y) + 0.02 * np.sin(2 * y - 4 * x)


def frames_of(phase: NDArray[np.float64], defoci: Sequence[float] = DEFOCI) -> NDArray[np.float32]:
    wave = torch.from_numpy(phase)[None]
    return np.stack([fresnel(wave, PIXEL, Optics(df * 1e-6))[0].numpy() for df in defoci]).astype(np.float32)


def add_series(viewer: Any, frames: Any, **more: Any) -> Any:
    says = {"contrast": "lorentz", "voltage_kV": 200.0, "defocus_um": list(DEFOCI), "periodic": True, **more}
    scale, units = (1, 4, 4), ("pixel", "nm", "nm")
    return viewer.add_image(frames, name="series", scale=scale, units=units, metadata={METADATA_KEY: says})


def open_dock(viewer: Any) -> ReconstructDock:
    dock = ReconstructDock(viewer)
    viewer.window.add_dock_widget(dock)
    dock.device.value = "cpu"
    return dock


def run(dock: Any, qtbot: Any) -> None:
    dock.runner.button.click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=120_000)
    assert dock.runner.button.isEnabled()


def last_notice() -> str:
    return notification_manager.records[-1].message


def wrong(found: NDArray[np.float64], phase: NDArray[np.float64], rim: int = 10) -> float:
    """Relative error of an induction inside."""
    inner = np.s_[:, rim:-rim, rim:-rim]
    true = induction_of(phase, PIXEL)[inner]
    return float(np.linalg.norm(found[inner] - true) / np.linalg.norm(true))


def test_the_table_is_filled_from_what_a_stack_says(make_napari_viewer, magnetic) -> None:
    viewer = make_napari_viewer()
    add_series(viewer, frames_of(magnetic))
    dock = open_dock(viewer)
    table = dock.frames.table
    assert [table.item(row, 1).text() for row in range(3)] == ["-40", "0", "40"]
    assert [table.item(row, 2).text() for row in range(3)] == ["Overfocus", "In focus", "Underfocus"]
    assert (dock.voltage.value(), dock.pixel_size.value()) == (200, 4)
    assert dock.periodic.isChecked()
    assert dock.taken.text() == "200 kV, defocus -40 um to 40 um in 3 frames"
    dock.frames.unit.value = "mm"
    assert table.item(0, 1).text() == "-0.04"
    table.item(0, 1).setText("−0.05")
    dock.frames.turn()
    assert dock.frames.defoci() == pytest.approx((50e-6, 0, -40e-6))
    dock.voltage.setValue(80)
    viewer.add_image(frames_of(magnetic)[0], name="another")
    dock.frames.add_selected()
    assert dock.voltage.value() == 80  # what is typed stays
    viewer.layers.remove(viewer.layers["another"])
    viewer.layers.remove(viewer.layers["series"])
    assert table.rowCount() == 0


def test_what_a_series_told_is_not_taken_for_the_next_one(make_napari_viewer, magnetic) -> None:
    viewer = make_napari_viewer()
    add_series(viewer, frames_of(magnetic))
    dock = open_dock(viewer)
    dock.frames.remove_selected()
    assert (dock.voltage.value(), dock.pixel_size.value(), dock.periodic.isChecked()) == (0, 0, False)
    dock.voltage.setValue(80)
    dock.frames.add([viewer.add_image(frames_of(magnetic), name="silent")])
    assert (dock.voltage.value(), dock.pixel_size.value()) == (80, 0)  # what is typed stays
    dock.frames.remove_selected()
    dock.frames.add([viewer.layers["series"]])
    assert (dock.voltage.value(), dock.pixel_size.value()) == (200, 4)


def test_a_pixel_size_that_is_typed_reaches_the_layers_too(make_napari_viewer, qtbot, magnetic) -> None:
    viewer = make_napari_viewer()
    series = add_series(viewer, frames_of(magnetic))
    dock = open_dock(viewer)
    dock.pixel_size.setValue(5)
    run(dock, qtbot)
    assert "say that a pixel has 4 nm, not 5" in last_notice()
    assert dock.found is None
    series.scale, series.units, series.translate = (1, 1, 1), ("pixel",) * 3, (0, 10, 20)
    run(dock, qtbot)
    assert dock.found.reconstruction.pixel_size == (5e-9, 5e-9)
    layer = viewer.layers["induction: series"]
    assert pixel_size_of(layer) == pytest.approx((5e-9, 5e-9))
    np.testing.assert_allclose(layer.data_to_world((0, 0)), (50, 100))


def test_the_induction_is_right_in_size_sign_and_place(make_napari_viewer, qtbot, magnetic) -> None:
    viewer = make_napari_viewer()
    series = add_series(viewer, frames_of(magnetic))
    series.rotate, series.translate = 30, (0, 100, -20)
    dock = open_dock(viewer)
    dock.thickness.setValue(4)
    run(dock, qtbot)
    assert wrong(dock.found.reconstruction.induction, magnetic) < 0.003
    layers = {name: viewer.layers[f"{name}: series"] for name in (*NAMES, "|B| (T)")}
    for name in NAMES[:-1]:
        for at in [(0, 0), (100, 30)]:
            np.testing.assert_allclose(layers[name].data_to_world(at), series.data_to_world((0, *at))[1:], atol=1e-9)
    x, y = layers["B_x t (T nm)"].data, layers["B_y t (T nm)"].data
    assert wrong(np.stack([x, y]) * 1e-9, magnetic) < 0.003
    np.testing.assert_allclose(layers["|B| (T)"].data, np.hypot(x, y) / 4, rtol=1e-4, atol=1e-6)
    colours = layers["induction"].data
    redmost = np.unravel_index(np.argmax(colours[..., 0] - colours[..., 1:].sum(axis=-1)), x.shape)
    assert x[redmost] > 5 * abs(y[redmost])  # red is to the right, as the wheel has it
    assert "T nm</b>, <b>0.4" in dock.figures.text()
    legend = layers["colour wheel"]
    beside = series.world_to_data((0, *legend.data_to_world((0, 0))))[1:]
    assert beside[1] > 160  # outside of the picture
    assert [layer.visible for layer in layers.values()] == [False, False, False, True, True, False]


def test_results_are_inputs_of_the_other_docks_and_say_their_contrast(make_napari_viewer, qtbot, magnetic) -> None:
    viewer = make_napari_viewer()
    add_series(viewer, frames_of(magnetic))
    run(open_dock(viewer), qtbot)
    assert contrast_of(viewer.layers["induction: series"]) is Contrast.WHEEL
    assert viewer.layers["induction: series"].metadata[METADATA_KEY]["full_T_nm"] > 0
    assert contrast_of(viewer.layers["phase (rad): series"]) is Contrast.PHASE
    classify = ClassifyDock(viewer)
    offered = [classify.form.layer.itemText(i) for i in range(classify.form.layer.count())]
    assert set(offered) == {"series", "phase (rad): series", "induction: series"}
    classify.form.layer.value = viewer.layers["induction: series"]
    assert classify.form.contrast.itemText(0) == "Auto (Induction map (colour wheel))"


def test_a_phase_is_measured_without_a_network(make_napari_viewer, qtbot, magnetic) -> None:
    viewer = make_napari_viewer()
    add_series(viewer, frames_of(magnetic))
    run(open_dock(viewer), qtbot)
    estimate = EstimateDock(viewer)
    viewer.window.add_dock_widget(estimate)
    estimate.form.layer.value = viewer.layers["phase (rad): series"]
    run(estimate, qtbot)
    assert "The phase of phase (rad): series, without a network: " in estimate.anchors.text()
    assert "period (nm): 91" in estimate.anchors.text()
    (measured,) = estimate.results()
    moment = next(anchor for anchor in measured.entries if anchor.name == "Ms_t")
    assert moment.value == pytest.approx(3.2e5 * 4e-9, rel=0.1)


def test_the_other_method_and_what_it_asks(make_napari_viewer, qtbot, magnetic) -> None:
    viewer = make_napari_viewer()
    add_series(viewer, frames_of(magnetic))
    dock = open_dock(viewer)
    assert dock.rows.isRowVisible(dock.cutoff)
    dock.method.value = Method.LEAST_SQUARES
    assert not dock.rows.isRowVisible(dock.cutoff)
    assert not dock.rows.isRowVisible(dock.uniform)
    run(dock, qtbot)
    assert wrong(dock.found.reconstruction.induction, magnetic) < 0.03
    assert "of the mean" in dock.figures.text()


def test_frames_that_lie_apart_are_aligned_and_the_crop_lies_in_its_place(make_napari_viewer, qtbot, magnetic) -> None:
    viewer = make_napari_viewer()
    moved = [np.roll(f, by, (0, 1)) for f, by in zip(frames_of(magnetic), [(0, 0), (0, 0), (3, -5)], strict=True)]
    for number, frame in enumerate(moved):
        says = {"contrast": "lorentz", "voltage_kV": 200.0, "defocus_um": DEFOCI[number]}
        meta = {METADATA_KEY: says}
        viewer.add_image(frame, name=f"frame {number}", scale=(4, 4), units=("nm", "nm"), metadata=meta)
    viewer.layers.selection = set(viewer.layers)
    dock = open_dock(viewer)
    assert not dock.periodic.isChecked()
    run(dock, qtbot)
    found = dock.found
    apart = found.poses[2].down - found.poses[0].down, found.poses[2].right - found.poses[0].right
    assert apart == pytest.approx((3, -5), abs=0.1)
    ny, nx = found.reconstruction.phase.shape
    assert (ny, nx) == (157, 155)
    top, left = found.origin
    shifted = (3, -5) if found.image.name == "frame 2" else (0, 0)
    true = np.roll(magnetic, shifted, (0, 1))[top : top + ny, left : left + nx]
    assert wrong(found.reconstruction.induction, true, rim=30) < 0.25  # what the rim cuts is not known
    wheel = viewer.layers[f"induction: {found.image.name}"]
    np.testing.assert_allclose(wheel.data_to_world((0, 0)), found.image.data_to_world(found.origin))
    assert "-4.95&nbsp;px</td><td>2.95&nbsp;px" in dock.shifts.text()


@pytest.mark.parametrize(("other", "mirror"), [(Other.MIRROR_X, (0, 1)), (Other.MIRROR_Y, (1, 0)), (Other.FLIPPED, ())])
def test_a_series_of_the_other_side_parts_the_potential_off(
    make_napari_viewer, qtbot, magnetic, bumps, other, mirror, tmp_path
) -> None:
    viewer = make_napari_viewer()
    first = add_series(viewer, frames_of(magnetic + bumps))
    dock = open_dock(viewer)
    seen = frames_of(bumps - magnetic)
    axis = {(0, 1): 2, (1, 0): 1}.get(mirror)
    second = add_series(viewer, seen if axis is None else np.flip(seen, axis))
    dock.other.value = other
    dock.others.add([second])
    run(dock, qtbot)
    assert wrong(dock.found.reconstruction.induction, magnetic) < 0.01
    np.testing.assert_allclose(viewer.layers[f"electrostatic phase (rad): {first.name}"].data, bumps, atol=2e-3)
    dock.save(tmp_path)
    assert (tmp_path / "electrostatic.tif").is_file()


def test_a_reference_that_lies_elsewhere_is_laid_over_the_first_series(
    make_napari_viewer, qtbot, magnetic, bumps
) -> None:
    """The specimen's dirt, which both show, tells where."""
    dirt = 0.2 * np.exp(-np.random.default_rng(3).uniform(0, 1, (160, 160)) * 400)  # specks
    potential = bumps + np.fft.ifft2(np.fft.fft2(dirt) * np.exp(-(np.fft.fftfreq(160)[:, None] ** 2) * 200)).real
    viewer = make_napari_viewer()
    add_series(viewer, frames_of(magnetic + 5 * potential), periodic=False)
    dock = open_dock(viewer)
    reference = add_series(viewer, np.roll(frames_of(5 * potential), (4, 6), (1, 2)), periodic=False)
    dock.other.value = Other.REFERENCE
    dock.aligning.value = Aligning.SHIFT
    dock.others.add([reference])
    run(dock, qtbot)
    top, left = dock.found.origin
    ny, nx = dock.found.reconstruction.phase.shape
    assert (ny, nx) == (156, 154)
    true = magnetic[top : top + ny, left : left + nx]
    assert wrong(dock.found.reconstruction.induction, true, rim=30) < 0.3


def test_what_is_saved_is_read_back(make_napari_viewer, qtbot, magnetic, tmp_path) -> None:
    viewer = make_napari_viewer()
    add_series(viewer, frames_of(magnetic))
    dock = open_dock(viewer)
    with pytest.raises(UnusablePicture, match="nothing is reconstructed yet"):
        dock.save(tmp_path)
    run(dock, qtbot)
    dock.save(tmp_path / "out")
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["colour.png", "induction_x.tif", "induction_y.tif", "phase.tif"]
    (phase,) = open_recordings(tmp_path / "out" / "phase.tif")
    assert phase.contrast is Contrast.PHASE
    np.testing.assert_allclose(phase.pixels[0], dock.found.reconstruction.phase, atol=1e-6)
    assert open_recordings(tmp_path / "out" / "colour.png")[0].contrast is Contrast.WHEEL


def test_frames_on_the_disk_are_read_one_at_a_time(make_napari_viewer, qtbot, magnetic) -> None:
    viewer = make_napari_viewer()
    frames, read = frames_of(magnetic), []

    def block(block_info: Any = None) -> NDArray[np.float32]:
        number = block_info[None]["chunk-location"][0]
        read.append(number)
        return frames[number : number + 1]

    lazy = da.map_blocks(block, chunks=((1, 1, 1), (160,), (160,)), dtype=np.float32, meta=np.empty((0, 0, 0)))
    add_series(viewer, lazy)
    dock = open_dock(viewer)
    read.clear()
    assert [type(row.pixels) for row in dock.frames.rows] == [da.Array] * 3
    run(dock, qtbot)
    assert wrong(dock.found.reconstruction.induction, magnetic) < 0.003
    assert set(read) == {0, 1, 2}


def test_what_clean_frame_masked_is_left_out_and_masked_in_the_results(make_napari_viewer, qtbot, magnetic) -> None:
    viewer = make_napari_viewer()
    mask = np.zeros((160, 160), dtype=bool)
    mask[60:70, 80:90] = True
    spoilt = frames_of(magnetic)
    spoilt[:, mask] = 1e4
    add_series(viewer, spoilt, **{MASK_KEY: mask})
    dock = open_dock(viewer)
    run(dock, qtbot)
    inner = np.s_[:, 100:150, 10:60]  # far from the hole
    true, found = induction_of(magnetic, PIXEL)[inner], dock.found.reconstruction.induction[inner]
    assert np.linalg.norm(found - true) < 0.1 * np.linalg.norm(true)
    np.testing.assert_array_equal(mask_of(viewer.layers["induction: series"]), mask)


@pytest.mark.parametrize(("aligning", "by"), [(Aligning.NOT, (0, 0)), (Aligning.SHIFT, (4, 6))])
def test_what_is_masked_in_the_second_series_is_left_out_too(aligning, by) -> None:
    grey = gaussian_filter(np.random.default_rng(0).normal(size=(96, 96)), 2, mode="wrap") + 1
    masks = np.zeros((2, 96, 96), bool)
    masks[0, 20:30, 20:30], masks[1, 50:60, 70:80] = True, True
    one, two = (
        ThroughFocus([np.roll(grey, way, (0, 1))], (40e-6,), PIXEL, 200e3, mask=np.roll(mask, way, (0, 1)))
        for mask, way in zip(masks, [(0, 0), by], strict=True)
    )
    question = Question(one, two, Other.REFERENCE, aligning, Method.TIE, None, True, Device.CPU)
    found = drain(found_of(question, [Image(grey)]))
    (top, left), (ny, nx) = found.origin, found.reconstruction.phase.shape
    wanted = masks.any(axis=0)[top : top + ny, left : left + nx]
    assert np.count_nonzero(found.reconstruction.mask != wanted) < 25  # of 200 pixels, at the rim


def test_vendors_defoci_are_offered_with_a_warning_until_the_person_has_judged(
    make_napari_viewer, qtbot, magnetic
) -> None:
    viewer = make_napari_viewer()
    for number, frame in enumerate(frames_of(magnetic)):
        says = {"contrast": "lorentz", "voltage_kV": 200.0, "defocus_vendor_um": -DEFOCI[number], "periodic": True}
        viewer.add_image(frame, name=f"f{number}", scale=(4, 4), units=("nm", "nm"), metadata={METADATA_KEY: says})
    viewer.layers.selection = set(viewer.layers)
    dock = open_dock(viewer)
    assert dock.frames.table.item(0, 2).text() == "Underfocus?"
    assert "vendors' signs differ" in dock.frames.note.text()
    assert dock.frames.note.isVisibleTo(dock)
    dock.frames.turn()
    assert not dock.frames.note.isVisibleTo(dock)
    run(dock, qtbot)
    assert wrong(dock.found.reconstruction.induction, magnetic) < 0.003


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"defocus_um": [-40, 40, 40.0]}, "frames 1 and 2 have the same defocus, 40 um"),
        ({"defocus_um": None}, "the defocus of series, frame 0 is not known: type it in µm"),
        ({"voltage_kV": None}, "do not tell the acceleration voltage: type it in kV"),
    ],
)
def test_what_is_wrong_with_a_series_is_told_and_nothing_is_lost(
    make_napari_viewer, qtbot, magnetic, more, said
) -> None:
    viewer = make_napari_viewer()
    good = add_series(viewer, frames_of(magnetic))
    dock = open_dock(viewer)
    run(dock, qtbot)
    before, found = list(viewer.layers), dock.found
    viewer.layers.selection = {good}
    dock.frames.remove_selected()
    dock.frames.add([add_series(viewer, frames_of(magnetic), **more)])
    if "voltage_kV" in more:
        dock.voltage.setValue(0)
    run(dock, qtbot)
    assert said.replace("series,", f"{viewer.layers[-1].name},") in last_notice()
    assert list(viewer.layers)[:-1] == before
    assert dock.found is found


def test_typed_nonsense_differing_sizes_and_colours_are_told(make_napari_viewer, qtbot, magnetic) -> None:
    viewer = make_napari_viewer()
    dock = open_dock(viewer)
    run(dock, qtbot)
    assert "the table holds no frame" in last_notice()
    add_series(viewer, frames_of(magnetic))
    dock.frames.add_selected()
    dock.frames.table.item(1, 1).setText("much")
    run(dock, qtbot)
    assert "the defocus of series, frame 1, 'much', is no number" in last_notice()
    dock.frames.table.item(1, 1).setText("0")
    small = viewer.add_image(frames_of(magnetic)[0, :100], name="small", scale=(4, 4), units=("nm", "nm"))
    dock.frames.add_selected()
    dock.frames.table.item(3, 1).setText("80")
    run(dock, qtbot)
    assert "differ in size (160 x 100, 160 x 160 pixels)" in last_notice()
    small.scale = (5, 5)
    run(dock, qtbot)
    assert "differ in pixel size (4, 5 nm)" in last_notice()
    viewer.add_image(np.zeros((20, 20, 3)), rgb=True, name="photo")
    dock.frames.add_selected()
    assert "photo is no frame of a microscope" in last_notice()
    assert len(dock.frames.rows) == 4


def test_cancel_ends_a_fit(make_napari_viewer, qtbot, magnetic) -> None:
    viewer = make_napari_viewer()
    add_series(viewer, frames_of(magnetic))
    dock = open_dock(viewer)
    dock.method.value = Method.LEAST_SQUARES
    dock.runner.button.click()
    qtbot.waitUntil(lambda: dock.runner.progress.maximum() > 0, timeout=60_000)
    dock.runner.cancel.click()
    qtbot.waitUntil(lambda: not dock.runner.running, timeout=60_000)
    assert dock.found is None
    assert len(viewer.layers) == 1
