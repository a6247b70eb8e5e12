"""Diagrams of means against one parameter, on one scale of it: the same on screen and in print."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from plotly.subplots import make_subplots

from lrviz.figures.axis import Axis
from lrviz.figures.legend import print_entries
from lrviz.figures.paper import fit_axes, typeset, wrap
from lrviz.figures.style import ACCENT, FAINT, INK, literal, template

_TITLE_POINTS = 6.5
_ABOVE, _ABOVE_LOW, _BELOW = 52, 40, 46
"""Pixels above the diagrams, with marks and without, and below."""

_GAP, _GAP_GRID = 35, 75
"""Pixels between diagrams under each other that are as wide as the figure, and in a grid, with two lines of heading."""

_PRINTED_DASHES = {"dash": "dashed", "dot": "dotted"}

_NUM_TICKS, _NUM_TICKS_LOW = 5, 3
"""Most ticks of a diagram, and of one that is lower than the others."""

_MOST_STEPS, _STEP_INCHES = 4, 0.22
"""Steps from tick to tick of a printed diagram, and what each takes at least."""

_HEADING_INCHES, _BELOW_INCHES = 0.25, 0.6
"""What a printed figure leaves above every diagram, and below all."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dot:
    """One value among those that a mean is of.

    Attributes:
        x: Value of the parameter.
        y: What was measured.
        text: What the pointer reads.
        is_hollow: Whether it says less than the others, as where a part only was measured.
    """

    x: float
    y: float
    text: str = ""
    is_hollow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Diagram:
    """One quantity against the parameter.

    Attributes:
        name: What its curve is called.
        title: What stands above it.
        unit: Its unit.
        colour: Colour of the curve.
        axis: Its axis.
        x: (N,) values of the parameter, in ascending order.
        mean: (N,) the means.
        below: (N,) how far the bar of each mean reaches down; 0 where there is none.
        above: (N,) how far it reaches up.
        texts: What the pointer reads at each mean; none if empty.
        dots: The values themselves; where there are none, the bars are an area as well.
        height: How high it is, relative to the others.
        from_zero: Whether its axis, zoomed out, begins at zero.
    """

    name: str
    title: str
    unit: str
    colour: str
    axis: Axis
    x: np.ndarray
    mean: Float[np.ndarray, " n"]
    below: Float[np.ndarray, " n"]
    above: Float[np.ndarray, " n"]
    texts: Sequence[str] = ()
    dots: Sequence[Dot] = field(default_factory=tuple)
    height: float = 1.0
    from_zero: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A value of the parameter that the diagrams point out.

    Attributes:
        x: The value.
        text: What is there, said above the first diagram.
        colour: Of line and text.
        dash: How the line is drawn, as Plotly calls it.
    """

    x: float
    text: str
    colour: str = ACCENT
    dash: str = "dash"


def draw_curves(
    diagrams: Sequence[Diagram],
    x_axis: Axis,
    x_title: str,
    *,
    height: int,
    columns: int = 1,
    marks: Sequence[Mark] = (),
    chosen: float | None = None,
) -> go.Figure:
    """Draw diagrams in a grid on one scale of the parameter.

    Args:
        diagrams: Row by row.
        x_axis: The axis of the parameter.
        x_title: Its name.
        height: Height of the figure in pixels.
        columns: Diagrams in a row.
        marks: Values to point out.
        chosen: A value to highlight.
    """
    rows = -(-len(diagrams) // columns)
    above = _ABOVE if marks else _ABOVE_LOW
    gap = (_GAP if columns == 1 else _GAP_GRID) / (height - above - _BELOW)
    figure = make_subplots(
        rows, columns, shared_xaxes="all", vertical_spacing=gap, horizontal_spacing=0.2 / columns,
        row_heights=[diagram.height for diagram in diagrams[::columns]],
    )  # fmt: skip
    for index, diagram in enumerate(diagrams):
        place = (1 + index // columns, 1 + index % columns)
        _add_curve(figure, diagram, place)
        _add_title(figure, _heading(diagram, columns, "<br><i>", "</i>"), index)
        ticks = _NUM_TICKS if diagram.height >= 1 else _NUM_TICKS_LOW
        figure.update_yaxes(
            row=place[0],
            col=place[1],
            nticks=ticks,
            exponentformat="power",
            **diagram.axis.on_screen(),
            rangemode="tozero" if diagram.from_zero else "normal",
        )
    _add_marks(figure, x_axis, marks, chosen)
    figure.update_xaxes(
        showticklabels=False, showgrid=True, gridcolor=FAINT, griddash="dot", gridwidth=0.5, **x_axis.on_screen()
    )
    scale = " (log scale)" if x_axis.logarithmic else ""
    figure.update_xaxes(row=rows, showticklabels=True, tickangle=0, title=x_title + scale)
    margin = {"t": above, "r": 14, "b": _BELOW} | ({"l": 64} if columns == 1 else {})
    return figure.update_layout(
        template=template(), height=height, showlegend=False, hovermode="closest", margin=margin
    )


def curves_height(rows: int, columns: int, pixels: int) -> int:
    """Pixels of a figure of so many rows of diagrams that are each so high."""
    return rows * pixels + (rows - 1) * (_GAP if columns == 1 else _GAP_GRID) + _ABOVE_LOW + _BELOW


def print_curves(
    figure: Figure | SubFigure,
    diagrams: Sequence[Diagram],
    x_axis: Axis,
    x_title: str,
    *,
    width_inches: float,
    columns: int = 1,
    marks: Sequence[Mark] = (),
) -> None:
    """Draw the same on a sheet; arguments as in `draw_curves`."""
    rows = -(-len(diagrams) // columns)
    heights = [diagram.height for diagram in diagrams[::columns]]
    inches = (figure.bbox.height / figure.dpi - _HEADING_INCHES * rows - _BELOW_INCHES) / sum(heights)
    grid = figure.subplots(rows, columns, sharex=True, height_ratios=heights, squeeze=False)
    styles: list[dict[str, Any]] = [
        {"color": "0.6", "linewidth": 0.6, "linestyle": _PRINTED_DASHES[mark.dash]} for mark in marks
    ]
    for axes, diagram in zip(grid.flat, diagrams, strict=False):
        _print_curve(axes, diagram)
        for mark, style in zip(marks, styles, strict=True):
            axes.axvline(mark.x, zorder=0, **style)
        lines = _heading(diagram, columns, "\n(", ")").split("\n")
        room = 0.95 * width_inches / columns
        axes.set_title("\n".join(wrap(line, room, _TITLE_POINTS) for line in lines), fontsize=_TITLE_POINTS, loc="left")
        steps = int(np.clip(inches * diagram.height / _STEP_INCHES, 1, _MOST_STEPS))
        fit_axes(axes, x_axis, diagram.axis, num_steps=steps)
    for axes in grid.flat[len(diagrams) :]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel(typeset(x_title))
    print_entries(figure, [Line2D([], [], label=mark.text, **style) for mark, style in zip(marks, styles, strict=True)])


def _heading(diagram: Diagram, columns: int, before: str, after: str) -> str:
    """Title and unit, on one line where diagrams are as wide as the figure."""
    return f"{diagram.title} ({diagram.unit})" if columns == 1 else f"{diagram.title}{before}{diagram.unit}{after}"


def _add_curve(figure: go.Figure, diagram: Diagram, place: tuple[int, int]) -> None:
    low, high, colour = diagram.mean - diagram.below, diagram.mean + diagram.above, diagram.colour
    if not diagram.dots:
        band = go.Scatter(
            x=np.concatenate([diagram.x, diagram.x[::-1]]), y=np.concatenate([low, high[::-1]]), mode="lines",
            fill="toself", fillcolor=colour, opacity=0.15, line={"width": 0}, hoverinfo="skip",
            name=f"{diagram.name}, interval",
        )  # fmt: skip
        figure.add_trace(band, *place)
    reading = {"text": diagram.texts, "hovertemplate": "%{text}<extra></extra>"}
    curve = go.Scatter(
        x=diagram.x, y=diagram.mean, mode="lines" if diagram.dots else "lines+markers", name=diagram.name,
        line={"color": colour, "width": 1.8}, marker={"size": 8}, customdata=diagram.x,
        error_y={
            "array": diagram.above, "arrayminus": diagram.below, "symmetric": False, "color": colour, "thickness": 1,
            "width": 3,
        },
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
        **(reading if diagram.texts else {"hoverinfo": "skip"}),
    )  # fmt: skip
    figure.add_trace(curve, *place)
    if diagram.dots:
        dots = go.Scatter(
            x=[dot.x for dot in diagram.dots], y=[dot.y for dot in diagram.dots], mode="markers", name=diagram.name,
            marker={
                "size": 6, "line": {"width": 1.2, "color": colour},
                "color": ["white" if dot.is_hollow else colour for dot in diagram.dots],
            },
            text=[literal(dot.text) for dot in diagram.dots],
            hovertemplate=f"<b>{diagram.title} %{{y:.4~g}}</b> {diagram.unit}<br>%{{text}}<extra></extra>",
        )  # fmt: skip
        figure.add_trace(dots, *place)


def _print_curve(axes: Axes, diagram: Diagram) -> None:
    colour = diagram.colour
    if not diagram.dots:
        low, high = diagram.mean - diagram.below, diagram.mean + diagram.above
        axes.fill_between(diagram.x, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.errorbar(
        diagram.x, diagram.mean, yerr=np.stack([diagram.below, diagram.above]), color=colour, linewidth=1, capsize=2,
        elinewidth=0.7, marker=None if diagram.dots else "o", markersize=2.5,
    )  # fmt: skip
    if diagram.dots:
        faces = ["white" if dot.is_hollow else colour for dot in diagram.dots]
        x, y = [dot.x for dot in diagram.dots], [dot.y for dot in diagram.dots]
        axes.scatter(x, y, s=9, c=faces, edgecolors=colour, linewidths=0.7)


def _add_title(figure: go.Figure, title: str, index: int) -> None:
    number = str(index + 1) if index else ""
    figure.add_annotation(
        text=title, xref=f"x{number} domain", yref=f"y{number} domain", x=0, y=1, xanchor="left", yanchor="bottom",
        showarrow=False, align="left", font={"size": 12, "color": INK},
    )  # fmt: skip


def _share(x: float, axis: Axis) -> float:
    """How far along an axis a value lies."""
    low, x, high = np.log10([axis.low, x, axis.high]) if axis.logarithmic else (axis.low, x, axis.high)
    return float((x - low) / (high - low))


def _add_marks(figure: go.Figure, x_axis: Axis, marks: Sequence[Mark], chosen: float | None) -> None:
    """Lines, with labels that stand away from each other, or else away from the nearer end of the axis."""
    least = min((mark.x for mark in marks), default=0)
    for mark in marks:
        figure.add_vline(x=mark.x, line={"color": mark.colour, "width": 1, "dash": mark.dash})
        is_left = mark.x == least if len(marks) > 1 else _share(mark.x, x_axis) > 0.5
        anchor = "right" if is_left else "left"
        figure.add_annotation(
            text=f" {mark.text} ".replace(", ", ",<br> "), align=anchor, xref="x", yref="y domain",
            x=np.log10(mark.x) if x_axis.logarithmic else mark.x, y=1.02, xanchor=anchor, yanchor="bottom",
            showarrow=False, font={"size": 11, "color": mark.colour}, yshift=14,
        )  # fmt: skip
    if chosen is not None:
        figure.add_vline(x=chosen, line={"color": FAINT, "width": 9}, layer="below")
