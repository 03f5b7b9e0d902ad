"""Put the figures that the classifier's benchmarks wrote into the sections of docs/classifier.md that they belong to.

    python benchmarks/classifier_docs.py FILE.json ... [--page docs/classifier.md]

A section stands between ``<!-- NAME -->`` and ``<!-- end of NAME -->``; each file says which benchmark it is of.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from classifier_tables import Figures

PAGE = Path(__file__).parents[1] / "docs" / "classifier.md"
MODULES = {
    "classifier": "classifier",
    "attention": "classifier_attention",
    "real": "classifier_real",
    "networks": "classifier_networks",
}


def main() -> None:
    """Render every file given."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("files", nargs="+", type=Path, metavar="FILE")
    options.add_argument("--page", type=Path, default=PAGE)
    chosen = options.parse_args()
    text = chosen.page.read_text(encoding="utf-8")
    for path in chosen.files:
        figures: Figures = json.loads(path.read_text(encoding="utf-8"))
        name = figures["benchmark"]
        markdown: Callable[[Figures], str] = import_module(MODULES[name]).markdown
        text = with_section(text, name, markdown(figures))
    chosen.page.write_text(text, encoding="utf-8")


def with_section(text: str, name: str, content: str) -> str:
    """Return a page with what stands in a section replaced."""
    first, last = f"<!-- {name} -->", f"<!-- end of {name} -->"
    if text.count(first) != 1 or text.count(last) != 1 or text.index(first) > text.index(last):
        sys.exit(f"the page has no section {first} ... {last}")
    before, after = text[: text.index(first)], text[text.index(last) :]
    return f"{before}{first}\n\n{content}\n\n{after}"


if __name__ == "__main__":
    main()
