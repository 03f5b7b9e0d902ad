"""What can go wrong, in words for the user: what happened, with the numbers, and the way out."""

from collections.abc import Sequence


class MagtexError(Exception):
    """Base of every error that a user may meet; its message is shown as it stands, without a traceback."""


class UnreadableFile(MagtexError):
    """A file is missing, cut short, damaged, or not what its name says."""


class UnusablePicture(MagtexError):
    """A picture holds nothing to analyse: too small, not finite, one colour, or of a wrong shape."""


class UncalibratedPicture(MagtexError):
    """The pixel size is unknown, so no length can be measured."""


class BadRegion(MagtexError):
    """A region of interest lies outside the picture, or has no area."""


class Unsuitable(MagtexError):
    """A method does not apply to this input: another contrast, too few cells, an atomic lattice."""


class BadExperiment(MagtexError):
    """The description of an experiment is incomplete or makes no sense."""


class ModelUnavailable(MagtexError):
    """Weights or their card are missing, damaged, or made for something else."""


def in_brief(refused: Sequence[str]) -> str:
    """Say in a line why frames could not be used: of the first three, and how many more there are."""
    more = f"; and {len(refused) - 3} more" if len(refused) > 3 else ""
    return "; ".join(refused[:3]) + more
