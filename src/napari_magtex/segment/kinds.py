"""What a pixel of a frame may show."""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """What a pixel shows. A label image counts a skyrmion alone; of the others only what is drawn of them is told.

    Stripes that end in the frame ("worms") count as skyrmions, as in the masks of Labrie-Boulay et al.: both are
    domains of the minority, closed in themselves.
    """

    FILM = 0
    SKYRMION = 1
    DEFECT = 2  # dust, scratches, the bright and dark twins that a drift leaves of them
    OUTSIDE = 3  # no magnetic film: beside a device, and its edge
