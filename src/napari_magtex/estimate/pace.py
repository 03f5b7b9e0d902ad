"""How long a computation still takes, from how fast it went so far."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from typing import TypeVar

from napari_magtex.compute import Progress

Event = TypeVar("Event")


def in_words(seconds: float) -> str:
    """Say a time as roughly as it is known: 40 s, 12 min, 3.5 h."""
    if seconds < 55:
        return f"{max(5, 5 * math.ceil(seconds / 5))} s"
    if seconds < 100 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.2g} h"


def timed(work: Generator[Progress | Event, None, None], what: str, later: float = 0.0) -> Iterator[Progress | Event]:
    """Say in every `Progress` that begins with ``what`` how long it still takes, and ``later`` seconds after its end.

    The pace is that since the first of them: what was there before this run came for nothing.
    """
    first, began = 0, math.nan
    with closing(work):
        for step in work:
            if isinstance(step, Progress) and step.what.startswith(what):
                now = time.perf_counter()
                if math.isnan(began):
                    first, began = step.done, now
                elif step.done > first:
                    left = (now - began) / (step.done - first) * (step.total - step.done) + later
                    yield replace(step, what=f"{in_words(left)} left; {step.what}")
                    continue
            yield step
