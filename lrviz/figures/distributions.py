"""How a measure is distributed over paths around several kinds of images."""

import json

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from matplotlib.figure import Figure

from lrviz.errors import InvalidRequest
from lrviz.figures.axis import Axis, fit_axis
from lrviz.figures.paper import PRINTED, Paper, fit_axes, print_figure, write_page
from lrviz.figures.style import FAINT, template
from lrviz.measures.definitions import PATH_QUANTITIES
from lrviz.measures.distributions import distribution
from lrviz.results.status import Status

DISTRIBUTION_SUFFIXES = (*PRINTED, ".html")
_TITLE = "Distribution over paths"

KIND_COLOURS = ("#00798c", "#d1495b", "#2e4057", "#b6820f", "#8f5da8", "#66a182")
"""One colour for each kind of images; repeated beyond six."""


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


def distribution_curves(paths: pd.DataFrame, measure: str, *, height: int = 360) -> go.Figure:
    """Draw the empirical distribution of a measure, a staircase for every kind of images.

    Args:
        paths: rows of a table of `lrviz measure`, as a rule of one network or of one width.
        measure: one of `lrviz.measures.sweeps.MEASURES`.
        height: height of the figure in pixels.
    """
    kinds = by_kind(paths, measure)
    figure = go.Figure()
    for number, (kind, values) in enumerate(kinds.items()):
        x, y = steps(values)
        figure.add_trace(
            go.Scatter(
                x=x, y=y, mode="lines", name=f"{kind} ({np.isfinite(values).sum()})",
                line={"color": KIND_COLOURS[number % len(KIND_COLOURS)], "width": 1.8},
                hovertemplate="%{y:.0%} up to %{x:.4g}",
            )
        )  # fmt: skip
    figure.update_xaxes(title=title_of(measure), **measure_axis(kinds).on_screen())
    figure.update_yaxes(title="share of the paths", range=[0, 1.02], tickformat=".0%", showgrid=True, gridcolor=FAINT)
    figure.update_layout(template=template(), height=height, hovermode="closest", legend={"x": 0.02, "y": 0.98})
    return figure


def render_distributions(suffix: str, paths: pd.DataFrame, measure: str, *, paper: Paper | None = None) -> bytes:
    """The contents of a file that shows how a measure is distributed; it says of which networks.

    Args:
        suffix: one of `DISTRIBUTION_SUFFIXES`.
        paths: rows of a table of `lrviz measure`.
        measure: one of `lrviz.measures.sweeps.MEASURES`.
        paper: size and resolution of a printed figure.

    Raises:
        InvalidRequest: the suffix is another one.
    """
    if suffix not in DISTRIBUTION_SUFFIXES:
        known = ", ".join(DISTRIBUTION_SUFFIXES)
        raise InvalidRequest(f"Expected a file ending in {known}; got {suffix!r}. Rename it.")
    description = json.dumps({"measure": measure, "models": sorted(set(paths["model"]))})
    if suffix == ".html":
        return write_page([distribution_curves(paths, measure)], title=_TITLE, description=description)
    paper = paper or Paper(width_inches=3.25, height_inches=2.5)
    return print_figure(
        suffix, paper, lambda sheet: _draw(sheet, paths, measure), title=_TITLE, description=description
    )


def _draw(figure: Figure, paths: pd.DataFrame, measure: str) -> None:
    axes, kinds = figure.add_subplot(), by_kind(paths, measure)
    for number, (kind, values) in enumerate(kinds.items()):
        name = f"{kind} ({np.isfinite(values).sum()})"
        axes.plot(*steps(values), color=KIND_COLOURS[number % len(KIND_COLOURS)], linewidth=1, label=name)
    fit_axes(axes, measure_axis(kinds), Axis(low=0.0, high=1.02, ticks=(0, 0.5, 1), labels=("0", "0.5", "1")))
    axes.set(xlabel=title_of(measure), ylabel="share of the paths")
    if kinds:
        axes.legend(fontsize=6, frameon=False)
