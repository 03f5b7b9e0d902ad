"""The table of networks: all learn from the same pictures, drawn once, and rows that are there are kept."""

import importlib
import json
from pathlib import Path

import pytest
import torch

from napari_magtex.states.library import Simulation

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SMALL = ["--pictures", "36", "--epochs", "1", "--size", "32", "--only", "mobilenetv3_small_100"]


@pytest.fixture
def networks(monkeypatch, tmp_path, simulations):
    """The benchmark, over analytic textures."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    module = importlib.import_module("classifier_networks")
    for name, value in {"TIMED": 32, "BATCHES": {1: 1}, "JUDGED": 12, "load_library": lambda _: simulations}.items():
        monkeypatch.setattr(module, name, value)
    return module


def test_pictures_are_drawn_once_from_the_training_split(networks, simulations: list[Simulation], monkeypatch) -> None:
    views, states = networks.drawn(simulations, 18, 32)
    assert views.shape == (18, 2, 3, 32, 32)
    assert states.bincount().tolist() == [2] * 9
    monkeypatch.setattr(networks, "styled", lambda *_, **__: pytest.fail("drawn again"))
    assert torch.equal(networks.drawn(simulations, 18, 32)[0], views)
    with pytest.raises(pytest.fail.Exception, match="drawn again"):
        networks.drawn(simulations[1:], 18, 32)


def test_a_row_is_kept_and_another_schedule_refused(networks, monkeypatch, tmp_path, capsys) -> None:
    path = tmp_path / "networks.json"
    monkeypatch.setattr("sys.argv", ["classifier_networks.py", "--json", str(path), *SMALL])
    networks.main()
    row = json.loads(path.read_text())["rows"]["mobilenetv3_small_100"]
    assert row["paper"]["pictures"] == 12
    assert row["paper"]["accuracy"] in [n / 12 for n in range(13)]
    monkeypatch.setattr(networks, "trained", lambda *_: pytest.fail("trained again"))
    networks.main()
    assert "36 pictures in the paper's style" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["classifier_networks.py", "--json", str(path), *SMALL, "--epochs", "2"])
    with pytest.raises(SystemExit, match="another schedule"):
        networks.main()
