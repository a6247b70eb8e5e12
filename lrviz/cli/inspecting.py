"""The command that reports on a network before any work. Its work is in `inspector`."""

from typing import Annotated

import typer

from lrviz.cli.describing import describes
from lrviz.models.access import Access


@describes("model")
def inspect(
    model: Annotated[str, typer.Argument(help="Name of a shipped model, or a file of a network.")],
    *,
    images: Annotated[
        tuple[str, str, str] | None,
        typer.Option(metavar="A B C", help="A triplet to try it on.", show_default="samples, or points"),
    ] = None,
    access: Access,
) -> None:
    """Report on a network: its layers, how it was converted, what it returns, what windows hold and cost."""
    from lrviz.cli import inspector  # noqa: PLC0415

    inspector.report(model, images, access)
