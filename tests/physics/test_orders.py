"""Sublattice orders of perfect states, and what must not change them."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_magtex.physics.orders import (
    bond_correlations,
    order_parameters,
    slow_field,
    unstaggered,
    vector_chirality,
)
from napari_magtex.physics.starts import helix_start, random_start, uniform_start
from napari_magtex.texture import Lattice

SHAPE = (12, 18)
ROWS, COLUMNS = torch.meshgrid(*(torch.arange(n) for n in SHAPE), indexing="ij")
PARITIES = {"row_wise_0": ROWS, "row_wise_60": COLUMNS, "row_wise_120": ROWS + COLUMNS}


def signs(parity: torch.Tensor) -> torch.Tensor:
    return 1.0 - 2.0 * (parity % 2)


def of_120_degrees(sense: int) -> torch.Tensor:
    up = SHAPE[0] - 1 - ROWS
    angle = 0.3 + sense * 2 * math.pi / 3 * (COLUMNS - up)
    return torch.stack((angle.cos(), angle.sin(), 0 * angle))[None]


def turned(m: torch.Tensor, seed: int) -> torch.Tensor:
    rotation = torch.from_numpy(Rotation.random(random_state=seed).as_matrix())
    return torch.einsum("dc,bcyx->bdyx", rotation, m.double())


def along(direction: tuple[float, float, float]) -> torch.Tensor:
    return uniform_start(1, SHAPE, direction)


def only(orders: dict[str, torch.Tensor], name: str) -> None:
    for key, order in orders.items():
        assert order.item() == pytest.approx(float(key == name), abs=1e-6), key


def test_a_ferromagnet_and_a_checkerboard_have_each_their_own_order():
    m = along((1.0, 2.0, 2.0))
    only(order_parameters(m), "ferromagnetic")
    only(order_parameters(m * signs(ROWS + COLUMNS)), "checkerboard")
    only(order_parameters(m, lattice=Lattice.TRIANGULAR), "ferromagnetic")


@pytest.mark.parametrize("name", PARITIES)
def test_rows_of_each_direction_have_their_own_order_and_parallel_bonds_along_them(name):
    m = along((0.0, 0.6, 0.8)) * signs(PARITIES[name])
    only(order_parameters(m, lattice=Lattice.TRIANGULAR), name)
    parallel = [1.0 if key == name else -1.0 for key in PARITIES]
    for periodic in (True, False):
        found = bond_correlations(m, lattice=Lattice.TRIANGULAR, periodic=periodic)
        assert found[0].tolist() == pytest.approx(parallel, abs=1e-6)


@pytest.mark.parametrize("sense", [1, -1])
def test_a_120_degree_state_has_the_order_of_three_sublattices_and_the_chirality_of_its_sense(sense):
    m = of_120_degrees(sense)
    only(order_parameters(m, lattice=Lattice.TRIANGULAR), "three_sublattice")
    for periodic in (True, False):
        assert vector_chirality(m, periodic=periodic)[0].tolist() == pytest.approx([0, 0, sense], abs=1e-6)
    assert bond_correlations(m, lattice=Lattice.TRIANGULAR)[0].tolist() == pytest.approx([-0.5] * 3, abs=1e-6)


def test_collinear_states_have_no_chirality():
    for parity in PARITIES.values():
        assert vector_chirality(along((0.0, 0.6, 0.8)) * signs(parity)).abs().max() < 1e-6


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000))
def test_orders_do_not_depend_on_where_all_spins_point(seed):
    m = random_start(1, SHAPE, torch.Generator().manual_seed(seed)).double()
    for lattice in Lattice:
        torch.testing.assert_close(
            order_parameters(turned(m, seed), lattice=lattice), order_parameters(m, lattice=lattice)
        )
        torch.testing.assert_close(
            bond_correlations(turned(m, seed), lattice=lattice), bond_correlations(m, lattice=lattice)
        )
    torch.testing.assert_close(vector_chirality(turned(m, seed)).norm(), vector_chirality(m).norm())


def test_empty_sites_and_their_bonds_do_not_count():
    m = of_120_degrees(1)
    m[..., 2:8, 3:9] = 0  # whole unit cells of three sublattices
    assert order_parameters(m, lattice=Lattice.TRIANGULAR)["three_sublattice"].item() == pytest.approx(1, abs=1e-6)
    assert vector_chirality(m)[0, 2].item() == pytest.approx(1, abs=1e-6)
    assert bond_correlations(m, lattice=Lattice.TRIANGULAR)[0].tolist() == pytest.approx([-0.5] * 3, abs=1e-6)


@pytest.mark.parametrize("name", PARITIES)
def test_a_texture_of_staggered_rows_is_unstaggered_although_its_mean_order_vanishes(name):
    helix = helix_start(SHAPE, 9, 0.4, dmi="bulk", lattice=Lattice.TRIANGULAR)
    m = helix * signs(PARITIES[name])
    torch.testing.assert_close(unstaggered(m, lattice=Lattice.TRIANGULAR), helix)
    torch.testing.assert_close(slow_field(m, lattice=Lattice.TRIANGULAR), helix)


def test_the_slow_field_of_each_system_is_its_own():
    helix = helix_start(SHAPE, 9, 0.4, dmi="bulk")
    both = torch.cat((helix, helix * signs(ROWS + COLUMNS)))
    torch.testing.assert_close(slow_field(both), torch.cat((helix, helix)))
    assert torch.equal(slow_field(of_120_degrees(1), lattice=Lattice.TRIANGULAR), of_120_degrees(1))
