"""Corrected frames are kept exactly, and nothing that goes wrong loses one."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile

from napari_magtex.errors import BadRegion, MagtexError, UnreadableFile, Unsuitable, UnusablePicture
from napari_magtex.io.corrections import TABLE
from napari_magtex.picture import Contrast, Picture, Region
from napari_magtex.segment.corrections import COLUMNS, DEFECT, NOT_SAID, OUTSIDE, Corrections
from napari_magtex.segment.kinds import Kind

PLACES = [(y, x, 6) for y in range(14, 60, 18) for x in range(14, 80, 18)]


@pytest.fixture
def corrections(tmp_path):
    return Corrections(tmp_path / "not yet there")


@pytest.fixture
def labels(discs):
    return discs((60, 80), PLACES)


@pytest.fixture
def picture(labels):
    def of(seed=0):
        noise = np.random.default_rng(seed).standard_normal(labels.shape)
        grey = (100 - 20 * (labels > 0) + noise).astype(np.float32)
        return Picture(grey, Contrast.KERR, (50e-9, 51.3e-9), name=f'frames, "{seed}".tif', frame=seed)

    return of


def kept_files(corrections):
    return sorted(path.name for path in corrections.folder.iterdir() if path.name != TABLE)


def test_a_frame_comes_back_with_its_skyrmions(corrections, picture, labels):
    correction = corrections.keep(picture(3), labels, model="tiny 7")
    assert corrections.read() == [correction]
    assert (correction.file, correction.frame, correction.roi) == ('frames, "3".tif', 3, None)
    assert (correction.skyrmions, correction.marks, correction.model) == (len(PLACES), (), "tiny 7")
    assert correction.pixel_size == (50e-9, 51.3e-9)
    frame = corrections.frame(correction)
    np.testing.assert_array_equal(frame.picture.pixels, picture(3).pixels)
    np.testing.assert_array_equal(frame.skyrmions > 0, labels > 0)
    assert frame.said.all()
    assert kept_files(corrections) == [f"{correction.sha256}.tif", f"{correction.sha256}_labels.tif"]


def test_any_program_can_read_the_folder(corrections, picture, labels):
    correction = corrections.keep(picture(), labels)
    header, row = (corrections.folder / TABLE).read_text().splitlines()
    assert header == ",".join(COLUMNS)
    assert row.startswith(f"{correction.sha256}.tif,")
    read = tifffile.imread(corrections.folder / f"{correction.sha256}_labels.tif")
    assert read.dtype == np.int32
    assert read.max() == len(PLACES)


def test_what_is_beyond_the_region_masked_or_a_footer_is_not_said(corrections, picture, labels):
    mask = np.zeros(labels.shape, bool)
    mask[:10] = True
    outline = np.ones((50, 60), bool)
    outline[:, :5] = False
    region = Region(10, 0, 70, 50, mask=outline)
    frame = corrections.frame(corrections.keep(replace(picture(), mask=mask), labels, region=region))
    assert frame.correction.roi == (10, 0, 70, 50)
    assert frame.picture.shape == (50, 60)
    assert not frame.said[:10].any()
    assert not frame.said[:, :5].any()
    assert frame.said[10:, 5:].all()
    with_footer = picture().pixels.copy()
    with_footer[48:] = 0
    frame = corrections.frame(corrections.keep(Picture(with_footer), labels))
    assert (frame.labels[48:] == NOT_SAID).all()
    assert frame.said[:48].all()


def test_dust_and_what_is_outside_is_marked_where_it_was_looked_for(corrections, picture, labels):
    rest = np.zeros(labels.shape, np.uint8)
    rest[20:26, 20:26], rest[:, 76:] = Kind.DEFECT, Kind.OUTSIDE
    frame = corrections.frame(corrections.keep(picture(), labels, rest=rest))
    assert frame.correction.marks == (Kind.DEFECT, Kind.OUTSIDE)
    assert (frame.labels[20:26, 20:26] == DEFECT).all()
    assert (frame.labels[:, 76:] == OUTSIDE).all()
    assert corrections.read() == [frame.correction]
    dust_alone = corrections.frame(corrections.keep(picture(1), labels, rest=rest, marks=[Kind.DEFECT]))
    assert dust_alone.correction.marks == (Kind.DEFECT,)
    assert not (dust_alone.labels == OUTSIDE).any()


def test_a_skyrmion_drawn_over_dust_is_a_skyrmion(corrections, picture, labels):
    rest = np.full(labels.shape, Kind.DEFECT, np.uint8)
    frame = corrections.frame(corrections.keep(picture(), labels, rest=rest))
    np.testing.assert_array_equal(frame.skyrmions > 0, labels > 0)
    assert (frame.labels[labels == 0] == DEFECT).all()


def test_skyrmions_count_as_where_they_are_segmented(corrections, picture, labels):
    assert corrections.keep(picture(), np.where(labels > 0, 7, 0)).skyrmions == len(PLACES)
    touching = np.zeros(labels.shape, np.uint8)
    touching[20:30, 20:30], touching[20:30, 30:40] = 1, 2
    assert corrections.keep(picture(1), touching).skyrmions == 2
    assert corrections.keep(picture(2), touching > 0).skyrmions == 1
    crumb = touching.copy()
    crumb[50, 50:53] = 9
    assert corrections.keep(picture(3), crumb).skyrmions == 2
    assert corrections.keep(picture(4), crumb, min_area=3).skyrmions == 3


def test_of_a_skyrmion_that_a_region_cuts_down_to_a_crumb_nothing_is_said(corrections, picture, labels):
    low = np.pad(labels, ((9, 0), (0, 0)))[:-9]  # the first row of skyrmions begins in row 17
    frame = corrections.frame(corrections.keep(picture(), low, region=Region(0, 0, 80, 18)))
    assert frame.correction.skyrmions == 0
    assert low[17].any()
    assert (frame.labels[17] == np.where(low[17] > 0, NOT_SAID, 0)).all()
    assert (frame.labels[:17] == 0).all()
    assert corrections.keep(picture(4), 0 * labels).skyrmions == 0


def test_the_last_word_on_a_frame_counts_and_what_is_removed_is_gone(corrections, picture, labels):
    first = corrections.keep(picture(0), labels)
    second = corrections.keep(picture(1), labels)
    corrections.keep(picture(0), np.where(labels == 1, 0, labels))
    assert [c.skyrmions for c in corrections.read()] == [len(PLACES), len(PLACES) - 1]
    corrections.remove([first])
    assert corrections.read() == [second]
    assert kept_files(corrections) == [f"{second.sha256}.tif", f"{second.sha256}_labels.tif"]


def test_labels_of_another_shape_and_frames_without_a_picture_are_refused(corrections, picture, labels):
    with pytest.raises(Unsuitable, match="the labels are 80 x 59 pixels, the frame is 80 x 60"):
        corrections.keep(picture(), labels[1:])
    with pytest.raises(Unsuitable, match="the marks are 79 x 60"):
        corrections.keep(picture(), labels, rest=labels[:, 1:])
    with pytest.raises(UnusablePicture, match="constant"):
        corrections.keep(Picture(np.ones((60, 80))), labels)
    with pytest.raises(BadRegion, match="leaves the picture"):
        corrections.keep(picture(), labels, region=Region(0, 0, 90, 50))
    assert not corrections.folder.exists()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (f",{len(PLACES)},", ",many,", r"line 3 is damaged.*'many'"),
        (",kerr,", ",", "line 3 is damaged.*too few"),
        (";5.13e-08", "", "line 3 is damaged.*sides of a pixel"),
        ("skyrmions,", "count,", "lacks the columns skyrmions"),
    ],
)
def test_a_damaged_table_is_told_and_nothing_is_written(corrections, picture, labels, old, new, says):
    corrections.keep(picture(0), labels)
    corrections.keep(picture(1), labels)
    table = corrections.folder / TABLE
    head, first, second = table.read_text().splitlines()
    lines = [head.replace(old, new), first, second.replace(old, new)]
    table.write_text("\n".join(lines))
    before = kept_files(corrections)
    for action in (corrections.read, lambda: corrections.keep(picture(2), labels), lambda: corrections.remove([])):
        with pytest.raises(UnreadableFile, match=says):
            action()
    assert table.read_text() == "\n".join(lines)
    assert kept_files(corrections) == before


def test_missing_damaged_or_exchanged_labels_are_told_with_the_way_out(corrections, picture, labels):
    first, second = corrections.keep(picture(0), labels), corrections.keep(picture(1), labels)
    path = corrections.folder / f"{first.sha256}_labels.tif"
    for wrong, says in (
        (labels[:50].astype(np.int32), r"\(50, 80\) pixels, its picture \(60, 80\)"),
        (np.full(labels.shape, 0.5, np.float32), "other numbers than -3 to 0"),
        (np.full(labels.shape, -7, np.int32), "other numbers than -3 to 0"),
    ):
        tifffile.imwrite(path, wrong)
        with pytest.raises(UnreadableFile, match=f"label image of frames.*frame 0.*{says}.*remove"):
            corrections.frame(first)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UnreadableFile, match=r"label image.*remove"):
        corrections.frame(first)
    path.unlink()
    with pytest.raises(UnreadableFile, match="no such file"):
        corrections.frame(first)
    (corrections.folder / f"{second.sha256}.tif").write_bytes(b"II*\0 no more")
    with pytest.raises(UnreadableFile, match=r"the picture of frames.*frame 1.*remove"):
        corrections.frame(second)
    corrections.remove([first, second])
    assert corrections.read() == []


def test_labels_that_another_program_saved_as_floats_are_read(corrections, picture, labels):
    correction = corrections.keep(picture(), labels)
    path = corrections.folder / f"{correction.sha256}_labels.tif"
    tifffile.imwrite(path, tifffile.imread(path).astype(np.float32))
    assert corrections.frame(correction).skyrmions.max() == len(PLACES)


def test_a_folder_that_cannot_be_written_is_told(tmp_path, picture, labels):
    (tmp_path / "file").write_text("")
    with pytest.raises(MagtexError, match=r"cannot be written.*another folder"):
        Corrections(tmp_path / "file" / "below").keep(picture(), labels)
