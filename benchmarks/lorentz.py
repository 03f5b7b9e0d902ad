"""Lorentz TEM there and back: is it right, how much noise does it bear, how long does it take?

    python benchmarks/lorentz.py [--only right noise speed] [--json FILE]

``right``: phases against closed forms, frames against mag2exp's stored ones, the induction after a round trip without
noise. ``noise``: the same with 200 electrons a pixel, the transport of intensity with the cutoff and order that suit
the truth best, beside least squares, which knows nothing of the truth. ``speed``: on two threads, right where nothing
else runs. Films are FeGe in 0.18 T, 4 nm cells, 50 nm thick; 200 kV.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tables import Figures, percent, table, write

from napari_magtex.compute import drain, keep_freed_memory
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.simulate import simulate_state
from napari_magtex.imaging.lorentz import fresnel, wave_of
from napari_magtex.imaging.optics import Optics
from napari_magtex.imaging.phase import electron_phase, induction_of
from napari_magtex.imaging.phase_fit import fit_phase
from napari_magtex.imaging.through_focus import ThroughFocus
from napari_magtex.imaging.tie import transport_phase
from napari_magtex.io.ovf import open_ovf
from napari_magtex.texture import SpinTexture

Phase = NDArray[np.float64]

THREADS = 2
PIXEL, THICK, MS = (4e-9, 4e-9), 50e-9, 384e3
BORDER = 32  # pixels: two periods, left out where a series is cut off at its rim
DOSE = 200
SERIES = {"0.1 mm": (-1e-4, 0.0, 1e-4), "0.2 mm": (-2e-4, 0.0, 2e-4), "0.4 mm": (-4e-4, 0.0, 4e-4),
          "0.8 mm": (-8e-4, 0.0, 8e-4)}  # fmt: skip
ORACLE = Path(__file__).parents[1] / "tests" / "imaging" / "oracles" / "mag2exp.json"
FEGE = {
    "conditions": {"field_T": 0.18, "temperature_K": 0},
    "film": {"thickness_nm": 4.0, "cell_nm": [4, 4], "shape": [256, 256], "dmi": "bulk"},
    "parameters": {"A_pJ_per_m": 8.78, "D_mJ_per_m2": 1.58, "Ms_MA_per_m": 0.384},
    "start": {"kind": "random", "seed": 3},
}


def main() -> None:
    """Print the tables asked for."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS), metavar="PART")
    options.add_argument("--json", type=Path, metavar="FILE", help="figures; parts that are not asked for are kept")
    chosen = options.parse_args()
    figures: Figures = {"benchmark": "lorentz"}
    if chosen.json and chosen.json.is_file():
        figures |= json.loads(chosen.json.read_text(encoding="utf-8"))
    for name in chosen.only:
        figures[name] = list(PARTS[name]())
        write(figures, chosen.json)
    print(markdown(figures))


# ---- is it right?


def right() -> Iterator[Figures]:
    """Phases, frames, and round trips without noise."""
    yield {"what": "phase of a stripe against its integral", "error": _stripe(), "bar": 0.005}
    yield {"what": "phase of a magnetised disc, alone, against its closed form", "error": _disc(), "bar": 0.01}
    yield {"what": "frames against mag2exp 0.64, same phase, largest difference", "error": _frames(), "bar": 1e-3}
    for what, phase in films().items():
        for rim, periodic in (("periodic", True), ("cut off at the rim", False)):
            for how, defoci in (
                ("TIE, three frames at 0.1 mm", SERIES["0.1 mm"]),
                ("TIE, two frames at 0.05 mm", (-5e-5, 5e-5)),
                ("SITIE, one frame at 0.05 mm", (5e-5,)),
            ):
                found = drain(transport_phase(_series(phase, defoci, periodic=periodic)))
                yield {"what": f"{what}, {rim}: {how}", "error": wrong(found, phase), "bar": None}
            fitted = drain(fit_phase(_series(phase, SERIES["0.1 mm"], periodic=periodic)))
            yield {"what": f"{what}, {rim}: least squares, 0.1 mm", "error": wrong(fitted.phase, phase), "bar": None}


def _stripe() -> float:
    from scipy.constants import e, hbar, mu_0

    n, periods = 128, 2
    x = (np.arange(n) + 0.5) * PIXEL[1]
    q = 2 * math.pi * periods / (n * PIXEL[1])
    m = np.zeros((n, n, 3))
    m[..., 1], m[..., 2] = np.sin(q * x), np.cos(q * x)
    expected = np.broadcast_to(-(e / hbar) * mu_0 * MS * THICK * np.cos(q * x) / q, (n, n))
    return _relative(electron_phase(SpinTexture.from_layer(m, cell=(THICK, *PIXEL), saturation=MS)), expected)


def _disc() -> float:
    from scipy.constants import e, hbar, mu_0

    n, radius = 256, 60 * PIXEL[1]
    row, column = np.mgrid[:n, :n]
    x, y = (column - (n - 1) / 2) * PIXEL[1], ((n - 1) / 2 - row) * PIXEL[0]
    r = np.hypot(x, y)
    m = np.zeros((n, n, 3))
    m[r <= radius, 0] = 1
    outside = (radius / np.maximum(r, PIXEL[0])) ** 2
    expected = -(e / hbar) * mu_0 * MS * THICK * y / 2 * np.where(r <= radius, 1, outside)
    texture = SpinTexture.from_layer(m, cell=(THICK, *PIXEL), saturation=MS)
    return _relative(electron_phase(texture, periodic=False), expected)


def _frames() -> float:
    stored = json.loads(ORACLE.read_text(encoding="utf-8"))
    phase = torch.tensor(stored["phase"], dtype=torch.float64)[None]
    differences = []
    for frame in stored["frames"]:
        told = dict(frame["optics"])
        ours = fresnel(phase, tuple(stored["cell"][1:]), Optics(told.pop("df_length"), **told))[0].numpy()
        differences.append(float(np.abs(ours - np.array(frame["intensity"])).max()))
    return max(differences)


# ---- how much noise does it bear?


def noise() -> Iterator[Figures]:
    """The best transport of intensity, and least squares, on the same frames."""
    for what, phase in films().items():
        for name, defoci in SERIES.items():
            series = _series(phase, defoci, dose=DOSE, periodic=True)
            tie = min(
                wrong(drain(transport_phase(series, cutoff=cutoff, order=order)), phase)
                for cutoff in np.geomspace(60e-9, 4e-6, 25)
                for order in (1, 2)
            )
            fitted = wrong(drain(fit_phase(series)).phase, phase)
            yield {"what": what, "defocus": name, "tie": tie, "fit": fitted}


# ---- how long does it take?


def speed() -> Iterator[Figures]:
    """Seconds of the whole, and ratios to what cannot be done without: the Fourier transforms."""
    torch.set_num_threads(THREADS)
    keep_freed_memory()  # the transforms gain twofold by it, which is the harder to keep up with
    rng = np.random.default_rng(0)
    large = torch.from_numpy(rng.normal(size=(1, 2048, 2048)))
    optics = Optics(1e-4)
    yield {"what": "frame of 2048 x 2048", "seconds": _fastest(lambda: fresnel(large, PIXEL, optics)), "bar": 1.5}
    frames = [rng.poisson(200.0, (2048, 2048)).astype(np.float32) for _ in range(3)]
    series = ThroughFocus(frames, SERIES["0.1 mm"], PIXEL, 200e3)
    yield {"what": "TIE of three such frames", "seconds": _fastest(lambda: drain(transport_phase(series))), "bar": 3.0}
    small = torch.from_numpy(rng.normal(size=(64, 256, 256))).float()
    wave = wave_of(small)
    floor = _fastest(lambda: torch.fft.ifft2(torch.fft.fft2(wave)), 15)
    batch = _fastest(lambda: fresnel(small, PIXEL, optics), 15)
    yield {"what": "64 frames of 256 x 256, over their two transforms alone", "ratio": batch / floor, "bar": 2.0}
    medium = films()["labyrinth"]
    fit = _series(medium, SERIES["0.4 mm"], dose=DOSE, periodic=True)
    yield {"what": "least squares, three frames of 256 x 256", "seconds": _fastest(lambda: drain(fit_phase(fit)), 1)}


def _fastest(work: Callable[[], Any], repeats: int = 3) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


# ---- films, series, errors


def films() -> dict[str, Phase]:
    """Return the phases of a skyrmion lattice and of a labyrinth, simulated once."""
    if not _FILMS:
        with resources.as_file(resources.files("napari_magtex") / "sample_data" / "chiral_skyrmions.ovf") as path:
            skyrmions = open_ovf(path)[0].texture()
        for name, m in (("skyrmions", skyrmions.m), ("labyrinth", simulate_state(Experiment.from_dict(FEGE)).m)):
            _FILMS[name] = electron_phase(SpinTexture(m, cell=(THICK, *PIXEL), saturation=MS))
    return _FILMS


_FILMS: dict[str, Phase] = {}


def _series(phase: Phase, defoci: tuple[float, ...], *, periodic: bool, dose: int | None = None) -> ThroughFocus:
    rng = np.random.default_rng(1)
    wave = torch.from_numpy(phase)[None]
    frames = [fresnel(wave, PIXEL, Optics(df))[0].numpy() for df in defoci]
    if dose is not None:
        frames = [rng.poisson(frame * dose).astype(float) for frame in frames]
    return ThroughFocus(frames, defoci, PIXEL, 200e3, periodic=periodic)


def wrong(found: Phase, phase: Phase) -> float:
    """Return the relative L2 error of the induction away from the border."""
    inside = (slice(None), slice(BORDER, -BORDER), slice(BORDER, -BORDER))
    return _relative(induction_of(found, PIXEL)[inside], induction_of(phase, PIXEL)[inside])


def _relative(found: Phase, true: Phase) -> float:
    return float(np.linalg.norm(found - true) / np.linalg.norm(true))


# ---- tables


def markdown(figures: Figures) -> str:
    """Return a table for each part that is there."""
    parts = []
    if "right" in figures:
        rows = [(r["what"], _error(r["error"]), "" if r["bar"] is None else _error(r["bar"])) for r in figures["right"]]
        parts.append(table(("without noise", "relative error", "asked"), rows))
    if "noise" in figures:
        head = (f"{DOSE} electrons a pixel", "defocus", "best TIE", "least squares", "ratio")
        cells = [(percent(r["tie"]), percent(r["fit"]), f"{r['fit'] / r['tie']:.2f}") for r in figures["noise"]]
        rows = [(r["what"], f"± {r['defocus']}", *c) for r, c in zip(figures["noise"], cells, strict=True)]
        parts.append(table(head, rows))
    if "speed" in figures:
        took = [f"{r['seconds']:.2f} s" if "seconds" in r else f"{r['ratio']:.2f}" for r in figures["speed"]]
        rows = [(r["what"], t, f"{r.get('bar', '')}") for r, t in zip(figures["speed"], took, strict=True)]
        parts.append(table((f"{THREADS} threads", "took", "asked at most"), rows))
    return "\n\n".join(parts)


def _error(value: float) -> str:
    return f"{100 * value:.2g} %" if value > 1e-5 else f"{value:.0e}"


PARTS: dict[str, Callable[[], Iterator[Figures]]] = {"right": right, "noise": noise, "speed": speed}


if __name__ == "__main__":
    main()
