"""Films of bulk and interfacial DMI together."""

from __future__ import annotations

import numpy as np
import pytest

from napari_magtex.compute import drain
from napari_magtex.errors import BadExperiment
from napari_magtex.estimate.drawing import draw
from napari_magtex.estimate.predict import Estimator, estimate
from napari_magtex.estimate.simulate import simulate_state
from napari_magtex.estimate.train import train_estimator

BOTH = {"Di_mJ_per_m2": {"low": -1.0, "high": 1.0}}


def test_a_network_trained_for_both_tells_both(tmp_path, monkeypatch, experiment_with, fege, one_thread) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    experiment = experiment_with(parameters=BOTH, training={"films": 12, "calibration": 12})
    drain(train_estimator(experiment, tmp_path / "both.safetensors", device="cpu"))
    estimator = Estimator.load(tmp_path / "both.safetensors", device="cpu")
    assert list(estimator.experiment.estimated) == ["A", "D", "Di"]
    texture = simulate_state(fege(parameters={"D_mJ_per_m2": 2.0, "Di_mJ_per_m2": -0.5}))
    m = np.moveaxis(texture.m[0], -1, 0)
    found = drain(estimate(draw(m, 0.384e6, experiment), estimator)).estimate
    assert found.Di is not None
    assert found.record()["Di"]["low"] <= found.Di.value <= found.record()["Di"]["high"]
    assert found.Di.value == pytest.approx(-0.5e-3, abs=0.1e-3)  # the torques of its spins tell it


def test_interfacial_dmi_beside_itself_is_refused(experiment_with) -> None:
    with pytest.raises(BadExperiment, match="set dmi"):
        experiment_with(film={"dmi": "interfacial"}, parameters=BOTH)


def test_both_shorten_the_helix(experiment_with) -> None:
    alone, both = experiment_with(), experiment_with(parameters=BOTH)
    assert both.period_range()[0] < alone.period_range()[0]
    assert both.period_range()[1] == pytest.approx(alone.period_range()[1])  # Di may be 0
