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
