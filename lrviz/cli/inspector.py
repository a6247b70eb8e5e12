"""The report on a network, as text."""

import sys

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from lrviz.cli.describer import tell_assumed
from lrviz.cli.terminal import tell
from lrviz.cli.trainer import PIPE_WIDTH
from lrviz.engine.requests import bytes_per_region
from lrviz.engine.tiles import peak_bytes
from lrviz.errors import UnsupportedOperation
from lrviz.files import format_size
from lrviz.models.access import Access
from lrviz.models.card import Card
from lrviz.models.catalogue import load_model
from lrviz.models.images import load_image
from lrviz.models.inspection import Inspection, inspect_model
from lrviz.network.refusals import alternative
from lrviz.words import counted, duration

_SHOWN_OUTPUTS = 5


def report(name: str, images: tuple[str, str, str] | None, access: Access) -> None:
    """Print the report; where something is not supported it is a table of that, and the error follows.

    Raises:
        LrvizError: The network cannot be loaded, or not be converted.
    """
    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    try:
        model = load_model(name, access=access)
        tell_assumed(model)
        records = [load_image(image, shape=model.input_shape) for image in images or ()]
        found = inspect_model(model, records)
    except UnsupportedOperation as error:
        if error.refusals:
            console.print(_refusals(error))
        raise
    if found.image.notice:
        tell(found.image.notice)
    typer.echo("\n".join(_facts(found)))
    console.print(_layers(found))
    typer.echo("\n".join(_estimates(found)))


def _facts(found: Inspection) -> list[str]:
    card, program = found.model.card, found.program
    rewritten = ", ".join(f"{number} {name}" for name, number in sorted(found.rewritten.items()))
    largest = np.argsort(-found.outputs)[:_SHOWN_OUTPUTS]
    outputs = ", ".join(f"{found.model.classes[index]} {found.outputs[index]:.4g}" for index in largest)
    return [
        f"{card.name}: {_architecture(card)}, {card.num_parameters:,} parameters, {program.num_units:,} units in "
        f"{counted(len(program.layers), 'layer')}",
        f"input {' x '.join(map(str, card.input_shape))}, mean {_some(card.mean)}, std {_some(card.std)}; "
        f"{counted(len(card.classes), 'output')}",
        f"converted with a relative error of {found.error:.1e}; rewritten: {rewritten or 'nothing'}",
        *program.notes,
        f"largest outputs for {found.image.reference}: {outputs}",
    ]


def _architecture(card: Card) -> str:
    if not card.width:
        return card.architecture
    return f"{card.architecture} of width {card.width}" + (" with batch norm" if card.batch_norm else "")


def _some(values: tuple[float, ...]) -> str:
    """Numbers, one of them if all are equal."""
    return f"{values[0]:g}" if len(set(values)) == 1 else ", ".join(f"{value:g}" for value in values[:4])


def _layers(found: Inspection) -> Table:
    table = Table()
    table.add_column("layer", no_wrap=True)
    for column in ("shape", "units"):
        table.add_column(column, justify="right")
    table.add_column("kind")
    for layer in found.program.layers:
        table.add_row(layer.name, " x ".join(map(str, layer.shape)) or "1", f"{layer.num_units:,}", layer.kind)
    return table


def _estimates(found: Inspection) -> list[str]:
    shared = format_size(peak_bytes(found.program))
    each = format_size(bytes_per_region(found.program))
    return [
        f"a window of half width {half:.3g} around the middle of the triplet: about "
        f"{counted(round(estimate.num_regions), 'region')}, {duration(estimate.seconds)}"
        for half, estimate in found.estimates.items()
    ] + [f"memory beside the network itself: about {shared}, and {each} for every region"]


def _refusals(error: UnsupportedOperation) -> Table:
    table = Table(title="not supported")
    for column in ("operation", "module", "kind", "line", "why", "use instead"):
        table.add_column(column)
    for refusal in error.refusals:
        table.add_row(
            refusal.operation,
            refusal.module,
            refusal.kind,
            refusal.line,
            refusal.reason or "not piecewise linear",
            alternative(refusal.operation),
        )
    return table
