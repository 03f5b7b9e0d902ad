"""Write magnum.np's energies and fields by term, and its relaxed states, into tests/physics/oracles/magnumnp.json.

``pip install napari-magtex[oracles]``, then ``python benchmarks/oracles/magnumnp_terms.py``: some minutes, most of them
for compiling.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from magnumnp_film import VERSION, MagnumnpFilm, mu_0
from numpy.typing import NDArray
from stored import random_spins, started, store

CONVENTIONS = (
    "m and fields are (3, ny, nx), row 0 at the top; cells (dz, dy, dx) in metres, constants in SI, energies in joules "
    "and fields in tesla by term. The program's mu_0 is in the file: its demag is proportional to it. Of a periodic "
    "film it sums the images on each side that are given."
)
OBLONG = [5e-9, 3e-9, 4e-9]
SQUARE = [4e-9, 4e-9, 4e-9]
FEGE: dict[str, Any] = {"A": 8.78e-12, "D": 1.58e-3, "Ms": 3.84e5}
ALL_TERMS: dict[str, Any] = FEGE | {
    **{"Ku": 4e4, "easy_axis": [1.0, -2.0, 2.0], "Kc": -3e4, "cubic_axes": [[0.6, 0.8, 0.0], [0.0, 0.0, 1.0]]},
    **{"field_T": [0.1, -0.2, 0.3], "periodic": False},
}
OPEN: dict[str, Any] = {"field_T": [0.0, 0.0, 0.18], "periodic": False}
LOCAL: dict[str, Any] = {"demag": False, "field_T": [0.0, 0.0, 0.2]}
CASES: dict[str, tuple[str, list[float], dict[str, Any]]] = {
    "every term, open edges": ("random", OBLONG, ALL_TERMS | {"dmi": "bulk"}),
    "interfacial DMI, open edges": ("random", OBLONG, FEGE | LOCAL | {"dmi": "interfacial", "periodic": False}),
    "exchange, periodic": ("random", OBLONG, FEGE | LOCAL | {"D": 0.0}),
    "bulk DMI, periodic": ("random", SQUARE, FEGE | LOCAL | {"dmi": "bulk"}),
    "interfacial DMI, periodic": ("random", SQUARE, FEGE | LOCAL | {"dmi": "interfacial"}),
    "helix": ("helix", OBLONG, FEGE | OPEN),
    "skyrmion": ("skyrmion", OBLONG, FEGE | OPEN | {"dmi": "interfacial"}),
}
"""Texture, cell, and keyword arguments of `MagnumnpFilm` and of our `Film`."""

HELIX: dict[str, Any] = {"shape": [24, 36], "helix": {"period": 18.0, "angle": 0.0, "dmi": "bulk"}}
SKYRMION: dict[str, Any] = {
    **{"shape": [32, 32], "skyrmion": {"centre": [15.5, 15.5], "radius": 4.0, "width": 2.0, "helicity": math.pi / 2}}
}
STARTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "helix": (HELIX, FEGE | OPEN | {"field_T": [0.0, 0.0, 0.05]}),
    "skyrmion": (SKYRMION, FEGE | OPEN | {"field_T": [0.0, 0.0, 0.35]}),
}
"""Where relaxations start, and their constants; cells are cubes of 4 nm."""

PERIODIC: dict[str, Any] = {"cell": OBLONG, "Ms": FEGE["Ms"], "images": [3, 6]}

TORQUE = 1e-5  # T

UNIFORM: dict[str, Any] = {"shape": [48, 64], "cell": OBLONG, "direction": [1.0, 2.0, 2.0], "Ms": FEGE["Ms"]}


def main() -> None:
    """Write every number."""
    textures = {
        "random": random_spins((6, 7), seed=5),
        "helix": started((10, 16), helix={"period": 7.0, "angle": 0.4, "dmi": "bulk"}),
        "skyrmion": started((14, 14), skyrmion={"centre": [6.3, 6.8], "radius": 3.0, "width": 1.2, "helicity": 0.0}),
    }
    store(
        "magnumnp",
        {
            "oracle": VERSION,
            "made_by": "benchmarks/oracles/magnumnp_terms.py",
            "conventions": CONVENTIONS,
            "mu_0": mu_0,
            "textures": {name: m.tolist() for name, m in textures.items()},
            "cases": [case(name, textures, *what) for name, what in CASES.items()],
            "uniform": uniform(),
            "periodic": periodic(random_spins((4, 6), seed=7)),
            "relaxed": [relaxed_case(name, *start) for name, start in STARTS.items()],
        },
    )


def case(
    name: str, textures: dict[str, NDArray[np.float64]], texture: str, cell: list[float], constants: dict[str, Any]
) -> dict[str, Any]:
    """Return energies by term, and of random spins the fields."""
    film = MagnumnpFilm(textures[texture].shape[1:], cell, **constants)
    film.m = textures[texture]
    numbers: dict[str, Any] = {"name": name, "texture": texture, "cell": cell, "constants": constants}
    numbers["energies"] = film.energies()
    if texture == "random":
        numbers["fields"] = {name: field.tolist() for name, field in film.fields().items() if name != "zeeman"}
    return numbers


def uniform() -> dict[str, Any]:
    """Return the demagnetising energy of a larger, uniformly magnetised film."""
    film = MagnumnpFilm(UNIFORM["shape"], UNIFORM["cell"], Ms=UNIFORM["Ms"], periodic=False)
    direction = np.divide(UNIFORM["direction"], np.linalg.norm(UNIFORM["direction"]))
    film.m = np.broadcast_to(direction[:, None, None], (3, *UNIFORM["shape"]))
    return UNIFORM | {"demag": film.energies()["demag"]}


def periodic(m: NDArray[np.float64]) -> dict[str, Any]:
    """Return demagnetising energies with more and more images of a film without a mean: the error is 1/images^3."""
    m = m - m.mean(axis=(1, 2), keepdims=True)
    energies = []
    for images in PERIODIC["images"]:
        film = MagnumnpFilm(m.shape[1:], PERIODIC["cell"], Ms=PERIODIC["Ms"], images=images)
        film.m = m
        energies.append(film.energies()["demag"])
    return PERIODIC | {"m": m.tolist(), "demag": energies}


def relaxed_case(name: str, start: dict[str, Any], constants: dict[str, Any]) -> dict[str, Any]:
    """Return the energies of the state that a start relaxes into."""
    film = MagnumnpFilm(start["shape"], SQUARE, **constants)
    film.m = started(**start)
    film.minimise(torque=TORQUE, longest=120.0)
    if (torque := film.torque()) > 2 * TORQUE:
        raise RuntimeError(f"the {name} still has a torque of {torque:g} T")
    return {"name": name, "start": start, "cell": SQUARE, "constants": constants, "energies": film.energies()}


if __name__ == "__main__":
    main()
