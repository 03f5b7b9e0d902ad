"""Write mag2exp's phase and Lorentz frames of a texture into tests/imaging/oracles/mag2exp.json.

``pip install mag2exp`` in an environment of its own, for it brings some hundred packages; then
``python benchmarks/oracles/mag2exp_frames.py``: seconds. Nothing of ours is imported.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import discretisedfield as df
import mag2exp
import numpy as np

CONVENTIONS = (
    "m is (3, ny, nx), row 0 at the top, x right and y up; cell (dz, dy, dx) in metres, Ms in A/m, phase (ny, nx) in "
    "rad, frames (ny, nx) of mean 1. The Tikhonov filter is off (kcx = kcy = 1e-6; the program's default of 0.1 makes "
    "the phase 1 % too small). A frame's df_length is the program's own, as passed; chi = -pi lambda df k^2, whatever "
    "its docstring says."
)
SHAPE, CELL, MS = (20, 28), (30e-9, 4e-9, 5e-9), 384e3
OPTICS = (
    {"df_length": 200e-6, "voltage": 200e3},
    {"df_length": -350e-6, "voltage": 300e3, "cs": 8000e-3},
    {"df_length": 0.0, "voltage": 80e3},
)
FILE = Path(__file__).parents[2] / "tests" / "imaging" / "oracles" / "mag2exp.json"


def main() -> None:
    """Ask the program, and store what it says."""
    m = texture()
    ny, nx = SHAPE
    dz, dy, dx = CELL
    mesh = df.Mesh(p1=(0, 0, 0), p2=(nx * dx, ny * dy, dz), n=(nx, ny, 1))
    values = np.flip(m, axis=1).transpose(2, 1, 0)[:, :, None, :]  # (x, y upwards, z, component)
    field = df.Field(mesh, nvdim=3, value=values, norm=MS)
    phase, _ = mag2exp.ltem.phase(field, kcx=1e-6, kcy=1e-6)
    frames = [
        {"optics": optics, "intensity": upright(mag2exp.ltem.defocus_image(phase, **optics))} for optics in OPTICS
    ]
    numbers = {
        "oracle": f"mag2exp {version('mag2exp')}",
        "made_by": "benchmarks/oracles/mag2exp_frames.py",
        "conventions": CONVENTIONS,
        "cell": CELL,
        "Ms": MS,
        "m": m.round(6).tolist(),
        "phase": upright(phase),
        "frames": frames,
    }
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(numbers) + "\n")
    print(f"{FILE}: {FILE.stat().st_size / 1e3:.0f} kB")


def texture() -> np.ndarray:
    """Return a Bloch skyrmion and a Néel one in stripes (3, ny, nx): no symmetry that could hide a sign."""
    ny, nx = SHAPE
    y, x = np.meshgrid((ny - 1 - np.arange(ny)) * CELL[1], np.arange(nx) * CELL[2], indexing="ij")
    theta = 0.4 * np.sin(2 * np.pi * x / (nx * CELL[2]))
    phi = np.full(SHAPE, 0.3)
    for at, radius, helicity in (((35e-9, 50e-9), 15e-9, np.pi / 2), ((100e-9, 25e-9), 12e-9, 0.4)):
        away = np.hypot(x - at[0], y - at[1])
        inside = away < 2 * radius
        theta = np.where(inside, np.pi * np.exp(-((away / radius) ** 2)), theta)
        phi = np.where(inside, np.arctan2(y - at[1], x - at[0]) + helicity, phi)
    return np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)]).round(6)


def upright(field: df.Field) -> list[list[float]]:
    """Return a field of one layer as rows from the top."""
    values = np.real(field.array).reshape(field.mesh.n[0], field.mesh.n[1])
    return np.flip(values.T, axis=0).round(9).tolist()


if __name__ == "__main__":
    main()
