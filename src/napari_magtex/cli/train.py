"""`magtex train`: the two networks, from a recipe to weights with a card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_magtex.cli.console import one_input, progress_bar, wrote
from napari_magtex.cli.options import DeviceOption, Experiments, Weights, usable
from napari_magtex.compute import Device, drain

app = typer.Typer(help="Train a network; a run that was stopped goes on where it was.", no_args_is_help=True)


@app.command()
def estimator(experiment: Experiments, out: Weights, device: DeviceOption = Device.AUTO) -> None:
    """Simulate the films of an experiment and train a network that estimates their constants."""
    usable(device)
    from napari_magtex.estimate.experiment import Experiment
    from napari_magtex.estimate.train import train_estimator

    with one_input(experiment):
        conditions = Experiment.from_toml(experiment)
        for note in conditions.notes():
            typer.echo(f"warning: {note}", err=True)
        with progress_bar() as report:
            drain(train_estimator(conditions, out, device=device), report)
    wrote(out)


@app.command()
def classifier(
    out: Weights,
    recipe: Annotated[
        str | None, typer.Argument(metavar="RECIPE.toml", help="How to train. Default: 88 minutes from nothing.")
    ] = None,
) -> None:
    """Train the classifier of the nine states on their simulations."""
    from napari_magtex.classify.train import train_classifier

    with one_input(recipe or "the default recipe"), progress_bar() as report:
        drain(train_classifier(None if recipe is None else Path(recipe), out), report)
    wrote(out)
