from collections.abc import Iterator

import numpy as np
import pytest
import torch

from napari_magtex.classify.calibration import Calibration
from napari_magtex.classify.network import GREY_CONTRASTS, STATES, Logits, TextureNet
from napari_magtex.classify.predict import Classifier, classify, raw_answers, ready
from napari_magtex.compute import Progress, drain
from napari_magtex.errors import ModelUnavailable, Unsuitable
from napari_magtex.models import store
from napari_magtex.picture import Contrast, Picture, Region
from napari_magtex.states.definitions import State

CARD = {"kind": "classifier", "name": "tiny", "version": "7", "size": 64, "backbone": "test_efficientnet"}


def _classifier(calibration: Calibration | None = None) -> Classifier:
    torch.manual_seed(0)
    return Classifier(
        ready(TextureNet(CARD["backbone"]), "cpu"), dict(CARD), calibration or Calibration(applicable=-9.0)
    )


def _biased(classifier: Classifier, state: State) -> Classifier:
    with torch.no_grad():
        classifier.network.state.bias[STATES.index(state)] = 50
    return classifier


def _pictures() -> list[Picture]:
    rng = np.random.default_rng(0)
    shapes = [(64, 64, 3), (200, 150, 3), (40, 90), (128, 400, 3), (300, 300), (64, 64)]
    return [Picture(rng.random(shape), name=f"{k}.png", frame=k) for k, shape in enumerate(shapes)]


def test_a_verdict_holds_what_the_command_line_promises() -> None:
    verdicts = drain(classify(_pictures(), _classifier()))
    assert [v.provenance.file for v in verdicts] == [f"{k}.png" for k in range(6)]
    for verdict in verdicts:
        assert set(verdict.probabilities) == set(map(str, State))
        assert sum(verdict.probabilities.values()) == pytest.approx(1, abs=1e-12)
        assert verdict.state == max(verdict.probabilities, key=verdict.probabilities.__getitem__)
        assert verdict.set[0] == verdict.state
        assert verdict.record()["model"] == "tiny 7"
        assert 0 <= verdict.applicability <= 1


def test_the_answer_does_not_depend_on_what_else_is_asked() -> None:
    classifier, pictures = _classifier(), _pictures()
    together = [raw for _, raw in raw_answers(pictures, classifier)]
    for picture, raw in zip(pictures, together, strict=True):
        ((_, alone),) = raw_answers([picture], classifier)
        assert np.allclose(alone.state, raw.state, atol=1e-4)
        assert alone.applicable == pytest.approx(raw.applicable, abs=1e-4)


def test_progress_comes_after_each_picture_and_the_list_last() -> None:
    steps = list(classify(_pictures(), _classifier()))
    assert [s.done for s in steps if isinstance(s, Progress)] == [1, 2, 3, 4, 5, 6]
    assert isinstance(steps[-1], list)


def test_pictures_are_read_as_they_are_needed() -> None:
    read = 0

    def endless() -> Iterator[Picture]:
        nonlocal read
        while True:
            read += 1
            yield Picture(np.random.default_rng(read).random((64, 64)))

    work = classify(endless(), _classifier())
    next(work)
    work.close()
    assert read < 40


def test_no_picture_is_no_verdict() -> None:
    assert list(classify([], _classifier())) == [[]]


def test_colour_is_a_spin_picture_and_grey_what_it_looks_like() -> None:
    classifier = _classifier()
    with torch.no_grad():
        classifier.network.contrast.bias[GREY_CONTRASTS.index(Contrast.KERR)] = 50
    pictures = _pictures()
    found = [v.provenance.contrast for v in drain(classify(pictures, classifier))]
    assert found == [Contrast.SPIN if p.is_colour else Contrast.KERR for p in pictures]


def test_a_contrast_that_is_named_is_believed() -> None:
    picture = Picture(np.random.default_rng(0).random((64, 64)), Contrast.LORENTZ)
    (verdict,) = drain(classify([picture], _classifier()))
    assert verdict.provenance.contrast is Contrast.LORENTZ
    assert set(verdict.hidden) == {s for s in State if s.startswith("afm") or s is State.NEEL_120}
    assert all(verdict.probabilities[s] == 0 for s in verdict.hidden)


def test_an_instrument_that_sees_a_ferromagnet_sees_nothing() -> None:
    pixels = np.random.default_rng(0).random((64, 64))
    classifier = _biased(_classifier(), State.FM)
    verdicts = drain(classify([Picture(pixels, Contrast.KERR), Picture(pixels, Contrast.SPIN)], classifier))
    assert [(v.verdict, v.state) for v in verdicts] == [("no_contrast", "fm"), ("state", "fm")]


def test_out_of_range_comes_before_any_state() -> None:
    classifier = _biased(_classifier(Calibration(applicable=99.0)), State.FM)
    (verdict,) = drain(classify([Picture(np.random.default_rng(0).random((64, 64)), Contrast.KERR)], classifier))
    assert (verdict.verdict, verdict.applicable, verdict.state) == ("out_of_range", False, "fm")


def test_a_region_is_named_in_the_answer() -> None:
    picture = Picture(np.random.default_rng(0).random((100, 100, 3))).crop(Region(10, 20, 90, 84))
    (verdict,) = drain(classify([picture], _classifier()))
    assert verdict.record()["roi"] == [10, 20, 90, 84]


def test_a_uniform_colour_is_answered() -> None:
    (verdict,) = drain(classify([Picture(np.ones((100, 100, 3)))], _classifier()))
    assert verdict.provenance.contrast is Contrast.SPIN or verdict.provenance.contrast in GREY_CONTRASTS


def test_an_electron_phase_is_refused_with_a_way_out() -> None:
    picture = Picture(np.random.default_rng(0).random((64, 64)), Contrast.PHASE)
    with pytest.raises(Unsuitable, match="reconstruct"):
        drain(classify([picture], _classifier()))


def test_an_apple_gpu_without_float64_answers_too(monkeypatch, on_apple) -> None:  # type: ignore[no-untyped-def]
    classifier, (picture, *_) = _classifier(), _pictures()
    ((_, expected),) = raw_answers([picture], classifier)
    heads = classifier.network.heads

    def answer(*features: torch.Tensor) -> Logits:
        return Logits(*map(on_apple, vars(heads(*features)).values()))

    monkeypatch.setattr(classifier.network, "heads", answer)
    ((_, raw),) = raw_answers([picture], classifier)
    assert raw.state.dtype == np.float64
    np.testing.assert_array_equal(raw.state, expected.state)


def test_weights_for_another_network_are_refused(tmp_path) -> None:  # type: ignore[no-untyped-def]
    classifier = _classifier()
    card = CARD | {"calibration": Calibration().as_card()}
    store.save(tmp_path / "good.safetensors", classifier.network.state_dict(), card)
    Classifier.load(tmp_path / "good.safetensors", "cpu")
    store.save(tmp_path / "bad.safetensors", {"weight": torch.ones(3)}, card)
    with pytest.raises(ModelUnavailable, match="does not fit"):
        Classifier.load(tmp_path / "bad.safetensors", "cpu")
    store.save(tmp_path / "bare.safetensors", classifier.network.state_dict(), CARD)
    with pytest.raises(ModelUnavailable, match="calibration"):
        Classifier.load(tmp_path / "bare.safetensors", "cpu")
