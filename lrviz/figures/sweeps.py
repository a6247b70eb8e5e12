"""What was measured along paths against width, epochs or sparsity: the test error on top, the measures under it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lrviz.figures.axis import Axis, fit_axis, share_axis, width_axis
from lrviz.figures.curves import Diagram, Mark, draw_curves, print_curves
from lrviz.figures.data_files import write_table
from lrviz.figures.paper import PRINTED, Paper, print_figure, require_suffix, write_page
from lrviz.figures.style import ACCENT, INK
from lrviz.measures.definitions import ERROR_QUANTITIES, PATH_QUANTITIES
from lrviz.measures.findings import AGAINST, against_of, find_peak, find_threshold
from lrviz.measures.sweeps import ALWAYS, ERRORS, series_columns
from lrviz.words import counted

COLOURS = {
    "test_error": ACCENT, "train_error": "#8a98a5", "density": "#4a7fb5", "deviation": "#00798c",
    "similarity": "#7a4419", "input_similarity": "#b6820f", "slope": "#8f5da8",
}  # fmt: skip
"""What is drawn, from the top, and in which colour."""

OWN_SCALE = ("test_error", "similarity", "input_similarity")
"""What has a scale as large as its changes, not one from zero."""

_LABEL_PIXELS, _SIDE_PIXELS = 21, 78
"""Pixels that the label of a width takes, and that a figure leaves beside its diagrams."""

_LABEL_INCHES, _SIDE_INCHES = 0.17, 0.8
"""The same in print."""

SWEEP_SUFFIXES = (*PRINTED, ".html", ".csv")
_TITLE = "Nonlinearity and test error of trained networks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Positions that the figure points out; None for what is not there.

    Attributes:
        peak: Where the test error peaks.
        threshold: From where on the training labels are fitted.
        chosen: What was clicked.
    """

    peak: float | None = None
    threshold: float | None = None
    chosen: float | None = None


def sweep_curves(curve: pd.DataFrame, marks: Marks, *, height: int = 800, width: int = 640) -> go.Figure:
    """Draw one series; bars and bands show the interval of every mean, over seeds and images.

    The scales of test error and similarities are as large as their changes; all others begin at zero.

    Args:
        curve: The rows of one series of `lrviz.measures.sweeps.aggregate`, in order.
        marks: Positions to point out.
        height: Height of the figure in pixels, for five diagrams; more make it higher.
        width: Width of the figure in pixels; on a narrow one, positions close to each other have no label.
    """
    diagrams, axis = _diagrams(curve), _position_axis(curve, _LABEL_PIXELS / max(width - _SIDE_PIXELS, 1))
    figure = draw_curves(
        diagrams, axis, AGAINST[against_of(curve)].title, height=height * max(len(diagrams), 5) // 5,
        marks=_lines(marks), chosen=marks.chosen,
    )  # fmt: skip
    return figure.update_layout(clickmode="event+select", dragmode=False)


def render_sweep(suffix: str, curve: pd.DataFrame, *, paper: Paper | None = None) -> bytes:
    """The contents of a file that shows one series; it says which series.

    Args:
        suffix: One of `SWEEP_SUFFIXES`; a CSV holds the numbers, the others the curves.
        curve: The rows of one series of `lrviz.measures.sweeps.aggregate`, in order.
        paper: Size and resolution of a printed figure.

    Raises:
        InvalidRequest: The suffix is another one.
    """
    require_suffix(suffix, SWEEP_SUFFIXES)
    description = json.dumps({name: str(curve[name].iloc[0]) for name in series_columns(against_of(curve))})
    if suffix == ".csv":
        return write_table({name: curve[name].to_numpy() for name in curve}, description=description)
    marks = Marks(peak=find_peak(curve), threshold=find_threshold(curve))
    if suffix == ".html":
        return write_page([sweep_curves(curve, marks)], title=_TITLE, description=description)
    diagrams = _diagrams(curve)
    sheet = paper or Paper(width_inches=4.5, height_inches=max(6.0, 1.1 * len(diagrams)))
    least_gap = _LABEL_INCHES / max(sheet.width_inches - _SIDE_INCHES, _LABEL_INCHES)
    return print_figure(
        suffix, sheet,
        lambda figure: print_curves(
            figure, diagrams, _position_axis(curve, least_gap), AGAINST[against_of(curve)].title,
            width_inches=sheet.width_inches, marks=_lines(marks),
        ),
        title=_TITLE, description=description,
    )  # fmt: skip


def _lines(marks: Marks) -> list[Mark]:
    if marks.peak is not None and marks.peak == marks.threshold:
        return [Mark(x=marks.peak, text="peak of the test error, train labels fitted")]
    lines = []
    if marks.peak is not None:
        lines.append(Mark(x=marks.peak, text="peak of the test error"))
    if marks.threshold is not None:
        lines.append(Mark(x=marks.threshold, text="train labels fitted", colour=INK, dash="dot"))
    return lines


def _position_axis(curve: pd.DataFrame, least_gap: float) -> Axis:
    """The axis of what a series is drawn against, with a tick at each of its networks; labels of shares are longer."""
    against = against_of(curve)
    if against == "sparsity":
        return share_axis(curve[against], least_gap=1.6 * least_gap)
    return width_axis(curve[against], least_gap=least_gap)


def _diagrams(curve: pd.DataFrame) -> list[Diagram]:
    """What is known of a series, from the top; measures that newer tables add only where they are known."""
    names = [name for name in COLOURS if name in (*ERRORS, *ALWAYS) or curve[name].notna().any()]
    return [_diagram(curve, name) for name in names]


def _diagram(curve: pd.DataFrame, name: str) -> Diagram:
    """One quantity; its axis holds all means and their bars, and begins at zero but for those of `OWN_SCALE`."""
    mean, low, high = (curve[name + end].to_numpy(float) for end in ("", "_low", "_high"))
    # By chance, few resamples may all lie on one side of the mean.
    below, above = (np.maximum(np.nan_to_num(bar), 0) for bar in (mean - low, high - mean))
    quantity = (ERROR_QUANTITIES | PATH_QUANTITIES)[name]
    label = name.replace("_", " ")
    return Diagram(
        name=label, title=quantity.label, unit=quantity.unit, colour=COLOURS[name],
        axis=fit_axis(np.concatenate([mean - below, mean + above]), from_zero=name not in OWN_SCALE),
        x=curve[against_of(curve)].to_numpy(), mean=mean, below=below, above=above,
        texts=[_hover(values, name, label, quantity.unit) for values in curve.to_dict("records")],
        height=0.45 if name == "train_error" else 1.0, from_zero=name not in OWN_SCALE,
    )  # fmt: skip


def _hover(values: Mapping, name: str, label: str, unit: str) -> str:
    low, high = values[f"{name}_low"], values[f"{name}_high"]
    spread = f" ({low:.4g} to {high:.4g})" if np.isfinite(low) else ""
    seeds = counted(values["num_models"], "seed")
    place = AGAINST[values["against"]].place(values[values["against"]])
    return f"<b>{label} {values[name]:.4g}{spread}</b> {unit}<br>{place}, {seeds}"
