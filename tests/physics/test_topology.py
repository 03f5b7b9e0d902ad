"""Topological charge, of ferromagnets and of antiferromagnets."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_magtex.physics.starts import paint_skyrmion, random_start, uniform_start
from napari_magtex.physics.topology import charge_density, staggered_charge, topological_charge
from napari_magtex.texture import Lattice

BOTH = pytest.mark.parametrize("lattice", list(Lattice))


def skyrmion(lattice: Lattice = Lattice.SQUARE, helicity: float = 0.0) -> torch.Tensor:
    m = uniform_start(1, (48, 48), (0.0, 0.0, 1.0))
    paint_skyrmion(
        m[0], (36, 20) if lattice is Lattice.TRIANGULAR else (24, 24), 6, 3, helicity=helicity, lattice=lattice
    )
    return m


def spins(seed: int, shape: tuple[int, int] = (12, 10)) -> torch.Tensor:
    return random_start(1, shape, torch.Generator().manual_seed(seed))


@BOTH
@pytest.mark.parametrize("periodic", [True, False])
def test_a_skyrmion_with_its_core_down_has_charge_minus_one_whatever_its_helicity(lattice, periodic):
    for helicity in (0.0, math.pi / 2, math.pi):
        m = skyrmion(lattice, helicity)
        assert topological_charge(m, lattice=lattice, periodic=periodic).item() == pytest.approx(-1, abs=1e-4)
        assert topological_charge(-m, lattice=lattice, periodic=periodic).item() == pytest.approx(1, abs=1e-4)


def test_an_antiskyrmion_has_the_other_charge():
    m = skyrmion()
    m[:, 1] *= -1  # in the plane the spins now turn against the way round it
    assert topological_charge(m).item() == pytest.approx(1, abs=1e-6)


def test_the_charge_lies_where_the_skyrmion_lies():
    density = charge_density(skyrmion())[0]
    assert density[48 - 24 - 15 : 48 - 24 + 15, 24 - 15 : 24 + 15].sum().item() == pytest.approx(-1, abs=1e-2)
    assert (density < 1e-6).all()


@BOTH
@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), down=st.integers(0, 11), right=st.integers(0, 9))
def test_the_charge_of_a_closed_texture_is_whole_and_moves_with_it(lattice, seed, down, right):
    m = spins(seed)
    density = charge_density(m, lattice=lattice)
    assert density.sum().item() == pytest.approx(round(density.sum().item()), abs=1e-9)
    moved = charge_density(m.roll((down, right), (2, 3)), lattice=lattice)
    torch.testing.assert_close(moved, density.roll((down, right), (1, 2)))


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000))
def test_the_charge_does_not_depend_on_where_all_spins_point(seed):
    m = spins(seed)
    rotation = torch.from_numpy(Rotation.random(random_state=seed).as_matrix())
    turned = torch.einsum("dc,bcyx->bdyx", rotation, m.double())
    torch.testing.assert_close(charge_density(turned), charge_density(m))


def test_a_plaquette_at_a_hole_or_beyond_an_open_edge_carries_no_charge():
    m = spins(0)
    hollow = m.clone()
    hollow[..., 5, 4] = 0
    changed = charge_density(hollow) != charge_density(m)
    assert changed.nonzero()[:, 1:].tolist() == [[5, 3], [5, 4], [6, 3], [6, 4]]
    open_ = charge_density(m, periodic=False)[0]
    assert not open_[0].any()
    assert not open_[:, -1].any()
    torch.testing.assert_close(open_[1:, :-1], charge_density(m)[0, 1:, :-1])


@pytest.mark.parametrize("pattern", ["checkerboard", "rows at 0", "rows at 60", "rows at 120"])
def test_an_antiferromagnetic_skyrmion_has_staggered_charge_minus_one_wherever_it_lies(pattern):
    lattice = Lattice.SQUARE if pattern == "checkerboard" else Lattice.TRIANGULAR
    rows, columns = torch.meshgrid(torch.arange(48), torch.arange(48), indexing="ij")
    parity = {"rows at 0": rows, "rows at 60": columns}.get(pattern, rows + columns)
    m = skyrmion(lattice) * (1 - 2 * (parity % 2))
    for texture in (m, -m, m.roll(1, 3), m.roll((3, 2), (2, 3))):
        assert staggered_charge(texture, lattice=lattice).item() == pytest.approx(-1, abs=1e-4)
