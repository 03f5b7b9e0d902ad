"""The trained network and its card, from the store to the kinds of a frame's pixels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_magtex.compute import Device, torch_device
from napari_magtex.errors import ModelUnavailable
from napari_magtex.models import store
from napari_magtex.segment.kinds import Kind
from napari_magtex.segment.network import SkyrmionUNet, tiled_logits
from napari_magtex.segment.normalise import normalised

KIND = "segmenter"
SHIPPED = "skyrmions"


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A trained network, and the card that describes it."""

    network: SkyrmionUNet
    card: dict[str, Any]

    @classmethod
    def load(cls, name: str | Path = SHIPPED, device: Device | str = Device.AUTO) -> Segmenter:
        """Load shipped weights by name, or any by path.

        Raises
        ------
        ModelUnavailable
            Missing, damaged, or no segmenter of this version.
        """
        stored = store.load(name, kind=KIND)
        try:
            if stored.card["kinds"] != [kind.name.lower() for kind in Kind]:
                raise ValueError(f"its kinds are {stored.card['kinds']}")
            network = SkyrmionUNet(tuple(stored.card["widths"]))
            network.load_state_dict(stored.tensors)
        except (KeyError, RuntimeError, ValueError) as error:
            raise ModelUnavailable(f"{name} does not fit this version of napari-magtex: {error}") from error
        return cls(ready(network, device), stored.card)

    @property
    def model(self) -> str:
        """Name and version of the card."""
        return f"{self.card['name']} {self.card['version']}"

    @torch.inference_mode()
    def probabilities(self, grey: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return how likely each pixel of a frame (ny, nx) is of each kind, (kinds, ny, nx)."""
        place = next(self.network.parameters()).device
        logits = tiled_logits(self.network, torch.from_numpy(normalised(grey)).to(place))
        return logits.softmax(dim=0).cpu().numpy()


def ready(network: SkyrmionUNet, device: Device | str = Device.AUTO) -> SkyrmionUNet:
    """Bring a network to where it is evaluated."""
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return network.eval().to(torch_device(device)).to(memory_format=torch.channels_last)
