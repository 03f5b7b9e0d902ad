"""Small models made by the rooms' own programs, and layers to look at, for the tests of the docks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray


@pytest.fixture(scope="session")
def tiny_classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier with random weights: its answers mean nothing, its ways are the real ones."""
    import torch

    from napari_magtex.classify.calibration import Calibration
    from napari_magtex.classify.network import TextureNet
    from napari_magtex.models import store

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "tiny-states.safetensors"
    card = {
        "kind": "classifier",
        "name": "tiny-states",
        "version": "0",
        "backbone": "tinynet_e",
        "size": 64,
        "calibration": Calibration(applicable=-5.0).as_card(),
    }
    store.save(path, TextureNet(card["backbone"]).state_dict(), card)
    return path


@pytest.fixture(scope="session")
def tiny_estimator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An estimator for Lorentz frames with random weights."""
    return random_estimator(tmp_path_factory.mktemp("models"), "lorentz")


@pytest.fixture(scope="session")
def tiny_spin_estimator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An estimator for spin pictures with random weights."""
    return random_estimator(tmp_path_factory.mktemp("models"), "spin")


def random_estimator(folder: Path, contrast: str) -> Path:
    """Make an estimator of a contrast, as training does but for the training."""
    import torch

    from napari_magtex.estimate.calibration import Familiar, Intervals
    from napari_magtex.estimate.channels import CHANNELS
    from napari_magtex.estimate.estimator import Estimator, card_of
    from napari_magtex.estimate.experiment import Experiment
    from napari_magtex.estimate.network import NETWORKS, build
    from napari_magtex.estimate.spectrum import descriptor
    from napari_magtex.picture import Contrast

    torch.manual_seed(0)
    experiment = Experiment.from_dict(
        {
            "film": {"shape": [128, 128]},
            "parameters": {
                "A_pJ_per_m": {"low": 4, "high": 12},
                "D_mJ_per_m2": {"low": 0.8, "high": 2.4},
                "Ms_MA_per_m": {"low": 0.2, "high": 0.5},
            },
            "picture": {"contrast": contrast},
        }
    )
    name = next(iter(NETWORKS))
    network = build(name, CHANNELS[contrast], 3)
    told = ("A", "D", "Ms", "A_over_D")
    quantiles = dict.fromkeys(("period", *told, *(f"{name}|{known}" for name in told for known in told)), (0.01,))
    intervals = Intervals((64.0,), quantiles)
    flat = descriptor(np.zeros((CHANNELS[contrast], 64, 64), np.float32), Contrast(contrast))
    familiar = Familiar(np.stack([flat] * 3), 1e9)
    card = card_of(
        experiment,
        f"tiny-{contrast}",
        name,
        calibration=intervals.to_card(),
        applicability={"threshold": familiar.threshold},
    )
    path = folder / f"tiny-{contrast}.safetensors"
    Estimator(f"tiny-{contrast}", network, experiment, intervals, familiar, card, np.eye(3)).save(path)
    return path


@pytest.fixture(scope="session")
def tiny_segmenter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A segmenter of skyrmions with random weights."""
    import torch

    from napari_magtex.models import store
    from napari_magtex.segment.kinds import Kind
    from napari_magtex.segment.network import SkyrmionUNet

    torch.manual_seed(0)
    path, widths = tmp_path_factory.mktemp("models") / "tiny-segmenter.safetensors", (4, 4, 4, 4, 4)
    kinds = [kind.name.lower() for kind in Kind]
    card = {"kind": "segmenter", "name": "tiny-segmenter", "version": "0", "widths": list(widths), "kinds": kinds}
    store.save(path, SkyrmionUNet(widths).state_dict(), card)
    return path


@pytest.fixture
def frame() -> NDArray[np.float32]:
    """A grey frame (120, 160) with a lattice of spots and a little noise."""
    y, x = np.mgrid[:120, :160]
    spots = np.cos(2 * np.pi * x / 18) + np.cos(2 * np.pi * (x / 2 + 0.866 * y) / 18)
    return (spots + 0.1 * np.random.default_rng(1).normal(size=y.shape)).astype(np.float32)
