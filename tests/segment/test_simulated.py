"""Simulated frames: what their masks promise of their pixels."""

import numpy as np
import pytest
import torch
from scipy.ndimage import label

from napari_magtex.physics.starts import paint_skyrmion, uniform_start
from napari_magtex.segment.arrangement import arranged
from napari_magtex.segment.augment import disturbed, piece
from napari_magtex.segment.data import Pieces, batches, skyrmion_size
from napari_magtex.segment.frames import MaskedFrame
from napari_magtex.segment.kinds import Kind
from napari_magtex.segment.normalise import normalised
from napari_magtex.segment.simulated import simulated_frame
from napari_magtex.segment.textures import magnified
from napari_magtex.states.definitions import State
from napari_magtex.states.library import Simulation
from napari_magtex.texture import Lattice, SpinTexture


def drawn(count, **options):
    return [simulated_frame(np.random.default_rng(seed), (128, 160), **options) for seed in range(count)]


def contrast_of(frame):
    skyrmions, film = (frame.grey[frame.kinds == kind] for kind in (Kind.SKYRMION, Kind.FILM))
    return float(np.median(skyrmions) - np.median(film)) if min(skyrmions.size, film.size) > 50 else 0.0


@pytest.fixture(scope="module")
def frames():
    return drawn(60)


def test_frames_hold_every_kind_and_both_polarities(frames):
    kinds = [set(np.unique(frame.kinds)) for frame in frames]
    assert all(any(kind in some for some in kinds) for kind in Kind)
    signs = np.sign([contrast_of(frame) for frame in frames])
    assert min((signs > 0).sum(), (signs < 0).sum()) > 10
    assert all(frame.grey.shape == frame.kinds.shape == (128, 160) for frame in frames)
    assert all(np.isfinite(frame.grey).all() for frame in frames)


def test_sizes_go_from_four_pixels_to_what_the_frame_holds(frames):
    sizes = [frame.size for frame in frames]
    assert 4 <= min(sizes) < 6
    assert 40 < max(sizes) <= 64


def test_a_frame_is_the_same_for_the_same_seed():
    first, again = drawn(1)[0], drawn(1)[0]
    assert np.array_equal(first.grey, again.grey)
    assert np.array_equal(first.kinds, again.kinds)


def test_skyrmions_are_as_large_as_said_and_as_plain_as_said():
    told = []
    for frame in drawn(30, size=16.0, snr=20.0, clean=True):
        regions, count = label(frame.kinds == Kind.SKYRMION)
        if count > 3 and (frame.kinds == Kind.SKYRMION).mean() < 0.3:
            told.append(np.sqrt(4 / np.pi * np.median(np.bincount(regions.ravel())[1:])))
    assert len(told) > 8
    assert np.median(told) == pytest.approx(16, rel=0.2)


def test_noise_is_as_strong_as_said():
    for frame in drawn(12, size=20.0, snr=1.0, clean=True):
        film = frame.grey[frame.kinds == Kind.FILM]
        assert film.std() == pytest.approx(1, abs=0.1)


def test_a_third_of_the_frames_is_as_noisy_as_can_be_seen():
    snr = np.array([frame.snr for frame in drawn(150, size=20.0)])
    assert 0.7 <= snr.min() < 0.72
    assert snr.max() > 15
    assert np.mean(snr < 1.5 * 0.7) == pytest.approx(1 / 3, abs=0.12)


def test_the_ground_beside_a_device_is_never_noisier_and_often_quieter():
    ratios = []
    for frame in drawn(60, snr=1.0):
        step = np.abs(np.diff(frame.grey, axis=1))
        inside, beside = ((frame.kinds[:, 1:] == kind) & (frame.kinds[:, :-1] == kind) for kind in (0, 3))
        if min(inside.sum(), beside.sum()) > 400:
            ratios.append(np.median(step[beside]) / np.median(step[inside]))
    assert len(ratios) > 8
    assert max(ratios) < 1.1
    assert sum(ratio < 0.75 for ratio in ratios) > 0.2 * len(ratios)


def test_domains_leave_the_film_more_than_half_of_most_frames():
    shares = [np.mean(arranged(np.random.default_rng(seed), (128, 128), 12.0) > 0) for seed in range(40)]
    assert np.mean(np.array(shares) < 0.55) > 0.9
    assert max(shares) > 0.25


def test_some_frames_hold_a_few_skyrmions_alone():
    counts = [label(arranged(np.random.default_rng(seed), (192, 192), 14.0) > 0)[1] for seed in range(150)]
    assert 0.05 < np.mean([0 < count <= 8 for count in counts]) < 0.3


def test_normalising_a_negative_gives_the_negative(frames):
    grey = frames[3].grey
    assert np.allclose(normalised(-grey), -normalised(grey), atol=1e-5)
    assert np.allclose(normalised(1000 + 37 * grey), normalised(grey), atol=1e-3)
    assert np.isfinite(normalised(np.zeros((32, 32)))).all()


def test_a_piece_keeps_grey_and_mask_together(discs):
    rng = np.random.default_rng(0)
    labels = discs((300, 400), [(y, x, 7) for y in range(20, 300, 40) for x in range(20, 400, 40)])
    kinds = (labels > 0).astype(np.uint8)
    zooms = []
    for _ in range(20):
        grey, what, size = piece(kinds.astype(np.float32), kinds, 14.0, rng, 128)
        assert grey.shape == what.shape == (128, 128)
        assert ((grey > 0.5) != (what == 1)).mean() < 0.05
        zooms.append(size / 14)
    assert min(zooms) < 0.8
    assert max(zooms) > 1.5


def test_disturbing_turns_the_polarity_over_as_often_as_not(discs):
    labels = discs((128, 128), [(y, x, 9) for y in range(20, 128, 40) for x in range(20, 128, 40)])
    kinds, grey = (labels > 0).astype(np.uint8), (labels > 0).astype(np.float32)
    rng = np.random.default_rng(1)
    signs = []
    for _ in range(40):
        pixels, what = disturbed(grey, kinds, 18.0, rng)
        inside, film = pixels[what == Kind.SKYRMION], pixels[what == Kind.FILM]
        signs.append(np.sign(np.median(inside) - np.median(film)))
    assert 10 < signs.count(1) < 30


@pytest.fixture(scope="module")
def relaxed():
    """Two skyrmions, cores up in a film that points down, as the library keeps them."""
    m = uniform_start(1, (48, 64), (0.0, 0.0, 1.0))[0]
    for centre in ((20.0, 20.0), (45.0, 30.0)):
        paint_skyrmion(m, centre, 6.0, 1.5, helicity=0.0, lattice=Lattice.SQUARE)
    texture = SpinTexture.from_layer(-m.permute(1, 2, 0).numpy())
    return [Simulation(State.FM_SKYRMIONS, texture, "train", "painted", periodic) for periodic in (True, False)]


@pytest.mark.parametrize("size", [6.0, 12.0, 40.0])
def test_relaxed_skyrmions_are_shown_as_large_as_said(relaxed, size):
    m, shown = magnified(relaxed[0], np.random.default_rng(2), (200, 300), size)
    assert shown == pytest.approx(size, rel=0.05)
    assert m.shape == (200, 300, 3)
    assert m[..., 2].mean() > 0  # the film points up
    areas = np.bincount(label(m[..., 2] < 0)[0].ravel())[1:]
    assert 2 * np.sqrt(areas.max() / np.pi) == pytest.approx(size, rel=0.15)


def test_a_frame_stays_on_a_texture_with_edges(relaxed):
    m, shown = magnified(relaxed[1], np.random.default_rng(2), (200, 300), 6.0)
    assert shown > 12 * 200 / 64
    assert np.abs(np.linalg.norm(m, axis=-1) - 1).max() < 0.5


def test_a_simulated_frame_shows_the_texture_given(relaxed):
    frame = simulated_frame(np.random.default_rng(0), (128, 128), size=20.0, snr=20.0, clean=True, texture=relaxed[0])
    assert abs(contrast_of(frame)) > 0.5
    assert label(frame.kinds == Kind.SKYRMION)[1] >= 2


def test_pieces_show_relaxed_textures_where_there_are_some(relaxed):
    with_them, without = (Pieces([], side=64, real=0.5, seed=3, textures=t, relaxed=1.0) for t in (relaxed, []))
    assert not (with_them[0][0] == without[0][0]).all()


def masked(sample, discs, radius=8):
    labels = discs((160, 200), [(y, x, radius) for y in range(20, 160, 40) for x in range(20, 200, 40)])
    return MaskedFrame(100 - 20.0 * (labels > 0).astype(np.float32), (labels > 0).astype(np.uint8), sample, "frame")


def test_the_size_of_real_skyrmions_is_measured(discs):
    assert skyrmion_size(masked("1", discs)) == pytest.approx(16, abs=0.5)


def test_pieces_of_one_frame_come_on_many_scales(discs):
    frame = masked("1", discs)
    noise = np.random.default_rng(0).standard_normal(frame.grey.shape).astype(np.float32)
    pieces = Pieces([MaskedFrame(frame.grey * 0 + noise, frame.kinds * 0, "1", "noise")], side=64, real=1.0, seed=3)
    spread, middle = (np.array([float(how(pieces[n][0])) for n in range(60)]) for how in (torch.std, torch.median))
    assert spread.max() > 2 * spread.min()
    assert 0.3 < middle.std() < 0.9


def test_pieces_have_numbers_that_stay(discs):
    pieces = Pieces([masked("1", discs), masked("2", discs)], side=64, real=0.5, seed=3)
    whole = list(batches(pieces, 0, 8, batch=4, workers=0))
    later = list(batches(pieces, 4, 8, batch=4, workers=0))
    assert len(whole) == 2
    assert (whole[1].frames == later[0].frames).all()
    assert whole[0].frames.shape == (4, 1, 64, 64)
    assert whole[0].kinds.shape == (4, 64, 64)
