"""Train an estimator for an experiment: simulate, learn, calibrate, test, write one file."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from napari_magtex.compute import Device, Progress, cache_folder, passed_on, torch_device
from napari_magtex.errors import BadExperiment, MagtexError
from napari_magtex.estimate.calibration import Intervals
from napari_magtex.estimate.channels import CHANNELS
from napari_magtex.estimate.checkpoint import Checkpoint, seconds_spent
from napari_magtex.estimate.drawing import draw, draw_channels, softened, stray_induction
from napari_magtex.estimate.estimator import Estimator, card_of
from napari_magtex.estimate.evaluate import (
    CALIBRATING,
    Seen,
    calibrated,
    familiarise,
    held_out_figures,
    learn_misses,
)
from napari_magtex.estimate.experiment import Experiment
from napari_magtex.estimate.films import ENGINE
from napari_magtex.estimate.network import WindowNetwork, Windows, build
from napari_magtex.estimate.pace import timed
from napari_magtex.estimate.sets import Split
from napari_magtex.estimate.simulate import Films, simulate_films
from napari_magtex.estimate.spectrum import is_uniform
from napari_magtex.estimate.symmetry import film_mirror, mirrored, picture_mirror, random_crop, turns
from napari_magtex.picture import Contrast

LEARNING = 1  # counts changes after which a training that was stopped would go on another way than it began
CROPS = {40: 80, 64: 32, 96: 14, 128: 8}  # cells a side: crops in a step, which is about as long with either
_LARGEST_CROP = {"windows-cnn": 128, "wang2020": 40}  # what judges windows one by one sees most films in small crops
LEARNING_RATE = {"windows-cnn": 3e-3, "wang2020": 1e-3}
_SAVE_EVERY = 50  # steps
_TOLD = 200  # times in a training that its loss is told
_STEP_SECONDS: dict[tuple[object, ...], float] = {}


@dataclass(frozen=True, eq=False)
class SampleFilms:
    """Some of the films that are learned from, as the network sees them.

    ``values`` (n, channels, ny, nx) with the noise of the experiment's dose; ``constants`` (n, constants) in SI units,
    a column for each of ``experiment.parameters``; ``uniform`` (n,), which have no texture.
    """

    values: NDArray[np.float32]
    constants: NDArray[np.float64]
    uniform: NDArray[np.bool_]


@dataclass(frozen=True)
class Learned:
    """How well a network does after so many steps of all, on the mean over those since the last such event.

    ``error`` is that of the constants of crops, in percent of their ranges.
    """

    step: int
    steps: int
    loss: float
    error: float


def train_estimator(
    experiment: Experiment, out: str | Path, *, device: Device | str = Device.AUTO
) -> Iterator[Progress | SampleFilms | Learned | Path]:
    """Make an estimator for an experiment, from nothing to its file.

    Films and checkpoints stay in the cache: a run that was stopped goes on where it was, to the same result.

    Parameters
    ----------
    experiment
        Its ``training`` says how many films, which network, how many steps.
    out
        The file to write, ``.safetensors``; its stem names the estimator. The card stands beside it as ``.json``.

    Yields
    ------
    Progress after each chunk of films and each step of training, with the time left; the `SampleFilms` once the first
    eight are there, `Learned` up to two hundred times, and last the file's path.

    Raises
    ------
    BadExperiment
        Nothing varies, none of the first films has a texture, or the contrast cannot be drawn yet.
    MagtexError
        The disk is full: what was finished is kept.
    """
    out = Path(out)
    refuse_untrainable(experiment)
    with _writing(out, "nothing was begun"):
        out.parent.mkdir(parents=True, exist_ok=True)
        (probe := out.with_name(f".{out.name}.part")).touch()
        probe.unlink()
    yield Progress(0, 1, "timing a step of training")
    later = experiment.training.steps * step_seconds(experiment, device)
    films: list[Films] = []
    for step in timed(simulate_films(experiment, device=device), "simulating", later):
        if isinstance(step, Films):
            yield _sample(step, experiment)
        elif isinstance(step, list):
            films = step
        elif isinstance(step, Progress):
            yield step
    seen: dict[Split, Seen] = {}
    for part in films:
        yield Progress(len(seen), len(films), "drawing pictures")
        seen[part.split] = see(part, experiment)
    network = _new_network(experiment).to(torch_device(device))
    yield from timed(fit(network, seen[Split.TRAIN], experiment, device=device), "training")
    yield Progress(0, 1, CALIBRATING)
    estimator = yield from passed_on(_finished(network, seen, experiment, out.stem))
    with _writing(out, f"films and training are kept in {checkpoint_path(experiment).parents[1]}"):
        estimator.save(out)
    yield out


def refuse_untrainable(experiment: Experiment) -> None:
    """Say what cannot be trained before anything is simulated.

    Raises
    ------
    BadExperiment, MagtexError
        Nothing varies, or the contrast cannot be drawn (yet, or on films of this size).
    """
    if not experiment.estimated:
        raise BadExperiment("[parameters] every constant is a number: give ranges for those to estimate")
    picture = experiment.picture
    if picture.contrast is Contrast.SPIN and not picture.colour_map.carries_in_plane:
        raise BadExperiment(
            f"[picture] colour_map = {picture.colour_map} shows m_z alone, which is what a Kerr frame shows: train it "
            'as contrast = "kerr"'
        )
    draw(np.ones((3, *experiment.film.shape), np.float32), experiment.parameters["Ms"].low, experiment)


def checkpoint_path(experiment: Experiment) -> Path:
    """Return where the cache keeps the state of a training."""
    folder = cache_folder() / "estimator" / f"training-{ENGINE}-{LEARNING}-{experiment.hash()}"
    return folder / f"{experiment.training.network}.safetensors"


def crop_sides(experiment: Experiment) -> list[int]:
    """Return the sides, in cells, of the crops that a network learns from: up to the films' own."""
    largest = min(_LARGEST_CROP[experiment.training.network], *experiment.film.shape)
    return [side for side in CROPS if side <= largest]


def step_seconds(experiment: Experiment, device: Device | str) -> float:
    """Return how long a step of training takes here and now: measured once in a process for each network and crop."""
    contrast, place = experiment.picture.contrast, torch_device(device)
    sides = crop_sides(experiment)
    side = min(sides[-1], 64)
    shape = (CROPS[side], CHANNELS[contrast], side, side)
    key = (experiment.training.network, len(experiment.estimated), shape, place)
    if key not in _STEP_SECONDS:
        network = _new_network(experiment).to(place)
        optimiser = torch.optim.AdamW(network.parameters())
        batch, target = torch.ones(shape, device=place), torch.zeros(shape[0], len(experiment.estimated), device=place)
        for _ in range(2):  # the first one prepares what later ones find
            began = time.perf_counter()
            with torch.random.fork_rng():
                float(_learn(network, optimiser, batch, target)[0])
            _STEP_SECONDS[key] = time.perf_counter() - began
    return _STEP_SECONDS[key]


def _new_network(experiment: Experiment) -> WindowNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(experiment.start.seed)
        channels = CHANNELS[experiment.picture.contrast]
        return build(experiment.training.network, channels, len(experiment.estimated))


def _sample(films: Films, experiment: Experiment) -> SampleFilms:
    Ms = films.constants[:, list(experiment.parameters).index("Ms")]
    values = draw_channels(films.m, Ms, experiment, dose=experiment.picture.dose)
    return SampleFilms(values, films.constants, np.array([is_uniform(m, Contrast.SPIN) for m in films.m]))


def see(films: Films, experiment: Experiment) -> Seen:
    """Draw films and read the pictures back: noise-free to train on (it is added anew each time), else with the dose.

    Half of the films held back are mirrored, which turns a bulk D over; of those to train on a batch mirrors spin
    pictures, and of a Lorentz frame the mirrored film is drawn too. Where field and easy axis allow no mirror, none is.
    """
    Ms = films.constants[:, list(experiment.parameters).index("Ms")]
    unit = np.stack(
        [p.to_unit(films.constants[:, i]) for i, p in enumerate(experiment.parameters.values()) if p.varies], axis=1
    )
    m, constants, training = films.m, films.constants, films.split is Split.TRAIN
    mirror = film_mirror(experiment)
    other = m if mirror is None else mirrored(torch.as_tensor(m), Contrast.SPIN, mirror).numpy()
    if not training:
        m = np.where(np.arange(len(m))[:, None, None, None] % 2, other, m)
    elif experiment.picture.contrast is Contrast.LORENTZ and mirror is not None:
        m, Ms, unit = np.concatenate([m, other]), np.tile(Ms, 2), np.tile(unit, (2, 1))
        constants = np.tile(constants, (2, 1))
    dose = None if training else experiment.picture.dose
    return Seen(draw_channels(m, Ms, experiment, dose=dose), m, constants, unit)


def fit(
    network: WindowNetwork, seen: Seen, experiment: Experiment, *, device: Device | str
) -> Generator[Progress | Learned, None, None]:
    """Train a network in place, from its last checkpoint if there is one.

    Every step draws its crops from a generator of its own, so that a run that was stopped ends as one that was not.
    """
    place, settings = torch_device(device), experiment.training
    values, truth = torch.as_tensor(seen.values), torch.as_tensor(seen.unit, dtype=torch.float32)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=0.01)
    checkpoint = Checkpoint(checkpoint_path(experiment), network, optimiser)
    first = saved = checkpoint.restore()
    before, began = seconds_spent(checkpoint.path) if first else 0.0, time.perf_counter()
    network.train()
    told = max(1, settings.steps // _TOLD)
    since: list[tuple[float, float]] = []  # loss and error of the steps since the last event
    error = math.nan
    sides = crop_sides(experiment)
    for step in range(first, settings.steps):
        generator = torch.Generator().manual_seed(experiment.start.seed * 1_000_003 + step)
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE[settings.network] * _schedule(step / settings.steps)
        side = sides[int(torch.randint(len(sides), (), generator=generator))]
        chosen = torch.randint(len(values), (CROPS[side],), generator=generator)
        batch = _batch(values, chosen, side, experiment, generator).to(place)
        target = truth[chosen].to(place)
        with torch.random.fork_rng():
            torch.manual_seed(step)  # of the dropout
            loss, windows = _learn(network, optimiser, batch, target)
        with torch.no_grad():
            said = network.together(windows, torch.ones_like(windows.mean[:, 0])).value
            now = float((said - target).abs().mean())
        since.append((float(loss), 100 * now))
        error = now if math.isnan(error) else 0.95 * error + 0.05 * now
        if (step + 1) % _SAVE_EVERY == 0 or step + 1 == settings.steps:
            with _writing(checkpoint.path, f"the films and {saved} of {settings.steps} steps of training are kept"):
                checkpoint.save(step + 1, before + time.perf_counter() - began)
            saved = step + 1
        yield Progress(step + 1, settings.steps, f"training, error {100 * error:.1f} % of the ranges")
        if (step + 1) % told == 0 or step + 1 == settings.steps:
            yield Learned(step + 1, settings.steps, *(float(mean) for mean in np.mean(since, axis=0)))
            since.clear()
    network.eval()


def _learn(
    network: WindowNetwork, optimiser: torch.optim.Optimizer, batch: Tensor, target: Tensor
) -> tuple[Tensor, Windows]:
    """Take one step down the loss of a batch; return the loss, and what the network said before it."""
    windows = network(batch)
    loss = network.loss(windows, target)
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimiser.step()
    return loss.detach(), windows


@contextmanager
def _writing(path: Path, kept: str) -> Iterator[None]:
    """Say what is kept where the disk refuses, and what to do."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise MagtexError(
            f"{path} cannot be written ({why}); {kept}: make room, or choose another place, and start again"
        ) from error


def _finished(
    network: WindowNetwork, seen: dict[Split, Seen], experiment: Experiment, name: str
) -> Iterator[Progress | Estimator]:
    """Make an estimator of a trained network: weights as they will be stored, intervals, range, card."""
    for tensor in network.parameters():
        tensor.data = tensor.data.half().float()  # what the file will hold is what is calibrated
    network.eval()
    familiar = familiarise(experiment, noisy(seen[Split.TRAIN].values, experiment), seen[Split.CALIBRATION].values)
    misses = yield from learn_misses(experiment, seen[Split.TRAIN])
    as_said = np.eye(len(experiment.estimated))
    bare = Estimator(name, network, experiment, Intervals((1.0,), {}), familiar, {}, as_said, misses)
    known = yield from passed_on(calibrated(bare, seen[Split.CALIBRATION]))
    test = yield from passed_on(held_out_figures(known, seen[Split.TEST]))
    card = card_of(
        experiment,
        name,
        experiment.training.network,
        data={split.value: len(s.unit) for split, s in seen.items()} | {"seed": experiment.start.seed},
        **known.card,
        test=test,
        training={"steps": experiment.training.steps, "seconds": seconds_spent(checkpoint_path(experiment))},
    )
    yield replace(known, card=card)


def noisy(values: NDArray[np.float32], experiment: Experiment) -> NDArray[np.float32]:
    """Add what a training batch gets: noise of a random size to frames, nothing to spin pictures."""
    generator = torch.Generator().manual_seed(experiment.start.seed)
    return _with_noise(torch.as_tensor(values).clone(), experiment, generator).numpy()


def _batch(values: Tensor, chosen: Tensor, side: int, experiment: Experiment, generator: torch.Generator) -> Tensor:
    contrast, periodic = experiment.picture.contrast, experiment.film.boundary == "periodic"
    quarters, mirror = turns(experiment), picture_mirror(experiment)
    cut = [
        random_crop(values[i], side, contrast, generator, periodic=periodic, quarters=quarters, mirror=mirror)
        for i in chosen
    ]
    return _with_noise(torch.stack(cut), experiment, generator)


def _with_noise(batch: Tensor, experiment: Experiment, generator: torch.Generator) -> Tensor:
    """Add noise, as much of it for a whole frame.

    Lorentz frames get the shot noise of half to eight times the experiment's dose, Kerr frames and induction maps up to
    twice its noise.
    """
    settings, shape = experiment.picture, (len(batch), 1, 1, 1)
    if settings.contrast is Contrast.SPIN:
        return batch
    if settings.contrast in (Contrast.KERR, Contrast.WHEEL):
        share = 2 * settings.noise * torch.rand(shape, generator=generator)
        noise = torch.randn(batch.shape, generator=generator)
        if settings.contrast is Contrast.WHEEL:
            noise = stray_induction(noise[:, 0])
            batch = softened(batch, torch.rand(len(batch), generator=generator))
            batch = batch / batch.square().mean(dim=(1, 2, 3), keepdim=True).sqrt().clamp_min(1e-6)
        return (batch + share * noise) / (1 + share**2).sqrt()
    factor = 2 ** (4 * torch.rand(shape, generator=generator) - 1)
    noise = torch.randn(batch.shape, generator=generator)
    return batch + noise * (batch.clamp_min(0) / (settings.dose * factor)).sqrt()


def _schedule(progress: float) -> float:
    """Rise in the first twentieth, then fall as a cosine."""
    return min(1.0, progress / 0.05 + 0.02) * (0.5 + 0.5 * math.cos(math.pi * progress))
