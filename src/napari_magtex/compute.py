"""Where to compute, how much at once, how far it is: devices, memory, progress.

A long computation is a generator that yields `Progress` and, last, its answer. Closing the generator cancels it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from napari_magtex.errors import MagtexError

if TYPE_CHECKING:
    import torch

Answer = TypeVar("Answer")


class Device(StrEnum):
    """What the user may choose."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


@dataclass(frozen=True)
class Progress:
    """So many steps done of so many, and what is being done."""

    done: int
    total: int
    what: str = ""


def torch_device(device: Device | str = Device.AUTO) -> torch.device:
    """Return the device to compute on: the one asked for, or the fastest there is.

    Raises
    ------
    MagtexError
        The one asked for is not here.
    """
    import torch

    here = {Device.CPU: True, Device.CUDA: torch.cuda.is_available(), Device.MPS: torch.backends.mps.is_available()}
    if Device(device) is Device.AUTO:
        return torch.device(next(str(d) for d in (Device.CUDA, Device.MPS, Device.CPU) if here[d]))
    if not here[Device(device)]:
        raise MagtexError(f"no {device} device on this machine: choose auto or cpu")
    return torch.device(str(device))


def free_memory(device: torch.device) -> int:
    """Return how many bytes a computation on a device may still take, with those that torch keeps for its next one."""
    import psutil
    import torch

    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + kept
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    return int(psutil.virtual_memory().available)


def how_many_fit(each: int, what: str, device: torch.device) -> int:
    """Return how many things of ``each`` bytes fit the free memory of a device, at least one.

    Raises
    ------
    MagtexError
        Not even one does; ``what`` names it in the message.
    """
    from rich.filesize import decimal

    free = free_memory(device)
    if each > free:
        raise MagtexError(f"{what} needs about {decimal(each)} of memory, {decimal(free)} are free")
    return free // each


def drain(work: Iterator[Progress | Answer], report: Callable[[Progress], None] | None = None) -> Answer:
    """Run a long computation to its end and return its answer; whatever interrupts it closes the computation."""
    answer: Answer | None = None
    try:
        for step in work:
            if isinstance(step, Progress):
                if report is not None:
                    report(step)
            else:
                answer = step
    finally:
        if isinstance(work, Generator):
            work.close()
    if answer is None:
        raise RuntimeError("a long computation ended without an answer")
    return answer


def passed_on(work: Iterator[Progress | Answer]) -> Generator[Progress, None, Answer]:
    """Pass on the progress of a computation that another one waits for (``yield from``), and return its answer."""
    answer: Answer | None = None
    for step in work:
        if isinstance(step, Progress):
            yield step
        else:
            answer = step
    if answer is None:
        raise RuntimeError("a long computation ended without an answer")
    return answer


def cache_folder() -> Path:
    """Return the folder for data sets and checkpoints: ``${XDG_CACHE_HOME:-~/.cache}/napari-magtex``."""
    import platformdirs

    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return Path(chosen) / "napari-magtex"
    return platformdirs.user_cache_path("napari-magtex", appauthor=False)


def user_folder() -> Path:
    """Return the folder for what a person made and no program can make again: ``${XDG_DATA_HOME}/napari-magtex``."""
    import platformdirs

    if chosen := os.environ.get("XDG_DATA_HOME"):
        return Path(chosen) / "napari-magtex"
    return platformdirs.user_data_path("napari-magtex", appauthor=False)


def keep_llvms_apart() -> None:
    """Make torch importable in a process that draws with Mesa: call it first, in any process with a napari window.

    OpenGL without a graphics card (llvmpipe) loads the system's LLVM; triton, which torch imports where it is built for
    CUDA, holds another one, and with both in a process its initialisation crashes on the other's symbols. Bound to its
    own symbols first (RTLD_DEEPBIND, as google/gapid#1704 does), it is safe in either order.
    """
    import ctypes
    from importlib.util import find_spec

    spec = find_spec("triton")
    deep = getattr(os, "RTLD_DEEPBIND", None)  # Linux alone has it, and the trouble
    if spec is None or spec.origin is None or deep is None:
        return
    library = Path(spec.origin).parent / "_C" / "libtriton.so"
    if library.is_file():
        ctypes.CDLL(str(library), mode=os.RTLD_NOW | deep)


def keep_freed_memory() -> None:
    """Let the C library keep the memory of freed arrays for the next ones, up to 256 MB.

    A step of a simulation frees and takes again a dozen arrays of a megabyte; glibc hands each back to the system and
    the next one is paged in anew, which costs two to four times what is computed with it.
    """
    import ctypes

    trim_threshold, mmap_threshold, most = -1, -3, 256 * 2**20
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:  # glibc alone has it, and the habit
        mallopt(trim_threshold, most)
        mallopt(mmap_threshold, most)
