"""Estimator: a trained network, the experiment that it was trained for, and what its answers are worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_magtex import __version__
from napari_magtex.compute import Device, torch_device
from napari_magtex.errors import BadExperiment, ModelUnavailable
from napari_magtex.estimate.calibration import Familiar, Intervals
from napari_magtex.estimate.channels import CHANNELS
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.network import WindowNetwork, Windows, build
from napari_magtex.models import store
from napari_magtex.picture import Contrast

DEFAULT_ESTIMATOR = "fege-{contrast}"
FORMAT = 1  # of an estimator's file
RATIO = "A_over_D"
_DESCRIPTORS = "familiar.running_descriptors"  # kept as float32 by the store, as statistics are


@dataclass(frozen=True, eq=False)
class Estimator:
    """What `estimate` needs; made by training or by `load`."""

    name: str
    network: WindowNetwork
    experiment: Experiment
    intervals: Intervals
    familiar: Familiar
    card: Mapping[str, Any]

    @classmethod
    def load(cls, name: str | Path, device: Device | str = Device.AUTO) -> Estimator:
        """Load a shipped estimator by its name, or one from a file.

        Raises
        ------
        ModelUnavailable
            Missing, damaged, no estimator, or of another version.
        """
        stored = store.load(name, kind="estimator")
        card = stored.card
        try:
            if card["format"] != FORMAT:
                raise ModelUnavailable(
                    f"{name} was written in format {card['format']}, this version of napari-magtex reads {FORMAT}: "
                    "train it again, or install the version that wrote it"
                )
            experiment = Experiment.from_dict(card["experiment"])
            network = build(card["network"], CHANNELS[experiment.picture.contrast], len(experiment.estimated))
            weights = {k.removeprefix("network."): t for k, t in stored.tensors.items() if k.startswith("network.")}
            network.load_state_dict(weights)
            familiar = Familiar(stored.tensors[_DESCRIPTORS].numpy(), card["applicability"]["threshold"])
            intervals = Intervals.from_card(card["calibration"])
        except (KeyError, TypeError, RuntimeError, BadExperiment) as error:
            raise ModelUnavailable(f"{name} does not hold a whole estimator ({error}): train it again") from error
        network.eval().to(torch_device(device))
        return cls(card["name"], network, experiment, intervals, familiar, card)

    def save(self, path: Path) -> None:
        """Write the weights and the card, as `load` reads them."""
        tensors = {f"network.{key}": tensor for key, tensor in self.network.state_dict().items()}
        store.save(path, tensors | {_DESCRIPTORS: torch.as_tensor(self.familiar.descriptors)}, self.card)

    @property
    def contrast(self) -> Contrast:
        """Of the pictures that it reads."""
        return self.experiment.picture.contrast

    @torch.no_grad()
    def windows(self, values: NDArray[np.float32]) -> Windows:
        """Evaluate all windows of pictures' channels (batch, channels, rows, columns); the answer is on the CPU."""
        place = next(self.network.parameters()).device
        found = self.network(torch.as_tensor(np.ascontiguousarray(values)).to(place))
        return Windows(found.mean.cpu(), found.log_sigma.cpu())

    def answers(self, values: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return value and sigma of whole pictures, each (batch, parameters) on the unit scale of the ranges."""
        windows = self.windows(values)
        value, sigma = windows.over(torch.ones_like(windows.mean[:, 0]))
        return value.double().numpy(), sigma.double().numpy()


def log_ratio(experiment: Experiment, unit: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return log(A/D) over the width of its range, (batch,), for answers (batch, parameters) on the unit scale.

    None where D may vanish or where neither of the two varies.
    """
    A, D = experiment.parameters["A"], experiment.parameters["D"]
    if D.low <= 0 or not (A.varies or D.varies):
        return None
    names = list(experiment.estimated)

    def column(name: str) -> NDArray[np.float64]:
        p = experiment.parameters[name]
        return np.asarray(p.from_unit(np.clip(unit[:, names.index(name)], 0, 1))) if p.varies else np.array(p.low)

    width = np.log(A.high / D.low) - np.log(A.low / D.high)
    return np.asarray(np.log(column("A") / column("D")) / width)


def ratio_sigma(experiment: Experiment, sigma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sigma that goes with `log_ratio`, (batch,): the larger of A's and D's."""
    names = [name for name in ("A", "D") if experiment.parameters[name].varies]
    return np.asarray(sigma[:, [list(experiment.estimated).index(name) for name in names]].max(axis=1))


def card_of(experiment: Experiment, name: str, network: str, **more: Any) -> dict[str, Any]:
    """Return the card's head; ``more`` follows it."""
    contrast = experiment.picture.contrast
    ranges = {key: [p.low, p.high] for key, p in experiment.estimated.items()}
    return {
        "kind": "estimator",
        "format": FORMAT,
        "name": name,
        "version": __version__,
        "network": network,
        "contrast": str(contrast),
        "parameters": ranges,
        "experiment": experiment.to_dict(),
        "notes": [*experiment.notes(), "films relaxed at T = 0: errors on heated pictures are larger and not measured"],
        **more,
    }
