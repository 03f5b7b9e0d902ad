"""What several tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from napari_magtex.cli import app
from napari_magtex.compute import keep_llvms_apart

keep_llvms_apart()  # before any test draws with Mesa and another one imports torch

ONE_STATE = """
[conditions]
field_T = 0.18
[film]
shape = [48, 64]
[parameters]
A_pJ_per_m = 8.78
D_mJ_per_m2 = 1.58
Ms_MA_per_m = 0.384
[start]
kind = "helix"
"""


@pytest.fixture(scope="session")
def magtex() -> Callable[..., tuple[int, str, str]]:
    """Run a command; return its exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout, result.stderr

    return run


@pytest.fixture(scope="session")
def one_state() -> str:
    """An experiment whose constants are all numbers."""
    return ONE_STATE


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real files by other people's programs and microscopes, which are not in this repository."""
    for folder in (os.environ.get("MAGTEX_REAL_DATA"), Path(__file__).parents[2] / "shared" / "data"):
        if folder and Path(folder).is_dir():
            return Path(folder)
    pytest.skip("real files are not here: set MAGTEX_REAL_DATA to their folder")


@pytest.fixture(scope="session")
def on_apple() -> Callable[[Any], Any]:
    """Let a tensor refuse float64, as those on Apple's GPUs do, until ``cpu()`` fetches it."""
    import torch

    class OnApple(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            answer = super().__torch_function__(function, types, args, kwargs)
            if isinstance(answer, cls) and answer.dtype is torch.float64:
                raise TypeError("MPS has no float64")
            return answer.as_subclass(torch.Tensor) if function is torch.Tensor.cpu else answer

    return lambda tensor: tensor.as_subclass(OnApple)


@pytest.fixture(scope="module")
def one_thread():
    """Compute on one thread: on arrays as small as those of tests a second one only waits."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
