"""One program relaxes some systems on one core: `physics.py` runs it in a process of its own.

``python benchmarks/physics_relaxing.py PROBLEM PROGRAM COUNT TOLERANCE CAP``: a problem of `physics_problems`;
``magtex``, ``magnumnp`` or a solver of Spirit; the torque to reach; the seconds after which a system is given up. The
last line of stdout is JSON: the version and, for each system, the seconds of computing (no start-up, no compiling), and
the torque and the energy that our own model finds in what came out.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import torch
from physics_problems import FEGE, FEGE_CELL, LATTICE, LATTICE_FIELDS, PROBLEMS, Problem
from torch import Tensor

State = tuple[float, Tensor]
"""The seconds that a system took, and its spins (3, ny, nx)."""


def main(problem: Problem, program: str, count: int, tolerance: float, cap: float) -> dict[str, Any]:
    """Return what is printed."""
    torch.set_num_threads(1)
    if program == "magtex":
        from napari_magtex import __version__

        version, states = f"napari-magtex {__version__}", magtex(problem, count, tolerance)
    elif program == "magnumnp":
        from oracles.magnumnp_film import VERSION

        version, states = VERSION, magnumnp(problem, count, tolerance, cap)
    else:
        from oracles.spirit_system import VERSION

        version, states = VERSION, spirit(problem, program, count, tolerance, cap)
    found: dict[str, Any] = {"version": version, "seconds": [], "torque": [], "energy": []}
    for index, (seconds, m) in enumerate(states):
        found["seconds"].append(seconds)
        found["torque"].append(problem.torque(index, m))
        found["energy"].append(problem.energy(index, m))
    return found


def magtex(problem: Problem, count: int, tolerance: float, device: str = "cpu") -> Iterator[State]:
    """Relax in batches; a system's seconds are its share."""
    from napari_magtex.physics.relax import relax

    start, model = problem.start(count).to(device), problem.model(count, device=device)
    relax(model, start, tolerance=tolerance, max_steps=3)  # the first steps warm up caches and FFT plans
    together = problem.together if device == "cpu" else count
    for first in range(0, count, together):
        batch = torch.arange(first, min(first + together, count), device=device)
        began = time.perf_counter()
        relaxed = relax(model.select(batch), start[batch], tolerance=tolerance, max_steps=20_000)
        if device != "cpu":
            torch.cuda.synchronize()
        seconds = (time.perf_counter() - began) / len(batch)
        yield from ((seconds, m) for m in relaxed.m.cpu())


def spirit(problem: Problem, solver: str, count: int, tolerance: float, cap: float) -> Iterator[State]:
    """Relax one by one until our own measure of the torque, taken off the clock, is met; or the time is up."""
    from oracles.spirit_system import SpiritSystem

    systems = {}
    for index, m in enumerate(problem.start(count)):
        B = LATTICE_FIELDS[index % len(LATTICE_FIELDS)]
        if B not in systems:  # Spirit keeps a system until the process ends
            J, D, K = ([LATTICE["J"]], [LATTICE["D"]], LATTICE["K"])
            systems[B] = SpiritSystem((problem.size, problem.size), J, D, K, (0.0, 0.0, B))
        system = systems[B]
        system.spins = m.double().numpy()
        for seconds in system.relaxing(solver):
            m = torch.as_tensor(system.spins)
            if seconds > cap or problem.torque(index, m) < tolerance:
                break
        yield seconds, m


def magnumnp(problem: Problem, count: int, tolerance: float, cap: float) -> Iterator[State]:
    """Relax one by one until no component of m x (m x B) exceeds the tolerance, or the time is up.

    Of a periodic film it sums two images a side: the field differs by less than the tolerance.
    """
    from oracles.magnumnp_film import MagnumnpFilm

    torque = tolerance * float(problem.model(1).stiffness)
    film = MagnumnpFilm((problem.size, problem.size), FEGE_CELL, **FEGE, periodic=problem.periodic, images=2, p=20)
    for m in problem.start(count):
        film.m = m.double().numpy()
        film.fields()  # compiles
        seconds = film.minimise(torque, cap)
        yield seconds, torch.as_tensor(film.m)


if __name__ == "__main__":
    name, program, count, tolerance, cap = sys.argv[1:]
    try:
        found = main(PROBLEMS[name], program, int(count), float(tolerance), float(cap))
    except ModuleNotFoundError as missing:
        found = {"missing": missing.name}
    print("\n" + json.dumps(found))
