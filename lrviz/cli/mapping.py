"""The command that counts and measures a whole window. Its work is in `mapper`."""

from pathlib import Path
from typing import Annotated

import typer

from lrviz.cli.describing import describes
from lrviz.cli.finding import Cache, Device, HalfHeight, Images, Model, Window
from lrviz.models.access import Access

WorkersOption = Annotated[
    int, typer.Option("--workers", min=0, help="Work in that many processes here (needs lrviz\\[cluster]).")
]
Scheduler = Annotated[
    str, typer.Option(metavar="ADDRESS", help="Work on the dask cluster of this scheduler, as tcp://host:8786.")
]


@describes("model")
def map_command(
    *,
    model: Model,
    images: Images,
    out: Annotated[Path, typer.Option(help="The .npz file to write.")],
    window: Window = None,
    half_height: HalfHeight = None,
    resolution: Annotated[int, typer.Option(min=1, max=2048, help="Pixels along the longer side.")] = 512,
    figure: Annotated[Path | None, typer.Option(help="Also draw it to this .pdf, .svg or .png file.")] = None,
    colour: Annotated[
        str, typer.Option(help="What the figure shows: density, slope, jump, similarity, deviation or class.")
    ] = "density",
    workers: WorkersOption = 0,
    scheduler: Scheduler = "",
    device: Device = None,
    cache: Cache = True,
    access: Access,
) -> None:
    """Count and measure all regions of a window, however many; a stopped run goes on where it was."""
    from lrviz.cli import finder, mapper  # noqa: PLC0415
    from lrviz.engine.workers import Workers  # noqa: PLC0415

    view = finder.make_view(model, images, window, half_height=half_height)
    how = finder.Run(device=device, cache=cache, access=access)
    drawing = mapper.Drawing(path=figure, quantity=colour)
    mapper.write_map(view, how, out, resolution, drawing, Workers(number=workers, scheduler=scheduler))
