"""Networks that learned from a person's corrections: saved beside the one that they started from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_magtex.errors import MagtexError, Unsuitable
from napari_magtex.files import told_if_unwritable
from napari_magtex.models import store

if TYPE_CHECKING:
    import torch

KEY = "adapted"  # in the card of such a network: from which one, to what, and what that did


def refuse(model: str, card: Mapping[str, Any]) -> None:
    """Let no network learn from corrections twice.

    Raises
    ------
    Unsuitable
        Its card says that it did.
    """
    if KEY in card:
        raise Unsuitable(
            f"{model} has learned from corrections already, so they could not judge it: choose the network "
            f"that it started from, {card[KEY]['from']}"
        )


def save(path: Path, tensors: Mapping[str, torch.Tensor], card: Mapping[str, Any]) -> None:
    """Write weights with their card under the name of the file; no network replaces another.

    Raises
    ------
    MagtexError
        There is such a file already, or one of its card's name, or it cannot be written there.
    """
    if there := store.taken(path):
        raise MagtexError(f"{there[0]} is there already, and no network replaces another file: choose another name")
    with told_if_unwritable(path):
        store.save(path, tensors, {**card, "name": path.stem})
