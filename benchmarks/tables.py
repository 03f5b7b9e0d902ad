"""What the benchmarks share: Markdown tables, which are printed and stand in the docs, and JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

Figures = dict[str, Any]


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table with columns as wide as what is in them."""
    cells = [list(head), *([str(cell) for cell in row] for row in rows)]
    widths = [max(3, *(len(row[k]) for row in cells)) for k in range(len(head))]
    lines = ["| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)


def percent(share: float) -> str:
    """One decimal of a percentage."""
    return f"{100 * share:.1f} %"


def between(interval: Sequence[float]) -> str:
    """A 95 % interval in percent."""
    return f"{100 * interval[0]:.1f}-{100 * interval[1]:.1f}"


def parser(description: str | None, *, count: int, of: str) -> argparse.ArgumentParser:
    """Return the options that every benchmark of the classifier has."""
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--weights", default="nine-states", help="a model by name or file")
    options.add_argument("--count", type=int, default=count, help=of)
    options.add_argument("--library", type=Path, help="folder of simulations; default: the one in the cache")
    options.add_argument("--json", type=Path, metavar="FILE", help="write all figures, which docs.py reads")
    return options


def write(figures: Figures, path: Path | None) -> None:
    """Write figures beside the target, then rename."""
    if path is not None:
        beside = path.with_name(f".{path.name}.part")
        beside.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        beside.replace(path)
