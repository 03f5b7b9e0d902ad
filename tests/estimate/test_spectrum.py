import numpy as np
import pytest
import torch

from napari_magtex.estimate.chirality import dmi_sign, handedness
from napari_magtex.estimate.films import film_of
from napari_magtex.estimate.simulate import simulate_state
from napari_magtex.estimate.spectrum import descriptor, is_uniform, measure_period
from napari_magtex.estimate.symmetry import mirrored, random_crop, turned
from napari_magtex.picture import Contrast


def helix(shape, period, angle):
    """A Bloch helix m (3, ny, nx), y up, that D > 0 makes; period in cells."""
    y, x = np.mgrid[shape[0] - 1 : -1 : -1, 0 : shape[1]]
    phase = 2 * np.pi / period * (x * np.cos(angle) + y * np.sin(angle))
    return np.stack([np.sin(angle) * np.sin(phase), -np.cos(angle) * np.sin(phase), np.cos(phase)]).astype(np.float32)


@pytest.mark.parametrize("period", [7.3, 17.46, 30.1])
@pytest.mark.parametrize("angle", [0.0, 0.5, 2.0])
def test_the_period_of_a_helix_is_4_pi_A_over_D(period, angle):
    found = measure_period(helix((128, 100), period, angle))
    assert found.found
    assert found.low <= period <= found.high
    assert found.value == pytest.approx(period, rel=0.3 * period / 100)  # a third of the resolution
    assert found.high - found.low < 0.3 * period


def test_noise_and_uniform_pictures_have_no_period():
    rng = np.random.default_rng(0)
    assert not measure_period(rng.normal(size=(3, 96, 96)).astype(np.float32)).found
    assert not measure_period((1 + 0.07 * rng.normal(size=(1, 96, 96))).astype(np.float32), noisy=True).found
    up = np.zeros((3, 64, 64), np.float32)
    up[2] = 1
    assert not measure_period(up).found
    assert is_uniform(up, Contrast.SPIN)
    assert not is_uniform(helix((64, 64), 16, 0), Contrast.SPIN)


def test_a_period_is_found_under_shot_noise():
    waves = 1 + 0.03 * helix((128, 128), 16, 0.3)[2:]
    noisy = waves + 0.07 * np.random.default_rng(0).normal(size=waves.shape)
    found = measure_period(noisy.astype(np.float32), noisy=True)
    assert found.found
    assert found.low <= 16 <= found.high


def test_fewer_than_two_waves_are_no_period():
    assert not measure_period(helix((64, 64), 60, 0)).found


def test_the_descriptor_does_not_depend_on_where_or_how_a_picture_lies():
    m = helix((64, 64), 16, 0.0)
    same = [m, np.roll(m, (5, 9), axis=(1, 2)), turned(torch.as_tensor(m), 1, Contrast.SPIN).numpy()]
    first, *others = (descriptor(values, Contrast.SPIN) for values in same)
    for other in others:
        assert np.abs(other - first).max() < 0.1
    assert np.abs(descriptor(helix((64, 64), 8, 0.0), Contrast.SPIN) - first).max() > 1
    assert descriptor(m[2:], Contrast.LORENTZ).shape == (8,)


def test_a_helix_turns_as_its_D_says_whatever_its_direction():
    for angle in (0.0, 0.8, 2.5):
        right = helix((64, 64), 16, angle)
        left = right.copy()
        left[:2] *= -1
        assert handedness(right, "bulk") == pytest.approx(1, abs=0.05)
        assert (dmi_sign(right, "bulk"), dmi_sign(left, "bulk")) == (1, -1)
        assert dmi_sign(right, "interfacial") == 0


@pytest.mark.parametrize("dmi", ["bulk", "interfacial"])
@pytest.mark.parametrize("D", [1.58, -1.58])
def test_the_sign_of_D_is_read_off_a_simulated_state(fege, dmi, D):
    texture = simulate_state(fege(film={"dmi": dmi}, parameters={"D_mJ_per_m2": D}))
    assert dmi_sign(np.moveaxis(texture.m[0], -1, 0), dmi) == np.sign(D)


@pytest.mark.parametrize(("dmi", "turns_over"), [("bulk", True), ("interfacial", False)])
def test_turns_and_mirrors_keep_the_energy_of_a_film(fege, dmi, turns_over):
    e = fege(film={"dmi": dmi})
    m = torch.as_tensor(np.moveaxis(simulate_state(e).m[0], -1, 0).copy())[None]
    constants = {name: p.low for name, p in e.parameters.items()}
    energy = film_of(e, constants).energy(m)
    for quarters in (1, 2, 3):
        assert torch.allclose(
            film_of(e, constants).energy(turned(m, quarters, Contrast.SPIN)), energy, rtol=1e-3, atol=0
        )
    other = constants | {"D": -constants["D"] if turns_over else constants["D"]}
    assert torch.allclose(film_of(e, other).energy(mirrored(m, Contrast.SPIN)), energy, rtol=1e-3, atol=0)
    wrong = constants | {"D": constants["D"] if turns_over else -constants["D"]}
    assert not torch.allclose(film_of(e, wrong).energy(mirrored(m, Contrast.SPIN)), energy, rtol=0.1, atol=0)


def test_crops_of_a_periodic_film_come_from_everywhere_and_of_an_open_one_from_inside():
    values = torch.arange(100.0).reshape(1, 10, 10)
    generator = torch.Generator().manual_seed(0)
    for periodic in (True, False):
        crops = [random_crop(values, 6, Contrast.LORENTZ, generator, periodic=periodic) for _ in range(200)]
        assert {c.shape for c in crops} == {(1, 6, 6)}
        across_an_edge = [float(c.max() - c.min()) > 55 for c in crops]  # 5 rows of 10 and 5 columns
        assert any(across_an_edge) is periodic
