"""A whole comparison as one file: the maps, and the measures against width."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Patch

from lrviz.errors import InvalidRequest
from lrviz.figures.axis import width_axis
from lrviz.figures.comparison import Cell, Panel, all_categories, comparison_map, share_scale, vector_panels
from lrviz.figures.map import paint_labels
from lrviz.figures.paper import (
    MAX_VECTOR_REGIONS,
    PRINTED,
    Paper,
    add_colour_bar,
    add_picture,
    add_polygons,
    fit_axes,
    frame_plane,
    print_figure,
    write_page,
    write_table,
)
from lrviz.figures.widths import COLUMNS, STRIPS, colour_of, is_known, strip_axis, width_curves
from lrviz.views.comparison import CompareSpec, Member, compare, spread_over_seeds, value_of

COMPARISON_SUFFIXES = (*PRINTED, ".html", ".csv")
_TITLE = "Linear regions and width"
_CURVES_INCHES = 2.9


def render_comparison(
    suffix: str,
    spec: CompareSpec,
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
        spec: what is compared.
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
        return write_table(compare(members), description=spec.to_json())
    if suffix == ".html":
        alone = [replace(cell, link="") for cell in cells]
        bounds = next(cell.panel.bounds for cell in cells if cell.panel is not None)
        figures = [comparison_map(alone, bounds, columns=columns), width_curves(members)]
        return write_page(figures, title=_TITLE, description=spec.to_json())
    paper = paper or fitting_paper(len(cells), columns)
    return print_figure(
        suffix, paper, lambda sheet: _draw(sheet, cells, members, columns, paper),
        title=_TITLE, description=spec.to_json(),
    )  # fmt: skip


def fitting_paper(num_cells: int, columns: int, width_inches: float = 7.0) -> Paper:
    """A paper that is as high as square maps and the curves need."""
    map_inches = (width_inches - 1.2) / columns
    height = -(-num_cells // columns) * (map_inches + 0.45) + 0.3 + _CURVES_INCHES
    return Paper(width_inches=width_inches, height_inches=round(height, 1))


def _draw(figure: Figure, cells: Sequence[Cell], members: Sequence[Member], columns: int, paper: Paper) -> None:
    curves = min(_CURVES_INCHES, paper.height_inches / 2)
    parts: Any = figure.subfigures(2, 1, height_ratios=[paper.height_inches - curves, curves])
    _draw_maps(parts[0], cells, columns)
    _draw_curves(parts[1], members)


def _draw_maps(figure: SubFigure, cells: Sequence[Cell], columns: int) -> None:
    rows = -(-len(cells) // columns)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    shown = share_scale([cell.panel for cell in cells if cell.panel is not None])
    vector, panels = vector_panels(shown, MAX_VECTOR_REGIONS), iter(enumerate(shown))
    for axes, cell in zip(grid.flat, cells, strict=False):
        if cell.panel is not None:
            index, panel = next(panels)
            _draw_panel(axes, panel, as_polygons=index in vector)
        notice = f" ({cell.notice})" if cell.notice else ""
        axes.set_title(f"{cell.title}\n{cell.detail}{notice}", fontsize=7, loc="left")
    for axes in grid.flat:
        axes.label_outer()
    for axes in grid.flat[len(cells) :]:
        axes.set_visible(False)
    add_colour_bar(figure, list(grid.flat), shown[0].colouring, aspect=28 * rows)
    handles = [Patch(facecolor=colour, label=name) for name, colour in all_categories(shown)]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=6, frameon=False)


def _draw_panel(axes: Axes, panel: Panel, *, as_polygons: bool) -> None:
    if as_polygons and panel.polygons is not None:
        add_polygons(axes, panel.polygons, panel.colouring, outlined=True)
    else:
        add_picture(axes, paint_labels(panel.labels, panel.colouring.rgb, outlined=True), panel.bounds)
    frame_plane(axes, panel.bounds)


def _draw_curves(figure: SubFigure, members: Sequence[Member]) -> None:
    grid = figure.subplots(-(-len(STRIPS) // COLUMNS), COLUMNS, sharex=True)
    widths = width_axis([member.width for member in members])
    for axes, strip in zip(grid.flat, STRIPS, strict=True):
        _add_curve(axes, members, strip.measure)
        axes.set_title(f"{strip.title}\n({strip.unit})", fontsize=6.5, loc="left")
        fit_axes(axes, widths, strip_axis(strip, members))
    for axes in grid[-1]:
        axes.set_xlabel("width $k$")


def _add_curve(axes: Axes, members: Sequence[Member], name: str) -> None:
    mean, colour = spread_over_seeds(members, name), colour_of(name)
    axes.errorbar(
        mean.widths, mean.mean, yerr=np.nan_to_num(mean.sd), color=colour, linewidth=1, capsize=2, elinewidth=0.7,
    )  # fmt: skip
    values = np.array([value_of(member, name) for member in members])
    faces = [colour if is_known(member, name) else "white" for member in members]
    axes.scatter([member.width for member in members], values, s=9, c=faces, edgecolors=colour, linewidths=0.7)
