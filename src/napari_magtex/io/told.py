"""What our own pictures say of themselves, as JSON in a PNG's text chunk or a TIFF's description."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from napari_magtex.io.lengths import positive
from napari_magtex.picture import Contrast, Picture

OUR_KEY = "magtex"


def tell(picture: Picture) -> dict[str, Any]:
    """Return contrast, pixel size in metres and meta of a picture, ready for JSON."""
    told: dict[str, Any] = {"meta": dict(picture.meta)}
    if picture.contrast is not None:
        told["contrast"] = str(picture.contrast)
    if picture.pixel_size is not None:
        told["pixel_size_m"] = list(picture.pixel_size)
    return told


def heard(told: object) -> tuple[tuple[float, float] | None, Contrast | None, dict[str, Any]]:
    """Return pixel size, contrast and meta of what `tell` said, whatever stands in the file now."""
    if not isinstance(told, Mapping):
        return None, None, {}
    sizes, contrast, meta = (told.get(key) for key in ("pixel_size_m", "contrast", "meta"))
    size = None
    if isinstance(sizes, list) and len(sizes) == 2:
        dy, dx = (positive(value) for value in sizes)
        size = None if dy is None or dx is None else (dy, dx)
    known = Contrast(contrast) if isinstance(contrast, str) and contrast in set(Contrast) else None
    return size, known, dict(meta) if isinstance(meta, Mapping) else {}


def json_of(text: object) -> Any:
    """Return the value that a text holds as JSON; None where it holds none."""
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
