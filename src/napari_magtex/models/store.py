"""Weights and their card in one safetensors file: the card stands in the header, and beside shipped weights as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_magtex.errors import ModelUnavailable
from napari_magtex.files import replacing, write_text

if TYPE_CHECKING:
    import torch

CARD_KEY = "napari-magtex card"


@dataclass(frozen=True)
class StoredModel:
    """Tensors by name, in float32, and the card that says what they are."""

    tensors: dict[str, torch.Tensor]
    card: dict[str, Any]


def shipped() -> dict[str, Path]:
    """Return the weights inside the package, by name."""
    folder = Path(str(files("napari_magtex.models")))
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def locate(name: str | Path) -> Path:
    """Return the file of a shipped name or of a path.

    Raises
    ------
    ModelUnavailable
        Neither is there.
    """
    if (path := shipped().get(str(name))) is not None:
        return path
    path = Path(name)
    if path.is_file():
        return path
    known = ", ".join(shipped()) or "none"
    raise ModelUnavailable(f"no model {name}: shipped are {known}; anything else is the path of a .safetensors file")


def read_card(name: str | Path) -> dict[str, Any]:
    """Read the card alone, from the file's header: no tensor, and no torch."""
    path = locate(name)
    try:
        with path.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            if not 0 < size < 100_000_000:
                raise ValueError("the header's length makes no sense")
            header = json.loads(stream.read(size))
        card = json.loads(header["__metadata__"][CARD_KEY])
    except (KeyError, TypeError) as error:
        raise ModelUnavailable(f"{path.name} carries no card of napari-magtex: it was not written by it") from error
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"{path.name} is damaged or no safetensors file ({error}): install it anew") from error
    return card


def load(name: str | Path, *, kind: str) -> StoredModel:
    """Load weights of a kind (``classifier``, ``estimator``).

    Raises
    ------
    ModelUnavailable
        Missing, damaged, not ours, or of another kind.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = locate(name)
    card = read_card(path)
    if card.get("kind") != kind:
        raise ModelUnavailable(f"{path.name} is a model of the kind {card.get('kind')!r}, needed here is {kind!r}")
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelUnavailable(f"{path.name} is damaged ({error}): install it anew") from error
    return StoredModel({k: t.float() if t.dtype == torch.float16 else t for k, t in tensors.items()}, card)


def save(path: Path, tensors: Mapping[str, torch.Tensor], card: Mapping[str, Any]) -> None:
    """Save weights as float16, running statistics as they are, and the card in the header and beside.

    Written beside the target and renamed: a reader sees the old file or the whole new one. A JSON of the same name that
    lies there without weights is nobody's card: it stays, and the card stands in the header alone.
    """
    from safetensors.torch import save as serialised

    def stored(key: str, tensor: torch.Tensor) -> torch.Tensor:
        tensor = tensor.detach().cpu().contiguous()
        statistics = "running" in key or not tensor.is_floating_point()
        return tensor if statistics else tensor.half()

    text = json.dumps(card, indent=2, allow_nan=False)
    has_place = path.exists() or not taken(path)
    with replacing(path) as beside:
        beside.write_bytes(serialised({k: stored(k, t) for k, t in tensors.items()}, metadata={CARD_KEY: text}))
    if has_place:
        write_text(_card_beside(path), text + "\n")


def taken(path: Path) -> list[Path]:
    """Return which of the two files that a network is saved in are there already."""
    return [file for file in (path, _card_beside(path)) if file.exists()]


def _card_beside(path: Path) -> Path:
    return path.with_suffix(".json")
