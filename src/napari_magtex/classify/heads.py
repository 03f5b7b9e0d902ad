"""New heads on frozen features: the small convex fit behind adapting to corrections.

Both heads, nine states and within range or not, are linear in the features, so the fit has one solution. A pull (L2)
holds every weight to what it was.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from napari_magtex.classify.calibration import hidden_mask
from napari_magtex.classify.network import STATES, TextureNet
from napari_magtex.classify.predict import Classifier
from napari_magtex.picture import Contrast

_STEPS = 200  # of L-BFGS, at most


@dataclass(frozen=True)
class Wanted:
    """Features (n, 2F) of n pictures, and what the heads shall answer, in the calibrated numbers that a person sees.

    ``states`` (n, 9) sum to 1, or are 0 where a picture shows none; ``applicable`` (n,) is 0 to 1. Logits (n, 10), of
    the states and the range, are divided by ``temperature`` (n, 10), and ``offset`` (n, 10) is added: the bias of the
    contrast, -inf where that hides a state, and for the range its threshold.
    """

    features: Tensor
    states: Tensor
    applicable: Tensor
    temperature: Tensor
    offset: Tensor

    @classmethod
    def of(
        cls,
        features: Sequence[Tensor],
        states: Sequence[Sequence[float]],
        applicable: Sequence[float],
        contrasts: Sequence[Contrast],
        classifier: Classifier,
    ) -> Wanted:
        """Lay pictures out, each in the contrast that it is judged in."""
        calibration = classifier.calibration
        temperature = torch.ones(len(contrasts), len(STATES) + 1)
        offset = torch.full_like(temperature, -calibration.applicable)
        for row, contrast in enumerate(contrasts):
            temperature[row, :-1] = calibration.temperature.get(contrast, 1.0)
            bias = calibration.bias.get(contrast, {})
            offset[row, :-1] = torch.tensor([bias.get(state, 0.0) for state in STATES])
            offset[row, :-1][torch.from_numpy(hidden_mask(contrast))] = -torch.inf
        columns = torch.stack(list(features)), torch.tensor(states), torch.tensor(applicable), temperature, offset
        return cls(*(column.double() for column in columns))

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, chosen: Any) -> Wanted:
        return Wanted(*(column[chosen] for column in vars(self).values()))

    def __add__(self, other: Wanted) -> Wanted:
        return Wanted(*(torch.cat(pair) for pair in zip(vars(self).values(), vars(other).values(), strict=True)))

    def losses(self, logits: Tensor) -> Tensor:
        """Return the cross-entropies of both answers, summed, (n,)."""
        scaled = logits / self.temperature + self.offset
        log_p = functional.log_softmax(scaled[:, :-1], dim=1).masked_fill(self.offset[:, :-1].isinf(), 0)
        of_range = functional.binary_cross_entropy_with_logits(scaled[:, -1], self.applicable, reduction="none")
        return of_range - (self.states * log_p).sum(dim=1)

    def right(self, logits: Tensor) -> Tensor:
        """Return whether state and range come out as wanted, (n,); outside the range every state is as good."""
        scaled = logits / self.temperature + self.offset
        within = self.applicable >= 0.5
        same = self.named(logits) == self.states.argmax(dim=1)
        return ((scaled[:, -1] >= 0) == within) & (same | ~within)

    def named(self, logits: Tensor) -> Tensor:
        """Return the index of the likeliest state, (n,)."""
        return (logits / self.temperature + self.offset)[:, :-1].argmax(dim=1)


@dataclass(frozen=True)
class Heads:
    """Both heads as one: ``weight`` (10, 2F) and ``bias`` (10,), the nine states and then the range."""

    weight: Tensor
    bias: Tensor

    @classmethod
    def of(cls, network: TextureNet) -> Heads:
        """Take the heads of a network."""
        both = (network.state, network.applicable)
        weight, bias = (torch.cat([getattr(head, part).detach() for head in both]) for part in ("weight", "bias"))
        return cls(weight.cpu().double(), bias.cpu().double())

    def on(self, network: TextureNet) -> TextureNet:
        """Return a copy of a network with these heads, rounded as they will be stored."""
        network = copy.deepcopy(network)
        for head, rows in ((network.state, slice(0, -1)), (network.applicable, slice(-1, None))):
            head.weight.data.copy_(self.weight[rows].half())
            head.bias.data.copy_(self.bias[rows].half())
        return network

    def logits(self, wanted: Wanted) -> Tensor:
        """Return what the heads make of features, (n, 10)."""
        return wanted.features @ self.weight.T + self.bias


class HeadFit:
    """Fits heads to what is wanted of pictures.

    Features are measured in their deviations over ``usual`` pictures, so that a pull means the same for each, and in
    coordinates of the space that all pictures at hand span: in no other direction does a pull let anything change.
    """

    def __init__(self, heads: Heads, usual: Wanted, everything: Wanted) -> None:
        self.old = heads
        self.mean, variance = usual.features.mean(dim=0), usual.features.var(dim=0)
        # what usual pictures hardly wake must not count for much: its unit is at least that of a common feature
        unit = ((variance + variance.mean()) * len(variance)).sqrt()
        self.basis = torch.linalg.qr(((everything.features - self.mean) / unit).T).Q / unit[:, None]

    def heads(self, wanted: Wanted, pull: float) -> Heads:
        """Return heads that answer as wanted, as far as ``pull`` lets them go from the old ones."""
        place = functional.pad((wanted.features - self.mean) @ self.basis, (0, 1), value=1.0)  # 1 is for the bias
        before = self.old.logits(wanted)
        change = torch.zeros(before.shape[1], place.shape[1], dtype=torch.float64, requires_grad=True)
        solver = torch.optim.LBFGS([change], max_iter=_STEPS, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            solver.zero_grad()
            total = wanted.losses(before + place @ change.T).sum() + pull / 2 * change.square().sum()
            total.backward()
            return total

        solver.step(loss)
        moved = change.detach()
        weight = moved[:, :-1] @ self.basis.T
        return Heads(self.old.weight + weight, self.old.bias + moved[:, -1] - weight @ self.mean)
