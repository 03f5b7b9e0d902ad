"""The store: what was saved comes back; what is missing, damaged or lying is refused in words."""

import json

import pytest
import torch

from napari_magtex.errors import MagtexError, ModelUnavailable
from napari_magtex.models import adapted, store

CARD = {"kind": "classifier", "name": "tiny", "seed": 1}


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "tiny.safetensors"
    store.save(path, {"weight": torch.tensor([[1.0, -0.5]]), "bn.running_mean": torch.tensor([1e-9])}, CARD)
    return path


def test_weights_and_card_come_back(saved):
    model = store.load(saved, kind="classifier")
    assert model.card == CARD
    assert model.tensors["weight"].dtype == torch.float32
    assert model.tensors["weight"].tolist() == [[1.0, -0.5]]
    assert model.tensors["bn.running_mean"].item() == pytest.approx(1e-9)  # half precision would make it 0


def test_the_card_lies_beside_the_weights_too(saved):
    assert json.loads(saved.with_suffix(".json").read_text()) == CARD
    assert sorted(path.name for path in saved.parent.iterdir()) == ["tiny.json", "tiny.safetensors"]


def test_a_network_replaces_no_other_file(tmp_path):
    notes = tmp_path / "mine.json"
    notes.write_text("[1, 2]")
    with pytest.raises(MagtexError, match=r"mine\.json is there already"):
        adapted.save(tmp_path / "mine.safetensors", {"weight": torch.ones(1)}, CARD)
    store.save(tmp_path / "mine.safetensors", {"weight": torch.ones(1)}, CARD)
    assert notes.read_text() == "[1, 2]"
    assert store.load(tmp_path / "mine.safetensors", kind="classifier").card == CARD
    with pytest.raises(MagtexError, match=r"mine\.safetensors is there already"):
        adapted.save(tmp_path / "mine.safetensors", {"weight": torch.ones(1)}, CARD)


def test_a_network_trained_anew_replaces_its_card(saved):
    store.save(saved, {"weight": torch.ones(1)}, {**CARD, "seed": 2})
    assert json.loads(saved.with_suffix(".json").read_text())["seed"] == 2


def test_missing_weights_are_told_with_the_names_that_are_there(tmp_path):
    with pytest.raises(ModelUnavailable, match=r"no model .*nowhere.*shipped are"):
        store.load(tmp_path / "nowhere.safetensors", kind="classifier")


@pytest.mark.parametrize("left", [0, 4, 40, -3])
def test_weights_cut_short_are_refused(saved, left):
    saved.write_bytes(saved.read_bytes()[:left])
    with pytest.raises(ModelUnavailable, match="damaged"):
        store.load(saved, kind="classifier")


@pytest.mark.parametrize("content", [b"\xff" * 500, b"not weights at all", (10**12).to_bytes(8, "little") + b"{}"])
def test_what_is_no_safetensors_file_is_refused(saved, content):
    saved.write_bytes(content)
    with pytest.raises(ModelUnavailable, match="damaged or no safetensors"):
        store.load(saved, kind="classifier")


def test_weights_that_another_program_wrote_carry_no_card(tmp_path):
    from safetensors.torch import save_file

    save_file({"weight": torch.ones(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelUnavailable, match="carries no card"):
        store.read_card(tmp_path / "other.safetensors")


def test_a_card_of_another_kind_is_refused(saved):
    with pytest.raises(ModelUnavailable, match="'classifier', needed here is 'estimator'"):
        store.load(saved, kind="estimator")


@pytest.mark.parametrize("name", sorted(store.shipped()))
def test_shipped_weights_load_and_their_two_cards_agree(name):
    card = store.read_card(name)
    model = store.load(name, kind=card["kind"])
    assert all(torch.isfinite(tensor).all() for tensor in model.tensors.values())
    assert json.loads(store.locate(name).with_suffix(".json").read_text(encoding="utf-8")) == card
