"""The constants that bring a picture closest to thermal equilibrium, from its virials and what was known before.

How far the equations of a picture miss by chance is learned from films whose constants are known: their misses, each
over the size of its own terms, have a covariance that falls with the number of cells and grows with the heat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from napari_magtex.estimate.virials import Equations

ORDER = ("A", "D", "Di", "Ku", "Ms", "T")  # of constants; T stands for kT
_SHRINK = 0.02  # of the misses' correlations towards none: few films tell them
_MODEL = 5e-4  # relative, of every equation: stray fields from beyond, another program's discretisation
_FAINTEST = 0.003  # kT in its unit: eight bits of colour look like some heat
_STARTS = (0.02, 0.3, 2.0)  # kT, from which a fit begins


@dataclass(frozen=True, eq=False)
class Misses:
    """Covariance (q, q) of the equations' misses in a region of one cell: when ``cold``, and ``hot`` more per kT."""

    cold: NDArray[np.float64]
    hot: NDArray[np.float64]

    @classmethod
    def learn(
        cls,
        equations: Sequence[Equations],
        constants: NDArray[np.float64],
        names: Sequence[str],
    ) -> Misses:
        """Learn them from films.

        Parameters
        ----------
        equations
            Of each film.
        constants
            (films, constants): the truth in `ORDER`, over the units of the equations.
        names
            Of the equations' columns but the last.
        """
        squares = []
        for of_film, truth in zip(equations, constants, strict=True):
            miss = missed(of_film.rows, columns(np.append(truth[:-1], max(truth[-1], _FAINTEST)), names))
            squares.append(of_film.cells * np.outer(miss, miss))
        every, kT = np.array(squares), constants[:, -1]
        none = np.zeros_like(every[0])
        cold = every[kT == 0].mean(axis=0) if (kT == 0).any() else none
        hot = every[kT > 0].sum(axis=0) / kT.sum() if (kT > 0).any() else none
        return cls(cold, hot)

    def whitening(self, kT: float, cells: float) -> tuple[NDArray[np.float64], float]:
        """Return W with ``W miss`` of unit covariance, and the logarithm of its determinant."""
        covariance = (self.cold + kT * self.hot) / cells + _MODEL**2 * np.eye(len(self.cold))
        size = np.sqrt(np.diag(covariance))
        correlation = (1 - _SHRINK) * covariance / np.outer(size, size) + _SHRINK * np.eye(len(size))
        lower = np.linalg.cholesky(correlation)
        return np.linalg.inv(lower) / size, -float(np.log(np.diag(lower)).sum() + np.log(size).sum())


@dataclass(frozen=True, eq=False)
class Guess:
    """What is known before: mean (constants,) in `ORDER`, covariance, and their bounds low and high.

    A constant whose bounds are equal is known.
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Balanced:
    """The likeliest ``value`` (constants,) in `ORDER`, with its ``covariance``.

    ``misfit`` is the mean square miss over what is expected: about 1 or less where the picture is an equilibrium.
    """

    value: NDArray[np.float64]
    covariance: NDArray[np.float64]
    misfit: float


def balance(equations: Equations, names: Sequence[str], misses: Misses, guess: Guess) -> Balanced:
    """Find the likeliest constants and heat; ``names`` are those of the equations' columns but the last."""
    free = guess.high > guess.low
    prior = np.linalg.inv(np.linalg.cholesky(guess.covariance[np.ix_(free, free)]))

    def full(p: NDArray[np.float64]) -> NDArray[np.float64]:
        every = guess.low.copy()
        every[free] = p
        return every

    best: tuple[float, NDArray[np.float64], NDArray[np.float64]] | None = None
    for start in _STARTS if free[-1] else (guess.low[-1],):
        kT, p = start, np.clip(guess.mean, guess.low, guess.high)
        for _ in range(6):  # the weights depend on the heat: found in turn
            white, weight = misses.whitening(max(kT, 0.0), equations.cells)

            def residual(q: NDArray[np.float64], white: NDArray[np.float64] = white) -> NDArray[np.float64]:
                miss = missed(equations.rows, columns(full(q), names))
                return np.concatenate([white @ miss, prior @ (q - guess.mean[free])])

            def slope(q: NDArray[np.float64], white: NDArray[np.float64] = white) -> NDArray[np.float64]:
                return np.concatenate([white @ slope_of_missed(equations.rows, full(q), names)[:, free], prior])

            inner = np.nextafter(guess.low[free], np.inf), np.nextafter(guess.high[free], -np.inf)
            begin = p.copy()
            begin[-1] = kT
            bounds = guess.low[free], guess.high[free]
            fit = least_squares(residual, np.clip(begin[free], *inner), slope, bounds=bounds)
            p = full(fit.x)
            if abs(p[-1] - kT) < 1e-3 * (1 + kT):
                break
            kT = p[-1]
        cost = float(fit.cost) - weight
        if best is None or cost < best[0]:
            best = cost, p, np.linalg.pinv(fit.jac.T @ fit.jac)
            misfit = float(np.square(fit.fun[: len(equations.rows)]).mean())
    assert best is not None
    covariance = np.zeros_like(guess.covariance)
    covariance[np.ix_(free, free)] = best[2]
    return Balanced(best[1], covariance, misfit)


def columns(constants: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64]:
    """Return what the columns of equations are multiplied by: the terms' constants, Ms^2 among them, and kT."""
    known = dict(zip(ORDER, constants, strict=True))
    known["Ms2"] = known["Ms"] ** 2
    return np.array([known[name] for name in (*names, "T")])


def missed(equations: NDArray[np.float64], factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of each equation (q, terms + 1) over the size of its terms."""
    parts = equations * factors
    return np.asarray(parts.sum(axis=1) / np.sqrt(np.square(parts).sum(axis=1) + 1e-300))


def slope_of_missed(
    equations: NDArray[np.float64], constants: NDArray[np.float64], names: Sequence[str]
) -> NDArray[np.float64]:
    """Derive `missed` by the constants, (q, constants)."""
    factors = columns(constants, names)
    parts = equations * factors
    size = np.sqrt(np.square(parts).sum(axis=1, keepdims=True) + 1e-300)
    rows, parts = equations / size, parts / size
    by_factor = rows - parts.sum(axis=1, keepdims=True) * rows * parts
    slope = np.zeros((len(equations), len(ORDER)))
    for name, column in zip((*names, "T"), by_factor.T, strict=True):
        if name == "Ms2":
            slope[:, ORDER.index("Ms")] += 2 * constants[ORDER.index("Ms")] * column
        else:
            slope[:, ORDER.index(name)] += column
    return slope
