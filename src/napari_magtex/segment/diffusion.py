"""Diffusion constant, localisation error and drift of tracks, each with its error, from steps and their products.

Everything here is in pixels and frames. Of free Brownian motion with localisation error sigma and motion blur R, along
one axis, <d d> = 2 D (1 - 2 R) + 2 sigma^2 and <d d'> = 2 D R - sigma^2, d' being the step after d.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEAST_TRACKS = 10.0  # from so many of equal length on, the scatter among tracks tells errors
FULL_BLUR = 1 / 6  # R of a shutter that is open all the time; 0 of a snapshot


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over the steps of each of n tracks, along x and y.

    Parameters
    ----------
    way, time
        From the first place to the last (n, 2), and the frames in between (n,).
    steps, step, square
        Number (n,), sum (n, 2) and sum of squares (n, 2) of steps to the next frame.
    pairs, pair, product
        Number (n,) of steps with a next one, the sum of both (n, 2) and of their product (n, 2).
    """

    way: Array
    time: Array
    steps: Array
    step: Array
    square: Array
    pairs: Array
    pair: Array
    product: Array

    @classmethod
    def of(cls, paths: list[Array]) -> Moments:
        """Sum up paths (frames, 2), NaN where a skyrmion was missed; their first and last places are known."""
        rows = []
        for path in paths:
            step = np.diff(path, axis=0)
            seen = np.isfinite(step[:, 0])
            both = seen[1:] & seen[:-1]
            after, before = step[1:][both], step[:-1][both]
            step = step[seen]
            rows.append(
                np.concatenate(
                    [path[-1] - path[0], [len(path) - 1, len(step)], step.sum(axis=0), (step**2).sum(axis=0),
                     [len(after)], (after + before).sum(axis=0), (after * before).sum(axis=0)]
                )
            )  # fmt: skip
        table = np.array(rows).reshape(-1, 13)
        return cls(table[:, :2], table[:, 2], table[:, 3], table[:, 4:6], table[:, 6:8], table[:, 8], table[:, 9:11],
                   table[:, 11:])  # fmt: skip

    def together(self) -> Moments:
        """Return the sums over all tracks."""
        return Moments(*(column.sum(axis=0, keepdims=True) for column in self._columns()))

    def without_each(self) -> Moments:
        """Return the sums over all tracks but one, for each that is left out."""
        return Moments(*(column.sum(axis=0, keepdims=True) - column for column in self._columns()))

    def velocity(self) -> Array:
        """Return way over time, (n, 2)."""
        return self.way / self.time[:, None]

    def about_mean(self) -> tuple[Array, Array]:
        """Return <d d> and <d d'> about the mean motion, (n,) each: means of both axes."""
        v = self.velocity()
        square = (self.square - 2 * v * self.step + self.steps[:, None] * v**2).sum(axis=1) / (2 * self.steps)
        product = (self.product - v * self.pair + self.pairs[:, None] * v**2).sum(axis=1) / (2 * self.pairs)
        return square, product

    def _columns(self) -> Iterator[Array]:
        return (getattr(self, name) for name in self.__dataclass_fields__)


@dataclass(frozen=True, eq=False)
class Diffusion:
    """What steps tell, in pixels and frames.

    ``sigma2`` is negative where noise of the estimate exceeds it. ``velocity`` (2,) is x, y with y up, ``covariance``
    (2, 2) that of its error. ``by_scatter``: errors are told by the scatter among tracks, else by the theory of free
    Brownian motion.
    """

    D: float
    D_error: float
    sigma2: float
    velocity: Array
    covariance: Array
    by_scatter: bool


def diffusion_of(moments: Moments, blur: float = FULL_BLUR, kept: float | None = None) -> Diffusion | None:
    """Estimate diffusion and drift; None where no track has two steps in turn.

    Parameters
    ----------
    blur
        R: exposure over the time between frames, over 6.
    kept
        Of their own variance that skyrmions keep where the mean step of each frame was taken for the stage's drift;
        None where none was.

    Notes
    -----
    The covariance-based estimator of Vestergaard, Blainey and Flyvbjerg, Phys. Rev. E 89, 022726 (2014), eqs. 14 and
    15, pooled over tracks and both axes, about the mean motion: D = <d d>/2 + <d d'>, unbiased whatever sigma and blur
    are. The mean takes three steps' worth of D with it, which are given back.

    Squares of overlapping displacements are correlated, so no residuals of a fitted line tell errors. Tracks are
    independent: from ten of equal length on, or more, the jackknife over tracks does, whatever the motion is; of fewer
    it would be noise itself, and the error is the one that the paper gives for free Brownian motion.
    """
    all_together = moments.together()
    steps, pairs, time = float(all_together.steps[0]), float(all_together.pairs[0]), float(all_together.time[0])
    if pairs < 1:
        return None
    square, product = (float(each[0]) for each in all_together.about_mean())
    given_back = 1 / kept if kept is not None else 1 + 3 / steps
    D = (square / 2 + product) * given_back
    sigma2 = (blur * square + (2 * blur - 1) * product) * given_back
    velocity = all_together.velocity()[0]
    tracks = len(moments.steps)
    if pairs**2 >= LEAST_TRACKS * (moments.pairs**2).sum():
        without = moments.without_each()
        squares, products = without.about_mean()
        D_error = given_back * np.sqrt(_jackknife((squares / 2 + products)[:, None])[0, 0])
        return Diffusion(D, float(D_error), sigma2, velocity, _jackknife(without.velocity()), True)
    noise, free = -product * given_back, max(D, 0.0)  # sigma^2 - 2 D R, and D
    variance = (6 * free**2 + 4 * free * noise + 2 * noise**2) / steps
    variance += 4 * (free + noise) ** 2 * tracks / steps**2
    spread = max(2 * free * time + 2 * noise * tracks, 0.0) / time**2
    return Diffusion(D, float(np.sqrt(variance / 2)), sigma2, velocity, spread * np.eye(2), False)


def _jackknife(without: Array) -> Array:
    """Return the covariance (k, k) of an estimate, from those (n, k) that leave out one track each."""
    away = without - without.mean(axis=0)
    return (len(without) - 1) / len(without) * away.T @ away
