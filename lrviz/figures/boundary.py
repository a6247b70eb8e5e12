"""The decision boundary as bold lines over a map, on screen and in print."""

import plotly.graph_objects as go
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from lrviz.figures.frame import straight_lines
from lrviz.figures.style import INK
from lrviz.measures.boundary import Boundary
from lrviz.measures.definitions import WINDOW_TERMS

_COLOURS = ("white", INK)
"""Bold lines are dark over a light rim, so that they show on every colour."""

_NAME = WINDOW_TERMS["boundary"].label
_PIXELS, _POINTS = (5.0, 2.6), (2.0, 1.0)


def boundary_lines(boundary: Boundary) -> list[go.Scatter]:
    """Traces of the boundary, the light rim first; none where there is no boundary.

    Args:
        boundary: as from `lrviz.measures.find_boundary`.
    """
    if len(boundary) == 0:
        return []
    return [
        straight_lines(
            boundary.segments, name=_NAME, colour=colour, width=width, legendgroup=_NAME, showlegend=colour == INK
        )
        for width, colour in zip(_PIXELS, _COLOURS, strict=True)
    ]


def print_boundary(axes: Axes, boundary: Boundary) -> list[Line2D]:
    """Draw the boundary over a printed map; what a legend shows of it."""
    if len(boundary) == 0:
        return []
    for width, colour in zip(_POINTS, _COLOURS, strict=True):
        lines = LineCollection(list(boundary.segments), colors=colour, linewidths=width, capstyle="round", zorder=3)
        axes.add_collection(lines)
    return [Line2D([], [], color=INK, linewidth=_POINTS[1], label=_NAME)]
