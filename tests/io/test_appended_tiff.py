"""TIFF files whose pages were appended one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

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
