"""Structure factors and periods of waves that are known."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_magtex.physics.starts import helix_start, paint_skyrmion, random_start, uniform_start
from napari_magtex.physics.structure import dominant_period, frequencies, structure_factor
from napari_magtex.texture import Lattice

BOTH = pytest.mark.parametrize("lattice", list(Lattice))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def closed_helix(shape: tuple[int, int], turns: tuple[int, int], lattice: Lattice) -> tuple[torch.Tensor, float]:
    """A helix with so many turns up and to the right, and its period."""
    waves_up, waves_right = turns[0] / shape[0], turns[1] / shape[1]
    up, right = torch.arange(shape[0] - 1, -1, -1.0)[:, None], torch.arange(float(shape[1]))
    phase = 2 * math.pi * (waves_up * up + waves_right * right)
    k = math.hypot(waves_right, waves_up)
    if lattice is Lattice.TRIANGULAR:  # rows are sqrt(3)/2 apart, and shifted by a half
        k = math.hypot(waves_right, (waves_up - waves_right / 2) * 2 / math.sqrt(3))
    return torch.stack((phase.sin(), 0 * phase, phase.cos()))[None], 1 / k


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), ny=st.integers(1, 9), nx=st.integers(1, 9))
def test_a_structure_factor_sums_to_the_mean_square_of_each_component(seed, ny, nx):
    m = random_start(2, (ny, nx), generator(seed)).double()
    torch.testing.assert_close(structure_factor(m).sum(dim=(2, 3)), m.square().mean(dim=(2, 3)))


def test_faded_edges_keep_the_variance_of_a_texture_and_drop_its_mean():
    m = random_start(4, (64, 48), generator()) + torch.tensor([3.0, 0.0, 1.0])[:, None, None]
    torch.testing.assert_close(
        structure_factor(m, periodic=False).sum(dim=(2, 3)), m.double().var(dim=(2, 3)), rtol=0.1, atol=0
    )


@BOTH
@pytest.mark.parametrize("turns", [(0, 5), (6, 0), (4, 3), (-4, 3), (5, -7), (1, 1), (0, 1)])
def test_the_period_of_a_closed_helix_is_exact_at_any_angle(lattice, turns):
    m, period = closed_helix((60, 48), turns, lattice)
    assert dominant_period(m, lattice=lattice).item() == pytest.approx(period, rel=1e-9)


@BOTH
@pytest.mark.parametrize("angle", [0.0, 0.5, 1.3, 2.0, 2.9])
@pytest.mark.parametrize("period", [6.2, 13.7])
def test_the_period_of_a_helix_cut_by_open_edges_is_known_to_a_third_of_the_resolution(lattice, angle, period):
    m = helix_start((100, 120), period, angle, dmi="bulk", lattice=lattice)
    found = dominant_period(m, lattice=lattice, periodic=False).item()
    assert found == pytest.approx(period, rel=0.3 * period / 100)


def test_a_period_is_in_the_unit_of_the_cell():
    m, _ = closed_helix((40, 60), (4, 3), Lattice.SQUARE)
    k = math.hypot(4 / (40 * 2e-9), 3 / (60 * 3e-9))
    assert dominant_period(m, cell=(2e-9, 3e-9)).item() == pytest.approx(1 / k, rel=1e-9)


def test_wave_vectors_of_the_triangular_lattice_lie_in_its_hexagon():
    k = frequencies((12, 12), lattice=Lattice.TRIANGULAR)
    assert k.max().item() == pytest.approx(2 / 3)  # its corner: the 120-degree state
    assert k[4, 4].item() == pytest.approx(2 / 3)
    assert [k[6, 0].item(), k[0, 6].item(), k[6, 6].item()] == pytest.approx([1 / math.sqrt(3)] * 3)  # three rows
    # six directions are alike: rows count downwards, so (1, 0) and (0, 1) lie at 120 degrees, (1, -1) is the long one
    assert [k[1, 0].item(), k[0, 1].item(), k[-1, 1].item()] == pytest.approx([2 / math.sqrt(3) / 12] * 3)


def test_the_period_of_a_skyrmion_lattice_is_the_distance_of_its_rows():
    m = uniform_start(1, (60, 60), (0.0, 0.0, 1.0))
    for row in range(5):
        for column in range(5):  # rhombic as the lattice is, so hexagonal, 12 sites between neighbours
            centre = (12 * (column + row / 2), 12 * row * math.sqrt(3) / 2)
            paint_skyrmion(m[0], (centre[0] + 9, centre[1] + 5.2), 3, 1, helicity=0.0, lattice=Lattice.TRIANGULAR)
    period = dominant_period(m, lattice=Lattice.TRIANGULAR).item()
    assert period == pytest.approx(12 * math.sqrt(3) / 2, rel=0.02)


@BOTH
def test_the_period_of_a_labyrinth_is_that_of_its_ring(lattice):
    k = frequencies((96, 96), lattice=lattice)
    noise = torch.fft.fft2(torch.randn(8, 96, 96, generator=generator()))
    z = torch.fft.ifft2(noise * torch.exp(-(((k - 1 / 11) / 0.01) ** 2) / 2)).real
    m = torch.stack((z.square().mean().sqrt() + 0 * z, 0 * z, z), dim=1)
    for periodic in (True, False):
        assert dominant_period(m, lattice=lattice, periodic=periodic).tolist() == pytest.approx([11] * 8, rel=0.06)


def test_uniform_and_random_spins_have_no_period():
    random = random_start(1, (48, 48), generator())
    for m in (uniform_start(1, (48, 48), (0.0, 0.6, 0.8)), random, uniform_start(1, (1, 1), (1.0, 0.0, 0.0))):
        for periodic in (True, False):
            assert math.isnan(dominant_period(m, periodic=periodic).item())


def test_a_lone_wave_is_a_period_only_where_it_closes_on_itself():
    m, period = closed_helix((32, 40), (0, 1), Lattice.SQUARE)
    assert dominant_period(m).item() == pytest.approx(period)
    assert math.isnan(dominant_period(m, periodic=False).item())


def test_a_chain_has_a_period_too():
    m, _ = closed_helix((1, 120), (0, 10), Lattice.SQUARE)
    assert dominant_period(m).item() == pytest.approx(12)
    assert dominant_period(m.transpose(2, 3)).item() == pytest.approx(12)
