"""Each term of the energy: its field against differences of its energy, and closed forms."""

import math

import numpy as np
import pytest
import torch

from napari_magtex.errors import BadExperiment
from napari_magtex.physics.bonds import neighbours, shells
from napari_magtex.physics.demag import Demag
from napari_magtex.physics.film import Film
from napari_magtex.physics.lattice import SpinLattice
from napari_magtex.physics.starts import random_start
from napari_magtex.physics.terms.anisotropy import Cubic, Uniaxial
from napari_magtex.physics.terms.dmi import DMI
from napari_magtex.physics.terms.exchange import Exchange
from napari_magtex.physics.terms.stray import StrayField
from napari_magtex.physics.terms.zeeman import Zeeman
from napari_magtex.physics.vectors import normalise
from napari_magtex.texture import Lattice

SHAPE = (7, 6)


def spins(batch=2, shape=SHAPE):
    return normalise(random_start(batch, shape, torch.Generator().manual_seed(7)).double())


def numbers(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def bonds_of(lattice):
    return [bond for shell in shells(lattice, 3) for bond in shell]


def bond_term(kind, lattice, periodic):
    bonds = bonds_of(lattice)
    strength = numbers(2, len(bonds))
    if kind == "exchange":
        return Exchange(bonds, strength, periodic=periodic)
    if kind == "exchange from aligned spins":
        return Exchange(bonds, strength, periodic=periodic, from_aligned=True)
    return DMI(bonds, strength, kind, periodic=periodic)


def edges(batch):
    """Return the edges of a cube that lies askew."""
    q, _ = torch.linalg.qr(numbers(3, 3))
    return q.T.repeat(batch, 1, 1)


SITE_TERMS = {
    "uniaxial": lambda: Uniaxial(numbers(2, 1, 1), normalise(numbers(2, 3, 1, 1))),
    "uniaxial by cell": lambda: Uniaxial(numbers(2, *SHAPE), normalise(numbers(2, 3, *SHAPE))),
    "cubic": lambda: Cubic(numbers(2, 1, 1), edges(2)),
    "cubic by cell": lambda: Cubic(numbers(2, *SHAPE), edges(2)),
    "zeeman": lambda: Zeeman(numbers(2, 3)),
    "stray field, open": lambda: StrayField(
        Demag(SHAPE, (3.0, 4.0, 5.0), periodic=False, dtype=torch.float64), numbers(2)
    ),
    "stray field, periodic": lambda: StrayField(
        Demag(SHAPE, (3.0, 4.0, 5.0), periodic=True, dtype=torch.float64), numbers(2)
    ),
}
BOND_TERMS = {
    f"{kind}, {lattice}, {'periodic' if periodic else 'open'}": lambda k=kind, la=lattice, p=periodic: bond_term(
        k, la, p
    )
    for kind in ("exchange", "exchange from aligned spins", "bulk", "interfacial")
    for lattice in Lattice
    for periodic in (True, False)
}
TERMS = SITE_TERMS | BOND_TERMS


def tangent(vectors, m):
    return vectors - (vectors * m).sum(1, keepdim=True) * m


@pytest.mark.parametrize("term", TERMS.values(), ids=TERMS)
def test_the_field_is_minus_the_derivative_of_the_energy(term):
    term, m = term(), spins()
    field = torch.zeros_like(m)
    term.add_field(field, m)
    step = 1e-5
    for axis in (0, 1):  # turn one spin a little either way
        moved = []
        for sign in (1, -1):
            turned = m.clone()
            turned[:, axis, 3, 2] += sign * step
            turned[:, :, 3, 2] /= turned[:, :, 3, 2].norm(dim=1, keepdim=True)
            moved.append((turned, term.energy(turned)))
        (ahead, above), (behind, below) = moved
        work = ((ahead - behind)[:, :, 3, 2] * field[:, :, 3, 2]).sum(1)
        torch.testing.assert_close(below - above, work, rtol=1e-7, atol=1e-9 * float(field.abs().max()))


@pytest.mark.parametrize("term", TERMS.values(), ids=TERMS)
def test_a_chosen_system_has_the_energy_that_it_has_in_the_batch(term):
    term, m = term(), spins()
    for index in (torch.tensor([1]), torch.tensor([1, 0])):
        torch.testing.assert_close(term.select(index).energy(m[index]), term.energy(m)[index], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("term", TERMS.values(), ids=TERMS)
def test_no_curvature_exceeds_the_stiffness(term):
    """Largest eigenvalue of the Hessian on the sphere, built by autograd on a small lattice."""
    term, m = term(), spins()

    def energy(v):
        turned = m + tangent(v.view_as(m), m)
        return term.energy(turned / turned.norm(dim=1, keepdim=True)).sum()

    hessian = torch.autograd.functional.hessian(energy, torch.zeros_like(m)).flatten(4).flatten(0, 3)
    size = m[0].numel()
    hessian = hessian.reshape(2 * size, 2 * size)
    for k in range(2):
        block = hessian[k * size : (k + 1) * size, k * size : (k + 1) * size]
        assert float(torch.linalg.eigvalsh(block).max()) <= float(term.stiffness[k].abs()) * (1 + 1e-9)


def test_the_bonds_are_those_of_the_pictures_in_textbooks():
    def lengths(lattice, count):
        def length(bond):
            x = bond.right + bond.up / 2 if lattice is Lattice.TRIANGULAR else bond.right
            return math.hypot(x, bond.up * (math.sqrt(3) / 2 if lattice is Lattice.TRIANGULAR else 1))

        return [
            (2 * len(shell), round(float(np.mean([length(b) for b in shell])), 4)) for shell in shells(lattice, count)
        ]

    assert lengths(Lattice.SQUARE, 5) == [(4, 1), (4, 1.4142), (4, 2), (8, 2.2361), (4, 2.8284)]
    assert lengths(Lattice.TRIANGULAR, 5) == [(6, 1), (6, 1.7321), (6, 2), (12, 2.6458), (6, 3)]


def test_every_bond_points_where_its_neighbour_lies():
    for lattice in Lattice:
        for bond in bonds_of(lattice):
            x = bond.right + bond.up / 2 if lattice is Lattice.TRIANGULAR else bond.right
            y = bond.up * (math.sqrt(3) / 2 if lattice is Lattice.TRIANGULAR else 1)
            assert (bond.x, bond.y) == pytest.approx((x / math.hypot(x, y), y / math.hypot(x, y)))


def test_a_neighbour_above_lies_in_the_row_before_and_beyond_an_open_edge_there_is_none():
    m = torch.arange(12.0).view(1, 1, 3, 4)
    assert neighbours(m, 1, 0, periodic=True)[0, 0, :, 0].tolist() == [8, 0, 4]
    assert neighbours(m, 1, 0, periodic=False)[0, 0, :, 0].tolist() == [0, 0, 4]
    assert neighbours(m, 0, 1, periodic=False)[0, 0, 0].tolist() == [1, 2, 3, 0]
    assert neighbours(m, -1, -2, periodic=False)[0, 0].tolist() == [[0, 0, 4, 5], [0, 0, 8, 9], [0, 0, 0, 0]]


def spiral(angle_per_site, length=60):
    """Return a cycloid along x that closes, (1, 3, 1, length), in radians a site."""
    phase = angle_per_site * torch.arange(length, dtype=torch.float64)
    return torch.stack((-phase.sin(), 0 * phase, phase.cos()))[None, :, None]


@pytest.mark.parametrize("shell", [1, 2, 3])
def test_a_spiral_has_the_energy_of_its_angles(shell):
    angle = 2 * math.pi / 20
    J, D = (torch.zeros(1, shell, dtype=torch.float64) for _ in range(2))
    J[0, -1], D[0, -1] = -1.3, 0.4
    # bonds of each shell of the square lattice, by what they advance along x: three rows of one and the same spiral
    advances = {1: [(1, 1.0), (0, 0.0)], 2: [(1, math.sqrt(0.5)), (1, -math.sqrt(0.5))], 3: [(2, 1.0), (0, 0.0)]}[shell]
    steps = {1: [1, 0], 2: [1, -1], 3: [2, 0]}[shell]
    expected = 1.3 * sum(math.cos(s * angle) for s in steps)
    expected -= 0.4 * sum(abs(unit) * math.sin(abs(s) * angle) for s, (_, unit) in zip(steps, advances, strict=True))
    m = spiral(angle).expand(1, 3, 4, 60)
    energies = SpinLattice(J, D, dtype=torch.float64).energies(m)
    assert float(energies["exchange"] + energies["dmi"]) == pytest.approx(240 * expected, rel=1e-12)


def test_a_cube_is_easiest_along_its_edges():
    cubic = Cubic(torch.ones(1, 1, 1).double(), torch.eye(3)[None].double())
    energies = [
        float(cubic.energy(normalise(torch.tensor(v).double().view(1, 3, 1, 1))))
        for v in ((1.0, 0, 0), (1.0, 1, 0), (1.0, 1, 1))
    ]
    assert energies == pytest.approx([0, 1 / 4, 1 / 3])


def test_a_film_takes_its_anisotropy_by_cell():
    Ku = torch.zeros(1, 4, 4)
    Ku[0, 1, 2] = 5e4
    film = Film((4, 4), (1e-9,) * 3, 1e-11, 0.0, 4e5, Ku, demag=False, dtype=torch.float64)
    m = torch.zeros(1, 3, 4, 4, dtype=torch.float64)
    m[:, 2] = 1
    assert float(film.energies(m)["anisotropy"]) == pytest.approx(-5e4 * 1e-27)


@pytest.mark.parametrize("demag", [True, False])
def test_a_film_of_both_kinds_of_dmi_has_the_field_and_energy_of_both(demag):
    def film(D, **options):
        return Film((6, 8), (1e-9,) * 3, 1e-11, D, 4e5, demag=demag, dtype=torch.float64, **options)

    m = spins(1, (6, 8))
    none, bulk, interfacial = film(0.0), film(1e-3), film(2e-3, dmi="interfacial")
    both = film(1e-3, Di=2e-3)
    expected = bulk.field(m) + interfacial.field(m) - none.field(m)
    assert torch.allclose(both.field(m), expected, rtol=1e-12, atol=1e-12)
    energies = both.energies(m)
    assert float(energies["dmi"]) == pytest.approx(float(bulk.energies(m)["dmi"]))
    assert float(energies["interfacial_dmi"]) == pytest.approx(float(interfacial.energies(m)["dmi"]))


def test_in_another_field_only_the_zeeman_energy_changes():
    film = Film((4, 4), (1e-9,) * 3, 1e-11, 1e-3, 4e5, 1e4, field_T=(0, 0, 0.1), dtype=torch.float64)
    m = spins(1, (4, 4))
    before, after = film.energies(m), film.in_field((0, 0.3, 0)).energies(m)
    assert {name for name in before if float(before[name]) != float(after[name])} == {"zeeman"}
    assert float(after["zeeman"]) == pytest.approx(-0.3 * 4e5 * 1e-27 * float(m[:, 1].sum()))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SpinLattice(1.0, dmi="chiral"), "bulk or interfacial"),
        (lambda: Film((4, 4), (1e-9,) * 3, 1e-11, 1e-3, 4e5, Di=1e-3, dmi="interfacial"), "here D is interfacial"),
        (lambda: SpinLattice(math.inf), "J must be finite"),
        (lambda: SpinLattice(torch.ones(3, 1), batch=2), "shape"),
        (lambda: SpinLattice(1.0, easy_axis=(0, 0, 0)), "no direction"),
        (lambda: Film((4, 4), (1e-9, 0, 1e-9), 1e-11, 0, 4e5), "cell sizes"),
        (lambda: Film((4, 4), (1e-9,) * 3, 1e-11, 0, 4e5, torch.ones(1, 3, 4)), "Ku has the shape"),
        (lambda: Film((4, 4), (1e-9,) * 3, 1e-11, 0, 4e5, Kc=1e4, cubic_axes=((1, 0, 0), (1, 1, 0))), "right angles"),
    ],
)
def test_what_makes_no_sense_is_refused_and_named(make, message):
    with pytest.raises(BadExperiment, match=message):
        make()
