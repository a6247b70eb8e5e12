"""How a measure is distributed over paths around several kinds of images."""

import json
from collections.abc import Iterator
from itertools import cycle

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure

from lrviz.figures.axis import Axis, fit_axis
from lrviz.figures.paper import PRINTED, Paper, fit_axes, print_figure, require_suffix, write_page
from lrviz.figures.style import FAINT, MODEL_COLOURS, template
from lrviz.measures.definitions import IMAGE_KINDS, PATH_QUANTITIES
from lrviz.measures.distributions import distribution
from lrviz.results.status import Status

DISTRIBUTION_SUFFIXES = (*PRINTED, ".html")
_TITLE = "Distribution over paths"
_LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
"""Above the diagram, where no curve is."""

_SHARE, _TOP = "share of the paths", 1.02


def steps(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The corners of the staircase of an empirical distribution, from 0 to 1.

    >>> steps(np.array([2.0, 1.0]))
    (array([1., 1., 2., 2.]), array([0. , 0.5, 0.5, 1. ]))
    """
    ordered, share = distribution(values)
    return np.repeat(ordered, 2), np.column_stack([np.append(0.0, share)[:-1], share]).ravel()


def by_kind(paths: pd.DataFrame, measure: str) -> dict[str, np.ndarray]:
    """The values of a measure on the finished paths around every kind of images."""
    finished = paths[paths["status"] == Status.COMPLETE]
    return {str(kind): values.to_numpy(float) for kind, values in finished.groupby("image_kind", sort=False)[measure]}


def measure_axis(kinds: dict[str, np.ndarray]) -> Axis:
    """The axis of the measure: logarithmic where all values are positive and differ much."""
    values = np.concatenate([np.zeros(0), *kinds.values()])
    values = values[np.isfinite(values)]
    spread = len(values) > 0 and values.min() > 0 and values.max() > 10 * values.min()
    return fit_axis(values, logarithmic=bool(spread))


def title_of(measure: str) -> str:
    """What the axis of a measure says."""
    quantity = PATH_QUANTITIES[measure]
    return f"{quantity.label} ({quantity.unit})"


def _staircases(kinds: dict[str, np.ndarray]) -> Iterator[tuple[str, str, tuple[np.ndarray, np.ndarray]]]:
    """Name, colour and corners of the staircase of every kind."""
    for (kind, values), colour in zip(kinds.items(), cycle(MODEL_COLOURS), strict=False):
        yield f"{IMAGE_KINDS.get(kind, kind)} ({np.isfinite(values).sum()})", colour, steps(values)


def distribution_curves(paths: pd.DataFrame, measure: str, *, height: int = 360) -> go.Figure:
    """Draw the empirical distribution of a measure, a staircase for every kind of images.

    Args:
        paths: Rows of a table of `lrviz measure`, as a rule of one network or of one width.
        measure: One of `lrviz.measures.sweeps.MEASURES`.
        height: Height of the figure in pixels.
    """
    kinds = by_kind(paths, measure)
    figure = go.Figure()
    for name, colour, (x, y) in _staircases(kinds):
        figure.add_trace(
            go.Scatter(
                x=x, y=y, mode="lines", name=name, line={"color": colour, "width": 1.8},
                hovertemplate="%{y:.0%} up to %{x:.4g}",
            )
        )  # fmt: skip
    figure.update_xaxes(title=title_of(measure), **measure_axis(kinds).on_screen())
    figure.update_yaxes(title=_SHARE, range=[0, _TOP], tickformat=".0%", showgrid=True, gridcolor=FAINT)
    figure.update_layout(template=template(), height=height, hovermode="closest", legend=_LEGEND)
    return figure


def render_distributions(suffix: str, paths: pd.DataFrame, measure: str, *, paper: Paper | None = None) -> bytes:
    """The contents of a file that shows how a measure is distributed; it says of which networks.

    Args:
        suffix: One of `DISTRIBUTION_SUFFIXES`.
        paths: Rows of a table of `lrviz measure`.
        measure: One of `lrviz.measures.sweeps.MEASURES`.
        paper: Size and resolution of a printed figure.

    Raises:
        InvalidRequest: The suffix is another one.
    """
    require_suffix(suffix, DISTRIBUTION_SUFFIXES)
    description = json.dumps({"measure": measure, "models": sorted(set(paths["model"]))})
    if suffix == ".html":
        return write_page([distribution_curves(paths, measure)], title=_TITLE, description=description)
    paper = paper or Paper(width_inches=3.25, height_inches=2.5)
    return print_figure(
        suffix, paper, lambda sheet: _draw(sheet, paths, measure), title=_TITLE, description=description
    )


def _draw(figure: Figure, paths: pd.DataFrame, measure: str) -> None:
    axes, kinds = figure.add_subplot(), by_kind(paths, measure)
    for name, colour, corners in _staircases(kinds):
        axes.plot(*corners, color=colour, linewidth=1, label=name)
    fit_axes(axes, measure_axis(kinds), Axis(low=0.0, high=_TOP, ticks=(0, 0.5, 1), labels=("0", "0.5", "1")))
    axes.set(xlabel=title_of(measure), ylabel=_SHARE)
    if kinds:
        axes.legend(fontsize=6, frameon=False)
