"""Tables of skyrmions as files: frame by frame, and whole or not at all."""

import numpy as np
import pandas as pd
import pytest
import tifffile

from napari_magtex.compute import Progress, drain
from napari_magtex.errors import MagtexError
from napari_magtex.segment.measure import COLUMNS, measure
from napari_magtex.segment.saving import label_image, writing_rows


@pytest.fixture
def parts(discs, provenance):
    labels = discs((80, 100), [(20, 30, 6), (50, 70, 8), (60, 20, 5)])
    sizes = (None, (2e-8, 2e-8), None)
    frames = (labels, labels, np.zeros_like(labels))
    return [measure(frame, provenance(), pixel_size=size).rows() for frame, size in zip(frames, sizes, strict=True)]


def test_frames_follow_one_another_each_as_it_is(parts, tmp_path):
    assert drain(writing_rows(parts, COLUMNS, tmp_path / "rows.csv")) == tmp_path / "rows.csv"
    head, *lines = (tmp_path / "rows.csv").read_text().splitlines()
    assert head == ",".join(COLUMNS)
    assert lines == [line for part in parts for line in part.to_csv(index=False, header=False).splitlines()]
    assert pd.read_csv(tmp_path / "rows.csv").x_nm.isna().tolist() == [True] * 3 + [False] * 3
    drain(writing_rows([], COLUMNS, tmp_path / "none.csv"))
    assert (tmp_path / "none.csv").read_text() == head + "\n"


def test_who_cancels_keeps_the_old_file(parts, tmp_path):
    (tmp_path / "rows.csv").write_text("old")
    work = writing_rows(parts, COLUMNS, tmp_path / "rows.csv")
    assert [next(work), next(work)] == [Progress(0, 3, "writing frame"), Progress(1, 3, "writing frame")]
    work.close()
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]
    assert (tmp_path / "rows.csv").read_text() == "old"


def test_pages_without_labels_are_as_large_as_the_others(discs, tmp_path):
    labels = discs((80, 100), [(20, 30, 6)])
    with label_image(tmp_path / "labels.tif") as write:
        for page in (None, None, labels, None, labels):
            write(page)
    pages = tifffile.imread(tmp_path / "labels.tif")
    assert pages.shape == (5, 80, 100)
    assert [bool(page.any()) for page in pages] == [False, False, True, False, True]


def test_where_it_cannot_be_written_is_told(parts, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MagtexError, match=r"rows.csv cannot be written: .*\. Choose another folder"):
        drain(writing_rows(parts, COLUMNS, tmp_path / "file" / "rows.csv"))
