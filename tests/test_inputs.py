"""One door for every kind of file."""

from __future__ import annotations

import weakref
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_magtex.errors import MagtexError, UnreadableFile, Unsuitable, UnusablePicture
from napari_magtex.inputs import draw_texture, open_inputs, open_recordings
from napari_magtex.io.ovf import write_ovf
from napari_magtex.picture import Contrast
from napari_magtex.texture import Lattice, SpinTexture

RAMP = np.add.outer(np.arange(20.0), np.arange(24.0))


def texture(ny: int = 40, nx: int = 50, nz: int = 1, **kwargs: object) -> SpinTexture:
    m = np.random.default_rng(1).normal(size=(nz, ny, nx, 3))
    return SpinTexture(m, **{"cell": (1e-9, 2e-9, 2e-9), **kwargs})


def test_an_ovf_gives_its_spins_and_a_picture_of_them(tmp_path: Path) -> None:
    path = tmp_path / "a.ovf"
    write_ovf(path, texture(saturation=4e5))
    (found,) = open_inputs(str(path))
    assert found.texture is not None
    assert found.texture.saturation == pytest.approx(4e5)
    assert found.picture.contrast is Contrast.SPIN
    assert found.picture.shape == (40 * 8, 50 * 8)
    assert found.picture.pixel_size == pytest.approx((2e-9 / 8,) * 2)
    assert (found.picture.name, found.picture.frame) == (str(path), 0)
    assert found.picture.meta["zoom"] == 8


@pytest.mark.parametrize(("side", "zoom"), [(40, 8), (100, 5), (128, 4), (256, 2), (300, 1), (600, 1)])
def test_a_texture_is_drawn_large_enough_and_no_larger(side: int, zoom: int) -> None:
    assert draw_texture(texture(side, 20)).meta["zoom"] == zoom


def test_the_zoom_can_be_chosen(tmp_path: Path) -> None:
    write_ovf(tmp_path / "a.ovf", texture())
    assert open_inputs(tmp_path / "a.ovf", zoom=1)[0].picture.shape == (40, 50)


def test_the_middle_layer_speaks_for_a_thick_film(tmp_path: Path) -> None:
    thick = texture(nz=3)
    write_ovf(tmp_path / "a.ovf", thick)
    (found,) = open_inputs(tmp_path / "a.ovf", zoom=1)
    assert found.texture is not None
    assert found.texture.shape == (3, 40, 50)
    np.testing.assert_allclose(found.picture.pixels, draw_texture(thick.middle(), zoom=1).pixels, atol=1e-5)


def test_a_uniform_texture_is_a_state_and_a_uniform_picture_is_nothing(tmp_path: Path) -> None:
    up = SpinTexture.from_layer(np.broadcast_to([0.0, 0.0, 1.0], (40, 40, 3)))
    write_ovf(tmp_path / "a.ovf", up)
    assert open_inputs(tmp_path / "a.ovf")[0].picture.is_constant
    Image.fromarray(np.full((40, 40, 3), 255, np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(UnusablePicture, match="every pixel"):
        open_inputs(tmp_path / "a.png")


def test_the_size_that_the_user_gives_is_the_cells(tmp_path: Path) -> None:
    write_ovf(tmp_path / "a.ovf", texture(cell=None))
    assert open_inputs(tmp_path / "a.ovf")[0].picture.pixel_size is None
    (found,) = open_inputs(tmp_path / "a.ovf", pixel_size=4e-9)
    assert found.texture is not None
    assert found.texture.cell == pytest.approx((4e-9,) * 3)
    assert not found.texture.knows_thickness
    assert found.picture.pixel_size == pytest.approx((0.5e-9,) * 2)


def test_the_lattice_that_the_user_gives_is_drawn(tmp_path: Path) -> None:
    write_ovf(tmp_path / "a.ovf", texture())
    (found,) = open_inputs(tmp_path / "a.ovf", lattice=Lattice.TRIANGULAR)
    assert found.texture is not None
    assert found.texture.lattice is Lattice.TRIANGULAR
    assert found.picture.shape[1] > 50 * 8


def test_of_a_long_ovf_few_segments_are_in_memory_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ovf(tmp_path / "one.ovf", texture())
    magic, count, segment = (tmp_path / "one.ovf").read_bytes().split(b"\n", 2)
    many = b"\n".join((magic, count.replace(b"1", b"30"), segment + 29 * segment))
    (tmp_path / "many.ovf").write_bytes(many)
    alive: weakref.WeakSet[SpinTexture] = weakref.WeakSet()
    validate = SpinTexture.__post_init__

    def counted(self: SpinTexture) -> None:
        validate(self)
        alive.add(self)

    monkeypatch.setattr(SpinTexture, "__post_init__", counted)
    inputs = open_inputs(tmp_path / "many.ovf", zoom=1)
    most, frames = 0, []
    for found in inputs:
        frames.append(found.picture.frame)
        most = max(most, len(alive))
    assert frames == list(range(30))
    assert most <= 4  # the first, which is kept, the last one and this one; the middle layer that is drawn


def test_spins_are_not_taken_for_a_frame_of_another_contrast(tmp_path: Path) -> None:
    write_ovf(tmp_path / "a.ovf", texture())
    with pytest.raises(Unsuitable, match="not a lorentz frame"):
        open_inputs(tmp_path / "a.ovf", contrast=Contrast.LORENTZ)


def test_too_few_cells_are_named(tmp_path: Path) -> None:
    write_ovf(tmp_path / "a.ovf", texture(1, 13))
    with pytest.raises(UnusablePicture, match="13 x 1 cells"):
        open_inputs(tmp_path / "a.ovf")


def test_pages_are_frames_with_the_contrast_and_size_that_the_user_gives(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([RAMP, RAMP * 2]).astype(np.float32), photometric="minisblack")
    found = open_inputs(tmp_path / "a.tif", contrast=Contrast.KERR, pixel_size=(1e-7, 2e-7))
    assert [f.picture.frame for f in found] == [0, 1]
    assert {f.picture.contrast for f in found} == {Contrast.KERR}
    assert found[1].picture.pixel_size == (1e-7, 2e-7)
    assert found[1].texture is None


def test_the_content_tells_the_kind_before_the_name_does(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RAMP.astype(np.float32))
    (tmp_path / "a.tif").rename(tmp_path / "a.png")
    assert open_inputs(tmp_path / "a.png")[0].picture.shape == (20, 24)


def test_arrays_and_tables_are_pictures(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.stack([RAMP, RAMP + 1]))
    np.savetxt(tmp_path / "a.csv", RAMP, delimiter=",")
    np.savetxt(tmp_path / "a.xim", RAMP, delimiter="\t", header="made by a microscope")
    assert len(open_inputs(tmp_path / "a.npy")) == 2
    for name in ("a.csv", "a.xim"):
        np.testing.assert_array_equal(open_inputs(tmp_path / name)[0].picture.pixels, RAMP)


def test_a_grey_array_saved_in_colours_is_no_spin_picture(tmp_path: Path) -> None:
    np.save(tmp_path / "grey.npy", np.repeat(RAMP[..., None], 3, axis=2).astype(np.uint8))
    picture = open_inputs(tmp_path / "grey.npy")[0].picture
    assert (picture.contrast, picture.is_colour) == (None, False)
    np.save(tmp_path / "colour.npy", np.random.default_rng(0).random((20, 24, 3)))
    assert open_inputs(tmp_path / "colour.npy")[0].picture.contrast is Contrast.SPIN


@pytest.mark.parametrize(
    "row", ["0,5;-1,25;1,5E-3", "0,5\t-1,25\t1,5E-3", "0.5,-1.25,1.5E-3", "0.5 -1.25 0.0015", "0.5; -1.25; .0015"]
)
def test_a_comma_may_part_numbers_or_be_a_decimal_one(tmp_path: Path, row: str) -> None:
    (tmp_path / "a.csv").write_bytes(b"# Breite: 5 \xb5m\n" + (row + "\n").encode() * 20)
    frames = open_recordings(tmp_path / "a.csv")[0]
    np.testing.assert_allclose(frames.pixels, np.tile([0.5, -1.25, 0.0015], (1, 20, 1)))


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("a.csv", b"0,5 1,5\n2,5 3,5", "may be a decimal one"),
        ("a.png", b"", r"empty \(0 bytes\)"),
        ("a.png", b"not a png", "does not begin as a .png file"),
        ("a.xyz", b"12", "files of the kind .xyz are not read"),
        ("a.npy", b"\x93NUMPY\x01\x00", "damaged"),
        ("a.csv", b"a,b\n1,2", "no table of numbers"),
        ("a.csv", b"\xff\xfe\x00", "no table of numbers"),
        ("a.ovf", b"not an ovf", "no OVF file"),
        ("a.dm3", b"\0" * 100, "damaged"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, name: str, content: bytes, match: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFile, match=match):
        open_inputs(tmp_path / name)


def test_an_array_without_a_frame_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((0, 20, 20)))
    with pytest.raises(UnreadableFile, match="holds no frame"):
        open_inputs(tmp_path / "a.npy")


def test_a_missing_file_and_a_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no such file"):
        open_inputs(tmp_path / "none.png")
    with pytest.raises(UnreadableFile, match="folder"):
        open_inputs(tmp_path)


def test_arrays_of_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[{}, {}]], dtype=object), allow_pickle=True)
    with pytest.raises(UnreadableFile, match="no plain array"):
        open_inputs(tmp_path / "a.npy")


def test_every_real_file_opens_or_says_why_not(real_data: Path) -> None:
    skipped = {".md", ".xlsx"}
    refused = {}
    for folder in ("kerr/KerrPy", "kerr/Stoner", "kerr/MOKE-Subtract", "ltem", "other", "spinpng/mumax3_website"):
        for path in sorted((real_data / folder).rglob("*")):
            if path.is_file() and path.suffix not in skipped:
                try:
                    assert open_inputs(path)
                except MagtexError as error:
                    refused[path.name] = str(error)
    too_small = {name for name, said in refused.items() if "needs 16 x 16" in said}
    assert {name: said for name, said in refused.items() if name not in too_small} == {
        "08_carbon.dm3": "the file holds no image, only spectra, transforms, plots or tables (1x2048)",
        "example15_m000000.png": "every pixel of the picture is the same: it shows nothing to analyse",
    }
    assert len(too_small) == 9
