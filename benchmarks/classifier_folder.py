"""Does a folder of pictures keep the network busy? Bar: 60 % of its bare throughput, in memory that does not grow.

``python benchmarks/classifier_folder.py [--count 1000]``: generated spin pictures of 512 x 512, as PNG files and as the
pages of one TIFF. Bare is the network alone, on as many views at once as a folder gives it; it is measured before and
after, so that a machine with other work shows. Only the ratios mean something there.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

SIDE = 512
BAR = 0.6
BARE_SECONDS = 5


def make(folder: Path, count: int) -> tuple[list[str], str]:
    """Write helices of all directions and periods; return the paths of the PNG files and of the stack."""
    import numpy as np
    import tifffile
    from PIL import Image

    from napari_magtex.imaging.cells import draw_cells
    from napari_magtex.texture import SpinTexture

    folder.mkdir()
    y, x = np.mgrid[:128, :128]
    paths = []
    with tifffile.TiffWriter(folder / "stack.tif", bigtiff=True) as stack:
        for number in range(count):
            rng = np.random.default_rng(number)
            angle = rng.uniform(0, 2 * np.pi)
            phase = (np.cos(angle) * x + np.sin(angle) * y) * 2 * np.pi / rng.uniform(6, 40)
            m = np.stack([np.sin(phase) * np.sin(angle), -np.sin(phase) * np.cos(angle), np.cos(phase)], axis=-1)
            pixels = (draw_cells(SpinTexture.from_layer(m), zoom=SIDE // 128).pixels * 255).astype(np.uint8)
            paths.append(str(folder / f"{number:05}.png"))
            Image.fromarray(pixels).save(paths[-1])
            stack.write(pixels, photometric="rgb", contiguous=False)
    return paths, str(folder / "stack.tif")


def bare(path: str) -> tuple[float, float]:
    """Return the views and the pictures that the network alone takes in a second."""
    import torch

    from napari_magtex.classify.predict import Classifier
    from napari_magtex.inputs import open_inputs

    classifier = Classifier.load()
    seen = classifier.look(open_inputs(path)[0].picture)
    each = len(seen.wholes) + len(seen.closes)
    at_once = 6 * each if classifier.device.type == "cpu" else 512
    views = torch.cat([seen.wholes, seen.closes]).repeat(at_once // each, 1, 1, 1).to(classifier.device)
    done, began = 0, 0.0
    with torch.inference_mode():
        classifier.network.features(views).sum().item()  # the first one is slow
        began = time.perf_counter()
        while time.perf_counter() - began < BARE_SECONDS:
            classifier.network.features(views).sum().item()  # the number is there only when the device is done
            done += len(views)
    rate = done / (time.perf_counter() - began)
    return rate, rate / each


def classified(paths: Sequence[str]) -> float:
    """Return the pictures that the command takes in a second, the network being loaded."""
    from napari_magtex.classify.predict import Classifier
    from napari_magtex.cli.analyse import classify_files

    classifier = Classifier.load()
    began = time.perf_counter()
    count = 0
    for _, outcome in classify_files(paths, None, [], classifier):
        if isinstance(outcome, Exception):
            raise outcome
        count += len(outcome)
    return count / (time.perf_counter() - began)


def in_a_process_of_its_own(paths: Sequence[str]) -> float:
    """Return `peak_memory` of a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as fresh:
        return fresh.apply(peak_memory, (paths,))


def peak_memory(paths: Sequence[str]) -> float:
    """Return the most memory in MB that this process had, after classifying; nan where the system does not tell."""
    classified(paths)
    status = Path("/proc/self/status")  # getrusage tells the most of the process that started this one, too
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmHWM:")), float("nan"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as name:
        few, (paths, stack) = make(Path(name) / "few", count // 4), make(Path(name) / "all", count)
        before = bare(paths[0])
        rates = {f"folder of {count} PNG": classified(paths), f"TIFF of {count} pages": classified([stack])}
        after = bare(paths[0])
        views, pictures = ((a + b) / 2 for a, b in zip(before, after, strict=True))
        print(f"network alone              {views:8.1f} views/s {pictures:8.2f} pictures/s of {SIDE} x {SIDE}")
        print(f"   before and after        {before[1]:8.2f} {after[1]:8.2f} pictures/s")
        for what, rate in rates.items():
            print(f"{what:<26} {rate:8.2f} pictures/s, {rate / pictures:.0%} of it (bar {BAR:.0%})")
        for what, some in (("folder", (few[0], paths)), ("TIFF", ([few[1]], [stack]))):
            quarter, whole = (in_a_process_of_its_own(part) for part in some)
            print(f"peak memory, {what:<13} {quarter:8.0f} MB for {count // 4}, {whole:.0f} MB for {count}", flush=True)


if __name__ == "__main__":
    main()
