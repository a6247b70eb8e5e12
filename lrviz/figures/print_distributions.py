"""Distributions over paths as a file."""

import json

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lrviz.errors import InvalidRequest
from lrviz.figures.axis import Axis
from lrviz.figures.distributions import KIND_COLOURS, by_kind, distribution_curves, measure_axis, steps, title_of
from lrviz.figures.paper import PRINTED, Paper, fit_axes, print_figure, write_page

DISTRIBUTION_SUFFIXES = (*PRINTED, ".html")
_TITLE = "Distribution over paths"


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
