"""A printed figure of several panels: the map, and small ones in rows under it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from string import ascii_lowercase

from matplotlib.figure import Figure, SubFigure

from lrviz.errors import InvalidRequest
from lrviz.figures.paper import Paper, print_figure
from lrviz.views.view import View

_MAP_SHAPE = 4.5 / 5.5
"""Height of a map with its colour bar over its width."""

_ROW_INCHES = 2.4
"""Height of a row of small panels."""

_TITLE = "Linear regions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A part of a figure.

    Attributes:
        draw: Draws it on its part of the sheet.
        inches: The width that it needs; None for a map, which takes all of the width.
    """

    draw: Callable[[Figure | SubFigure], None]
    inches: float | None = None


def sheet_height(panels: Sequence[Panel], width_inches: float) -> float:
    """The height in inches that suits some panels on a sheet of some width."""
    return sum(_row_height(row, width_inches) for row in _rows(panels, width_inches))


def render_sheet(suffix: str, panels: Sequence[Panel], view: View, paper: Paper) -> bytes:
    """A PDF, SVG or PNG of panels with letters; it carries the view as `lrviz.figures.region_map.print.render` does.

    Args:
        suffix: One of `lrviz.figures.paper.PRINTED`.
        panels: What is on it.
        view: What is shown.
        paper: Size and resolution.

    Raises:
        InvalidRequest: There are no panels.
    """
    if not panels:
        raise InvalidRequest("A figure needs at least one panel; got none. Choose what it shows.")
    draw = panels[0].draw if len(panels) == 1 else lambda sheet: _lay_out(sheet, panels, paper.width_inches)
    return print_figure(suffix, paper, draw, title=_TITLE, description=view.to_json())


def _lay_out(sheet: Figure, panels: Sequence[Panel], width_inches: float) -> None:
    rows, letters = list(_rows(panels, width_inches)), iter(ascii_lowercase)
    heights = [_row_height(row, width_inches) for row in rows]
    parts = sheet.subfigures(len(rows), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, row in zip(parts, rows, strict=True):
        widths = [panel.inches or width_inches for panel in row]
        places = part.subfigures(1, len(row), width_ratios=widths, squeeze=False)[0]
        for place, panel in zip(places, row, strict=True):
            panel.draw(place)
            place.suptitle(f"({next(letters)})", x=0.01, ha="left", fontsize="medium", fontweight="bold")


def _row_height(row: Sequence[Panel], width_inches: float) -> float:
    return _MAP_SHAPE * width_inches if row[0].inches is None else _ROW_INCHES


def _rows(panels: Sequence[Panel], width_inches: float) -> Iterator[list[Panel]]:
    """Panels in their order, as many in a row as there is room for."""
    row: list[Panel] = []
    taken = 0.0
    for panel in panels:
        needed = panel.inches or width_inches
        if row and taken + needed > width_inches:
            yield row
            row, taken = [], 0.0
        row.append(panel)
        taken += needed
    if row:
        yield row
