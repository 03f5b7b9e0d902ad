"""The mean squared displacement of tracks against the lag, averaged over time and over tracks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_magtex.compute import Progress
from napari_magtex.segment.diffusion import LEAST_TRACKS

Array = NDArray[np.float64]

_SHARE, _FEWEST = 0.25, 10  # of the longest track that lags reach; but so many frames where it is as long
_EVERY = 50  # tracks between two reports


@dataclass(frozen=True, eq=False)
class Spreading:
    """Mean squared displacements, (lags,) each, in squared pixels.

    Parameters
    ----------
    lag
        In frames, from 1.
    total, about_mean
        As it is, and about the mean motion.
    error
        Of ``about_mean``, from the scatter among tracks; NaN where too few reach so far.
    count
        Displacements that were averaged; those of one track overlap.
    """

    lag: NDArray[np.int64]
    total: Array
    about_mean: Array
    error: Array
    count: NDArray[np.int64]


def spreading(paths: Sequence[Array], velocity: Array) -> Iterator[Progress | Spreading]:
    """Average squared displacements of paths (frames, 2), NaN where a skyrmion was missed.

    Parameters
    ----------
    velocity
        (2,) of the mean motion, in pixels a frame.

    Yields
    ------
    Progress, and last the Spreading, up to a quarter of the longest path.
    """
    longest = max(map(len, paths), default=1)
    reach = min(longest - 1, max(_FEWEST, int(_SHARE * longest)))
    total = np.zeros(reach)
    sums = np.zeros((5, reach))  # n, s; n^2, n s, s^2 of each track's number n and sum s of squares
    for done, path in enumerate(paths):
        if done % _EVERY == 0:
            yield Progress(done, len(paths), "averaging")
        n, own, squares = np.zeros((3, reach))
        for lag in range(min(len(path) - 1, reach)):
            away = path[lag + 1 :] - path[: -lag - 1]
            away = away[np.isfinite(away[:, 0])]
            n[lag] = len(away)
            squares[lag] = np.einsum("ij,ij", away, away)
            away -= (lag + 1) * velocity
            own[lag] = np.einsum("ij,ij", away, away)
        total += squares
        sums += np.stack([n, own, n**2, n * own, own**2])
    count, own, n2, ns, s2 = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = own / count
        tracks = count**2 / n2  # as many as count, were all of one length
        error = np.sqrt(np.maximum(s2 - 2 * mean * ns + mean**2 * n2, 0) * tracks / (tracks - 1)) / count
        error[~(tracks >= LEAST_TRACKS)] = np.nan
        total /= count
    seen = count > 0
    lags = np.arange(1, reach + 1)[seen]
    yield Spreading(lags, total[seen], mean[seen], error[seen], count[seen].astype(np.int64))
