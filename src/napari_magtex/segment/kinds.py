"""What a pixel of a frame may show, how skyrmions look beside the film, and how they are found."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Kind(IntEnum):
    """What a pixel shows. A label image counts a skyrmion alone; of the others only what is drawn of them is told.

    Stripes that end in the frame ("worms") count as skyrmions, as in the masks of Labrie-Boulay et al.: both are
    domains of the minority, closed in themselves.
    """

    FILM = 0
    SKYRMION = 1
    DEFECT = 2  # dust, scratches, the bright and dark twins that a drift leaves of them
    OUTSIDE = 3  # no magnetic film: beside a device, and its edge


UNSAID = 255  # instead of a kind: nobody says what the pixel shows, so nothing is learned from it


class Polarity(StrEnum):
    """How skyrmions look beside the film."""

    AUTO = "auto"
    DARK = "dark"
    BRIGHT = "bright"

    @property
    def sign(self) -> int:
        """+1 where skyrmions are bright, -1 where they are dark."""
        return 1 if self is Polarity.BRIGHT else -1


class Method(StrEnum):
    """How skyrmions are found."""

    AUTO = "auto"  # by the network where its weights are here
    NETWORK = "network"
    THRESHOLD = "threshold"
