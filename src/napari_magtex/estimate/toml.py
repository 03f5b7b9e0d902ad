"""An experiment as the text of a TOML file, which `Experiment.from_toml` reads back as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_magtex.estimate.experiment import Experiment
from napari_magtex.files import told_if_unwritable, write_text


def save_toml(experiment: Experiment, path: Path) -> None:
    """Write an experiment to a file.

    Raises
    ------
    MagtexError
        It cannot be written.
    """
    with told_if_unwritable(path):
        write_text(path, to_toml(experiment))


def to_toml(experiment: Experiment) -> str:
    """Return the text of an experiment's file: every table, every key."""
    tables = experiment.to_dict()
    order = ("conditions", "film", "parameters", *tables)  # as docs/experiment.md has them
    return "\n".join(_table(title, tables[title]) for title in dict.fromkeys(order))


def _table(title: str, keys: Mapping[str, Any]) -> str:
    return "".join([f"[{title}]\n", *(f"{key} = {_value(value)}\n" for key, value in keys.items())])


def _value(value: Any) -> str:
    """Write a value: what is no inline table is the same in JSON."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_value(v)}" for key, v in value.items()) + "}"
    return json.dumps(value)
