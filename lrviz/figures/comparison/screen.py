"""A comparison as a Plotly figure: one scale, one colour bar, one zoom."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, UInt8
from plotly.subplots import make_subplots

from lrviz.figures.axis import PLANE_TITLES
from lrviz.figures.comparison.data import Cell, Grid, Panel, Place, lay_out
from lrviz.figures.frame import SELECTION, placed, spread_ticks
from lrviz.figures.legend import legend
from lrviz.figures.rasterise import shrink
from lrviz.figures.region_map.data import paint_labels
from lrviz.figures.region_map.screen import edge_lines, fills, hover_points
from lrviz.figures.style import ACCENT, INK, literal, template

MAX_POLYGONS = 3000
"""Polygons that all panels of a figure may hold together."""

_TITLE, _KEY, _BOTTOM = 46, 52, 48
"""Pixels of the two lines above a map, of the colour bar or legend above all, and of the axis below."""

_LEFT, _RIGHT, _BETWEEN = 56, 14, 0.025
"""Pixels beside the maps, and the share of the width that lies between two of them."""

_BAR = 280
"""Pixels that a colour bar needs for its title."""


def comparison_map(
    cells: Sequence[Cell], bounds: Float[np.ndarray, "2 2"], *, columns: int, side: int = 340
) -> go.Figure:
    """Draw the maps of several models in a grid.

    Args:
        cells: The models, row by row.
        bounds: [[u low, v low], [u high, v high]] of the window that they share.
        columns: Cells in a row.
        side: Height of a map in pixels.
    """
    grid = lay_out(cells, columns, MAX_POLYGONS)
    inner_height = grid.rows * (side + _TITLE) - _TITLE
    figure = make_subplots(grid.rows, columns, horizontal_spacing=_BETWEEN, vertical_spacing=_TITLE / inner_height)
    for number, place in enumerate(grid.places):
        _draw_panel(figure, place)
        _annotate(figure, place.cell, number)
    _frame(figure, bounds, grid)
    _add_key(figure, grid, inner_height, width=columns * side * float(np.divide(*np.ptp(bounds, axis=0))))
    return figure


def map_width(width: int, columns: int) -> int:
    """Pixels that each map of a row has in a figure of some width."""
    return int((width - _LEFT - _RIGHT) * (1 - _BETWEEN * (columns - 1)) / columns)


def panel_picture(panel: Panel) -> UInt8[np.ndarray, "height width 4"]:
    """A panel as an RGBA image, the lowest v first."""
    return shrink(paint_labels(panel.labels, panel.colouring.rgb, outlined=True), 2)


def _add_key(figure: go.Figure, grid: Grid, inner_height: int, *, width: float) -> None:
    """The colour bar or the legend above all titles, where no width can displace it."""
    key = legend(grid.key) if grid.key else []
    above = 1 + _TITLE / inner_height
    for trace in key:
        if trace.marker.showscale:
            trace.marker.colorbar.update(
                orientation="h", x=1, xanchor="right", y=above, yanchor="bottom", lenmode="fraction",
                len=min(1, max(0.4, _BAR / width)), thickness=10, title_side="top", xpad=0,
                ypad=0,
            )  # fmt: skip
    figure.add_traces(key)
    figure.update_layout(
        template=template(), height=inner_height + _TITLE + _KEY + _BOTTOM, hovermode="closest", hoverdistance=16,
        margin={"l": _LEFT, "r": _RIGHT, "t": _TITLE + _KEY, "b": _BOTTOM},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": above, "yanchor": "bottom", "borderwidth": 0},
        **SELECTION,
    )  # fmt: skip


def _draw_panel(figure: go.Figure, place: Place) -> None:
    panel, where = place.cell.panel, {"row": place.row + 1, "col": place.column + 1}
    if panel is None:
        figure.add_trace(go.Scatter(x=[None], y=[None], showlegend=False), **where)  # without one it has no axes
        return
    if place.as_polygons and panel.polygons is not None:
        for trace in (*fills(panel.polygons, panel.colouring), *edge_lines(panel.polygons, panel.colouring, "thin")):
            figure.add_trace(trace, **where)
    else:
        figure.add_layout_image(placed(panel_picture(panel), panel.bounds), **where)
    figure.add_trace(hover_points(panel.hover), **where)


def _annotate(figure: go.Figure, cell: Cell, place: int) -> None:
    """The lines above a map, and what stands in place of one."""
    number = "" if place == 0 else str(place + 1)
    link = f'   <a href="{cell.link}" target="_blank">explore</a>' if cell.link else ""
    title, detail, told = map(literal, (cell.title, cell.detail, cell.notice or ""))
    notice = f' <span style="color:{ACCENT}">{told}</span>' if told and cell.panel else ""
    where = {"xref": f"x{number} domain", "yref": f"y{number} domain", "showarrow": False}
    figure.add_annotation(
        text=f"<b>{title}</b>{link}<br>{detail}{notice}", x=0, y=1, xanchor="left", yanchor="bottom",
        align="left", font={"size": 12}, yshift=2, **where,
    )  # fmt: skip
    if cell.panel is None:
        figure.add_annotation(text=told, x=0.5, y=0.5, font={"size": 12, "color": INK}, **where)


def _frame(figure: go.Figure, bounds: Float[np.ndarray, "2 2"], grid: Grid) -> None:
    """One zoom and equal scales for all maps; numbers and names at the left and below the lowest of each column."""
    u_range, v_range = bounds.T
    same = {"constrain": "domain", "showticklabels": False, "exponentformat": "power"}
    u_ticks, v_ticks = spread_ticks(bounds, 5)
    figure.update_xaxes(range=u_range, matches="x", nticks=u_ticks, **same)
    figure.update_yaxes(range=v_range, matches="y", scaleanchor="x", constraintoward="top", nticks=v_ticks, **same)
    figure.update_yaxes(col=1, showticklabels=True, title=PLANE_TITLES[1])
    for place in grid.places:
        if place.is_lowest:
            figure.update_xaxes(row=place.row + 1, col=place.column + 1, showticklabels=True, title=PLANE_TITLES[0])
