"""What the network learns from: pieces of real frames and simulated ones, drawn anew for every step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import label
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from napari_magtex.segment.augment import disturbed, piece
from napari_magtex.segment.frames import MaskedFrame
from napari_magtex.segment.kinds import Kind
from napari_magtex.segment.normalise import bent, straight
from napari_magtex.segment.simulated import simulated_frame
from napari_magtex.states.library import Simulation

_LEAST = 6  # pixels of a region that tells how large skyrmions are
_EMPTY_SIZE = 15.0  # pixels: what a frame without skyrmions is taken for
# A piece is measured by itself, but a frame as a whole: where most of it is quiet ground, its film has another scale.
_GAIN = (0.6, 1.8)
_OFFSET = 0.6  # of the spread


@dataclass(frozen=True)
class Batch:
    """Normalised pieces (n, 1, side, side), and the kinds of their pixels (n, side, side)."""

    frames: Tensor
    kinds: Tensor


class Pieces(Dataset[tuple[Tensor, Tensor]]):
    """Piece number i, the same whenever it is asked for; every sample as often as any other.

    Parameters
    ----------
    frames
        Real ones of the samples to learn from; without any, all pieces are simulated.
    real
        Share of the pieces that are real.
    textures, relaxed
        Skyrmions that the engine relaxed, and the share of the simulated pieces that shows them.
    """

    def __init__(
        self,
        frames: Sequence[MaskedFrame],
        *,
        side: int,
        real: float,
        seed: int,
        textures: Sequence[Simulation] = (),
        relaxed: float = 0.0,
    ) -> None:
        self.side, self.seed = side, seed
        self.textures, self.relaxed = textures, relaxed if textures else 0.0
        self.real = real if frames else 0.0
        self.samples = [
            [(frame, skyrmion_size(frame)) for frame in frames if frame.sample == sample]
            for sample in dict.fromkeys(frame.sample for frame in frames)
        ]

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Draw a piece; any number is one."""
        rng = np.random.default_rng([self.seed, index])
        if rng.random() < self.real:
            sample = self.samples[rng.integers(len(self.samples))]
            frame, size = sample[rng.integers(len(sample))]
            grey, kinds, size = piece(frame.grey, frame.kinds, size, rng, self.side)
            grey, kinds = disturbed(grey, kinds, size, rng)
        else:
            texture = self.textures[int(rng.integers(len(self.textures)))] if rng.random() < self.relaxed else None
            simulated = simulated_frame(rng, (self.side, self.side), texture=texture)
            grey, kinds = simulated.grey, simulated.kinds
        values = straight(grey) * np.float32(np.exp(rng.uniform(*np.log(_GAIN)))) + np.float32(rng.normal() * _OFFSET)
        return torch.from_numpy(bent(values))[None], torch.from_numpy(kinds.astype(np.int64))


def batches(pieces: Pieces, start: int, stop: int, *, batch: int, workers: int) -> Iterator[Batch]:
    """Draw pieces number ``start`` to ``stop`` in order, ``batch`` at once."""
    loader = DataLoader(
        Subset(pieces, range(start, stop)),
        batch,
        num_workers=workers,
        drop_last=True,
        prefetch_factor=4 if workers else None,
    )
    for frames, kinds in loader:
        yield Batch(frames, kinds)


def skyrmion_size(frame: MaskedFrame) -> float:
    """Return how many pixels the skyrmions of a masked frame have across: the diameter of the median area."""
    regions, _ = label(frame.kinds == Kind.SKYRMION)
    areas = np.bincount(regions.ravel())[1:]
    areas = areas[areas >= _LEAST]
    return float(2 * np.sqrt(np.median(areas) / np.pi)) if len(areas) else _EMPTY_SIZE
