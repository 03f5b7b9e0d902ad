import errno
import json
import shutil

import numpy as np
import pytest
import torch

from napari_magtex.compute import Progress, drain
from napari_magtex.errors import BadExperiment, MagtexError
from napari_magtex.estimate.checkpoint import Checkpoint, seconds_spent
from napari_magtex.estimate.drawing import draw
from napari_magtex.estimate.evaluate import crops
from napari_magtex.estimate.network import build
from napari_magtex.estimate.predict import Estimator
from napari_magtex.estimate.sets import Split, parameter_sets
from napari_magtex.estimate.simulate import table_path
from napari_magtex.estimate.train import Learned, SampleFilms, checkpoint_path, crop_sides, train_estimator
from napari_magtex.picture import Contrast


@pytest.fixture
def same_cache(tiny, monkeypatch):
    """The cache with the tiny estimators' films, so that nothing is simulated twice."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tiny / "cache"))


def assert_same_weights(one, other):
    for key, tensor in one.network.state_dict().items():  # Adam makes much of rounding where gradients are about 0
        assert (tensor - other.network.state_dict()[key]).float().abs().mean() < 1e-4, key


def test_an_estimator_is_one_file_and_its_card_tells_how_it_was_made(tiny):
    card = json.loads((tiny / "tiny-spin.json").read_text())
    assert card["kind"] == "estimator"
    assert card["data"] == {"train": 8, "calibration": 10, "test": 2, "seed": 1}
    assert set(card["test"]["parameters"]) == {"A", "D"}
    for figures in card["test"]["parameters"].values():
        assert 0 <= figures["coverage_percent"] <= 100
        assert figures["median_relative_error_percent"] > 0
    assert card["calibration"]["sides"] == [40, 48]
    assert card["experiment"]["film"]["shape"] == [48, 48]
    assert any("films at rest" in note for note in card["notes"])


def test_a_training_that_was_stopped_ends_as_one_that_was_not(experiment_with, same_cache, tmp_path, monkeypatch):
    e = experiment_with(training={"steps": 6, "network": "windows-cnn"}, start={"seed": 1})
    monkeypatch.setattr("napari_magtex.estimate.train._SAVE_EVERY", 3)
    work = train_estimator(e, tmp_path / "stopped.safetensors", device="cpu")
    for step in work:
        if isinstance(step, Progress) and "training, error" in step.what and step.done == 4:
            break
    work.close()
    resumed = [
        step.done
        for step in train_estimator(e, tmp_path / "stopped.safetensors", device="cpu")
        if isinstance(step, Progress) and "training, error" in step.what
    ]
    assert resumed == [4, 5, 6]  # after the checkpoint at 3
    stopped = Estimator.load(tmp_path / "stopped.safetensors", device="cpu")
    monkeypatch.setattr("napari_magtex.estimate.train.Checkpoint.restore", lambda self: 0)
    drain(train_estimator(e, tmp_path / "whole.safetensors", device="cpu"))
    whole = Estimator.load(tmp_path / "whole.safetensors", device="cpu")
    assert_same_weights(stopped, whole)


def test_what_is_learned_from_and_how_well_is_told_on_the_way(experiment_with, same_cache, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_magtex.estimate.train._TOLD", 2)
    e = experiment_with(training={"steps": 5}, picture={"contrast": "lorentz"})
    *events, path = train_estimator(e, tmp_path / "told.safetensors", device="cpu")
    assert path == tmp_path / "told.safetensors"
    (sample,) = (event for event in events if isinstance(event, SampleFilms))
    assert sample.values.shape == (8, 1, 48, 48)
    assert sample.values.mean(axis=(1, 2, 3)) == pytest.approx(np.ones(8), abs=0.01)
    sets = {tuple(row) for row in parameter_sets(e, Split.TRAIN).round(15)}
    assert {tuple(row) for row in sample.constants.round(15)} <= sets
    assert not sample.uniform.all()
    learned = [event for event in events if isinstance(event, Learned)]
    assert [(event.step, event.steps) for event in learned] == [(2, 5), (4, 5), (5, 5)]
    assert all(np.isfinite(event.loss) and 0 < event.error < 100 for event in learned)
    assert events.index(sample) < events.index(learned[0])
    said = [event.what for event in events if isinstance(event, Progress) and "training, error" in event.what]
    assert "left" not in said[0]
    assert all(" s left; training, error" in what for what in said[1:])


def test_a_run_cancelled_among_the_films_and_in_training_ends_as_one_that_was_not(
    experiment_with, tiny, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("napari_magtex.estimate.train._SAVE_EVERY", 2)
    shutil.copytree(tiny / "cache", tmp_path / "cache")
    e = experiment_with()
    shutil.rmtree(table_path(e, Split.TEST))
    shutil.rmtree(checkpoint_path(e).parent)

    def cancelled(until):
        work = train_estimator(e, tmp_path / "tiny-spin.safetensors", device="cpu")
        for step in work:
            if isinstance(step, Progress) and until in step.what and step.done in (3, 18):
                break
        work.close()

    cancelled("simulating")
    assert not checkpoint_path(e).exists()
    cancelled("training, error")
    drain(train_estimator(e, tmp_path / "tiny-spin.safetensors", device="cpu"))
    stopped, whole = (Estimator.load(folder / "tiny-spin.safetensors", device="cpu") for folder in (tmp_path, tiny))
    assert_same_weights(stopped, whole)
    assert stopped.intervals.quantiles.keys() == whole.intervals.quantiles.keys()


def test_a_run_may_be_cancelled_between_the_films_of_its_calibration(experiment_with, same_cache, tmp_path):
    work = train_estimator(experiment_with(), tmp_path / "e.safetensors", device="cpu")
    said = [step.what for step in work if isinstance(step, Progress)]
    assert said.count("drawing pictures") == 3  # for each split
    assert said.count("calibrating") >= 8 + 2 * 10  # the films of the misses, and those of the intervals for each side
    assert said.count("testing") == 2
    work = train_estimator(experiment_with(), tmp_path / "cancelled.safetensors", device="cpu")
    next(step for step in work if isinstance(step, Progress) and step.what == "calibrating" and step.done)
    work.close()
    assert not (tmp_path / "cancelled.safetensors").exists()


def test_a_full_disk_in_training_says_what_is_kept(experiment_with, same_cache, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_magtex.estimate.train._SAVE_EVERY", 1)
    e = experiment_with(training={"steps": 3}, start={"seed": 1}, hysteresis={"steps": 11})

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    work = train_estimator(e, tmp_path / "e.safetensors", device="cpu")
    next(step for step in work if isinstance(step, Progress) and "training, error" in step.what)
    monkeypatch.setattr("napari_magtex.estimate.checkpoint.save_file", full)
    with pytest.raises(MagtexError) as told:
        drain(work)
    assert "No space left on device" in str(told.value)
    assert "the films and 1 of 3 steps of training are kept: make room" in str(told.value)


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_simulated(experiment_with, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(MagtexError, match=r"cannot be written .*nothing was begun"):
        next(train_estimator(experiment_with(), tmp_path / "file" / "e.safetensors"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_papers_network_trains_by_the_same_way(experiment_with, same_cache, tmp_path):
    e = experiment_with(training={"network": "wang2020", "steps": 1})
    assert drain(train_estimator(e, tmp_path / "w.safetensors", device="cpu")) == tmp_path / "w.safetensors"
    assert Estimator.load(tmp_path / "w.safetensors", device="cpu").card["network"] == "wang2020"


def test_a_network_that_judges_windows_one_by_one_learns_from_small_crops_of_many_films(experiment_with):
    film = {"shape": [128, 160]}
    assert crop_sides(experiment_with(film=film)) == [40, 64, 96, 128]
    assert crop_sides(experiment_with(film=film, training={"network": "wang2020"})) == [40]
    assert crop_sides(experiment_with()) == [40], "no crop is larger than the film"


def test_checkpoints_hold_weights_and_moments(tmp_path):
    torch.manual_seed(0)

    def trained(steps):
        network = build("windows-cnn", 1, 2)
        optimiser = torch.optim.AdamW(network.parameters())
        for _ in range(steps):
            network.loss(network(torch.ones(2, 1, 40, 40)), torch.zeros(2, 2)).backward()
            optimiser.step()
        return network, optimiser

    checkpoint = Checkpoint(tmp_path / "c.safetensors", *trained(2))
    checkpoint.save(2, 12.5)
    other = Checkpoint(tmp_path / "c.safetensors", *trained(0))
    assert other.restore() == 2
    assert seconds_spent(other.path) == 12.5
    for a, b in zip(checkpoint.network.parameters(), other.network.parameters(), strict=True):
        assert torch.equal(a, b)
        for moment in ("exp_avg", "exp_avg_sq", "step"):
            assert torch.equal(checkpoint.optimiser.state[a][moment], other.optimiser.state[b][moment])
    (tmp_path / "c.safetensors").write_bytes(b"cut short")
    assert (other.restore(), seconds_spent(other.path)) == (0, 0)
    assert Checkpoint(tmp_path / "none.safetensors", *trained(0)).restore() == 0


def test_a_checkpoint_of_something_else_changes_nothing(tmp_path):
    network = build("windows-cnn", 1, 2)
    checkpoint = Checkpoint(tmp_path / "c.safetensors", network, torch.optim.AdamW(network.parameters()))
    before = {key: tensor.clone() for key, tensor in network.state_dict().items()}
    other = build("windows-cnn", 1, 3)  # of three constants: all but the last layers fit
    optimiser = torch.optim.AdamW(other.parameters())
    other.loss(other(torch.ones(2, 1, 40, 40)), torch.zeros(2, 3)).backward()
    optimiser.step()
    Checkpoint(checkpoint.path, other, optimiser).save(5, 1.0)
    assert checkpoint.restore() == 0
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())
    assert not checkpoint.optimiser.state_dict()["state"]
    same = build("windows-cnn", 1, 2)
    Checkpoint(checkpoint.path, same, torch.optim.AdamW(same.parameters())).save(5, 1.0)
    assert checkpoint.restore() == 0, "it has no moments"
    assert all(torch.equal(tensor, before[key]) for key, tensor in network.state_dict().items())


@pytest.mark.parametrize("counter", ["ENGINE", "LEARNING"])
def test_a_training_begun_by_other_code_is_not_gone_on_with(experiment_with, monkeypatch, counter):
    before = checkpoint_path(experiment_with())
    monkeypatch.setattr(f"napari_magtex.estimate.train.{counter}", 99)
    assert checkpoint_path(experiment_with()) != before


def test_crops_of_a_size_lie_at_other_places_for_another_seed():
    values = np.arange(2 * 64 * 64, dtype=np.float32).reshape(2, 1, 64, 64)
    assert crops(values, 40, 0).shape == (2, 1, 40, 40)
    assert not np.array_equal(crops(values, 40, 0), crops(values, 40, 1))
    assert np.array_equal(crops(values, 64, 0), values)


def test_lorentz_films_are_drawn_with_the_experiments_optics(experiment_with):
    e = experiment_with(picture={"contrast": "lorentz", "defocus_um": 150.0, "voltage_kV": 120.0})
    m = np.random.default_rng(0).normal(size=(3, 48, 48)).astype(np.float32)
    clean, noisy = draw(m, 3.84e5, e), draw(m, 3.84e5, e, dose=200)
    assert clean.contrast is Contrast.LORENTZ
    assert clean.meta["defocus_um"] == pytest.approx(150)
    assert clean.meta["voltage_kV"] == pytest.approx(120)
    assert (noisy.pixels - clean.pixels).std() == pytest.approx(200**-0.5, rel=0.1)


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"parameters": {"A_pJ_per_m": 8, "D_mJ_per_m2": 2}}, "every constant is a number"),
        ({"picture": {"contrast": "mfm"}}, "spin, wheel, lorentz, kerr"),
        ({"picture": {"contrast": "spin", "colour_map": "grey"}}, "grey shows m_z alone.*kerr"),
    ],
)
def test_what_cannot_be_trained_is_said_before_anything_is_computed(experiment_with, tmp_path, sections, words):
    with pytest.raises(BadExperiment, match=words):
        next(train_estimator(experiment_with(**sections), tmp_path / "e.safetensors"))


def test_ranges_that_make_no_texture_are_refused(experiment_with, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    saturated = experiment_with(conditions={"field_T": 5.0}, training={"films": 2})
    with pytest.raises(BadExperiment, match=r"2 of the first 2 films are uniform .*5000 mT.*1250 mT on nothing winds"):
        drain(train_estimator(saturated, tmp_path / "e.safetensors", device="cpu"))
