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

_SHRINK = 0.02  # of the misses' correlations towards none: few films tell them
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
        equations: Sequence[NDArray[np.float64]],
        constants: NDArray[np.float64],
        cells: Sequence[float],
    ) -> Misses:
        """Learn them from films.

        Parameters
        ----------
        equations
            Of each film, (q, terms + 1), as `virials` gives them, summed over its tiles.
        constants
            (films, terms + 1): the truth and kT, in the units of the columns.
        cells
            How many cells of each film count.
        """
        squares = []
        for rows, truth, count in zip(equations, constants, cells, strict=True):
            miss = missed(rows, np.append(truth[:-1], max(truth[-1], _FAINTEST)))
            squares.append(count * np.outer(miss, miss))
        every, kT = np.array(squares), constants[:, -1]
        none = np.zeros_like(every[0])
        cold = every[kT == 0].mean(axis=0) if (kT == 0).any() else none
        hot = every[kT > 0].sum(axis=0) / kT.sum() if (kT > 0).any() else none
        return cls(cold, hot)

    def whitening(self, kT: float, cells: float) -> tuple[NDArray[np.float64], float]:
        """Return W with ``W miss`` of unit covariance, and the logarithm of its determinant."""
        covariance = (self.cold + kT * self.hot) / cells
        size = np.sqrt(np.diag(covariance))
        correlation = (1 - _SHRINK) * covariance / np.outer(size, size) + _SHRINK * np.eye(len(size))
        lower = np.linalg.cholesky(correlation)
        return np.linalg.inv(lower) / size, -float(np.log(np.diag(lower)).sum() + np.log(size).sum())


@dataclass(frozen=True, eq=False)
class Guess:
    """What is known before: mean (p,) and covariance (p, p) of (A, D, ..., Ms, kT), and their bounds low and high."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Balanced:
    """The likeliest ``value`` (p,) of (A, D, ..., Ms, kT) with its ``covariance`` (p, p).

    ``misfit`` is the mean square miss over what is expected: about 1 or less where the picture is an equilibrium.
    """

    value: NDArray[np.float64]
    covariance: NDArray[np.float64]
    misfit: float


def balance(equations: NDArray[np.float64], cells: float, misses: Misses, guess: Guess) -> Balanced:
    """Find the likeliest constants and heat.

    Parameters
    ----------
    equations
        (q, terms + 1) of the region: its columns those of the constants but for Ms^2 before Ms, and kT's.
    cells
        How many cells of the region count.
    guess
        A constant whose bounds are equal is known.
    """
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
            white, weight = misses.whitening(max(kT, 0.0), cells)

            def residual(q: NDArray[np.float64], white: NDArray[np.float64] = white) -> NDArray[np.float64]:
                return np.concatenate([white @ missed(equations, columns(full(q))), prior @ (q - guess.mean[free])])

            inner = np.nextafter(guess.low[free], np.inf), np.nextafter(guess.high[free], -np.inf)
            begin = p.copy()
            begin[-1] = kT
            fit = least_squares(residual, np.clip(begin[free], *inner), bounds=(guess.low[free], guess.high[free]))
            p = full(fit.x)
            if abs(p[-1] - kT) < 1e-3 * (1 + kT):
                break
            kT = p[-1]
        cost = float(fit.cost) - weight
        if best is None or cost < best[0]:
            best = cost, p, np.linalg.pinv(fit.jac.T @ fit.jac)
            misfit = float(np.square(fit.fun[: len(equations)]).mean())
    assert best is not None
    covariance = np.zeros_like(guess.covariance)
    covariance[np.ix_(free, free)] = best[2]
    return Balanced(best[1], covariance, misfit)


def columns(constants: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what the columns of the equations are multiplied by: Ms^2 stands before Ms."""
    return np.concatenate([constants[:-2], [constants[-2] ** 2], constants[-2:]])


def missed(equations: NDArray[np.float64], factors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of each equation (q, terms + 1) over the size of its terms."""
    parts = equations * factors
    return np.asarray(parts.sum(axis=1) / np.sqrt(np.square(parts).sum(axis=1)))
