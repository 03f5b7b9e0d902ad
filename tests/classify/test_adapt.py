"""Learning from corrections: what is asked, what changes, what stays, and what is claimed of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_magtex.classify import adapt as module
from napari_magtex.classify.adapt import FEWEST_FILES, FOLDS, Adaptation, HeldBack, adapt
from napari_magtex.classify.calibration import Calibration
from napari_magtex.classify.corrections import Corrections
from napari_magtex.classify.network import STATES, TextureNet
from napari_magtex.classify.predict import Classifier, answers_from, classify, features_of, ready
from napari_magtex.classify.rehearsal import plain_pictures
from napari_magtex.classify.usefulness import bits_of, doubt, most_useful
from napari_magtex.colours import ColourMap
from napari_magtex.compute import Progress, drain
from napari_magtex.errors import MagtexError, Unsuitable
from napari_magtex.imaging.cells import draw_cells
from napari_magtex.io.corrections import folds
from napari_magtex.picture import Contrast, Picture
from napari_magtex.states.definitions import State
from napari_magtex.texture import SpinTexture


@pytest.fixture
def tiny() -> Classifier:
    torch.manual_seed(0)
    card = {"kind": "classifier", "name": "tiny", "version": "7", "size": 64, "backbone": "test_efficientnet",
            "calibration": Calibration(applicable=-5.0).as_card(), "test": {"styles": {}}}  # fmt: skip
    return Classifier(ready(TextureNet("test_efficientnet"), "cpu"), card, Calibration(applicable=-5.0))


@pytest.fixture
def few_plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer plain pictures, for speed."""
    monkeypatch.setattr(module, "_REHEARSED", 39)
    monkeypatch.setattr(module, "_TESTED", 26)


def _rings(count: int, *, period: float, name: str = "film") -> list[Picture]:
    """Frames of one texture, each elsewhere and with its own noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:80, :80]
    return [
        Picture(
            np.cos(2 * np.pi / period * np.hypot(x - rng.uniform(0, 80), y - rng.uniform(0, 80)))
            + rng.normal(0, 0.2, x.shape),
            Contrast.KERR,
            name=f"{name}{k}.tif",
        )
        for k in range(count)
    ]


def _tinted(count: int, colour: Sequence[float], *, name: str = "film") -> list[Picture]:
    """Frames of one colour, each with its own noise: what even random weights tell apart."""
    rng = np.random.default_rng(len(name))
    noise = [rng.uniform(0.5, 1, (80, 80, 1)) for _ in range(count)]
    return [Picture(each * np.array(colour), Contrast.SPIN, name=f"{name}{k}.png") for k, each in enumerate(noise)]


def _correct(folder: Path, pictures: Sequence[Picture], states: Sequence[State | None], by: Classifier) -> Corrections:
    corrections = Corrections(folder)
    for picture, verdict, state in zip(pictures, drain(classify(pictures, by)), states, strict=True):
        corrections.keep(picture, verdict, state)
    return corrections


@pytest.mark.usefixtures("few_plain")
def test_a_consistent_correction_is_learned_and_said_to_be(tiny: Classifier, tmp_path: Path) -> None:
    red, blue = _tinted(7, (1, 0.1, 0), name="red"), _tinted(7, (0, 0.1, 1), name="blue")
    corrections = _correct(tmp_path, red + blue, [State.FM_SKYRMIONS] * 7 + [None] * 7, tiny)
    before = {key: tensor.clone() for key, tensor in tiny.network.state_dict().items()}
    *steps, adapted = adapt(corrections, tiny)
    assert all(isinstance(step, Progress) for step in steps)
    assert isinstance(adapted, Adaptation)
    assert adapted.held_back.count == 14
    assert adapted.held_back.whole_files
    assert adapted.held_back.after >= 12 > adapted.held_back.before
    assert all(torch.equal(tensor, before[key]) for key, tensor in tiny.network.state_dict().items())
    changed = {k for k, tensor in adapted.classifier.network.state_dict().items() if not torch.equal(tensor, before[k])}
    assert changed == {"state.weight", "state.bias", "applicable.weight", "applicable.bias"}
    adapted.save(tmp_path / "mine.safetensors")
    loaded = Classifier.load(tmp_path / "mine.safetensors", "cpu")
    assert loaded.model == "mine 7+14"
    told = loaded.card["adapted"]
    assert told["from"] == "tiny 7"
    assert told["corrections"] == {"fm_skyrmions": 7, "none": 7}
    assert told["held back"]["right after"] == adapted.held_back.after
    assert "test" not in loaded.card
    new = _tinted(5, (1, 0.1, 0), name="new")
    for kept, own in zip(drain(classify(new, loaded)), drain(classify(new, adapted.classifier)), strict=True):
        assert kept.state == own.state == State.FM_SKYRMIONS
        assert kept.probability == pytest.approx(own.probability, abs=1e-4)
    with pytest.raises(MagtexError, match="no network replaces another"):
        adapted.save(tmp_path / "mine.safetensors")
    with pytest.raises(Unsuitable, match=r"learned from corrections already.*tiny 7"):
        drain(adapt(corrections, loaded))


@pytest.mark.usefixtures("few_plain")
def test_the_same_corrections_give_the_same_network(tiny: Classifier, tmp_path: Path) -> None:
    corrections = _correct(tmp_path, _rings(3, period=20), [State.FM, State.FM_STRIPES, None], tiny)
    one, other = (drain(adapt(corrections, tiny)).classifier.network.state.weight for _ in range(2))
    assert torch.equal(one, other)


def test_one_correction_is_too_few(tiny: Classifier, tmp_path: Path) -> None:
    with pytest.raises(Unsuitable, match="1 corrections are kept"):
        drain(adapt(_correct(tmp_path, _rings(1, period=20), [State.FM], tiny), tiny))


def test_frames_of_a_file_are_held_back_together_where_there_are_several_files(
    tiny: Classifier, tmp_path: Path
) -> None:
    pictures = _rings(8, period=20)
    by_file = [Picture(p.pixels, p.contrast, name=f"{k % 4}.tif", frame=k) for k, p in enumerate(pictures)]
    of_one = [Picture(p.pixels, p.contrast, name="stack.tif", frame=k) for k, p in enumerate(pictures)]
    kept = _correct(tmp_path / "a", by_file, [State.FM] * 8, tiny).read()
    assert folds(kept, FOLDS, FEWEST_FILES) == ([0, 1, 2, 3, 0, 1, 2, 3], True)
    kept = _correct(tmp_path / "b", of_one, [State.FM] * 8, tiny).read()
    place, whole_files = folds(kept, FOLDS, FEWEST_FILES)
    assert not whole_files
    assert len(set(place)) == 6


def test_few_held_back_corrections_are_said_to_be_too_few() -> None:
    assert not HeldBack(5, 1, 4, True).enough
    assert HeldBack(6, 1, 4, True).enough
    assert HeldBack(10, 1, 9, True).record()["interval after"] == [0.596, 0.982]  # Wilson


@pytest.mark.usefixtures("few_plain")
def test_the_shipped_network_learns_a_drawing_style_and_keeps_its_names(tmp_path: Path) -> None:
    """Stripes that a person calls skyrmions, whatever the network says of them; all else keeps its name."""
    shipped = Classifier.load(device="cpu")
    columns = np.mgrid[:64, :64][1]
    rng = np.random.default_rng(0)
    pictures = []
    for k in range(8):
        phase = 2 * np.pi / rng.uniform(14, 20) * columns + rng.uniform(0, 6)
        m = np.stack([np.sin(phase), 0 * phase, np.cos(phase)], axis=-1)
        drawn = draw_cells(SpinTexture.from_layer(m), ColourMap.MUMAX3, zoom=2).pixels
        pictures.append(Picture(drawn, Contrast.SPIN, name=f"{k}.png"))
    corrections = _correct(tmp_path, pictures, [State.FM_SKYRMIONS] * 8, shipped)
    adapted = drain(adapt(corrections, shipped))
    assert adapted.held_back.after >= 7
    assert adapted.held_back.after >= adapted.held_back.before
    assert adapted.plain_kept >= 0.75 * adapted.plain


def test_plain_pictures_are_the_same_each_time_and_of_every_contrast_an_instrument_has() -> None:
    once, again = list(plain_pictures(117)), list(plain_pictures(117))
    assert all(a.sha256 == b.sha256 for a, b in zip(once, again, strict=True))
    assert {Contrast.SPIN, Contrast.LORENTZ, Contrast.KERR, Contrast.MFM, None} <= {p.contrast for p in once}


def test_the_heads_on_features_answer_as_the_classifier_does(tiny: Classifier) -> None:
    for picture in (_rings(1, period=20)[0], Picture(np.random.default_rng(0).random((130, 300, 3)))):
        (verdict,) = drain(classify([picture], tiny))
        own = tiny.judge(picture, *answers_from(features_of(picture, tiny)[None], tiny))
        assert own.state == verdict.state
        assert own.applicability == pytest.approx(verdict.applicability, abs=1e-5)


def test_frames_alike_are_not_all_asked_for(tiny: Classifier) -> None:
    first, other = _rings(1, period=40)[0], _rings(1, period=6)[0]
    noise = np.random.default_rng(1)
    alike = [Picture(first.pixels + noise.normal(0, 1e-3, first.shape), Contrast.KERR, frame=k) for k in range(10)]
    ranking = drain(most_useful([*alike, other], tiny))
    assert len(ranking) == 2
    assert {useful.place == 10 for useful in ranking} == {True, False}
    assert ranking[0].bits >= ranking[1].bits


def test_the_least_sure_is_asked_for_first_and_what_has_a_label_not_at_all(tiny: Classifier) -> None:
    pictures = [*_rings(3, period=40), *_rings(3, period=6), UnicodeError("a file that could not be read")]
    with torch.no_grad():
        tiny.network.state.weight.mul_(30)
    bits = [bits_of(verdict) for verdict in drain(classify(pictures[:6], tiny))]
    ranking = drain(most_useful(pictures, tiny))
    assert ranking[0].place == int(np.argmax(bits))
    assert ranking[0].bits == pytest.approx(max(bits), abs=1e-3)
    assert doubt(ranking[0].verdict).count("%") == 2
    known = {pictures[ranking[0].place].sha256}
    assert ranking[0].place not in {useful.place for useful in drain(most_useful(pictures, tiny, known=known))}
    assert drain(most_useful(pictures[:1], tiny, known={pictures[0].sha256})) == []


def test_a_picture_that_cannot_be_used_does_not_end_a_ranking(tiny: Classifier) -> None:
    rng = np.random.default_rng(0)
    good = Picture(rng.random((64, 64)), Contrast.KERR)
    phase = Picture(rng.random((64, 64)), Contrast.PHASE)
    refused: list[tuple[int, Exception]] = []
    pictures = [phase, good, OSError("the disk is gone")]
    (useful,) = drain(most_useful(pictures, tiny, refused=lambda *told: refused.append(told)))
    assert useful.place == 1
    assert [place for place, _ in refused] == [0, 2]
    assert "electron phase" in str(refused[0][1])


def test_a_sure_answer_has_no_bits_and_an_open_one_has_those_of_ten_answers(tiny: Classifier) -> None:
    (verdict,) = drain(classify(_rings(1, period=20), tiny))
    sure = dict.fromkeys(map(str, STATES), 0.0) | {"fm": 1.0}
    told = type(verdict)(**vars(verdict) | {"probabilities": sure, "applicability": 1.0})
    assert bits_of(told) == 0
    open_ = type(verdict)(
        **vars(verdict) | {"probabilities": dict.fromkeys(map(str, STATES), 1 / 9), "applicability": 0.9}
    )
    assert bits_of(open_) == pytest.approx(np.log2(10))
