"""Files of microscopes: their images, how large a pixel is, how they were taken."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_magtex.errors import UnreadableFile
from napari_magtex.io.frames import _image_of, read_frames
from napari_magtex.io.lengths import metres, pixel_size
from napari_magtex.picture import Contrast

NM = 1e-9
NCEMPY, RSCIIO = "other/reader_tests_ncempy", "other/reader_tests_rosettasciio"
# file: (pixels, pixel size (dy, dx), some of what it says)
RECORDINGS = {
    f"{NCEMPY}/dmTest_3D_int16_64-65-66.dm3": ((66, 65, 64), (3 * NM, 0.002 * NM), {}),
    f"{NCEMPY}/dmTest_3D_int16_64-65-66.dm4": ((66, 65, 64), (3 * NM, 0.002 * NM), {}),
    f"{NCEMPY}/velox_1449_37kx.emd": (
        (1, 1024, 1024),
        (2.642231464186079 * NM,) * 2,
        {"voltage_kV": 300.0, "magnification": 28500.0, "exposure_s": 22.58944, "unit": "µm"},
    ),
    f"{RSCIIO}/digitalmicrograph__2D__multi_signal.dm3": (
        (1, 512, 512),
        (0.017751578241586685 * NM,) * 2,
        {"voltage_kV": 300.0, "magnification": 1e7},
    ),
    f"{RSCIIO}/digitalmicrograph__2D__test-1.dm3": ((1, 2, 2), None, {}),
    f"{RSCIIO}/digitalmicrograph__2D__test-7.dm3": ((1, 2, 2), None, {}),
    f"{RSCIIO}/digitalmicrograph__2D__test-2.dm4": ((1, 2, 2), None, {}),
    f"{RSCIIO}/digitalmicrograph__2D__test-10.dm4": ((1, 2, 2), None, {}),
    f"{RSCIIO}/digitalmicrograph__3D__test-2.dm4": ((2, 2, 2), None, {}),
    f"{RSCIIO}/digitalmicrograph__2D__test_STEM_image.dm3": (
        (1, 68, 68),
        (0.24853801727294922 * NM,) * 2,
        {"voltage_kV": 200.0},
    ),
    f"{RSCIIO}/digitalmicrograph__test_stackbuilder_imagestack.dm3": (
        (3, 2, 16),
        (59.98290330171585 * NM,) * 2,
        {"voltage_kV": 200.0, "magnification": 200000.0},
    ),
    f"{RSCIIO}/emd__example_image.emd": ((1, 3, 3), None, {}),
    f"{RSCIIO}/emd__fei_example_tem_stack.emd": (
        (2, 3, 3),
        (0.008172883192297851 * NM,) * 2,
        {"voltage_kV": 300.0, "exposure_s": 0.8, "defocus_vendor_um": pytest.approx(0.030231699)},
    ),
    f"{RSCIIO}/mrc__ROI_Random_Scan_movie.mrc": ((348, 16, 16), None, {}),
    f"{RSCIIO}/tia__new__128x128-TEM_search.emi": (
        (1, 128, 128),
        (5.261214205047081 * NM,) * 2,
        {"voltage_kV": 200.0, "magnification": 22500.0, "exposure_s": 0.1},
    ),
    f"{RSCIIO}/tia__new__128x128-TEM_search_1.ser": (
        (1, 128, 128),
        (5.261214205047081 * NM,) * 2,
        {"voltage_kV": 200.0, "magnification": 22500.0},
    ),
    "ltem/holospy_Fe_needle/01_holo_Vbp_130V_0V_bin2_crop.hdf5": (
        (1, 512, 512),
        (0.9197516441345215 * NM,) * 2,
        {"voltage_kV": 300.0, "exposure_s": 10.0},
    ),
}


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_real_recording_gives_what_its_microscope_wrote(real_data: Path, name: str) -> None:
    shape, size, told = RECORDINGS[name]
    (frames,) = read_frames(real_data / name)
    assert frames.pixels.shape == shape
    assert frames.pixel_size == (None if size is None else pytest.approx(size))
    assert {key: frames.meta.get(key) for key in told} == told
    assert frames.contrast is Contrast.LORENTZ
    json.dumps(dict(frames.meta))


def test_a_scanned_x_ray_image_has_no_contrast_of_electrons(real_data: Path) -> None:
    frames = read_frames(real_data / "other/Stoner_STXM/Sample_Image_2017-10-15_100.hdf5")[0]
    assert frames.pixel_size == pytest.approx((15e-9, 15e-9), rel=1e-3)
    assert frames.contrast is None


def test_a_spectrum_is_no_image(real_data: Path) -> None:
    with pytest.raises(UnreadableFile, match=r"no image, only spectra.*1x2048"):
        read_frames(real_data / NCEMPY / "08_carbon.dm3")


def test_a_ser_without_its_emi_opens_all_the_same(real_data: Path, tmp_path: Path) -> None:
    name = "tia__new__128x128-TEM_search_1.ser"
    shutil.copy(real_data / RSCIIO / name, tmp_path / name)
    (frames,) = read_frames(tmp_path / name)
    assert frames.pixel_size == pytest.approx((5.261214205047081 * NM,) * 2)
    assert "voltage_kV" not in frames.meta


@pytest.mark.parametrize("name", ["search_1.ser", "search_10.ser"])
def test_each_ser_beside_an_emi_gives_its_own_pixels(real_data: Path, tmp_path: Path, name: str) -> None:
    stem = real_data / RSCIIO / "tia__new__128x128-TEM_search"
    folder = tmp_path / "film[3]"
    folder.mkdir()
    shutil.copy(stem.with_name(f"{stem.name}.emi"), folder / "search.emi")
    first = bytearray(stem.with_name(f"{stem.name}_1.ser").read_bytes())
    (folder / "search_1.ser").write_bytes(first)
    first[-100:] = bytes(100)
    (folder / "search_10.ser").write_bytes(first)
    (frames,) = read_frames(folder / name)
    shutil.copy(folder / name, tmp_path / "alone_1.ser")
    (alone,) = read_frames(tmp_path / "alone_1.ser")
    np.testing.assert_array_equal(frames.pixels, alone.pixels)


@pytest.mark.parametrize(("dtype", "units"), [(complex, "nm"), (float, "1/nm"), (float, "nm^-1")])
def test_a_transform_beside_an_image_is_left_out(tmp_path: Path, dtype: type, units: str) -> None:
    axes = [{"navigate": False, "units": units, "scale": 1.0}] * 2
    signal = {"data": np.ones((20, 20), dtype), "axes": axes, "metadata": {}}
    assert _image_of(signal, tmp_path / "a.emd", lazy=False) is None


def test_a_large_stack_stays_on_the_disk_only_when_asked(real_data: Path, monkeypatch) -> None:
    monkeypatch.setattr("napari_magtex.io.frames.LARGEST_IN_MEMORY", 1000)
    path = real_data / NCEMPY / "dmTest_3D_int16_64-65-66.dm3"
    lazy, loaded = read_frames(path, lazy=True)[0], read_frames(path)[0]
    assert not isinstance(lazy.pixels, np.ndarray)
    assert isinstance(loaded.pixels, np.ndarray)
    np.testing.assert_array_equal(lazy.pixels[7], loaded.pixels[7])
    assert lazy.picture(7, name="a").pixels[0, 0] == loaded.pixels[7, 0, 0]


@pytest.mark.parametrize("suffix", [".dm3", ".dm4", ".emd", ".ser", ".emi", ".mrc", ".hdf5", ".hspy"])
def test_a_file_that_is_not_what_its_name_says_is_an_error_of_ours(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"this is no microscope's file, whatever its name says. " * 40)
    with pytest.raises(UnreadableFile, match=rf"the \{suffix} file is damaged or not what its name says|no image"):
        read_frames(path)


@pytest.mark.parametrize("name", [n for n in RECORDINGS if n.endswith((".dm3", ".dm4", ".emd", ".ser", ".mrc"))])
def test_a_recording_cut_short_is_an_error_of_ours(real_data: Path, tmp_path: Path, name: str) -> None:
    whole = (real_data / name).read_bytes()
    path = tmp_path / Path(name).name
    path.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(UnreadableFile):
        read_frames(path)


def test_an_hdf5_without_images_says_so(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["spectrum"] = np.arange(10.0)
    with pytest.raises(UnreadableFile, match=r"no image|damaged"):
        read_frames(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("nm", 1e-9), ("[n_m]", 1e-9), ("µm", 1e-6), ("μm", 1e-6), ("micron", 1e-6), ("Å", 1e-10), ("m", 1.0)],
)
def test_units_of_length_are_known_however_they_are_spelt(unit: str, expected: float) -> None:
    assert metres(unit) == expected


@pytest.mark.parametrize("unit", ["", "1/nm", "pixel", "px", "eV", None, "unknown"])
def test_what_is_no_length_is_unknown(unit: str | None) -> None:
    assert metres(unit) is None


@pytest.mark.parametrize("scale", [0, -1, None, "", float("nan"), float("inf")])
def test_a_scale_that_is_not_positive_is_unknown_and_never_one(scale: object) -> None:
    assert pixel_size(scale, 1.0, "nm", "nm") is None
