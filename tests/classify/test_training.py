from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_magtex.classify import train
from napari_magtex.classify.data import NO_CLASS, Sample, TrainingPictures
from napari_magtex.classify.network import STATES, Logits, TextureNet
from napari_magtex.classify.predict import Classifier, raw_answers
from napari_magtex.classify.recipe import Recipe
from napari_magtex.compute import Progress, cache_folder, drain
from napari_magtex.errors import BadExperiment
from napari_magtex.models import store
from napari_magtex.models.checkpoint import Run
from napari_magtex.picture import Contrast, Picture
from napari_magtex.states.definitions import State, hidden_states
from napari_magtex.states.library import Simulation

TINY = Recipe(name="tiny", backbone="test_efficientnet", size=64, samples=48, batch=8, minutes=60, drop=0, drop_path=0,
              calibration=9, test=4, learners=1)  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_one_run_writes_weights_whose_card_says_it_all(tmp_path: Path, simulations: list[Simulation]) -> None:
    before = torch.get_num_threads()
    out = tmp_path / "tiny.safetensors"
    steps = list(train.train_classifier(TINY, out, simulations=simulations))
    assert steps[-1] == out
    done = [s.done for s in steps if isinstance(s, Progress) and s.what == "training"]
    assert done == sorted(done)
    assert done[-1] == TINY.samples
    card = store.read_card(out)
    assert (card["kind"], card["size"], card["recipe"]["seed"]) == ("classifier", 64, 1)
    assert "quantiles" in card["rule"]
    assert card["data"]["counts"]["train afm"] == 2
    assert set(card["test"]["styles"]) >= {"arrows", "arrows, clean", "cells", "lorentz", "kerr"}
    assert card["test"]["applicability"]["negatives, kinds held back"]["pictures"] == 4
    classifier = Classifier.load(out, "cpu")
    assert len(list(raw_answers([Picture(np.random.default_rng(0).random((70, 70)))], classifier))) == 1
    assert torch.get_num_threads() == before


def test_a_killed_run_goes_on_and_ends_with_the_same_weights(
    tmp_path: Path, simulations: list[Simulation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "_CHECKPOINT_EVERY", 0.0)
    whole, pieces = tmp_path / "whole.safetensors", tmp_path / "pieces.safetensors"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "first"))
    drain(train.train_classifier(TINY, whole, simulations=simulations))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "second"))
    run = train.train_classifier(TINY, pieces, simulations=simulations)
    for _ in range(3):
        next(run)
    run.close()
    assert len(list((cache_folder() / "classifier").glob("*.safetensors"))) == 1
    steps = list(train.train_classifier(TINY, pieces, simulations=simulations))
    assert next(s for s in steps if isinstance(s, Progress)).done > 16
    first, second = (store.load(path, kind="classifier").tensors for path in (whole, pieces))
    for key, tensor in first.items():
        assert torch.allclose(tensor, second[key], atol=1e-3), key


def test_another_library_is_another_run(simulations: list[Simulation]) -> None:
    assert train._fingerprint(simulations) != train._fingerprint(simulations[:-1])


def test_stored_weights_give_the_logits_of_those_that_were_judged(
    tmp_path: Path, simulations: list[Simulation]
) -> None:
    network = TextureNet(TINY.backbone).eval()
    classifier = train._calibrated(network, TINY, simulations, trained=_run(network))
    store.save(tmp_path / "same.safetensors", classifier.network.state_dict(), classifier.card)
    loaded = Classifier.load(tmp_path / "same.safetensors", "cpu")
    picture = Picture(np.random.default_rng(0).random((90, 120, 3)))
    ((_, before),) = raw_answers([picture], classifier)
    ((_, after),) = raw_answers([picture], loaded)
    assert np.array_equal(before.state, after.state)
    assert loaded.calibration == classifier.calibration


def _run(network: TextureNet) -> Run:
    return Run(network, network, torch.optim.AdamW(network.parameters()))


def test_the_moving_average_follows_the_weights() -> None:
    network, average = torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)
    with torch.no_grad():
        network.weight.fill_(3.0)
    run = Run(network, average, torch.optim.AdamW(network.parameters()), samples=32 * 10**6)
    run.follow(0.9)
    assert average.weight.tolist() == pytest.approx([1.2, 1.2])


def test_statistics_of_normalisation_are_measured_on_pictures_whatever_came_along(
    simulations: list[Simulation],
) -> None:
    one, other = (TextureNet(TINY.backbone).eval() for _ in range(2))
    other.load_state_dict(one.state_dict())
    for key, statistic in other.state_dict().items():
        if "running_" in key:
            statistic.mul_(3).add_(1)
    before = {key: t.clone() for key, t in one.state_dict().items()}
    for network in (one, other):
        train._normalise_anew(network, TINY, simulations)
    assert not any(module.training for module in (*one.modules(), *other.modules()))
    for key, measured in one.state_dict().items():
        torch.testing.assert_close(measured, other.state_dict()[key])
        assert torch.equal(measured, before[key]) != ("running_" in key or "num_batches" in key)


def test_a_hidden_state_has_no_say_in_the_loss() -> None:
    hidden = torch.tensor([[s in hidden_states(Contrast.KERR) for s in STATES]])
    sample = Sample(torch.zeros(1), torch.tensor([STATES.index(State.FM)]), torch.tensor([2]), hidden, torch.ones(1))
    logits = torch.zeros(1, 9)
    shouted = torch.where(hidden, 100.0, logits)
    plain, same = (train.loss_of(Logits(x, torch.zeros(1, 4), torch.zeros(1)), sample, 0.1) for x in (logits, shouted))
    assert float(plain) == pytest.approx(float(same))
    # four states to be seen, even odds: ln 4; half a coin's ln 2; 0.3 of four contrasts' ln 4
    assert float(plain) == pytest.approx(np.log(4) + 0.5 * np.log(2) + 0.3 * np.log(4), rel=1e-5)


def test_a_negative_teaches_nothing_about_states() -> None:
    none = torch.tensor([NO_CLASS])
    sample = Sample(torch.zeros(1), none, none, torch.zeros(1, 9, dtype=torch.bool), torch.zeros(1))
    state = torch.randn(1, 9, requires_grad=True)
    train.loss_of(Logits(state, torch.zeros(1, 4), torch.zeros(1)), sample, 0.1).backward()
    assert not state.grad.any()


def test_pictures_are_told_by_their_number(simulations: list[Simulation]) -> None:
    first, again = (TrainingPictures(simulations, TINY, "bicubic", "train") for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first[7], again[7], strict=True))
    assert not torch.equal(first[7][0], first[8][0])


def test_no_split_sees_the_pictures_of_another(simulations: list[Simulation]) -> None:
    kept = TrainingPictures(simulations, TINY, "bicubic", "train")
    assert {s.split for group in kept.by_state.values() for s in group} == {"train"}


def test_a_state_without_simulations_stops_the_training(tmp_path: Path, simulations: list[Simulation]) -> None:
    some = [s for s in simulations if s.state is not State.AFM]
    with pytest.raises(BadExperiment, match="afm"):
        drain(train.train_classifier(TINY, tmp_path / "x.safetensors", simulations=some))


def test_a_recipe_is_read_and_a_wrong_one_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("minutes = 5\nsize = 96\n")
    assert Recipe.from_toml(path) == replace(Recipe(), minutes=5, size=96)
    path.write_text("epochs = 5\n")
    with pytest.raises(BadExperiment, match="unknown entry epochs"):
        Recipe.from_toml(path)
    path.write_text('size = "large"\n')
    with pytest.raises(BadExperiment, match="size must be"):
        Recipe.from_toml(path)


def test_neither_threads_nor_workers_make_another_run() -> None:
    assert replace(TINY, learners=2, threads=2, workers=1).digest == TINY.digest
    assert replace(TINY, seed=2).digest != TINY.digest
