"""The Landau-Lifshitz-Gilbert equation at zero temperature."""

import math

import pytest
import torch

from napari_magtex.errors import BadExperiment
from napari_magtex.physics.film import Film
from napari_magtex.physics.lattice import SpinLattice
from napari_magtex.physics.llg import GYROMAGNETIC_RATIO, llg_rate, trajectory
from napari_magtex.physics.starts import random_start


def start(batch: int, shape: tuple[int, int], dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return random_start(batch, shape, torch.Generator().manual_seed(3)).to(dtype)


def chiral_lattice(batch: int = 1, dtype: torch.dtype = torch.float64) -> SpinLattice:
    return SpinLattice(1.0, 0.5, 0.1, (0.1, 0.0, 0.3), batch=batch, dtype=dtype)


def spiral(m: torch.Tensor, alpha: torch.Tensor, time: float) -> torch.Tensor:
    """Lone spins (batch, 3) in a unit field along z: phi' = 1 / (1 + alpha^2), theta' = -alpha phi' sin theta."""
    turned = time / (1 + alpha**2)
    theta = 2 * torch.atan(torch.tan(torch.acos(m[:, 2]) / 2) * torch.exp(-alpha * turned))
    phi = torch.atan2(m[:, 1], m[:, 0]) + turned
    return torch.stack((theta.sin() * phi.cos(), theta.sin() * phi.sin(), theta.cos()), dim=1)


def test_lone_spins_spiral_into_the_field_as_the_closed_form_says():
    alpha = torch.tensor([0.0, 0.1, 1.0], dtype=torch.float64)
    m = start(3, (1, 1))
    m /= m.norm(dim=1, keepdim=True)
    model = SpinLattice(0.0, B=(0.0, 0.0, 1.0), batch=3, dtype=torch.float64)
    times = [0.0, 0.7, 5.3, 20.0]
    for time, state in zip(times, trajectory(model, m, times, alpha=alpha, gamma=1.0, tolerance=1e-7), strict=True):
        torch.testing.assert_close(state[..., 0, 0], spiral(m[..., 0, 0], alpha, time), atol=2e-6, rtol=0)


def test_a_free_electrons_spin_turns_28_billion_times_a_second_in_a_tesla():
    film = Film((1, 1), (4e-9,) * 3, 0.0, 0.0, 3.84e5, field_T=(0, 0, 1.0), demag=False, dtype=torch.float64)
    m = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64).view(1, 3, 1, 1)
    quarter = 0.25 / 28.0249514e9  # CODATA 2018: the electron's gyromagnetic ratio over 2 pi, Hz/T
    (state,) = trajectory(film, m, [quarter], alpha=0.0, tolerance=1e-8)
    torch.testing.assert_close(state.flatten(), torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64), atol=1e-6, rtol=0)
    assert pytest.approx(2 * math.pi * 28.0249514e9, rel=1e-8) == GYROMAGNETIC_RATIO


def test_undamped_spins_keep_their_energy():
    model, m = chiral_lattice(), start(1, (12, 12))
    before = model.energy(m)
    (after,) = trajectory(model, m, [20.0], alpha=0.0, gamma=1.0, tolerance=1e-7)
    assert (after - m).abs().max() > 1
    torch.testing.assert_close(model.energy(after), before, rtol=1e-5, atol=0)


def test_damped_spins_lose_energy_all_the_time():
    model = chiral_lattice(2)
    states = trajectory(
        model, start(2, (12, 12)), torch.linspace(0, 30, 60).tolist(), alpha=torch.tensor([0.02, 0.5]), gamma=1.0
    )
    energies = torch.stack([model.energy(state) for state in states])
    assert (energies.diff(dim=0) < 0).all()


def test_energy_is_lost_at_the_rate_of_the_damping():
    """dE/dt = -moment B.dm/dt = -alpha gamma moment |m x B|^2 / (1 + alpha^2)."""
    model, m, alpha = chiral_lattice(), start(1, (8, 8)), 0.3
    field = model.field(m)
    lost = (field * llg_rate(model, m, alpha, 1.0)).sum()
    torque = torch.linalg.cross(m, field, dim=1)
    torch.testing.assert_close(lost, alpha / (1 + alpha**2) * torque.square().sum())


def test_states_do_not_depend_on_the_times_that_are_asked_for():
    model, m = chiral_lattice(), start(1, (8, 8))
    (alone,) = trajectory(model, m, [3.0], alpha=0.1, gamma=1.0)
    *_, among_others = trajectory(model, m, [0.0, 0.1, 0.1, 1.7, 2.999, 3.0], alpha=0.1, gamma=1.0)
    assert torch.equal(alone, among_others)


def test_a_smaller_tolerance_comes_closer():
    model, m = chiral_lattice(), start(1, (8, 8))
    ends = [next(trajectory(model, m, [2.0], alpha=0.1, gamma=1.0, tolerance=t)) for t in (1e-10, 1e-4, 1e-6, 1e-8)]
    errors = [(end - ends[0]).abs().max().item() for end in ends[1:]]
    assert errors[0] > 10 * errors[1] > 100 * errors[2]
    assert errors[2] < 1e-6


def test_every_system_goes_where_it_would_go_alone():
    alpha, m = torch.tensor([0.05, 0.2, 0.9]), start(3, (8, 8))
    (together,) = trajectory(chiral_lattice(3), m, [5.0], alpha=alpha, gamma=1.0, tolerance=1e-8)
    for k in range(3):
        (alone,) = trajectory(chiral_lattice(), m[k : k + 1], [5.0], alpha=alpha[k], gamma=1.0, tolerance=1e-8)
        torch.testing.assert_close(together[k : k + 1], alone, atol=1e-6, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_spins_stay_units_and_empty_sites_empty(dtype: torch.dtype):
    m = start(1, (8, 8), dtype)
    m[..., 2:4, 2:4] = 0
    (state,) = trajectory(chiral_lattice(dtype=dtype), m, [10.0], alpha=0.1, gamma=1.0)
    assert state.dtype == dtype
    assert not state[..., 2:4, 2:4].any()
    lengths = state.norm(dim=1)[m.any(dim=1)]
    torch.testing.assert_close(lengths, torch.ones_like(lengths), atol=1e-6, rtol=0)


def test_what_nothing_acts_on_stays_where_it_is():
    m = start(1, (2, 2))
    (state,) = trajectory(SpinLattice(0.0, dtype=torch.float64), m, [7.0], alpha=0.1, gamma=1.0)
    torch.testing.assert_close(state, m)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"times": [1.0, 0.5]}, "ascend"),
        ({"times": [float("nan")]}, "ascend"),
        ({"alpha": -0.1}, "-0.1"),
        ({"tolerance": 1e-15}, "float64"),
        ({"start": torch.ones(2, 3, 4, 4)}, r"\(1, 3, ny, nx\), not \(2, 3, 4, 4\)"),
        ({"start": torch.full((1, 3, 4, 4), float("nan"))}, "finite"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict, message: str):
    asked = {"start": start(1, (4, 4)), "times": [1.0], "alpha": 0.1, "gamma": 1.0} | changes
    with pytest.raises(BadExperiment, match=message):
        list(trajectory(chiral_lattice(), asked.pop("start"), asked.pop("times"), **asked))
