"""Real frames with masks: what is read of them, and that no sample is on both sides."""

import numpy as np
import pytest
from PIL import Image

from napari_magtex.errors import UnreadableFile
from napari_magtex.segment.frames import FOLDER, SAME_PLACE, folds, read_masked_frames
from napari_magtex.segment.kinds import Kind

SAMPLES = [str(n) for n in (0, 2, 3, 8, 15, 18, 25, 128, 131, 132, 140, 141)]


def written(folder, colours, shape=(16, 20), mask_shape=None):
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "source_ids.csv").write_text("image,source_id\nimages/1.png,7\n")
    Image.fromarray(np.full(shape, 99, np.uint8)).save(folder / "images" / "1.png")
    mask = np.zeros((*(mask_shape or shape), 3), np.uint8)
    mask[:] = (0, 0, 255)
    for row, colour in enumerate(colours):
        mask[row] = colour
    Image.fromarray(mask).save(folder / "labels" / "1.png")
    return folder


def test_five_colours_are_four_kinds(tmp_path):
    colours = [(255, 0, 0), (0, 255, 0), (255, 255, 0), (0, 255, 255)]
    (frame,) = read_masked_frames(written(tmp_path, colours))
    assert frame.sample == "7"
    assert frame.grey.dtype == np.float32
    assert frame.kinds[:5, 0].tolist() == [Kind.SKYRMION, Kind.DEFECT, Kind.OUTSIDE, Kind.OUTSIDE, Kind.FILM]


def test_a_colour_that_means_nothing_is_told(tmp_path):
    with pytest.raises(UnreadableFile, match=r"colour \(1, 2, 3\)"):
        read_masked_frames(written(tmp_path, [(1, 2, 3)]))


def test_a_mask_of_another_size_is_refused(tmp_path):
    with pytest.raises(UnreadableFile, match=r"its mask \(16, 21\)"):
        read_masked_frames(written(tmp_path, [], mask_shape=(16, 21)))


def test_a_missing_mask_is_told(tmp_path):
    (written(tmp_path, []) / "labels" / "1.png").unlink()
    with pytest.raises(UnreadableFile, match="cannot be read"):
        read_masked_frames(tmp_path)


def test_a_folder_without_frames_is_told(tmp_path):
    with pytest.raises(UnreadableFile, match="MAGTEX_REAL_DATA"):
        read_masked_frames(tmp_path)


def test_folds_share_no_sample_and_leave_none_out():
    parts = folds(SAMPLES, 3)
    assert sorted(sample for fold in parts for sample in fold) == sorted(SAMPLES)
    assert all(len(fold) == 4 for fold in parts)


def test_samples_of_one_place_stay_together():
    for fold in folds(SAMPLES, 3):
        for group in SAME_PLACE:
            assert len(fold & set(group)) in (0, len(group))


def test_the_real_frames_are_104_of_32_samples(real_data):
    frames = read_masked_frames(real_data / FOLDER)
    assert len(frames) == 104
    assert len({frame.sample for frame in frames}) == 32
    assert {frame.grey.shape for frame in frames} == {(512, 672)}
    assert 0.15 < np.mean([(frame.kinds == Kind.SKYRMION).mean() for frame in frames]) < 0.2
