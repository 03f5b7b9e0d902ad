"""What several tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from napari_magtex.compute import keep_llvms_apart

keep_llvms_apart()  # before any test draws with Mesa and another one imports torch


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real files by other people's programs and microscopes, which are not in this repository."""
    for folder in (os.environ.get("MAGTEX_REAL_DATA"), Path(__file__).parents[2] / "shared" / "data"):
        if folder and Path(folder).is_dir():
            return Path(folder)
    pytest.skip("real files are not here: set MAGTEX_REAL_DATA to their folder")


@pytest.fixture(scope="module")
def one_thread():
    """Compute on one thread: on arrays as small as those of tests a second one only waits."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
