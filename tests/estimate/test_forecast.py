"""How long a training takes: what is left at the pace so far, and what a few films and a step foretell."""

import pytest

from napari_magtex.compute import Progress, drain
from napari_magtex.errors import BadExperiment
from napari_magtex.estimate import forecast as timing
from napari_magtex.estimate import pace
from napari_magtex.estimate.forecast import Forecast, forecast
from napari_magtex.estimate.pace import in_words, timed


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.3, "5 s"), (41, "45 s"), (54, "55 s"), (61, "1 min"), (720, "12 min"), (5900, "98 min"), (12600, "3.5 h")],
)
def test_a_time_is_said_as_roughly_as_it_is_known(seconds, words):
    assert in_words(seconds) == words


def test_what_is_left_goes_by_the_pace_of_this_run_alone(monkeypatch):
    clock = iter([100.0, 110.0, 130.0])
    monkeypatch.setattr(pace.time, "perf_counter", lambda: next(clock))

    def work():
        yield Progress(0, 50, "looking")
        yield Progress(40, 50, "films")  # forty were there
        yield Progress(41, 50, "films")
        yield "event"
        yield Progress(43, 50, "films")

    said = [step if isinstance(step, str) else step.what for step in timed(work(), "films", later=600)]
    assert said == [
        "looking",
        "films",
        f"{in_words(90 + 600)} left; films",
        "event",
        f"{in_words(70 + 600)} left; films",
    ]


def test_closing_it_closes_the_work():
    closed = []

    def work():
        try:
            yield Progress(0, 1)
        finally:
            closed.append(True)

    steps = timed(work(), "films")
    next(steps)
    steps.close()
    assert closed == [True]


def test_a_forecast_counts_what_is_left_and_says_how_it_knows():
    known = Forecast(
        films=400, films_kept=100, film_seconds=2.0, processes=2, steps=2000, steps_kept=500, step_seconds=0.2
    )
    assert known.seconds == pytest.approx(300 + 300)
    assert str(known) == (
        "about 10 min: 300 films of 2 s, 2 at once, 1500 steps of 0.2 s, as timed on this machine just now"
    )


def test_films_and_steps_that_are_kept_take_no_time(experiment_with, tiny, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tiny / "cache"))
    known = drain(forecast(experiment_with(), device="cpu"))
    assert (known.films, known.films_kept, known.steps, known.steps_kept) == (20, 20, 4, 4)
    assert known.seconds == 0
    assert known.film_seconds > 0
    monkeypatch.setattr(timing, "relax_films", lambda *_, **__: pytest.fail("the same films are timed again"))
    more = drain(forecast(experiment_with(training={"films": 9, "steps": 5}), device="cpu"))
    assert (more.films_kept, more.steps_kept) == (20, 0)
    assert more.seconds == pytest.approx(more.film_seconds + 5 * more.step_seconds)


def test_what_cannot_be_trained_has_no_forecast(experiment_with):
    with pytest.raises(BadExperiment, match="every constant is a number"):
        drain(forecast(experiment_with(parameters={"A_pJ_per_m": 8, "D_mJ_per_m2": 2}), device="cpu"))
