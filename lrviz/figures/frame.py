"""What pictures of the plane share: axes of equal scales, images and lines in them, on screen and in print."""

from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from lrviz.figures.axis import PLANE_TITLES
from lrviz.figures.paper import typeset
from lrviz.figures.rasterise import data_uri
from lrviz.figures.style import ACCENT, template

SELECTION: dict[str, Any] = {
    "newselection": {"line": {"color": ACCENT, "width": 1.5, "dash": "solid"}},
    "activeselection": {"fillcolor": ACCENT, "opacity": 0.08},
}
"""How a box looks that is being drawn on screen."""


def frame_plane(figure: go.Figure, bounds: Float[np.ndarray, "2 2"], *, title: str | None, height: int) -> None:
    """Give a figure of the plane its axes: equal scales, named, fitted to the bounds."""
    u_range, v_range = bounds.T
    figure.update_layout(
        template=template(),
        title=title,
        height=height,
        hovermode="closest",
        hoverdistance=14,
        margin={"t": 34 if title else 12},
        legend={"orientation": "v", "x": 1.01, "xanchor": "left", "y": 1, "yanchor": "top", "borderwidth": 0},
        **SELECTION,
    )
    same = {"constrain": "domain", "exponentformat": "power"}
    u_ticks, v_ticks = spread_ticks(bounds, 6)
    figure.update_xaxes(title=PLANE_TITLES[0], range=u_range, scaleanchor="y", scaleratio=1, nticks=u_ticks, **same)
    figure.update_yaxes(title=PLANE_TITLES[1], range=v_range, constraintoward="top", nticks=v_ticks, **same)


def spread_ticks(bounds: Float[np.ndarray, "2 2"], number: int) -> tuple[int, int]:
    """How many ticks both axes have room for: the longer one for a number, the other for its share.

    >>> spread_ticks(np.array([[0.0, 0.0], [10.0, 5.0]]), 6), spread_ticks(np.array([[0.0, 0.0], [1.0, 100.0]]), 6)
    ((6, 3), (1, 6))
    """
    extents = np.ptp(bounds, axis=0)
    u, v = np.maximum(np.round(number * extents / extents.max()), 1).astype(int).tolist()
    return u, v


def print_frame(axes: Axes, bounds: Float[np.ndarray, "2 2"], *, num_ticks: int = 5) -> None:
    """Give printed axes the same: with at most that many steps from tick to tick."""
    axes.set(xlim=bounds[:, 0], ylim=bounds[:, 1], aspect="equal", anchor="N")
    axes.set(**dict(zip(("xlabel", "ylabel"), map(typeset, PLANE_TITLES), strict=True)))
    for axis, number in zip((axes.xaxis, axes.yaxis), spread_ticks(bounds, num_ticks), strict=True):
        axis.set_major_locator(MaxNLocator(number, steps=[1, 2, 2.5, 5, 10], min_n_ticks=min(number, 2)))
    axes.ticklabel_format(useOffset=False)


def placed(image: UInt8[np.ndarray, "height width 4"], bounds: Float[np.ndarray, "2 2"]) -> dict:
    """An image, the lowest v first, as a layout image that covers the bounds, under the traces."""
    (u0, v0), (u1, v1) = bounds
    return {
        "source": data_uri(image), "xref": "x", "yref": "y", "x": u0, "y": v1, "sizex": u1 - u0, "sizey": v1 - v0,
        "sizing": "stretch", "layer": "below",
    }  # fmt: skip


def print_image(axes: Axes, image: UInt8[np.ndarray, "height width 4"], bounds: Float[np.ndarray, "2 2"]) -> None:
    """The same in print."""
    axes.imshow(image, origin="lower", extent=tuple(bounds.T.ravel()), interpolation="none")


def straight_lines(
    ends: Float[np.ndarray, "lines 2 2"], *, name: str, colour: str, width: float, **options: Any
) -> go.Scatter:
    """Many straight lines as one trace, NaN between them.

    Args:
        ends: (L, 2, 2) the two ends of every line.
        name: Of the trace.
        colour: Of all lines.
        width: In pixels.
        options: Of the trace.
    """
    u, v = (np.column_stack([ends[..., k], np.full(len(ends), np.nan)]).ravel() for k in (0, 1))
    return go.Scatter(
        x=u, y=v, mode="lines", hoverinfo="skip", name=name, line={"color": colour, "width": width, "simplify": False},
        **options,
    )  # fmt: skip
