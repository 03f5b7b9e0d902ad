"""Virials: against derivatives taken by autograd, spins that are known to be in equilibrium, and relaxed films."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_magtex.compute import drain
from napari_magtex.estimate.equilibrium import ORDER, Guess, Misses, balance, columns, missed, slope_of_missed
from napari_magtex.estimate.virials import HEAT_UNIT, SCALES, TERMS, UNITS, Equations, Mesh, region_virials, virials
from napari_magtex.physics.film import Film
from napari_magtex.physics.relax import relax
from napari_magtex.physics.starts import random_start

CELL = (4e-9, 4e-9, 4e-9)
FIELD = (0.0, 0.0, 0.18)
FEGE = np.array([8.78e-12 / UNITS["A"], 1.58e-3 / UNITS["D"], 0.0, 0.0, 0.384e6 / UNITS["Ms"], 0.0])  # in ORDER
MS = ORDER.index("Ms")
NAMES = ("A", "D", "Ms2", "Ms")


def unit_vectors(shape: tuple[int, int], seed: int) -> np.ndarray:
    m = np.random.default_rng(seed).normal(size=(3, *shape))
    return m / np.linalg.norm(m, axis=0)


def film(shape: tuple[int, int]) -> Film:
    return Film(shape, CELL, 8.78e-12, 1.58e-3, 0.384e6, field_T=FIELD, dtype=torch.float64)


@pytest.fixture(scope="module")
def relaxed() -> np.ndarray:
    model = film((48, 48))
    start = random_start(1, (48, 48), torch.Generator().manual_seed(3)).double()
    return relax(model, start, tolerance=1e-9, max_steps=20_000).m[0].numpy()


@pytest.mark.parametrize("dmi", ["bulk", "interfacial", "both"])
def test_work_and_divergence_are_those_of_the_field_of_turns(dmi) -> None:
    shape, field, axis = (6, 5), (0.1, 0.0, 0.2), (0.6, 0.0, 0.8)
    names = ("A", "D", *(["Di"] if dmi == "both" else []), "Ku", "Ms2", "Ms")
    kind, Di = ("bulk", UNITS["Di"]) if dmi == "both" else (dmi, 0.0)
    m, weight = unit_vectors(shape, 0), np.random.default_rng(1).random(shape)
    model = Film(shape, CELL, UNITS["A"], UNITS["D"], UNITS["Ms"], UNITS["Ku"], field_T=field, easy_axis=axis,
                 dmi=kind, Di=Di, dtype=torch.float64)  # fmt: skip
    moment = float(model.moment) / HEAT_UNIT
    chi = torch.as_tensor(weight)
    along_y, along_x = ((2 * torch.sin(torch.pi * torch.fft.fftfreq(n, dtype=torch.float64))) ** 2 for n in shape)
    k2 = along_y[:, None] + along_x

    def force(name: str, spins: torch.Tensor) -> torch.Tensor:
        return model.fields(spins)[TERMS[name]] * moment

    def turns(name: str, c: float, spins: torch.Tensor) -> torch.Tensor:
        spins = spins / spins.norm(dim=1, keepdim=True)  # so that a derivative along a spin does nothing

        def across(x: torch.Tensor) -> torch.Tensor:
            return x - spins * (spins * x).sum(1, keepdim=True)

        smoothing = torch.ones_like(k2) if c == 0 else (1 + k2 / c) ** -2
        smooth = torch.fft.ifft2(torch.fft.fft2(chi * across(force(name, spins))) * smoothing).real
        return across(chi * smooth)

    spins = torch.as_tensor(m)[None]
    found = virials(m, weight, Mesh(CELL, kind, field, axis, names))[0]
    for row, (c, name) in zip(found, [(c, name) for c in SCALES for name in names], strict=True):
        field_of_turns = turns(name, c, spins)
        work = [float((field_of_turns * force(other, spins)).sum()) for other in names]
        slopes = torch.autograd.functional.jacobian(lambda x, n=name, c=c: turns(n, c, x), spins)
        divergence = float(slopes.reshape(m.size, m.size).trace())
        np.testing.assert_allclose(row, [*work, divergence], rtol=1e-9, atol=1e-9)


def test_free_spins_in_a_field_have_the_temperature_that_they_were_drawn_at() -> None:
    shape, kT = (64, 64), 2.65  # of 100 K
    moment = UNITS["Ms"] * np.prod(CELL) / HEAT_UNIT
    b = moment * 0.5 / kT
    rng = np.random.default_rng(0)
    u = rng.random(shape)
    z = 1 + np.log(u + (1 - u) * np.exp(-2 * b)) / b  # Langevin's distribution
    angle = rng.uniform(0, 2 * np.pi, shape)
    r = np.sqrt(1 - z * z)
    m = np.stack([r * np.cos(angle), r * np.sin(angle), z])
    rows = virials(m, np.ones(shape), Mesh(CELL, "bulk", (0.0, 0.0, 0.5), names=("A", "D", "Ms2", "Ms")))[0]
    work, heat = rows[3, 3], rows[3, -1]  # unsmoothed turns in the applied field, and what that field does on them
    assert -work / heat == pytest.approx(kT, rel=0.05)


def test_a_relaxed_film_obeys_every_equation_and_tells_its_constants(relaxed) -> None:
    rows = virials(relaxed, np.ones((48, 48)), Mesh(CELL, "bulk", FIELD))[0]
    assert np.abs(missed(rows, columns(FEGE, NAMES))).max() < 1e-6
    wrong = columns(FEGE * [1.1, 1, 1, 1, 1, 1], NAMES)
    assert np.abs(missed(rows, wrong)).max() > 0.02


def test_eight_bits_and_an_unknown_heat_leave_a_percent(relaxed) -> None:
    rounded = np.round(relaxed * 127) / 127
    rounded = rounded / np.linalg.norm(rounded, axis=0)
    rows = virials(rounded, np.ones((48, 48)), Mesh(CELL, "bulk", FIELD))[0]
    equations, misses = Equations(rows, 48 * 48), Misses(np.eye(len(rows)), np.eye(len(rows)))
    low, high = np.array([0.4, 0.8, 0.0, 0.0, 0.4, 0.0]), np.array([1.2, 2.4, 0.0, 0.0, 1.2, 3.0])
    found = balance(equations, NAMES, misses, Guess((low + high) / 2, np.eye(6), low, high)).value
    assert np.abs(found[[0, 1, MS]] / FEGE[[0, 1, MS]] - 1).max() < 0.03
    assert found[-1] < 0.05
    low[MS] = high[MS] = FEGE[MS]  # "I know Ms"
    known = balance(equations, NAMES, misses, Guess((low + high) / 2, np.eye(6), low, high))
    assert known.value[MS] == FEGE[MS]
    assert known.covariance[MS, MS] == 0
    assert np.abs(known.value[:2] / FEGE[:2] - 1).max() < 0.03


def test_a_piece_asks_nothing_of_what_lies_beyond_but_its_stray_field(relaxed) -> None:
    weight = np.zeros((48, 48))
    weight[12:36, 12:36] = 1
    other = relaxed.copy()
    other[:, :8], other[:, 40:] = np.array([0, 0, 1])[:, None, None], np.array([0, 0, 1])[:, None, None]
    rows, others = (virials(m, weight, Mesh(CELL, "bulk", FIELD))[0] for m in (relaxed, other))
    local = [0, 1, 3]
    np.testing.assert_allclose(others[local][:, [0, 1, 3, 4]], rows[local][:, [0, 1, 3, 4]], rtol=1e-9)
    assert np.abs(missed(others, columns(FEGE, NAMES))).max() < 0.05


def test_a_region_obeys_the_equations_though_nothing_is_known_beyond(relaxed) -> None:
    y, x = np.mgrid[:48, :48]
    inside = (y - 24) ** 2 + (x - 24) ** 2 < 22**2
    nonsense = np.where(inside, relaxed, unit_vectors((48, 48), 5)).astype(np.float32)
    found = drain(region_virials(nonsense, inside, Mesh(CELL, "bulk", FIELD)))
    assert 0.2 * inside.sum() < found.cells < 0.6 * inside.sum()
    assert np.abs(missed(found.rows, columns(FEGE, NAMES))).max() < 0.1
    assert np.abs(missed(found.rows, columns(FEGE * [1.2, 1, 1, 1, 1, 1], NAMES))).max() > 0.1


def test_a_large_region_is_the_sum_of_its_blocks(relaxed, monkeypatch) -> None:
    m, mesh = np.tile(relaxed, (1, 2, 1)).astype(np.float32), Mesh(CELL, "bulk", FIELD)
    monkeypatch.setattr("napari_magtex.estimate.virials._BLOCK", 60)
    steps = list(region_virials(m, np.ones((96, 48), bool), mesh))
    assert len(steps) == 3
    halves = [drain(region_virials(m[:, half], np.ones((48, 48), bool), mesh)) for half in (slice(48), slice(48, 96))]
    assert steps[-1].cells == pytest.approx(sum(half.cells for half in halves))
    np.testing.assert_allclose(steps[-1].rows, sum(half.rows for half in halves), rtol=1e-4, atol=1e-3)


def test_tiles_add_up_to_the_whole(relaxed) -> None:
    mesh, weight = Mesh(CELL, "bulk", FIELD), np.ones((48, 48))
    whole, parts = virials(relaxed, weight, mesh), virials(relaxed, weight, mesh, tiles=3)
    assert parts.shape == (9, *whole.shape[1:])
    np.testing.assert_allclose(parts.sum(axis=0), whole[0], rtol=1e-9, atol=1e-9)


def test_misses_grow_with_heat_and_fall_with_the_cells() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([[1.0, 0.0, 0.0, 0.0, 2.0, 0.0]] * 50 + [[1.0, 0.0, 0.0, 0.0, 2.0, 1.0]] * 50)
    noise = np.where(truth[:, -1] == 0, 0.01, 0.1)
    equations = [Equations(np.array([[1.0, -0.5 + s * rng.normal() / 2, 0.0]]), 100.0) for s in noise]
    misses = Misses.learn(equations, truth, ("A", "Ms"))
    cold, hot = (1 / misses.whitening(kT, 100.0)[0][0, 0] for kT in (0.0, 1.0))
    assert cold == pytest.approx(0.01 / np.sqrt(2), rel=0.3)
    assert hot == pytest.approx(0.1 / np.sqrt(2), rel=0.3)
    assert misses.whitening(1.0, 400.0)[0][0, 0] == pytest.approx(2 / hot, rel=0.01)
    assert misses.whitening(1.0, 400.0)[1] > misses.whitening(1.0, 100.0)[1]


def test_the_slope_of_the_misses_is_that_of_their_differences() -> None:
    rng = np.random.default_rng(0)
    rows, constants, step = rng.normal(size=(7, 5)), rng.uniform(0.5, 1.5, len(ORDER)), 1e-6
    slope = slope_of_missed(rows, constants, NAMES)
    for i in range(len(ORDER)):
        ends = [missed(rows, columns(constants + s * step * (np.arange(len(ORDER)) == i), NAMES)) for s in (1, -1)]
        np.testing.assert_allclose(slope[:, i], (ends[0] - ends[1]) / (2 * step), atol=1e-7)
