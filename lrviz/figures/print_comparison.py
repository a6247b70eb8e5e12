"""A whole comparison as one file: the maps, and the measures against width."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Patch

from lrviz.errors import InvalidRequest
from lrviz.figures.comparison import Cell, Panel, all_categories, comparison_map, share_scale, vector_panels
from lrviz.figures.map import paint_labels
from lrviz.figures.paper import (
    MAX_VECTOR_REGIONS,
    PRINTED,
    U_LABEL,
    V_LABEL,
    Paper,
    add_colour_bar,
    add_legend,
    add_picture,
    add_polygons,
    frame_plane,
    print_figure,
    wrap,
    write_page,
    write_table,
)
from lrviz.figures.widths import curves_inches, has_widths, print_width_curves, width_curves
from lrviz.views.comparison import Member, compare
from lrviz.views.view import View

COMPARISON_SUFFIXES = (*PRINTED, ".html", ".csv")
_TITLE = "Linear regions and width"
_MARGIN_INCHES, _TITLE_INCHES, _LEAST_INCHES = 1.3, 0.6, 0.9
"""What a row of maps leaves to numbers and colour bar, the height of a title, and the least width of a map."""

_TITLE_POINTS = 7
"""Size of a title, smaller above small maps."""


def render_comparison(
    suffix: str,
    view: View,
    cells: Sequence[Cell],
    members: Sequence[Member],
    *,
    columns: int,
    paper: Paper | None = None,
) -> bytes:
    """The contents of a file that shows a comparison; it carries the comparison as JSON, as in `render`.

    Maps of few regions are vectors; the others are images of the panels' labels, with vector axes.

    Args:
        suffix: one of `COMPARISON_SUFFIXES`; a CSV holds the table, the others maps and curves.
        view: what is compared.
        cells: the maps, row by row.
        members: the measures of the models.
        columns: maps in a row.
        paper: size and resolution of a figure; the width of two columns of a paper, and as high as it needs, if None.

    Raises:
        InvalidRequest: the suffix is another one, or there is nothing to draw.
    """
    if suffix not in COMPARISON_SUFFIXES:
        raise InvalidRequest(f"Expected a file ending in {', '.join(COMPARISON_SUFFIXES)}; got {suffix!r}. Rename it.")
    if not members:
        raise InvalidRequest("A comparison needs at least one finished map; got none. Wait for the first one.")
    if suffix == ".csv":
        return write_table(compare(members), description=view.to_json())
    if suffix == ".html":
        alone = [replace(cell, link="") for cell in cells]
        figures = [comparison_map(alone, _bounds(cells), columns=columns)]
        figures += [width_curves(members)] if has_widths(members) else []
        return write_page(figures, title=_TITLE, description=view.to_json())
    paper = paper or fitting_paper(len(cells), columns, shape=map_shape(cells))
    return print_figure(
        suffix, paper, lambda sheet: _draw(sheet, cells, members, columns, paper),
        title=_TITLE, description=view.to_json(),
    )  # fmt: skip


def fitting_paper(num_cells: int, columns: int, width_inches: float = 7.0, *, shape: float = 1.0) -> Paper:
    """A paper that is as high as the maps and the curves need.

    Args:
        num_cells: number of maps.
        columns: maps in a row on screen.
        width_inches: width of the paper.
        shape: height of a map over its width.
    """
    columns = fitting_columns(columns, width_inches)
    row_inches = shape * (width_inches - _MARGIN_INCHES) / columns + _TITLE_INCHES
    return Paper(
        width_inches=width_inches,
        height_inches=round(-(-num_cells // columns) * row_inches + 0.4 + curves_inches(width_inches), 1),
    )


def fitting_columns(columns: int, width_inches: float) -> int:
    """How many maps go side by side on paper: all of a row, or the largest equal part of it that is wide enough."""
    parts = [n for n in range(1, columns + 1) if columns % n == 0]
    return max((n for n in parts if (width_inches - _MARGIN_INCHES) / n >= _LEAST_INCHES), default=1)


def map_shape(cells: Sequence[Cell]) -> float:
    """Height over width of the maps."""
    bounds = _bounds(cells)
    return float(np.divide(*(bounds[1] - bounds[0])[::-1]))


def _bounds(cells: Sequence[Cell]) -> np.ndarray:
    return next(cell.panel.bounds for cell in cells if cell.panel is not None)


def _draw(figure: Figure, cells: Sequence[Cell], members: Sequence[Member], columns: int, paper: Paper) -> None:
    curves = min(curves_inches(paper.width_inches), 0.6 * paper.height_inches) if has_widths(members) else 0.0
    ratios = [paper.height_inches - curves, *([curves] if curves else [])]
    parts: Any = figure.subfigures(len(ratios), 1, height_ratios=ratios, squeeze=False)[:, 0]
    columns = fitting_columns(columns, paper.width_inches)
    room = (paper.height_inches - curves) / -(-len(cells) // columns) - _TITLE_INCHES
    map_inches = min((paper.width_inches - _MARGIN_INCHES) / columns, room / map_shape(cells))
    _draw_maps(parts[0], cells, columns, max(map_inches, 0.5))
    if curves:
        print_width_curves(parts[1], members, width_inches=paper.width_inches)


def _draw_maps(figure: SubFigure, cells: Sequence[Cell], columns: int, map_inches: float) -> None:
    rows, bounds = -(-len(cells) // columns), _bounds(cells)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    shown = share_scale([cell.panel for cell in cells if cell.panel is not None])
    vector, panels = vector_panels(shown, MAX_VECTOR_REGIONS), iter(enumerate(shown))
    for place, (axes, cell) in enumerate(zip(grid.flat, cells, strict=False)):
        if cell.panel is not None:
            index, panel = next(panels)
            _draw_panel(axes, panel, as_polygons=index in vector)
        frame_plane(axes, bounds, num_ticks=int(np.clip(2.5 * map_inches, 2, 5)))
        _name_map(axes, cell, map_inches, is_lowest=place + columns >= len(cells), is_left=place % columns == 0)
    for axes in grid.flat[len(cells) :]:
        axes.set_visible(False)
    add_colour_bar(figure, list(grid.flat), shown[0].colouring, aspect=28 * rows)
    add_legend(figure, [Patch(facecolor=colour, label=name) for name, colour in all_categories(shown)])


def _name_map(axes: Axes, cell: Cell, map_inches: float, *, is_lowest: bool, is_left: bool) -> None:
    """The title of a map, in lines that are no longer than the map is wide, and the names of its axes."""
    points = float(np.clip(_TITLE_POINTS * map_inches / _LEAST_INCHES, 4, _TITLE_POINTS))
    texts = [cell.title, cell.detail, f"({cell.notice})" if cell.notice else ""]
    axes.set_title("\n".join(wrap(text, map_inches, points) for text in texts if text), fontsize=points, loc="left")
    axes.tick_params(labelbottom=is_lowest, labelleft=is_left)
    axes.set_xlabel(U_LABEL if is_lowest else "", fontsize=points)
    axes.set_ylabel(V_LABEL if is_left else "", fontsize=points)
    axes.set_anchor("N")


def _draw_panel(axes: Axes, panel: Panel, *, as_polygons: bool) -> None:
    if as_polygons and panel.polygons is not None:
        add_polygons(axes, panel.polygons, panel.colouring, outlined=True)
    else:
        add_picture(axes, paint_labels(panel.labels, panel.colouring.rgb, outlined=True), panel.bounds)
