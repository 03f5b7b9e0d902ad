"""`magtex`: the work of the plugin without a window."""

from __future__ import annotations

import io
import sys
import warnings
from typing import Annotated

import typer

from napari_magtex import __version__
from napari_magtex.cli import analyse, hysteresis, look, lorentz, segment, simulate, train

app = typer.Typer(
    help="Magnetic textures: name the state, estimate A, D and Ms, count skyrmions, simulate.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a fault of ours is reported with a plain traceback
)
app.command()(analyse.classify)
app.command()(analyse.estimate)
app.command()(segment.segment)
app.add_typer(train.app, name="train")
app.command()(simulate.simulate)
app.command()(hysteresis.hysteresis)
app.add_typer(lorentz.app, name="lorentz")
app.command()(look.info)
app.command()(look.models)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


def _tell_warning(message: Warning | str, *_: object, **__: object) -> None:
    typer.echo(f"warning: {message}", err=True)


@app.callback()
def main(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Magnetic textures: name the state, estimate A, D and Ms, count skyrmions, simulate."""
    for stream in (sys.stdout, sys.stderr):  # a terminal that lacks a letter shall not cost the answer
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    context.with_resource(warnings.catch_warnings())  # put back when the command ends
    warnings.showwarning = _tell_warning
