"""The stray field of films, against closed forms, plain sums and OOMMF."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import mpmath
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_magtex.errors import BadExperiment
from napari_magtex.physics import demag as demag_module
from napari_magtex.physics.demag import Demag, _spectrum
from napari_magtex.physics.demag_tensor import infinite_tensor, isolated_tensor
from napari_magtex.physics.starts import uniform_start

Cell = tuple[float, float, float]
CELL = (3e-9, 4e-9, 5e-9)
COMPONENTS = {"xx": 0, "yy": 1, "xy": 2}


def spins(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def newell(component: str, i: int, j: int, cell: Cell) -> mpmath.mpf:
    """Eqs. 19 to 32 of Newell, Williams & Dunlop (1993), in as many digits as mpmath is told to use."""
    d = dict(zip("zyx", map(mpmath.mpf, cell), strict=True))
    apart = {"z": mpmath.mpf(0), "y": i * d["y"], "x": j * d["x"]}
    a, b = component
    first, second = (a, b) if a != b else (a, next(axis for axis in "xyz" if axis != a))
    third = next(axis for axis in "xyz" if axis not in (first, second))
    function = newell_f if a == b else newell_g
    total = mpmath.mpf(0)
    for steps in itertools.product((-1, 0, 1), repeat=3):
        place = [apart[axis] + step * d[axis] for axis, step in zip((first, second, third), steps, strict=True)]
        total += (-2) ** steps.count(0) * function(*place)
    return -total / (4 * mpmath.pi * d["x"] * d["y"] * d["z"])


def newell_f(x: mpmath.mpf, y: mpmath.mpf, z: mpmath.mpf) -> mpmath.mpf:
    r = mpmath.sqrt(x**2 + y**2 + z**2)
    return (
        (2 * x**2 - y**2 - z**2) * r / 6
        + y * (z**2 - x**2) / 2 * asinh(y, mpmath.hypot(x, z))
        + z * (y**2 - x**2) / 2 * asinh(z, mpmath.hypot(x, y))
        - x * y * z * atan(y * z, x * r)
    )


def newell_g(x: mpmath.mpf, y: mpmath.mpf, z: mpmath.mpf) -> mpmath.mpf:
    r = mpmath.sqrt(x**2 + y**2 + z**2)
    return (
        x * y * z * asinh(z, mpmath.hypot(x, y))
        + y * (3 * z**2 - y**2) / 6 * asinh(x, mpmath.hypot(y, z))
        + x * (3 * z**2 - x**2) / 6 * asinh(y, mpmath.hypot(x, z))
        - z**3 / 6 * atan(x * y, z * r)
        - z * y**2 / 2 * atan(x * z, y * r)
        - z * x**2 / 2 * atan(y * z, x * r)
        - x * y * r / 3
    )


def asinh(a: mpmath.mpf, b: mpmath.mpf) -> mpmath.mpf:
    return mpmath.asinh(a / b) if b else mpmath.mpf(0)  # its factor vanishes there


def atan(a: mpmath.mpf, b: mpmath.mpf) -> mpmath.mpf:
    return mpmath.atan(a / b) if b else mpmath.mpf(0)


@pytest.mark.parametrize("cell", [(1, 1, 1), (1, 4, 4), (2, 5, 3), (1, 10, 10), (100, 1, 1), (1, 100, 100), (1, 1, 20)])
def test_the_tensor_is_newells_at_every_distance(cell: Cell) -> None:
    tensor = isolated_tensor((513, 513), cell)
    with mpmath.workdps(50):
        for i, j in [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (3, 1), (7, 12), (40, 0), (5, 90), (300, 301), (512, 512)]:
            expected = [newell(component, i, j, cell) for component in ("xx", "yy", "xy", "zz")]
            assert float(abs(expected[0] + expected[1] + expected[3] - (i == j == 0))) < 1e-30
            scale = max(map(abs, expected))
            for component, row in COMPONENTS.items():
                error = abs(tensor[row, i, j] - expected[row]) / scale
                assert float(error) < 1e-12, (component, i, j)


def test_the_tensor_is_that_of_oommf(real_data: Path) -> None:
    shape, marker = (3, 10, 20, 6), b"# Begin: Data Binary 8\n"
    content = (real_data / "ovf/discretisedfield/demag_tensor_oommf.omf").read_bytes()
    start = content.index(marker) + len(marker) + 8  # the check value
    layer = np.frombuffer(content, "<f8", math.prod(shape), start).reshape(shape)[0]
    expected = layer[..., [0, 1, 3]].transpose(2, 0, 1)
    np.testing.assert_allclose(isolated_tensor((10, 20), (1, 1, 1)), expected, rtol=0, atol=1e-12)


def test_cells_together_have_the_factors_of_the_prism_they_fill() -> None:
    m = torch.eye(3, dtype=torch.float64)[:, :, None, None].expand(3, 3, 6, 8)
    field = Demag((6, 8), CELL, periodic=False, dtype=torch.float64).field(m).mean(dim=(2, 3))
    prism = (CELL[0], 6 * CELL[1], 8 * CELL[2])
    with mpmath.workdps(50):
        factors = [float(newell(component, 0, 0, prism)) for component in ("xx", "yy", "zz")]
    torch.testing.assert_close(field, -torch.diag(torch.tensor(factors, dtype=torch.float64)), rtol=0, atol=1e-13)


@pytest.mark.parametrize("shape", [(7, 5), (4, 6), (1, 9), (13, 1), (1, 1)])
def test_an_isolated_film_feels_the_plain_sum_over_its_cells(shape: tuple[int, int]) -> None:
    m, expected = spins(2, 3, *shape), torch.zeros(2, 3, *shape, dtype=torch.float64)
    tensor = isolated_tensor(shape, CELL)
    for i, j, row, column in itertools.product(*map(range, shape + shape)):
        up, right = row - i, j - column  # from the source in that row and column to the cell i, j
        xx, yy, xy = tensor[:, abs(up), abs(right)] * (1, 1, np.sign(up) * np.sign(right))
        N = torch.tensor([[xx, xy, 0], [xy, yy, 0], [0, 0, (up == right == 0) - xx - yy]], dtype=torch.float64)
        expected[:, :, i, j] -= m[:, :, row, column] @ N
    exact = Demag(shape, CELL, periodic=False, dtype=torch.float64).field(m)
    torch.testing.assert_close(exact, expected, rtol=0, atol=1e-14)
    single = Demag(shape, CELL, periodic=False).field(m.float())
    torch.testing.assert_close(single.double(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "cell"), [((3, 4), (1, 1, 1)), ((6, 5), (1, 4, 4)), ((5, 4), (2, 5, 3)), ((3, 3), (5, 1, 1))]
)
def test_an_infinite_film_is_the_sum_over_its_images(shape: tuple[int, int], cell: Cell) -> None:
    # what lies beyond the images counted falls as the odd powers of their number
    images = np.array([8, 12, 16, 24, 32, 48])
    powers = (images[:, None] + 0.5) ** -np.array([0.0, 1, 3, 5, 7, 9])
    sums = np.stack([sum_over_images(shape, cell, count) for count in images])
    limit = np.linalg.solve(powers, sums.reshape(len(images), -1))[0].reshape(3, *shape)
    np.testing.assert_allclose(infinite_tensor(shape, cell), np.fft.rfft2(limit), rtol=0, atol=1e-12)


def sum_over_images(shape: tuple[int, int], cell: Cell, count: int) -> NDArray[np.float64]:
    (ny, nx), side = shape, 2 * count + 1
    i, j = (np.arange(-count * n, (count + 1) * n) for n in shape)
    tensor = isolated_tensor(((count + 1) * ny, (count + 1) * nx), cell)[:, np.abs(i)[:, None], np.abs(j)]
    tensor[2] *= np.sign(i)[:, None] * np.sign(j)
    return tensor.reshape(3, side, ny, side, nx).sum(axis=(1, 3))


@pytest.mark.parametrize("cell", [(1, 1, 1), (1, 4, 4), (4, 2, 3)])
def test_the_trace_of_an_infinite_film_is_1_for_every_wave(cell: Cell) -> None:
    """Its zz, summed over the aliases of a wave, is what xx and yy leave."""
    dz, dy, dx = cell
    tensor = infinite_tensor((12, 16), cell)
    counts = np.array([40, 57, 80, 113, 160, 226])
    powers = (counts[:, None] + 0.5) ** -np.array([0.0, 2, 3, 4, 5, 6])
    for row, column in [(1, 0), (0, 3), (5, 7), (6, 8), (9, 2)]:
        sums = []
        for count in counts:
            turns = np.arange(-count, count + 1)
            gy, gx = np.fft.fftfreq(12)[row] + turns[:, None], np.fft.rfftfreq(16)[column] + turns
            g = 2 * math.pi * np.hypot(gy / dy, gx / dx)
            sums.append((np.sinc(gy) ** 2 * np.sinc(gx) ** 2 * -np.expm1(-g * dz) / (g * dz)).sum())
        zz = np.linalg.solve(powers, sums)[0]
        assert tensor[0, row, column] + tensor[1, row, column] + zz == pytest.approx(1, abs=1e-9)


def test_a_uniform_infinite_film_feels_its_full_demagnetising_field() -> None:
    demag = Demag((8, 8), CELL, periodic=True, dtype=torch.float64)
    up, along = uniform_start(1, (8, 8), (0, 0, 1)).double(), uniform_start(1, (8, 8), (1, 0, 0)).double()
    torch.testing.assert_close(demag.field(up), -up, rtol=0, atol=1e-15)
    torch.testing.assert_close(demag.field(along), 0 * along, rtol=0, atol=1e-15)


def test_a_lone_cubic_cell_has_a_third_along_each_axis() -> None:
    m = torch.ones(1, 3, 1, 1, dtype=torch.float64)
    field = Demag((1, 1), (4e-9,) * 3, periodic=False, dtype=torch.float64).field(m)
    torch.testing.assert_close(field, -m / 3, rtol=0, atol=1e-13)


def test_a_wide_isolated_film_approaches_the_infinite_one_at_its_middle() -> None:
    shape = (96, 96)
    wave = torch.zeros(1, 3, *shape, dtype=torch.float64)
    wave[:, 2] = torch.sin(2 * math.pi * torch.arange(96) / 12)
    isolated, infinite = (Demag(shape, (4e-9,) * 3, periodic=p, dtype=torch.float64).field(wave) for p in (False, True))
    torch.testing.assert_close(isolated[..., 40:56, 40:56], infinite[..., 40:56, 40:56], atol=2e-4, rtol=0)


@pytest.mark.parametrize("periodic", [True, False])
def test_the_stray_field_of_rows_turns_with_them(periodic: bool) -> None:
    """The tensor knows that rows run downwards: a wave along the diagonal is charged by m along it, not across it."""
    m = torch.zeros(1, 3, 32, 32, dtype=torch.float64)
    i, j = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    m[:, 0] = m[:, 1] = torch.cos(2 * math.pi * (j - i) / 32) / math.sqrt(2)  # up and to the right
    demag = Demag((32, 32), (4e-9,) * 3, periodic=periodic, dtype=torch.float64)
    charged = -(m * demag.field(m)).sum()
    m[:, 1] *= -1
    free = -(m * demag.field(m)).sum()
    assert charged > 0
    assert abs(free) < (0.03 if periodic else 0.3) * charged  # not 0: the wave is a staircase of cells, and has ends


@pytest.mark.parametrize("periodic", [True, False])
def test_the_field_is_minus_the_gradient_of_its_energy(periodic: bool) -> None:
    m = spins(2, 3, 6, 5).requires_grad_()
    demag = Demag((6, 5), CELL, periodic=periodic, dtype=torch.float64)
    (gradient,) = torch.autograd.grad(-0.5 * (m * demag.field(m)).sum(), m)
    torch.testing.assert_close(-gradient, demag.field(m.detach()), rtol=0, atol=1e-14)


@pytest.mark.parametrize("periodic", [True, False])
def test_working_in_parts_does_not_change_the_field(periodic: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    m = spins(5, 3, 12, 10)
    demag = Demag((12, 10), CELL, periodic=periodic, dtype=torch.float64)
    whole = demag.field(m)
    for workspace in (1, 4000, 30000):
        monkeypatch.setattr(demag_module, "_CACHED", workspace)
        torch.testing.assert_close(demag.field(m), whole, rtol=0, atol=1e-15)
    assert demag.field(m[:0]).shape == (0, 3, 12, 10)
    assert demag.field(m).is_contiguous()


def test_the_next_film_of_one_shape_takes_the_tensor_of_the_last() -> None:
    Demag((5, 6), CELL, periodic=False)
    built = _spectrum.cache_info().misses
    Demag((5, 6), CELL, periodic=False, dtype=torch.float64)
    assert _spectrum.cache_info().misses == built
    Demag((5, 6), CELL, periodic=True)
    assert _spectrum.cache_info().misses == built + 1


@pytest.mark.parametrize(
    ("shape", "cell"),
    [((0, 4), CELL), ((4, 4), (0.0, 1e-9, 1e-9)), ((4, 4), (1e-9, math.nan, 1e-9)), ((4, 4), (1e-9, 1e-9, math.inf))],
)
def test_cells_of_no_size_are_refused_with_their_numbers(shape: tuple[int, int], cell: Cell) -> None:
    with pytest.raises(BadExperiment, match=f"{shape[0]} x {shape[1]}"):
        Demag(shape, cell, periodic=False)
