"""Recipes, and the checks that a texture is what its recipe meant."""

import numpy as np
import pytest
import torch

from napari_magtex.physics.starts import paint_skyrmion, uniform_start
from napari_magtex.picture import Contrast
from napari_magtex.states import State, hidden_states
from napari_magtex.states.checks import identify
from napari_magtex.states.library import _simulate, load_library
from napari_magtex.states.recipes import RECIPES
from napari_magtex.texture import Lattice


def skyrmion(radius: float = 6) -> np.ndarray:
    m = uniform_start(1, (48, 48), (0.0, 0.0, 1.0))
    paint_skyrmion(m[0], (20, 30), radius, 3, helicity=0.0, lattice=Lattice.SQUARE)
    return m[0].permute(1, 2, 0).numpy().copy()


def cycloid(period: int = 12) -> np.ndarray:
    phase = 2 * np.pi * np.arange(48) / period
    row = np.stack([np.sin(phase), 0 * phase, np.cos(phase)], axis=-1)
    return np.tile(row, (48, 1, 1)).astype(np.float32)


def test_textures_made_by_hand_are_named():
    up = np.zeros((48, 48, 3), np.float32)
    up[..., 2] = 1
    in_plane = skyrmion()[..., [2, 0, 1]]
    for n, states in (
        (up, (State.FM, State.AFM)),
        (skyrmion(), (State.FM_SKYRMIONS, State.AFM_SKYRMIONS)),
        (in_plane, (State.FM_IN_PLANE_SKYRMIONS, State.AFM_IN_PLANE_SKYRMIONS)),
        (cycloid(), (State.FM_STRIPES, State.AFM_STRIPES)),
    ):
        rows, columns = np.indices(n.shape[:2])
        staggered = n * (1 - 2 * ((rows + columns) % 2))[..., None]
        assert (identify(n), identify(staggered.astype(np.float32))) == states


def test_three_sublattices_are_the_120_degree_state():
    rows, columns = np.indices((24, 24))
    angle = 2 * np.pi / 3 * ((rows + columns) % 3)
    m = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1).astype(np.float32)
    assert identify(m, Lattice.TRIANGULAR) is State.NEEL_120


@pytest.mark.parametrize("kind", ["noise", "bubble without charge", "stripes beside skyrmions"])
def test_what_is_none_of_the_nine_or_mixed_is_not_named(kind):
    rng = np.random.default_rng(0)
    if kind == "noise":
        m = rng.normal(size=(48, 48, 3))
        m /= np.linalg.norm(m, axis=-1, keepdims=True)
    elif kind == "bubble without charge":
        m = np.zeros((48, 48, 3))
        m[..., 2] = 1
        m[20:30, 20:30] = (0, 0, -1)
    else:
        m = np.concatenate([cycloid(), *[skyrmion(9)] * 2])
    assert identify(m.astype(np.float32)) is None


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_recipe_gives_its_state_and_the_same_one_again(recipe, tmp_path):
    torch.set_num_threads(1)
    name, kept, dropped = _simulate((recipe, 5, 0, tmp_path))
    assert kept >= 3, f"{dropped} of {kept + dropped} dropped"
    first = load_library(tmp_path)
    assert {s.state for s in first} == {recipe.state}
    (tmp_path / f"{name}.npz").unlink()
    _simulate((recipe, 5, 0, tmp_path))
    again = load_library(tmp_path)
    assert [s.texture.sha256 for s in again] == [s.texture.sha256 for s in first]


def test_splits_share_no_simulation(tmp_path):
    torch.set_num_threads(1)
    _simulate((RECIPES[0], 5, 0, tmp_path))
    whole = {s.texture.sha256 for s in load_library(tmp_path)}
    parts = [{s.texture.sha256 for s in load_library(tmp_path, split=k)} for k in ("train", "validation", "test")]
    assert all(parts)
    assert sum(map(len, parts)) == len(whole) == len(set.union(*parts))


def test_only_spin_pictures_show_an_antiferromagnet():
    assert not hidden_states(Contrast.SPIN)
    assert State.AFM_STRIPES in hidden_states(Contrast.LORENTZ)
    assert State.FM_STRIPES not in hidden_states(Contrast.KERR)
