"""Electron phases and Lorentz frames, against what can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.constants import e, hbar, mu_0

from napari_magtex.errors import Unsuitable
from napari_magtex.imaging.lorentz import fresnel, lorentz_frame
from napari_magtex.imaging.optics import Optics
from napari_magtex.imaging.phase import electron_phase, phase_of
from napari_magtex.picture import Contrast
from napari_magtex.texture import Lattice, SpinTexture

CELL = (20e-9, 4e-9, 3e-9)
MS = 384e3
WEAK = Optics(defocus=20e-6)


def grid(ny: int, nx: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates x, y of the cells in m, y up."""
    _, dy, dx = CELL
    row, column = np.mgrid[:ny, :nx]
    return (column - nx / 2 + 0.5) * dx, (ny / 2 - 0.5 - row) * dy


def film(m: np.ndarray, **known: object) -> SpinTexture:
    return SpinTexture.from_layer(m, **{"cell": CELL, "saturation": MS, **known})  # type: ignore[arg-type]


def stripe(ny: int = 32, nx: int = 64, along: str = "x") -> tuple[np.ndarray, np.ndarray, float]:
    """A cycloid-free helix along x (or y), its phase in the plane and its wave number."""
    x, y = grid(ny, nx)
    q = 2 * np.pi / (nx * CELL[2] / 2) if along == "x" else 2 * np.pi / (ny * CELL[1] / 2)
    angle = q * (x if along == "x" else y)
    in_plane = [0 * angle, np.sin(angle)] if along == "x" else [np.sin(angle), 0 * angle]
    return np.stack([*in_plane, np.cos(angle)], axis=-1), angle, q


def skyrmion(helicity: float, n: int = 64) -> np.ndarray:
    """A lone skyrmion, core down: helicity 0 Néel, pi/2 Bloch."""
    x, y = grid(n, n)
    theta = np.pi * np.exp(-((np.hypot(x, y) / 30e-9) ** 2))
    phi = np.arctan2(y, x) + helicity
    return np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1)


def test_the_wavelength_at_200_kv_is_that_of_the_tables() -> None:
    assert Optics(0).wavelength == pytest.approx(2.5079e-12, rel=1e-4)
    assert Optics(0, voltage=300e3).wavelength == pytest.approx(1.9687e-12, rel=1e-4)


def test_stripes_along_x_give_the_phase_of_their_integral() -> None:
    m, angle, q = stripe()
    expected = -(e / hbar) * mu_0 * MS * CELL[0] * np.cos(angle) / q  # d phase / dx = (e / hbar) B_y t
    phase = electron_phase(film(m))
    assert phase.dtype == np.float64
    np.testing.assert_allclose(phase, expected, atol=1e-4 * np.abs(expected).max())


def test_stripes_along_y_give_the_phase_of_their_integral_with_y_up() -> None:
    m, angle, q = stripe(along="y")
    expected = (e / hbar) * mu_0 * MS * CELL[0] * np.cos(angle) / q  # d phase / dy = -(e / hbar) B_x t
    np.testing.assert_allclose(electron_phase(film(m)), expected, atol=1e-4 * np.abs(expected).max())


def test_the_slope_of_the_phase_is_the_induction_of_a_bloch_skyrmion() -> None:
    # A Bloch skyrmion has no charges, so B = mu0 M in the plane.
    m = skyrmion(np.pi / 2, n=96)
    phase = electron_phase(film(m))
    d_up, d_right = -np.gradient(phase, CELL[1], axis=0), np.gradient(phase, CELL[2], axis=1)
    full = mu_0 * MS * CELL[0]
    assert np.abs(-d_up * hbar / e - full * m[..., 0])[2:-2, 2:-2].max() < 0.03 * full
    assert np.abs(d_right * hbar / e - full * m[..., 1])[2:-2, 2:-2].max() < 0.03 * full


def test_layers_add_up() -> None:
    m, _, _ = stripe()
    one = electron_phase(film(m))
    three = electron_phase(SpinTexture(np.stack([m, m, m]), cell=CELL, saturation=MS))
    np.testing.assert_allclose(three, 3 * one, atol=1e-9)


def test_an_untilted_neel_skyrmion_shows_nothing_and_a_bloch_one_does() -> None:
    neel, bloch = (lorentz_frame(film(skyrmion(h)), Optics(200e-6)).pixels.std() for h in (0, np.pi / 2))
    assert neel < 1e-3 * bloch
    assert bloch > 0.02
    assert lorentz_frame(film(skyrmion(0)), Optics(200e-6), tilt_deg=25).pixels.std() > 0.2 * bloch


def test_a_tilt_shows_m_z_across_the_axis() -> None:
    # Turned right-handed about x, the moments along z of stripes along x lean to -y.
    x, _ = grid(32, 64)
    q = 2 * np.pi / (64 * CELL[2] / 2)
    m = np.stack([0 * x, 0 * x, np.sign(np.sin(q * x + 1e-9))], axis=-1)
    tilted = electron_phase(film(m), tilt_deg=30)
    lying = electron_phase(film(np.stack([0 * x, -m[..., 2], 0 * x], axis=-1)))
    # The thickness along the beam grows by 1 / cos: tan(30 deg) is left.
    np.testing.assert_allclose(tilted, math.tan(math.radians(30)) * lying, atol=1e-3 * np.abs(lying).max())


def test_a_tilt_about_any_axis_is_that_about_x_turned() -> None:
    cell = (20e-9, 4e-9, 4e-9)
    m = skyrmion(0)
    about_x = electron_phase(film(m, cell=cell), tilt_deg=20)
    # Turn space and spins by +90 degrees: the axis goes from x to y.
    turned = np.rot90(np.stack([-m[..., 1], m[..., 0], m[..., 2]], axis=-1), axes=(0, 1))
    about_y = electron_phase(film(turned, cell=cell), tilt_deg=20, tilt_axis_deg=90)
    np.testing.assert_allclose(about_y, np.rot90(about_x), atol=1e-9)


def test_tilted_layers_shift_against_each_other() -> None:
    # Stripes along y, two layers 20 nm apart, turned by 30 degrees about x.
    m, _, q = stripe(ny=64, along="y")
    both = electron_phase(SpinTexture(np.stack([m, m]), cell=CELL, saturation=MS), tilt_deg=30)
    single = electron_phase(film(m), tilt_deg=30)
    shift = CELL[0] / 2 * math.tan(math.radians(30))  # on the film, up and down
    amplitude = np.abs(np.fft.fft2(both)).max() / np.abs(np.fft.fft2(single)).max()
    assert amplitude == pytest.approx(2 * math.cos(q * shift), rel=1e-6)
    # Alone above a layer that shows nothing, the stripes move to -y: downward, to later rows.
    upper = electron_phase(
        SpinTexture(np.stack([np.broadcast_to([0, 0, 1], m.shape), m]), cell=CELL, saturation=MS), tilt_deg=30
    )
    waves = np.fft.fft(upper[:, 0])[2] / np.fft.fft(single[:, 0])[2]
    assert waves == pytest.approx(np.exp(-1j * q * shift), rel=1e-6)


def test_an_open_film_ends_at_its_edges() -> None:
    m = np.zeros((48, 48, 3))
    m[..., 1] = 1
    periodic, alone = (electron_phase(film(m), periodic=p) for p in (True, False))
    assert np.abs(periodic).max() < 1e-9
    # Inside a square of uniform m_y, the phase rises to the right.
    assert np.gradient(alone, axis=1)[10:-10, 10:-10].min() > 0


def test_a_float32_batch_is_what_single_textures_give() -> None:
    fields = [skyrmion(np.pi / 2), skyrmion(0.4)]
    batch = torch.tensor(np.stack([np.moveaxis(m, -1, 0) for m in fields]), dtype=torch.float32)
    saturation = torch.tensor([MS, MS / 2])
    phase = phase_of(batch, CELL, saturation)
    for got, m, Ms in zip(phase, fields, (MS, MS / 2), strict=True):
        expected = electron_phase(film(m, saturation=Ms))
        np.testing.assert_allclose(got, expected, atol=2e-5 * np.abs(expected).max() + 1e-6)
    frames = fresnel(phase, CELL[1:], Optics(200e-6))
    expected = lorentz_frame(film(fields[0]), Optics(200e-6)).pixels
    np.testing.assert_allclose(frames[0], expected, atol=5e-5)


def test_a_weak_phase_in_underfocus_shows_its_curvature() -> None:
    # I = 1 + lambda df / (2 pi) laplacian(phase)
    m, angle, q = stripe()
    frame = lorentz_frame(film(m, saturation=MS / 50), WEAK)
    amplitude = (e / hbar) * mu_0 * MS / 50 * CELL[0] / q
    expected = WEAK.wavelength * WEAK.defocus / (2 * np.pi) * amplitude * q**2 * np.cos(angle)
    np.testing.assert_allclose(frame.pixels - 1, expected, atol=0.02 * np.abs(expected).max())


def test_a_frame_has_mean_1_and_knows_how_it_was_taken() -> None:
    optics = Optics(defocus=100e-6, voltage=300e3, cs=5e-3, divergence=1e-5)
    frame = lorentz_frame(film(skyrmion(np.pi / 2)), optics)
    assert frame.pixels.mean() == pytest.approx(1, abs=1e-5)
    assert frame.contrast is Contrast.LORENTZ
    assert frame.pixel_size == CELL[1:]
    assert frame.meta["defocus_um"] == pytest.approx(100)
    assert frame.meta["voltage_kV"] == 300
    assert frame.meta["dose_e_per_px"] is None


def test_in_focus_a_phase_object_is_invisible_but_for_the_aberration() -> None:
    assert lorentz_frame(film(skyrmion(np.pi / 2)), Optics(0)).pixels.std() < 1e-6
    strong = lorentz_frame(film(skyrmion(np.pi / 2)), Optics(0, cs=8000))
    assert strong.pixels.std() > 1e-4


def test_a_divergent_beam_blurs_by_defocus_times_angle() -> None:
    m, _, q = stripe()
    sharp, soft = (
        np.abs(np.fft.rfft(lorentz_frame(film(m, saturation=MS / 50), Optics(WEAK.defocus, divergence=d)).pixels[0]))[2]
        for d in (0.0, 4e-4)
    )
    assert soft / sharp == pytest.approx(math.exp(-((4e-4 * WEAK.defocus * q / 2) ** 2)), rel=1e-3)


def test_shot_noise_follows_the_dose_and_the_seed() -> None:
    texture = film(np.tile([0.0, 0.0, 1.0], (64, 64, 1)))
    frames = [lorentz_frame(texture, WEAK, dose=400, seed=s).pixels for s in (1, 1, 2)]
    assert frames[0].std() == pytest.approx(0.05, rel=0.05)
    np.testing.assert_array_equal(frames[0], frames[1])
    assert (frames[0] != frames[2]).any()


def test_gradients_flow_from_intensity_to_directions() -> None:
    m = torch.tensor(np.moveaxis(skyrmion(np.pi / 2, 16), -1, 0)[None], dtype=torch.float64, requires_grad=True)

    def energy(m: torch.Tensor) -> torch.Tensor:
        return fresnel(phase_of(m, CELL, MS), CELL[1:], Optics(50e-6, divergence=1e-5)).square().sum()

    assert torch.autograd.gradcheck(energy, m[..., :6, :6].detach().clone().requires_grad_(), atol=1e-6)


def test_a_defocus_that_aliases_is_reported() -> None:
    texture = film(skyrmion(np.pi / 2))
    limit = Optics(0).aliases_above((64, 64), CELL[1:])
    assert limit == pytest.approx(64 * CELL[2] ** 2 / Optics(0).wavelength)
    with pytest.warns(UserWarning, match="aliases"):
        lorentz_frame(texture, Optics(limit * 1.1))


@pytest.mark.parametrize(
    ("known", "what"),
    [
        ({"cell": None}, "cell size"),
        ({"saturation": None}, "saturation"),
        ({"lattice": Lattice.TRIANGULAR}, "triangular"),
    ],
)
def test_a_texture_that_cannot_be_imaged_says_what_it_lacks(known: dict[str, object], what: str) -> None:
    with pytest.raises(Unsuitable, match=what):
        lorentz_frame(film(skyrmion(0), **known), WEAK)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(Unsuitable, match="voltage"):
        Optics(0, voltage=0)
    with pytest.raises(Unsuitable, match="80 degrees"):
        electron_phase(film(skyrmion(0)), tilt_deg=90)


def test_what_heat_averages_out_electrons_do_not_see() -> None:
    m, *_ = stripe()
    rng = np.random.default_rng(0)
    order = rng.uniform(0.4, 1, m.shape[:2])
    weaker = lorentz_frame(film(m), Optics(200e-6), order=np.full(m.shape[:2], 0.5)).pixels
    np.testing.assert_allclose(weaker, lorentz_frame(film(m, saturation=MS / 2), Optics(200e-6)).pixels, atol=1e-5)
    phase = phase_of(torch.from_numpy(np.moveaxis(m * order[..., None], -1, 0))[None].double(), CELL, MS)
    uneven = fresnel(phase, CELL[1:], Optics(200e-6))[0].numpy()
    np.testing.assert_allclose(lorentz_frame(film(m), Optics(200e-6), order=order).pixels, uneven, atol=1e-5)
