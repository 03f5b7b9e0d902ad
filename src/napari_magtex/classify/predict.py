"""Pictures to verdicts: the trained classifier, its contrast rule, its sets and its range."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_magtex.classify.calibration import Calibration
from napari_magtex.classify.network import CAM_ORIGIN, CAM_STRIDE, GREY_CONTRASTS, STATES, TextureNet
from napari_magtex.classify.views import Views, is_grey, views
from napari_magtex.compute import Device, Progress, torch_device
from napari_magtex.errors import ModelUnavailable, Unsuitable
from napari_magtex.models import store
from napari_magtex.picture import Contrast, Picture
from napari_magtex.results import Provenance, Verdict
from napari_magtex.states.definitions import State, hidden_states

KIND = "classifier"
SHIPPED = "nine-states"
_VIEWS_AT_ONCE = {"cpu": 32, "cuda": 512, "mps": 128}


@dataclass(frozen=True)
class RawAnswer:
    """Logits of one picture: states (9,), grey contrasts (4,), applicability."""

    state: NDArray[np.float64]
    contrast: NDArray[np.float64]
    applicable: float


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained network, the card that describes it, and its calibration."""

    network: TextureNet
    card: dict[str, Any]
    calibration: Calibration

    cam_stride = CAM_STRIDE
    cam_origin = CAM_ORIGIN

    @classmethod
    def load(cls, name: str | Path = SHIPPED, device: Device | str = Device.AUTO) -> Classifier:
        """Load shipped weights by name, or any by path.

        Raises
        ------
        ModelUnavailable
            Missing, damaged, or not a classifier of this version.
        """
        stored = store.load(name, kind=KIND)
        try:
            network = TextureNet(stored.card["backbone"])
            network.load_state_dict(stored.tensors)
            calibration = Calibration.from_card(stored.card["calibration"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise ModelUnavailable(f"{name} does not fit this version of napari-magtex: {error}") from error
        return cls(ready(network, device), stored.card, calibration)

    @property
    def model(self) -> str:
        """Name and version of the card."""
        return f"{self.card['name']} {self.card['version']}"

    @property
    def size(self) -> int:
        """Side S of a view in pixels."""
        return int(self.card["size"])

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    def look(self, picture: Picture, *, everywhere: bool = False) -> Views:
        """Return what the network is shown of a picture; ``everywhere`` covers it with close-ups."""
        return views(picture, self.size, self.network.interpolation, everywhere=everywhere)

    def index(self, state: State) -> int:
        """Return the place of a state among the logits."""
        return STATES.index(state)

    def top(self, picture: Picture) -> State:
        """Name the state of one picture."""
        (_, raw), *_ = raw_answers([picture], self)
        return State(self.judge(picture, raw).state)

    def judge(self, picture: Picture, raw: RawAnswer) -> Verdict:
        """Turn the logits of a picture into its verdict."""
        contrast = picture.contrast or self._contrast(picture, raw)
        probabilities = self.calibration.probabilities(raw.state, contrast)
        state = STATES[int(probabilities.argmax())]
        applicability = self.calibration.applicability(raw.applicable)
        if applicability < 0.5:
            verdict = "out_of_range"
        elif state is State.FM and contrast is not Contrast.SPIN:
            verdict = "no_contrast"  # of all that this contrast can show, a featureless frame fits best
        else:
            verdict = "state"
        hidden = hidden_states(contrast)
        chosen = "auto" if picture.contrast is None else str(contrast)
        return Verdict(
            provenance=Provenance.of(picture, contrast=contrast, model=self.model, contrast_choice=chosen),
            verdict=verdict,
            state=str(state),
            probabilities={str(s): float(p) for s, p in zip(STATES, probabilities, strict=True)},
            set=tuple(str(s) for s in self.calibration.states(probabilities, contrast)),
            hidden=tuple(str(s) for s in STATES if s in hidden),
            applicable=applicability >= 0.5,
            applicability=applicability,
        )

    @staticmethod
    def _contrast(picture: Picture, raw: RawAnswer) -> Contrast:
        """Colour can only be a spin picture (a wheel looks the same and must be named); grey is what it looks like."""
        return GREY_CONTRASTS[int(raw.contrast.argmax())] if is_grey(picture) else Contrast.SPIN


def ready(network: TextureNet, device: Device | str = Device.AUTO) -> TextureNet:
    """Put a network in place for prediction: evaluating, frozen, channels last."""
    network = network.to(torch_device(device)).to(memory_format=torch.channels_last)
    return network.eval().requires_grad_(False)


def classify(pictures: Iterable[Picture], classifier: Classifier) -> Iterator[Progress | list[Verdict]]:
    """Name the state of every picture.

    Parameters
    ----------
    pictures
        Of any size and contrast; where the contrast is None it is told from the picture. They are read one by one.
    classifier
        The network with its card.

    Yields
    ------
    Progress after each picture, and last the verdicts in the order of the pictures.

    Raises
    ------
    Unsuitable
        A picture is an electron phase, which has no class of its own.
    """
    total = len(pictures) if isinstance(pictures, Sequence) else 0
    verdicts: list[Verdict] = []
    for picture, raw in raw_answers(pictures, classifier):
        verdicts.append(classifier.judge(picture, raw))
        yield Progress(len(verdicts), max(total, len(verdicts)), "classifying")
    yield verdicts


def raw_answers(pictures: Iterable[Picture], classifier: Classifier) -> Iterator[tuple[Picture, RawAnswer]]:
    """Run the network over pictures, as many views at once as the device takes gladly."""
    most = _VIEWS_AT_ONCE[classifier.device.type]
    waiting: list[tuple[Picture, Views]] = []
    count = 0
    for picture in pictures:
        if picture.contrast is Contrast.PHASE:
            raise Unsuitable(
                "an electron phase is not classified as it stands: reconstruct its induction and classify that (wheel)"
            )
        seen = classifier.look(picture)
        waiting.append((picture, seen))
        count += len(seen.wholes) + len(seen.closes)
        if count >= most:
            yield from _answer(waiting, classifier, most)
            waiting, count = [], 0
    yield from _answer(waiting, classifier, most)


def _answer(
    waiting: list[tuple[Picture, Views]], classifier: Classifier, most: int
) -> Iterator[tuple[Picture, RawAnswer]]:
    if not waiting:
        return
    network = classifier.network
    with torch.inference_mode():
        stack = torch.cat([torch.cat([seen.wholes, seen.closes]) for _, seen in waiting])
        features = torch.cat([network.features(part.to(classifier.device)) for part in stack.split(most)])
        parts = iter(features.split([n for _, seen in waiting for n in (len(seen.wholes), len(seen.closes))]))
        means = [part.mean(dim=0) for part in parts]
        logits = network.heads(torch.stack(means[0::2]), torch.stack(means[1::2]))
    state, contrast = logits.state.double().cpu().numpy(), logits.contrast.double().cpu().numpy()
    for index, (picture, _) in enumerate(waiting):
        yield picture, RawAnswer(state[index], contrast[index], float(logits.applicable[index]))
