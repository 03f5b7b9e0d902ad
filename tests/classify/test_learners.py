from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path

import pytest
import torch

from napari_magtex.classify import train
from napari_magtex.classify.data import TrainingPictures, batches
from napari_magtex.classify.learners import Learner, learners
from napari_magtex.classify.recipe import Recipe
from napari_magtex.compute import drain
from napari_magtex.models import store
from napari_magtex.states.library import Simulation

TINY = Recipe(
    name="tiny", backbone="test_efficientnet", size=64, samples=24, batch=8, calibration=9, test=4, learners=2
)


def _work(learner: Learner, folder: Path) -> None:
    network = torch.nn.Linear(2, 1)
    network.weight.grad, network.bias.grad = torch.full((1, 2), 1.0 + learner.number), torch.tensor([10.0])
    learner.average_gradients(network)
    agreed = learner.agree(0.25 + learner.number)
    (folder / f"{learner.number}").write_text(f"{network.weight.grad.tolist()} {network.bias.grad.tolist()} {agreed}")
    learner.agree(0)  # nobody leaves before all have written


def test_all_have_the_mean_gradient_and_the_first_ones_clock(tmp_path: Path) -> None:
    with learners(2, _work, tmp_path) as learner:
        _work(learner, tmp_path)
    assert {(tmp_path / n).read_text() for n in "01"} == {"[[1.5, 1.5]] [10.0] 0.25"}
    assert not active_children()


def test_learners_share_out_the_pictures_of_a_batch(simulations: list[Simulation]) -> None:
    pictures = TrainingPictures(simulations, TINY, "bicubic", "train")
    alone = list(batches(pictures, 0, 20, batch=8))
    first, second = (list(batches(pictures, 0, 20, batch=8, learner=Learner(n, 2))) for n in (0, 1))
    assert len(alone) == len(first) == len(second) == 2
    for whole, one, other in zip(alone, first, second, strict=True):
        assert torch.equal(whole.views[0::2], one.views)
        assert torch.equal(whole.views[1::2], other.views)


def test_two_learn_as_one(tmp_path: Path, simulations: list[Simulation], monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = []
    for count in (1, 2):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / f"cache{count}"))
        out = tmp_path / f"{count}.safetensors"
        drain(train.train_classifier(replace(TINY, drop=0, learners=count), out, simulations=simulations))
        assert store.read_card(out)["training"]["pictures"] == 24
        tensors.append(store.load(out, kind="classifier").tensors)
    start = train._new_run(TINY).network.state_dict()
    moved = torch.cat([(tensors[0][k] - start[k]).flatten() for k in start if "weight" in k])
    apart = torch.cat([(tensors[0][k] - tensors[1][k]).flatten() for k in start if "weight" in k])
    assert apart.norm() < 0.5 * moved.norm()  # batch normalisation sees half a batch each; all else is the same
    assert not active_children()


def test_cancelling_leaves_no_process_behind(
    tmp_path: Path, simulations: list[Simulation], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run = train.train_classifier(TINY, tmp_path / "x.safetensors", simulations=simulations)
    next(run)
    assert len(active_children()) == 1
    run.close()
    assert not active_children()
