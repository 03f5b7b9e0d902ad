"""Problems that other groups have solved and published: NIST's muMAG number 4, and the one with DMI."""

import math

import pytest
import torch
from torch import Tensor

from napari_magtex.physics.film import Film
from napari_magtex.physics.llg import trajectory
from napari_magtex.physics.relax import relax
from napari_magtex.physics.starts import helix_start, uniform_start

EXACT = torch.float64


# muMAG standard problem 4, ctcms.nist.gov/~rdm/std4/spec4.html: 500 x 125 x 3 nm of permalloy reversed by two fields.
# Here in MuMax3's mesh of 128 x 32 cells; a mesh of 200 x 50 crosses 0.2 and 0.3 ps sooner.
PICOSECOND = 1e-12


@pytest.fixture(scope="module")
def permalloy() -> Film:
    return Film((32, 128), (3e-9, 125e-9 / 32, 500e-9 / 128), 1.3e-11, 0.0, 8e5, periodic=False, dtype=EXACT)


@pytest.fixture(scope="module")
def s_state(permalloy: Film) -> Tensor:
    """What a field along (1, 1, 1) leaves behind when it is slowly taken away."""
    m = uniform_start(1, (32, 128), (1, 1, 1)).to(EXACT)
    for tesla in (0.5, 0.1, 0.02):
        m = relax(permalloy.in_field([tesla / math.sqrt(3)] * 3), m).m
    relaxed = relax(permalloy, m, tolerance=1e-7)
    assert relaxed.converged.all()
    return relaxed.m


@pytest.fixture(scope="module")
def reversals(permalloy: Film, s_state: Tensor) -> tuple[list[float], Tensor]:
    """The times, and the averaged magnetisation (times, field, component) in field 1 and field 2."""
    fields = [[-24.6e-3, 4.3e-3, 0.0], [-35.5e-3, -6.3e-3, 0.0]]
    films = permalloy.select(torch.tensor([0, 0])).in_field(fields)
    times = [picoseconds * PICOSECOND for picoseconds in range(141)]
    states = trajectory(films, s_state.repeat(2, 1, 1, 1), times, alpha=0.02, tolerance=1e-4)
    return times, torch.stack([m.mean(dim=(2, 3)) for m in states])


def first_crossing(times: list[float], curve: Tensor) -> tuple[float, float, float]:
    """Return when the average of m_x (times, component) first is zero, in ps, and m_y and m_z there."""
    after = int((curve[:, 0] < 0).nonzero()[0])
    before, end = curve[after - 1], curve[after]
    part = (before[0] / (before[0] - end[0])).item()
    _, y, z = torch.lerp(before, end, part).tolist()
    return (times[after - 1] + part * (times[after] - times[after - 1])) / PICOSECOND, y, z


def test_permalloy_is_left_in_the_s_state_of_mumax3(s_state: Tensor):
    # mumax/3, test/standardproblem4.mx3, same mesh; demagnetising tensors integrated numerically to 1e-4
    assert s_state.mean(dim=(0, 2, 3)).tolist() == pytest.approx([0.9669684, 0.1252732, 0.0], abs=1e-4)


def test_field_1_of_standard_problem_4_crosses_zero_where_oommf_does(reversals: tuple[list[float], Tensor]):
    # Donahue and Porter, cells of 1 nm, from the curve that Fidimag keeps (micromagnetics_examples/std4/oommf.txt):
    # 138.50 ps, m_y 0.7320, m_z -0.1324. Albuquerque, Miltat and Thiaville on NIST's page, coarse and fine mesh:
    # 137.97 and 139.90 ps, 0.7306 and 0.7321, -0.1328 and -0.1307.
    times, curves = reversals
    picoseconds, y, z = first_crossing(times, curves[:, 0])
    assert picoseconds == pytest.approx(138.50, abs=0.3)
    assert y == pytest.approx(0.7320, abs=0.001)
    assert z == pytest.approx(-0.1324, abs=0.0005)


def test_field_2_of_standard_problem_4_crosses_zero_between_published_results(
    reversals: tuple[list[float], Tensor],
):
    # Albuquerque, Miltat and Thiaville on NIST's page, coarse and fine mesh; Donahue and Porter's map is of 137 ps
    times, curves = reversals
    picoseconds, y, z = first_crossing(times, curves[:, 1])
    assert 136.22 < picoseconds < 138.24
    assert -0.2260 < y < -0.2106
    assert 0.0675 < z < 0.0720


# The standard problem with DMI, Cortes-Ortuno et al., New J. Phys. 20, 113015 (2018): A 13 pJ/m, D 3 mJ/m^2,
# Ms 0.86 MA/m, Ku 0.4 MJ/m^3 along z, no demag. OOMMF's figures are those of the paper's own supplement
# (fangohr/paper-supplement-standard-problem-dmi, notebooks/data). It writes the interfacial term with the other sign.
A, D, MS, KU = 13e-12, 3e-3, 0.86e6, 0.4e6


def chiral_film(shape: tuple[int, int], cell: tuple[float, float, float]) -> Film:
    return Film(shape, cell, A, -D, MS, KU, dmi="interfacial", periodic=False, demag=False, dtype=EXACT)


def test_the_edges_of_a_wire_cant_as_in_oommf():
    # result_1d_x-m[xz]_interfacial_oommf.txt: 100 cells of 1 nm, the first six
    mx = [-0.6134516780, -0.5314878979, -0.4564959677, -0.3895767112, -0.3309122343, -0.2801291572]
    mz = [0.7897322577, 0.8470658855, 0.8897254809, 0.9209940207, 0.9436615353, 0.9599623197]
    relaxed = relax(
        chiral_film((1, 100), (5e-9, 5e-9, 1e-9)), uniform_start(1, (1, 100), (0, 0, 1)).to(EXACT), tolerance=1e-9
    )
    assert relaxed.m[0, 0, 0, :6].tolist() == pytest.approx(mx, abs=1e-6)
    assert relaxed.m[0, 2, 0, :6].tolist() == pytest.approx(mz, abs=1e-6)
    torch.testing.assert_close(relaxed.m[0, 0, 0], -relaxed.m[0, 0, 0].flip(0))


def test_the_edges_of_a_finely_meshed_wire_cant_as_the_continuum_does():
    """Rohart and Thiaville, Phys. Rev. B 88, 184422 (2013): sin theta = (D / 2A) sqrt(A / Ku) at the edge, 0.658."""
    edges = []
    for cells in (100, 200, 400):
        film = chiral_film((1, cells), (5e-9, 5e-9, 100e-9 / cells))
        m = relax(film, uniform_start(1, (1, cells), (0, 0, 1)).to(EXACT), tolerance=1e-8).m[0, 0, 0]
        edges.append(1.5 * m[-1].item() - 0.5 * m[-2].item())  # half a cell beyond the last centre
    errors = [abs(edge - D / (2 * A) * math.sqrt(A / KU)) for edge in edges]
    assert errors[0] < 0.006
    assert errors[2] < errors[1] / 1.8 < errors[0] / 3


def test_a_skyrmion_in_a_disc_has_the_profile_and_radius_of_oommf():
    # result_2d_r-mz_interfacial_oommf.txt: cells of 2 nm in a disc of 100 nm, from the centre to the edge
    profile = [
        *(0.9997231629, 0.9985199058, 0.9956103276, 0.9897667871, 0.9784998905, 0.9570006810, 0.9162711971),
        *(0.8403858353, 0.7044482514, 0.4798807458, 0.1592680542, -0.2076056172, -0.5296861896, -0.7517066108),
        *(-0.8802810563, -0.9470562509, -0.9793972346, -0.9939857251, -0.9994190374, -0.9994377696, -0.9948114285),
        *(-0.9839091543, -0.9621241564, -0.9200824557, -0.8407198339),
    ]
    x = torch.arange(-49.0, 50.0, 2.0, dtype=EXACT)
    r = torch.hypot(x[:, None], x[None])
    start = torch.zeros(1, 3, 50, 50, dtype=EXACT)
    start[:, 2] = torch.where(r < 25, 1.0, -1.0) * (r < 50)
    relaxed = relax(chiral_film((50, 50), (2e-9,) * 3), start, tolerance=1e-8)
    mz = relaxed.m[0, 2, 25, 25:]
    assert relaxed.converged.all()
    assert mz.tolist() == pytest.approx(profile, abs=2e-6)
    outside = int((mz < 0).nonzero()[0])
    radius = x[25:][outside - 1] + 2 * mz[outside - 1] / (mz[outside - 1] - mz[outside])
    assert radius.item() == pytest.approx(22.03, abs=0.2)  # the paper's continuum profile, result_..._ODE.txt; nm


@pytest.mark.parametrize(
    ("A", "D", "cell", "longer"),
    [(8.78e-12, 1.58e-3, 0.5e-9, 1.0007), (8.78e-12, 1.58e-3, 4e-9, 1.042), (4e-12, 2.4e-3, 4e-9, 1.370)],
)
@pytest.mark.parametrize("dmi", ["bulk", "interfacial"])
def test_the_period_of_a_helix_is_that_of_the_lattice(A: float, D: float, cell: float, longer: float, dmi: str):
    """4 pi A / D where cells are fine, else 2 pi dx / atan(D dx / 2A): an open chain turns as it likes."""
    continuum = 4 * math.pi * A / D
    film = Film((1, 48), (4e-9, cell, cell), A, D, 3.84e5, dmi=dmi, periodic=False, demag=False, dtype=EXACT)
    start = helix_start((1, 48), continuum / cell, 0.0, dmi=dmi).to(EXACT)
    m = relax(film, start, tolerance=1e-9).m[0, :, 0]
    turns = torch.atan2(torch.linalg.cross(m[:, :-1], m[:, 1:], dim=0).norm(dim=0), (m[:, :-1] * m[:, 1:]).sum(dim=0))
    torch.testing.assert_close(turns, torch.full_like(turns, math.atan(D * cell / (2 * A))), atol=1e-5, rtol=0)
    assert 2 * math.pi * cell / turns.mean().item() == pytest.approx(longer * continuum, rel=1e-3)
