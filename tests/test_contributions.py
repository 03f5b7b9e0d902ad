"""What napari calls: readers, the writer, the samples."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_magtex import contributions
from napari_magtex.colours import spin_to_rgb
from napari_magtex.contributions import (
    FIRST_KEY,
    METADATA_KEY,
    get_frame_reader,
    get_ovf_reader,
    get_spin_picture_reader,
    open_sample,
    read_calibration,
    write_ovf_layer,
)
from napari_magtex.errors import MagtexError, UnreadableFile, Unsuitable
from napari_magtex.io.ovf import read_ovf, write_ovf
from napari_magtex.io.spin_png import write_spin_picture
from napari_magtex.picture import Contrast, Picture
from napari_magtex.texture import Lattice, SpinTexture

RAMP = np.add.outer(np.arange(20.0), np.arange(24.0))


def texture(nz: int = 1, **kwargs: object) -> SpinTexture:
    m = np.random.default_rng(3).normal(size=(nz, 18, 20, 3))
    return SpinTexture(m, **{"cell": (1e-9, 2e-9, 3e-9), "saturation": 4e5, **kwargs})


def read_ovf_layers(path: Path) -> list:
    return get_ovf_reader(str(path))(str(path))


def test_a_texture_opens_as_a_spin_picture_in_nanometres(tmp_path: Path) -> None:
    write_ovf(tmp_path / "a.ovf", texture())
    ((pixels, attributes, kind),) = read_ovf_layers(tmp_path / "a.ovf")
    assert kind == "image"
    assert attributes["rgb"]
    np.testing.assert_array_equal(pixels, np.round(spin_to_rgb(texture().m[0]) * 255).astype(np.uint8))
    assert attributes["scale"] == pytest.approx([2, 3])
    assert (attributes["units"], attributes["axis_labels"]) == (["nm", "nm"], ["y", "x"])
    held = attributes["metadata"][METADATA_KEY]
    assert isinstance(held, SpinTexture)
    assert held.saturation == pytest.approx(4e5)


def test_layers_of_cells_are_a_z_stack(tmp_path: Path) -> None:
    write_ovf(tmp_path / "a.ovf", texture(nz=4))
    ((pixels, attributes, _),) = read_ovf_layers(tmp_path / "a.ovf")
    assert pixels.shape == (4, 18, 20, 3)
    assert attributes["scale"] == pytest.approx([1, 2, 3])
    assert attributes["axis_labels"] == ["z", "y", "x"]


def test_an_unknown_cell_is_shown_in_pixels(tmp_path: Path) -> None:
    write_ovf(tmp_path / "a.ovf", texture(cell=None))
    ((_, attributes, _),) = read_ovf_layers(tmp_path / "a.ovf")
    assert (attributes["scale"], attributes["units"]) == ([1.0, 1.0], ["pixel", "pixel"])


def test_the_sites_of_a_triangular_lattice_are_shown_where_they_sit(tmp_path: Path) -> None:
    napari_layers = pytest.importorskip("napari.layers")
    write_ovf(tmp_path / "a.ovf", texture(lattice=Lattice.TRIANGULAR, cell=(3e-9,) * 3))
    ((pixels, attributes, _),) = read_ovf_layers(tmp_path / "a.ovf")
    layer = napari_layers.Image(pixels, **attributes)
    below = np.asarray(layer.data_to_world((17, 0)))  # i counts upwards: the last row is i = 0
    for i, j in ((0, 5), (1, 0), (6, 3)):
        there = np.asarray(layer.data_to_world((17 - i, j)))
        np.testing.assert_allclose(there - below, (-i * 3 * np.sqrt(3) / 2, (j + i / 2) * 3), atol=1e-6)


def test_scalars_and_tensors_open_as_grey_layers(real_data: Path) -> None:
    ((regions, attributes, _),) = read_ovf_layers(real_data / "ovf/mumax3/regions.ovf")
    assert regions.shape == (2, 128, 256)
    assert "rgb" not in attributes
    tensor = read_ovf_layers(real_data / "ovf/discretisedfield/demag_tensor_oommf.omf")
    assert [layer[1]["name"].rpartition("_")[2] for layer in tensor] == ["xx", "yy", "zz", "xy", "xz", "yz"]
    assert [layer[1]["visible"] for layer in tensor] == [True] + 5 * [False]


def test_points_on_no_grid_open_as_arrows(real_data: Path) -> None:
    ((arrows, _, kind),) = read_ovf_layers(real_data / "ovf/oommf/ts96bry1.svf")
    assert kind == "vectors"
    assert arrows.shape == (2878, 2, 3)
    np.testing.assert_allclose(arrows[0, 0], (-0.005, -1.983765, 0.015293))


@pytest.mark.parametrize("folder", ["discretisedfield", "mumax1", "mumax3", "mumax3c", "oommf", "oommfpy", "spirit"])
def test_every_readable_real_file_opens_in_napari(real_data: Path, folder: str) -> None:
    napari_layers = pytest.importorskip("napari.layers")
    for path in sorted((real_data / "ovf" / folder).iterdir()):
        for data, attributes, kind in read_ovf_layers(path):
            layer = getattr(napari_layers, kind.capitalize())(data, **attributes)
            assert layer.ndim in (2, 3), path.name


def test_several_files_give_their_layers_in_order(tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in ("a.ovf", "b.ovf")]
    for path in paths:
        write_ovf(path, texture())
    assert [layer[1]["name"] for layer in get_ovf_reader(paths)(paths)] == ["a.ovf", "b.ovf"]


def test_numbers_at_points_on_no_grid_are_refused(tmp_path: Path) -> None:
    header = "OOMMF OVF 2.0|Segment count: 1|Begin: Segment|Begin: Header|meshtype: irregular|meshunit: m|valuedim: 1"
    header += "|valueunits: J|valuelabels: E|pointcount: 3|xmin: 0|ymin: 0|zmin: 0|xmax: 1|ymax: 1|zmax: 1|End: Header"
    lines = [f"# {line}" for line in f"{header}|Begin: Data Text".split("|")]
    numbers = ["0 0 0 1", "0.1 0.77 0 2", "1 0.3 0 3"]
    (tmp_path / "a.ovf").write_text("\n".join([*lines, *numbers, "# End: Data Text", "# End: Segment", ""]))
    with pytest.raises(Unsuitable, match="hold no vectors"):
        read_ovf_layers(tmp_path / "a.ovf")


def test_a_failing_reader_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.ovf").write_text("nothing")
    with pytest.raises(UnreadableFile, match=r"a\.ovf: this is no OVF file"):
        read_ovf_layers(tmp_path / "a.ovf")


def test_a_stack_of_frames_knows_its_pixels(real_data: Path) -> None:
    path = str(real_data / "other/reader_tests_ncempy/dmTest_3D_int16_64-65-66.dm4")
    ((pixels, attributes, _),) = get_frame_reader(path)(path)
    assert pixels.shape == (66, 65, 64)
    assert attributes["scale"] == pytest.approx([1, 3, 0.002])
    assert attributes["units"] == ["pixel", "nm", "nm"]
    assert attributes["axis_labels"] == ["frame", "y", "x"]
    assert attributes["metadata"][METADATA_KEY]["contrast"] == "lorentz"


def test_a_spin_picture_opens_with_its_calibration(tmp_path: Path) -> None:
    picture = Picture(spin_to_rgb(texture().m[0]), Contrast.SPIN, (2e-9, 3e-9), meta={"colour_map": "mumax3"})
    path = tmp_path / "a.spin.png"
    write_spin_picture(path, picture)
    ((pixels, attributes, _),) = get_spin_picture_reader(str(path))(str(path))
    assert (pixels.shape, pixels.dtype, attributes["rgb"]) == ((18, 20, 3), np.uint8, True)
    assert attributes["scale"] == pytest.approx([2, 3])
    assert attributes["metadata"][METADATA_KEY]["colour_map"] == "mumax3"
    calibration = read_calibration(path)
    assert calibration == {key: attributes[key] for key in ("scale", "units", "axis_labels", "metadata")}


def test_calibration_is_that_of_the_layers_own_segment(tmp_path: Path) -> None:
    path = tmp_path / "run.ovf"
    write_ovf(path, texture())
    one = path.read_bytes()
    write_ovf(path, replace(texture(), cell=(1e-9, 4e-9, 5e-9)))
    path.write_bytes(one.replace(b"Segment count: 1", b"Segment count: 2") + path.read_bytes())
    first, second = read_ovf_layers(path)
    for pixels, attributes, _ in (first, second):
        told = read_calibration(path, "renamed", pixels.shape[:2], attributes["metadata"])
        assert told["scale"] == attributes["scale"]
        assert told["metadata"][FIRST_KEY] == attributes["metadata"][FIRST_KEY]
    name = second[1]["name"]
    assert read_calibration(path, name, second[0].shape[:2])["scale"] == second[1]["scale"]
    with pytest.raises(Unsuitable, match="2 pictures, of which 2 are like this layer"):
        read_calibration(path, "run", first[0].shape[:2])
    with pytest.raises(Unsuitable, match="2 pictures, of which 0"):
        read_calibration(path, "run", (7, 7))


def test_a_uniform_picture_still_opens(tmp_path: Path) -> None:
    path = str(tmp_path / "m000000.png")
    Image.fromarray(np.full((3, 3, 3), 255, np.uint8)).save(path)
    ((pixels, _, _),) = get_spin_picture_reader(path)(path)
    assert pixels.shape[:2] == (3, 3)


def test_a_texture_layer_is_saved_as_it_was_read(tmp_path: Path) -> None:
    write_ovf(tmp_path / "a.ovf", texture(nz=2))
    ((pixels, attributes, _),) = read_ovf_layers(tmp_path / "a.ovf")
    assert write_ovf_layer(str(tmp_path / "b.ovf"), pixels, attributes) == [str(tmp_path / "b.ovf")]
    (saved,) = read_ovf(tmp_path / "b.ovf")
    np.testing.assert_allclose(saved.texture().m, texture(nz=2).m, atol=1e-6)
    assert saved.cell == pytest.approx((1e-9, 2e-9, 3e-9))


def test_a_spin_picture_is_saved_with_the_directions_of_its_colours(tmp_path: Path) -> None:
    pixels = np.round(spin_to_rgb(texture().m[0]) * 255).astype(np.uint8)
    held = {METADATA_KEY: {"colour_map": "mumax3"}}
    attributes = {"name": "a", "rgb": True, "metadata": held, "scale": [2, 3], "units": ["nanometer"] * 2}
    write_ovf_layer(str(tmp_path / "a.ovf"), pixels, attributes)
    (saved,) = read_ovf(tmp_path / "a.ovf")
    assert np.median(np.sum(saved.texture().m * texture().m, axis=-1)) > 0.9999
    assert saved.cell is not None
    assert saved.cell[1:] == pytest.approx((2e-9, 3e-9))


@pytest.mark.parametrize("held", [{}, {METADATA_KEY: {"contrast": "lorentz"}}])
def test_a_layer_without_spins_is_not_saved(tmp_path: Path, held: dict) -> None:
    with pytest.raises(Unsuitable, match="the layer frame holds no spins"):
        write_ovf_layer(str(tmp_path / "a.ovf"), RAMP, {"name": "frame", "rgb": False, "metadata": held})
    assert not list(tmp_path.iterdir())


def test_a_sample_opens_with_its_truth(tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "sample_data"
    folder.mkdir()
    write_spin_picture(folder / "frame.tif", Picture(RAMP, Contrast.LORENTZ, (4e-9, 4e-9)))
    (folder / "frame.json").write_text(json.dumps({"state": "fm_skyrmions"}))
    monkeypatch.setattr(importlib.resources, "files", lambda _: tmp_path)
    ((_, attributes, _),) = open_sample("frame.tif")
    assert attributes["metadata"][METADATA_KEY]["truth"] == {"state": "fm_skyrmions"}
    with pytest.raises(MagtexError, match=r"sample other\.ovf is missing"):
        open_sample("other.ovf")


def test_every_sample_of_the_manifest_opens() -> None:
    from npe2 import PluginManifest

    manifest = PluginManifest.from_file(Path(contributions.__file__).with_name("napari.yaml"))
    samples = manifest.contributions.sample_data or []
    assert samples
    for sample in samples:
        name = next(c for c in manifest.contributions.commands or [] if c.id == sample.command).python_name
        assert name is not None
        ((data, _, _),) = getattr(contributions, name.partition(":")[2])()
        assert min(data.shape[:2]) >= 16


def test_importing_the_contributions_loads_nothing_heavy() -> None:
    code = "import sys, napari_magtex.contributions; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not loaded & {"numpy", "torch", "timm", "skimage", "scipy", "pandas", "napari", "rsciio", "PIL", "tifffile"}


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("a.ovf", True),
        ("a.OMF", True),
        ("run.out.ohf", True),
        ("a.dm4", True),
        ("a.emd", True),
        ("a.spin.png", True),
        ("m000012.png", True),
        ("m12.png", False),
        ("a.png", False),
        ("a.tif", False),
        ("a.h5", False),
        ("a.csv", False),
    ],
)
def test_only_files_that_say_what_they_are_are_claimed(name: str, ours: bool) -> None:
    from npe2 import PluginManager, PluginManifest

    manager = PluginManager()
    manager.register(PluginManifest.from_file(Path(contributions.__file__).with_name("napari.yaml")))
    assert bool(list(manager.iter_compatible_readers([f"/data/{name}"]))) is ours
