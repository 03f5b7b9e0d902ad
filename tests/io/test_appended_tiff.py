"""TIFF files whose pages were appended one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_magtex.errors import UnreadableFile
from napari_magtex.io.tiff import read_tiff


@pytest.mark.parametrize("limit", [1 << 28, 1000])
@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3)])
def test_pages_that_were_appended_are_the_frames(tmp_path: Path, monkeypatch, shape, limit) -> None:
    monkeypatch.setattr("napari_magtex.io.tiff.LARGEST_IN_MEMORY", limit)
    frames = np.random.default_rng(0).integers(0, 255, (5, *shape), dtype=np.uint8)
    with tifffile.TiffWriter(tmp_path / "s.tif") as stack:
        for frame in frames:
            stack.write(frame, photometric="rgb" if frame.ndim == 3 else "minisblack", contiguous=False)
    read = read_tiff(tmp_path / "s.tif").pixels
    assert isinstance(read, np.ndarray) == (limit > 1000)
    np.testing.assert_array_equal(np.asarray(read), frames)


def test_a_thumbnail_is_no_frame(tmp_path: Path) -> None:
    frame = np.random.default_rng(0).integers(0, 255, (40, 60), dtype=np.uint8)
    with tifffile.TiffWriter(tmp_path / "s.tif") as stack:
        stack.write(frame)
        stack.write(frame[::2, ::2])
    np.testing.assert_array_equal(read_tiff(tmp_path / "s.tif").pixels, frame[None])


@pytest.mark.parametrize("order", [("preview", "a", "b"), ("a", "b", "preview")])
def test_the_recorded_pages_are_the_frames_wherever_a_preview_stands(tmp_path: Path, order: tuple[str, ...]) -> None:
    rng = np.random.default_rng(0)
    pages = {name: rng.integers(0, 255, (40, 60), dtype=np.uint8) for name in ("a", "b")}
    pages["preview"] = pages["a"][::4, ::4]
    with tifffile.TiffWriter(tmp_path / "s.tif") as stack:
        for name in order:
            stack.write(pages[name], contiguous=False)
    np.testing.assert_array_equal(read_tiff(tmp_path / "s.tif").pixels, np.stack([pages["a"], pages["b"]]))


def test_pages_of_another_size_are_told_of(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "s.tif") as stack:
        for rows in (40, 40, 30):
            stack.write(np.full((rows, 60), rows, np.uint8), contiguous=False)
    with pytest.warns(UserWarning, match=r"s\.tif: 1 pages of another shape"):
        assert read_tiff(tmp_path / "s.tif").pixels.shape == (2, 40, 60)


def test_printing_colours_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "s.tif", np.zeros((40, 60, 4), np.uint8), photometric="separated")
    with pytest.raises(UnreadableFile, match="CMYK"):
        read_tiff(tmp_path / "s.tif")
