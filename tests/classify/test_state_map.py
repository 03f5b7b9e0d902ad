"""Maps of states: where windows lie, what they are shown, and whose state a pixel takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_magtex.classify import state_map as module
from napari_magtex.classify.calibration import Calibration
from napari_magtex.classify.network import STATES, TextureNet
from napari_magtex.classify.predict import Classifier, classify, ready
from napari_magtex.classify.state_map import DECLINED, LABELS, NO_CONTRAST, StateMap, default_window, state_map
from napari_magtex.colours import ColourMap
from napari_magtex.compute import Progress, drain
from napari_magtex.errors import UnusablePicture
from napari_magtex.imaging.cells import draw_cells
from napari_magtex.picture import Contrast, Picture, Region
from napari_magtex.states.definitions import State
from napari_magtex.texture import SpinTexture

CARD = {"kind": "classifier", "name": "tiny", "version": "7", "size": 64, "backbone": "test_efficientnet"}


@pytest.fixture(scope="module")
def untrained() -> Classifier:
    torch.manual_seed(0)
    return Classifier(ready(TextureNet(CARD["backbone"]), "cpu"), dict(CARD), Calibration(applicable=-9.0))


@pytest.fixture(scope="module")
def shipped() -> Classifier:
    return Classifier.load(device="cpu")


def _always(classifier: Classifier, state: State) -> Classifier:
    """A classifier that names one state whatever it sees."""
    return replace(classifier, calibration=Calibration(bias={c: {state: 500.0} for c in Contrast}, applicable=-9.0))


def _waves(ny: int, nx: int, period: float = 12.0) -> np.ndarray:
    return np.sin(2 * np.pi * np.arange(nx) / period) * np.ones((ny, 1))


def _map(picture: Picture, classifier: Classifier, **options: int) -> StateMap:
    answer: StateMap = drain(state_map(picture, classifier, **options))
    return answer


def _total(answer: StateMap) -> float:
    result = answer.result
    return sum(result.fractions.values()) + result.declined + result.no_contrast


def test_labels_keep_their_numbers() -> None:
    assert [LABELS[state] for state in State] == list(range(1, 10))
    assert (LABELS[State.FM_SKYRMIONS], LABELS[State.FM_STRIPES], DECLINED, NO_CONTRAST) == (7, 8, 10, 11)


def test_two_halves_are_named_each_by_itself(shipped: Classifier) -> None:
    phase = 2 * np.pi / 16 * np.mgrid[:80, :80][1]
    stripes = np.stack([np.sin(phase), 0 * phase, np.cos(phase)], axis=-1)
    up = np.broadcast_to([0.0, 0.0, 1.0], (80, 80, 3))
    picture = draw_cells(SpinTexture.from_layer(np.concatenate([stripes, up], axis=1)), ColourMap.MUMAX3, zoom=4)
    answer = _map(picture, shipped, window=128, step=64)
    assert answer.labels.shape == picture.shape == (320, 640)
    assert (answer.labels[:, :280] == LABELS[State.FM_STRIPES]).mean() > 0.95
    assert (answer.labels[:, 420:] == LABELS[State.FM]).mean() > 0.95  # half a window further, stripes still show
    assert _total(answer) == pytest.approx(1)
    assert answer.result.fractions["fm_stripes"] == pytest.approx((answer.labels == 8).mean())


def test_a_single_window_says_what_the_classifier_says(untrained: Classifier) -> None:
    picture = Picture(_waves(96, 96), Contrast.KERR)
    (verdict,) = drain(classify([picture], untrained))
    labels = _map(picture, untrained, window=96).labels
    expected = NO_CONTRAST if verdict.state == State.FM else LABELS[State(verdict.state)]
    assert (labels == expected).all()


def test_the_weights_of_windows_are_those_summed_one_by_one() -> None:
    rng = np.random.default_rng(0)
    ys, xs = np.array([0, 10, 21]), np.array([0, 16])
    scores, shares = rng.random((3, 2, 4)), rng.random((3, 2))
    scores[..., -1] = 1
    down, right = module._fades(ys, 20, 41), module._fades(xs, 20, 36)
    total = np.zeros((41, 36, 3))
    for r in range(3):
        for c in range(2):
            fade = np.outer(down[:, r], right[:, c])
            assert (fade[ys[r] : ys[r] + 20, xs[c] : xs[c] + 20] > 0).all()
            assert (fade > 0).sum() == 400
            total += (fade * shares[r, c])[..., None] * scores[r, c, :3]
    assert np.array_equal(module._labels(scores, shares, down, right), total.argmax(axis=2) + 1)
    scores[..., -1] = 0.4
    assert (module._labels(scores, shares, down, right) == DECLINED).all()


def test_windows_reach_every_edge_and_leave_no_gap() -> None:
    for n, window, step in [(100, 30, 7), (64, 64, 16), (65, 64, 16), (1000, 128, 128)]:
        starts = module._starts(n, window, step)
        assert starts[0] == 0
        assert starts[-1] == n - window
        assert (np.diff(starts) <= step).all()
        assert (np.diff(starts) > 0).all()


def test_a_frame_of_the_microscope_without_texture_is_no_contrast_not_a_ferromagnet(untrained: Classifier) -> None:
    frame = np.random.default_rng(0).normal(size=(100, 130))
    fm = _always(untrained, State.FM)
    seen = _map(Picture(frame, Contrast.KERR), fm, window=64)
    assert (seen.labels == NO_CONTRAST).all()
    assert (seen.result.no_contrast, seen.result.fractions["fm"]) == (1, 0)
    drawn = _map(Picture(frame, Contrast.SPIN), fm, window=64)
    assert (drawn.labels == LABELS[State.FM]).all()


def test_what_is_out_of_range_is_declined(untrained: Classifier) -> None:
    strict = replace(untrained, calibration=Calibration(applicable=50.0))
    answer = _map(Picture(_waves(100, 100), Contrast.KERR), strict, window=64)
    assert answer.result.declined == 1
    assert _total(answer) == 1


def test_a_window_of_one_colour_is_uniform_as_it_is_to_classify(untrained: Classifier) -> None:
    half = np.concatenate([np.full((64, 64, 3), 0.7), np.random.default_rng(0).random((64, 64, 3))], axis=1)
    answer = _map(Picture(half, Contrast.SPIN), _always(untrained, State.FM_STRIPES), window=64, step=64)
    assert (answer.labels[:, :64] == LABELS[State.FM]).all()
    assert (answer.labels[:, 64:] == LABELS[State.FM_STRIPES]).all()


def test_a_hologram_is_declined_as_it_is_by_classify(untrained: Classifier) -> None:
    fringes = np.random.default_rng(0).poisson(50 * (1 + 0.5 * _waves(256, 256, period=4.3)))
    picture = Picture(fringes, Contrast.LORENTZ)
    (verdict,) = drain(classify([picture], untrained))
    assert verdict.verdict == "out_of_range"
    assert _map(picture, untrained, window=128).result.declined == 1
    assert _map(replace(picture, contrast=Contrast.KERR), untrained, window=128).result.declined == 0


def test_outside_the_mask_is_nothing_and_does_not_count(untrained: Classifier) -> None:
    y, x = np.mgrid[:100, :100]
    mask = np.hypot(y - 50, x - 50) < 40
    whole = Picture(_waves(160, 160), Contrast.KERR)
    answer = _map(whole.crop(Region(30, 20, 130, 120, mask)), _always(untrained, State.FM_STRIPES), window=64)
    assert np.array_equal(answer.labels == LABELS[State.FM_STRIPES], mask)
    assert (answer.labels[~mask] == 0).all()
    assert answer.result.fractions["fm_stripes"] == 1
    assert answer.result.record()["roi"] == [30, 20, 130, 120]


def test_one_contrast_for_the_whole_frame(untrained: Classifier) -> None:
    half = np.concatenate([_waves(128, 128), np.zeros((128, 128))], axis=1)
    seen = module.contrast_of(Picture(half), untrained)
    assert _map(Picture(half), untrained, window=64, step=64).result.provenance.contrast is seen


def test_an_empty_window_is_not_stretched_into_noise_but_a_weak_texture_is_shown(untrained: Classifier) -> None:
    rng = np.random.default_rng(0)
    looking = module._WithinFrame(untrained.network, untrained.card, untrained.calibration, span=2.0)
    for amplitude, contrast in [(1.0, 1.0), (0.1, 1.0), (0.001, 0.032), (0.0, 0.0)]:
        for pixels in (amplitude * _waves(96, 96), 0.5 + amplitude * rng.uniform(-1, 1, (96, 96))):
            seen = looking.look(Picture(pixels, Contrast.KERR))
            assert np.ptp(seen.wholes.numpy()) == pytest.approx(contrast, rel=0.2, abs=1e-6)
            assert np.ptp(seen.closes.numpy()) == pytest.approx(contrast, rel=0.2, abs=1e-6)


def test_a_white_window_of_a_colour_frame_stays_as_flat_as_it_is(untrained: Classifier) -> None:
    looking = module._WithinFrame(untrained.network, untrained.card, untrained.calibration, span=1.0)
    white = 1 - 0.002 * np.random.default_rng(0).random((96, 96, 1)).repeat(3, axis=2)
    assert np.ptp(looking.look(Picture(white, Contrast.SPIN)).closes.numpy()) < 0.1


@pytest.mark.parametrize("shape", [(64, 64), (40, 200), (20, 20)])
@pytest.mark.parametrize("value", [0.0, 7.5])
def test_a_constant_or_small_frame_is_answered(shape: tuple[int, int], value: float, untrained: Classifier) -> None:
    answer = _map(Picture(np.full(shape, value), Contrast.KERR), untrained)
    assert answer.labels.shape == shape
    assert answer.result.window_px == min(shape)
    assert _total(answer) == pytest.approx(1)


def test_pixels_that_are_not_finite_do_not_spread(untrained: Classifier) -> None:
    pixels = _waves(100, 100)
    pixels[10:14, 20:30] = np.nan
    assert _total(_map(Picture(pixels, Contrast.KERR), untrained, window=64)) == pytest.approx(1)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"window": 101}, "the picture is 120 x 100 pixels, so choose 16 to 100"),
        ({"window": 8}, "so choose 16 to 100"),
        ({"window": 64, "step": 65}, "choose 1 to 64"),
        ({"window": 64, "step": 0}, "choose 1 to 64"),
    ],
)
def test_a_window_that_does_not_fit_is_refused(options: dict[str, int], says: str, untrained: Classifier) -> None:
    with pytest.raises(UnusablePicture, match=says):
        _map(Picture(_waves(100, 120), Contrast.KERR), untrained, **options)


@pytest.mark.parametrize(("period", "expected"), [(40.0, 200), (8.0, 128), (150.0, 300)])
def test_the_window_takes_five_periods_where_the_picture_allows(period: float, expected: int) -> None:
    y = np.mgrid[:600, :700][0]
    shaded = _waves(600, 700, period) + 3 * (y / 600) ** 2  # what the illumination adds is no period
    assert default_window(Picture(shaded), 128) == pytest.approx(expected, abs=2)
    assert default_window(Picture(np.stack([shaded / 5 + 0.3] * 3, axis=2)), 128) == pytest.approx(expected, abs=2)


def test_without_a_period_the_window_is_half_the_picture() -> None:
    assert default_window(Picture(np.zeros((600, 800))), 128) == 300
    assert default_window(Picture(np.random.default_rng(0).normal(size=(600, 800))), 128) == 300


def test_progress_is_told_window_by_window(untrained: Classifier) -> None:
    steps = list(state_map(Picture(_waves(96, 128), Contrast.KERR), untrained, window=64, step=32))
    assert steps[:-1] == [Progress(done, 6, "window") for done in range(1, 7)]
    assert isinstance(steps[-1], StateMap)


def test_a_record_has_a_column_for_every_state(untrained: Classifier) -> None:
    result = replace(_map(Picture(_waves(64, 64), Contrast.KERR), untrained).result, at={"field_mT": 5.0})
    record = result.record()
    assert set(record["fractions"]) == set(map(str, STATES))
    assert record["at"] == {"field_mT": 5.0}
    assert record["model"] == "tiny 7"


def test_windows_that_are_mostly_masked_are_not_judged(untrained: Classifier) -> None:
    mask = np.zeros((128, 320), bool)
    mask[:, 140:] = True
    picture = Picture(_waves(128, 320), Contrast.KERR, mask=mask)
    steps = list(state_map(picture, _always(untrained, State.FM_STRIPES), window=64, step=64))
    assert steps[0].total == 4  # of 10: two columns of windows
    answer = steps[-1]
    assert (answer.labels[:, :128] == LABELS[State.FM_STRIPES]).all()
    assert (answer.labels[:, 128:] == 0).all()  # masked, or seen by a window that is mostly masked
    assert answer.result.fractions["fm_stripes"] == 1
