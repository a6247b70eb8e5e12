"""A region map as a file."""

import os
from pathlib import Path

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from lrviz.errors import InvalidRequest
from lrviz.figures.colouring import Colouring, colour_regions
from lrviz.figures.map import paint, region_map, window_bounds
from lrviz.figures.paper import (
    MAX_VECTOR_REGIONS,
    SUFFIXES,
    U_LABEL,
    V_LABEL,
    Paper,
    add_boundary,
    add_colour_bar,
    add_legend,
    add_picture,
    add_polygons,
    frame_plane,
    print_figure,
    write_archive,
    write_page,
    write_table,
)
from lrviz.figures.style import LAYER_COLOURS
from lrviz.measures.boundary import Boundary, find_boundary
from lrviz.measures.tables import measure_regions
from lrviz.results.regions import Regions
from lrviz.views.view import View

_TITLE = "Linear regions"


def save_figure(
    path: Path | str | os.PathLike[str],
    regions: Regions,
    view: View,
    *,
    class_names: tuple[str, ...] = (),
    paper: Paper | None = None,
) -> None:
    """Write a region map to a file; its suffix, one of `SUFFIXES`, tells the kind. See `render`."""
    path = Path(path)
    path.write_bytes(render(path.suffix.lower(), regions, view, class_names=class_names, paper=paper))


def render(
    suffix: str,
    regions: Regions,
    view: View,
    *,
    class_names: tuple[str, ...] = (),
    paper: Paper | None = None,
) -> bytes:
    """The contents of a file that shows a region map.

    PDF and SVG hold every polygon up to `MAX_VECTOR_REGIONS`; above it the fills become an image and axes, text and
    colour bar stay vectors. Every file carries the view as JSON: as the subject of a PDF, the description of an SVG,
    the text `lrviz` of a PNG, a meta element of an HTML page, the comment of an npz archive, and the first line,
    a comment, of a CSV.

    Args:
        suffix: .pdf, .svg, .png, .html, .npz or .csv.
        regions: what to draw.
        view: what the figure shows.
        class_names: names of the outputs.
        paper: size and resolution of a figure.

    Raises:
        InvalidRequest: the suffix is another one, or there is nothing to draw.
    """
    if suffix not in SUFFIXES:
        raise InvalidRequest(f"Expected a file ending in {', '.join(SUFFIXES)}; got {suffix!r}. Rename it.")
    if len(regions) == 0:
        raise InvalidRequest("A figure needs at least one region; got none. Find regions first.")
    paper, description = paper or Paper(), view.to_json()
    if suffix == ".npz":
        return write_archive(regions, description=description)
    if suffix == ".csv":
        return write_table(measure_regions(regions, class_names), description=description)
    colouring = colour_regions(regions, view.colour, class_index=view.class_index, class_names=class_names)
    edges = "layer" if view.layer_edges else "thin"
    boundary = find_boundary(regions) if view.boundary else None
    if suffix == ".html":
        height = max(int(96 * paper.height_inches), 300)
        figure = region_map(regions, colouring, edges=edges, class_names=class_names, boundary=boundary, height=height)
        return write_page([figure.update_layout(dragmode="pan")], title=_TITLE, description=description)
    side = int(min(paper.width_inches, paper.height_inches) * paper.dpi)
    return print_figure(
        suffix, paper, lambda sheet: _draw(sheet, regions, colouring, edges, boundary, side),
        title=_TITLE, description=description,
    )  # fmt: skip


def _draw(
    figure: Figure, regions: Regions, colouring: Colouring, edges: str, boundary: Boundary | None, side: int
) -> None:
    axes, bounds = figure.add_subplot(), window_bounds(regions)
    if len(regions) <= MAX_VECTOR_REGIONS:
        add_polygons(axes, regions, colouring, outlined=edges == "thin")
        if edges == "layer":
            inner = regions.edge_unit >= 0
            colours = np.array(LAYER_COLOURS)[regions.edge_layer[inner] % len(LAYER_COLOURS)].tolist()
            axes.add_collection(LineCollection(list(regions.edge_coordinates[inner]), colors=colours, linewidths=0.5))
    else:
        add_picture(axes, paint(regions, colouring, edges, bounds, side=int(np.clip(side, 400, 3000))), bounds)
    bold = [] if boundary is None else add_boundary(axes, boundary)
    frame_plane(axes, bounds)
    axes.set(xlabel=U_LABEL, ylabel=V_LABEL, anchor="N")
    add_colour_bar(figure, [axes], colouring)
    handles = _layer_handles(regions) if edges == "layer" else []
    add_legend(
        figure, [*bold, *handles, *(Patch(facecolor=colour, label=name) for name, colour in colouring.categories)]
    )


def _layer_handles(regions: Regions) -> list[Patch]:
    """The colours of the layers that drew edges; layers of one colour share an entry."""
    layers: dict[str, list[str]] = {}
    for layer in np.unique(regions.edge_layer[regions.edge_unit >= 0]).tolist():
        layers.setdefault(LAYER_COLOURS[layer % len(LAYER_COLOURS)], []).append(str(layer + 1))
    return [Patch(facecolor=colour, label=f"edges of layer {', '.join(names)}") for colour, names in layers.items()]
