"""Where the class changes, over a map, on screen and in print: the exact boundary in bold, sampled outlines thin."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from lrviz.figures.frame import straight_lines
from lrviz.figures.style import INK
from lrviz.measures.boundary import Boundary
from lrviz.measures.definitions import WINDOW_TERMS
from lrviz.results.status import Status

_COLOURS = ("white", INK)
"""Lines are dark over a light rim, so that they show on every colour."""

_NAME = WINDOW_TERMS["boundary"].label
_PIXELS, _POINTS = (5.0, 2.6), (2.0, 1.0)
_THIN_PIXELS, _THIN_POINTS = (2.2, 0.9), (0.9, 0.4)


def boundary_lines(boundary: Boundary) -> list[go.Scatter]:
    """Traces of the boundary, the light rim first; where there is none, one that says so in the legend.

    Args:
        boundary: As from `lrviz.measures.find_boundary`.
    """
    if len(boundary) == 0:
        absent = {"name": _absence(boundary), "line": {"color": "rgba(0, 0, 0, 0)"}}
        return [go.Scatter(x=[None], y=[None], mode="lines", hoverinfo="skip", showlegend=True, **absent)]
    return [
        straight_lines(
            boundary.segments, name=_NAME, colour=colour, width=width, legendgroup=_NAME, showlegend=colour == INK
        )
        for width, colour in zip(_PIXELS, _COLOURS, strict=True)
    ]


def print_boundary(axes: Axes, boundary: Boundary) -> list[Line2D]:
    """Draw the boundary over a printed map; what a legend shows of it."""
    if len(boundary) == 0:
        return [Line2D([], [], linestyle="none", label=_absence(boundary))]
    _print_lines(axes, list(boundary.segments), _POINTS)
    return [Line2D([], [], color=INK, linewidth=_POINTS[1], label=_NAME)]


def _absence(boundary: Boundary) -> str:
    """What a legend says where nothing is drawn."""
    where = "" if boundary.status == Status.COMPLETE else " in what was found"
    return f"no {_NAME}{where}"


def outlines(lines: Sequence[Float[np.ndarray, "_ 2"]]) -> list[go.Scatter]:
    """Traces of the outlines of sampled classes, the light rim first; none where there are no outlines.

    Args:
        lines: As from `lrviz.measures.class_map.class_outlines`.
    """
    if not lines:
        return []
    u, v = np.concatenate([np.vstack([line, [[np.nan, np.nan]]]) for line in lines]).T
    return [
        go.Scatter(
            x=u, y=v, mode="lines", hoverinfo="skip", showlegend=False, name="classes",
            line={"color": colour, "width": width},
        )
        for width, colour in zip(_THIN_PIXELS, _COLOURS, strict=True)
    ]  # fmt: skip


def print_outlines(axes: Axes, lines: Sequence[Float[np.ndarray, "_ 2"]]) -> None:
    """Draw the same over a printed map."""
    _print_lines(axes, lines, _THIN_POINTS)


def _print_lines(axes: Axes, lines: Sequence[np.ndarray], widths: Sequence[float]) -> None:
    for width, colour in zip(widths, _COLOURS, strict=True):
        axes.add_collection(LineCollection(lines, colors=colour, linewidths=width, capstyle="round", zorder=3))
