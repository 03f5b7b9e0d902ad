"""Spins in a heat bath against statistical mechanics.

Tolerances are four standard errors of the states that are averaged, besides the bias of the time step.
"""

import math

import pytest
import torch
from scipy.constants import Boltzmann
from scipy.integrate import quad

from napari_magtex.compute import Progress, drain
from napari_magtex.errors import BadExperiment
from napari_magtex.physics.film import Film
from napari_magtex.physics.lattice import SpinLattice
from napari_magtex.physics.llg import GYROMAGNETIC_RATIO
from napari_magtex.physics.model import SpinModel
from napari_magtex.physics.starts import random_start, uniform_start
from napari_magtex.physics.thermal import thermal_average, thermal_state, thermal_step


def bath(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def langevin(x: float) -> float:
    return 1 / math.tanh(x) - 1 / x


def states_of(model: SpinModel, start: torch.Tensor, kT: torch.Tensor | float, *, states: int, apart: int, **more):
    """Yield so many states, after as many steps as half of them take."""
    generators = bath(*range(model.batch))
    m = drain(thermal_state(model, start, kT, steps=states * apart // 2, generators=generators, **more))
    for _ in range(states):
        m = drain(thermal_state(model, m, kT, steps=apart, generators=generators, **more))
        yield m


def thermal_energy(model: SpinModel, start: torch.Tensor, kT: float, **more) -> torch.Tensor:
    """Return the energy above the start's by site and kT, and its standard error."""
    sites = start[0, 0].numel() * kT
    ground = model.energy(start)
    energies = torch.stack([(model.energy(m) - ground) / sites for m in states_of(model, start, kT, **more)])
    means = energies.mean(dim=0)
    return torch.stack((means.mean(), means.std() / math.sqrt(len(means))))


def test_free_moments_follow_langevin():
    x = torch.tensor([0.5, 2.0, 8.0])
    model = SpinLattice(0.0, B=torch.stack((0 * x, 0 * x, x), dim=1), batch=3)
    states = states_of(model, uniform_start(3, (64, 64), (0, 0, 1)), 1.0, states=16, apart=30)
    along = torch.stack([m[:, 2].mean(dim=(1, 2)) for m in states]).mean(dim=0)
    # 65,536 spins: the standard error of a spin's component is at most 1/sqrt(3 * 65536) = 0.0023
    assert along.tolist() == pytest.approx([langevin(value) for value in x.tolist()], abs=0.01)


def test_free_cells_of_a_film_follow_langevin_in_tesla_and_kelvin():
    cell, Ms, T = (4e-9,) * 3, 3.84e5, 300.0
    field = 2 * Boltzmann * T / (Ms * math.prod(cell))
    film = Film((64, 64), cell, 0.0, 0.0, Ms, field_T=(field, 0, 0), demag=False)
    states = states_of(film, uniform_start(1, (64, 64), (1, 0, 0)), Boltzmann * T, states=16, apart=30)
    along = torch.stack([m[:, 0].mean() for m in states]).mean().item()
    assert along == pytest.approx(langevin(2), abs=0.01)


@pytest.mark.parametrize("kT", [0.25, 1.0])
def test_a_spin_with_an_easy_axis_follows_boltzmann(kT: float):
    def weight(z: float) -> float:
        return math.exp(z * z / kT)

    expected = quad(lambda z: z * z * weight(z), 0, 1)[0] / quad(weight, 0, 1)[0]
    model = SpinLattice(0.0, K=1.0)
    states = states_of(model, random_start(1, (64, 64), bath(9)[0]), kT, states=16, apart=30)
    squares = torch.stack([m[:, 2].square().mean() for m in states]).mean().item()
    assert squares == pytest.approx(expected, abs=0.005)  # standard error 0.3/sqrt(65536) = 0.0012


def test_cold_coupled_spins_share_the_energy_equally():
    """Two transverse modes a site, kT/2 each: E - E0 = N kT."""
    model = SpinLattice(1.0, 0.4, 0.2, (0.0, 0.0, 0.6), batch=8)
    start = uniform_start(8, (24, 24), (0, 0, 1))
    energy, error = thermal_energy(model, start, 0.01, states=16, apart=25)
    assert error < 0.01
    assert energy == pytest.approx(1, abs=4 * error.item() + 0.005)


def test_a_film_with_demag_shares_the_energy_equally():
    film = Film((32, 32), (4e-9,) * 3, torch.full((4,), 8.78e-12), 1.58e-3, 3.84e5, field_T=(0, 0, 1.0))
    energy, error = thermal_energy(film, uniform_start(4, (32, 32), (0, 0, 1)), Boltzmann * 5, states=8, apart=25)
    assert error < 0.02
    assert energy == pytest.approx(1, abs=4 * error.item() + 0.005)


def test_equilibrium_depends_neither_on_the_damping_nor_on_the_step():
    model = SpinLattice(1.0, 0.0, 0.0, (0.0, 0.0, 1.0), batch=8)
    start = uniform_start(8, (24, 24), (0, 0, 1))
    reference, error = thermal_energy(
        model, start, 0.5, states=10, apart=60, dt=thermal_step(model, 0.5, 1.0) / 4, gamma=1.0
    )
    for alpha, apart in ((1.0, 25), (0.3, 50)):
        energy, spread = thermal_energy(model, start, 0.5, states=10, apart=apart, alpha=alpha)
        assert energy == pytest.approx(reference.item(), abs=4 * math.hypot(error, spread) + 0.005)


def test_a_system_is_shaken_alike_in_every_batch():
    kT, alpha = torch.tensor([0.1, 0.4, 0.9]), torch.tensor([1.0, 0.5, 0.1])
    D = torch.tensor([[0.2], [0.5], [0.4]])
    start = random_start(3, (9, 7), bath(1)[0])
    together = drain(
        thermal_state(SpinLattice(1.0, D, batch=3), start, kT, steps=40, generators=bath(5, 6, 7), alpha=alpha)
    )
    for k in range(3):
        one = slice(k, k + 1)
        alone = thermal_state(
            SpinLattice(1.0, D[one]), start[one], kT[one], steps=40, generators=bath(5 + k), alpha=alpha[one]
        )
        torch.testing.assert_close(together[one], drain(alone), atol=1e-4, rtol=0)


def test_the_same_seed_gives_the_same_state_and_another_seed_another():
    model, start = SpinLattice(1.0), random_start(1, (8, 8), bath(1)[0])
    first, again, other = (drain(thermal_state(model, start, 0.5, steps=60, generators=bath(s))) for s in (5, 5, 6))
    assert torch.equal(first, again)
    assert (first - other).abs().max() > 0.5


def test_two_stages_are_one_long_stage():
    model, start, generators = SpinLattice(1.0), random_start(1, (8, 8), bath(1)[0]), bath(5)
    half = drain(thermal_state(model, start, 0.5, steps=50, generators=generators))
    halves = drain(thermal_state(model, half, 0.5, steps=50, generators=generators))
    assert torch.equal(halves, drain(thermal_state(model, start, 0.5, steps=100, generators=bath(5))))


def test_without_temperature_spins_turn_into_the_field():
    model = SpinLattice(0.0, B=(0.0, 0.6, 0.8))
    m = drain(thermal_state(model, random_start(1, (4, 4), bath(1)[0]), 0.0, steps=100, generators=bath(2)))
    torch.testing.assert_close(m[0, :, 2, 2], torch.tensor([0.0, 0.6, 0.8]), atol=1e-4, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_spins_stay_units_and_empty_sites_empty(dtype: torch.dtype):
    start = random_start(1, (8, 8), bath(1)[0])
    start[..., 2:4, 2:4] = 0
    m = drain(thermal_state(SpinLattice(1.0, 0.5, dtype=dtype), start, 0.5, steps=70, generators=bath(2)))
    assert m.dtype == dtype
    assert not m[..., 2:4, 2:4].any()
    lengths = m.norm(dim=1)[start.any(dim=1)]
    torch.testing.assert_close(lengths, torch.ones_like(lengths), atol=1e-6, rtol=0)


def test_a_long_exposure_sees_the_mean_of_every_spin():
    model, generators = SpinLattice(0.0, B=(0.0, 0.0, 2.0)), bath(3)
    start = drain(thermal_state(model, uniform_start(1, (16, 16), (0, 0, 1)), 1.0, steps=100, generators=generators))
    mean = drain(thermal_average(model, start, 1.0, states=100, apart=15, generators=generators))
    # a component spreads by 1/sqrt(3) at most: a tenth of it is left after 100 states, a 160th over 256 spins
    assert mean[0, 2].mean().item() == pytest.approx(langevin(2), abs=0.016)
    assert mean[0, 2].std().item() < 0.1
    assert mean[0, :2].mean(dim=(1, 2)).abs().max() < 0.016


def test_a_long_stage_reports_how_far_it_is():
    stage = thermal_state(SpinLattice(1.0), random_start(1, (4, 4), bath(1)[0]), 0.1, steps=120, generators=bath(1))
    *reports, m = stage
    assert reports == [Progress(done, 120, "thermal state") for done in (0, 50, 100)]
    assert m.shape == (1, 3, 4, 4)


def test_the_step_follows_stiffness_and_temperature_of_every_system():
    film = Film((8, 8), (4e-9,) * 3, torch.tensor([4e-12, 12e-12]), 1.58e-3, 3.84e5)
    cold, warm = thermal_step(film, 0.0), thermal_step(film, Boltzmann * 300)
    torch.testing.assert_close(cold, 0.5 / (GYROMAGNETIC_RATIO * film.stiffness.double()))
    assert (warm < cold).all()
    assert warm[0] > warm[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kT": -1.0}, "kT must be at least 0, not -1"),
        ({"alpha": 0.0}, "damping"),
        ({"generators": bath(1)}, "2 systems need a generator each, not 1"),
        ({"start": torch.ones(1, 3, 4, 4)}, r"\(2, 3, ny, nx\)"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict, message: str):
    asked = {"start": torch.ones(2, 3, 4, 4), "kT": 1.0, "generators": bath(1, 2), "steps": 1} | changes
    with pytest.raises(BadExperiment, match=message):
        drain(thermal_state(SpinLattice(1.0, batch=2), asked.pop("start"), asked.pop("kT"), **asked))
