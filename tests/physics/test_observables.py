"""The row of all observables."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_magtex.physics import batched, orders, structure, topology, walls
from napari_magtex.physics import observables as measures
from napari_magtex.physics.observables import OBSERVABLES, observables
from napari_magtex.physics.starts import helix_start, paint_skyrmion, random_start, uniform_start
from napari_magtex.texture import Lattice

BOTH = pytest.mark.parametrize("lattice", list(Lattice))


def textures(lattice: Lattice = Lattice.SQUARE) -> torch.Tensor:
    """A skyrmion, a helix, a uniform state and noise."""
    skyrmion = uniform_start(1, (48, 36), (0.0, 0.0, 1.0))
    centre = (18.0, 24.0) if lattice is Lattice.SQUARE else (30.0, 20.8)
    paint_skyrmion(skyrmion[0], centre, 6, 2, helicity=0.0, lattice=lattice)
    return torch.cat(
        (
            skyrmion,
            helix_start((48, 36), 12, 0.0, dmi="bulk", lattice=lattice),
            uniform_start(1, (48, 36), (0.6, 0.0, 0.8)),
            random_start(1, (48, 36), torch.Generator().manual_seed(1)),
        )
    )


def staggered(m: torch.Tensor) -> torch.Tensor:
    rows, columns = torch.meshgrid(*(torch.arange(n) for n in m.shape[2:]), indexing="ij")
    return m * (1 - 2 * ((rows + columns) % 2))


@BOTH
@pytest.mark.parametrize("periodic", [True, False])
def test_an_apple_gpu_without_float64_measures_nearly_the_same(lattice, periodic, on_apple, monkeypatch):
    m = textures(lattice)
    expected = observables(m, lattice=lattice, periodic=periodic)
    for room in (measures, orders, structure, topology, walls):
        monkeypatch.setattr(room, "precise", lambda _: batched.precise(torch.device("mps")))
    row = observables(on_apple(m), lattice=lattice, periodic=periodic)
    for name in ("mean_z", "neighbour_correlation", "ferromagnetic_order", "charge", "wall_length"):
        assert float(row[name][0]) == pytest.approx(float(expected[name][0]), abs=1e-4)
    assert float(row["period"][1]) == pytest.approx(float(expected["period"][1]), rel=1e-4)


@BOTH
def test_every_observable_is_explained_and_is_one_number_a_system(lattice):
    row = observables(textures(lattice), lattice=lattice)
    assert all(value.shape == (4,) and value.dtype is torch.float64 for value in row.values())
    other = "triangular" if lattice is Lattice.SQUARE else "square"
    assert list(row) == [name for name, text in OBSERVABLES.items() if f"({other} lattice)" not in text]


@BOTH
@pytest.mark.parametrize("periodic", [True, False])
def test_a_batch_is_measured_as_its_systems_alone(lattice, periodic):
    m = textures(lattice)
    together = observables(m, lattice=lattice, periodic=periodic)
    for i in range(len(m)):
        alone = observables(m[i : i + 1], lattice=lattice, periodic=periodic)
        torch.testing.assert_close(alone, {k: v[i : i + 1] for k, v in together.items()}, equal_nan=True)


def test_a_row_says_what_the_textures_are():
    row = {name: value.tolist() for name, value in observables(textures(), cell=(2e-9, 2e-9)).items()}
    assert row["charge"][:3] == pytest.approx([-1, 0, 0], abs=1e-4)
    assert row["wall_length"][:3] == pytest.approx([2 * math.pi * 6 * 2e-9, 6 * 48 * 2e-9, 0], rel=0.01)
    assert row["period"][1] == pytest.approx(24e-9)
    assert math.isnan(row["period"][2])
    assert [row[f"mean_{axis}"][2] for axis in "xyz"] == pytest.approx([0.6, 0, 0.8], abs=1e-6)
    assert row["ferromagnetic_order"][1:3] == pytest.approx([0, 1], abs=1e-6)


def test_the_antiferromagnetic_twin_has_the_same_row_in_its_order():
    ferromagnet, twin = observables(textures()[:3]), observables(staggered(textures()[:3]))
    for name in ("period", "wall_length"):
        torch.testing.assert_close(twin[name], ferromagnet[name], equal_nan=True)
    torch.testing.assert_close(twin["staggered_charge"], ferromagnet["charge"], atol=1e-5, rtol=0)
    torch.testing.assert_close(twin["checkerboard_order"], ferromagnet["ferromagnetic_order"])
    torch.testing.assert_close(twin["neighbour_correlation"], -ferromagnet["neighbour_correlation"])


@BOTH
@settings(deadline=None, max_examples=20)
@given(down=st.integers(0, 47), right=st.integers(0, 35))
def test_moving_a_closed_texture_changes_nothing(lattice, down, right):
    m = textures(lattice).double()
    moved = observables(m.roll((down, right), (2, 3)), lattice=lattice)
    still = observables(m, lattice=lattice)
    rough = {"staggered_charge"}  # of a ferromagnet: arbitrary
    for name in still.keys() - rough:
        torch.testing.assert_close(moved[name], still[name], equal_nan=True, atol=1e-6, rtol=1e-6, msg=name)


def test_empty_sites_do_not_count():
    m = uniform_start(1, (24, 24), (0.0, 0.6, 0.8))
    m[..., 12:, :] = 0
    row = observables(m, periodic=False)
    for name, value in {"mean_y": 0.6, "mean_z": 0.8, "neighbour_correlation": 1, "ferromagnetic_order": 1}.items():
        assert row[name].item() == pytest.approx(value, abs=1e-6)
    assert row["wall_length"].item() == 0
