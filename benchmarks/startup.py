"""Does napari's start feel the plugin? Bar: under 50 ms more. Prints medians, differences and ratios.

Every start is a process of its own; starts with and without the plugin take turns, so that a busy machine slows both.
"""

from __future__ import annotations

import statistics
import subprocess
import sys

ROUNDS = 7
BAR_MS = 50

HIDE = """
import importlib.metadata as metadata
every = metadata.distributions
metadata.distributions = lambda **kw: (d for d in every(**kw) if d.metadata["Name"] != "napari-magtex")
"""
WINDOW = """
import time
began = time.perf_counter()
import napari
viewer = napari.Viewer(show=False)
took = time.perf_counter() - began
from npe2 import PluginManager
print(took, "napari-magtex" in PluginManager.instance())
"""
MANIFEST = """
import time
from npe2 import PluginManifest
began = time.perf_counter()
PluginManifest.from_distribution("napari-magtex")
print(time.perf_counter() - began)
"""
IMPORT = """
import time, numpy
began = time.perf_counter()
import {module}
print(time.perf_counter() - began)
"""


def run(program: str) -> list[str]:
    """Run a program in a fresh Python; return the words of its last line."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1].split()


def milliseconds(program: str, rounds: int = ROUNDS) -> float:
    """Return the median of the seconds that a program prints, in ms."""
    return 1e3 * statistics.median(float(run(program)[0]) for _ in range(rounds))


def windows() -> tuple[float, float]:
    """Return the median time to a window without and with the plugin, in ms."""
    times: dict[str, list[float]] = {"False": [], "True": []}
    for _ in range(ROUNDS):
        for program, present in ((HIDE + WINDOW, "False"), (WINDOW, "True")):
            seconds, there = run(program)
            assert there == present, f"the plugin should be there: {present}, but is: {there}"
            times[there].append(float(seconds))
    without, with_plugin = (1e3 * statistics.median(values) for values in times.values())
    return without, with_plugin


def main() -> None:
    run(WINDOW)  # the first start reads napari from disk
    without, with_plugin = windows()
    more = with_plugin - without
    say("napari's window, without the plugin", without)
    say("napari's window, with it", with_plugin, f"ratio {with_plugin / without:.3f}, {more:+.0f} ms, bar +{BAR_MS} ms")
    say("reading the manifest", milliseconds(MANIFEST))
    say("import napari_magtex.contributions", milliseconds(IMPORT.format(module="napari_magtex.contributions")))
    say("import torch and timm, in a thread when a dock opens", milliseconds(IMPORT.format(module="torch, timm"), 3))


def say(what: str, ms: float, remark: str = "") -> None:
    print(f"{what:55} {ms:8.1f} ms  {remark}".rstrip())


if __name__ == "__main__":
    main()
