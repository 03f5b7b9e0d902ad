"""A small experiment, and estimators trained for it in seconds: their ways are the real ones, their answers are not."""

import copy

import pytest

from napari_magtex.compute import drain
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.train import train_estimator

TABLES = {
    "conditions": {"field_T": 0.18},
    "film": {"shape": [48, 48]},
    "parameters": {
        "A_pJ_per_m": {"low": 6, "high": 10},
        "D_mJ_per_m2": {"low": 1.6, "high": 2.4},
        "Ms_MA_per_m": 0.384,
    },
    "picture": {"defocus_um": 200.0},  # more would alias on films this small
    "training": {"films": 8, "calibration": 10, "test": 2, "steps": 4},
}
NUMBERS = {"A_pJ_per_m": 8.78, "D_mJ_per_m2": 1.58, "Ms_MA_per_m": 0.384}


@pytest.fixture(scope="session")
def tables_with():
    """Return the tables of the small experiment, with some keys of some sections replaced."""

    def make(**sections):
        tables = copy.deepcopy(TABLES)
        for title, keys in sections.items():
            tables[title] = tables.get(title, {}) | keys
        return tables

    return make


@pytest.fixture(scope="session")
def experiment_with(tables_with):
    """Return the small experiment, with some keys of some sections replaced."""
    return lambda **sections: Experiment.from_dict(tables_with(**sections))


@pytest.fixture(scope="session")
def fege(experiment_with):
    """Return FeGe's own constants as an experiment, with some keys of some sections replaced."""

    def make(**sections):
        return experiment_with(**(sections | {"parameters": NUMBERS | sections.get("parameters", {})}))

    return make


@pytest.fixture(scope="session")
def tiny(tmp_path_factory, experiment_with):
    """The folder that holds tiny-spin.safetensors and tiny-lorentz.safetensors; their cache lies beside them."""
    folder = tmp_path_factory.mktemp("estimators")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        for contrast in ("spin", "lorentz"):
            experiment = experiment_with(picture={"contrast": contrast})
            drain(train_estimator(experiment, folder / f"tiny-{contrast}.safetensors", device="cpu"))
    return folder


@pytest.fixture(scope="module", autouse=True)
def _small_arrays(one_thread):
    """Everything here is small."""
