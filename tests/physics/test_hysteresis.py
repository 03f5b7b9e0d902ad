import math

import numpy as np
import pytest
import torch
from scipy.constants import mu_0

from napari_magtex.compute import Progress, drain
from napari_magtex.physics.disorder import grain_axes, grain_strengths, tilted, voronoi_grains
from napari_magtex.physics.film import Film
from napari_magtex.physics.hysteresis import heated, hysteresis_loops, relaxing
from napari_magtex.physics.loops import LoopConditions

NM = (4e-9, 4e-9, 4e-9)
MS, KU = 4e5, 4e4
HK = 2 * KU / MS  # 0.2 T


def grain(axes, *, Ku=KU, **options):
    """Return films of 4 x 4 cells, far smaller than a domain wall, with their easy axes at angles from z, degrees."""
    easy = torch.tensor([[math.sin(math.radians(a)), 0.0, math.cos(math.radians(a))] for a in axes])
    ones = torch.ones(len(axes))
    options = {"demag": False, "easy_axis": easy} | options
    return Film((4, 4), NM, 1e-13 * ones, 0.0, MS, Ku, **options)  # so weak an exchange relaxes fast


def loops_of(film, max_T, steps, *, axis=(0.0, 0.0, 1.0), tilt=0.0, settle=None, m=None):
    conditions = LoopConditions(tilted(axis, tilt), 0.0, "quasi-static", "")
    m = torch.ones((film.batch, 3, *film.shape), dtype=film.dtype) if m is None else m
    settle = settle or relaxing(shake_deg=0.3, seed=1)
    return drain(hysteresis_loops(film, m, max_T, steps, conditions, settle))


def grainy(n=16, seed=1, easy_axis=(0.0, 0.0, 1.0), **options):
    """Return a film of grains with perpendicular anisotropy above its demagnetising field."""
    generator = np.random.default_rng(seed)
    grains = voronoi_grains((n, n), NM[1:], 16e-9, periodic=options.get("periodic", True), generator=generator)
    Ku = 4e5 * grain_strengths(grains, 0.15, generator)[None]
    axes = grain_axes(grains, easy_axis, 4.0, generator)[None]
    return Film((n, n), (1e-9, 4e-9, 4e-9), 1e-11, 0.0, 6e5, Ku, easy_axis=axes, **options)


def test_a_single_domain_switches_where_stoner_and_wohlfarth_say():
    steps = 60
    aligned, at_45, across = loops_of(grain([0.0, 45.0, 90.0]), 1.5 * HK, steps)
    step = 3 * HK / steps
    assert aligned.coercivity == pytest.approx(HK, abs=step)
    assert aligned.remanence == pytest.approx(1, abs=1e-4)
    assert at_45.coercivity == pytest.approx(HK / 2, abs=step)
    assert at_45.remanence == pytest.approx(math.sqrt(0.5), abs=1e-3)
    assert across.coercivity == pytest.approx(0, abs=step / 10)
    assert across.saturation_at_knee == pytest.approx(HK, rel=0.01)
    assert all(loop.closed and loop.falling_converged.all() for loop in (aligned, at_45, across))


def test_a_field_one_degree_off_the_axis_lowers_hc_by_the_closed_form():
    (loop,) = loops_of(grain([0.0]), 1.2 * HK, 60, tilt=1.0)
    sine, cosine = math.sin(math.radians(1)), math.cos(math.radians(1))
    expected = HK * (cosine ** (2 / 3) + sine ** (2 / 3)) ** -1.5  # 0.907 Hk
    assert loop.coercivity == pytest.approx(expected, abs=loop.step_size)


def test_an_infinite_film_saturates_along_z_at_its_demagnetising_less_its_anisotropy_field():
    film = grain([0.0], demag=True)
    expected = mu_0 * MS - HK
    (loop,) = loops_of(film, 1.5 * expected, 40, tilt=0.1)
    assert loop.saturation_at_knee == pytest.approx(expected, rel=0.01)


def test_a_loop_along_the_opposite_axis_is_the_same_in_a_disordered_film_with_edges():
    # what the mirror image of a branch stands on: m and B turned over leave the energy as it was
    film = grainy(periodic=False)
    still = [relaxing(shake_deg=0, seed=1) for _ in range(2)]
    (one,) = loops_of(film, 1.0, 20, tilt=1.0, settle=still[0])
    (other,) = loops_of(film, 1.0, 20, axis=tuple(-x for x in tilted((0, 0, 1), 1.0)), settle=still[1])
    assert np.abs(one.falling - other.falling).max() / one.Ms < 1e-3
    assert one.falling == pytest.approx(-one.rising[::-1])


def test_disorder_lets_a_film_switch_earlier():
    perfect = Film((16, 16), (1e-9, 4e-9, 4e-9), 1e-11, 0.0, 6e5, 4e5)
    (of_grains,), (without,) = (loops_of(film, 1.0, 20, tilt=1.0) for film in (grainy(), perfect))
    assert 0.1 < of_grains.coercivity < without.coercivity - of_grains.step_size


def test_a_loop_does_not_depend_on_its_batch():
    film = grain([10.0, 30.0, 60.0])
    together = loops_of(film, 1.5 * HK, 30)
    for i, loop in enumerate(together):
        (alone,) = loops_of(film.select(torch.tensor([i])), 1.5 * HK, 30)
        assert np.abs(alone.rising - loop.rising).max() / MS < 1e-3


def test_below_saturation_both_branches_are_taken_and_the_loop_says_so():
    stuck, saturated = loops_of(grain([0.0, 0.0], Ku=torch.tensor([KU, KU / 4])), 0.5 * HK, 20)
    assert not stuck.closed
    assert stuck.coercivity is None
    assert stuck.rising == pytest.approx(stuck.falling, rel=1e-3)  # it never left +z
    assert saturated.closed
    assert saturated.coercivity == pytest.approx(HK / 4, abs=saturated.step_size)


def test_a_field_at_which_the_film_does_not_settle_is_flagged_on_both_branches():
    calls = []

    def restless(film, m):
        calls.append(film.applied)
        return torch.sign(film.applied[:, :, None, None] + 1e-9) * m.abs(), torch.tensor([len(calls) != 3])

    (loop,) = loops_of(grain([0.0]), 1.0, 20, settle=restless)
    assert len(calls) == 21
    assert [int(i) for i in np.flatnonzero(~loop.falling_converged)] == [18]  # the third field from the top
    assert [int(i) for i in np.flatnonzero(~loop.rising_converged)] == [2]


def test_branches_that_are_both_taken_keep_their_own_flags():
    calls = []

    def stuck(film, m):
        calls.append(film.applied)
        return m, torch.tensor([len(calls) != 14])  # the third field of the rising branch

    (loop,) = loops_of(grain([0.0]), 1.0, 10, settle=stuck)
    assert len(calls) == 22
    assert loop.falling_converged.all()
    assert [int(i) for i in np.flatnonzero(~loop.rising_converged)] == [2]


def test_empty_cells_stay_empty_and_do_not_dilute_m():
    m = torch.ones(1, 3, 4, 4)
    m[..., 0] = 0
    seen = []

    def look(film, m):
        seen.append(m)
        return m, torch.tensor([True])

    (loop,) = loops_of(grain([0.0]), 1.0, 10, m=m, settle=look)
    assert loop.falling[-1] == pytest.approx(MS)
    assert (seen[0][..., 0] == 0).all()
    settled, _ = relaxing(shake_deg=5, seed=1)(grain([0.0]), seen[0])
    assert (settled[..., 0] == 0).all()


def test_a_loop_reports_every_field_and_can_be_left():
    conditions = LoopConditions((0.0, 0.0, 1.0), 0.0, "", "")
    work = hysteresis_loops(grain([0.0]), torch.ones(1, 3, 4, 4), 0.3, 10, conditions, relaxing(shake_deg=1, seed=1))
    first = next(work)
    assert first == Progress(0, 11, "field falling")
    assert next(work).done == 1
    work.close()
    assert next(work, None) is None


def test_heat_helps_a_grain_over_its_barrier():
    # 16 cells of 64 nm^3 and 40 kJ/m3 that turn as one: a barrier of 10 kT at 300 K
    film, axis = grain([0.0]), (0.0, 0.0, 1.0)
    warm, again = (
        loops_of(film, 1.2 * HK, 12, settle=heated(temperature_K=300, axis=axis, dwell=20e-12, seed=1, drift=0.1))[0]
        for _ in range(2)
    )
    assert 0 < warm.coercivity < 0.8 * HK
    assert np.array_equal(warm.falling, again.falling)


def test_a_film_that_drifts_to_the_end_is_flagged():
    settle = heated(temperature_K=300, axis=(0.0, 0.0, 1.0), dwell=1e-12, seed=1, drift=0.0, most=3)
    m = torch.zeros(1, 3, 4, 4)
    m[:, 2] = 1
    after, rested = settle(grain([0.0]), m)
    assert not rested.any()
    assert (after.norm(dim=1) - 1).abs().max() < 1e-5
