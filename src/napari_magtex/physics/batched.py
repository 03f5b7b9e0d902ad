"""Batches: parameters that every system of a batch has for itself, and how some of the systems are chosen."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from napari_magtex.errors import BadExperiment


def precise(device: torch.device) -> torch.dtype:
    """Return what sums and moments are kept in: float64, but on Apple's GPUs, which have none."""
    return torch.float32 if device.type == "mps" else torch.float64


def batched(
    value: Tensor | float | Sequence[float] | Sequence[Sequence[float]],
    batch: int,
    name: str,
    tail: tuple[int, ...] = (),
) -> Tensor:
    """Return ``value`` as float64 (batch, *tail): a number serves every system.

    Raises
    ------
    BadExperiment
        It is not finite, or its shape fits neither one system nor the batch.
    """
    tensor = torch.as_tensor(value, dtype=torch.float64)
    if not bool(torch.isfinite(tensor).all()):
        raise BadExperiment(f"{name} must be finite, not {value}")
    try:
        return tensor.broadcast_to((batch, *tail)).clone()
    except RuntimeError as error:
        raise BadExperiment(f"{name} has the shape {tuple(tensor.shape)}: {(batch, *tail)} is needed") from error


def directions(value: Tensor | Sequence[float], batch: int, name: str, tail: tuple[int, ...] = ()) -> Tensor:
    """Return ``value`` as float64 unit vectors (batch, 3, *tail).

    Raises
    ------
    BadExperiment
        As `batched`, or a vector has no length.
    """
    vectors = batched(value, batch, name, (3, *tail))
    length = vectors.square().sum(dim=1, keepdim=True).sqrt()
    if not bool((length > 0).all()):
        raise BadExperiment(f"{name} has no direction: it is the zero vector")
    return vectors / length


class Batched:
    """What describes the systems of a batch: every tensor that it holds has the batch as its first axis."""

    def select(self, index: Tensor) -> Self:
        """Return the same for some systems of the batch, in the order of ``index``."""
        chosen = copy.copy(self)
        chosen.__dict__ = {name: _selected(value, index) for name, value in self.__dict__.items()}
        return chosen


def _selected(value: Any, index: Tensor) -> Any:
    if isinstance(value, Tensor):
        return value[index]
    if isinstance(value, Batched):
        return value.select(index)
    if isinstance(value, tuple) and any(isinstance(part, Batched) for part in value):
        return tuple(_selected(part, index) for part in value)
    return value
