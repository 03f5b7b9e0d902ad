"""Pictures in PNG, JPEG and TIFF: what stands in the pixels, and what stands beside them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from napari_magtex.colours import ColourMap, spin_to_rgb
from napari_magtex.errors import MagtexError, UnreadableFile, UnusablePicture
from napari_magtex.io.spin_png import read_picture_file, read_spin_picture, spins_of, write_spin_picture
from napari_magtex.picture import Contrast, Picture

RAMP = np.add.outer(np.arange(20) * 3, np.arange(24) * 5)  # 0 .. 172


def spins() -> np.ndarray:
    """A skyrmion, (32, 32, 3): every direction is in it."""
    y, x = np.mgrid[15.5:-16:-1, -15.5:16:1]
    angle, tilt = np.arctan2(y, x), np.pi * np.clip(np.hypot(x, y) / 14, 0, 1)
    return np.stack([np.sin(tilt) * np.cos(angle), np.sin(tilt) * np.sin(angle), np.cos(tilt)], axis=-1)


@pytest.mark.parametrize("suffix", [".spin.png", ".tif"])
def test_our_own_picture_keeps_what_we_know_of_it(tmp_path: Path, suffix: str) -> None:
    meta = {"colour_map": "mumax3", "zoom": 2, "truth": {"state": "fm_skyrmions", "A": [8e-12, "J/m"]}}
    picture = Picture(spin_to_rgb(spins()), Contrast.SPIN, (2e-9, 3e-9), meta=meta)
    write_spin_picture(tmp_path / f"a{suffix}", picture)
    read = read_spin_picture(tmp_path / f"a{suffix}")
    np.testing.assert_allclose(read.pixels, picture.pixels, atol=0.002)
    assert (read.contrast, read.pixel_size) == (Contrast.SPIN, pytest.approx((2e-9, 3e-9)))
    assert {key: read.meta[key] for key in meta} == meta


@pytest.mark.parametrize(("suffix", "error"), [(".png", 2e-5), (".tif", 0)])
def test_grey_in_units_of_its_own_survives(tmp_path: Path, suffix: str, error: float) -> None:
    pixels = 1 + 0.2 * np.sin(RAMP / 7)
    write_spin_picture(tmp_path / f"a{suffix}", Picture(pixels, Contrast.LORENTZ, (4e-9, 4e-9)))
    read = read_spin_picture(tmp_path / f"a{suffix}")
    np.testing.assert_allclose(read.pixels, pixels.astype(np.float32), atol=error)
    assert "grey_range" not in read.meta


def test_a_tiff_of_ours_tells_other_programs_its_resolution(tmp_path: Path) -> None:
    write_spin_picture(tmp_path / "a.tif", Picture(RAMP, Contrast.LORENTZ, (4e-9, 2e-9)))
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        x, y = (np.divide(*tiff.pages[0].tags[f"{axis}Resolution"].value) for axis in "XY")
    assert (x, y) == pytest.approx((0.01 / 2e-9, 0.01 / 4e-9), rel=1e-3)


def test_a_picture_has_no_other_endings(tmp_path: Path) -> None:
    with pytest.raises(MagtexError, match=r"as \.png or \.tif, not as \.jpg"):
        write_spin_picture(tmp_path / "a.jpg", Picture(RAMP))


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.fromarray(RAMP.astype(np.uint8)), RAMP),
        (Image.fromarray((RAMP * 300).astype(np.uint16)), RAMP * 300),
        (Image.fromarray(RAMP.astype(np.uint8)).convert("RGB"), RAMP),  # grey saved as colour
        (Image.fromarray(RAMP.astype(np.uint8)).convert("1", dither=Image.Dither.NONE), 255 * (RAMP > 127)),
        (Image.fromarray(np.dstack([RAMP, 255 + 0 * RAMP]).astype(np.uint8)), RAMP),  # grey and opaque
    ],
    ids=["8-bit", "16-bit", "grey as colour", "1-bit", "grey with alpha"],
)
def test_grey_of_every_depth_keeps_its_numbers(tmp_path: Path, image: Image.Image, expected: np.ndarray) -> None:
    image.save(tmp_path / "a.png")
    picture = read_spin_picture(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.pixels, expected)
    assert (picture.contrast, picture.pixel_size) == (None, None)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "int32", "int64"])
def test_colours_in_wide_integers_stay_colours(tmp_path: Path, dtype: str) -> None:
    pixels = np.round(spin_to_rgb(spins()) * 255).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb")
    picture = read_spin_picture(tmp_path / "a.tif")
    assert (picture.contrast, picture.meta["colour_map"]) == (Contrast.SPIN, ColourMap.MUMAX3)
    np.testing.assert_allclose(picture.pixels, spin_to_rgb(spins()), atol=0.01)


def test_a_grey_picture_with_a_transparent_pixel_is_grey(tmp_path: Path) -> None:
    pixels = np.dstack([RAMP] * 3 + [255 + 0 * RAMP]).astype(np.uint8)
    pixels[3, 4, 3] = 0
    Image.fromarray(pixels).save(tmp_path / "a.png")
    picture = read_spin_picture(tmp_path / "a.png")
    assert (picture.contrast, picture.is_colour) == (None, False)
    seen = RAMP.copy()
    seen[3, 4] = 255  # the white behind it
    np.testing.assert_array_equal(picture.pixels, seen)


def test_colours_on_a_scale_of_their_own_open_and_are_refused_where_they_are_analysed(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.linspace(0, 99, 1200).reshape(20, 20, 3), photometric="rgb")
    assert read_picture_file(tmp_path / "a.tif").is_colour
    with pytest.raises(UnusablePicture, match="colours go from 0 to 99"):
        read_spin_picture(tmp_path / "a.tif")


def test_palettes_are_looked_up_and_what_is_transparent_is_white(tmp_path: Path) -> None:
    colours = np.zeros((20, 20, 4), dtype=np.uint8)
    colours[:, :10] = (255, 0, 0, 255)
    colours[:, 10:] = (0, 0, 255, 0)
    Image.fromarray(colours).save(tmp_path / "rgba.png")
    Image.fromarray(colours[..., :3]).quantize(4).save(tmp_path / "palette.png")
    np.testing.assert_array_equal(read_spin_picture(tmp_path / "rgba.png").pixels[0, [0, -1]], [[1, 0, 0], [1, 1, 1]])
    palette = read_spin_picture(tmp_path / "palette.png")
    np.testing.assert_array_equal(palette.pixels[0, [0, -1]], [[1, 0, 0], [0, 0, 1]])
    assert palette.contrast is Contrast.SPIN


def test_spins_are_recovered_where_the_colours_carry_them(tmp_path: Path) -> None:
    Image.fromarray(np.round(spin_to_rgb(spins()) * 255).astype(np.uint8)).save(tmp_path / "m000000.png")
    picture = read_spin_picture(tmp_path / "m000000.png")
    assert picture.meta["colour_map"] == ColourMap.MUMAX3
    texture = spins_of(picture)
    assert texture is not None
    assert texture.meta["from_picture"] is True
    assert np.median(np.sum(texture.m[0] * spins(), axis=-1)) > 0.9999


def test_colours_of_m_z_alone_and_photographs_give_no_spins() -> None:
    grey_map = Picture(spin_to_rgb(spins(), ColourMap.BLUE_RED), meta={"colour_map": "blue-red"})
    photograph = Picture(np.random.default_rng(0).uniform(size=(20, 20, 3)))
    assert spins_of(grey_map) is None
    assert spins_of(photograph) is None


def test_a_kerr_microscope_leaves_its_scale_in_the_png(tmp_path: Path) -> None:
    chunks = PngInfo()
    chunks.add_text("MicronsPerPixel{Double Float}", "0.258186")
    chunks.add_text("field: units{Enum U16 ((mT,kA/m,Oerstedt))}", "Oerstedt")
    Image.fromarray(RAMP.astype(np.uint8)).save(tmp_path / "a.png", pnginfo=chunks)
    picture = read_spin_picture(tmp_path / "a.png")
    assert picture.pixel_size == pytest.approx((0.258186e-6,) * 2)
    assert picture.contrast is Contrast.KERR


@pytest.mark.parametrize(
    "told", ['{"pixel_size_m": [0, 0]}', '{"pixel_size_m": "big", "contrast": 7}', "[1]", "{", "7"]
)
def test_nonsense_in_our_own_chunk_is_unknown(tmp_path: Path, told: str) -> None:
    chunks = PngInfo()
    chunks.add_text("magtex", told)
    Image.fromarray(RAMP.astype(np.uint8)).save(tmp_path / "a.png", pnginfo=chunks)
    picture = read_spin_picture(tmp_path / "a.png")
    assert (picture.pixel_size, picture.contrast) == (None, None)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"metadata": {"unit": "nm"}}, None),  # tifffile's own 1 x 1, which nobody told it
        ({"metadata": {"unit": "nm"}, "resolution": (0.5, 0.25)}, (4e-9, 2e-9)),
        ({"imagej": True, "metadata": {"unit": "um"}, "resolution": (100, 200)}, (5e-9, 1e-8)),
        ({"imagej": True, "metadata": {"unit": "micron"}, "resolution": (100, 100)}, (1e-8, 1e-8)),
        ({"imagej": True, "metadata": {"unit": "pixel"}, "resolution": (100, 100)}, None),
        ({"imagej": True, "metadata": {"unit": "nm"}, "resolution": (0, 0)}, None),
        ({"resolution": (2e6, 2e6), "resolutionunit": "CENTIMETER"}, (5e-9, 5e-9)),
        ({"resolution": (72, 72), "resolutionunit": "INCH"}, None),  # a printer's
        ({}, None),
    ],
)
def test_a_tiff_scale_is_read_where_it_is_one(tmp_path: Path, options: dict, size: tuple | None) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RAMP.astype(np.float32), **options)
    picture = read_spin_picture(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.pixels, RAMP)
    assert picture.pixel_size == (None if size is None else pytest.approx(size, rel=1e-6))


def test_an_ome_tiff_tells_its_pixel_size(tmp_path: Path) -> None:
    told = {"axes": "TYX", "PhysicalSizeX": 2.5, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.005}
    tifffile.imwrite(tmp_path / "a.ome.tif", np.stack([RAMP, RAMP + 1]).astype(np.uint16), metadata=told)
    frames = read_picture_file(tmp_path / "a.ome.tif")
    assert len(frames) == 2
    assert frames.pixel_size == pytest.approx((5e-9, 2.5e-9))


def test_digital_micrograph_tags_are_left_to_rosettasciio(tmp_path: Path) -> None:
    tags = [(65003, "s", 3, "nm", False), (65004, "s", 3, "nm", False)]
    tags += [(65009, "d", 1, 0.5, False), (65010, "d", 1, 0.5, False)]
    tifffile.imwrite(tmp_path / "a.tif", RAMP.astype(np.float32), extratags=tags)
    assert read_spin_picture(tmp_path / "a.tif").pixel_size == pytest.approx((5e-10, 5e-10))


def test_pages_are_frames_and_planes_of_colour_are_colours(tmp_path: Path) -> None:
    pages = np.stack([RAMP, RAMP.max() - RAMP, RAMP // 2]).astype(np.uint8)
    tifffile.imwrite(tmp_path / "pages.tif", pages, photometric="minisblack")
    tifffile.imwrite(tmp_path / "planes.tif", pages, photometric="rgb", planarconfig="separate")
    assert read_picture_file(tmp_path / "pages.tif").pixels.shape == (3, 20, 24)
    planes = read_picture_file(tmp_path / "planes.tif")
    np.testing.assert_array_equal(planes.pixels[0, ..., 1], pages[1])


@pytest.mark.parametrize("options", [{}, {"imagej": True}, {"compression": "zlib"}])
def test_a_large_tiff_stack_stays_on_the_disk(tmp_path: Path, monkeypatch, options: dict) -> None:
    pages = np.stack([RAMP + n for n in range(5)]).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack", **options)
    loaded = read_picture_file(tmp_path / "a.tif").pixels
    monkeypatch.setattr("napari_magtex.io.tiff.LARGEST_IN_MEMORY", 1000)
    frames = read_picture_file(tmp_path / "a.tif")
    assert type(loaded) is np.ndarray
    assert type(frames.pixels) is not np.ndarray
    np.testing.assert_array_equal(np.asarray(frames.pixels), pages)
    np.testing.assert_array_equal(frames.picture(3).pixels, pages[3])


def test_white_is_zero_is_turned_over(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RAMP.astype(np.uint8), photometric="miniswhite")
    np.testing.assert_array_equal(read_picture_file(tmp_path / "a.tif").pixels[0], 255 - RAMP)


def test_white_is_zero_is_turned_over_in_single_bits_too(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RAMP > 100, photometric="miniswhite")
    np.testing.assert_array_equal(read_spin_picture(tmp_path / "a.tif").pixels, RAMP <= 100)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_a_damaged_picture_is_an_error_of_ours(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    noise = np.random.default_rng(0).integers(0, 255, (40, 40)).astype(np.uint8)
    if name == "a.tif":
        tifffile.imwrite(path, noise)
    else:
        Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:150])
    with pytest.raises(UnreadableFile, match="damaged"):
        read_spin_picture(path)


@pytest.mark.parametrize(
    ("pixels", "match"),
    [
        (np.full((20, 20), 7), "every pixel of the picture is the same"),
        (RAMP[:3, :3], "3 x 3 pixels"),
        (RAMP * np.nan, "no pixel of the picture is finite"),
        (RAMP + 1j, "complex"),
    ],
)
def test_a_picture_with_nothing_in_it_is_unusable(tmp_path: Path, pixels: np.ndarray, match: str) -> None:
    kind = np.complex64 if np.iscomplexobj(pixels) else np.float32
    tifffile.imwrite(tmp_path / "a.tif", pixels.astype(kind))
    with pytest.raises(UnusablePicture, match=match):
        read_spin_picture(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("name", "shape", "size", "contrast"),
    [
        ("ltem/bender_FGT/190K_lf40_hf40.tif", (512, 512), None, None),
        ("ltem/bender_FGT/sim/Skyrm12_00_LABEL.tif", (256, 256), (3e-9, 3e-9), None),
        ("other/xmcdpy_PEEM/peem_0101_0000_min.tiff", (1024, 1024), None, None),
        ("kerr/KerrPy/bubble_large.png", (1066, 1344), None, None),
        ("kerr/Stoner/hallbar_field235.png", (512, 672), (0.258186e-6, 0.258186e-6), Contrast.KERR),
        ("kerr/MOKE-Subtract/119.0_OE_Raw_Image.jpg", (1040, 1392), None, None),
        ("spinpng/mumax3_website/example6_m000002.png", (128, 128), None, Contrast.SPIN),
        ("spinpng/spirit/spins.png", (1081, 1589), None, Contrast.SPIN),
    ],
)
def test_real_pictures_open(real_data: Path, name: str, shape: tuple, size: tuple | None, contrast: object) -> None:
    picture = read_spin_picture(real_data / name)
    assert picture.shape == shape
    assert picture.pixel_size == (None if size is None else pytest.approx(size))
    assert picture.contrast is contrast
    json.dumps(dict(picture.meta))


@pytest.mark.parametrize("limit", [1 << 28, 1000])
@pytest.mark.parametrize("coloured", [0, 3])
def test_a_stack_is_grey_only_where_all_of_its_frames_are(tmp_path: Path, monkeypatch, coloured, limit) -> None:
    for module in ("spin_png", "tiff"):
        monkeypatch.setattr(f"napari_magtex.io.{module}.LARGEST_IN_MEMORY", limit)
    stack = np.repeat(np.random.default_rng(0).integers(0, 255, (4, 20, 30, 1), dtype=np.uint8), 3, axis=3)
    tifffile.imwrite(tmp_path / "grey.tif", stack, photometric="rgb")
    grey = read_picture_file(tmp_path / "grey.tif")
    np.testing.assert_array_equal(np.asarray(grey.pixels), stack[..., 0])
    assert isinstance(grey.pixels, np.ndarray) == (limit > 1000)
    stack[coloured, ..., 0] = 255
    tifffile.imwrite(tmp_path / "colour.tif", stack, photometric="rgb")
    assert read_picture_file(tmp_path / "colour.tif").is_colour
