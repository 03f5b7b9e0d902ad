"""Verdicts on files of other people's programs and microscopes: a list to read, of which nothing is learned or tuned.

    python benchmarks/classifier_real.py [--data FOLDER] [--weights FILE] [--json FILE]

FOLDER holds a ``manifest.csv`` that says what each file shows; default: what MAGTEX_REAL_DATA names, or ../shared/data.
Each file is judged twice, told its contrast and without.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tables import Figures, table, write

from napari_magtex.classify.predict import Classifier, raw_answers
from napari_magtex.errors import MagtexError
from napari_magtex.inputs import open_inputs
from napari_magtex.picture import Contrast
from napari_magtex.results import Verdict

CONTRASTS = {  # of what a modality begins with or holds; the first that fits
    "Lorentz TEM (TIE)": Contrast.WHEEL,
    "Lorentz": Contrast.LORENTZ,
    "LTEM": Contrast.LORENTZ,
    "MFM": Contrast.MFM,
    "Kerr": Contrast.KERR,
    "MOKE": Contrast.KERR,
    "XMCD": Contrast.KERR,
    "spin": Contrast.SPIN,
    "mumax3": Contrast.SPIN,
    "Spirit": Contrast.SPIN,
}
FOLDERS = ("kerr", "ltem", "other", "spinpng")

Row = dict[str, str]


def main() -> None:
    """Judge and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--weights", default="nine-states", help="a model by name or file")
    options.add_argument("--data", type=Path, default=Path(os.environ.get("MAGTEX_REAL_DATA", "../shared/data")))
    options.add_argument("--json", type=Path, metavar="FILE", help="write all verdicts, which docs.py reads")
    chosen = options.parse_args()
    manifest = chosen.data / "manifest.csv"
    if not manifest.is_file():
        print(f"skipped: there is no {manifest}; name the folder of real files by --data or MAGTEX_REAL_DATA")
        return
    classifier = Classifier.load(chosen.weights)
    files = [judged(row, chosen.data, classifier) for row in worth_reading(manifest)]
    figures = {"benchmark": "real", "model": classifier.model, "files": files}
    write(figures, chosen.json)
    print(f"{classifier.model} on {len(files)} files\n")
    head = ("file", "known as", "told", "verdict", "without", "verdict", "90 % set")
    print(table(head, [_cells(file) for file in figures["files"]]))


def worth_reading(manifest: Path) -> Iterator[Row]:
    """Return the rows of pictures of which it is said what they show: frames without a word are near-duplicates."""
    with manifest.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            mask = "mask" in row["modality"] or row["format"] in ("xlsx",)
            if row["file"].split("/")[0] in FOLDERS and row["proposed_label"] and not mask:
                yield row


def judged(row: Row, folder: Path, classifier: Classifier) -> Figures:
    """Return what is known of a file and how its first frame is judged, told its contrast and not."""
    contrast = next((c for words, c in CONTRASTS.items() if words in row["modality"]), None)
    about = {"file": row["file"], "known": row["proposed_label"], "modality": row["modality"]}
    try:
        picture = replace(open_inputs(folder / row["file"])[0].picture, contrast=None)
        ((_, raw),) = raw_answers([picture], classifier)
    except MagtexError as error:
        return about | {"error": str(error)}
    told = classifier.judge(replace(picture, contrast=contrast), raw) if contrast else None
    return about | {"told": told and _short(told), "auto": _short(classifier.judge(picture, raw))}


def _short(verdict: Verdict) -> Figures:
    return {
        "contrast": str(verdict.provenance.contrast),
        "verdict": verdict.verdict,
        "state": verdict.state,
        "probability": round(verdict.probability, 3),
        "set": list(verdict.set),
        "applicability": round(verdict.applicability, 3),
    }


def _cells(file: Figures) -> tuple[str, ...]:
    if "error" in file:
        return (file["file"], file["known"], "", f"not read: {file['error']}", "", "", "")
    told, auto = file["told"], file["auto"]
    return (file["file"], file["known"], told["contrast"] if told else "", _said(told), auto["contrast"], _said(auto),
            " ".join((told or auto)["set"]))  # fmt: skip


def _said(verdict: Figures | None) -> str:
    if verdict is None:
        return ""
    state = f"{verdict['state']} {verdict['probability']:.2f}"
    said = {"out_of_range": f"out of range ({state})", "no_contrast": "no contrast", "state": state}[verdict["verdict"]]
    return f"{said}; applicable {verdict['applicability']:.2f}"


def markdown(figures: Figures) -> str:
    """Return the files in groups of one folder and one kind, with what is said of them and how often."""
    groups: dict[tuple[str, str], list[Figures]] = {}
    for file in figures["files"]:
        folder = "/".join(file["file"].split("/")[:2])
        groups.setdefault((folder, file["known"]), []).append(file)
    rows = []
    for (folder, known), files in groups.items():
        name = files[0]["file"] if len(files) == 1 else f"{folder}: {len(files)} files"
        first = next((f for f in files if f.get("told")), files[0]).get("told") or {"contrast": ""}
        rows.append((name, known, first["contrast"], _counted(files, "told"), _counted(files, "auto")))
    told = table(("file", "known as", "contrast", "said, told the contrast", "said without"), rows)
    return f"{figures['model']}, {len(figures['files'])} files; the first frame of each.\n\n{told}"


def _counted(files: list[Figures], which: str) -> str:
    found = [file.get(which) for file in files]
    if not any(found):
        return "not read" if "error" in files[0] else ""
    if len(files) == 1 and found[0]:
        verdict = found[0]
        others = ", ".join(s for s in verdict["set"] if s != verdict["state"])
        return _said(verdict).split(";")[0] + (f", or {others}" if others else "")
    plain = [_plain(verdict) if verdict else "not read" for verdict in found]
    return ", ".join(f"{said} {n}" for said, n in Counter(plain).most_common())


def _plain(verdict: Figures) -> str:
    return verdict["state"] if verdict["verdict"] == "state" else verdict["verdict"].replace("_", " ")


if __name__ == "__main__":
    main()
