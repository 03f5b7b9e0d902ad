"""A training run on disk, as tensors and a little JSON; nothing is ever unpickled."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from napari_magtex.files import replacing

_KEY = "napari-magtex checkpoint"


@dataclass
class Run:
    """What a training run consists of: weights, their moving average, the optimiser, and how far it is."""

    network: nn.Module
    average: nn.Module
    optimiser: torch.optim.Optimizer
    samples: int = 0
    seconds: float = 0.0

    def save(self, path: Path) -> None:
        """Write beside the target, then rename."""
        from safetensors.torch import save_file

        tensors = {f"network.{k}": t for k, t in self.network.state_dict().items()}
        tensors |= {f"average.{k}": t for k, t in self.average.state_dict().items()}
        for index, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{k}": t for k, t in state.items()}
        about = json.dumps({"samples": self.samples, "seconds": self.seconds})
        with replacing(path) as beside:
            save_file({k: t.contiguous().clone() for k, t in tensors.items()}, beside, metadata={_KEY: about})

    def resume(self, path: Path) -> bool:
        """Go on where a checkpoint stopped; False where there is none."""
        from safetensors import safe_open

        if not path.is_file():
            return False
        with safe_open(path, framework="pt") as stored:
            about = json.loads(stored.metadata()[_KEY])
            tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118  (no mapping)
        for prefix, module in (("network.", self.network), ("average.", self.average)):
            module.load_state_dict({k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)})
        states: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            if key.startswith("optimiser."):
                _, index, name = key.split(".", 2)
                states.setdefault(int(index), {})[name] = tensor
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": states, "param_groups": groups})
        self.samples, self.seconds = about["samples"], about["seconds"]
        return True

    @torch.no_grad()
    def follow(self, decay: float) -> None:
        """Move the average towards the weights; early, when there is little to average, faster."""
        steps = self.samples / 32
        decay = min(decay, (1 + steps) / (10 + steps))
        for kept, now in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(now, 1 - decay)
            else:
                kept.copy_(now)
