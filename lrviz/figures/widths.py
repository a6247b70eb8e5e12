"""The measures of a comparison against width, side by side, the test error first."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from matplotlib.figure import Figure, SubFigure

from lrviz.figures.axis import Axis, fit_axis, width_axis
from lrviz.figures.curves import Diagram, Dot, curves_height, draw_curves, print_curves
from lrviz.figures.style import ACCENT, MODEL_COLOURS
from lrviz.measures.definitions import ERROR_QUANTITIES, SUMMARY_QUANTITIES, Quantity
from lrviz.views.comparison import ERRORS, Member, spread_over_seeds, value_of

STRIPS = {
    name: {**ERROR_QUANTITIES, **SUMMARY_QUANTITIES}[name]
    for name in (
        "test_error", "train_error", "num_regions", "density", "deviation_per_area", "mean_slope", "mean_jump",
        "mean_similarity",
    )
}  # fmt: skip
"""What is drawn against width, row by row."""

_LOGARITHMIC = ("num_regions", "density")

COLUMNS = 4
_COLUMN_PIXELS, _ROW_PIXELS = 250, 150
"""Least width of a diagram on screen with the numbers beside it, and its height."""

_LEAST_GAP = 0.1
"""Between labels of widths, as a share of a diagram."""

_ROW_INCHES = 1.45
"""Height of a diagram on paper, which its width does not fall below where there are several columns."""


def has_widths(members: Sequence[Member]) -> bool:
    """Whether all of some models are of a family that has widths."""
    return all(member.width > 0 for member in members)


def width_curves(members: Sequence[Member], *, width: int = 1100) -> go.Figure:
    """Draw every measure against width.

    A line joins the means over seeds, bars show one standard deviation, and every model is a dot; it is hollow where
    only part of the window was covered.

    Args:
        members: The models.
        width: Width of the figure in pixels; on a narrow one, fewer diagrams stand side by side.
    """
    diagrams = [_diagram(members, *strip) for strip in STRIPS.items()]
    columns = next((n for n in (COLUMNS, COLUMNS // 2) if width >= n * _COLUMN_PIXELS), 1)
    height = curves_height(len(diagrams) // columns, columns, _ROW_PIXELS)
    return draw_curves(diagrams, _axis(members), "width k", height=height, columns=columns)


def print_width_curves(figure: Figure | SubFigure, members: Sequence[Member], *, width_inches: float) -> None:
    """Draw the same on a sheet of some width."""
    diagrams, columns = [_diagram(members, *strip) for strip in STRIPS.items()], _paper_columns(width_inches)
    print_curves(figure, diagrams, _axis(members), "width k", width_inches=width_inches, columns=columns)


def curves_inches(width_inches: float) -> float:
    """How high they are on a paper of some width."""
    return _ROW_INCHES * -(-len(STRIPS) // _paper_columns(width_inches))


def _paper_columns(width_inches: float) -> int:
    """As many diagrams side by side as on screen, or half of them on a narrow paper."""
    return COLUMNS if width_inches >= COLUMNS * _ROW_INCHES else COLUMNS // 2


def _axis(members: Sequence[Member]) -> Axis:
    return width_axis([member.width for member in members], least_gap=_LEAST_GAP)


def _diagram(members: Sequence[Member], name: str, quantity: Quantity) -> Diagram:
    """One measure; its axis holds every dot, and the bars of all means."""
    spread = spread_over_seeds(members, name)
    dots = [
        Dot(
            x=member.width, y=value_of(member, name), text=member.model,
            is_hollow=not (member.is_complete or name in ERRORS),
        )
        for member in members
        if np.isfinite(value_of(member, name))
    ]  # fmt: skip
    ends = np.concatenate([[dot.y for dot in dots], spread.mean - spread.sd, spread.mean + spread.sd])
    bars = np.nan_to_num(spread.sd)
    return Diagram(
        name=name, title=quantity.label, unit=quantity.unit, colour=ACCENT if name in ERRORS else MODEL_COLOURS[0],
        axis=fit_axis(ends, logarithmic=name in _LOGARITHMIC), x=spread.widths, mean=spread.mean, below=bars,
        above=bars, dots=dots,
    )  # fmt: skip
