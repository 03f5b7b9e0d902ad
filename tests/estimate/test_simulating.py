import errno

import numpy as np
import pytest
import torch
import zarr.storage._local

from napari_magtex.compute import Progress, drain
from napari_magtex.errors import BadExperiment, MagtexError
from napari_magtex.estimate import simulate
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.films import FIGURES, film_of
from napari_magtex.estimate.sets import Split, parameter_sets
from napari_magtex.estimate.simulate import (
    Films,
    _likely_uniform,
    films_folder,
    films_kept,
    simulate_films,
    simulate_state,
)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def winding_above(monkeypatch):
    """Put films in place of relaxed ones, two in a chunk: a helix where D is above a limit, else uniform.

    The function returned sets the limit in J/m^2, and returns the list of (D, T) of all films that are made from then.
    """
    made = []

    def replaced(limit):
        def relax_films(experiment, constants, seeds, **_):
            ny, nx = experiment.film.shape
            D = constants[:, list(experiment.parameters).index("D")]
            made.extend((d, experiment.conditions.temperature_K) for d in D)
            angle = np.where(D[:, None] > limit, 2 * np.pi * np.arange(nx) / 20, 0)
            m = np.stack([0 * angle, np.sin(angle), np.cos(angle)], axis=1)[:, :, None].repeat(ny, axis=2)
            figures = {name: np.ones(len(D), column.dtype) for name, column in FIGURES.items()}
            return figures | {"m": m.astype(np.float32)}

        monkeypatch.setattr(simulate, "relax_films", relax_films)
        monkeypatch.setitem(simulate._CELLS_AT_ONCE, "cpu", 2 * 40 * 40)
        return made

    return replaced


def test_lists_of_values_make_their_grid(experiment_with):
    e = experiment_with(
        parameters={"A_pJ_per_m": {"values": [6, 8, 10]}, "D_mJ_per_m2": {"values": [1.6, 2.0]}, "Ms_MA_per_m": 0.384}
    )
    sets = parameter_sets(e, Split.TRAIN)
    assert sets.shape == (6, 3)
    assert len({tuple(row) for row in sets.round(15)}) == 6
    held_back = parameter_sets(e, Split.TEST)
    assert not np.isin(held_back[:, 0], [6e-12, 8e-12, 10e-12]).any()


def test_ranges_are_filled_and_no_set_serves_two_splits(experiment_with):
    e = experiment_with(training={"films": 64, "calibration": 32, "test": 32})
    sets = {split: parameter_sets(e, split) for split in Split}
    assert [len(s) for s in sets.values()] == [64, 32, 32]
    A = sets[Split.TRAIN][:, 0]
    assert np.histogram(A, bins=8, range=(6e-12, 10e-12))[0].tolist() == [8] * 8
    every = np.concatenate(list(sets.values()))[:, :2]
    assert len(np.unique(every, axis=0)) == 128
    for name, column in zip(e.parameters, every.T, strict=False):
        assert (column >= e.parameters[name].low).all()
        assert (column <= e.parameters[name].high).all()


def test_more_films_keep_those_that_are_there(experiment_with):
    few = parameter_sets(experiment_with(training={"films": 8}), Split.TRAIN)
    many = parameter_sets(experiment_with(training={"films": 16}), Split.TRAIN)
    assert np.array_equal(few, many[:8])


def test_a_stopped_simulation_goes_on_where_it_was(experiment_with, own_cache):
    e = experiment_with(film={"shape": [40, 40]}, training={"films": 10, "calibration": 10, "test": 1})
    work = simulate_films(e, device="cpu")
    while next(work).done < 10:
        pass
    work.close()
    assert [path.name for path in films_folder(e).iterdir()] == ["train.zarr"]
    stored = {path: path.stat().st_mtime_ns for path in (films_folder(e) / "train.zarr").rglob("*")}
    films = drain(simulate_films(e, device="cpu"))
    assert [(f.split, len(f.m)) for f in films] == [(Split.TRAIN, 10), (Split.CALIBRATION, 10), (Split.TEST, 1)]
    assert all(path.stat().st_mtime_ns == then for path, then in stored.items())
    assert films[0].m.shape == (10, 3, 40, 40)
    assert np.allclose(np.linalg.norm(films[0].m, axis=1), 1, atol=1e-5)


def test_fewer_films_are_read_from_a_longer_table(experiment_with, own_cache):
    count = {"films": 3, "calibration": 10, "test": 1}
    many = drain(simulate_films(experiment_with(film={"shape": [40, 40]}, training=count), device="cpu"))
    few = experiment_with(film={"shape": [40, 40]}, training=count | {"films": 2})
    steps = list(simulate_films(few, device="cpu"))
    assert (steps[-2].done, steps[-2].total) == (13, 13)
    assert np.array_equal(steps[-1][0].m, many[0].m[:2])


def test_films_that_did_not_settle_are_left_out(experiment_with, own_cache, monkeypatch):
    monkeypatch.setattr("napari_magtex.estimate.films._MAX_STEPS", 11)
    e = experiment_with(film={"shape": [40, 40]}, training={"films": 2, "calibration": 10, "test": 1})
    train, *_ = drain(simulate_films(e, device="cpu"))
    assert train.m.shape == (0, 3, 40, 40)
    assert train.converged.tolist() == [False, False]


def test_progress_counts_all_films(experiment_with, own_cache):
    e = experiment_with(film={"shape": [40, 40]}, training={"films": 1, "calibration": 10, "test": 1})
    steps = [s for s in simulate_films(e, device="cpu") if isinstance(s, Progress)]
    assert [s.done for s in steps] == sorted(s.done for s in steps)
    assert (steps[-1].done, steps[-1].total) == (12, 12)


def test_one_state_is_at_rest_and_knows_its_film(fege):
    e = fege()
    texture = simulate_state(e)
    assert texture.shape == (1, 48, 48)
    assert texture.cell == pytest.approx((4e-9, 4e-9, 4e-9))
    assert texture.saturation == pytest.approx(3.84e5)
    m = torch.as_tensor(np.moveaxis(texture.m[0], -1, 0).copy())[None]
    film = film_of(e, {name: p.low for name, p in e.parameters.items()})
    assert torch.linalg.cross(m, film.field(m), dim=1).abs().max() < 1e-4  # tesla


@pytest.mark.parametrize("dmi", ["bulk", "interfacial"])
def test_skyrmions_start_with_their_cores_against_the_field(fege, dmi):
    above, below = (
        simulate_state(fege(start={"kind": "skyrmions"}, film={"dmi": dmi}, conditions={"field_T": field})).m[0]
        for field in (0.18, -0.18)
    )
    assert above[..., 2].mean() > 0.1
    assert np.allclose(below, -above, atol=1e-3)


@pytest.mark.parametrize("kind", ["uniform", "helix", "skyrmions"])
def test_every_start_leads_to_a_state(fege, kind):
    assert simulate_state(fege(start={"kind": kind})).m[..., 2].mean() > -0.2


def test_a_field_path_leads_elsewhere_than_a_quench(fege):
    quenched = simulate_state(fege())
    stepped = simulate_state(fege(start={"field_path_T": [2.0, 0.4]}))
    assert stepped.m[..., 2].std() < 0.01  # saturated first: nothing to nucleate from
    assert quenched.m[..., 2].std() > 0.3


def test_ranges_are_refused_where_one_state_is_wanted(experiment_with):
    with pytest.raises(BadExperiment, match=r"A, D vary"):
        simulate_state(experiment_with())


def test_heat_roughens_a_snapshot_and_an_exposure_smooths_it(fege):
    def roughness(m):
        return float(np.square(m - np.roll(m, 1, axis=2)).mean())

    cold = simulate_state(fege()).m
    snapshot = simulate_state(fege(conditions={"temperature_K": 265})).m
    exposure = simulate_state(fege(conditions={"temperature_K": 265}, picture={"exposure": "averaged"})).m
    assert roughness(snapshot) > 1.3 * roughness(cold)
    assert roughness(exposure) < 1.1 * roughness(cold)


def test_the_heat_of_a_film_is_its_own_and_comes_again(fege):
    warm = fege(conditions={"temperature_K": 265}, start={"anneal_K": 400})
    assert np.array_equal(simulate_state(warm).m, simulate_state(warm).m)
    other = fege(conditions={"temperature_K": 265}, start={"anneal_K": 400, "seed": 2})
    assert not np.allclose(simulate_state(warm).m, simulate_state(other).m, atol=0.1)


def test_exposures_of_heated_films_do_not_share_a_folder_with_snapshots(fege):
    warm, exposed = (
        fege(conditions={"temperature_K": 265}, picture={"exposure": exposure}) for exposure in ("snapshot", "averaged")
    )
    cold, cold_exposed = (fege(picture={"exposure": exposure}) for exposure in ("snapshot", "averaged"))
    assert films_folder(warm) != films_folder(exposed)
    assert films_folder(cold) == films_folder(cold_exposed)


def test_ranges_without_a_texture_are_refused_after_eight_films(experiment_with, own_cache, winding_above):
    made = winding_above(1.0)
    e = experiment_with(film={"shape": [40, 40]}, training={"films": 64})
    with pytest.raises(BadExperiment, match=r"8 of the first 8 films are uniform .* raise D"):
        drain(simulate_films(e, device="cpu"))
    assert len(made) == 8


@pytest.mark.parametrize(
    ("sections", "advice"),
    [
        ({"conditions": {"field_T": [0, 0, 2]}}, r"2000 mT, and from D\^2/\(2 A Ms\) = 1250 mT on nothing winds"),
        ({"parameters": {"D_mJ_per_m2": {"low": 0.1, "high": 0.3}}}, "helix, 251 nm, is longer than the film, 160 nm"),
        ({"parameters": {"D_mJ_per_m2": 0}}, "there is no DMI, .* lower the field or Ku"),
    ],
)
def test_what_to_change_is_said(experiment_with, own_cache, winding_above, sections, advice):
    winding_above(1.0)
    with pytest.raises(BadExperiment, match=advice):
        drain(simulate_films(experiment_with(film={"shape": [40, 40]}, **sections), device="cpu"))


def test_interfacial_dmi_winds_too(experiment_with):
    e = experiment_with(parameters={"Di_mJ_per_m2": {"low": -1, "high": 1}})
    key = _likely_uniform(e)
    strong, weak = (np.array([[8e-12, 1.6e-3, 0.384e6, Di]]) for Di in (-1e-3, 0.0))
    assert key(strong) < key(weak)


def test_in_heat_films_are_tried_cold_before_any_is_heated(experiment_with, own_cache, winding_above):
    made = winding_above(1.0)
    hot = experiment_with(film={"shape": [40, 40]}, conditions={"temperature_K": 265}, training={"films": 64})
    with pytest.raises(BadExperiment, match="8 of the first 8 films are uniform"):
        drain(simulate_films(hot, device="cpu"))
    assert [T for _, T in made] == 8 * [0]


def test_the_sets_that_wind_most_come_first_so_one_of_them_is_enough(experiment_with, own_cache, winding_above):
    made = winding_above(2.3e-3)
    D = [0.2 * n for n in range(1, 13)]  # the last, in the last chunk, alone winds
    e = experiment_with(film={"shape": [40, 40]}, parameters={"A_pJ_per_m": 8, "D_mJ_per_m2": {"values": D}})
    work = simulate_films(e, device="cpu")
    first = next(step for step in work if isinstance(step, Films))
    work.close()
    assert sorted(d for d, _ in made) == pytest.approx([1e-3 * d for d in D[4:]])
    assert sorted(first.constants[:, 1]) == pytest.approx([1e-3 * d for d in D[4:]])
    assert [m[1].std() > 0.5 for m in first.m] == list(first.constants[:, 1] > 2.3e-3)
    assert films_kept(e) == 8
    drain(simulate_films(e, device="cpu"))
    assert sorted(d for d, _ in made[8:12]) == pytest.approx([1e-3 * d for d in D[:4]])  # the training films left


@pytest.mark.parametrize("written", [0, 8])
def test_a_full_disk_says_what_is_kept_and_the_next_run_goes_on(
    experiment_with, own_cache, winding_above, monkeypatch, written
):
    made = winding_above(0.0)
    e = experiment_with(film={"shape": [40, 40]}, training={"films": 12, "calibration": 10, "test": 1})
    put = zarr.storage._local._put

    def full(path, value, *rest, **more):
        if films_kept(e) >= written and "/m/c/" in str(path):
            raise OSError(errno.ENOSPC, "No space left on device")
        return put(path, value, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr(zarr.storage._local, "_put", full)
        with pytest.raises(MagtexError) as told:
            drain(simulate_films(e, device="cpu"))
    assert f"train.zarr cannot be written (No space left on device); {written} of its 12 films are done" in str(
        told.value
    )
    assert str(own_cache) in str(told.value)
    assert films_kept(e) == written
    made.clear()
    films = drain(simulate_films(e, device="cpu"))
    assert [len(f.m) for f in films] == [12, 10, 1]
    assert len(made) == 23 - written


def test_a_cache_that_cannot_be_written_says_so(experiment_with, tmp_path, monkeypatch):
    (tmp_path / "napari-magtex").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    e = experiment_with(film={"shape": [40, 40]})
    with pytest.raises(MagtexError, match="cannot be written"):
        drain(simulate_films(e, device="cpu"))


def test_the_hash_of_the_films_forgets_the_picture(tables_with):
    spin = Experiment.from_dict(tables_with())
    lorentz = Experiment.from_dict(tables_with(picture={"contrast": "lorentz"}, training={"steps": 7}))
    assert films_folder(spin) == films_folder(lorentz)
    assert films_folder(spin) != films_folder(Experiment.from_dict(tables_with(conditions={"field_T": 0.1})))
