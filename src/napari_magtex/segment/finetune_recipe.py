"""How a segmenter is fine-tuned: what a dock can ask before torch is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from napari_magtex.errors import BadExperiment


@dataclass(frozen=True)
class Recipe:
    """How to fine-tune.

    The head and the last ``blocks`` of the decoder learn. A training takes ``steps`` of ``batch`` pieces, each ``side``
    pixels square, a share ``real`` of them from corrections; there is one for each part held back, and one on all.
    Together they end after ``minutes`` if that comes first.
    """

    blocks: int = 2
    steps: int = 60
    batch: int = 8
    side: int = 128
    real: float = 0.8
    learning_rate: float = 1e-3
    minutes: float = 2.0
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.real <= 1 or min(self.blocks, self.steps, self.batch, self.minutes) <= 0:
            raise BadExperiment(
                f"{self.steps} steps of {self.batch} pieces, a share of {self.real:g} of them real, for "
                f"{self.blocks} blocks in {self.minutes:g} minutes: give one or more of each, and a share from 0 to 1"
            )
