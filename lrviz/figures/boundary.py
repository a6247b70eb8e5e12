"""The decision boundary as bold lines over a map."""

import numpy as np
import plotly.graph_objects as go

from lrviz.figures.style import INK
from lrviz.measures.boundary import Boundary
from lrviz.measures.definitions import WINDOW_TERMS

HALO = "white"
"""Bold lines are dark with a light rim, so that they show on every colour."""

NAME = WINDOW_TERMS["boundary"].label
_WIDTHS = (5.0, 2.6)


def boundary_lines(boundary: Boundary) -> list[go.Scatter]:
    """Traces of the boundary, the light rim first; none where there is no boundary.

    Args:
        boundary: as from `lrviz.measures.find_boundary`.
    """
    if len(boundary) == 0:
        return []
    u, v = (np.column_stack([boundary.segments[..., k], np.full(len(boundary), np.nan)]).ravel() for k in (0, 1))
    return [
        go.Scatter(
            x=u, y=v, mode="lines", hoverinfo="skip", name=NAME, legendgroup=NAME, showlegend=colour == INK,
            line={"width": width, "color": colour, "simplify": False},
        )
        for width, colour in zip(_WIDTHS, (HALO, INK), strict=True)
    ]  # fmt: skip
