"""Length of walls that are known."""

import math

import numpy as np
import pytest
import torch
from skimage.measure import find_contours

from napari_magtex.physics.starts import helix_start, paint_skyrmion, sites, uniform_start
from napari_magtex.physics.structure import frequencies
from napari_magtex.physics.walls import wall_length
from napari_magtex.texture import Lattice

BOTH = pytest.mark.parametrize("lattice", list(Lattice))


@BOTH
@pytest.mark.parametrize(("radius", "width"), [(3, 2), (6, 1.5), (10, 3), (20, 2)])
def test_the_wall_of_a_skyrmion_is_its_circumference(lattice, radius, width):
    m = uniform_start(1, (80, 80), (0.0, 0.0, 1.0))
    x, y = sites((80, 80), lattice)
    paint_skyrmion(m[0], (float(x.mean()) + 0.3, float(y.mean()) - 0.2), radius, width, helicity=0.0, lattice=lattice)
    for periodic in (True, False):
        length = wall_length(m, lattice=lattice, periodic=periodic).item()
        assert length == pytest.approx(2 * math.pi * radius, rel=0.01)


@BOTH
@pytest.mark.parametrize("turns", [(0, 8), (9, 0), (5, 7), (-5, 7), (8, -3), (1, 9)])
def test_the_walls_of_stripes_are_two_a_period_at_any_angle(lattice, turns):
    n = 96
    up, right = torch.arange(n - 1, -1, -1.0)[:, None], torch.arange(float(n))
    phase = 2 * math.pi * (turns[0] * up + turns[1] * right) / n + 0.123
    m = torch.stack((phase.sin(), 0 * phase, phase.cos()))[None]
    if lattice is Lattice.SQUARE:
        area, k = n**2, math.hypot(*turns) / n
    else:
        area, k = n**2 * math.sqrt(3) / 2, math.hypot(turns[1], (turns[0] - turns[1] / 2) * 2 / math.sqrt(3)) / n
    assert wall_length(m, lattice=lattice).item() == pytest.approx(2 * area * k, rel=1e-3)


def test_walls_are_measured_in_the_unit_of_the_cell():
    across = helix_start((40, 60), 20, 0.0, dmi="bulk")  # its walls run along y
    along = helix_start((40, 60), 20, math.pi / 2, dmi="bulk")
    assert wall_length(across, cell=(3e-9, 2e-9)).item() == pytest.approx(6 * 40 * 3e-9, rel=1e-4)
    assert wall_length(along, cell=(3e-9, 2e-9)).item() == pytest.approx(4 * 60 * 2e-9, rel=1e-4)


def test_an_open_film_has_no_wall_across_its_edge():
    m = uniform_start(1, (20, 30), (0.0, 0.0, 1.0))
    m[..., 12:] *= -1
    assert wall_length(m).item() == pytest.approx(2 * 20)
    assert wall_length(m, periodic=False).item() == pytest.approx(19)


def test_walls_of_a_film_with_its_easy_axis_in_the_plane_are_across_it():
    m = uniform_start(1, (20, 30), (1.0, 0.0, 0.0))
    m[..., :10, :] *= -1
    assert wall_length(m, easy_axis=(1.0, 0.0, 0.0)).item() == pytest.approx(2 * 30)
    assert wall_length(m).item() == 0


def test_the_rim_of_a_hole_is_no_wall():
    m = uniform_start(1, (20, 30), (0.0, 0.0, -1.0))
    m[..., 5:9, 5:9] = 0
    assert wall_length(m).item() == 0


def test_walls_of_atomic_width_are_never_too_short_and_at_most_8_percent_too_long():
    x, y = sites((120, 120))
    x, y = x - 60, y - 60
    for angle in np.linspace(0, math.pi, 33):
        m = torch.zeros(1, 3, 120, 120)
        m[:, 2] = torch.where(x * math.cos(angle) + y * math.sin(angle) > 0.123, 1.0, -1.0)
        m[..., torch.hypot(x, y) > 50] = 0  # a wall along a diameter of a disc
        assert 0.97 < wall_length(m, periodic=False).item() / 100 < 1.08


def test_the_contours_of_a_labyrinth_are_those_of_scikit_image():
    k = frequencies((64, 80))
    noise = torch.fft.fft2(torch.randn(3, 64, 80, generator=torch.Generator().manual_seed(0)))
    z = torch.fft.ifft2(noise * torch.exp(-(((k - 0.1) / 0.02) ** 2) / 2)).real
    lengths = [sum(np.hypot(*np.diff(c, axis=0).T).sum() for c in find_contours(layer, 0.0)) for layer in z.numpy()]
    m = torch.stack((0 * z, torch.ones_like(z), z), dim=1)
    # it never cuts a saddle by its middle: a few sites differ
    assert wall_length(m, periodic=False).tolist() == pytest.approx(lengths, rel=2e-3)
