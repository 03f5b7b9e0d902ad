"""Ways to a state: quench, field path, anneal, heat."""

import pytest
import torch

from napari_magtex.errors import BadExperiment
from napari_magtex.physics.film import Film
from napari_magtex.physics.lattice import SpinLattice
from napari_magtex.physics.protocols import Protocol, prepare
from napari_magtex.physics.relax import relax
from napari_magtex.physics.starts import random_start, uniform_start

UP = (0.0, 0.0, 1.0)


def start(batch=1, side=24):
    return random_start(batch, (side, side), torch.Generator().manual_seed(5))


def test_a_quench_is_a_relaxation_in_the_field_of_the_protocol():
    model = SpinLattice(1.0, 0.5, 0.02)
    quenched = prepare(model, start(), Protocol([(0, 0, 0.1)]))
    assert torch.equal(quenched.m, relax(model.in_field((0, 0, 0.1)), start(), max_steps=20_000).m)


def test_a_path_of_fields_remembers_where_it_came_from():
    """Let go from saturation a chiral magnet stays uniform, behind its barrier; quenched in no field it is not."""
    model = SpinLattice(1.0, 0.45, 0.2)
    quenched = prepare(model, start(), Protocol([(0, 0, 0)]))
    uniform = prepare(model, start(), Protocol([(0, 0, 2), (0, 0, 0)]))
    assert uniform.m[:, 2].min() > 0.99
    assert quenched.m[:, 2].min() < -0.9


def test_a_path_counts_as_converged_only_where_every_step_of_it_did():
    model = SpinLattice(1.0, 0.5, 0.02)
    cut_short = prepare(model, start(), Protocol([(0, 0, 0), (0, 0, 5)]), max_steps=60)
    assert relax(model.in_field((0, 0, 5)), cut_short.m, max_steps=60).converged.all()
    assert not cut_short.converged.any()


def test_an_annealed_labyrinth_lies_below_a_quenched_one():
    model = SpinLattice(1.0, 0.5, 0.02, batch=4)
    quenched = prepare(model, start(4, 32), Protocol([(0, 0, 0)]))
    annealed = prepare(model, start(4, 32), Protocol([(0, 0, 0)], anneal_kT=0.4), seeds=[1, 2, 3, 4])
    assert quenched.converged.all()
    assert annealed.converged.all()
    assert model.energy(annealed.m).mean() < model.energy(quenched.m).mean()


def test_a_heated_ferromagnet_has_the_spread_that_its_temperature_gives_it():
    """Transverse fluctuations of stiff spins in a strong field: <m_x^2 + m_y^2> = 2 kT / B without exchange."""
    model = SpinLattice(0.0, B=(0, 0, 1.0))
    warm = prepare(model, uniform_start(1, (64, 64), UP), Protocol([(0, 0, 1.0)], kT=0.02), seeds=[1])
    across = warm.m[:, :2].square().sum(dim=1).mean()
    assert float(across) == pytest.approx(0.04, rel=0.06)
    torch.testing.assert_close(warm.m.square().sum(dim=1), torch.ones(1, 64, 64))


def test_an_exposure_averages_the_heat_away():
    """A hundred states, half of them as good as independent, in a film that its field holds uniform."""
    film = Film((16, 16), (4e-9,) * 3, 8.78e-12, 0.0, 3.84e5, demag=False)
    held = uniform_start(1, (16, 16), UP)
    heat = {"fields": [(0, 0, 1.0)], "kT": 2e-21}
    snapshot = prepare(film, held, Protocol(**heat), seeds=[1]).m
    exposed = prepare(film, held, Protocol(**heat, averaged=True), seeds=[1]).m
    assert exposed[:, :2].square().mean() < snapshot[:, :2].square().mean() / 30
    assert float(exposed[:, 2].mean()) == pytest.approx(float(snapshot[:, 2].mean()), abs=0.01)
    assert float(exposed[:, 2].mean()) < 0.995


def test_a_heated_system_does_not_depend_on_its_company():
    model = SpinLattice(1.0, 0.5, 0.02, batch=2)
    protocol = Protocol([(0, 0, 0.1)], anneal_kT=0.5, kT=0.1)
    together = prepare(model, start(2), protocol, seeds=[7, 8])
    alone = prepare(model.select(torch.tensor([1])), start(2)[1:], protocol, seeds=[8])
    torch.testing.assert_close(together.m[1:], alone.m, rtol=0, atol=1e-3)


def test_a_protocol_without_a_field_is_refused():
    with pytest.raises(BadExperiment, match="at least the field"):
        Protocol([])


def test_heat_without_seeds_is_refused():
    with pytest.raises(BadExperiment, match="generator"):
        prepare(SpinLattice(1.0), start(), Protocol([(0, 0, 0)], kT=0.1))
