"""A spin lattice in Spirit, in the engine's conventions: spins (3, ny, nx), row 0 at the top, energies in J's unit.

Spirit's unit of energy is the meV and its field is in tesla, so B is divided by mu_B. Its rows count upward. Its DMI
chirality 1 is our bulk, 2 our interfacial, with our signs. Constants go in by a file: its functions take them in single
precision.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from spirit import io, simulation, state, system, version
from spirit.parameters import llg

VERSION = f"Spirit {version.version} ({version.revision}), {version.scalartype} precision"
MU_B = 0.057883817555  # meV/T, spirit/core/include/utility/Constants.hpp
CHIRALITY = {"bulk": 1, "interfacial": 2}
BRAVAIS = {"square": ((1, 0, 0), (0, 1, 0)), "triangular": ((1, 0, 0), (0.5, np.sqrt(3) / 2, 0))}
TERMS = {
    "Exchange": "exchange",
    "DMI": "dmi",
    "Anisotropy": "anisotropy",
    "Cubic anisotropy": "cubic",
    "Zeeman": "zeeman",
}
SOLVERS = {
    "LBFGS_OSO": (simulation.SOLVER_LBFGS_OSO, 1e-3),
    "LBFGS_Atlas": (simulation.SOLVER_LBFGS_Atlas, 1e-3),
    "VP": (simulation.SOLVER_VP, 0.1),  # ps; 0.001, 0.01 and 0.03 took longer
    "VP_OSO": (simulation.SOLVER_VP_OSO, 0.1),
}
"""Spirit's minimisers, each with the time step that served it best."""


class SpiritSystem:
    """One lattice in Spirit.

    Parameters
    ----------
    J, D
        By shell.
    cubic_K
        Of the engine's ``K (a1^2 a2^2 + ...)``; Spirit's ``-K/2 (S_x^4 + S_y^4 + S_z^4)`` is that less K/2 a spin.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        J: Sequence[float],
        D: Sequence[float] = (),
        K: float = 0.0,
        B: Sequence[float] = (0.0, 0.0, 0.0),
        *,
        easy_axis: Sequence[float] = (0.0, 0.0, 1.0),
        cubic_K: float = 0.0,
        dmi: str = "interfacial",
        lattice: str = "square",
        periodic: bool = True,
    ) -> None:
        self.shape = shape
        self._cubic_offset = cubic_K / 2 * shape[0] * shape[1]
        magnitude = float(np.linalg.norm(B))
        direction = np.divide(B, magnitude) if magnitude else (0, 0, 1)
        closed = int(periodic)
        lines = [
            *("log_to_console 0", "log_to_file 0", "log_input_save_initial 0", "output_any 0"),
            "bravais_vectors",
            *(_row(vector) for vector in BRAVAIS[lattice]),
            "0 0 1",
            f"n_basis_cells {shape[1]} {shape[0]} 1",
            "mu_s 1",
            "hamiltonian heisenberg_neighbours",
            f"boundary_conditions {closed} {closed} 0",
            f"external_field_magnitude {magnitude / MU_B!r}",
            f"external_field_normal {_row(direction)}",
            f"anisotropy_magnitude {float(K)!r}",
            f"anisotropy_normal {_row(np.divide(easy_axis, np.linalg.norm(easy_axis)))}",
            f"cubic_anisotropy_magnitude {float(cubic_K)!r}",
            *(f"n_shells_exchange {len(J)}", f"jij {_row(J)}"),
            *(f"n_shells_dmi {len(D)}", f"dij {_row(D)}", f"dm_chirality {CHIRALITY[dmi]}"),
            "ddi_method none",
        ]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "lattice.cfg")
            path.write_text("\n".join(lines) + "\n")
            self._state = state.setup(str(path), quiet=True)
        self._spins = system.get_spin_directions(self._state)  # a view: rows upward, (sites, 3)

    @property
    def spins(self) -> NDArray[np.float64]:
        """Return the spins (3, ny, nx)."""
        return self._from_spirit(self._spins)

    @spins.setter
    def spins(self, m: NDArray[np.float64]) -> None:
        self._spins[:] = m[:, ::-1].transpose(1, 2, 0).reshape(-1, 3)

    def total(self) -> float:
        """Return the total energy that Spirit tells, which is a single-precision number."""
        system.update_data(self._state)
        return system.get_energy(self._state) + self._cubic_offset

    def energies(self) -> dict[str, float]:
        """Return the energies by term to twelve decimals a spin, which only Spirit's files have."""
        system.update_data(self._state)
        terms = [TERMS[name] for name in system.get_energy_contributions(self._state)]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "energies.txt")
            io.image_write_energy_per_spin(self._state, str(path), io.FILEFORMAT_OVF_TEXT)
            _, *sums = np.loadtxt(path, comments="#").sum(axis=0).tolist()  # the first column is the total
        energies = dict(zip(terms, sums, strict=True))
        if "cubic" in energies:
            energies["cubic"] += self._cubic_offset
        return energies

    def torque_field(self) -> NDArray[np.float64]:
        """Return the effective field across the spins, B - (B.S) S, (3, ny, nx): Spirit shows no more of it."""
        llg.set_timestep(self._state, 0.0)
        simulation.start(self._state, simulation.METHOD_LLG, simulation.SOLVER_DEPONDT, single_shot=True)
        simulation.n_shot(self._state, 1)
        field = system.get_effective_field(self._state).copy()
        simulation.stop(self._state)
        return self._from_spirit(field)

    @property
    def torque(self) -> float:
        """The largest |S x B| that a running LBFGS tells; of the other solvers it is something else."""
        return simulation.get_max_torque_norm(self._state)

    def relaxing(self, solver: str, *, every: int = 20) -> Iterator[float]:
        """Run a minimiser; yield the seconds it has taken after every so many iterations, without the caller's own."""
        kind, step = SOLVERS[solver]
        llg.set_timestep(self._state, step)
        llg.set_convergence(self._state, 1e-30)  # the caller decides: each solver means another thing by it
        simulation.start(self._state, simulation.METHOD_LLG, kind, single_shot=True)
        seconds = 0.0
        try:
            while True:
                began = time.perf_counter()
                simulation.n_shot(self._state, every)
                seconds += time.perf_counter() - began
                yield seconds
        finally:
            simulation.stop(self._state)

    def _from_spirit(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return values.reshape(*self.shape, 3).transpose(2, 0, 1)[:, ::-1].copy()


def _row(values: Sequence[float]) -> str:
    return " ".join(repr(float(value)) for value in values)
