"""A film in magnum.np, in the engine's conventions: m (3, ny, nx), row 0 at the top, joules and tesla.

Its arrays are (nx, ny, nz, 3), rows upward. The sign of its bulk DMI is the opposite of its docstring's and of ours;
that of its interfacial DMI is ours. Its edges are ours: beyond an open edge there is nothing. Under periodic boundaries
its DMI takes dx for dy, so cells must be square there; its demag sums the nearest images, and wants even sizes. To it,
cells beyond 20 diagonals are dipoles, which is off by 1e-7, and a cell's own images there are forgotten, so that more
images are worse: here every pair is integrated where nothing else is said.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from typing import Any

os.environ.setdefault("CUDA_DEVICE", "-1")  # magnum.np takes a GPU when imported

import magnumnp
import numpy as np
import torch
from numpy.typing import NDArray

magnumnp.logging.set_log_level(50)

VERSION = f"magnum.np {magnumnp.__version__} (torch {torch.__version__}), double precision"
mu_0 = magnumnp.constants.mu_0  # 1.2566370614e-6: 1e-10 from the SI's of today


class MagnumnpFilm:
    """One film, one cell thick.

    Parameters
    ----------
    shape, cell
        (ny, nx), and (dz, dy, dx) in metres.
    constants
        As of our `Film`: A, D, Ms, and any of Ku, easy_axis, Kc, cubic_axes, field_T, dmi, periodic, demag; and
        ``images``, how many a side a periodic demag sums, ``p``, the diagonals within which pairs are integrated.
    """

    def __init__(self, shape: Sequence[int], cell: Sequence[float], **constants: Any) -> None:
        (ny, nx), (dz, dy, dx) = shape, cell
        given = {"periodic": True, "demag": True, "dmi": "bulk", "field_T": (0.0, 0.0, 0.0)} | constants
        given = {"images": 1, "p": 1000} | given
        D, images = given.get("D", 0.0), given["images"] if given["periodic"] else 0
        if images and D and dx != dy:
            raise ValueError("the DMI of a periodic film is right in magnum.np only where cells are square")
        self.state = magnumnp.State(magnumnp.Mesh((nx, ny, 1), (dx, dy, dz), pbc=(images, images, 0)))
        material = {"Ms": given["Ms"], "alpha": 1.0}
        self.terms: dict[str, Any] = {}
        if given.get("A"):
            material["A"] = given["A"]
            self.terms["exchange"] = magnumnp.ExchangeField()
        if D and given["dmi"] == "bulk":
            material["Db"] = -D
            self.terms["dmi"] = magnumnp.BulkDMIField()
        if D and given["dmi"] == "interfacial":
            material["Di"] = D
            self.terms["dmi"] = magnumnp.InterfaceDMIField()
        if given.get("Ku"):
            material |= {"Ku": given["Ku"], "Ku_axis": _unit(given.get("easy_axis", (0.0, 0.0, 1.0)))}
            self.terms["anisotropy"] = magnumnp.UniaxialAnisotropyField()
        if given.get("Kc"):
            first, second = given.get("cubic_axes", ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)))
            material |= {"Kc1": given["Kc"], "Kc2": 0.0, "Kc3": 0.0}
            material |= {"Kc_axis1": _unit(first), "Kc_axis2": _unit(second)}
            self.terms["cubic"] = magnumnp.CubicAnisotropyField2()
        if given["demag"]:
            self.terms["demag"] = magnumnp.DemagField(p=given["p"])
        self.terms["zeeman"] = magnumnp.ExternalField([component / mu_0 for component in given["field_T"]])
        self.state.material = material

    @property
    def m(self) -> NDArray[np.float64]:
        """Return the directions (3, ny, nx)."""
        return _from_magnumnp(self.state.m)

    @m.setter
    def m(self, m: NDArray[np.float64]) -> None:
        turned = np.ascontiguousarray(m[:, ::-1].transpose(2, 1, 0))[:, :, None]
        self.state.m = torch.as_tensor(turned, dtype=self.state.dtype)

    def energies(self) -> dict[str, float]:
        """Return the energies by term."""
        return {name: float(term.E(self.state)) for name, term in self.terms.items()}

    def fields(self) -> dict[str, NDArray[np.float64]]:
        """Return the effective fields by term in tesla, (3, ny, nx) each."""
        return {name: mu_0 * _from_magnumnp(term.h(self.state)) for name, term in self.terms.items()}

    def torque(self) -> float:
        """Return the largest |m x B| in tesla."""
        return float(np.linalg.norm(np.cross(self.m, sum(self.fields().values()), axis=0), axis=0).max())

    def minimise(self, torque: float, longest: float) -> float:
        """Run Barzilai and Borwein's minimiser until no component of m x (m x B) exceeds ``torque`` (tesla).

        It is stopped after ``longest`` seconds. Returns the seconds that it took. The other ways that magnum.np has are
        slower (the LLG with damping 1) or do not get there (steepest descent, LBFGS).
        """
        terms = [*self.terms.values(), _Deadline(time.perf_counter() + longest)]
        began = time.perf_counter()
        with contextlib.suppress(TimeoutError):
            magnumnp.MinimizerBB(terms).minimize(self.state, maxiter=1_000_000, dm_tol=torque / mu_0)
        return time.perf_counter() - began


class _Deadline:
    """A term without a field that ends a minimisation when its time is up."""

    def __init__(self, at: float) -> None:
        self.at = at

    def h(self, state: magnumnp.State) -> float:
        if time.perf_counter() > self.at:
            raise TimeoutError
        return 0.0


def _unit(vector: Sequence[float]) -> list[float]:
    return (np.asarray(vector) / np.linalg.norm(vector)).tolist()


def _from_magnumnp(values: torch.Tensor) -> NDArray[np.float64]:
    return values[:, :, 0].double().numpy().transpose(2, 1, 0)[:, ::-1].copy()
