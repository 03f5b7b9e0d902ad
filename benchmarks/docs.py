"""Put the figures that benchmarks wrote into the sections of the docs that they belong to.

    python benchmarks/docs.py FILE.json ...

A section stands between ``<!-- NAME -->`` and ``<!-- end of NAME -->``; each file says which benchmark it is of.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from tables import Figures

DOCS = Path(__file__).parents[1] / "docs"
SECTIONS = {  # the module that renders each, and the page that it stands on
    "classifier": ("classifier", "classifier.md"),
    "attention": ("classifier_attention", "classifier.md"),
    "real": ("classifier_real", "classifier.md"),
    "networks": ("classifier_networks", "classifier.md"),
    "estimators": ("estimator", "estimate.md"),
    "paper": ("estimator_paper", "estimate.md"),
    "bound": ("estimator_bound", "estimate.md"),
    "skml": ("estimator_skml", "estimate.md"),
    "lorentz": ("lorentz", "lorentz.md"),
    "segment": ("segment", "segment.md"),
}


def main() -> None:
    """Render every file given."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("files", nargs="+", type=Path, metavar="FILE")
    for path in options.parse_args().files:
        figures: Figures = json.loads(path.read_text(encoding="utf-8"))
        name = figures["benchmark"]
        module, page = SECTIONS[name]
        markdown: Callable[[Figures], str] = import_module(module).markdown
        text = (DOCS / page).read_text(encoding="utf-8")
        (DOCS / page).write_text(with_section(text, name, markdown(figures)), encoding="utf-8")


def with_section(text: str, name: str, content: str) -> str:
    """Return a page with what stands in a section replaced."""
    first, last = f"<!-- {name} -->", f"<!-- end of {name} -->"
    if text.count(first) != 1 or text.count(last) != 1 or text.index(first) > text.index(last):
        sys.exit(f"the page has no section {first} ... {last}")
    before, after = text[: text.index(first)], text[text.index(last) :]
    return f"{before}{first}\n\n{content}\n\n{after}"


if __name__ == "__main__":
    main()
