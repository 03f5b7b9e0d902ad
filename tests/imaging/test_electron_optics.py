"""Phases and pictures of electrons against closed forms and against mag2exp's stored numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.constants import e, hbar, mu_0

from napari_magtex.errors import Unsuitable
from napari_magtex.imaging.lorentz import foucault, fresnel, hologram, lorentz_frame
from napari_magtex.imaging.optics import Optics, transfer
from napari_magtex.imaging.phase import electron_phase, electrostatic_phase, induction_of
from napari_magtex.texture import SpinTexture

CELL = (20e-9, 4e-9, 4e-9)
PIXEL = CELL[1:]
MS = 384e3


@pytest.fixture(scope="module")
def mag2exp() -> dict:
    return json.loads((Path(__file__).parent / "oracles" / "mag2exp.json").read_text(encoding="utf-8"))


def stripe(n: int = 64, periods: int = 2) -> torch.Tensor:
    """A phase (1, n, n) that waves along x, of 0.3 rad."""
    x = torch.arange(n, dtype=torch.float64)
    return 0.3 * torch.cos(2 * math.pi * periods * x / n).expand(1, n, n)


def test_the_phase_is_mag2exps(mag2exp):
    m = np.moveaxis(np.array(mag2exp["m"]), 0, -1)
    texture = SpinTexture.from_layer(m, cell=tuple(mag2exp["cell"]), saturation=mag2exp["Ms"])
    expected = np.array(mag2exp["phase"])
    # 1e-3: it keeps the highest frequency of an even number of cells, which has no sign
    np.testing.assert_allclose(electron_phase(texture), expected, atol=2e-3 * np.abs(expected).max())


@pytest.mark.parametrize("number", range(3))
def test_frames_of_the_same_phase_are_mag2exps(mag2exp, number):
    frame = mag2exp["frames"][number]
    set_to = dict(frame["optics"])
    optics = Optics(set_to.pop("df_length"), **set_to)
    phase = torch.tensor(mag2exp["phase"], dtype=torch.float64)[None]
    ours = fresnel(phase, tuple(mag2exp["cell"][1:]), optics)[0].numpy()
    np.testing.assert_allclose(ours, frame["intensity"], atol=1e-7)


def test_a_uniformly_magnetised_disc_alone_in_space_has_the_phase_of_its_closed_form():
    n, radius = 128, 30  # cells
    row, column = np.mgrid[:n, :n]
    x, y = (column - (n - 1) / 2) * CELL[2], ((n - 1) / 2 - row) * CELL[1]
    r, R = np.hypot(x, y), radius * CELL[1]
    m = np.zeros((n, n, 3))
    m[r <= R, 0] = 1
    # B_x t is mu0 M t / 2 inside and a dipole's outside: phase = -(e / hbar) mu0 M t y / 2, times (R / r)^2 outside
    expected = -(e / hbar) * mu_0 * MS * CELL[0] * y / 2 * np.where(r <= R, 1, (R / np.maximum(r, 1e-12)) ** 2)
    phase = electron_phase(SpinTexture.from_layer(m, cell=CELL, saturation=MS), periodic=False)
    assert np.linalg.norm(phase - expected) < 0.01 * np.linalg.norm(expected)


def test_an_open_film_has_the_same_phase_wherever_it_lies_in_its_array():
    m = np.zeros((40, 56, 3))
    m[4:16, 4:20] = [0.6, 0.8, 0]
    moved = np.roll(m, (20, 30), axis=(0, 1))
    one, other = (
        electron_phase(SpinTexture.from_layer(a, cell=CELL, saturation=MS), periodic=False) for a in (m, moved)
    )
    np.testing.assert_allclose(one[:16, :20], other[20:36, 30:50], atol=1e-3 * np.abs(one).max())


def test_a_potential_turns_the_phase_by_the_interaction_constant():
    assert Optics(0, voltage=200e3).interaction == pytest.approx(7.29e6, rel=1e-3)  # the tables' value, rad/(V m)
    assert Optics(0, voltage=300e3).interaction == pytest.approx(6.53e6, rel=1e-3)
    wedge = np.linspace(0, 50e-9, 8)[None].repeat(4, axis=0)
    np.testing.assert_allclose(electrostatic_phase(wedge, 17.0, Optics(0))[0, -1], 7.2884e6 * 17 * 50e-9, rtol=1e-3)


def test_a_thickness_step_shows_in_a_frame_of_an_unmagnetic_film():
    m = np.zeros((64, 64, 3))
    m[..., 2] = 1
    film = SpinTexture.from_layer(m, cell=CELL, saturation=MS)
    thick = np.zeros((64, 64))
    thick[:, 16:48] = 10e-9
    bare = lorentz_frame(film, Optics(50e-6)).pixels
    stepped = lorentz_frame(film, Optics(50e-6), electrostatic=electrostatic_phase(thick, 10.0, Optics(0))).pixels
    assert bare.std() < 1e-6 < 0.01 < stepped.std()


@pytest.mark.parametrize(("axis", "seen"), [(0.0, 1.5), (90.0, 0.5)])
def test_astigmatism_adds_to_the_defocus_along_its_axis(axis, seen):
    optics = Optics(20e-6, astigmatism=10e-6, astigmatism_axis_deg=axis)
    plain = Optics(20e-6 * seen)
    torch.testing.assert_close(fresnel(stripe(), PIXEL, optics), fresnel(stripe(), PIXEL, plain))


def test_an_unsteady_focus_gives_the_mean_of_the_pictures_of_weak_phases():
    spread, weak = 60e-6, 0.05 * stripe(periods=12)
    away = np.linspace(-4, 4, 81)
    odds = np.exp(-(away**2) / 2)
    pictures = [fresnel(weak, PIXEL, Optics(100e-6 + spread * a)) for a in away]
    mean = sum(o * picture for o, picture in zip(odds / odds.sum(), pictures, strict=True))
    blurred = fresnel(weak, PIXEL, Optics(100e-6, focal_spread=spread))
    contrast = float((mean - 1).abs().max())
    assert contrast < 0.8 * float((fresnel(weak, PIXEL, Optics(100e-6)) - 1).abs().max()), "the spread must matter here"
    torch.testing.assert_close(blurred, mean, atol=0.02 * contrast, rtol=0)


def test_the_transfer_of_a_steady_microscope_only_turns_phases():
    factor = transfer((16, 24), (3e-9, 4e-9), Optics(1e-3, cs=8.0, astigmatism=1e-5, astigmatism_axis_deg=30))
    torch.testing.assert_close(factor.abs(), torch.ones(16, 24, dtype=torch.float64))


def test_in_focus_a_pure_phase_shows_nothing_and_across_focus_its_contrast_turns_over(film):
    seen = {df: lorentz_frame(film, Optics(df * 1e-6)).pixels - 1 for df in (-50, 0, 50)}
    assert np.abs(seen[0]).max() < 1e-6
    assert seen[50].std() > 0.02
    assert np.corrcoef(seen[50].ravel(), seen[-50].ravel())[0, 1] < -0.9


def test_a_frame_can_be_differentiated_by_its_phase():
    optics = Optics(80e-6, cs=1.0, divergence=1e-5, astigmatism=5e-6, focal_spread=1e-6)
    phase = torch.randn(2, 6, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    assert torch.autograd.gradcheck(lambda p: fresnel(p, PIXEL, optics), phase)


def test_foucault_lights_the_domains_that_deflect_past_the_edge():
    # Stripe domains: the phase falls in the left half and rises in the right one, B up (+y) on the right.
    n = 128
    x = np.arange(n)
    phase = torch.from_numpy(np.abs(x - n / 2) * 0.4)[None].expand(1, n, n)
    assert induction_of(phase[0].numpy(), PIXEL)[1, :, 96].mean() > 0
    bright = foucault(phase, PIXEL, Optics(0), direction_deg=0)[0].numpy()  # 90 degrees on from 0 is up
    assert bright[:, 80:112].mean() > 5 * bright[:, 16:48].mean()
    assert foucault(phase, PIXEL, Optics(0), direction_deg=180)[0, :, 16:48].mean() > 0.5


def test_the_fringes_of_a_hologram_shift_by_the_phase():
    flat = torch.zeros(1, 32, 64, dtype=torch.float64)
    fringes = hologram(flat, PIXEL, fringe=8 * PIXEL[1])[0, 0].numpy()
    shifted = hologram(flat + math.pi / 2, PIXEL, fringe=8 * PIXEL[1])[0, 0].numpy()
    np.testing.assert_allclose(shifted[:-2], fringes[2:], atol=1e-12)
    assert hologram(flat, PIXEL, fringe=8 * PIXEL[1], direction_deg=90, visibility=0.5)[0].std(dim=1).max() < 1e-12


def test_a_spread_of_the_focus_below_0_is_refused():
    with pytest.raises(Unsuitable, match="cannot be negative"):
        Optics(0, focal_spread=-1e-6)
