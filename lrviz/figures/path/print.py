"""A path as a file: the figure for print or the browser, the measures of its segments, its pieces."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from lrviz.errors import InvalidRequest
from lrviz.figures.data_files import write_archive, write_table
from lrviz.figures.paper import PRINTED, Paper, as_is, print_figure, require_suffix, typeset, write_page
from lrviz.figures.path.breakpoints import print_breakpoints
from lrviz.figures.path.data import (
    PATH_TITLE,
    PathDrawing,
    drawn_lines,
    seen_anchors,
    shown_images,
    value_range,
    value_title,
)
from lrviz.figures.path.screen import path_figure
from lrviz.figures.style import FAINT
from lrviz.measures.tables import Columns, measure_segments
from lrviz.results.pieces import PathMeasures, PathPieces
from lrviz.views.view import View

PATH_SUFFIXES = (*PRINTED, ".html", ".csv", ".npz")
_COLUMNS_PER_INCH = 600
_TITLE = "f along a path"


def render_path(
    suffix: str,
    view: View,
    drawing: PathDrawing,
    *,
    measures: Mapping[str, PathMeasures],
    pieces: PathPieces,
    class_names: tuple[str, ...],
    paper: Paper | None = None,
) -> bytes:
    """The contents of a file about a path; it carries the view as JSON, as in `render`.

    Args:
        suffix: One of `PATH_SUFFIXES`; a CSV holds the measures of every segment, an npz the pieces of the first model.
        view: What is shown.
        drawing: The figure.
        measures: Those of every model, by its name.
        pieces: Those of the first model.
        class_names: Names of the outputs.
        paper: Size and resolution of a printed figure.

    Raises:
        InvalidRequest: The suffix is another one, or there is nothing to draw.
    """
    require_suffix(suffix, PATH_SUFFIXES)
    if not drawing.lines or not len(pieces):
        raise InvalidRequest("A file needs the pieces of at least one segment; got none. Wait for the first one.")
    description = view.to_json()
    if suffix == ".npz":
        return write_archive(pieces, description=description)
    if suffix == ".csv":
        return write_table(join_tables(measures, class_names), description=description)
    if suffix == ".html":
        return write_page([path_figure(drawing)], title=_TITLE, description=description)
    paper = paper or Paper(width_inches=7.0, height_inches=4.2)
    return print_figure(
        suffix, paper, lambda sheet: _draw(sheet, drawing, paper), title=_TITLE, description=description
    )


def join_tables(measures: Mapping[str, PathMeasures], class_names: tuple[str, ...]) -> Columns:
    """The measures of all segments of several models, one model after the other."""
    tables = {name: measure_segments(path, class_names) for name, path in measures.items()}
    names = np.concatenate([np.full(len(path), name) for name, path in measures.items()])
    first = next(iter(tables.values()))
    return {"model": names} | {column: np.concatenate([table[column] for table in tables.values()]) for column in first}


def _draw(figure: Figure, drawing: PathDrawing, paper: Paper) -> None:
    rug = 0.1 + 0.085 * max(len(drawing.layer_names), 3)
    heights = [0.55, max(paper.height_inches - 1.2 - rug, 0.8), rug]
    strip, plot, lanes = figure.subplots(3, 1, sharex=True, height_ratios=heights)
    _draw_images(strip, drawing)
    _draw_lines(plot, drawing, int(_COLUMNS_PER_INCH * paper.width_inches))
    print_breakpoints(lanes, drawing.lines[0], (drawing.stretch.low, drawing.stretch.high))
    lanes.set(xlim=drawing.stretch.range, xlabel=typeset(PATH_TITLE))
    lanes.ticklabel_format(axis="x", useOffset=False)


def _draw_images(axes: Axes, drawing: PathDrawing) -> None:
    axes.set_axis_off()
    axes.set_ylim(0, 1)
    for x, (_, image) in shown_images(drawing).items():
        box = AnnotationBbox(OffsetImage(image.transpose(1, 2, 0), zoom=0.9), (x, 0.5), frameon=False, pad=0)
        box.set_in_layout(False)
        axes.add_artist(box)


def _draw_lines(axes: Axes, drawing: PathDrawing, num_columns: int) -> None:
    for x in seen_anchors(drawing).values():
        axes.axvline(x, color=FAINT, linewidth=0.5, zorder=0)
    for drawn in drawn_lines(drawing, num_columns):
        if drawn.chord is not None:
            axes.plot(
                drawn.position, drawn.chord, color=drawn.chord_colour, linewidth=0.6, linestyle=(0, (4, 3)),
                label="chord" if drawn.is_first else None,
            )  # fmt: skip
            if drawn.is_shaded:
                colour = to_rgba(drawn.line.colour, 0.22)
                axes.fill_between(drawn.position, drawn.values, drawn.chord, color=colour, linewidth=0)
        axes.plot(drawn.position, drawn.values, color=drawn.line.colour, linewidth=0.9, label=as_is(drawn.line.name))
    axes.set(ylim=value_range(drawing), ylabel=value_title(drawing.stretch))
    axes.ticklabel_format(axis="y", useOffset=False)
    handles = sorted(axes.get_legend_handles_labels()[0][::-1], key=lambda handle: handle.get_label() == "chord")
    axes.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=min(len(handles), 5), frameon=False, fontsize=7
    )  # fmt: skip
