"""Fine-tune a segmenter on a person's corrections: its last layers alone, judged on corrections held back.

The encoder stays frozen, and so do all statistics of normalisation: a few frames would move them far. Simulated frames
are learned from beside the corrections, so that what the network could do before is not forgotten.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from napari_magtex.compute import Progress
from napari_magtex.errors import Unsuitable
from napari_magtex.models import adapted
from napari_magtex.segment.corrections import MARKS, CorrectedFrame, Corrections
from napari_magtex.segment.data import Pieces
from napari_magtex.segment.evaluate import Score
from napari_magtex.segment.finetune_recipe import Recipe
from napari_magtex.segment.frames import MaskedFrame
from napari_magtex.segment.held_back import HeldBack, guard_frames, judged, on_simulated, rounds
from napari_magtex.segment.kinds import UNSAID, Kind
from napari_magtex.segment.network import SkyrmionUNet
from napari_magtex.segment.segmenter import Segmenter
from napari_magtex.segment.train import loss_of, schedule

_FORGOTTEN = 0.02  # of the MCC on simulated frames
_WARMUP = 0.1


@dataclass(frozen=True, eq=False)
class Adaptation:
    """A segmenter whose last layers have learned from corrections, and how it does.

    ``simulated`` is its MCC on simulated frames, before and after; ``done`` the share of the steps that the time was
    enough for.
    """

    segmenter: Segmenter
    held_back: HeldBack
    simulated: tuple[float, float]
    done: float = 1.0

    @property
    def forgotten(self) -> bool:
        """Whether it does worse on simulated frames than before."""
        return self.simulated[1] < self.simulated[0] - _FORGOTTEN

    def save(self, path: Path) -> None:
        """Write the weights with their card under the name of the file; no network replaces another.

        Raises
        ------
        MagtexError
            There is such a file already, or it cannot be written there.
        """
        adapted.save(path, self.segmenter.network.state_dict(), self.segmenter.card)


def fine_tune(
    corrections: Corrections, segmenter: Segmenter, recipe: Recipe | None = None
) -> Iterator[Progress | Adaptation]:
    """Fit the last layers to corrections; how good the result is, parts held back tell.

    A part is judged with a network that has learned from the other parts alone. Of a single corrected frame one half
    is held back. The same corrections give the same network, unless the minutes are over first.

    Parameters
    ----------
    corrections
        One or more.
    segmenter
        The one to start from, which has not learned from corrections yet; it stays as it is.

    Yields
    ------
    Progress after each frame and step, and last the Adaptation.

    Raises
    ------
    Unsuitable
        There are no corrections, or the segmenter is itself an adapted one.
    UnreadableFile
        The table, a frame or its labels are damaged or missing.
    """
    recipe = recipe or Recipe()
    kept = corrections.read()
    if not kept:
        raise Unsuitable("no corrected frame is kept: correct the skyrmions of a frame, keep it, then fine-tune")
    adapted.refuse(segmenter.model, segmenter.card)
    frames: list[CorrectedFrame] = []
    for correction in kept:
        frames.append(corrections.frame(correction))
        yield Progress(len(frames), len(kept), "reading corrections")
    divided, way = rounds(frames)
    tuning = _Tuning(segmenter, recipe, len(divided) + 1)
    before, after = list[Score](), list[Score]()
    for shown, held_back in divided:
        new = yield from tuning.learn(shown)
        for frame in held_back:
            before.append(judged(frame, segmenter))
            after.append(judged(frame, new))
            yield Progress(len(after), len(frames), "judging corrections held back")
    new = yield from tuning.learn(frames)
    simulated = np.zeros(2)
    for number, guard in enumerate(guard_frames(), start=1):
        simulated += [on_simulated(guard, segmenter), on_simulated(guard, new)]
        yield Progress(number, number, "judging simulated frames")
    once, now = (simulated / number).round(4).tolist()
    held = HeldBack(way, tuple(before), tuple(after))
    card = _card(segmenter, frames, recipe, held)
    card[adapted.KEY] |= {"simulated frames": {"MCC before": once, "MCC after": now}, "steps": tuning.fewest}
    yield Adaptation(replace(new, card=card), held, (once, now), tuning.fewest / recipe.steps)


def learners(network: SkyrmionUNet, blocks: int) -> list[nn.Module]:
    """Return the parts of a network that learn: its head, and the last blocks of its decoder."""
    return [*list(network.up)[-blocks:], network.head]


def lesson(frame: CorrectedFrame, segmenter: Segmenter) -> MaskedFrame:
    """Return a corrected frame with what every pixel shows.

    A person marks skyrmions, and dust or the ground beside a device only perhaps. Where these were not looked for, the
    network's own word on them stays: else what nobody marks would be taught to be film.
    """
    likely = segmenter.probabilities(frame.picture.pixels)
    likely[[Kind.SKYRMION, *frame.correction.marks]] = -1
    kinds = likely.argmax(axis=0).astype(np.uint8)
    kinds[frame.labels > 0] = Kind.SKYRMION
    for kind, number in MARKS.items():
        kinds[frame.labels == number] = kind
    kinds[~frame.said] = UNSAID
    return MaskedFrame(frame.picture.pixels, kinds, frame.correction.sha256, frame.correction.file)


class _Tuning:
    """The trainings of one fine-tuning, each from the same weights on other frames."""

    def __init__(self, segmenter: Segmenter, recipe: Recipe, trainings: int) -> None:
        self.segmenter, self.recipe, self.trainings = segmenter, recipe, trainings
        self.begun, self.fewest = 0, recipe.steps  # trainings, and the steps that the shortest one had time for
        self._lessons: dict[CorrectedFrame, MaskedFrame] = {}

    def learn(self, frames: Sequence[CorrectedFrame]) -> Generator[Progress, None, Segmenter]:
        """Return a segmenter that has learned from frames."""
        recipe = self.recipe
        for frame in frames:
            if frame not in self._lessons:
                self._lessons[frame] = lesson(frame, self.segmenter)
                yield Progress(len(self._lessons), len(self._lessons), "looking at corrections")
        pieces = Pieces(
            [self._lessons[frame] for frame in frames], side=recipe.side, real=recipe.real, seed=recipe.seed
        )
        network = copy.deepcopy(self.segmenter.network)  # evaluating: no statistics move
        weights = [weight for part in learners(network, recipe.blocks) for weight in part.parameters()]
        for weight in weights:
            weight.requires_grad_(True)
        optimiser = torch.optim.AdamW(weights, lr=0.0, weight_decay=0.0)
        before, allowed = self.begun * recipe.steps, 60 * recipe.minutes / self.trainings
        self.begun += 1
        started = time.monotonic()
        for step in range(recipe.steps):
            fraction = max(step / recipe.steps, (time.monotonic() - started) / allowed)
            if fraction >= 1:
                self.fewest = min(self.fewest, step)
                break
            optimiser.param_groups[0]["lr"] = recipe.learning_rate * schedule(fraction, _WARMUP)
            _step(network, optimiser, pieces, range(step * recipe.batch, (step + 1) * recipe.batch))
            yield Progress(before + step + 1, self.trainings * recipe.steps, "fine-tuning")
        with torch.no_grad():
            for weight in weights:  # as they are stored: what is judged is what is saved
                weight.requires_grad_(False).copy_(weight.half())
        return replace(self.segmenter, network=network)


def _step(network: SkyrmionUNet, optimiser: torch.optim.Optimizer, pieces: Pieces, numbers: range) -> None:
    drawn = [pieces[number] for number in numbers]
    frames, kinds = (torch.stack(each) for each in zip(*drawn, strict=True))
    if not (kinds != UNSAID).any():  # all of them from beyond a region
        return
    place = next(network.parameters()).device
    loss = loss_of(network(frames.to(place, memory_format=torch.channels_last)), kinds.to(place))
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_([w for group in optimiser.param_groups for w in group["params"]], 2.0)
    optimiser.step()


def _card(
    segmenter: Segmenter,
    frames: Sequence[CorrectedFrame],
    recipe: Recipe,
    held_back: HeldBack,
) -> dict[str, Any]:
    """Return the card of the old network with what has been done to it; its test figures are the old one's."""
    card = {key: entry for key, entry in segmenter.card.items() if key != "test"}
    return card | {
        "version": f"{card['version']}+{len(frames)}",
        adapted.KEY: {
            "from": segmenter.model,
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "corrections": {
                "frames": len(frames),
                "files": len({frame.correction.file for frame in frames}),
                "skyrmions": sum(frame.correction.skyrmions for frame in frames),
            },
            "held back": held_back.record(),
            "recipe": asdict(recipe),
            "test of the old weights": segmenter.card.get("test"),
        },
    }
