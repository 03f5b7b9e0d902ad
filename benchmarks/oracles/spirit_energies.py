"""Write Spirit's energies, torques and relaxed states into tests/physics/oracles/spirit.json.

``pip install napari-magtex[oracles]``, then ``python benchmarks/oracles/spirit_energies.py``: about two minutes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from spirit_system import VERSION, SpiritSystem
from stored import random_spins, started, store

from napari_magtex.physics.structure import frequencies, structure_factor
from napari_magtex.physics.topology import topological_charge

CONVENTIONS = (
    "Spins and fields are (3, ny, nx), row 0 at the top; energies in the unit of J, by term, bonds counted once; B is "
    "the field times the moment. torque_field is B_eff - (B_eff.S) S. total is Spirit's sum, in single precision."
)
FERROMAGNET: dict[str, Any] = {"J": [1.0], "D": [0.5], "K": 0.02, "B": [0.0, 0.0, 0.12]}
TILTED: dict[str, Any] = {"K": 0.13, "easy_axis": [1.0, -2.0, 2.0], "B": [0.11, -0.23, 0.31]}
CASES: dict[str, dict[str, Any]] = {
    "square ferromagnet": FERROMAGNET,
    "square ferromagnet, bulk DMI, open edges": FERROMAGNET | {"dmi": "bulk", "periodic": False},
    "square ferromagnet, tilted axis and field": {"J": [1.0], "D": [-0.4], "dmi": "bulk"} | TILTED,
    "square ferromagnet, cubic anisotropy": {"J": [1.0], "cubic_K": 0.3},
    "square antiferromagnet": {"J": [-1.0], "D": [-0.5], "K": 0.05, "B": [0.0, 0.0, 0.1]},
    "square antiferromagnet, three shells": {"J": [-1.0, 0.3, -0.2], "D": [0.3, 0.2, -0.1], "dmi": "bulk"} | TILTED,
    "triangular antiferromagnet": {"J": [-1.0], "D": [0.3], "lattice": "triangular"} | TILTED,
    "triangular antiferromagnet, bulk DMI, open edges": {
        **{"J": [-1.0], "D": [0.3], "dmi": "bulk", "lattice": "triangular", "periodic": False},
        **TILTED,
    },
    "triangular antiferromagnet, three shells": {
        **{"J": [-1.0, 0.25, -0.1], "D": [0.3, -0.15, 0.05], "lattice": "triangular"},
        **TILTED,
    },
    "triangular antiferromagnet, three shells, bulk DMI, open edges": {
        **{"J": [-1.0, 0.25, -0.1], "D": [0.3, -0.15, 0.05], "dmi": "bulk", "lattice": "triangular", "periodic": False},
        **TILTED,
    },
}
"""Keyword arguments of `SpiritSystem`, and of our `SpinLattice`."""

STARTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "helix": (
        {"shape": [8, 27], "helix": {"period": 13.5, "angle": 0.0, "dmi": "bulk"}},
        {"J": [1.0], "D": [0.5], "dmi": "bulk", "K": 0.02, "B": [0.0, 0.0, 0.02]},
    ),
    "skyrmion": (
        {"shape": [32, 32], "skyrmion": {"centre": [15.5, 15.5], "radius": 4.0, "width": 1.5, "helicity": 0.0}},
        FERROMAGNET | {"B": [0.0, 0.0, 0.2]},
    ),
}
"""Where relaxations start, and their models."""

ENSEMBLE: dict[str, Any] = {"shape": [64, 64], "count": 24, "solver": "LBFGS_OSO", "torque": 1e-3}


def main() -> None:
    """Write every number."""
    m = random_spins((6, 7), seed=3)
    store(
        "spirit",
        {
            "oracle": VERSION,
            "made_by": "benchmarks/oracles/spirit_energies.py",
            "conventions": CONVENTIONS,
            "spins": m.tolist(),
            "cases": [case(name, m, model) for name, model in CASES.items()],
            "relaxed": [relaxed_case(name, *start) for name, start in STARTS.items()],
            "ensemble": ensemble(),
        },
    )


def case(name: str, m: NDArray[np.float64], model: dict[str, Any]) -> dict[str, Any]:
    """Return energies and torques of given spins."""
    system = SpiritSystem(m.shape[1:], **model)
    system.spins = m
    energies = system.energies()
    return {
        "name": name,
        "model": model,
        "energies": energies,
        "total": system.total(),
        "torque_field": system.torque_field().tolist(),
    }


def relaxed_case(name: str, start: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    """Return the energies of the state that a start relaxes into."""
    m = started(**start)
    system = SpiritSystem(m.shape[1:], **model)
    system.spins = m
    relax(system, "LBFGS_OSO", 1e-7)
    return {"name": name, "start": start, "model": model, "energies": system.energies()}


def ensemble() -> dict[str, Any]:
    """Return figures of states relaxed from random spins."""
    system = SpiritSystem(ENSEMBLE["shape"], **FERROMAGNET)
    found = []
    for seed in range(ENSEMBLE["count"]):
        system.spins = random_spins(ENSEMBLE["shape"], seed)
        relax(system, ENSEMBLE["solver"], ENSEMBLE["torque"])
        found.append((sum(system.energies().values()), system.spins))
    energies, states = zip(*found, strict=True)
    m = torch.as_tensor(np.stack(states))
    sites = math.prod(ENSEMBLE["shape"])
    return {
        **{"model": FERROMAGNET, "start": "random"} | ENSEMBLE,
        "energy": (np.array(energies) / sites).tolist(),
        "charge_density": (topological_charge(m) / sites).tolist(),
        "period": mean_period(m).tolist(),
    }


def mean_period(m: torch.Tensor) -> torch.Tensor:
    """Return the reciprocal of the mean |k| of m_z, weighted with its power, (batch,) in sites."""
    power = structure_factor(m[:, 2:] - m[:, 2:].mean(dim=(2, 3), keepdim=True))[:, 0]
    return power.sum(dim=(1, 2)) / (power * frequencies(m.shape[2:])).sum(dim=(1, 2))


def relax(system: SpiritSystem, solver: str, torque: float, longest: float = 60.0) -> None:
    """Run a solver until the largest |S x B| is below ``torque``."""
    for seconds in system.relaxing(solver):
        if system.torque < torque:
            return
        if seconds > longest:
            raise RuntimeError(f"{solver} still has a torque of {system.torque:g} after {seconds:.0f} s")


if __name__ == "__main__":
    main()
