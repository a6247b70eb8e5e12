"""The region maps of several models side by side: one scale, one colour bar, one zoom."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int, UInt8
from plotly.subplots import make_subplots

from lrviz.figures.colouring import Colouring, colour_regions, rescale
from lrviz.figures.map import (
    edge_lines,
    fills,
    hover_points,
    is_dark,
    legend,
    paint_labels,
    pixel_grid,
    placed,
    window_bounds,
)
from lrviz.figures.rasterise import label_pixels, shrink
from lrviz.figures.style import ACCENT, INK, Scale, fit_scale, template
from lrviz.results.regions import Regions

MAX_VECTOR_REGIONS = 1500
"""Panels with more regions are pixels."""

MAX_POLYGONS = 3000
"""Polygons that all panels of a figure may hold together."""

LABEL_SIDE = 1000
"""Pixels along the longer side of a panel's labels; a picture has half as many, smoothed."""

HOVER_SIDE = 28
_TITLE, _KEY, _BOTTOM = 46, 52, 48
"""Pixels of the two lines above a map, of the colour bar or legend above all, and of the axis below."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """What a comparison shows of one model's regions; small, however many they are.

    Attributes:
        bounds: [[u low, v low], [u high, v high]] of the window.
        colouring: colour of each region, and its values.
        labels: (H, W) the region of each pixel of the window, the lowest v first; -1 where there is none.
        polygons: the regions, while they are few enough to be drawn one by one.
        hover: points that answer the pointer.
    """

    bounds: Float[np.ndarray, "2 2"]
    colouring: Colouring
    labels: Int[np.ndarray, "height width"]
    polygons: Regions | None
    hover: go.Scatter


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cell:
    """One place in the grid of a comparison.

    Attributes:
        title: the model in a few words.
        detail: a second line.
        panel: the map; None while there is none.
        notice: what keeps the map from being complete; empty if nothing does.
        link: address that shows the model alone.
    """

    title: str
    detail: str = ""
    panel: Panel | None = None
    notice: str = ""
    link: str = ""


def make_panel(
    regions: Regions, quantity: str, *, class_index: int | None = None, class_names: tuple[str, ...] = ()
) -> Panel:
    """Reduce the regions of a window to what its panel needs; arguments as in `colour_regions`."""
    colouring = colour_regions(regions, quantity, class_index=class_index, class_names=class_names)
    bounds = window_bounds(regions)
    labels = label_pixels(regions.coordinates, regions.offsets, *pixel_grid(bounds, LABEL_SIDE))
    labels.setflags(write=False)
    few = len(regions) <= MAX_VECTOR_REGIONS
    return Panel(
        bounds=bounds,
        colouring=colouring,
        labels=labels,
        polygons=regions if few else None,
        hover=hover_points(
            regions, colouring, class_names, bounds, side=HOVER_SIDE, max_missed=MAX_VECTOR_REGIONS if few else 0
        ),
    )


def share_scale(panels: Sequence[Panel]) -> tuple[Panel, ...]:
    """Put all panels on one scale; every panel counts by its area, however many regions it holds."""
    if not panels or panels[0].colouring.scale is None:
        return tuple(panels)
    scale = fit_scale(np.concatenate([_sampled_values(panel) for panel in panels]), panels[0].colouring.scale.name)
    return tuple(_on_scale(panel, scale) for panel in panels)


def _sampled_values(panel: Panel, step: int = 5) -> Float[np.ndarray, " pixels"]:
    labels = panel.labels[::step, ::step]
    assert panel.colouring.values is not None
    return panel.colouring.values[labels[labels >= 0]]


def _on_scale(panel: Panel, scale: Scale) -> Panel:
    return replace(panel, colouring=rescale(panel.colouring, scale))


def panel_picture(panel: Panel) -> UInt8[np.ndarray, "height width 4"]:
    """A panel as an RGBA image, the lowest v first."""
    return shrink(paint_labels(panel.labels, panel.colouring.rgb, outlined=True), 2)


def vector_panels(panels: Sequence[Panel], limit: int = MAX_POLYGONS) -> set[int]:
    """Indices of the panels to draw as polygons: the smallest first, until the limit is reached."""
    sizes = [(len(panel.polygons), index) for index, panel in enumerate(panels) if panel.polygons is not None]
    total, chosen = 0, set()
    for size, index in sorted(sizes):
        total += size
        if total <= limit:
            chosen.add(index)
    return chosen


def comparison_map(
    cells: Sequence[Cell], bounds: Float[np.ndarray, "2 2"], *, columns: int, side: int = 340
) -> go.Figure:
    """Draw the maps of several models in a grid.

    Args:
        cells: the models, row by row.
        bounds: [[u low, v low], [u high, v high]] of the window that they share.
        columns: cells in a row.
        side: height of a map in pixels.
    """
    rows = -(-len(cells) // columns)
    figure = make_subplots(
        rows, columns, horizontal_spacing=0.025, vertical_spacing=_TITLE / (rows * (side + _TITLE) - _TITLE)
    )
    shown = share_scale([cell.panel for cell in cells if cell.panel is not None])
    vector, panels = vector_panels(shown), iter(enumerate(shown))
    for place, cell in enumerate(cells):
        where = {"row": place // columns + 1, "col": place % columns + 1}
        if cell.panel is not None:
            index, panel = next(panels)
            _draw_panel(figure, panel, as_polygons=index in vector, **where)
        else:
            figure.add_trace(go.Scatter(x=[None], y=[None], showlegend=False), **where)  # without one it has no axes
        _annotate(figure, cell, place)
    _frame(figure, bounds, len(cells), columns)
    _lay_out(figure, shown, rows * (side + _TITLE) - _TITLE)
    return figure


def _lay_out(figure: go.Figure, shown: Sequence[Panel], inner_height: int) -> None:
    """The frame of the figure, with the colour bar or the legend above all titles, where no width can displace it."""
    key = _shared_legend(shown) if shown else []
    above = 1 + _TITLE / inner_height
    for trace in key:
        if trace.marker.showscale:
            trace.marker.colorbar.update(
                orientation="h", x=1, xanchor="right", y=above, yanchor="bottom", lenmode="fraction", len=0.4,
                thickness=10, title_side="top", xpad=0, ypad=0,
            )  # fmt: skip
    figure.add_traces(key)
    figure.update_layout(
        template=template(), height=inner_height + _TITLE + _KEY + _BOTTOM, hovermode="closest", hoverdistance=16,
        margin={"l": 56, "r": 14, "t": _TITLE + _KEY, "b": _BOTTOM},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": above, "yanchor": "bottom", "borderwidth": 0},
        newselection={"line": {"color": ACCENT, "width": 1.5, "dash": "solid"}},
        activeselection={"fillcolor": ACCENT, "opacity": 0.08},
    )  # fmt: skip


def _draw_panel(figure: go.Figure, panel: Panel, row: int, col: int, *, as_polygons: bool) -> None:
    if as_polygons and panel.polygons is not None:
        lines = edge_lines(panel.polygons, "thin", light=is_dark(panel.polygons, panel.colouring))
        for trace in (*fills(panel.polygons, panel.colouring), *lines):
            figure.add_trace(trace, row, col)
    else:
        figure.add_layout_image(placed(panel_picture(panel), panel.bounds), row=row, col=col)
    figure.add_trace(panel.hover, row, col)


def _annotate(figure: go.Figure, cell: Cell, place: int) -> None:
    """The lines above a map, and what stands in place of one."""
    number = "" if place == 0 else str(place + 1)
    link = f'   <a href="{cell.link}" target="_blank">explore</a>' if cell.link else ""
    notice = f' <span style="color:{ACCENT}">{cell.notice}</span>' if cell.notice and cell.panel else ""
    where = {"xref": f"x{number} domain", "yref": f"y{number} domain", "showarrow": False}
    figure.add_annotation(
        text=f"<b>{cell.title}</b>{link}<br>{cell.detail}{notice}", x=0, y=1, xanchor="left", yanchor="bottom",
        align="left", font={"size": 12}, yshift=2, **where,
    )  # fmt: skip
    if cell.panel is None:
        figure.add_annotation(text=cell.notice, x=0.5, y=0.5, font={"size": 12, "color": INK}, **where)


def all_categories(panels: Sequence[Panel]) -> tuple[tuple[str, str], ...]:
    """Name and colour of the categories of all panels, in the order in which they first appear."""
    return tuple(dict.fromkeys(category for panel in panels for category in panel.colouring.categories))


def _shared_legend(panels: Sequence[Panel]) -> list[go.Scatter]:
    return legend(replace(panels[0].colouring, categories=all_categories(panels)))


def _frame(figure: go.Figure, bounds: Float[np.ndarray, "2 2"], num_cells: int, columns: int) -> None:
    """One zoom and equal scales for all maps; numbers and names at the left and below the lowest of each column."""
    (u0, v0), (u1, v1) = bounds
    numbers = {"exponentformat": "power", "nticks": 5}
    figure.update_xaxes(range=[u0, u1], matches="x", constrain="domain", showticklabels=False, **numbers)
    figure.update_yaxes(
        range=[v0, v1], matches="y", scaleanchor="x", constrain="domain", constraintoward="top",
        showticklabels=False, **numbers,
    )  # fmt: skip
    figure.update_yaxes(col=1, showticklabels=True, title="v (L2 distance)")
    for place in range(max(num_cells - columns, 0), num_cells):
        lowest = {"row": place // columns + 1, "col": place % columns + 1}
        figure.update_xaxes(showticklabels=True, title="u (L2 distance)", **lowest)
