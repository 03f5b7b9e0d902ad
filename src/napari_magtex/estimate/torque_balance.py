"""Torque balance: the exact constants of a relaxed texture that is given as vectors.

At rest m x B_eff = 0, and B_eff is linear in A/Ms, D/Ms, Di/Ms, Ku/Ms and Ms: least squares over all cells gives
them, once the applied field is known. With B = 0 only ratios are fixed, unless Ms is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_magtex.errors import UncalibratedPicture, Unsuitable
from napari_magtex.estimate.estimator import RATIO
from napari_magtex.estimate.evaluate import PERIOD
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.parameters import CONSTANTS
from napari_magtex.estimate.predict import DETERMINED_BELOW
from napari_magtex.estimate.spectrum import measure_period
from napari_magtex.physics.film import Film
from napari_magtex.picture import Contrast
from napari_magtex.results import Estimate, Provenance, Quantity
from napari_magtex.texture import Lattice, SpinTexture

BALANCED = 0.05  # residual torque over the terms' own: below it the file is a relaxed state of such a film
_NINETY = 1.645  # standard errors
_UNIT = {"A": 1e-11, "D": 1e-3, "Di": 1e-3, "Ms": 5e5, "Ku": 1e4}  # SI: the columns' constants
_TERMS = {"A": "exchange", "D": "dmi", "Di": "interfacial_dmi", "Ku": "anisotropy", "Ms": "demag"}
_ATOMIC = 1e-9  # metres


@dataclass(frozen=True, eq=False)
class Balance:
    """Constants that balance the torques.

    ``value`` and ``error`` (one standard error) by name, for those that are fixed; ``ratio`` A/D with its error, in
    metres; ``residual``, the torque left over the terms' own; ``condition`` of the least squares.
    """

    value: dict[str, float]
    error: dict[str, float]
    ratio: tuple[float, float] | None
    residual: float
    condition: float
    periodic: bool


def torque_balance(
    texture: SpinTexture,
    experiment: Experiment,
    field_T: Sequence[float] | None = None,
    *,
    name: str = "",
    frame: int = 0,
) -> Estimate:
    """Estimate the constants of a relaxed texture from its vectors.

    Parameters
    ----------
    texture
        A film with known cell; its middle layer speaks for all, with the whole thickness.
    experiment
        Its DMI type, easy axis and demag are taken for granted; its ranges stand for what is not determined.
    field_T
        Applied field (3,) in tesla; default the experiment's.
    name, frame
        Of the file, for the provenance.

    Returns
    -------
    Estimate of the method ``torque_balance``. It is applicable where the torques balance: the file is then a relaxed
    state of such a film. Its intervals are standard errors from the residual.

    Raises
    ------
    UncalibratedPicture
        The cell is unknown.
    Unsuitable
        An atomic or triangular lattice, cells without material, or a film of unknown thickness.
    """
    layer = texture.middle()
    _check(texture, experiment)
    field = experiment.conditions.field_T if field_T is None else tuple(float(b) for b in field_T)
    assert texture.cell is not None
    dz, dy, dx = texture.cell
    cell = (dz * texture.shape[0], dy, dx)
    m = np.moveaxis(layer.m[0], -1, 0)
    balance = min((_balance(m, cell, experiment, field, texture.saturation, p) for p in (True, False)), key=_badness)
    at_rest = balance.residual < BALANCED
    quantities: dict[str, Quantity] = {}
    determined: list[str] = []
    asked = [name for name in ("Ku", "Di") if name in experiment.estimated]
    for key in ("A", "D", "Ms", *asked):
        prior, unit = experiment.parameters[key], CONSTANTS[key].unit
        value, half = balance.value.get(key), _NINETY * balance.error.get(key, np.inf)
        wide = DETERMINED_BELOW * max(prior.high - prior.low, abs(prior.middle) / 2)
        if at_rest and value is not None and 2 * half < wide and (value > 0 or key in ("D", *asked)):
            if key in asked:
                quantities[key] = Quantity(value, value - half, value + half, unit)
            else:
                size = abs(value)
                quantities[key] = Quantity(size, max(size - half, 0.0), size + half, unit)
            determined.append(key)
        else:
            quantities[key] = Quantity(prior.middle, prior.low, prior.high, unit)
    period = measure_period(m, cell=(dy, dx))
    if period.found:
        determined.append(PERIOD)
        length = Quantity(period.value, period.low, period.high, "m")
    else:
        length = experiment.period_prior()
    sign = 0
    if at_rest and balance.ratio is not None and balance.ratio[1] < abs(balance.ratio[0]) / 4:
        determined.append(RATIO)
        sign = int(np.sign(balance.ratio[0]))
    settings = {
        "field_T": list(field),
        "boundary": "periodic" if balance.periodic else "open",
        "condition": float(f"{balance.condition:.4g}"),
    }
    return Estimate(
        provenance=Provenance(name, frame, Contrast.SPIN, None, layer.sha256, "torque_balance", settings),
        method="torque_balance",
        A=quantities["A"],
        D=quantities["D"],
        D_sign=sign,
        Ms=quantities["Ms"],
        period=length,
        applicable=at_rest,
        determined=tuple(determined),
        residual=balance.residual,
        **{name: quantities[name] for name in asked},  # type: ignore[arg-type]
    )


def _balance(
    m: NDArray[np.float32],
    cell: tuple[float, float, float],
    experiment: Experiment,
    field_T: Sequence[float],
    saturation: float | None,
    periodic: bool,
) -> Balance:
    """Solve m (3, ny, nx) x B_eff = 0 for the constants."""
    names = ["A", "D"]
    if "Di" in experiment.parameters:
        names.append("Di")
    if experiment.film.Ku or "Ku" in experiment.parameters:
        names.append("Ku")
    if experiment.film.demag:
        names.append("Ms")
    shape = (m.shape[1], m.shape[2])
    film = Film(
        shape,
        cell,
        _UNIT["A"],
        _UNIT["D"],
        _UNIT["Ms"],
        _UNIT["Ku"],
        Di=_UNIT["Di"] if "Di" in names else 0.0,
        field_T=field_T,
        easy_axis=experiment.film.easy_axis,
        dmi=experiment.film.dmi,
        periodic=periodic,
        demag=experiment.film.demag,
        dtype=torch.float64,
    )
    spins = torch.as_tensor(m.astype(np.float64))[None]
    torque = {
        term: torch.linalg.cross(spins, field, dim=1)[0].flatten().numpy() for term, field in film.fields(spins).items()
    }
    columns = {name: torque[_TERMS[name]] for name in names}
    applied = torque["zeeman"]
    drives = bool(np.linalg.norm(applied) > 1e-9)
    known_Ms = saturation if not drives or "Ms" not in columns else None
    if known_Ms is not None and "Ms" in columns:
        applied = applied + columns.pop("Ms") * (known_Ms / _UNIT["Ms"])
        drives = bool(np.linalg.norm(applied) > 1e-9)
    matrix = np.stack(list(columns.values()), axis=1)
    samples = _independent(torque, shape)
    x, cross, left = _solve(matrix, -applied, samples) if drives else _direction(matrix, samples)
    own = sum(float(np.sum((c * k) ** 2)) for c, k in zip(matrix.T, x, strict=True)) + float(np.sum(applied**2))
    sizes = np.linalg.norm(matrix, axis=0)
    textured = bool((sizes[:2] > 1e-9 * np.sqrt(matrix.shape[0])).all())
    residual = float(np.sqrt(left / own)) if own > 0 and textured else 1.0
    scaled = matrix / np.where(sizes > 0, sizes, 1)
    condition = float(np.linalg.cond(scaled)) if textured else float("inf")
    order = list(columns)
    value, error = _constants(order, x, cross, known_Ms) if textured and drives else ({}, {})
    ratio = _ratio(x, cross) if textured else None
    return Balance(value, error, ratio, residual, min(condition, 1e300), periodic)


def _solve(
    matrix: NDArray[np.float64], right: NDArray[np.float64], samples: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Least squares: the solution, its covariance, the sum of squares left."""
    x = np.asarray(np.linalg.lstsq(matrix, right, rcond=None)[0], dtype=np.float64)
    left = float(np.sum((matrix @ x - right) ** 2))
    inverse = np.asarray(np.linalg.pinv(matrix.T @ matrix), dtype=np.float64)
    return x, inverse * (left / max(samples - len(x), 1e-6)), left


def _direction(matrix: NDArray[np.float64], samples: float) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """The unit vector that the matrix shortens most, for torques that nothing applied balances: ratios alone."""
    squares, vectors = np.linalg.eigh(matrix.T @ matrix)
    x = vectors[:, 0] * (np.sign(vectors[0, 0]) or 1)
    left = max(float(squares[0]), 0.0)
    inverse = (vectors[:, 1:] / np.maximum(squares[1:], 1e-300)) @ vectors[:, 1:].T
    return x, inverse * (left / max(samples - len(x), 1e-6)), left


def _independent(torque: dict[str, NDArray[np.float64]], shape: tuple[int, int]) -> float:
    """Count the independent samples in the torques: the modes that share their power.

    Neighbouring cells do not count as independent, and a lone helix, whose torques are one wave, fixes nothing.
    """
    fields = [torque[term].reshape(3, *shape) for term in ("exchange", "dmi", "demag", "zeeman") if term in torque]
    spectra = [(np.abs(np.fft.fft2(field)) ** 2).sum(axis=0) for field in fields]
    power = sum(spectrum / spectrum.sum() for spectrum in spectra if spectrum.sum() > 0)
    return float(np.sum(power) ** 2 / max(float(np.sum(np.square(power))), 1e-300))


def _constants(
    order: list[str], x: NDArray[np.float64], cross: NDArray[np.float64], known_Ms: float | None
) -> tuple[dict[str, float], dict[str, float]]:
    """Turn A/Ms, D/Ms, Di/Ms, Ku/Ms and Ms into constants with standard errors."""
    if known_Ms is None and "Ms" not in order:
        return {}, {}
    scale = known_Ms / _UNIT["Ms"] if known_Ms is not None else float(x[order.index("Ms")])
    value, error = {}, {}
    for index, name in enumerate(order):
        gradient = np.zeros(len(x))
        if name == "Ms":
            gradient[index], amount = 1.0, scale
        else:
            gradient[index], amount = scale, float(x[index]) * scale
            if known_Ms is None:
                gradient[order.index("Ms")] = x[index]
        value[name] = amount * _UNIT[name]
        error[name] = float(np.sqrt(gradient @ cross @ gradient)) * _UNIT[name]
    return value, error


def _ratio(x: NDArray[np.float64], cross: NDArray[np.float64]) -> tuple[float, float] | None:
    """A/D in metres with its standard error."""
    if x[1] == 0:
        return None
    gradient = np.zeros(len(x))
    gradient[:2] = 1 / x[1], -x[0] / x[1] ** 2
    unit = _UNIT["A"] / _UNIT["D"]
    return float(x[0] / x[1]) * unit, float(np.sqrt(gradient @ cross @ gradient)) * unit


def _badness(balance: Balance) -> float:
    return balance.residual


def _check(texture: SpinTexture, experiment: Experiment) -> None:
    if texture.lattice is not Lattice.SQUARE:
        raise Unsuitable("the torque balance is that of a film of square cells, this is a triangular lattice")
    if texture.cell is None:
        raise UncalibratedPicture("the cell size is unknown, so no torque can be computed: give it in nm")
    if min(texture.cell[1:]) < _ATOMIC:
        raise Unsuitable(
            f"cells of {min(texture.cell[1:]) * 1e9:.3g} nm are an atomic lattice: A, D and Ms are constants of a film"
        )
    if experiment.film.demag and not texture.knows_thickness:
        raise Unsuitable(
            "the thickness of the film is unknown, and the stray field depends on it: save the file with the height of "
            "its cells (zstepsize)"
        )
    if not texture.material.all():
        empty = int((~texture.material).sum())
        raise Unsuitable(f"{empty} cells hold no material: the torque balance needs a film without holes")
