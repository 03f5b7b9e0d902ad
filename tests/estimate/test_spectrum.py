import numpy as np
import pytest
import torch

from napari_magtex.estimate.chirality import dmi_sign, handedness
from napari_magtex.estimate.drawing import draw_channels
from napari_magtex.estimate.films import film_of
from napari_magtex.estimate.sets import Split
from napari_magtex.estimate.simulate import Films, simulate_state
from napari_magtex.estimate.spectrum import descriptor, is_uniform, measure_period
from napari_magtex.estimate.symmetry import (
    LEFT_RIGHT,
    UP_DOWN,
    film_mirror,
    mirrored,
    picture_mirror,
    random_crop,
    turned,
    turns,
)
from napari_magtex.estimate.train import see
from napari_magtex.picture import Contrast


def helix(shape, period, angle, cell=(1.0, 1.0)):
    """A Bloch helix m (3, ny, nx), y up, that D > 0 makes; period in the unit of the cell."""
    y, x = np.mgrid[shape[0] - 1 : -1 : -1, 0 : shape[1]] * np.reshape(cell, (2, 1, 1))
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


@pytest.mark.parametrize("cell", [(2.0, 4.0), (5.0, 3.0)])
@pytest.mark.parametrize("angle", [0.0, 0.5, np.pi / 2, 2.0])
def test_cells_that_are_not_square_have_the_same_period_and_description(cell, angle):
    dy, dx = cell
    longer = max(cell)
    side = round(400 / longer)
    stretched, square = (
        helix((round(400 / dy), round(400 / dx)), 48.0, angle, cell),
        helix((side, side), 48 / longer, angle),
    )
    found = measure_period(stretched, cell=cell)
    assert found.found
    assert found.value == pytest.approx(48, rel=0.02)
    assert found.low <= 48 <= found.high
    assert measure_period(square, cell=(longer, longer)).value == longer * measure_period(square).value
    difference = descriptor(stretched, Contrast.SPIN, cell=cell) - descriptor(square, Contrast.SPIN)
    assert np.abs(difference).max() < 0.1


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


OBLIQUE = [
    ({"field_T": [0.0, 0.0, 0.18]}, {}, LEFT_RIGHT),
    ({"field_T": [0.0, 0.1, 0.1]}, {}, LEFT_RIGHT),
    ({"field_T": [0.1, 0.0, 0.1]}, {}, UP_DOWN),
    ({"field_T": [0.1, 0.1, 0.0]}, {}, None),
    ({"field_T": 0.18}, {"easy_axis": [1.0, 0.0, 0.0]}, LEFT_RIGHT),
    ({"field_T": 0.18}, {"easy_axis": [1.0, 0.0, 1.0]}, UP_DOWN),
    ({"field_T": [0.0, 0.1, 0.0]}, {"easy_axis": [1.0, 0.0, 1.0]}, None),
]


@pytest.mark.parametrize(
    ("conditions", "film", "mirror"),
    [*OBLIQUE, ({}, {"cell_nm": [4.0, 3.0]}, LEFT_RIGHT), ({}, {"easy_axis": [1.0, 2.0, 0.0]}, None)],
)
def test_the_mirrors_and_turns_taken_are_those_that_keep_the_energy(fege, conditions, film, mirror):
    e = fege(conditions=conditions, film=film | {"Ku_kJ_per_m3": 30.0})
    constants = {name: p.low for name, p in e.parameters.items()}
    m = torch.as_tensor(helix((48, 48), 12, 0.4) + np.array([0.3, 0.2, 0.1], np.float32)[:, None, None])[None]
    m = m / m.norm(dim=1, keepdim=True)
    energy = film_of(e, constants).energy(m)

    def kept(other, **changes):
        return torch.allclose(film_of(e, constants | changes).energy(other), energy, rtol=1e-4, atol=0)

    keeping = [axis for axis in (LEFT_RIGHT, UP_DOWN) if kept(mirrored(m, Contrast.SPIN, axis), D=-constants["D"])]
    assert film_mirror(e) == mirror == (keeping[0] if keeping else None)
    assert turns(e) == tuple(n for n in range(4) if kept(turned(m, n, Contrast.SPIN)))


@pytest.mark.parametrize(("conditions", "film", "mirror"), OBLIQUE)
def test_a_lorentz_frame_is_mirrored_as_one_of_its_films_is(fege, conditions, film, mirror):
    e = fege(conditions=conditions, film=film | {"Ku_kJ_per_m3": 30.0}, picture={"contrast": "lorentz"})
    constants = {name: p.low for name, p in e.parameters.items()}
    of_pictures = picture_mirror(e)
    assert (of_pictures is None) == (mirror is None)
    if of_pictures is None:
        return
    m = torch.as_tensor(helix((48, 48), 12, 0.4))[None]
    half_turn = torch.tensor([-1.0, -1.0, 1.0])[:, None, None]
    other = mirrored(m, Contrast.SPIN, of_pictures) * half_turn
    energy = film_of(e, constants).energy(m)
    assert torch.allclose(film_of(e, constants).energy(other), energy, rtol=1e-4, atol=0)
    frame, mirrored_frame = (draw_channels(film.numpy(), np.array([3.84e5]), e)[0] for film in (m, other))
    flipped = mirrored(torch.as_tensor(frame), Contrast.LORENTZ, of_pictures)
    assert np.allclose(flipped.numpy(), mirrored_frame, atol=1e-4)


def test_films_held_back_are_mirrored_only_where_the_field_allows_it(experiment_with):
    m = np.stack([helix((48, 48), 12, 0.4)] * 2)
    films = Films(Split.TEST, np.array([[8e-12, 2e-3, 3.84e5]] * 2), m, np.ones(2, bool))
    for field, mirror in (([0, 0, 0.18], LEFT_RIGHT), ([0.1, 0, 0], UP_DOWN), ([0.1, 0.1, 0], None)):
        first, second = see(films, experiment_with(conditions={"field_T": field})).m
        expected = m[1] if mirror is None else mirrored(torch.as_tensor(m[1]), Contrast.SPIN, mirror).numpy()
        assert np.array_equal(first, m[0])
        assert np.array_equal(second, expected)


def test_crops_are_turned_and_mirrored_as_they_may_be():
    values = torch.arange(64.0).reshape(1, 8, 8)
    generator = torch.Generator().manual_seed(0)

    def crops(**changes):
        found = (random_crop(values, 8, Contrast.KERR, generator, periodic=False, **changes) for _ in range(60))
        return {tuple(crop[0, [0, 0, -1, -1], [0, -1, 0, -1]].tolist()) for crop in found}

    whole, half_turn, flipped, turned_over = (0, 7, 56, 63), (63, 56, 7, 0), (56, 63, 0, 7), (7, 0, 63, 56)
    assert len(crops()) == 8
    assert crops(quarters=(0,), mirror=None) == {whole}
    assert crops(quarters=(0,), mirror=UP_DOWN) == {whole, flipped}
    assert crops(quarters=(0, 2), mirror=LEFT_RIGHT) == {whole, half_turn, flipped, turned_over}


def test_crops_of_a_periodic_film_come_from_everywhere_and_of_an_open_one_from_inside():
    values = torch.arange(100.0).reshape(1, 10, 10)
    generator = torch.Generator().manual_seed(0)
    for periodic in (True, False):
        crops = [random_crop(values, 6, Contrast.LORENTZ, generator, periodic=periodic) for _ in range(200)]
        assert {c.shape for c in crops} == {(1, 6, 6)}
        across_an_edge = [float(c.max() - c.min()) > 55 for c in crops]  # 5 rows of 10 and 5 columns
        assert any(across_an_edge) is periodic
