"""The `lrviz` command: words come in, and tables, files and one-sentence errors go out."""

import sys
import warnings

import typer

from lrviz.cli import caching, finding, inspecting, mapping, measuring, serving, training
from lrviz.cli.terminal import REFUSED
from lrviz.errors import LrvizError

app = typer.Typer(help="The exact linear regions of trained ReLU networks.", no_args_is_help=True, add_completion=False)
app.command("app")(serving.open_app)
app.command("models")(training.models)
app.command("train")(training.train_command)
app.command("prune")(training.prune_command)
app.command("inspect")(inspecting.inspect)
app.command("estimate")(finding.estimate)
app.command("regions")(finding.regions)
app.command("pieces")(finding.pieces)
app.command("figure")(finding.figure)
app.command("map")(mapping.map_command)
app.command("measure")(measuring.measure)
app.add_typer(caching.app, name="cache")


def main(arguments: list[str] | None = None) -> None:
    """Run the command; an error that lrviz raises ends it with one sentence and exit code 2.

    Args:
        arguments: The words after `lrviz`; those of the process when None.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = _show_warning
        try:
            app(arguments)
        except (LrvizError, OSError) as error:
            typer.echo(f"lrviz: {error}", err=True)
            sys.exit(REFUSED)
        except MemoryError:
            typer.echo("lrviz: the memory is not enough; choose a smaller network, window or budget.", err=True)
            sys.exit(REFUSED)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    typer.echo(f"lrviz: {message}", err=True)
