"""Stacks: cleaned frame by frame, aligned, lazy where they are long."""

import dask.array as da
import numpy as np
import pytest

from napari_magtex.compute import Progress, drain
from napari_magtex.errors import Unsuitable, UnusablePicture
from napari_magtex.imaging.cleaning import By, Cleaning, Kind, clean
from napari_magtex.imaging.stack import clean_stack, mean_frame

RNG = np.random.default_rng(4)
LARGE = np.kron(RNG.normal(size=(40, 40)), np.ones((6, 6))).astype(np.float32)


def drifting(count=6, noise=0.2):
    """Frames (120, 140) of a sample that moves by (1, -2) pixels a frame."""
    frames = [LARGE[40 - i : 160 - i, 40 + 2 * i : 180 + 2 * i] for i in range(count)]
    return 10 + np.stack(frames) + RNG.normal(0, noise, (count, 120, 140)).astype(np.float32)


def test_every_frame_is_cleaned_as_it_is_alone():
    frames, settings = drifting(), Cleaning(gradient_order=2, median_px=3)
    mask = np.zeros((120, 140), dtype=bool)
    mask[110:] = True
    steps = list(clean_stack(frames, settings, mask=mask))
    assert steps[:-1] == [Progress(i + 1, 6, "frame") for i in range(6)]
    for frame, cleaned in zip(frames, steps[-1].pixels, strict=True):
        np.testing.assert_array_equal(cleaned, clean(frame, settings, mask=mask).frame)
    np.testing.assert_array_equal(steps[-1].mask, mask)
    assert steps[-1].places == ()


@pytest.mark.parametrize("most_bytes", [1 << 31, 0], ids=["in memory", "lazy"])
def test_drift_is_taken_out_and_what_is_not_in_all_frames_is_masked(most_bytes):
    found = drain(clean_stack(drifting(), Cleaning(0, align=True), most_bytes=most_bytes))
    assert np.allclose([place.shift for place in found.places], [(-i, 2 * i) for i in range(6)], atol=0.1)
    assert found.mask[-5:].all()
    assert found.mask[:, :10].all()
    assert not found.mask[:-7, 12:].any()
    pixels = np.asarray(found.pixels)
    middle = pixels[:, 10:-10, 15:-5]
    assert np.abs(middle - middle[0]).std() < 0.5
    assert np.abs(np.diff(drifting(), axis=0)).std() > 0.5


def test_a_lazy_answer_reads_nothing_before_it_is_shown_and_is_the_same():
    frames, read = drifting(), []

    class OnDisk:
        def __len__(self):
            return len(frames)

        def __getitem__(self, index):
            read.append(index)
            return frames[index]

    settings = Cleaning(median_px=3)
    found = drain(clean_stack(OnDisk(), settings, most_bytes=1))
    assert isinstance(found.pixels, da.Array)
    assert found.pixels.chunks == ((1,) * 6, (120,), (140,))
    assert read == [0]
    np.testing.assert_array_equal(np.asarray(found.pixels[4]), clean(frames[4], settings).frame)
    assert read == [0, 4]
    np.testing.assert_array_equal(np.asarray(found.pixels), drain(clean_stack(frames, settings)).pixels)


def test_a_long_stack_is_read_one_frame_at_a_time():
    held = [0]

    class Frame(np.ndarray):
        def __del__(self):
            held[0] -= 1

    class OnDisk:
        def __len__(self):
            return 30

        def __getitem__(self, index):
            held[0] += 1
            assert held[0] <= 3
            return drifting(1)[0].view(Frame)

    drain(clean_stack(OnDisk(), Cleaning(0, align=True), most_bytes=1))


def test_one_blank_frame_does_not_lose_the_others():
    frames = drifting()
    frames[2] = 7
    found = drain(clean_stack(frames, Cleaning(align=True)))
    assert (found.pixels[2] == 7).mean() > 0.9
    assert list(found.remarks) == [2]
    assert found.remarks[2][0].startswith("left as it is: every pixel")
    assert "unlike the frames before" in found.remarks[2][1]
    assert np.allclose(found.places[5].shift, (-5, 10), atol=0.1)


def test_what_is_found_in_the_first_frame_is_masked_in_all():
    frames = drifting()
    frames[:, 112:] = 0
    frames[:, 115:118, 10:60] = 20
    found = drain(clean_stack(frames, Cleaning(left_out=("footer",))))
    assert np.flatnonzero(found.mask.any(axis=1)).tolist() == list(range(112, 120))
    assert set(found.found) == {Kind.FOOTER}


def test_closing_it_stops():
    work = clean_stack(drifting(), Cleaning())
    assert next(work) == Progress(1, 6, "frame")
    work.close()


def test_frames_of_different_sizes_are_refused():
    frames = [*drifting(2), np.ones((10, 10))]
    with pytest.raises(Unsuitable, match="frame 2 is 10 x 10 pixels, the first 140 x 120 pixels"):
        drain(clean_stack(frames, Cleaning()))
    with pytest.raises(Unsuitable, match="frame 2 of the reference is 10 x 10 pixels"):
        drain(mean_frame(frames))
    with pytest.raises(Unsuitable, match="the reference is 10 x 10 pixels"):
        drain(clean_stack(drifting(), Cleaning(), reference=np.ones((10, 10))))
    with pytest.raises(UnusablePicture, match="covers every pixel"):
        drain(clean_stack(drifting(), Cleaning(), mask=np.ones((120, 140), dtype=bool)))


def test_a_reference_is_the_mean_of_its_frames():
    frames = drifting(5)
    np.testing.assert_allclose(drain(mean_frame(frames)), frames.mean(axis=0), rtol=1e-5)
    noisy = 10 + RNG.normal(0, 1, (25, 120, 140))
    cleaned = drain(clean_stack(noisy, Cleaning(0, By.SUBTRACT), reference=drain(mean_frame(noisy))))
    assert abs(cleaned.pixels.mean()) < 1e-3


def test_a_stack_that_drifts_out_of_sight_is_refused():
    frames = [LARGE[:90, 9 * i : 9 * i + 90] for i in range(14)]
    with pytest.raises(Unsuitable, match="no place of the sample is in all frames"):
        drain(clean_stack(frames, Cleaning(0, align=True)))
