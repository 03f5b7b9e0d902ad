"""The engine beside Spirit and magnum.np, a GPU beside two cores, and a step beside its floor: ``make bench-physics``.

    python benchmarks/physics.py [--quick] [--tolerance 1e-4 1e-5] [--cap SECONDS] [--peer-python PYTHON]

Spirit and magnum.np come with ``pip install napari-magtex[oracles]``, or stand in another Python that has napari-magtex
too. Every program runs alone, on one core, from the same random spins to the same torque, |m x B| below the tolerance
times the stiffness, which our own model measures in double precision on the state that came out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from physics_problems import PROBLEMS, Problem
from physics_relaxing import magtex
from physics_step import BATCH, measure
from rich.box import MARKDOWN
from rich.console import Console
from rich.table import Table

SOLVERS = ("LBFGS_Atlas", "LBFGS_OSO", "VP", "VP_OSO")
LATTICES_BAR, FILMS_BAR, GPU_BAR = 5, 30, 50
MODELS: dict[str, dict[str, Any]] = {
    "film, periodic": {"kind": "film", "demag": True},
    "film, open": {"kind": "film", "demag": True, "periodic": False},
    "lattice": {"kind": "lattice"},
}

Run = dict[str, Any]
"""What `physics_relaxing` prints."""

console = Console(width=120, soft_wrap=True, markup=False, highlight=False)


def main() -> None:
    """Print every table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few systems, short caps: about a minute, and rough")
    parser.add_argument("--peer-python", default=sys.executable, help="the Python that has Spirit and magnum.np")
    help_ = "torques over stiffness (default: 1e-4, where textures look the same; 1e-5, where films have settled)"
    parser.add_argument("--tolerance", type=float, nargs="+", default=[1e-4, 1e-5], help=help_)
    parser.add_argument("--cap", type=float, help="seconds after which a relaxation is given up (60; quick: 5)")
    options = parser.parse_args()
    cap = options.cap or (5.0 if options.quick else 60.0)
    torch.set_num_threads(1)
    console.print(machine())
    for tolerance in options.tolerance:
        races(tolerance, cap, options.peer_python, options.quick)
    gpu(4 if options.quick else 16, options.tolerance[0])
    steps(options.quick)


def races(tolerance: float, cap: float, peer_python: str, quick: bool) -> None:
    """Print how fast every program relaxes lattices and films to one torque."""

    def ours(problem: str, count: int) -> Run:
        return relaxing(problem, "magtex", count, tolerance, cap)

    def peer(problem: str, program: str, count: int, longest: float = cap) -> Run:
        return relaxing(problem, program, count, tolerance, longest, peer_python)

    solvers = SOLVERS[:1] if quick else SOLVERS
    spirit = {f"Spirit, {name}": peer("lattices", name, 1 if quick else 4, min(cap, 20.0)) for name in solvers}
    title = "64 x 64 square lattices: J 1, D 0.5, K 0.02, B 0 to 0.18; energy a site"
    race(title, ours("lattices", 16 if quick else 64), spirit, tolerance, LATTICES_BAR)
    for edges in ("open", "periodic"):
        magnumnp = {"magnum.np, MinimizerBB": peer(f"{edges} films", "magnumnp", 1 if quick else 2)}
        title = f"128 x 128 FeGe films, {edges}, with stray field: cubes of 4 nm, 0.18 T; energy density in kJ/m^3"
        race(title, ours(f"{edges} films", 4 if quick else 8), magnumnp, tolerance, FILMS_BAR)


def machine() -> str:
    """Return what the figures were measured on."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        cpu = next((line.split(": ")[1] for line in info.read_text().splitlines() if "model name" in line), cpu)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no CUDA device"
    versions = f"{platform.system()}, Python {platform.python_version()}, torch {torch.__version__}"
    return f"{cpu}, {os.cpu_count()} cores, {gpu}; {versions}"


def relaxing(problem: str, program: str, count: int, tolerance: float, cap: float, python: str = sys.executable) -> Run:
    """Let a program relax in a process of its own, on one core."""
    script = Path(__file__).with_name("physics_relaxing.py")
    one_core = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [python, str(script), problem, program, str(count), str(tolerance), str(cap)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | one_core)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def race(title: str, ours: Run, peers: dict[str, Run], tolerance: float, bar: float) -> None:
    """Print every program's rate, and how many times faster ours is than the best."""
    columns = (
        "one process, one core",
        "states",
        "states / s",
        f"worst torque / {tolerance:g}",
        "mean energy",
        "ours is faster by",
    )
    table = tabulated(title, columns)
    ran = {name: peer for name, peer in peers.items() if "missing" not in peer}
    shared = min(len(run["seconds"]) for run in (ours, *ran.values()))
    table.add_row("napari-magtex", *figures(ours, tolerance, shared), "")
    for name, peer in ran.items():
        ratio = f"{rate(ours) / rate(peer):.1f}" + ("" if converged(peer, tolerance) else ", unfinished")
        table.add_row(name, *figures(peer, tolerance, shared), ratio)
    for name in peers.keys() - ran.keys():
        table.add_row(name, "not installed: pip install napari-magtex[oracles]")
    show(table)
    if ran:
        finished = [peer for peer in ran.values() if converged(peer, tolerance)]
        ratio = rate(ours) / max(rate(peer) for peer in finished or ran.values())
        versions = "; ".join(sorted({peer["version"] for peer in ran.values()}))
        console.print(
            f"ratio {'' if finished else 'above '}{ratio:.1f}, bar {bar}; {ours['version']} in float32, {versions}"
        )


def figures(run: Run, tolerance: float, shared: int) -> tuple[str, ...]:
    """Return a run's cells of the table; the energy is that of the systems that every program relaxed."""
    worst, energy = max(run["torque"]) / tolerance, np.mean(run["energy"][:shared])
    return str(len(run["seconds"])), f"{rate(run):.3g}", f"{worst:.3g}", f"{energy:.5g}"


def rate(run: Run) -> float:
    """Return states a second."""
    return len(run["seconds"]) / sum(run["seconds"])


def converged(run: Run, tolerance: float) -> bool:
    """Say whether every torque is met, but for the factor by which the programs' own criteria differ."""
    return max(run["torque"]) < 2 * tolerance


def gpu(count: int, tolerance: float) -> None:
    """Race a GPU with two cores on periodic films, ``count`` to a core and four times as many to the GPU."""
    console.print()
    if not torch.cuda.is_available():
        console.print("GPU against two cores: no CUDA device here")
        return
    with ThreadPoolExecutor() as pool:
        work = [pool.submit(relaxing, "periodic films", "magtex", count, tolerance, 0.0) for _ in range(2)]
    on_cores = sum(rate(one.result()) for one in work)
    on_gpu = 4 * count / sum(seconds for seconds, _ in magtex(PROBLEMS["periodic films"], 4 * count, tolerance, "cuda"))
    console.print(
        f"periodic 128 x 128 films: {on_gpu:.3g} / s on one {torch.cuda.get_device_name()} ({4 * count} together), "
        f"{on_cores:.3g} / s on two cores; ratio {on_gpu / on_cores:.1f}, bar {GPU_BAR}"
    )


def steps(quick: bool) -> None:
    """Print the time of a step beside its floor."""
    columns = ("a step of FIRE (ms)", "batch", "field", "step", "FFTs", "moving", "step / (FFTs + moving)", "steps / s")
    table = tabulated("one thread, float32; steps a second count every system of the batch", columns)
    for name, model in MODELS.items():
        for size, batch in BATCH.items():
            found = measure(Problem(size=size, together=batch, **model), batch=batch, quick=quick)
            times = (f"{1e3 * t:.3g}" for t in (found.field, found.step, found.transforms, found.moving))
            table.add_row(name, f"{batch} x {size}^2", *times, f"{found.distance:.2f}", f"{batch / found.step:.0f}")
    show(table)
    console.print(
        "moving: read m and v, write m, v and the field, at the bandwidth of a copy of as many bytes as m has.\n"
        "FFTs: those of the stray field, forth and back, without an open film's rows of zeros."
    )


def tabulated(title: str, columns: tuple[str, ...]) -> Table:
    """Return an empty table in Markdown; numbers stand to the right."""
    table = Table(title=title, box=MARKDOWN, title_justify="left", title_style="")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
    return table


def show(table: Table) -> None:
    """Print a table."""
    console.print()
    console.print(table)


if __name__ == "__main__":
    main()
