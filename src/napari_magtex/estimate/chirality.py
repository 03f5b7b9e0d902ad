"""Which way a texture turns, and so the sign of D."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_CLEAR = 0.2  # of a perfect helix's handedness


def handedness(m: NDArray[np.float32], dmi: str) -> float:
    """Return how a texture m (3, ny, nx) turns, from -1 to 1: +1 is the helix or cycloid that D > 0 makes.

    The DMI's energy density with D = 1 (``m.curl m`` or ``m_z div m - (m.grad) m_z``, y up), averaged, over the
    root mean square of the gradient, with its sign turned: D > 0 prefers what lowers the energy.
    """
    m = np.asarray(m, dtype=np.float64)
    dx = (m[:, 1:-1, 2:] - m[:, 1:-1, :-2]) / 2
    dy = (m[:, :-2, 1:-1] - m[:, 2:, 1:-1]) / 2  # row 0 is the top
    x, y, z = m[:, 1:-1, 1:-1]
    if dmi == "bulk":
        density = x * dy[2] - y * dx[2] + z * (dx[1] - dy[0])
    else:
        density = z * (dx[0] + dy[1]) - x * dx[2] - y * dy[2]
    gradient = np.sqrt((dx**2 + dy**2).sum(axis=0).mean())
    return float(-density.mean() / gradient) if gradient > 1e-3 else 0.0


def dmi_sign(m: NDArray[np.float32], dmi: str) -> int:
    """Return +1, -1, or 0 where the texture does not tell."""
    turn = handedness(m, dmi)
    return 0 if abs(turn) < _CLEAR else int(np.sign(turn))
