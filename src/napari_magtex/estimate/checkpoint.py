"""A training's state on disk, so that it goes on where it was stopped; nothing is unpickled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from napari_magtex.files import replacing


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Weights of a network and the moments of its Adam, in one safetensors file."""

    path: Path
    network: torch.nn.Module
    optimiser: torch.optim.Adam

    def save(self, step: int, seconds: float) -> None:
        """Store the state after so many steps and seconds in all: beside its place first, then renamed."""
        tensors = {f"network.{key}": tensor for key, tensor in self.network.state_dict().items()}
        for index, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{key}": tensor for key, tensor in moments.items()}
        stored = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
        with replacing(self.path) as beside:
            save_file(stored, beside, metadata={"step": str(step), "seconds": f"{seconds:.1f}"})

    def restore(self) -> int:
        """Return the number of steps done; 0 where nothing usable is there, and then nothing changes."""
        try:
            with safe_open(self.path, framework="pt") as stored:
                tensors: dict[str, Tensor] = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
                step = int((stored.metadata() or {})["step"])
        except (OSError, SafetensorError, KeyError, ValueError):
            return 0
        kept = {key: tensor.clone() for key, tensor in self.network.state_dict().items()}
        weights = {key.removeprefix("network."): t for key, t in tensors.items() if key.startswith("network.")}
        moments: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            if key.startswith("adam."):
                _, index, name = key.split(".")
                moments.setdefault(int(index), {})[name] = tensor
        if not moments:
            return 0
        try:
            self.network.load_state_dict(weights)
            self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": moments})
        except (RuntimeError, ValueError, KeyError):
            self.network.load_state_dict(kept)
            return 0
        return step


def seconds_spent(path: Path) -> float:
    """Return what the steps stored in a checkpoint took; 0 where nothing usable is there."""
    try:
        with safe_open(path, framework="pt") as stored:
            return float((stored.metadata() or {}).get("seconds", 0))
    except (OSError, SafetensorError, ValueError):
        return 0.0
