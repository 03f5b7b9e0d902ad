"""`magtex info` and `magtex models`: what a file holds, and which networks are here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import typer

from napari_magtex.cli.console import Report, answer_each, show
from napari_magtex.cli.options import Paths
from napari_magtex.errors import MagtexError


def info(paths: Paths) -> None:
    """Tell what files hold: frames, size, pixel size, contrast, how they were taken."""
    from napari_magtex.inputs import open_inputs
    from napari_magtex.io.acquisition import in_words

    def answer(path: str, report: Report) -> list[list[str]]:
        rows = []
        for found in open_inputs(path):
            picture, texture = found.picture, found.texture
            size = times(f"{d * 1e9:.4g}" for d in picture.pixel_size[::-1]) if picture.pixel_size else "unknown"
            cells = times(texture.shape[::-1]) if texture else ""
            contrast = str(picture.contrast or "not told")
            taken = in_words(picture.meta)
            rows.append([path, str(picture.frame), times(picture.shape[::-1]), size, contrast, cells, taken])
        return rows

    rows, code = answer_each(paths, answer)
    columns = ("file", "frame", "pixels (x, y)", "pixel size (nm)", "contrast", "cells (x, y, z)", "acquisition")
    show(columns, rows)
    if code:
        raise typer.Exit(code)


def trained_for(card: Mapping[str, Any]) -> str:
    """Say what pictures a network is for: an estimator's contrast, field and ranges."""
    if card["kind"] == "segmenter":
        return "Kerr and MFM frames, skyrmions one by one"
    experiment = card.get("experiment")
    if experiment is None:
        return "spin pictures, induction maps, Lorentz, Kerr and MFM frames, nine states"
    ranges = ", ".join(f"{key} {_range(value)}" for key, value in experiment["parameters"].items())
    return f"{card['contrast']} pictures at {experiment['conditions']['field_T']} T; {ranges}"


def _range(value: Any) -> str:
    return f"{value['low']:g} to {value['high']:g}" if isinstance(value, Mapping) and "low" in value else str(value)


def times(counts: Iterable[object]) -> str:
    """Write lengths of axes, x first."""
    return " x ".join(map(str, counts))


def models() -> None:
    """List the shipped networks with what their cards say."""
    from napari_magtex.models.store import read_card, shipped

    failed = False
    rows = []
    for name, path in shipped().items():
        try:
            card = read_card(path)
        except MagtexError as error:
            typer.echo(f"{name}: {error}", err=True)
            failed = True
            continue
        rows.append([name, str(card["kind"]), str(card.get("version", "")), trained_for(card)])
    show(("name", "kind", "version", "trained for"), rows)
    if failed:
        raise typer.Exit(1)
