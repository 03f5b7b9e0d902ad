"""Several processes learn as one: each draws and learns from pictures of its own, and all take the mean gradient.

On a CPU two processes of one thread each train half as fast again as one of two threads beside one that draws: threads
wait for one another at every layer, processes once a step.
"""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import distributed, nn
from torch.multiprocessing import get_context


@dataclass(frozen=True)
class Learner:
    """One of ``count`` learners, which do the same steps at the same time; number 0 decides how far they are."""

    number: int = 0
    count: int = 1

    def agree(self, value: float) -> float:
        """Return the value that learner 0 has."""
        if self.count == 1:
            return value
        shared = torch.tensor(value, dtype=torch.float64)
        distributed.broadcast(shared, src=0)
        return float(shared)

    def average_gradients(self, network: nn.Module) -> None:
        """Give every learner's parameters the mean of all their gradients."""
        if self.count == 1:
            return
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        together = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(together)
        together /= self.count
        for gradient, mean in zip(gradients, together.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(mean.view_as(gradient))


@contextmanager
def learners(count: int, work: Callable[..., None], *arguments: Any) -> Iterator[Learner]:
    """Become learner 0 of ``count``; the others call ``work(learner, *arguments)`` in processes of their own.

    ``work`` must take as many steps as the block does; when that ends, its process is ended.
    """
    if count == 1:
        yield Learner()
        return
    context = get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="magtex-") as folder:
        meeting = f"file://{Path(folder) / 'meeting'}"
        others = [
            context.Process(target=_join, args=(Learner(n, count), meeting, work, arguments), daemon=True)
            for n in range(1, count)
        ]
        for other in others:
            other.start()
        try:
            distributed.init_process_group("gloo", init_method=meeting, rank=0, world_size=count)
            yield Learner(0, count)
        finally:
            for other in others:
                other.terminate()
                other.join()
            if distributed.is_initialized():
                distributed.destroy_process_group()


def _join(learner: Learner, meeting: str, work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to every process of a terminal; learner 0 decides
    distributed.init_process_group("gloo", init_method=meeting, rank=learner.number, world_size=learner.count)
    work(learner, *arguments)
