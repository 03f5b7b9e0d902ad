"""The network: tiles change nothing, a negative changes nothing, training goes on where it stopped."""

import json
import logging
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

from napari_magtex.errors import BadExperiment, ModelUnavailable
from napari_magtex.models.store import read_card
from napari_magtex.segment.frames import MaskedFrame
from napari_magtex.segment.kinds import Kind
from napari_magtex.segment.network import HALO, STRIDE, SkyrmionUNet, even_logits, tiled_logits
from napari_magtex.segment.segmenter import Segmenter, ready
from napari_magtex.segment.train import Recipe, loss_of, train_segmenter

SMALL = (8, 8, 8, 8, 8)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    made = SkyrmionUNet(SMALL).double()
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
    return made.eval().requires_grad_(False)


def test_it_has_at_most_three_million_weights():
    assert 0.5e6 < sum(p.numel() for p in SkyrmionUNet().parameters()) < 3e6


@pytest.mark.parametrize("shape", [(16, 16), (17, 43), (64, 96), (100, 131)])
def test_frames_of_any_size_come_back_as_large(network, shape):
    assert tiled_logits(network, torch.zeros(shape, dtype=torch.float64)).shape == (len(Kind), *shape)


def test_tiling_does_not_change_the_result(network):
    frame = torch.randn((300, 700), dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    whole, tiled = tiled_logits(network, frame), tiled_logits(network, frame, tile=2 * STRIDE)
    assert torch.allclose(whole, tiled, atol=1e-12)
    assert whole.std() > 1e-3


def test_the_network_looks_no_farther_than_the_halo(network):
    frame = torch.zeros((1, 1, 32, 32 * STRIDE), dtype=torch.float64, requires_grad=True)
    middle = 16 * STRIDE
    network(frame)[..., middle : middle + STRIDE].sum().backward()
    seen = frame.grad[0, 0].abs().sum(dim=0).nonzero()
    assert seen.min() >= middle - HALO
    assert seen.max() < middle + STRIDE + HALO
    assert seen.max() - seen.min() > HALO  # and not much nearer: the halo is no waste


def test_a_frame_and_its_negative_are_the_same(network):
    frame = torch.randn((1, 1, 64, 64), dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    assert torch.equal(even_logits(network, frame), even_logits(network, -frame))
    assert not torch.allclose(network(frame), network(-frame))


def test_an_inverted_frame_of_eight_bits_has_the_same_probabilities():
    torch.manual_seed(0)
    segmenter = Segmenter(ready(SkyrmionUNet(SMALL), "cpu"), {})
    grey = np.random.default_rng(0).integers(0, 256, (120, 150)).astype(np.float32)
    assert np.allclose(segmenter.probabilities(grey), segmenter.probabilities(255 - grey), atol=1e-4)


def test_loss_falls_with_what_is_right():
    kinds = torch.zeros((2, 8, 8), dtype=torch.long)
    kinds[:, 2:5, 2:5] = Kind.SKYRMION
    right = 8.0 * torch.nn.functional.one_hot(kinds, len(Kind)).permute(0, 3, 1, 2).float()
    wrong = right.roll(4, dims=3)
    assert loss_of(right, kinds) < 0.25
    assert loss_of(wrong, kinds) > 2


@pytest.fixture
def frames(discs):
    def of(sample, seed):
        labels = discs((96, 96), [(y, x, 8) for y in range(12, 96, 30) for x in range(12, 96, 30)])
        noise = np.random.default_rng(seed).standard_normal(labels.shape)
        grey = (128 - 20 * (labels > 0) + 5 * noise).astype(np.float32)
        return MaskedFrame(grey, (labels > 0).astype(np.uint8), sample, f"{sample}.png")

    return [of("1", 1), of("2", 2)]


@pytest.fixture
def recipe():
    return Recipe(pieces=24, batch=8, side=64, widths=SMALL, threads=1, workers=0, half=False, minutes=30)


def trained(recipe, out, frames, stop=None):
    steps = train_segmenter(recipe, out, frames[:1], frames[1:])
    return list(islice(steps, stop))[-1]


def test_training_writes_weights_whose_card_tells_the_samples(tmp_path, monkeypatch, frames, recipe, caplog):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    caplog.set_level(logging.INFO)
    path = trained(recipe, tmp_path / "net.safetensors", frames)
    card = read_card(path)
    assert card["kind"] == "segmenter"
    assert card["data"]["samples"] == ["1"]
    assert card["data"]["held back"] == ["2"]
    assert "10.5281/zenodo.10997175" in card["data"]["real"]
    assert card["training"]["pieces"] == 24
    assert json.loads((tmp_path / "net.json").read_text()) == card
    assert "MCC of samples held back" in caplog.text
    likely = Segmenter.load(path, "cpu").probabilities(frames[1].grey)
    assert likely.shape == (len(Kind), 96, 96)
    assert np.allclose(likely.sum(axis=0), 1, atol=1e-5)


def test_a_training_that_was_stopped_ends_as_one_that_was_not(tmp_path, monkeypatch, frames, recipe, one_thread):
    weights = []
    for name, stop in (("whole", None), ("stopped", 2)):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / name))
        if stop:
            monkeypatch.setattr("napari_magtex.segment.train._CHECKPOINT_EVERY", 0.0)
            trained(recipe, tmp_path / f"{name}.safetensors", frames, stop)
        path = trained(recipe, tmp_path / f"{name}.safetensors", frames)
        weights.append(Segmenter.load(path, "cpu").network.state_dict())
    for key, tensor in weights[0].items():
        if "running" not in key:
            assert torch.allclose(tensor, weights[1][key], atol=2e-3), key


def test_a_sample_on_both_sides_is_refused(tmp_path, frames, recipe):
    with pytest.raises(BadExperiment, match="samples 1 are both"):
        next(train_segmenter(recipe, tmp_path / "net.safetensors", frames, frames[:1]))


def test_training_goes_on_from_weights_and_tells_what_they_had_learned(tmp_path, monkeypatch, frames, recipe):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = trained(replace(recipe, name="first"), tmp_path / "first.safetensors", frames)
    slow = replace(recipe, start=str(first), learning_rate=1e-9, pieces=8)
    again = list(train_segmenter(slow, tmp_path / "again.safetensors", ()))[-1]
    before, after = (Segmenter.load(path, "cpu").network.state_dict() for path in (first, again))
    for key, tensor in before.items():
        if "running" not in key and "num_batches" not in key:
            assert torch.allclose(tensor, after[key], atol=1e-6), key
    card = read_card(again)
    assert card["data"]["samples"] == ["1"]
    assert card["training"]["before"]["training"]["pieces"] == 24
    assert card["recipe"]["start"] == "first 0.1"


def test_weights_that_know_a_sample_held_back_are_no_start(tmp_path, monkeypatch, frames, recipe):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = trained(recipe, tmp_path / "first.safetensors", frames)
    with pytest.raises(BadExperiment, match="samples 1 are both"):
        next(train_segmenter(replace(recipe, start=str(first)), tmp_path / "b.safetensors", frames[1:], frames[:1]))


def test_weights_of_other_widths_are_no_start(tmp_path, monkeypatch, frames, recipe):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = trained(recipe, tmp_path / "first.safetensors", frames)
    wider = replace(recipe, start=str(first), widths=(12, 8, 8, 8, 8))
    with pytest.raises(BadExperiment, match="widths"):
        next(train_segmenter(wider, tmp_path / "b.safetensors", frames[:1]))


def test_a_recipe_without_a_step_is_refused():
    with pytest.raises(BadExperiment, match="at least one step"):
        Recipe(pieces=1)


def test_weights_of_another_kind_are_refused():
    with pytest.raises(ModelUnavailable, match="needed here is 'segmenter'"):
        Segmenter.load("nine-states")
