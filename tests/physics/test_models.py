"""Energies and fields of the spin models."""

import math

import pytest
import torch
from scipy.constants import mu_0

from napari_magtex.errors import BadExperiment
from napari_magtex.physics.film import Film
from napari_magtex.physics.lattice import SpinLattice
from napari_magtex.physics.starts import helix_start, random_start, uniform_start
from napari_magtex.physics.vectors import normalise
from napari_magtex.texture import Lattice

CELL = (3e-9, 4e-9, 5e-9)


def spins(batch: int, shape: tuple[int, int]) -> torch.Tensor:
    return normalise(random_start(batch, shape, torch.Generator().manual_seed(1)).double())


def tangent(v: torch.Tensor, m: torch.Tensor) -> torch.Tensor:
    return v - (v * m).sum(1, keepdim=True) * m


def some_lattice(lattice: Lattice, dmi: str, periodic: bool) -> SpinLattice:
    return SpinLattice(
        torch.tensor([[1.0, 0.3, -0.2]]),
        torch.tensor([[0.4, 0.1]]),
        0.1,
        (0.1, 0.2, 0.3),
        easy_axis=(1.0, 1.0, 0.0),
        lattice=lattice,
        dmi=dmi,
        periodic=periodic,
        dtype=torch.float64,
    )


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("dmi", ["bulk", "interfacial"])
@pytest.mark.parametrize("lattice", list(Lattice))
def test_the_field_of_a_lattice_is_minus_the_gradient_of_its_energy(lattice, dmi, periodic):
    model = some_lattice(lattice, dmi, periodic)
    m = spins(1, (6, 8)).requires_grad_()
    (gradient,) = torch.autograd.grad(model.energy(m).sum(), m)
    torch.testing.assert_close(-gradient, model.field(m.detach()), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("dmi", ["bulk", "interfacial"])
def test_the_field_of_a_film_is_minus_the_gradient_of_its_energy(dmi, periodic):
    film = Film(
        (6, 8), CELL, 8e-12, 1.5e-3, 4e5, 2e4, field_T=(0.1, 0.2, 0.3), dmi=dmi, periodic=periodic, dtype=torch.float64
    )
    m = spins(1, (6, 8)).requires_grad_()
    (gradient,) = torch.autograd.grad(film.energy(m).sum(), m)
    moment = 4e5 * math.prod(CELL)
    expected, actual = tangent(-gradient / moment, m), tangent(film.field(m.detach()), m)
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [(6, 8), (1, 9), (7, 1), (1, 1)])
@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("dmi", ["bulk", "interfacial"])
def test_the_terms_of_a_film_add_up_to_its_field(dmi, periodic, shape):
    """Its exchange, DMI and stray field go through Fourier space together."""
    A, D = torch.tensor([8e-12, 5e-12]), torch.tensor([1.5e-3, -1e-3])
    film = Film(shape, CELL, A, D, 4e5, 2e4, field_T=(0.1, 0.2, 0.3), dmi=dmi, periodic=periodic, dtype=torch.float64)
    m = spins(2, shape)
    m[..., : shape[1] // 3] = 0  # a hole
    torch.testing.assert_close(film.field(m), sum(film.fields(m).values()), rtol=1e-11, atol=1e-11)
    second = film.select(torch.tensor([1]))
    torch.testing.assert_close(second.field(m[1:]), film.field(m)[1:], rtol=1e-11, atol=1e-11)


def test_in_single_precision_the_field_is_right_to_its_digits():
    films = [Film((64, 64), (4e-9,) * 3, 8.78e-12, 1.58e-3, 3.84e5, dtype=t) for t in (torch.float32, torch.float64)]
    m = spins(1, (64, 64)).float()
    single, double = films[0].field(m).double(), films[1].field(m.double())
    assert float((single - double).abs().max() / films[1].stiffness) < 1e-6


def test_the_antiferromagnetic_twin_has_the_same_energy():
    m = spins(1, (8, 6))
    rows, columns = torch.meshgrid(torch.arange(8), torch.arange(6), indexing="ij")
    staggered = m * (1 - 2 * ((rows + columns) % 2))
    ferromagnet, twin = (SpinLattice(s, 0.5 * s, 0.02, dtype=torch.float64) for s in (1.0, -1.0))
    torch.testing.assert_close(ferromagnet.energy(m), twin.energy(staggered))


@pytest.mark.parametrize("dmi", ["bulk", "interfacial"])
def test_positive_dmi_prefers_its_own_chirality_along_both_axes(dmi):
    film = Film((32, 32), (4e-9,) * 3, 8.78e-12, 1.58e-3, 3.84e5, dmi=dmi, demag=False)
    for angle in (0.0, math.pi / 2):
        right, wrong = (film.energy(helix_start((32, 32), 16, angle, dmi=dmi, D_sign=s)) for s in (1, -1))
        assert right < 0 < wrong


def test_a_helix_of_the_lattice_period_has_the_lowest_energy():
    A, D, dx = 8.78e-12, 1.58e-3, 4e-9
    period = 2 * math.pi / math.atan(D * dx / (2 * A))  # in cells: longer than 4 pi A / D
    energies = []
    for cells in (period - 0.5, period, period + 0.5):
        # the period as the film's length: one turn fits exactly when the cell is stretched to it
        film = Film((1, 600), (dx, dx, dx), A, D, 3.84e5, demag=False, periodic=False, dtype=torch.float64)
        energies.append(float(film.energy(helix_start((1, 600), cells, 0.0, dmi="bulk").double())))
    assert energies[1] < min(energies[0], energies[2])
    assert period * dx == pytest.approx(4 * math.pi * A / D, rel=0.05)


def test_energies_of_a_batch_equal_those_of_its_systems():
    m = spins(2, (6, 8))
    batch = Film((6, 8), CELL, torch.tensor([8e-12, 4e-12]), 1e-3, torch.tensor([4e5, 2e5]), dtype=torch.float64)
    alone = [Film((6, 8), CELL, A, 1e-3, Ms, dtype=torch.float64) for A, Ms in ((8e-12, 4e5), (4e-12, 2e5))]
    expected = torch.cat([film.energy(m[k : k + 1]) for k, film in enumerate(alone)])
    torch.testing.assert_close(batch.energy(m), expected)


def test_demag_energy_of_a_saturated_film_is_half_mu0_ms_squared():
    film = Film((4, 4), CELL, 8e-12, 0.0, 4e5, dtype=torch.float64)
    up = uniform_start(1, (4, 4), (0, 0, 1)).double()
    assert float(film.energy(up)) == pytest.approx(0.5 * mu_0 * 4e5**2 * 16 * math.prod(CELL), rel=1e-9)


@pytest.mark.parametrize(("name", "value"), [("Ms", 0.0), ("Ms", -1.0), ("A", -1e-12), ("D", math.nan)])
def test_constants_that_make_no_sense_are_refused_by_name(name, value):
    constants = {"A": 8e-12, "D": 1e-3, "Ms": 4e5} | {name: value}
    with pytest.raises(BadExperiment, match=name):
        Film((4, 4), CELL, **constants)


def test_a_batch_whose_shapes_disagree_is_refused():
    with pytest.raises(BadExperiment, match="shape"):
        Film((4, 4), CELL, torch.ones(3), torch.ones(2), 4e5)
