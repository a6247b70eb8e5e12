"""A map of regions as a Plotly figure: vector polygons when they are few, pixels when they are many."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Int, UInt8

from lrviz.figures.boundary import boundary_lines
from lrviz.figures.colouring import Colouring
from lrviz.figures.frame import frame_plane, placed, straight_lines
from lrviz.figures.legend import legend
from lrviz.figures.region_map.data import (
    Hover,
    edges_by_layer,
    find_hover,
    paint,
    thin_lines,
    window_bounds,
)
from lrviz.figures.style import INK, MISSING, to_hex, to_rgb, translucent
from lrviz.measures.boundary import Boundary
from lrviz.results.regions import Regions

MAX_VECTOR_REGIONS = 3000
NUM_BUCKETS = 48
HOVER_SIDE = 64


def region_map(
    regions: Regions,
    colouring: Colouring,
    *,
    edges: str = "thin",
    class_names: tuple[str, ...] = (),
    layer_names: tuple[str, ...] = (),
    boundary: Boundary | None = None,
    height: int = 560,
) -> go.Figure:
    """Draw every region of a window in its colour.

    Args:
        regions: What to draw.
        colouring: The colour of each region and its legend.
        edges: "thin" lines, lines coloured by "layer", or "none".
        class_names: Names of the outputs, for the hover text.
        layer_names: Names of the layers, for the legend.
        boundary: The decision boundary, to draw it as bold lines.
        height: Height of the figure in pixels.
    """
    figure = go.Figure()
    bounds = window_bounds(regions)
    if len(regions) <= MAX_VECTOR_REGIONS:
        figure.add_traces(fills(regions, colouring))
        figure.add_traces(edge_lines(regions, colouring, edges, layer_names))
    else:
        figure.add_layout_image(placed(paint(regions, colouring, edges, bounds), bounds))
        figure.add_traces(layer_legend(regions, edges, layer_names))
    bold = [] if boundary is None else boundary_lines(boundary)
    figure.add_traces(bold)
    figure.add_traces(legend(colouring, narrow=edges == "layer" or bool(bold)))
    hover = find_hover(regions, colouring, class_names, bounds, side=HOVER_SIDE, max_missed=MAX_VECTOR_REGIONS)
    figure.add_trace(hover_points(hover))
    frame_plane(figure, bounds, title=None, height=height)
    return figure


def fills(regions: Regions, colouring: Colouring) -> list[go.Scatter]:
    """One trace per colour, each a list of closed polygons with gaps between them."""
    bucket, colours = _buckets(colouring)
    traces = []
    for index in np.unique(bucket):
        colour = to_hex(colours[index])
        u, v = closed_outlines(regions, np.flatnonzero(bucket == index))
        traces.append(
            go.Scatter(
                x=u, y=v, mode="lines", fill="toself", fillcolor=colour, hoverinfo="skip", showlegend=False,
                line={"width": 0.8, "color": colour, "simplify": False}, name="fill",
            )
        )  # fmt: skip
    return traces


def _buckets(colouring: Colouring) -> tuple[Int[np.ndarray, " regions"], UInt8[np.ndarray, "buckets 3"]]:
    if colouring.scale is None or colouring.values is None:
        colours, bucket = np.unique(colouring.rgb, axis=0, return_inverse=True)
        return bucket.ravel(), colours
    position = colouring.scale.positions(colouring.values)
    missing = np.isnan(position)
    bucket = np.where(missing, NUM_BUCKETS, np.minimum(np.nan_to_num(position) * NUM_BUCKETS, NUM_BUCKETS - 1))
    middle = colouring.scale.low + (np.arange(NUM_BUCKETS) + 0.5) / NUM_BUCKETS * (
        colouring.scale.high - colouring.scale.low
    )
    return bucket.astype(np.intp), np.vstack([colouring.scale.colours(middle), to_rgb([MISSING])])


def closed_outlines(regions: Regions, chosen: Int[np.ndarray, " n"]) -> tuple[np.ndarray, np.ndarray]:
    """The closed outlines of the chosen regions one after the other, NaN between them, as u and v."""
    size = np.diff(regions.offsets)[chosen] + 2
    stop = np.cumsum(size)
    place = np.arange(size.sum()) - np.repeat(stop - size, size)
    length = np.repeat(size - 2, size)
    source = np.repeat(regions.offsets[chosen], size) + place % np.maximum(length, 1)
    gap = place > length
    u, v = regions.coordinates[np.where(gap, 0, source)].T
    return np.where(gap, np.nan, u), np.where(gap, np.nan, v)


def edge_lines(
    regions: Regions, colouring: Colouring, edges: str, layer_names: tuple[str, ...] = ()
) -> list[go.Scatter]:
    """Traces of the edges, as in `region_map`."""
    if edges == "thin":
        colour, opacity, width = thin_lines(regions, colouring, least=0.35, most=1.0)
        colour = translucent(colour, opacity)
        return [straight_lines(regions.edge_coordinates, name="edges", colour=colour, width=width, showlegend=False)]
    return [
        straight_lines(drawn.ends, name=_layer_name(drawn.layer, layer_names), colour=drawn.colour, width=1.2)
        for drawn in edges_by_layer(regions, edges)
    ]


def layer_legend(regions: Regions, edges: str, layer_names: tuple[str, ...]) -> list[go.Scatter]:
    """Empty traces that name the layers of edges, if these are coloured by layer."""
    return [
        go.Scatter(
            x=[None], y=[None], mode="lines", name=_layer_name(drawn.layer, layer_names),
            line={"width": 2, "color": drawn.colour},
        )
        for drawn in edges_by_layer(regions, edges)
    ]  # fmt: skip


def _layer_name(layer: int, names: tuple[str, ...]) -> str:
    number = f"layer {layer + 1}"
    return f"{number} ({names[layer]})" if layer < len(names) and names[layer] else number


def hover_points(hover: Hover) -> go.Scatter:
    """Invisible points that answer the pointer."""
    u, v = hover.points.T
    return go.Scatter(
        x=u, y=v, mode="markers", marker={"size": 7, "opacity": 0, "color": INK}, customdata=hover.region,
        selected={"marker": {"opacity": 0}}, unselected={"marker": {"opacity": 0}}, hovertext=hover.texts,
        hoverinfo="text", showlegend=False, name="regions",
    )  # fmt: skip
