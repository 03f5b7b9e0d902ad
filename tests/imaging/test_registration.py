"""Frames that were moved, turned and magnified, brought back."""

from __future__ import annotations

import numpy as np
import pytest

from napari_magtex.compute import drain
from napari_magtex.errors import Unsuitable
from napari_magtex.imaging.phase import induction_of
from napari_magtex.imaging.reconstruction import reconstruct
from napari_magtex.imaging.registration import Pose, align, pose_of, undone
from napari_magtex.imaging.through_focus import ThroughFocus

DEFOCI = (-200e-6, 0.0, 200e-6)


def put(frame, pose: Pose):
    """Give a frame a pose, by the inverse of what undoes it."""
    from skimage.transform import AffineTransform, warp

    ny, nx = frame.shape
    centre = np.array([(nx - 1) / 2, (ny - 1) / 2])
    turn = AffineTransform(rotation=-np.radians(pose.turn_deg), scale=pose.zoom)
    shift = AffineTransform(translation=turn.params[:2, :2] @ [pose.right, pose.down])
    whole = AffineTransform(translation=-centre) + turn + shift + AffineTransform(translation=centre)
    return warp(frame, whole.inverse, order=3, mode="edge")


def test_a_whole_shift_is_found_whatever_the_contrast_s_sign(frames_of):
    under, _, over = frames_of(DEFOCI, dose=2000)
    pose = pose_of(np.roll(under, (5, -7), axis=(0, 1)), over, turn_and_zoom=False)
    assert (pose.down, pose.right) == pytest.approx((5, -7), abs=0.1)
    assert pose.likeness > 0.5


def test_shift_turn_and_magnification_are_found_together(frames_of):
    under, _, over = frames_of(DEFOCI, dose=2000)
    pose = pose_of(put(under / under.mean(), Pose(2.5, -4.2, 1.5, 1.02)), over)
    assert (pose.down, pose.right) == pytest.approx((2.5, -4.2), abs=0.15)
    assert pose.turn_deg == pytest.approx(1.5, abs=0.1)
    assert pose.zoom == pytest.approx(1.02, abs=0.002)


@pytest.mark.parametrize("dose", [60, 300])
def test_noise_alone_turns_and_magnifies_nothing(frames_of, dose):
    for seed in range(3):
        under, over = (frames_of([df], dose=dose, seed=seed + n)[0] for n, df in ((0, -200e-6), (9, 200e-6)))
        pose = pose_of(under, over)
        assert (pose.turn_deg, pose.zoom) == (0, 1)


def test_a_turn_is_counter_clockwise_on_the_screen():
    frame = np.zeros((65, 65))
    frame[32, 40:60] = 1  # a line from the middle to the right
    turned = put(frame, Pose(turn_deg=90))
    assert turned[5:25, 32].mean() > 0.9  # now up


def test_undoing_a_pose_gives_the_frame_back(frames_of):
    frame = frames_of([200e-6])[0]
    pose = Pose(3.3, -1.6, 2.0, 0.98)
    inside = (slice(20, -20), slice(20, -20))
    np.testing.assert_allclose(undone(put(frame, pose), pose)[inside], frame[inside], atol=0.01)


def test_frames_that_lie_together_are_left_alone(frames_of):
    over = frames_of([200e-6])[0]
    assert pose_of(over, over) == Pose(likeness=pytest.approx(1))


def test_a_series_that_drifted_is_aligned_and_reconstructed(phase, frames_of):
    frames = frames_of(DEFOCI, dose=5000, seed=3)
    drifted = [np.roll(frame, (3 * n, -2 * n), axis=(0, 1)) for n, frame in enumerate(frames)]
    series = ThroughFocus(drifted, DEFOCI, (4e-9, 4e-9), 200e3)
    aligned, poses = drain(align(series))
    first = poses[0].down
    assert [pose.down - first for pose in poses] == pytest.approx([0, 3, 6], abs=0.2)  # the one in focus between them
    found = drain(reconstruct(aligned, "least-squares"))
    moved = min(
        float(np.linalg.norm(ours - true) / np.linalg.norm(true))
        for ours in [induction_of(found.phase, (4e-9, 4e-9))[:, 24:-24, 24:-24]]
        for down in range(8)
        for right in range(8)
        for rolled in [np.roll(phase, (down, -right), axis=(0, 1))]
        for true in [induction_of(rolled, (4e-9, 4e-9))]
        for rows, columns in [aligned.shape]
        for true in [true[:, :rows, :columns][:, 24:-24, 24:-24]]
    )
    assert moved < 0.12


def test_an_aligned_series_holds_no_frame(frames_of):
    reads = []

    class OnDisk:
        def __init__(self, frame):
            self.frame, self.shape = frame, frame.shape

        def __array__(self, dtype=None, copy=None):
            reads.append(1)
            return self.frame.astype(dtype or float)

    frames = frames_of(DEFOCI, dose=5000)
    series = ThroughFocus([OnDisk(np.roll(f, n, axis=0)) for n, f in enumerate(frames)], DEFOCI, (4e-9, 4e-9), 200e3)
    aligned, _ = drain(align(series, turn_and_zoom=False))
    before = len(reads)
    rows, columns = aligned.shape
    assert (rows, columns) < (160, 160)
    assert aligned.intensity(2).shape == (rows, columns)
    assert len(reads) == before + 1  # read again, and not kept
    plain = ThroughFocus([np.roll(f, n, axis=0) for n, f in enumerate(frames)], DEFOCI, (4e-9, 4e-9), 200e3)
    np.testing.assert_allclose(drain(align(plain, turn_and_zoom=False))[0].intensity(2), aligned.intensity(2))


def test_frames_of_different_places_are_refused(frames_of):
    one = frames_of([-200e-6], dose=2000)[0]
    other = np.random.default_rng(1).normal(size=one.shape)
    with pytest.raises(Unsuitable, match=r"frame 0, at -200 um, is like no other .* the same place"):
        drain(align(ThroughFocus([one, 100 + other], (-200e-6, 200e-6), (4e-9, 4e-9), 200e3)))


def test_frames_that_share_too_little_are_refused():
    rng = np.random.default_rng(2)
    wide = 100 + np.kron(rng.normal(size=(12, 36)), np.ones((12, 12)))
    one, other = wide[:, :144], wide[:, 80:224]
    with pytest.raises(Unsuitable, match=r"little in common: aligned, 64 x|is like no other"):
        drain(align(ThroughFocus([one, other], (-2e-4, 2e-4), (4e-9, 4e-9), 200e3), turn_and_zoom=False))
