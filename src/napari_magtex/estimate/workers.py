"""Who computes: this process, the cores of this machine, or the workers of a dask scheduler, by one interface."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, TypeVar

from napari_magtex.errors import MagtexError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Key = TypeVar("Key")
Result = TypeVar("Result")
_ANSWER_WITHIN = 5.0  # seconds that a scheduler has


class SchedulerUnavailable(MagtexError):
    """The package of dask's clusters is missing, or nothing answers at the address."""


@dataclass(frozen=True)
class Workers:
    """An executor, and how many tasks it should have before it, counted anew each time as workers come and go."""

    executor: Executor
    tasks: Callable[[], int]

    def run(
        self, function: Callable[..., Result], jobs: Iterable[tuple[Key, tuple[Any, ...]]]
    ) -> Iterator[tuple[Key, Result]]:
        """Compute ``function(*arguments)`` of every job (key, arguments); yield (key, result) as they come."""
        left, waiting = iter(jobs), dict[Future[Result], Key]()
        while True:
            for key, arguments in islice(left, max(0, self.tasks() - len(waiting))):
                waiting[self.executor.submit(function, *arguments)] = key
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                yield waiting.pop(future), future.result()


@contextmanager
def here() -> Iterator[Workers]:
    """Compute in this process."""
    yield Workers(_Here(), lambda: 1)


@contextmanager
def cores(count: int) -> Iterator[Workers]:
    """Compute in processes, which leave with the block or with this process, however either ends."""
    context = get_context("spawn")
    alive, ours = context.Pipe(duplex=False)
    executor = ProcessPoolExecutor(count, context, _leave_when_closed, (alive,))
    try:
        yield Workers(executor, lambda: 2 * count)
    except BrokenProcessPool as error:
        raise MagtexError("a process that computed ended before its time, perhaps for lack of memory") from error
    finally:
        ours.close()
        executor.shutdown(cancel_futures=True)
        alive.close()


@contextmanager
def cluster(address: str) -> Iterator[Workers]:
    """Compute on the workers of a dask scheduler; the task of a worker that dies goes to another one.

    Raises
    ------
    SchedulerUnavailable
        dask.distributed is not installed, or no scheduler answers.
    """
    try:
        from distributed import Client, KilledWorker
        from distributed.comm import CommClosedError
    except ModuleNotFoundError as error:
        raise SchedulerUnavailable("a scheduler needs dask: pip install '.[cluster]' in a clone") from error
    try:
        client = Client(address, timeout=_ANSWER_WITHIN, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SchedulerUnavailable(
            f"no dask scheduler answers at {address}: start one with `dask scheduler` and workers with "
            "`dask worker ADDRESS`, and give the address that it prints, tcp://HOST:8786"
        ) from error
    with client:
        if not client.nthreads():
            warnings.warn(f"the scheduler at {address} has no workers: waiting for the first one", stacklevel=3)
        try:
            yield Workers(client.get_executor(), lambda: 2 * max(1, sum(client.nthreads().values())))
        except KilledWorker as error:
            raise MagtexError(f"workers die again and again, perhaps for lack of memory: {error}") from error
        except (CommClosedError, CancelledError) as error:
            raise MagtexError(f"the scheduler at {address} is gone") from error
        except ModuleNotFoundError as error:
            raise MagtexError(f"a worker lacks {error.name}: install napari-magtex on every worker") from error


class _Here(Executor):
    """Computes what is submitted at once, and leaves torch's threads as they were."""

    def submit(self, function: Callable[..., Result], /, *arguments: Any, **keywords: Any) -> Future[Result]:
        import torch

        future: Future[Result] = Future()
        threads = torch.get_num_threads()
        try:
            future.set_result(function(*arguments, **keywords))
        except Exception as error:
            future.set_exception(error)
        finally:
            torch.set_num_threads(threads)
        return future


def _leave_when_closed(alive: Connection) -> None:
    """End this process once the other end of a pipe is closed, as it also is when its owner is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to every process of a terminal; the first one decides

    def watch() -> None:
        with suppress(EOFError, OSError):
            alive.recv_bytes()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
