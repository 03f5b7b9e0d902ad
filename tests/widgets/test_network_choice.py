"""The choice of networks: of one kind, shipped or a person's own, or none where the work can be done without."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from napari_magtex.classify.predict import Classifier
from napari_magtex.compute import Device
from napari_magtex.errors import ModelUnavailable
from napari_magtex.segment.segmenter import Segmenter
from napari_magtex.widgets.networks import NetworkChoice, networks_folder

NONE = "No network"


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))


def captions(choice: NetworkChoice) -> list[str]:
    return [choice.choice.itemText(n) for n in range(choice.choice.count())]


def test_each_kind_is_loaded_as_what_it_is_and_once(qapp, tiny_classifier, tiny_segmenter) -> None:
    classifiers, segmenters = NetworkChoice(tiny_classifier), NetworkChoice(tiny_segmenter, "segmenter")
    assert isinstance(classifiers.loader(Device.CPU)(), Classifier)
    segmenter = segmenters.loader(Device.CPU)()
    assert isinstance(segmenter, Segmenter)
    assert segmenters.loader(Device.CPU)() is segmenter


def test_networks_of_another_kind_are_neither_offered_nor_opened(qapp, tiny_classifier, tiny_segmenter) -> None:
    networks_folder().mkdir(parents=True)
    for path in (tiny_classifier, tiny_segmenter):
        shutil.copy(path, networks_folder() / f"my-{path.stem}.safetensors")
    classifiers, segmenters = NetworkChoice("nine-states"), NetworkChoice(tiny_segmenter, "segmenter")
    assert "my-tiny-states" in captions(classifiers)
    assert "my-tiny-segmenter" not in captions(classifiers)
    assert {"my-tiny-segmenter", "tiny-segmenter"} <= set(captions(segmenters))
    assert not {"my-tiny-states", "nine-states"} & set(captions(segmenters))
    with pytest.raises(ModelUnavailable, match="a segmenter is needed here"):
        segmenters.open_file(tiny_classifier)


def test_networks_of_one_name_are_told_apart_by_their_folder(qapp, tiny_classifier, tmp_path) -> None:
    choice = NetworkChoice("nine-states")
    folders = (tmp_path / "a", tmp_path / "b", networks_folder())
    paths = [folder / name for folder in folders for name in ("mine.safetensors", "nine-states.safetensors")]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tiny_classifier, path)
        choice.open_file(path)
        assert choice.value == path
    assert f"mine ({tmp_path / 'a'})" in captions(choice)
    choice.choice.value = "nine-states"
    assert choice.value == "nine-states"
    assert len(set(captions(choice))) == len(captions(choice))


def test_a_network_that_was_saved_anew_is_loaded_anew(qapp, tiny_classifier, tmp_path) -> None:
    path = shutil.copy(tiny_classifier, tmp_path / "mine.safetensors")
    choice = NetworkChoice(path)
    first = choice.loader(Device.CPU)()
    assert choice.loader(Device.CPU)() is first
    os.utime(path, ns=(1, 1))
    assert choice.loader(Device.CPU)() is not first


def test_no_network_is_chosen_where_the_one_wanted_is_not_there(qapp, tiny_segmenter) -> None:
    choice = NetworkChoice("of-tomorrow", "segmenter", none=NONE)
    assert choice.value is None
    assert choice.loader(Device.CPU)() is None
    choice.open_file(tiny_segmenter)
    assert choice.value == tiny_segmenter
    choice.choice.value = None
    assert choice.choice.currentText() == NONE
    assert NetworkChoice(tiny_segmenter, "segmenter", none=NONE).value == tiny_segmenter
