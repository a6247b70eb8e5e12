"""A whole comparison as one file: the maps, and the measures against width."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from lrviz.errors import InvalidRequest
from lrviz.figures.axis import PLANE_TITLES
from lrviz.figures.comparison.data import Cell, Place, lay_out
from lrviz.figures.comparison.screen import comparison_map
from lrviz.figures.data_files import write_table
from lrviz.figures.frame import print_frame, print_image
from lrviz.figures.legend import print_bar, print_legend
from lrviz.figures.paper import PRINTED, Paper, as_is, print_figure, require_suffix, typeset, wrap, write_page
from lrviz.figures.region_map.data import paint_labels
from lrviz.figures.region_map.print import MAX_VECTOR_REGIONS, print_polygons
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
        suffix: One of `COMPARISON_SUFFIXES`; a CSV holds the table, the others maps and curves.
        view: What is compared.
        cells: The maps, row by row.
        members: The measures of the models.
        columns: Maps in a row.
        paper: Size and resolution of a figure; the width of two columns of a paper, and as high as it needs, if None.

    Raises:
        InvalidRequest: The suffix is another one, or there is nothing to draw.
    """
    require_suffix(suffix, COMPARISON_SUFFIXES)
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
        num_cells: Number of maps.
        columns: Maps in a row on screen.
        width_inches: Width of the paper.
        shape: Height of a map over its width.
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
    grid, bounds = lay_out(cells, columns, MAX_VECTOR_REGIONS), _bounds(cells)
    all_axes = figure.subplots(grid.rows, columns, squeeze=False, sharex=True, sharey=True)
    for axes in all_axes.flat[len(cells) :]:
        axes.set_visible(False)
    for place in grid.places:
        axes = all_axes[place.row, place.column]
        _draw_panel(axes, place)
        print_frame(axes, bounds, num_ticks=int(np.clip(2.5 * map_inches, 2, 5)))
        _name_map(axes, place, map_inches)
    if grid.key is not None:
        print_legend(figure, grid.key)
        print_bar(figure, list(all_axes.flat), grid.key, aspect=28 * grid.rows)


def _name_map(axes: Axes, place: Place, map_inches: float) -> None:
    """The title of a map, in lines that are no longer than the map is wide, and the names of its axes."""
    points, cell = float(np.clip(_TITLE_POINTS * map_inches / _LEAST_INCHES, 4, _TITLE_POINTS)), place.cell
    texts = [cell.title, cell.detail, f"({cell.notice})" if cell.notice else ""]
    axes.set_title(
        "\n".join(wrap(as_is(text), map_inches, points) for text in texts if text), fontsize=points, loc="left"
    )
    axes.tick_params(labelbottom=place.is_lowest, labelleft=place.column == 0)
    u_title, v_title = map(typeset, PLANE_TITLES)
    axes.set_xlabel(u_title if place.is_lowest else "", fontsize=points)
    axes.set_ylabel(v_title if place.column == 0 else "", fontsize=points)


def _draw_panel(axes: Axes, place: Place) -> None:
    panel = place.cell.panel
    if panel is None:
        return
    if place.as_polygons and panel.polygons is not None:
        print_polygons(axes, panel.polygons, panel.colouring, outlined=True)
    else:
        print_image(axes, paint_labels(panel.labels, panel.colouring.rgb, outlined=True), panel.bounds)
