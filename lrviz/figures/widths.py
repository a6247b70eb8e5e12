"""The measures of a comparison against width, side by side, the test error first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from lrviz.figures.axis import Axis, fit_axis, width_axis
from lrviz.figures.style import FAINT, INK, template
from lrviz.measures.window import QUANTITIES
from lrviz.views.comparison import ERRORS, Member, spread_over_seeds, value_of

ERROR_COLOUR = "#d1495b"
COLOUR = "#00798c"


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
LEAST_GAP = 0.1
"""Between labels of widths, as a share of a diagram."""


def width_curves(members: Sequence[Member], *, height: int = 460) -> go.Figure:
    """Draw every measure against width, all on one scale of widths.

    A line joins the means over seeds, bars show one standard deviation, and every model is a dot; it is hollow where
    only part of the window was covered.

    Args:
        members: the models.
        height: height of the figure in pixels.
    """
    rows = -(-len(STRIPS) // COLUMNS)
    figure = make_subplots(rows, COLUMNS, shared_xaxes="all", vertical_spacing=0.2, horizontal_spacing=0.05)
    for index, strip in enumerate(STRIPS):
        place = (1 + index // COLUMNS, 1 + index % COLUMNS)
        _add_curve(figure, members, strip, place)
        _add_title(figure, f"{strip.title}<br><i>{strip.unit}</i>", index)
        axis = strip_axis(strip, members).on_screen()
        figure.update_yaxes(row=place[0], col=place[1], nticks=5, exponentformat="power", **axis)
    widths = width_axis([member.width for member in members], least_gap=LEAST_GAP)
    figure.update_xaxes(
        showticklabels=False, showgrid=True, gridcolor=FAINT, griddash="dot", gridwidth=0.5, **widths.on_screen()
    )
    figure.update_xaxes(row=rows, showticklabels=True, title="width k (log scale)")
    figure.update_layout(
        template=template(), height=height, showlegend=False, hovermode="closest", margin={"t": 38, "r": 12, "b": 46}
    )
    return figure


def strip_axis(strip: Strip, members: Sequence[Member]) -> Axis:
    """The axis of a diagram: it holds every dot, and the bars of all means."""
    spread, dots = spread_over_seeds(members, strip.measure), [value_of(member, strip.measure) for member in members]
    ends = np.concatenate([dots, spread.mean - spread.sd, spread.mean + spread.sd])
    return fit_axis(ends, logarithmic=strip.logarithmic)


def colour_of(name: str) -> str:
    """The colour of a measure, or of an error."""
    return ERROR_COLOUR if name in ERRORS else COLOUR


def _add_curve(figure: go.Figure, members: Sequence[Member], strip: Strip, place: tuple[int, int]) -> None:
    name = strip.measure
    mean, colour = spread_over_seeds(members, name), colour_of(name)
    figure.add_trace(
        go.Scatter(
            x=mean.widths, y=mean.mean, mode="lines", line={"color": colour, "width": 1.6}, name=name,
            error_y={"array": mean.sd, "color": colour, "thickness": 1, "width": 3}, hoverinfo="skip",
        ),
        *place,
    )  # fmt: skip
    dots = [member for member in members if np.isfinite(value_of(member, name))]
    figure.add_trace(
        go.Scatter(
            x=[member.width for member in dots], y=[value_of(member, name) for member in dots], mode="markers",
            marker={
                "size": 6, "line": {"width": 1.2, "color": colour},
                "color": [colour if is_known(member, name) else "white" for member in dots],
            },
            text=[member.model for member in dots], name=name,
            hovertemplate=f"<b>{strip.title} %{{y:.4~g}}</b> {strip.unit}<br>%{{text}}<extra></extra>",
        ),
        *place,
    )  # fmt: skip


def is_known(member: Member, name: str) -> bool:
    """Whether a value is that of the whole window, or needs no window."""
    return member.is_complete or name in ERRORS


def _add_title(figure: go.Figure, title: str, index: int) -> None:
    number = str(index + 1) if index else ""
    figure.add_annotation(
        text=title, xref=f"x{number} domain", yref=f"y{number} domain", x=0, y=1, xanchor="left", yanchor="bottom",
        showarrow=False, align="left", font={"size": 11.5, "color": INK},
    )  # fmt: skip
