"""The command that measures many models on many paths. Its work is in `measurer`."""

from pathlib import Path
from typing import Annotated

import typer

from lrviz.cli.describing import describes
from lrviz.cli.finding import Cache, Device
from lrviz.cli.mapping import Scheduler, WorkersOption
from lrviz.models.access import Access


@describes("models")
def measure(
    *,
    models: Annotated[
        list[str],
        typer.Option(help="Name or pattern of shipped models (quoted), file of a network, or folder; repeatable."),
    ],
    paths: Annotated[
        list[str],
        typer.Option(
            help="KIND:IMAGES, repeatable. KIND: closed, open, attack, direction, triplet or images; IMAGES: "
            "samples:0-19, samples:cifar100:3, cifar10:test:0-63, test:0-9, test:CLASS:0-9, train:clean:0-9, "
            "train:noisy:0,2 or random:0-9."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The .csv or .parquet file to write.")],
    anchors: Annotated[int, typer.Option(help="Translations of the image on a closed or open path.")] = 8,
    radius: Annotated[
        float | None,
        typer.Option(
            help="How far they move it, in pixels; for attack and direction in L2 distance of pixels from 0 to 1.",
            show_default="4 or 0.5",
        ),
    ] = None,
    segments: Annotated[
        int | None,
        typer.Option(help="Measure that many segments of every path, chosen at random: the same means, sooner."),
    ] = None,
    snapshots: Annotated[bool, typer.Option(help="Let patterns and folders select snapshots as well.")] = False,
    data: Annotated[
        Path | None, typer.Option(help="Folder or .npz of the data set, for test and train images.")
    ] = None,
    gradients: Annotated[bool, typer.Option(help="Compare gradients by the input as well: much slower.")] = False,
    workers: WorkersOption = 0,
    scheduler: Scheduler = "",
    device: Device = None,
    cache: Cache = True,
    access: Access,
) -> None:
    """Measure models on paths of images: density, deviation, similarity ...; a stopped run goes on where it was."""
    from lrviz.cli import finder, measurer  # noqa: PLC0415
    from lrviz.engine.workers import Workers  # noqa: PLC0415

    measurer.measure_all(
        models,
        paths,
        out,
        num_anchors=anchors,
        radius=radius,
        segments=segments,
        snapshots=snapshots,
        gradients=gradients,
        data=data,
        how=finder.Run(device=device, cache=cache, access=access),
        workers=Workers(number=workers, scheduler=scheduler),
    )
