"""Relaxation, and what it leaves behind."""

import math

import pytest
import torch

import napari_magtex.physics.relax as relax_
from napari_magtex.physics.film import Film
from napari_magtex.physics.lattice import SpinLattice
from napari_magtex.physics.relax import relax
from napari_magtex.physics.starts import paint_skyrmion, random_start, uniform_start
from napari_magtex.physics.topology import topological_charge
from napari_magtex.texture import Lattice


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def test_a_lone_spin_turns_into_the_field():
    model = SpinLattice(0.0, B=(0.0, 0.6, 0.8))
    relaxed = relax(model, random_start(1, (1, 1), generator()), tolerance=1e-6)
    assert relaxed.converged.all()
    torch.testing.assert_close(relaxed.m[0, :, 0, 0], torch.tensor([0.0, 0.6, 0.8]), atol=1e-4, rtol=0)


def test_every_system_ends_where_it_would_end_alone():
    D = torch.tensor([[0.5], [0.6], [0.4]])
    start = random_start(3, (24, 24), generator())
    together = relax(SpinLattice(1.0, D, 0.02, batch=3), start, tolerance=1e-4)
    alone = [relax(SpinLattice(1.0, D[k : k + 1], 0.02), start[k : k + 1], tolerance=1e-4) for k in range(3)]
    assert together.converged.all()
    energies = SpinLattice(1.0, D, 0.02, batch=3).energy(together.m)
    expected = torch.cat([SpinLattice(1.0, D[k : k + 1], 0.02).energy(alone[k].m) for k in range(3)])
    torch.testing.assert_close(energies, expected, rtol=1e-3, atol=0)


def test_what_did_not_converge_says_so():
    relaxed = relax(SpinLattice(1.0, 0.5, 0.02), random_start(1, (32, 32), generator()), max_steps=20)
    assert not relaxed.converged.any()
    assert relaxed.torque.item() > 1e-4


def test_a_slow_system_takes_no_steps_from_the_others(one_thread):
    D = torch.tensor([[0.6], [0.02], [0.02]])
    start = random_start(3, (24, 24), generator())
    start[1:] = relax(SpinLattice(1.0, D[1:], batch=2), start[1:], tolerance=relax_.SMOOTH_BELOW).m
    together = relax(SpinLattice(1.0, D, batch=3), start, tolerance=1e-6, max_steps=100)
    assert together.converged.tolist() == [False, True, True]
    assert (together.steps <= 100).all()
    assert 1e-3 < together.torque[0] < 1, "what was left where it was stopped"
    for k in range(3):
        alone = relax(SpinLattice(1.0, D[k : k + 1]), start[k : k + 1], tolerance=1e-6, max_steps=100)
        for name in ("m", "converged", "torque", "steps"):
            assert torch.equal(getattr(alone, name)[0], getattr(together, name)[k])


def test_empty_sites_stay_empty():
    start = random_start(1, (16, 16), generator())
    start[..., 4:8, 4:8] = 0
    relaxed = relax(SpinLattice(1.0, 0.3, 0.05), start)
    assert not relaxed.m[..., 4:8, 4:8].any()
    assert relaxed.converged.all()


def test_a_seeded_skyrmion_holds_its_charge_and_the_wrong_chirality_collapses():
    charges = []
    for helicity in (0.0, math.pi):
        start = uniform_start(1, (48, 48), (0.0, 0.0, 1.0))
        paint_skyrmion(start[0], (24, 24), 6, 3, helicity=helicity, lattice=Lattice.SQUARE)
        assert topological_charge(start).item() == pytest.approx(-1, abs=1e-6)
        relaxed = relax(SpinLattice(4.0, 0.5, 0.12), start)
        charges.append(topological_charge(relaxed.m).item())
    assert charges == pytest.approx([-1, 0], abs=1e-6)


def test_a_film_of_fege_in_180_millitesla_relaxes_to_skyrmions_with_their_cores_down():
    film = Film((96, 96), (4e-9,) * 3, 8.78e-12, 1.58e-3, 3.84e5, field_T=(0, 0, 0.18))
    relaxed = relax(film, random_start(1, (96, 96), generator()))
    assert relaxed.converged.all()
    assert topological_charge(relaxed.m).item() < -10


@pytest.mark.parametrize(
    "model",
    [
        SpinLattice(1.0, 0.5, 0.02),
        SpinLattice(-1.0, -0.5, 0.02),
        SpinLattice(torch.tensor([[1.0, 0.0, -0.28]]), 0.0, 0.02, lattice=Lattice.TRIANGULAR),
        SpinLattice(0.0, 0.0, 0.3, (0.1, 0.0, 0.0)),
        SpinLattice(0.0, 1.0),
        Film((24, 24), (4e-9,) * 3, 8.78e-12, 1.58e-3, 3.84e5, field_T=(0, 0, 0.18), periodic=False),
    ],
    ids=["ferromagnet", "antiferromagnet", "frustrated", "no exchange", "DMI alone", "open film"],
)
def test_smoothed_forces_lead_into_the_same_valley(model):
    """From where the plain descent hands over, the plain one going on ends in the same state."""
    start = random_start(1, (24, 24), generator())
    rough = relax(model, start, tolerance=relax_.SMOOTH_BELOW)
    smoothed = relax(model, rough.m, tolerance=1e-5)
    plain = relax_.descend(model, rough.m, 1e-5, 20_000, None)
    assert smoothed.converged.all()
    assert plain.converged.all()
    torch.testing.assert_close(model.energy(smoothed.m), model.energy(plain.m), rtol=1e-5, atol=0)
    assert float((smoothed.m * plain.m).sum(dim=1).mean()) > 0.99  # a spiral may slide along itself
    assert smoothed.steps.item() <= plain.steps.item() + 20
