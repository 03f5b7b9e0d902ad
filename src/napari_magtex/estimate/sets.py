"""Which constants are simulated: sets to train on, and sets held back to calibrate the intervals and to test them."""

from __future__ import annotations

import itertools
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from napari_magtex.estimate.experiment import Experiment

_AT_REST = 0.25  # of the films, where temperatures range from 0 up


class Split(StrEnum):
    """What a film is for; no set of constants serves two."""

    TRAIN = "train"
    CALIBRATION = "calibration"
    TEST = "test"

    @property
    def number(self) -> int:
        """Its place, which keeps the random numbers of the splits apart."""
        return list(Split).index(self)


def parameter_sets(experiment: Experiment, split: Split) -> NDArray[np.float64]:
    """Return the constants of every film of a split, (films, constants) in SI units.

    The columns are ``experiment.parameters`` in their order. Where every constant that varies is a list of values the
    training sets are their grid; else they fill the ranges evenly (Sobol). The sets held back are drawn at random
    from the ranges, between the values of a list too. A temperature that ranges from 0 up is 0 in a quarter of them:
    nothing near it stands for a film that is at rest.
    """
    parameters = list(experiment.parameters.values())
    varying = [p for p in parameters if p.varies]
    if split is Split.TRAIN and not any(p.is_range for p in varying):
        return np.array(list(itertools.product(*(p.values for p in parameters))))
    seed = [experiment.start.seed, split.number]
    if split is Split.TRAIN:
        unit = _sobol(experiment.training.films, len(varying), seed)
    else:
        count = experiment.training.calibration if split is Split.CALIBRATION else experiment.training.test
        unit = np.random.default_rng(seed).random((count, len(varying)))
    fractions = iter(unit.T)
    columns = []
    for p in parameters:
        if not p.varies:
            columns.append(np.full(len(unit), p.low))
        elif split is Split.TRAIN and not p.is_range:
            columns.append(np.array(p.values)[(next(fractions) * len(p.values)).astype(int)])
        else:
            columns.append(np.asarray(p.from_unit(next(fractions))))
    for place, (name, p) in enumerate(experiment.parameters.items()):
        if name == "T" and p.is_range and p.low == 0:
            columns[place] = np.maximum(0, (columns[place] - _AT_REST * p.high) / (1 - _AT_REST))
    return np.stack(columns, axis=1)


def _sobol(count: int, dimensions: int, seed: list[int]) -> NDArray[np.float64]:
    from scipy.stats import qmc

    engine = qmc.Sobol(dimensions, rng=np.random.default_rng(seed))
    return np.asarray(engine.random_base2((count - 1).bit_length())[:count])
