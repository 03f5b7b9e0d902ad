"""Pictures to verdicts: the trained classifier, its contrast rule, its sets and its range."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_magtex.classify.calibration import Calibration
from napari_magtex.classify.network import CAM_ORIGIN, CAM_STRIDE, GREY_CONTRASTS, STATES, TextureNet
from napari_magtex.classify.views import Views, is_grey, views
from napari_magtex.compute import Device, Progress, torch_device
from napari_magtex.errors import ModelUnavailable, Unsuitable
from napari_magtex.imaging.fringes import is_hologram
from napari_magtex.models import store
from napari_magtex.picture import Contrast, Picture
from napari_magtex.results import Provenance, Verdict
from napari_magtex.states.definitions import State, hidden_states

KIND = "classifier"
SHIPPED = "nine-states"
_VIEWS_AT_ONCE = {"cpu": 32, "cuda": 512, "mps": 128}
_BYTES_AT_ONCE = 1 << 28  # of pictures that wait for their answers: large frames make smaller batches


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
        probabilities = self.probabilities(picture, raw, contrast)
        state = STATES[int(probabilities.argmax())]
        applicability = 0.0 if is_fringes(picture, contrast) else self.calibration.applicability(raw.applicable)
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

    def probabilities(self, picture: Picture, raw: RawAnswer, contrast: Contrast) -> NDArray[np.float64]:
        """Return the probability of each state (9,)."""
        if picture.is_constant:  # one colour is a uniform texture, whatever a network makes of it
            return np.array([float(state is State.FM) for state in STATES])
        return self.calibration.probabilities(raw.state, contrast)

    @staticmethod
    def _contrast(picture: Picture, raw: RawAnswer) -> Contrast:
        """Colour can only be a spin picture (a wheel looks the same and must be named); grey is what it looks like."""
        return GREY_CONTRASTS[int(raw.contrast.argmax())] if is_grey(picture) else Contrast.SPIN


def is_fringes(picture: Picture, contrast: Contrast) -> bool:
    """Whether a frame shows the fringes of a hologram: they are no picture of a texture, whatever a network says."""
    return contrast is Contrast.LORENTZ and is_hologram(picture.pixels)


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


def classify_each(pictures: Iterable[Picture | Exception], classifier: Classifier) -> Iterator[Verdict | Exception]:
    """Name the state of pictures that come from many files, some of which cannot be read.

    Parameters
    ----------
    pictures
        As `classify` takes them; an exception stands for a picture that could not be had. A thread takes a few of them
        ahead, so that reading goes on beside the network.
    classifier
        The network with its card.

    Yields
    ------
    One answer for each of them, in their order: its verdict, or the exception that it is or that it met with.
    """
    for answer in _answers(pictures, classifier):
        yield answer if isinstance(answer, Exception) else classifier.judge(*answer)


def raw_answers(pictures: Iterable[Picture], classifier: Classifier) -> Iterator[tuple[Picture, RawAnswer]]:
    """Run the network over pictures, as many views at once as the device takes gladly; a thread takes them ahead."""
    for answer in _answers(pictures, classifier):
        if isinstance(answer, Exception):
            raise answer
        yield answer


def features_of(picture: Picture, classifier: Classifier) -> Tensor:
    """Return the features (2F,) of a picture that the heads answer from: means over whole views, then over close-ups.

    Raises
    ------
    Unsuitable
        The picture is an electron phase, which has no class of its own.
    """
    shown = _shown(picture, classifier)
    if isinstance(shown, Exception):
        raise shown
    return _features([shown], classifier, _VIEWS_AT_ONCE[classifier.device.type])[0].cpu()


def answers_from(features: Tensor, classifier: Classifier) -> list[RawAnswer]:
    """Return what the heads answer to the features (n, 2F) of n pictures."""
    with torch.inference_mode():
        logits = classifier.network.heads(*features.to(classifier.device).chunk(2, dim=1))
    # off the device first: Apple's GPUs have no float64
    state, contrast = logits.state.cpu().double().numpy(), logits.contrast.cpu().double().numpy()
    return [RawAnswer(*row) for row in zip(state, contrast, logits.applicable.tolist(), strict=True)]


@dataclass(frozen=True, eq=False)
class _Shown:
    """A picture and the views of it, (n, 3, S, S) each."""

    picture: Picture
    wholes: Tensor
    closes: Tensor


def _answers(
    pictures: Iterable[Picture | Exception], classifier: Classifier
) -> Iterator[tuple[Picture, RawAnswer] | Exception]:
    most = _VIEWS_AT_ONCE[classifier.device.type]
    for batch in _batches_ahead(pictures, classifier, most):
        try:
            shown = [one for one in batch if isinstance(one, _Shown)]
            answers = iter(answers_from(_features(shown, classifier, most), classifier) if shown else [])
        except Exception as error:  # of the device: other batches may go well
            yield from (one if isinstance(one, Exception) else error for one in batch)
            continue
        for one in batch:
            yield one if isinstance(one, Exception) else (one.picture, next(answers))


def _batches_ahead(
    pictures: Iterable[Picture | Exception], classifier: Classifier, most: int
) -> Iterator[list[_Shown | Exception]]:
    """Yield what the network is shown at once; a thread reads and prepares the next batch while one is computed."""
    nobody_waits = Event()
    wanted = takewhile(lambda _: not nobody_waits.is_set(), pictures)
    batches = _batches((_shown(picture, classifier) for picture in wanted), most)
    with ThreadPoolExecutor(1) as reader:
        following = reader.submit(next, batches, None)
        try:
            while (batch := following.result()) is not None:
                following = reader.submit(next, batches, None)
                yield batch
        finally:
            nobody_waits.set()


def _batches(shown: Iterable[_Shown | Exception], most: int) -> Iterator[list[_Shown | Exception]]:
    batch, count, held = list[_Shown | Exception](), 0, 0
    for one in shown:
        batch.append(one)
        count += 1 if isinstance(one, Exception) else len(one.wholes) + len(one.closes)
        held += 0 if isinstance(one, Exception) else one.picture.pixels.nbytes
        if count >= most or held >= _BYTES_AT_ONCE:
            yield batch
            batch, count, held = [], 0, 0
    if batch:
        yield batch


def _shown(picture: Picture | Exception, classifier: Classifier) -> _Shown | Exception:
    try:
        if isinstance(picture, Exception):
            return picture
        if picture.contrast is Contrast.PHASE:
            raise Unsuitable(
                "an electron phase is not classified as it stands: reconstruct its induction and classify that (wheel)"
            )
        seen = classifier.look(picture)
        return _Shown(picture, seen.wholes, seen.closes)
    except Exception as error:
        return error


def _features(shown: list[_Shown], classifier: Classifier, most: int) -> Tensor:
    network = classifier.network
    with torch.inference_mode():
        stack = torch.cat([torch.cat([one.wholes, one.closes]) for one in shown])
        features = torch.cat([network.features(part.to(classifier.device)) for part in stack.split(most)])
        parts = features.split([n for one in shown for n in (len(one.wholes), len(one.closes))])
        return torch.stack([part.mean(dim=0) for part in parts]).view(len(shown), -1)
