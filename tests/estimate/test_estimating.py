import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_magtex.colours import spin_to_rgb
from napari_magtex.compute import Progress, drain
from napari_magtex.errors import BadRegion, ModelUnavailable, UncalibratedPicture, Unsuitable
from napari_magtex.estimate.anchors import anchors
from napari_magtex.estimate.answer import mesh_of
from napari_magtex.estimate.calibration import Familiar, Intervals, conformal_quantile
from napari_magtex.estimate.channels import channels
from napari_magtex.estimate.drawing import draw
from napari_magtex.estimate.evaluate import Seen, has_texture, held_out_figures, learn_misses
from napari_magtex.estimate.predict import Estimator, estimate
from napari_magtex.estimate.simulate import simulate_state
from napari_magtex.estimate.spectrum import measure_period
from napari_magtex.estimate.virials import region_virials
from napari_magtex.picture import Contrast, Picture, Region
from napari_magtex.results import table

CELL = (4e-9, 4e-9)


@pytest.fixture(scope="module")
def spin(tiny):
    return Estimator.load(tiny / "tiny-spin.safetensors", device="cpu")


@pytest.fixture(scope="module")
def lorentz(tiny):
    return Estimator.load(tiny / "tiny-lorentz.safetensors", device="cpu")


@pytest.fixture(scope="module")
def m(fege):
    """A relaxed film (3, 96, 112) in the tiny estimators' window."""
    texture = simulate_state(fege(film={"shape": [96, 112]}, parameters={"D_mJ_per_m2": 2.0, "A_pJ_per_m": 8}))
    return np.moveaxis(texture.m[0], -1, 0)


@pytest.fixture(scope="module")
def picture(m, spin):
    return draw(m, 3.84e5, spin.experiment)


def trusting(estimator):
    """An estimator with narrow intervals, to which every picture is familiar."""
    quantiles = {name: tuple(0 * q + 1e-3 for q in qs) for name, qs in estimator.intervals.quantiles.items()}
    intervals = Intervals(estimator.intervals.sides, quantiles)
    return replace(estimator, intervals=intervals, familiar=Familiar(estimator.familiar.descriptors, 1e6))


def test_the_answer_comes_after_progress_and_is_a_row(picture, spin):
    steps = list(estimate(picture, spin))
    assert all(isinstance(step, Progress) for step in steps[:-1])
    windows = [step for step in steps[:-1] if step.what == "reading windows"]
    assert (windows[-1].done, windows[-1].total) == (9, 9)
    answer = steps[-1].estimate
    assert answer.method == "network"
    assert answer.provenance.model == "tiny-spin"
    row = answer.record()
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    assert table([answer])["A_unit"].tolist() == ["J/m"]
    for quantity in (answer.A, answer.D, answer.Ms, answer.period):
        assert quantity.low <= quantity.value <= quantity.high


def test_saving_and_loading_change_no_answer(tiny, tmp_path, picture, spin):
    spin.save(tmp_path / "copy.safetensors")
    again = Estimator.load(tmp_path / "copy.safetensors", device="cpu")
    a, b = (drain(estimate(picture, e)) for e in (spin, again))
    assert a.estimate == b.estimate
    assert np.array_equal(a.maps.values, b.maps.values)
    assert json.loads((tmp_path / "copy.json").read_text()) == spin.card
    assert (tiny / "tiny-spin.safetensors").stat().st_size < 5e6


def test_what_an_estimator_knows_of_its_errors_is_kept_exactly(tmp_path, spin):
    exact = np.linspace(1.0, 2.0, spin.guesswork.size, dtype=np.float32).reshape(spin.guesswork.shape) / 3
    replace(spin, guesswork=exact.astype(float)).save(tmp_path / "exact.safetensors")
    assert np.array_equal(Estimator.load(tmp_path / "exact.safetensors", device="cpu").guesswork, exact)


def test_what_is_determined_has_an_interval_within_the_range_and_the_rest_the_range(picture, spin):
    sure = drain(estimate(picture, trusting(spin))).estimate
    assert sure.applicable
    assert sure.determined == ("A", "D", "period", "A_over_D")
    for quantity, parameter in ((sure.A, spin.experiment.parameters["A"]), (sure.D, spin.experiment.parameters["D"])):
        assert parameter.low <= quantity.low <= quantity.high <= parameter.high
        assert quantity.high - quantity.low < 0.1 * (parameter.high - parameter.low)
    assert (sure.Ms.low, sure.Ms.value, sure.Ms.high) == pytest.approx((3.84e5, 3.84e5, 3.84e5))  # known beforehand
    wide = {name: tuple(1e3 for _ in qs) for name, qs in spin.intervals.quantiles.items()}
    unsure = replace(trusting(spin), intervals=Intervals(spin.intervals.sides, wide))
    answer = drain(estimate(picture, unsure)).estimate
    assert not {"A", "D", "A_over_D"} & set(answer.determined)
    assert (answer.A.low, answer.A.value, answer.A.high) == pytest.approx((6e-12, 8e-12, 10e-12))


def test_what_lies_beyond_the_range_is_not_told_as_its_end(picture, spin):
    ready = trusting(spin)
    A = spin.experiment.parameters["A"]
    narrow = replace(A, values=(A.low, 7.8e-12))  # the film has 8 pJ/m
    low = replace(ready, experiment=replace(spin.experiment, parameters={**spin.experiment.parameters, "A": narrow}))
    answer = drain(estimate(picture, low)).estimate
    assert not answer.applicable
    assert answer.provenance.settings["doubts"] == ["A lies beyond the estimator's range"]
    assert not {"A", "D", "A_over_D"} & set(answer.determined)
    assert (answer.A.low, answer.A.high) == (A.low, 7.8e-12)


def test_what_chance_puts_past_an_end_is_told_as_near_it(picture, spin):
    ready = trusting(spin)
    narrow = replace(spin.experiment.parameters["A"], values=(6e-12, 7.98e-12))  # the film has 8 pJ/m
    near = replace(ready, experiment=replace(spin.experiment, parameters={**spin.experiment.parameters, "A": narrow}))
    answer = drain(estimate(picture, near)).estimate
    assert answer.applicable
    assert 7.9e-12 < answer.A.low < answer.A.value == pytest.approx(7.98e-12) == answer.A.high


def test_of_one_temperature_long_waves_are_told_too(picture, spin):
    conditions = replace(spin.experiment.conditions, temperature_K=1.0)  # spins tremble less than colours tell
    warm = replace(trusting(spin), experiment=replace(spin.experiment, conditions=conditions))
    answer = drain(estimate(picture, warm)).estimate
    assert answer.T.value == 1.0
    assert answer.A.value - answer.A_long.value == pytest.approx(1.38e-23 / (4 * 4e-9), rel=1e-3)
    assert drain(estimate(picture, trusting(spin))).estimate.A_long is None  # at rest they see the A of the cells


def test_the_sign_of_D_is_told_by_spins_and_not_by_electrons(m, picture, spin, lorentz):
    other = m * np.array([-1, -1, 1], np.float32)[:, None, None]
    assert drain(estimate(picture, trusting(spin))).estimate.D_sign == 1
    assert drain(estimate(draw(other, 3.84e5, spin.experiment), trusting(spin))).estimate.D_sign == -1
    alone = replace(trusting(spin), misses=None)  # no torques are asked
    assert drain(estimate(draw(other, 3.84e5, spin.experiment), alone)).estimate.D_sign == -1
    frame = draw(m, 3.84e5, lorentz.experiment, dose=200)
    assert drain(estimate(frame, trusting(lorentz))).estimate.D_sign == 0


def test_a_uniform_picture_determines_nothing(spin):
    up = spin_to_rgb(np.broadcast_to(np.array([0.1, 0.0, 1.0]), (64, 64, 3)))
    answer = drain(estimate(Picture(up, Contrast.SPIN, CELL), trusting(spin))).estimate
    assert answer.determined == ()
    assert answer.D_sign == 0


def test_a_picture_unlike_the_training_ones_is_not_applicable(picture, spin):
    assert drain(estimate(picture, spin)).estimate.applicable
    noise = np.random.default_rng(0).normal(size=(64, 64, 3))
    odd = Picture(spin_to_rgb(noise / np.linalg.norm(noise, axis=-1, keepdims=True)), Contrast.SPIN, CELL)
    answer = drain(estimate(odd, spin)).estimate
    assert not answer.applicable
    assert not {"A", "D", "Ms"} & set(answer.determined)
    unlike, unbalanced = answer.provenance.settings["doubts"]
    assert "not like those" in unlike
    assert "torques of its spins do not balance" in unbalanced


def test_other_conditions_are_not_applicable(m, lorentz):
    frame = draw(m, 3.84e5, lorentz.experiment, dose=200)
    ready = trusting(lorentz)
    assert drain(estimate(frame, ready)).estimate.applicable
    for meta in (
        {"defocus_um": 180.0},
        {"defocus_um": -200.0},
        {"voltage_kV": 300.0},
        {"field_T": (0, 0, 0.5)},
        {"field_T": np.float64(0.5)},
        {"field_mT": 100},
        {"field_mT": 190},
        {"temperature_K": 100},
    ):
        answer = drain(estimate(replace(frame, meta=meta), ready)).estimate
        assert not answer.applicable
        (doubt,) = answer.provenance.settings["doubts"]
        assert "trained at" in doubt
        assert "np." not in doubt
    for meta in ({"defocus_um": 195.0}, {"voltage_kV": 205.0}, {"field_mT": 182.0}, {"temperature_K": 4.0}):
        assert drain(estimate(replace(frame, meta=meta), ready)).estimate.applicable
    same = {"defocus_um": 254.76, "voltage_kV": 300.0}  # the same wavelength x defocus, so the same frame
    assert drain(estimate(replace(frame, meta=same), ready)).estimate.applicable


def test_maps_lie_where_their_windows_do(picture, spin):
    whole = drain(estimate(picture, spin)).maps
    assert whole.names == ("A", "D")
    assert whole.values.shape == (2, 9, 11)
    assert whole.origin == (15.5, 15.5)
    assert whole.scale == (8, 8)
    region = Region(24, 16, 80, 72)
    part = drain(estimate(picture.crop(region), spin)).maps
    assert part.offset == (31.5, 39.5)
    row, column = (int((o - w) / 8) for o, w in zip(part.offset, whole.offset, strict=True))
    assert np.allclose(part.values, whole.values[:, row : row + 4, column : column + 4], rtol=1e-5)


def test_maps_of_an_enlarged_picture_are_in_its_own_pixels(m, spin):
    doubled = np.repeat(np.repeat(spin_to_rgb(np.moveaxis(m, 0, -1)), 2, axis=0), 2, axis=1)
    large = drain(estimate(Picture(doubled, Contrast.SPIN, (2e-9, 2e-9)), spin)).maps
    assert large.window_px == (64, 64)
    assert large.stride_px == (16, 16)
    assert large.origin == (31.5, 31.5)


@pytest.mark.parametrize("pixel", [3.98e-9, 4.03e-9])
def test_lengths_and_torques_are_those_of_the_pixels_where_a_cell_is_not_quite_the_films(m, picture, spin, pixel):
    other = replace(picture, pixel_size=(pixel, 4e-9)).crop(Region(0, 0, 48, 48))
    seen, experiment = channels(other, spin.experiment), spin.experiment
    assert seen.cell == (pixel, 4e-9)
    assert not seen.resampled
    measured = measure_period(seen.values, cell=seen.cell)
    assert drain(estimate(other, spin)).estimate.period.value == pytest.approx(measured.value, rel=1e-6)
    assert next(a for a in anchors(other, experiment).entries if a.name == "period").value == measured.value
    guess = spin.guess(spin.windows(seen.values[None]), np.ones((3, 3), bool))
    torques = drain(spin.weigh(guess, seen)).torques
    mesh = replace(mesh_of(experiment), cell=(4e-9, pixel, 4e-9))
    np.testing.assert_array_equal(torques.rows, drain(region_virials(seen.values, seen.inside, mesh)).rows)


def test_bands_of_windows_are_the_picture_at_once(spin):
    values = np.random.default_rng(0).normal(size=(1, 3, 200, 48)).astype(np.float32)
    at_once = spin.windows(values)
    tall = Picture(spin_to_rgb(np.moveaxis(values[0], 0, -1)), Contrast.SPIN, CELL)
    steps = list(estimate(tall, spin))
    assert len(steps) == 5  # two bands of at most 16 rows, their end, the torques, the answer
    assert steps[-1].maps.values.shape == (2, 22, 3) == (2, *at_once.mean.shape[2:])
    from napari_magtex.estimate.channels import channels

    direct = spin.windows(channels(tall, spin.experiment).values[None]).mean[0].clamp(0, 1).double().numpy()
    low, high = 6e-12, 10e-12
    assert np.allclose(steps[-1].maps.values[0], low + direct[0] * (high - low), rtol=1e-5)


def test_windows_outside_a_polygon_are_empty_and_do_not_count(picture, spin):
    mask = np.zeros((96, 112), dtype=bool)
    mask[:, :60] = True
    masked = drain(estimate(picture.crop(Region(0, 0, 112, 96, mask)), spin))
    left = drain(estimate(picture.crop(Region(0, 0, 64, 96)), spin))
    assert np.isnan(masked.maps.values[0, :, 5:]).all()
    assert np.isfinite(masked.maps.values[0, :, :4]).all()
    assert np.allclose(masked.maps.values[:, :, :4], left.maps.values[:, :, :4], rtol=1e-5)
    thin = np.zeros((96, 112), dtype=bool)
    thin[40:50] = True
    with pytest.raises(BadRegion, match="32 x 32 cells"):
        drain(estimate(picture.crop(Region(0, 0, 112, 96, thin)), spin))


def test_bad_pictures_are_refused(picture, spin):
    with pytest.raises(UncalibratedPicture):
        drain(estimate(replace(picture, pixel_size=None), spin))
    with pytest.raises(Unsuitable, match="kerr"):
        drain(estimate(replace(picture, contrast=Contrast.KERR), spin))
    with pytest.raises(Unsuitable, match="40 x 40"):
        drain(estimate(picture.crop(Region(0, 0, 39, 80)), spin))


def test_files_that_are_no_whole_estimator_are_refused(tiny, tmp_path, spin):
    with pytest.raises(ModelUnavailable, match="no model nowhere"):
        Estimator.load("nowhere")
    other = replace(spin, card={**spin.card, "format": 99})
    other.save(tmp_path / "new.safetensors")
    with pytest.raises(ModelUnavailable, match=r"format 99.*reads 2"):
        Estimator.load(tmp_path / "new.safetensors")
    replace(spin, card={**spin.card, "network": "wang2020"}).save(tmp_path / "mixed.safetensors")
    with pytest.raises(ModelUnavailable, match="does not hold a whole estimator"):
        Estimator.load(tmp_path / "mixed.safetensors")
    whole = (tiny / "tiny-spin.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelUnavailable, match="damaged"):
        Estimator.load(tmp_path / "cut.safetensors")


def test_conformal_intervals_cover_new_films_as_promised():
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        quantile = conformal_quantile(np.abs(rng.normal(size=40)), films=40)
        covered.append(np.mean(np.abs(rng.normal(size=50)) <= quantile))
    assert 0.9 <= np.mean(covered) < 0.93


def test_a_smaller_region_has_the_wider_interval_between_the_sides_that_were_measured():
    intervals = Intervals((40.0, 128.0), {"A": (4.0, 2.0)})
    assert intervals.half_width("A", 0.1, 128) == pytest.approx(0.2)
    assert intervals.half_width("A", 0.1, 1000) == pytest.approx(0.2)
    assert intervals.half_width("A", 0.1, 10) == pytest.approx(0.4)
    assert 0.2 < intervals.half_width("A", 0.1, 64) < 0.4


def test_no_gradient_is_kept_after_an_answer(spin, picture):
    drain(estimate(picture, spin))
    assert all(p.grad is None for p in spin.network.parameters())
    assert torch.is_grad_enabled()


def test_films_without_a_texture_are_counted_and_have_no_errors(spin):
    m = np.zeros((2, 3, 48, 48), np.float32)
    m[:, 2] = 1
    seen = Seen(m, m, np.full((2, 3), 8e-12), np.full((2, 2), 0.5))
    figures = drain(held_out_figures(spin, seen))
    assert (figures["films"], figures["uniform"], figures["parameters"]) == (2, 2, {})
    with pytest.raises(StopIteration) as said:
        next(learn_misses(spin.experiment, seen))
    assert said.value.value is None  # torques of what is uniform tell nothing


def test_a_texture_of_few_cells_is_no_heat(experiment_with):
    angle = 2 * np.pi * np.arange(48) / 5
    m = np.stack([0 * angle, np.sin(angle), np.cos(angle)])[:, None].repeat(48, axis=1).astype(np.float32)
    short = {"film": {"allow_coarse": True}, "parameters": {"D_mJ_per_m2": {"low": 4.0, "high": 8.0}}}
    assert has_texture(m, experiment_with(**short))
    assert not has_texture(m, experiment_with())  # no film of its ranges winds so


@pytest.mark.parametrize("contrast", ["spin", "lorentz"])
def test_what_lies_under_a_mask_changes_no_answer(m, picture, spin, lorentz, contrast):
    whole, estimator = (picture, spin) if contrast == "spin" else (draw(m, 3.84e5, lorentz.experiment), lorentz)
    mask = np.zeros(whole.shape, dtype=bool)
    mask[80:], mask[10:14, 100:] = True, True
    burnt = whole.pixels.copy()
    burnt[mask] = np.random.default_rng(0).random(burnt[mask].shape)
    answers = [drain(estimate(replace(whole, pixels=pixels, mask=mask), estimator)) for pixels in (whole.pixels, burnt)]
    assert answers[0].estimate == answers[1].estimate
    assert np.array_equal(answers[0].maps.values, answers[1].maps.values, equal_nan=True)
    clear = drain(estimate(whole.crop(Region(0, 16, 96, 80)), estimator)).maps.values
    assert np.isfinite(clear).all()
    assert np.isnan(answers[0].maps.values[:, -1]).all()


def test_torques_of_a_masked_film_are_those_of_the_part_that_counts(picture, spin):
    mask = np.zeros(picture.shape, dtype=bool)
    mask[:, 72:] = True
    masked = channels(replace(picture, mask=mask), spin.experiment)
    part = channels(picture.crop(Region(0, 0, 72, 96)), spin.experiment)
    found, alone = (drain(spin.weigh(None, seen)).torques for seen in (masked, part))
    assert found.cells == pytest.approx(alone.cells)
    assert np.allclose(found.rows, alone.rows, rtol=1e-3, atol=1e-3 * np.abs(alone.rows).max())
