"""The measures of a comparison against width, under each other, the test error on top."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from lrviz.comparison import Member, spread_over_seeds, value_of
from lrviz.figures.style import FAINT, INK, template

_ERROR_COLOUR = "#d1495b"
_COLOUR = "#00798c"

STRIPS: tuple[tuple[str, str, bool], ...] = (
    ("test_error", "test error (train error dotted)", False),
    ("density", "regions per squared unit of L2 distance, log scale", True),
    ("mean_slope", "mean slope, all logits (logit per unit of L2 distance)", False),
    ("mean_jump", "mean jump between neighbours (logit per unit of L2 distance)", False),
    ("mean_similarity", "similarity of neighbours (cosine)", False),
    ("deviation_per_area", "mean absolute deviation (logit)", False),
)
"""Measure, title with unit, and whether its axis is logarithmic, from the top."""


def width_curves(members: Sequence[Member], *, height: int = 780) -> go.Figure:
    """Draw every measure against width on one shared axis.

    A line joins the means over seeds, bars show one standard deviation, and every model is a dot; it is hollow where
    only part of the window was covered.

    Args:
        members: the models.
        height: height of the figure in pixels.
    """
    figure = make_subplots(len(STRIPS), 1, shared_xaxes=True, vertical_spacing=0.045)
    for row, (name, title, logarithmic) in enumerate(STRIPS, 1):
        if name == "test_error":
            _add_curve(figure, members, "train_error", row, colour=_ERROR_COLOUR, dash="dot")
        _add_curve(figure, members, name, row, colour=_ERROR_COLOUR if name == "test_error" else _COLOUR)
        _add_title(figure, title, row)
        figure.update_yaxes(row=row, type="log" if logarithmic else "linear", nticks=4, exponentformat="power")
    widths = sorted({member.width for member in members})
    figure.update_xaxes(
        type="log", tickvals=widths, ticktext=[str(k) for k in widths], range=_log_range(widths), showticklabels=False
    )
    figure.update_xaxes(row=len(STRIPS), showticklabels=True, title="width k (log scale)")
    figure.update_layout(
        template=template(), height=height, showlegend=False, hovermode="closest", margin={"t": 22, "r": 12, "b": 46}
    )
    return figure


def _add_curve(
    figure: go.Figure, members: Sequence[Member], name: str, row: int, *, colour: str, dash: str = "solid"
) -> None:
    mean = spread_over_seeds(members, name)
    figure.add_trace(
        go.Scatter(
            x=mean.widths, y=mean.mean, mode="lines", line={"color": colour, "width": 1.6, "dash": dash}, name=name,
            error_y={"array": mean.sd, "color": colour, "thickness": 1, "width": 3}, hoverinfo="skip",
        ),
        row, 1,
    )  # fmt: skip
    dots = [member for member in members if np.isfinite(value_of(member, name))]
    figure.add_trace(
        go.Scatter(
            x=[member.width for member in dots], y=[value_of(member, name) for member in dots], mode="markers",
            marker={
                "size": 6, "line": {"width": 1.2, "color": colour},
                "color": [colour if member.is_complete else "white" for member in dots],
            },
            text=[member.model for member in dots], hovertemplate="%{text}<br>%{y:.4~g}<extra></extra>", name=name,
        ),
        row, 1,
    )  # fmt: skip


def _add_title(figure: go.Figure, title: str, row: int) -> None:
    number = "" if row == 1 else str(row)
    figure.add_annotation(
        text=title, xref="x domain", yref=f"y{number} domain", x=0, y=1, xanchor="left", yanchor="bottom",
        showarrow=False, font={"size": 11.5, "color": INK},
    )  # fmt: skip
    figure.update_xaxes(row=row, showgrid=True, gridcolor=FAINT, griddash="dot", gridwidth=0.5)


def _log_range(widths: Sequence[int]) -> list[float]:
    low, high = np.log10(widths[0]), np.log10(widths[-1])
    room = max(0.06 * (high - low), 0.05)
    return [float(low - room), float(high + room)]
