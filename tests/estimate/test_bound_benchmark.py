"""The benchmark of what heat leaves: the information of energies, and the errors that it bounds."""

import importlib
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SPREAD = np.array([40.0, 30.0, 20.0, 10.0])  # of the terms' energies, in kT


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("estimator_bound")


def energies(count=4000, drift=0.0):
    rng = np.random.default_rng(0)
    return rng.standard_normal((count, 4)) * SPREAD + drift * np.arange(count)[:, None]


def test_the_bound_is_that_of_independent_energies(benchmark):
    told = benchmark.bound({}, energies(), 100).told
    of_Ms = np.hypot(2 * 20.0, 10.0)  # by the stray field, twice, and by the applied one
    expected = {name: 67.45 / spread for name, spread in zip("AD", SPREAD, strict=False)} | {"Ms": 67.45 / of_Ms}
    assert told == pytest.approx(expected, rel=0.05)


def test_what_all_prefactors_share_with_T_is_told_by_the_fields_alone(benchmark):
    one = benchmark.bound({}, energies(), 100)
    # ln(Ms^2/T) - ln(Ms/T) = ln Ms, and twice the second less the first is -ln T
    assert one.untold["Ms"] == pytest.approx(67.45 * np.hypot(1 / 20, 1 / 10), rel=0.05)
    assert one.untold["T"] == pytest.approx(67.45 * np.hypot(1 / 20, 2 / 10), rel=0.05)
    assert all(one.untold[name] > one.told[name] for name in one.told)
    assert one.alike["T"] > 0
    assert one.alike["A"] == pytest.approx(one.alike["T"], rel=0.1)


def test_a_drift_is_no_information(benchmark):
    still, drifting = (benchmark.information(energies(drift=drift), 100) for drift in (0.0, 5.0))
    assert drifting == pytest.approx(still, rel=1e-6)


def test_the_table_has_a_row_for_every_window(benchmark):
    rows = [vars(benchmark.bound({}, energies(800), window)) for window in benchmark.WINDOWS]
    text = benchmark.markdown({"temperature_K": 265.0, "rows": rows})
    assert text.startswith("1 films at 265 K")
    assert text.count("T not told") == len(benchmark.WINDOWS)
