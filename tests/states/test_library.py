"""Recipes give the states that they are for, and a library keeps what it is told."""

import json
from collections import Counter

import numpy as np
import pytest
import torch

from napari_magtex.compute import Progress
from napari_magtex.physics.orders import bond_correlations
from napari_magtex.states import State, library, simulate
from napari_magtex.states.library import build_library, census, load_library, shares, simulate_to_file
from napari_magtex.states.recipes import RECIPES
from napari_magtex.texture import Lattice


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Small batches of small systems, of which half are heated."""
    torch.set_num_threads(1)
    for module in (simulate, library):
        monkeypatch.setattr(module, "BATCH", 6)
    monkeypatch.setattr(simulate, "_SIDES", {40: 0.5, 48: 0.5})
    monkeypatch.setattr(simulate, "_HEATED", 0.5)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_recipe_gives_its_state_at_rest_and_in_heat(recipe, tmp_path):
    _, kept, dropped = simulate_to_file((recipe, 5, 0, tmp_path))
    first = load_library(tmp_path)
    assert len(first) == kept >= 2, f"dropped: {dropped}"
    assert {s.state for s in first} == {recipe.state}
    assert all(s.kT == 0 or 0.02 <= s.kT <= recipe.hottest for s in first)
    if recipe.weight >= 1:  # of every main recipe there are both
        assert {s.kT > 0 for s in first} == {True, False}


@pytest.mark.parametrize("name", ["fm-labyrinth", "fm-film-skyrmions", "fm-lattice-turned", "afm-bimerons", "neel-120"])
def test_a_recipe_gives_the_same_batch_again(name, tmp_path):
    for folder in (tmp_path / "first", tmp_path / "again"):
        folder.mkdir()
        simulate_to_file((recipe_named(name), 5, 0, folder))
    first, again = ([s.texture.sha256 for s in load_library(f)] for f in (tmp_path / "first", tmp_path / "again"))
    assert first == again != []


def test_heat_shakes_neighbours_by_what_spin_waves_of_its_temperature_do(tmp_path):
    simulate_to_file((recipe_named("fm"), 5, 0, tmp_path))
    for simulation in (s for s in load_library(tmp_path) if s.texture.lattice is Lattice.SQUARE):
        m = torch.from_numpy(np.moveaxis(simulation.texture.m[0], -1, 0).copy())[None]
        correlation = float(bond_correlations(m, periodic=False).mean())
        # two waves a site hold kT each, half of it or less in their two bonds: the rest is anisotropy
        assert 1 - correlation <= 0.5 * simulation.kT + 0.15 * simulation.kT**2 + 0.01
        assert 1 - correlation >= 0.3 * simulation.kT - 0.001


def test_what_a_recipe_does_not_confirm_is_dropped_and_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(simulate, "identify", lambda *args, **kwargs: None)
    _, kept, dropped = simulate_to_file((RECIPES[0], 5, 0, tmp_path))
    assert (kept, dropped) == (0, {"other state": 6})
    assert census(tmp_path) == {RECIPES[0].name: {"kept": 0, "other state": 6}}
    assert load_library(tmp_path) == []


def test_a_heated_texture_that_is_another_state_inside_is_dropped(tmp_path, monkeypatch):
    monkeypatch.setattr(simulate, "_HEATED", 1.0)
    answers = iter([State.FM] * 6 + [State.FM_STRIPES] * 6)
    monkeypatch.setattr(simulate, "identify", lambda *args, **kwargs: next(answers))
    assert simulate_to_file((RECIPES[0], 5, 0, tmp_path))[1:] == (0, {"melted": 6})


def test_splits_share_no_simulation(tmp_path):
    for number in (0, 1):
        simulate_to_file((RECIPES[0], 5, number, tmp_path))
    whole = {s.texture.sha256 for s in load_library(tmp_path)}
    parts = [{s.texture.sha256 for s in load_library(tmp_path, split=k)} for k in ("train", "validation", "test")]
    assert all(parts)
    assert sum(map(len, parts)) == len(whole) == len(set.union(*parts))


def test_the_recipes_of_a_state_share_its_simulations():
    of_state = Counter()
    for recipe in RECIPES:
        of_state[recipe.state] += shares(900)[recipe.name]
    assert set(of_state) == set(State)
    assert all(900 <= count < 910 for count in of_state.values())


def test_a_library_that_was_stopped_goes_on_and_ends_as_the_same_one(tmp_path, monkeypatch):
    monkeypatch.setattr(library, "RECIPES", [recipe_named("fm"), recipe_named("afm-checkerboard")])
    monkeypatch.setattr(library, "library_folder", lambda seed: tmp_path / str(seed))
    monkeypatch.setattr(library.multiprocessing, "get_context", lambda method: InOneProcess)
    *progress, whole = build_library(10)
    assert [type(p) for p in progress] == [Progress] * len(progress)
    counts = Counter(s.recipe for s in load_library(whole))
    assert min(counts["fm"], counts["afm-checkerboard"]) >= 10
    before = {path.name: digest(path) for path in whole.glob("*.npz")}
    (whole / "fm.0001.npz").unlink()
    list(build_library(10))
    assert {path.name: digest(path) for path in whole.glob("*.npz")} == before


def test_a_library_of_one_state_is_a_part_of_the_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(library, "RECIPES", [recipe_named("fm"), recipe_named("afm-checkerboard")])
    monkeypatch.setattr(library, "library_folder", lambda seed: tmp_path / str(seed))
    monkeypatch.setattr(library.multiprocessing, "get_context", lambda method: InOneProcess)
    *_, folder = build_library(10, only=State.AFM)
    part = {path.name: digest(path) for path in folder.glob("*.npz")}
    assert {simulation.state for simulation in load_library(folder)} == {State.AFM}
    list(build_library(10))
    whole = {path.name: digest(path) for path in folder.glob("*.npz")}
    assert len(whole) > len(part)
    assert {name: whole[name] for name in part} == part


def recipe_named(name):
    return next(recipe for recipe in RECIPES if recipe.name == name)


def digest(path):
    with np.load(path) as stored:
        return [stored["m"].tobytes(), stored["index"].tobytes(), json.loads(str(stored["about"]))]


class InOneProcess:
    """A pool without processes."""

    class Pool:
        def __init__(self, processes, initializer, initargs):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            pass

        def imap_unordered(self, function, jobs):
            return map(function, jobs)
