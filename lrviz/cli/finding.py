"""The commands that find regions and pieces. Their work is in `finder`: PyTorch is imported when it is needed."""

from pathlib import Path
from typing import Annotated

import typer

from lrviz.cli.describing import describes
from lrviz.models.access import Access

Model = Annotated[
    str, typer.Option(help="Name of a shipped model (lrviz models), or a file: .onnx, .safetensors, .pth ...")
]
Images = Annotated[
    tuple[str, str, str],
    typer.Option(
        metavar="A B C",
        help="The triplet: samples:3, samples:cifar100:3, PNG or JPEG files, cifar10:test:17 (of LRVIZ_DATA_DIR); for "
        "networks that take no images .npy files, noise:0, or point: and the numbers.",
    ),
]
Window = Annotated[
    tuple[float, float, float] | None,
    typer.Option(
        metavar="U V HALF",
        help="Centre and half width, in L2 distance: A lies at 0 0, B on the u axis; the triangle if not given.",
    ),
]
HalfHeight = Annotated[
    float | None, typer.Option(help="Half the window's height, in L2 distance.", show_default="half width")
]
Budget = Annotated[
    int,
    typer.Option(
        "--max-regions",
        help="Stop after that many regions, up to 10,000,000; windows that hold ten times as many are refused.",
    ),
]
Device = Annotated[str | None, typer.Option(help="cpu or cuda; cuda if there is one.")]
Cache = Annotated[bool, typer.Option("--cache/--no-cache", help="Use the stored results, and store new ones.")]


@describes("model")
def estimate(
    *,
    model: Model,
    images: Images,
    window: Window = None,
    half_height: HalfHeight = None,
    max_regions: Budget = 200_000,
    device: Device = None,
    cache: Cache = True,
    access: Access,
) -> None:
    """Estimate how many regions a window holds and how long finding them takes."""
    from lrviz.cli import finder  # noqa: PLC0415

    view = finder.make_view(model, images, window, half_height=half_height, max_regions=max_regions)
    finder.print_estimate(view, finder.Run(device=device, cache=cache, access=access))


@describes("model")
def regions(
    *,
    model: Model,
    images: Images,
    out: Annotated[Path, typer.Option(help="The .npz file to write.")],
    window: Window = None,
    half_height: HalfHeight = None,
    max_regions: Budget = 200_000,
    csv: Annotated[Path | None, typer.Option(help="Also write the measures of every region to this file.")] = None,
    device: Device = None,
    cache: Cache = True,
    access: Access,
) -> None:
    """Find the regions of a window, exactly."""
    from lrviz.cli import finder  # noqa: PLC0415

    view = finder.make_view(model, images, window, half_height=half_height, max_regions=max_regions)
    finder.write_regions(view, finder.Run(device=device, cache=cache, access=access), out, csv)


@describes("model")
def pieces(
    *,
    model: Model,
    start: Annotated[str, typer.Option("--from", help="The image at one end, as for --images of regions.")],
    end: Annotated[str, typer.Option("--to", help="The image at the other end.")],
    out: Annotated[Path, typer.Option(help="The .npz file to write.")],
    device: Device = None,
    cache: Cache = True,
    access: Access,
) -> None:
    """Find the pieces of the straight line between two images, exactly."""
    from lrviz.cli import finder  # noqa: PLC0415

    finder.write_pieces(model, start, end, finder.Run(device=device, cache=cache, access=access), out)


@describes("model")
def figure(
    *,
    model: Model,
    images: Images,
    out: Annotated[Path, typer.Option(help="The .pdf, .svg, .png or .html file to write.")],
    window: Window = None,
    half_height: HalfHeight = None,
    colour: Annotated[
        str, typer.Option(help="region, class, slope, jump, variation, deviation, similarity, area or density.")
    ] = "slope",
    class_index: Annotated[int | None, typer.Option("--class", help="The output that the colour is about.")] = None,
    layer_edges: Annotated[bool, typer.Option(help="Colour edges by the layer that drew them.")] = False,
    boundary: Annotated[bool, typer.Option("--boundary", help="Draw the decision boundary as bold lines.")] = False,
    size: Annotated[
        tuple[float, float],
        typer.Option(metavar="W H", help="Width and height in inches; .html is as wide as its window."),
    ] = (6.0, 5.0),
    dpi: Annotated[int, typer.Option(help="Dots per inch of what is not vector graphics.")] = 300,
    max_regions: Budget = 200_000,
    device: Device = None,
    cache: Cache = True,
    access: Access,
) -> None:
    """Draw the regions of a window."""
    from lrviz.cli import drawer, finder  # noqa: PLC0415

    view = finder.make_view(
        model,
        images,
        window,
        half_height=half_height,
        max_regions=max_regions,
        colour=colour,
        class_index=class_index,
        layer_edges=layer_edges,
        boundary=boundary,
    )
    drawer.draw_figure(view, finder.Run(device=device, cache=cache, access=access), out, size, dpi)
