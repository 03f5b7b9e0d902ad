"""SpinTexture: validated once, frozen, and oriented as DESIGN says."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from napari_magtex.texture import BadTexture, Lattice, SpinTexture


def test_directions_are_normalised_and_empty_cells_stay_empty():
    m = np.zeros((1, 2, 2, 3))
    m[0, 0, 0] = (0, 3, 4)
    m[0, 1, 1] = (0, 0, -2e5)
    texture = SpinTexture(m)
    assert texture.m.dtype == np.float32
    np.testing.assert_allclose(texture.m[0, 0, 0], (0, 0.6, 0.8))
    np.testing.assert_allclose(texture.m[0, 1, 1], (0, 0, -1))
    assert texture.material.tolist() == [[[True, False], [False, True]]]


def test_a_texture_cannot_be_changed():
    texture = SpinTexture.from_layer(np.ones((2, 2, 3)))
    with pytest.raises(ValueError, match="read-only"):
        texture.m[0, 0, 0] = 0
    with pytest.raises(FrozenInstanceError):
        texture.cell = (1, 1, 1)


def test_the_array_given_is_neither_kept_nor_frozen():
    m = np.ones((1, 2, 2, 3), dtype=np.float32) / np.sqrt(np.float32(3))
    texture = SpinTexture(m)
    m[:] = 0
    assert texture.material.all()


@pytest.mark.parametrize(
    ("m", "words"),
    [
        (np.ones((4, 4, 3)), "shape"),
        (np.ones((1, 4, 4, 2)), "shape"),
        (np.ones((1, 0, 4, 3)), "shape"),
        (np.zeros((1, 4, 4, 3)), "no magnetic material"),
        (np.full((1, 4, 4, 3), np.nan), "16 of 16 spins"),
        (np.ones((1, 4, 4, 3), dtype=complex), "complex"),
    ],
)
def test_what_is_no_texture_is_refused_with_the_reason(m, words):
    with pytest.raises(BadTexture, match=words):
        SpinTexture(m)


def test_one_infinite_spin_is_counted():
    m = np.ones((1, 4, 4, 3))
    m[0, 1, 2, 0] = np.inf
    with pytest.raises(BadTexture, match="1 of 16 spins are not finite"):
        SpinTexture(m)


@pytest.mark.parametrize("cell", [(1e-9, 1e-9), (1e-9, 0, 1e-9), (1e-9, -1e-9, 1e-9), (1e-9, np.nan, 1e-9)])
def test_cell_sizes_are_three_positive_lengths(cell):
    with pytest.raises(BadTexture, match="positive metres"):
        SpinTexture(np.ones((1, 2, 2, 3)), cell=cell)


@pytest.mark.parametrize("saturation", [0, -1, np.nan, np.inf])
def test_saturation_is_positive(saturation):
    with pytest.raises(BadTexture, match="saturation"):
        SpinTexture(np.ones((1, 2, 2, 3)), saturation=saturation)


def test_the_middle_layer_keeps_what_is_known():
    m = np.zeros((3, 2, 2, 3))
    m[0, ..., 0] = m[1, ..., 1] = m[2, ..., 2] = 1
    texture = SpinTexture(m, cell=(1e-9, 2e-9, 3e-9), saturation=4e5, lattice="triangular", meta={"title": "t"})
    middle = texture.middle()
    assert middle.shape == (1, 2, 2)
    assert (middle.m[..., 1] == 1).all()
    assert (middle.cell, middle.saturation, middle.meta) == (texture.cell, 4e5, {"title": "t"})
    assert middle.lattice is Lattice.TRIANGULAR


def test_the_hash_follows_the_directions():
    up, down = (SpinTexture.from_layer(np.full((2, 2, 3), sign)) for sign in (1.0, -1.0))
    assert up.sha256 == SpinTexture.from_layer(np.full((2, 2, 3), 5.0)).sha256
    assert up.sha256 != down.sha256
