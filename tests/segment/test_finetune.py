"""Learning from corrected frames: what changes, what stays, what is held back, and what is claimed of it."""

from itertools import islice

import numpy as np
import pytest
import torch

from napari_magtex.compute import Progress, drain
from napari_magtex.errors import BadExperiment, MagtexError, UnreadableFile, Unsuitable
from napari_magtex.models import store
from napari_magtex.models.store import read_card
from napari_magtex.picture import Contrast, Picture, Region
from napari_magtex.segment import held_back
from napari_magtex.segment.corrections import Corrections
from napari_magtex.segment.evaluate import Score, score
from napari_magtex.segment.finetune import Adaptation, fine_tune, lesson
from napari_magtex.segment.finetune_recipe import Recipe
from napari_magtex.segment.held_back import BY_FILE, BY_FRAME, BY_HALF, HeldBack, guard_frames, judged, rounds
from napari_magtex.segment.kinds import UNSAID, Kind
from napari_magtex.segment.network import SkyrmionUNet
from napari_magtex.segment.segmenter import Segmenter
from napari_magtex.segment.train import loss_of

WIDTHS = (4, 4, 4, 4, 4)
FEW = Recipe(steps=2, batch=2, side=64, minutes=30)
ENOUGH = Recipe(steps=40, batch=2, side=64, real=1.0, learning_rate=5e-2, minutes=30)  # to find discs
PLACES = [(y, x, 8) for y in range(16, 96, 30) for x in range(16, 128, 30)]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def small_guard(monkeypatch):
    """Fewer and smaller simulated frames, for speed."""
    monkeypatch.setattr(held_back, "_GUARD", 2)
    monkeypatch.setattr(held_back, "_GUARD_SHAPE", (64, 64))


@pytest.fixture
def base(tmp_path):
    """A network from a file, as a person has it."""
    torch.manual_seed(1)
    card = {"kind": "segmenter", "name": "base", "version": "7", "widths": list(WIDTHS),
            "kinds": [kind.name.lower() for kind in Kind], "test": {"MCC": 0.9}}  # fmt: skip
    store.save(tmp_path / "base.safetensors", SkyrmionUNet(WIDTHS).state_dict(), card)
    return Segmenter.load(tmp_path / "base.safetensors", "cpu")


@pytest.fixture
def kept(tmp_path, discs):
    """Keep frames, each with its own noise."""

    def keep(count, *, files=1, folder="kept", **how):
        corrections = Corrections(tmp_path / folder)
        labels = discs((96, 128), PLACES)
        for seed in range(count):
            noise = np.random.default_rng(seed).standard_normal(labels.shape)
            grey = 100 - 20 * (labels > 0) + 4 * noise
            corrections.keep(Picture(grey, Contrast.KERR, name=f"{seed % files}.tif", frame=seed), labels, **how)
        return corrections

    return keep


def weights(segmenter):
    return {name: tensor.clone() for name, tensor in segmenter.network.state_dict().items()}


def test_the_last_layers_learn_and_all_others_stay_bit_by_bit(base, kept):
    before = weights(base)
    *steps, found = fine_tune(kept(2), base, FEW)
    assert all(isinstance(step, Progress) for step in steps)
    after = weights(found.segmenter)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.split(".")[0] for name in changed} == {"up", "head"}
    assert {name.split(".")[1] for name in changed if name.startswith("up")} == {"2", "3"}
    assert not any("running" in name or "num_batches" in name for name in changed)
    assert all(torch.equal(before[name], tensor) for name, tensor in base.network.state_dict().items())
    assert not any(
        weight.requires_grad for weight in [*base.network.parameters(), *found.segmenter.network.parameters()]
    )


def test_it_learns(base, kept):
    found = drain(fine_tune(kept(2), base, ENOUGH)).held_back
    assert max(found.mcc[0], found.f1[0]) < 0.1
    assert min(found.mcc[1], found.f1[1]) > 0.6


def test_the_old_file_stays_and_the_new_one_gives_what_was_judged(base, kept, tmp_path):
    old = (tmp_path / "base.safetensors").read_bytes()
    corrections = kept(2)
    found = drain(fine_tune(corrections, base, FEW))
    found.save(tmp_path / "mine.safetensors")
    assert (tmp_path / "base.safetensors").read_bytes() == old
    loaded = Segmenter.load(tmp_path / "mine.safetensors", "cpu")
    grey = corrections.picture(corrections.read()[0]).pixels
    np.testing.assert_array_equal(loaded.probabilities(grey), found.segmenter.probabilities(grey))
    assert loaded.model == "mine 7+2"
    told = read_card(tmp_path / "mine.safetensors")["adapted"]
    assert told["from"] == "base 7"
    assert told["corrections"] == {"frames": 2, "files": 1, "skyrmions": 2 * len(PLACES)}
    assert told["held back"]["MCC after"] == pytest.approx(found.held_back.mcc[1], abs=1e-4)
    assert told["steps"] == FEW.steps
    assert "test" not in loaded.card
    with pytest.raises(MagtexError, match="no network replaces another"):
        found.save(tmp_path / "mine.safetensors")
    with pytest.raises(Unsuitable, match=r"learned from corrections already.*base 7"):
        drain(fine_tune(corrections, loaded, FEW))


def test_the_same_corrections_give_the_same_network(base, kept):
    corrections = kept(1)
    one, other = (weights(drain(fine_tune(corrections, base, FEW)).segmenter) for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_each_correction_is_held_back_once_and_never_shown_then(kept):
    corrections = kept(5)
    frames = [corrections.frame(correction) for correction in corrections.read()]
    divided, way = rounds(frames)
    assert way == BY_FRAME
    assert len(divided) == 3
    for shown, away in divided:
        assert {id(frame) for frame in shown} | {id(frame) for frame in away} == {id(frame) for frame in frames}
        assert not {id(frame) for frame in shown} & {id(frame) for frame in away}
    assert sorted(frame.correction.frame for _, away in divided for frame in away) == [0, 1, 2, 3, 4]


def test_files_are_held_back_whole_where_there_are_three(kept):
    corrections = kept(6, files=3)
    divided, way = rounds([corrections.frame(correction) for correction in corrections.read()])
    assert way == BY_FILE
    for shown, away in divided:
        assert not {f.correction.file for f in shown} & {f.correction.file for f in away}


def test_a_frame_is_judged_by_a_network_that_learned_from_the_other_alone(base, kept):
    both = kept(2, folder="both")
    found = drain(fine_tune(both, base, ENOUGH))
    assert found.held_back.way == BY_FRAME
    first, second = (both.frame(correction) for correction in both.read())
    alone = drain(fine_tune(kept(1, folder="first"), base, ENOUGH)).segmenter
    assert found.held_back.after[1] == judged(second, alone)
    assert found.held_back.after[1] != judged(second, found.segmenter)  # which learned from it
    assert found.held_back.after[1] != judged(first, alone)


def test_of_a_single_frame_one_half_is_held_back_with_a_margin(base, kept):
    corrections = kept(1)
    frame = corrections.frame(corrections.read()[0])
    (([shown], [away]),), way = rounds([frame])
    assert way == BY_HALF
    assert shown.picture.shape[1] + away.picture.shape[1] < frame.picture.shape[1]
    np.testing.assert_array_equal(shown.labels, frame.labels[:, : shown.labels.shape[1]])
    np.testing.assert_array_equal(away.labels, frame.labels[:, -away.labels.shape[1] :])
    assert drain(fine_tune(corrections, base, FEW)).held_back.way == BY_HALF


def test_regions_of_a_frame_are_held_back_with_it(kept):
    corrections = kept(2)
    frames = [corrections.frame(correction) for correction in corrections.read()]
    region = frames[0].part(Region(0, 0, 64, 64))
    divided, way = rounds([*frames, region])
    assert way == BY_FRAME
    for shown, away in divided:
        assert not {f.correction.frame for f in shown} & {f.correction.frame for f in away}
    (([shown], [away]),), way = rounds([region, frames[0]])
    assert way == BY_HALF
    assert shown.labels.shape[0] == away.labels.shape[0] == frames[0].labels.shape[0]


def test_a_region_too_small_to_be_halved_is_told(kept):
    corrections = kept(1)
    (correction,) = corrections.read()
    small = corrections.frame(correction).part(Region(0, 0, 32, 32))
    with pytest.raises(Unsuitable, match=r"32 x 32 pixels.*keep a larger region"):
        rounds([small])


def test_cancelling_at_any_moment_leaves_everything_as_it_was(base, kept, tmp_path):
    corrections = kept(2)
    before, files = weights(base), sorted(tmp_path.rglob("*"))
    for stop in (1, 3, 5, 8, 11):
        work = fine_tune(corrections, base, FEW)
        assert len(list(islice(work, stop))) == stop
        work.close()
        assert sorted(tmp_path.rglob("*")) == files
        assert all(torch.equal(before[name], tensor) for name, tensor in base.network.state_dict().items())
        assert not any(weight.requires_grad for weight in base.network.parameters())


def test_without_corrections_or_with_damaged_ones_nothing_is_learned(base, kept, tmp_path):
    with pytest.raises(Unsuitable, match="no corrected frame is kept"):
        drain(fine_tune(Corrections(tmp_path / "none"), base, FEW))
    corrections = kept(2)
    (corrections.folder / f"{corrections.read()[1].sha256}_labels.tif").unlink()
    with pytest.raises(UnreadableFile, match=r"label image of 0\.tif, frame 1"):
        drain(fine_tune(corrections, base, FEW))


def test_it_ends_when_the_time_is_over(base, kept):
    found = drain(fine_tune(kept(1), base, Recipe(steps=1000, batch=2, side=64, minutes=1e-3)))
    assert 0 < found.done < 1


class Opinion:
    """A network that takes the left of a frame for dust, the right for no film, and all else for skyrmions."""

    def probabilities(self, grey):
        likely = np.zeros((len(Kind), *grey.shape), np.float32)
        likely[Kind.SKYRMION], likely[Kind.FILM] = 0.6, 0.1
        likely[Kind.DEFECT, :, :10] = likely[Kind.OUTSIDE, :, -10:] = 0.3
        return likely


def test_what_nobody_marked_stays_what_the_network_takes_it_for(kept, discs):
    rest = np.zeros((96, 128), np.uint8)
    rest[40:50, 60:64] = Kind.DEFECT
    for folder, how, left, right in (
        ("nothing", {}, Kind.DEFECT, Kind.OUTSIDE),
        ("dust", {"rest": rest, "marks": [Kind.DEFECT]}, Kind.FILM, Kind.OUTSIDE),
        ("all", {"rest": rest}, Kind.FILM, Kind.FILM),
    ):
        corrections = kept(1, folder=folder, **how)
        frame = corrections.frame(corrections.read()[0])
        kinds = lesson(frame, Opinion()).kinds
        assert (kinds[frame.labels > 0] == Kind.SKYRMION).all()
        assert ((kinds == Kind.SKYRMION) == (frame.labels > 0)).all()
        assert kinds[0, 0] == left
        assert kinds[0, -1] == right
        assert (kinds[45, 61] == Kind.DEFECT) == bool(how)


def test_what_is_not_said_costs_nothing_and_is_not_judged(kept, discs):
    logits = torch.randn((1, len(Kind), 8, 16), generator=torch.Generator().manual_seed(0), requires_grad=True)
    kinds = torch.zeros((1, 8, 16), dtype=torch.long)
    kinds[:, 2:5, 2:5] = Kind.SKYRMION
    kinds[..., 8:] = UNSAID
    loss = loss_of(logits, kinds)
    assert loss.item() == pytest.approx(loss_of(logits[..., :8], kinds[..., :8]).item(), abs=1e-6)
    loss.backward()
    assert (logits.grad[..., 8:] == 0).all()
    truth = discs((40, 80), [(20, 20, 8)])
    found = discs((40, 80), [(20, 20, 8), (20, 60, 8)])
    assert score(found, truth).f1 < 1
    inside = np.zeros(truth.shape, bool)
    inside[:, :40] = True
    assert score(found, truth, inside) == Score(1, 1, 0)


def test_better_means_that_neither_number_fell():
    def held(*after):
        return HeldBack(BY_FRAME, (Score(0.5, 0.5, 0),), (Score(*after, 0),))

    assert held(0.6, 0.6).better
    assert held(0.6, 0.5).better
    assert not held(0.5, 0.5).better
    assert not held(0.9, 0.4).better
    assert held(0.6, 0.7).record() == {"frames": 1, "held back": BY_FRAME, "MCC before": 0.5, "MCC after": 0.6,
                                       "F1 before": 0.5, "F1 after": 0.7}  # fmt: skip
    assert Adaptation(None, held(0.6, 0.6), (0.9, 0.87)).forgotten
    assert not Adaptation(None, held(0.6, 0.6), (0.9, 0.89)).forgotten


def test_the_simulated_frames_are_the_same_each_time():
    for one, other in zip(guard_frames(), guard_frames(), strict=True):
        np.testing.assert_array_equal(one.grey, other.grey)


def test_a_recipe_without_a_step_or_without_corrections_is_refused():
    for wrong in ({"steps": 0}, {"real": 0.0}, {"minutes": 0.0}):
        with pytest.raises(BadExperiment, match="give one or more"):
            Recipe(**wrong)
