"""The measures of a comparison against width, side by side, the test error first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from matplotlib.figure import Figure, SubFigure

from lrviz.figures.axis import Axis, fit_axis, width_axis
from lrviz.figures.curves import Diagram, Dot, draw_curves, print_curves
from lrviz.figures.style import ACCENT, MODEL_COLOURS
from lrviz.measures.window import QUANTITIES
from lrviz.views.comparison import ERRORS, Member, spread_over_seeds, value_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One diagram of the grid.

    Attributes:
        measure: a measure or an error of `lrviz.views.comparison`.
        title: what it is called.
        unit: its unit.
        logarithmic: whether its axis is.
    """

    measure: str
    title: str
    unit: str
    logarithmic: bool = False


_SLOPE_UNIT = QUANTITIES["slope"].unit

STRIPS = (
    Strip(measure="test_error", title="test error", unit="share of the test images"),
    Strip(measure="train_error", title="train error", unit="share of the training images"),
    Strip(measure="num_regions", title="regions", unit="in the window", logarithmic=True),
    Strip(measure="density", title="density", unit="regions per unit area", logarithmic=True),
    Strip(measure="deviation_per_area", title="mean absolute deviation", unit="logit"),
    Strip(measure="mean_slope", title="mean slope", unit=_SLOPE_UNIT),
    Strip(measure="mean_jump", title="mean jump", unit=_SLOPE_UNIT),
    Strip(measure="mean_similarity", title="similarity of neighbours", unit="cosine"),
)
"""What is drawn against width, row by row."""

COLUMNS = 4
_LEAST_GAP = 0.1
"""Between labels of widths, as a share of a diagram."""

_ROW_INCHES = 1.45
"""Height of a diagram on paper, which its width does not fall below where there are several columns."""


def has_widths(members: Sequence[Member]) -> bool:
    """Whether all of some models are of a family that has widths."""
    return all(member.width > 0 for member in members)


def width_curves(members: Sequence[Member], *, height: int = 460) -> go.Figure:
    """Draw every measure against width.

    A line joins the means over seeds, bars show one standard deviation, and every model is a dot; it is hollow where
    only part of the window was covered.

    Args:
        members: the models.
        height: height of the figure in pixels.
    """
    diagrams = [_diagram(members, strip) for strip in STRIPS]
    return draw_curves(diagrams, _axis(members), "width k", height=height, columns=COLUMNS)


def print_width_curves(figure: Figure | SubFigure, members: Sequence[Member], *, width_inches: float) -> None:
    """Draw the same on a sheet of some width."""
    diagrams, columns = [_diagram(members, strip) for strip in STRIPS], _paper_columns(width_inches)
    print_curves(figure, diagrams, _axis(members), "width k", width_inches=width_inches, columns=columns)


def curves_inches(width_inches: float) -> float:
    """How high they are on a paper of some width."""
    return _ROW_INCHES * -(-len(STRIPS) // _paper_columns(width_inches))


def _paper_columns(width_inches: float) -> int:
    """As many diagrams side by side as on screen, or half of them on a narrow paper."""
    return COLUMNS if width_inches >= COLUMNS * _ROW_INCHES else COLUMNS // 2


def _axis(members: Sequence[Member]) -> Axis:
    return width_axis([member.width for member in members], least_gap=_LEAST_GAP)


def _diagram(members: Sequence[Member], strip: Strip) -> Diagram:
    """One measure; its axis holds every dot, and the bars of all means."""
    name = strip.measure
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
        name=name, title=strip.title, unit=strip.unit, colour=ACCENT if name in ERRORS else MODEL_COLOURS[0],
        axis=fit_axis(ends, logarithmic=strip.logarithmic), x=spread.widths, mean=spread.mean, below=bars, above=bars,
        dots=dots,
    )  # fmt: skip
