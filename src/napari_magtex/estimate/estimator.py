"""Estimator: a trained network, the experiment that it was trained for, and what its answers are worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_magtex import __version__
from napari_magtex.compute import Device, Progress, drain, torch_device
from napari_magtex.errors import BadExperiment, ModelUnavailable, Unsuitable
from napari_magtex.estimate.answer import Answer, mesh_of
from napari_magtex.estimate.calibration import Familiar, Intervals
from napari_magtex.estimate.channels import CHANNELS, Channels
from napari_magtex.estimate.conditions import field_ratio
from napari_magtex.estimate.equilibrium import Misses
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.network import Together, WindowNetwork, Windows, build
from napari_magtex.estimate.virials import Equations, region_virials
from napari_magtex.models import store
from napari_magtex.picture import Contrast

DEFAULT_ESTIMATOR = "fege-{contrast}"
FORMAT = 2  # of an estimator's file
RATIO = "A_over_D"
_DESCRIPTORS = "familiar.running_descriptors"  # kept as float32 by the store, as statistics are
_GUESSWORK, _COLD, _HOT = "guesswork.running", "misses.running_cold", "misses.running_hot"


def default_estimator(contrast: Contrast | None) -> str:
    """Return the name of the shipped estimator of a contrast.

    Raises
    ------
    Unsuitable
        None is shipped.
    """
    if contrast is Contrast.PHASE:
        raise Unsuitable("an electron phase has no estimator: estimate the colour wheel of the induction made of it")
    name = DEFAULT_ESTIMATOR.format(contrast=contrast)
    if name not in store.shipped():
        raise Unsuitable(f"no estimator for {contrast} pictures is shipped: train one, and name its file")
    return name


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of a region's constants: the network's ``guess``, and the ``torques`` where spins can be read."""

    guess: Answer
    torques: Equations | None = None


@dataclass(frozen=True, eq=False)
class Estimator:
    """What `estimate` needs; made by training or by `load`.

    ``guesswork`` (p, p) is the covariance of the network's errors after they were whitened by that which it says
    itself. ``misses`` is there where spins can be read off the picture, so that torques can be asked.
    """

    name: str
    network: WindowNetwork
    experiment: Experiment
    intervals: Intervals
    familiar: Familiar
    card: Mapping[str, Any]
    guesswork: NDArray[np.float64]
    misses: Misses | None = None

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
            guesswork = stored.tensors[_GUESSWORK].double().numpy()
            misses = None
            if _COLD in stored.tensors:
                misses = Misses(*(stored.tensors[key].double().numpy() for key in (_COLD, _HOT)))
        except (KeyError, TypeError, RuntimeError, BadExperiment) as error:
            raise ModelUnavailable(f"{name} does not hold a whole estimator ({error}): train it again") from error
        network.eval().to(torch_device(device))
        return cls(card["name"], network, experiment, intervals, familiar, card, guesswork, misses)

    def in_field_of(self, meta: Mapping[str, Any]) -> Estimator:
        """Return an estimator for the field that a picture's metadata tell, by `Experiment.scaled`.

        It is this one where they tell none, one that points otherwise, or where pictures show Ms, as electrons do.
        """
        ratio = 1.0 if self.contrast is Contrast.LORENTZ else field_ratio(meta, self.experiment)
        if ratio == 1:
            return self
        misses = self.misses and replace(self.misses, hot=self.misses.hot / ratio**2)  # it is per kT
        return replace(self, experiment=self.experiment.scaled(ratio), misses=misses)

    def save(self, path: Path) -> None:
        """Write the weights and the card, as `load` reads them."""
        tensors = {f"network.{key}": tensor for key, tensor in self.network.state_dict().items()}
        tensors |= {_DESCRIPTORS: torch.as_tensor(self.familiar.descriptors)}
        tensors |= {_GUESSWORK: torch.as_tensor(self.guesswork, dtype=torch.float32)}
        if self.misses is not None:
            tensors |= {_COLD: torch.as_tensor(self.misses.cold, dtype=torch.float32)}
            tensors |= {_HOT: torch.as_tensor(self.misses.hot, dtype=torch.float32)}
        store.save(path, tensors, self.card)

    @property
    def contrast(self) -> Contrast:
        """Of the pictures that it reads."""
        return self.experiment.picture.contrast

    @torch.no_grad()
    def windows(self, values: NDArray[np.float32]) -> Windows:
        """Evaluate all windows of pictures' channels (batch, channels, rows, columns); the answer is on the CPU."""
        place = next(self.network.parameters()).device
        return self.network(torch.as_tensor(np.ascontiguousarray(values)).to(place)).to(torch.device("cpu"))

    @torch.no_grad()
    def together(self, windows: Windows, inside: NDArray[np.bool_]) -> Together:
        """Return what the network says of the windows ``inside`` (rows, columns) of one picture; on the CPU."""
        place = next(self.network.parameters()).device
        weight = torch.as_tensor(inside, dtype=windows.mean.dtype, device=place)[None]
        said = self.network.together(windows.to(place), weight)
        return Together(said.value.cpu().double(), said.factor.cpu().double())

    def guess(self, windows: Windows, inside: NDArray[np.bool_]) -> Answer:
        """Return the network's answer for the windows ``inside`` (rows, columns) of one picture, all together."""
        said = self.together(windows, inside)
        factor = said.factor[0].numpy()
        return Answer(tuple(self.experiment.estimated), said.value[0].numpy(), factor @ self.guesswork @ factor.T)

    @property
    def largest_misfit(self) -> float:
        """Of torques that may be the balance of a film like those of the training."""
        return float(self.card.get("applicability", {}).get("misfit", np.inf))

    def weigh(self, guess: Answer, seen: Channels) -> Iterator[Progress | Evidence]:
        """Ask the torques of a region too, where the spins of its cells can be read.

        Yields Progress, and last the `Evidence`.
        """
        if self.misses is None or seen.resampled:
            yield Evidence(guess)
            return
        mesh = replace(mesh_of(self.experiment), cell=(self.experiment.cell[0], *seen.cell))
        for step in region_virials(seen.values, seen.inside, mesh):
            yield step if isinstance(step, Progress) else Evidence(guess, step)

    def answer(self, evidence: Evidence, known: Mapping[str, float] | None = None) -> Answer:
        """Say what the evidence amounts to; ``known`` holds constants that are given, on the unit scale.

        Torques that cannot be those of such a film have no say.
        """
        alone = evidence.guess.given(known or {})
        if evidence.torques is None or self.misses is None:
            return alone
        answer = evidence.guess.balanced(evidence.torques, self.misses, self.experiment, known)
        fits = answer.misfit is None or answer.misfit <= self.largest_misfit
        return answer if fits else replace(alone, misfit=answer.misfit)

    def told_as(self, quantity: str, answer: Answer, known: str) -> str:
        """Return what the interval of a quantity is called: those of a known constant, or of less, are their own."""
        told = f"{quantity}|{known}" if known else quantity
        return told if answer.by_torques or self.misses is None else f"{told} by network"

    def evidence(self, values: NDArray[np.float32]) -> Iterator[Evidence]:
        """Weigh whole pictures (batch, channels, rows, columns), one after the other, for torques take long."""
        windows = self.windows(values)
        everywhere, cells = np.ones(windows.mean.shape[2:], dtype=bool), np.ones(values.shape[2:], dtype=bool)
        for i, picture in enumerate(values):
            seen = Channels(picture, cells, (1.0, 1.0), self.experiment.cell[1:])
            yield drain(self.weigh(self.guess(windows.picture(i), everywhere), seen))

    def answers(self, values: NDArray[np.float32]) -> list[Answer]:
        """Answer for whole pictures (batch, channels, rows, columns)."""
        return [self.answer(evidence) for evidence in self.evidence(values)]


def log_ratio(experiment: Experiment, unit: NDArray[np.float64]) -> float | None:
    """Return log(A/D) over the width of its range for constants (p,) on the unit scale.

    None where D may vanish or where neither of the two varies.
    """
    A, D = experiment.parameters["A"], experiment.parameters["D"]
    if D.low <= 0 or not (A.varies or D.varies):
        return None
    names = list(experiment.estimated)
    here = [
        p.from_unit(float(np.clip(unit[names.index(n)], 0, 1))) if p.varies else p.low for n, p in (("A", A), ("D", D))
    ]
    width = np.log(A.high / D.low) - np.log(A.low / D.high)
    return float(np.log(here[0] / here[1]) / width)


def ratio_sigma(experiment: Experiment, answer: Answer) -> float:
    """Return the standard deviation that goes with `log_ratio`."""
    slope = np.zeros(len(answer.names))
    for name, sign in (("A", 1), ("D", -1)):
        p = experiment.parameters[name]
        if p.varies:
            i = answer.names.index(name)
            slope[i] = sign * (p.high - p.low) / p.from_unit(float(np.clip(answer.value[i], 0, 1)))
    A, D = experiment.parameters["A"], experiment.parameters["D"]
    width = np.log(A.high / D.low) - np.log(A.low / D.high)
    return float(np.sqrt(slope @ answer.covariance @ slope) / width)


def card_of(experiment: Experiment, name: str, network: str, **more: Any) -> dict[str, Any]:
    """Return the card's head; ``more`` follows it."""
    contrast = experiment.picture.contrast
    ranges = {key: [p.low, p.high] for key, p in experiment.estimated.items()}
    cold = [] if experiment.temperature.high else ["films at rest: errors on heated pictures are larger"]
    return {
        "kind": "estimator",
        "format": FORMAT,
        "name": name,
        "version": __version__,
        "network": network,
        "contrast": str(contrast),
        "parameters": ranges,
        "experiment": experiment.to_dict(),
        "notes": [*experiment.notes(), *cold],
        **more,
    }
