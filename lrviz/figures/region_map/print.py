"""A map of regions as a file."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Patch, Polygon
from matplotlib.patheffects import withStroke

from lrviz.errors import InvalidRequest
from lrviz.figures.boundary import print_boundary
from lrviz.figures.colouring import Colouring, colour_regions
from lrviz.figures.data_files import write_archive, write_table
from lrviz.figures.frame import print_frame, print_image
from lrviz.figures.legend import print_bar, print_legend
from lrviz.figures.paper import PRINTED, Paper, print_figure, require_suffix, write_page
from lrviz.figures.region_map.data import edges_by_layer, paint, thin_lines, window_bounds
from lrviz.figures.region_map.screen import region_map
from lrviz.figures.style import INK, PIN_COLOURS
from lrviz.measures.boundary import find_boundary
from lrviz.measures.tables import measure_regions
from lrviz.results.regions import Regions
from lrviz.views.view import View

SUFFIXES = (*PRINTED, ".html", ".npz", ".csv")
MAX_VECTOR_REGIONS = 20_000
_TITLE = "Linear regions"
_MARGIN_INCHES = 0.9
"""What legend, bar and axes take of the side of a sheet."""


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
    the text `lrviz` of a PNG, a meta element of an HTML page, the array `view` of an npz archive, and the first
    line, a comment, of a CSV.

    Args:
        suffix: .pdf, .svg, .png, .html, .npz or .csv.
        regions: What to draw.
        view: What the figure shows.
        class_names: Names of the outputs.
        paper: Size and resolution of a figure.

    Raises:
        InvalidRequest: The suffix is another one, or there is nothing to draw.
    """
    require_suffix(suffix, SUFFIXES)
    if len(regions) == 0:
        raise InvalidRequest("A figure needs at least one region; got none. Find regions first.")
    paper, description = paper or Paper(), view.to_json()
    if suffix == ".npz":
        return write_archive(regions, description=description)
    if suffix == ".csv":
        return write_table(measure_regions(regions, class_names), description=description)
    if suffix == ".html":
        colouring = _colour(regions, view, class_names)
        edges, boundary = _edges(view), find_boundary(regions) if view.boundary else None
        height = max(int(96 * paper.height_inches), 300)
        figure = region_map(regions, colouring, edges=edges, class_names=class_names, boundary=boundary, height=height)
        return write_page([figure.update_layout(dragmode="pan")], title=_TITLE, description=description)
    return print_figure(
        suffix, paper, lambda sheet: print_map(sheet, regions, view, class_names), title=_TITLE, description=description
    )


def _colour(regions: Regions, view: View, class_names: tuple[str, ...]) -> Colouring:
    return colour_regions(regions, view.colour, class_index=view.class_index, class_names=class_names)


def _edges(view: View) -> str:
    return "layer" if view.layer_edges else "thin"


def print_map(
    place: Figure | SubFigure,
    regions: Regions,
    view: View,
    class_names: tuple[str, ...] = (),
    *,
    pinned: Sequence[int | None] = (),
) -> None:
    """Draw the map of a view, with its colour bar or legend, on a sheet or a part of it.

    Args:
        place: The sheet, or the part of it.
        regions: What to draw.
        view: What the figure shows.
        class_names: Names of the outputs.
        pinned: Indices of the regions that are outlined and numbered from 1; None for one that is not among them.
    """
    axes, bounds = place.add_subplot(), window_bounds(regions)
    colouring, edges = _colour(regions, view, class_names), _edges(view)
    if len(regions) <= MAX_VECTOR_REGIONS:
        print_polygons(axes, regions, colouring, outlined=edges == "thin")
        for drawn in edges_by_layer(regions, edges):
            axes.add_collection(LineCollection(list(drawn.ends), colors=drawn.colour, linewidths=0.5))
    else:
        side = int(np.clip(min(place.bbox.size), 400, 3000))
        print_image(axes, paint(regions, colouring, edges, bounds, side=side), bounds)
    bold = print_boundary(axes, find_boundary(regions)) if view.boundary else []
    for number, index in enumerate(pinned):
        if index is not None:
            _print_pin(axes, regions, index, number)
    map_inches = min(place.bbox.size) / place.dpi - _MARGIN_INCHES
    print_frame(axes, bounds, num_ticks=int(np.clip(3.2 * map_inches, 2, 5)))
    print_legend(place, colouring, [*bold, *_layer_handles(regions, edges)])
    print_bar(place, [axes], colouring)


def print_polygons(axes: Axes, regions: Regions, colouring: Colouring, *, outlined: bool) -> None:
    """Every region as a polygon."""
    fills = colouring.rgb / 255
    polygons = PolyCollection(np.split(regions.coordinates, regions.offsets[1:-1]), facecolors=fills, joinstyle="round")
    if outlined:
        colour, opacity, width = thin_lines(regions, colouring, least=0.05, most=0.5)
        polygons.set(edgecolor=to_rgba(colour, opacity), linewidth=width)
    else:
        polygons.set(edgecolor=fills, linewidth=0.2)
    axes.add_collection(polygons)


def _print_pin(axes: Axes, regions: Regions, index: int, number: int) -> None:
    """The outline of a pinned region, and its number beside it."""
    corners = regions.coordinates[regions.offsets[index] : regions.offsets[index + 1]]
    ground, colour = [withStroke(linewidth=3, foreground="white")], PIN_COLOURS[number % len(PIN_COLOURS)]
    axes.add_patch(
        Polygon(corners, fill=False, edgecolor=colour, linewidth=1.6, joinstyle="round", path_effects=ground)
    )
    axes.annotate(
        str(number + 1), corners[corners.sum(1).argmax()], xytext=(2, 2), textcoords="offset points", color=INK,
        fontweight="bold", path_effects=ground,
    )  # fmt: skip


def _layer_handles(regions: Regions, edges: str) -> list[Patch]:
    """The colours of the layers that drew edges; layers of one colour share an entry."""
    layers: dict[str, list[str]] = {}
    for drawn in edges_by_layer(regions, edges):
        layers.setdefault(drawn.colour, []).append(str(drawn.layer + 1))
    return [Patch(facecolor=colour, label=f"edges of layer {', '.join(names)}") for colour, names in layers.items()]
