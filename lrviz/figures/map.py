"""The exact regions of a window as a Plotly figure: vector polygons when they are few, pixels when they are many."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int, UInt8

from lrviz.figures.boundary import boundary_lines
from lrviz.figures.colouring import Colouring
from lrviz.figures.facts import region_facts
from lrviz.figures.rasterise import data_uri, label_pixels, mark_segments, pixel_centres, shrink
from lrviz.figures.style import (
    ACCENT,
    DARK,
    INK,
    LAYER_COLOURS,
    MISSING,
    Scale,
    lightness,
    plotly_scale,
    template,
    to_hex,
    to_rgb,
)
from lrviz.measures.boundary import Boundary
from lrviz.results.regions import Regions

MAX_VECTOR_REGIONS = 3000
NUM_BUCKETS = 48
RASTER_SIDE = 900
HOVER_SIDE = 64
BAR_PIXELS = 370
_BORDER_INK = 0.45
_MEAN_INK = 0.08
"""How much thin lines darken a pixel, and a whole picture at most."""
EDGE_MODES = ("thin", "layer", "none")


def region_map(
    regions: Regions,
    colouring: Colouring,
    *,
    edges: str = "thin",
    class_names: tuple[str, ...] = (),
    layer_names: tuple[str, ...] = (),
    boundary: Boundary | None = None,
    selected: int | None = None,
    title: str | None = None,
    height: int = 560,
) -> go.Figure:
    """Draw every region of a window in its colour.

    Args:
        regions: what to draw.
        colouring: the colour of each region and its legend.
        edges: "thin" lines, lines coloured by "layer", or "none".
        class_names: names of the outputs, for the hover text.
        layer_names: names of the layers, for the legend.
        boundary: the decision boundary, to draw it as bold lines.
        selected: a region to outline.
        title: a heading.
        height: height of the figure in pixels.
    """
    figure = go.Figure()
    bounds = window_bounds(regions)
    if len(regions) <= MAX_VECTOR_REGIONS:
        figure.add_traces(fills(regions, colouring))
        figure.add_traces(edge_lines(regions, edges, layer_names, light=is_dark(regions, colouring)))
    else:
        figure.add_layout_image(placed(paint(regions, colouring, edges, bounds), bounds))
        figure.add_traces(layer_legend(regions, edges, layer_names))
    bold = [] if boundary is None else boundary_lines(boundary)
    figure.add_traces(bold)
    figure.add_traces(legend(colouring, narrow=edges == "layer" or bool(bold)))
    figure.add_trace(hover_points(regions, colouring, class_names, bounds))
    if selected is not None:
        figure.add_trace(_outline(regions, selected))
    frame_plane(figure, bounds, title=title, height=height)
    return figure


def window_bounds(regions: Regions) -> Float[np.ndarray, "2 2"]:
    """Bounding box of the window: [[u low, v low], [u high, v high]]."""
    return np.stack([regions.window.min(0), regions.window.max(0)])


def frame_plane(figure: go.Figure, bounds: Float[np.ndarray, "2 2"], *, title: str | None, height: int) -> None:
    """Give a figure of the plane its axes: equal scales, named, fitted to the bounds."""
    (u0, v0), (u1, v1) = bounds
    figure.update_layout(
        template=template(),
        title=title,
        height=height,
        hovermode="closest",
        hoverdistance=14,
        margin={"t": 34 if title else 12},
        legend={"orientation": "v", "x": 1.01, "xanchor": "left", "y": 1, "yanchor": "top", "borderwidth": 0},
        newselection={"line": {"color": ACCENT, "width": 1.5, "dash": "solid"}},
        activeselection={"fillcolor": ACCENT, "opacity": 0.08},
    )
    exponent = {"exponentformat": "power", "nticks": 6}
    figure.update_xaxes(
        title="u (L2 distance)", range=[u0, u1], constrain="domain", scaleanchor="y", scaleratio=1, **exponent
    )
    figure.update_yaxes(title="v (L2 distance)", range=[v0, v1], constrain="domain", constraintoward="top", **exponent)


def paint(
    regions: Regions, colouring: Colouring, edges: str, bounds: Float[np.ndarray, "2 2"], side: int = RASTER_SIDE
) -> UInt8[np.ndarray, "height width 4"]:
    """Regions as an RGBA image of the bounds, the lowest v first, twice sampled in both directions.

    Args:
        regions: what to draw.
        colouring: the colour of each region.
        edges: as in `region_map`.
        bounds: the part of the plane that the image covers.
        side: length in pixels of its longer side.
    """
    u, v = pixel_grid(bounds, 2 * side)
    labels = label_pixels(regions.coordinates, regions.offsets, u, v)
    image = paint_labels(labels, colouring.rgb, outlined=edges == "thin")
    if edges == "layer":
        pixel, line = mark_segments(_inner(regions.edge_coordinates, regions), u, v)
        colours = to_rgb(list(LAYER_COLOURS))[_inner(regions.edge_layer, regions)[line] % len(LAYER_COLOURS)]
        image.reshape(-1, 4)[pixel, :3] = colours
    return shrink(image, 2)


def pixel_grid(bounds: Float[np.ndarray, "2 2"], side: int) -> tuple[np.ndarray, np.ndarray]:
    """Centres u and v of an even number of pixels in both directions, about `side` along the longer one."""
    extent = bounds[1] - bounds[0]
    numbers = (2 * max(round(float(share) * side / 2), 1) for share in extent / extent.max())
    u, v = (pixel_centres(bounds[0, k], bounds[1, k], n) for k, n in enumerate(numbers))
    return u, v


def paint_labels(
    labels: Int[np.ndarray, "height width"], rgb: UInt8[np.ndarray, "regions 3"], *, outlined: bool
) -> UInt8[np.ndarray, "height width 4"]:
    """Labelled pixels in the colours of their regions; -1 is transparent.

    Args:
        labels: (H, W) the region of each pixel.
        rgb: (R, 3) colours.
        outlined: darken the borders, or lighten them where it is dark; the more of them there are, the less, so that
            colours keep their meaning.
    """
    palette = np.vstack([rgb, [[255, 255, 255]]]).astype(np.uint8)
    image = np.concatenate([palette[labels], np.where(labels < 0, 0, 255).astype(np.uint8)[..., None]], 2)
    if outlined:
        border = np.zeros(labels.shape, bool)
        border[:, 1:] |= labels[:, 1:] != labels[:, :-1]
        border[1:] |= labels[1:] != labels[:-1]
        ink = min(_BORDER_INK, _MEAN_INK / max(float(border.mean()), 1e-9))
        under = image[border, :3]
        line = np.where(lightness(under)[:, None] < DARK, 255, 0)
        image[border, :3] = (under * (1 - ink) + line * ink).astype(np.uint8)
    return image


def _inner(values: np.ndarray, regions: Regions) -> np.ndarray:
    return values[regions.edge_unit >= 0]


def placed(image: UInt8[np.ndarray, "height width 4"], bounds: Float[np.ndarray, "2 2"]) -> dict:
    """A layout image that covers the bounds, under the traces."""
    (u0, v0), (u1, v1) = bounds
    return {
        "source": data_uri(image), "xref": "x", "yref": "y", "x": u0, "y": v1, "sizex": u1 - u0, "sizey": v1 - v0,
        "sizing": "stretch", "layer": "below",
    }  # fmt: skip


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


def is_dark(regions: Regions, colouring: Colouring) -> bool:
    """Whether most of the area is so dark that thin lines have to be light."""
    return float(regions.area[lightness(colouring.rgb) < DARK].sum()) > 0.5 * float(regions.area.sum())


def edge_lines(
    regions: Regions, edges: str, layer_names: tuple[str, ...] = (), *, light: bool = False
) -> list[go.Scatter]:
    """Traces of the edges, as in `region_map`; thin lines can be light for a dark map."""
    if edges == "none":
        return []
    if edges == "thin":
        width = float(np.clip(24 / np.sqrt(max(len(regions), 1)), 0.35, 1.0))
        colour = "rgba(255,255,255,0.45)" if light else "rgba(10,18,26,0.6)"
        return [_lines(regions.edge_coordinates, {"width": width, "color": colour}, "edges", False)]
    traces = []
    for layer in _drawn_layers(regions):
        ends = regions.edge_coordinates[regions.edge_layer == layer]
        line = {"width": 1.2, "color": LAYER_COLOURS[layer % len(LAYER_COLOURS)]}
        traces.append(_lines(ends, line, _layer_name(layer, layer_names), True))
    return traces


def _lines(ends: Float[np.ndarray, "edges 2 2"], line: dict, name: str, in_legend: bool) -> go.Scatter:
    """Many straight lines as one trace, NaN between them."""
    u, v = (np.column_stack([ends[..., k], np.full(len(ends), np.nan)]).ravel() for k in (0, 1))
    return go.Scatter(
        x=u, y=v, mode="lines", hoverinfo="skip", name=name, showlegend=in_legend, line={**line, "simplify": False}
    )


def layer_legend(regions: Regions, edges: str, layer_names: tuple[str, ...]) -> list[go.Scatter]:
    """Empty traces that name the layers of edges, if these are coloured by layer."""
    layers = _drawn_layers(regions) if edges == "layer" else []
    return [
        go.Scatter(
            x=[None], y=[None], mode="lines", name=_layer_name(layer, layer_names),
            line={"width": 2, "color": LAYER_COLOURS[layer % len(LAYER_COLOURS)]},
        )
        for layer in layers
    ]  # fmt: skip


def _drawn_layers(regions: Regions) -> list[int]:
    return np.unique(_inner(regions.edge_layer, regions)).tolist()


def _layer_name(layer: int, names: tuple[str, ...]) -> str:
    number = f"layer {layer + 1}"
    return f"{number} ({names[layer]})" if layer < len(names) and names[layer] else number


def legend(colouring: Colouring, *, narrow: bool = False) -> list[go.Scatter]:
    """An empty trace that carries the colour bar, or one for each category."""
    if colouring.scale is not None:
        return [go.Scatter(x=[None], y=[None], mode="markers", showlegend=False, hoverinfo="skip",
                           marker=colour_bar(colouring.scale, colouring.title, narrow=narrow))]  # fmt: skip
    return [
        go.Scatter(
            x=[None], y=[None], mode="markers", name=name, hoverinfo="skip",
            marker={"color": colour, "symbol": "square", "size": 11},
        )
        for name, colour in colouring.categories
    ]  # fmt: skip


def colour_bar(scale: Scale, title: str, *, narrow: bool = False) -> dict:
    """Marker settings that make Plotly draw the colour bar of a scale, lower if a legend stands above it."""
    return {
        "color": [scale.low],
        "cmin": scale.low,
        "cmax": scale.high,
        "colorscale": plotly_scale(scale.name),
        "showscale": True,
        "size": 0.01,
        "colorbar": {
            "title": {"text": title, "side": "right", "font": {"size": 12}},
            "thickness": 12, "outlinewidth": 0, "ticks": "outside", "ticklen": 3, "tickcolor": "#c9d1d9",
            "tickfont": {"size": 11}, "x": 1.01, "xpad": 4, "nticks": 7, "exponentformat": "power",
            "lenmode": "pixels", "len": BAR_PIXELS - (110 if narrow else 0),
            "yanchor": "top", "y": 0.70 if narrow else 1.0,
        },
    }  # fmt: skip


def hover_points(
    regions: Regions,
    colouring: Colouring,
    class_names: tuple[str, ...],
    bounds: Float[np.ndarray, "2 2"],
    *,
    side: int = HOVER_SIDE,
    max_missed: int = MAX_VECTOR_REGIONS,
) -> go.Scatter:
    """Invisible points that answer the pointer: a grid, and the centroids of some regions that the grid misses."""
    u, v = (pixel_centres(bounds[0, k], bounds[1, k], side) for k in (0, 1))
    labels = label_pixels(regions.coordinates, regions.offsets, u, v)
    rows, columns = np.nonzero(labels >= 0)
    missed = np.setdiff1d(np.arange(len(regions)), labels[rows, columns])[:max_missed]
    region = np.concatenate([labels[rows, columns], missed])
    texts = hover_texts(regions, colouring, class_names, np.unique(region))
    return go.Scatter(
        x=np.concatenate([u[columns], regions.centroid[missed, 0]]),
        y=np.concatenate([v[rows], regions.centroid[missed, 1]]),
        mode="markers",
        marker={"size": 7, "opacity": 0, "color": INK},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        customdata=region,
        hovertext=[texts[r] for r in region],
        hoverinfo="text",
        showlegend=False,
        name="regions",
    )


def hover_texts(
    regions: Regions, colouring: Colouring, class_names: tuple[str, ...], chosen: Int[np.ndarray, " n"]
) -> dict[int, str]:
    """What the pointer says of each chosen region: the quantity that is coloured first, and in bold."""
    facts = region_facts(regions, chosen, colouring, class_names)
    lines = (f"{first.html}<br>{'<br>'.join(fact.text for fact in rest)}" for first, *rest in facts)
    return dict(zip(chosen.tolist(), lines, strict=True))


def _outline(regions: Regions, selected: int) -> go.Scatter:
    u, v = closed_outlines(regions, np.array([selected]))
    return go.Scatter(
        x=u[:-1], y=v[:-1], mode="lines", hoverinfo="skip", showlegend=False, name="selected",
        line={"width": 2.6, "color": ACCENT},
    )  # fmt: skip
