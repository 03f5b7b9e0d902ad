"""What both oracle scripts share: textures to begin with, and files of numbers that a test reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_magtex.physics.starts import helix_start, paint_skyrmion, uniform_start
from napari_magtex.texture import Lattice

FOLDER = Path(__file__).parents[2] / "tests" / "physics" / "oracles"


def random_spins(shape: tuple[int, int], seed: int) -> NDArray[np.float64]:
    """Return spins (3, ny, nx) that point anywhere."""
    m = np.random.default_rng(seed).standard_normal((3, *shape))
    return m / np.linalg.norm(m, axis=0)


def started(
    shape: tuple[int, int], helix: dict[str, Any] | None = None, skyrmion: dict[str, Any] | None = None
) -> NDArray[np.float64]:
    """Return a helix, or a skyrmion on a square lattice of upward spins, by the engine's own names: (3, ny, nx)."""
    if helix is not None:
        return helix_start(shape, **helix)[0].double().numpy()
    m = uniform_start(1, shape, (0.0, 0.0, 1.0))[0]
    paint_skyrmion(m, **skyrmion, lattice=Lattice.SQUARE)
    return m.double().numpy()


def store(name: str, numbers: dict[str, Any]) -> None:
    """Write numbers in full double precision, an entry or a case a line."""
    path = FOLDER / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    entries = []
    for key, value in numbers.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value_text = "[\n  " + ",\n  ".join(json.dumps(case) for case in value) + "\n ]"
        else:
            value_text = json.dumps(value)
        entries.append(f" {json.dumps(key)}: {value_text}")
    path.write_text("{\n" + ",\n".join(entries) + "\n}\n")
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")
