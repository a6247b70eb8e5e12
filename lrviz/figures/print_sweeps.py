"""The curves of a sweep as a file."""

import json

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lrviz.errors import InvalidRequest
from lrviz.figures.paper import PRINTED, Paper, fit_axes, print_figure, write_page, write_table
from lrviz.figures.sweeps import (
    COLOURS,
    TITLES,
    Marks,
    curve_axis,
    drawn,
    heights,
    interval,
    position_axis,
    sweep_curves,
)
from lrviz.measures.findings import AGAINST, against_of, find_peak, find_threshold
from lrviz.measures.sweeps import series_columns

SWEEP_SUFFIXES = (*PRINTED, ".html", ".csv")
_TITLE = "Nonlinearity and test error of trained networks"


def render_sweep(suffix: str, curve: pd.DataFrame, *, paper: Paper | None = None) -> bytes:
    """The contents of a file that shows one series; it says which series.

    Args:
        suffix: one of `SWEEP_SUFFIXES`; a CSV holds the numbers, the others the curves.
        curve: the rows of one series of `lrviz.measures.sweeps.aggregate`, in order.
        paper: size and resolution of a printed figure.

    Raises:
        InvalidRequest: the suffix is another one.
    """
    if suffix not in SWEEP_SUFFIXES:
        raise InvalidRequest(f"Expected a file ending in {', '.join(SWEEP_SUFFIXES)}; got {suffix!r}. Rename it.")
    description = json.dumps({name: str(curve[name].iloc[0]) for name in series_columns(against_of(curve))})
    if suffix == ".csv":
        return write_table({name: curve[name].to_numpy() for name in curve}, description=description)
    marks = Marks(peak=find_peak(curve), threshold=find_threshold(curve))
    if suffix == ".html":
        return write_page([sweep_curves(curve, marks)], title=_TITLE, description=description)
    paper = paper or Paper(width_inches=4.5, height_inches=max(6.0, 1.1 * len(drawn(curve))))
    return print_figure(suffix, paper, lambda sheet: _draw(sheet, curve, marks), title=_TITLE, description=description)


def _draw(figure: Figure, curve: pd.DataFrame, marks: Marks) -> None:
    positions = position_axis(curve)
    names = drawn(curve)
    panels = figure.subplots(len(names), 1, sharex=True, height_ratios=heights(names))
    for axes, name in zip(panels, names, strict=True):
        _add_curve(axes, curve, name, COLOURS[name])
        for mark, style in ((marks.peak, "dashed"), (marks.threshold, "dotted")):
            if mark is not None:
                axes.axvline(mark, color="0.6", linewidth=0.6, linestyle=style, zorder=0)
        axes.set_title(TITLES[name], fontsize=7, loc="left")
        fit_axes(axes, positions, curve_axis(curve, name))
    panels[-1].set_xlabel(AGAINST[against_of(curve)].title)


def _add_curve(axes: Axes, curve: pd.DataFrame, name: str, colour: str) -> None:
    down, up = interval(curve, name)
    position = curve[against_of(curve)]
    axes.fill_between(position, curve[name] - down, curve[name] + up, color=colour, alpha=0.15, linewidth=0)
    axes.errorbar(
        position, curve[name], yerr=np.stack([down, up]), color=colour, linewidth=1,
        marker="o", markersize=2.5, capsize=2, elinewidth=0.7,
    )  # fmt: skip
