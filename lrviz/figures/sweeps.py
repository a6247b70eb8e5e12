"""What was measured along paths against width, epochs or sparsity: the test error on top, the measures under it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float
from plotly.subplots import make_subplots

from lrviz.figures.axis import Axis, fit_axis, share_axis, width_axis
from lrviz.figures.style import ACCENT, FAINT, INK, template
from lrviz.measures.findings import AGAINST, against_of
from lrviz.measures.sweeps import ALWAYS, ERRORS

COLOURS = {
    "test_error": ACCENT, "train_error": "#8a98a5", "density": "#0b3954", "deviation": "#00798c",
    "similarity": "#7a4419", "input_similarity": "#b6820f", "slope": "#8f5da8",
}  # fmt: skip
"""What is drawn, from the top, and in which colour."""

OWN_SCALE = ("test_error", "similarity", "input_similarity")
"""What has a scale as large as its changes, not one from zero."""

TITLES = {
    "test_error": "test error",
    "train_error": "train error",
    "density": "density (pieces per unit of L2 distance)",
    "deviation": "deviation per segment (logit × L2 distance)",
    "similarity": "similarity of consecutive pieces (cosine)",
    "input_similarity": "similarity of their input gradients (cosine)",
    "slope": "slope (logit per unit of L2 distance)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Positions that the figure points out; None for what is not there.

    Attributes:
        peak: where the test error peaks.
        threshold: from where on the training labels are fitted.
        chosen: what was clicked.
    """

    peak: float | None = None
    threshold: float | None = None
    chosen: float | None = None


def drawn(curve: pd.DataFrame) -> list[str]:
    """What a figure of a series shows, from the top; measures that newer tables add only where they are known."""
    return [name for name in COLOURS if name in (*ERRORS, *ALWAYS) or curve[name].notna().any()]


def heights(names: list[str]) -> list[float]:
    """How high the diagrams are, relative to each other."""
    return [0.45 if name == "train_error" else 1.0 for name in names]


def interval(curve: pd.DataFrame, name: str) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """How far the interval of each mean reaches down and up from it; 0 where there is none."""
    mean, low, high = (curve[name + end].to_numpy(float) for end in ("", "_low", "_high"))
    # By chance, few resamples may all lie on one side of the mean.
    return np.maximum(np.nan_to_num(mean - low), 0), np.maximum(np.nan_to_num(high - mean), 0)


def sweep_curves(curve: pd.DataFrame, marks: Marks, *, height: int = 800) -> go.Figure:
    """Draw one series; bars and bands show the interval of every mean, over seeds and images.

    The scales of test error and similarities are as large as their changes; all others begin at zero.

    Args:
        curve: the rows of one series of `lrviz.measures.sweeps.aggregate`, in order.
        marks: positions to point out.
        height: height of the figure in pixels, for five diagrams; more make it higher.
    """
    names = drawn(curve)
    figure = make_subplots(len(names), 1, shared_xaxes=True, vertical_spacing=0.05, row_heights=heights(names))
    for row, name in enumerate(names, 1):
        _add_band(figure, curve, name, row)
        _add_curve(figure, curve, name, row)
        _add_title(figure, TITLES[name], row)
        axis = curve_axis(curve, name).on_screen()
        figure.update_yaxes(
            row=row, rangemode="normal" if name in OWN_SCALE else "tozero", nticks=3 if name == "train_error" else 5,
            **axis,
        )  # fmt: skip
    positions = position_axis(curve)
    _add_marks(figure, marks, positions)
    figure.update_xaxes(
        showgrid=True, gridcolor=FAINT, griddash="dot", gridwidth=0.5, showticklabels=False, **positions.on_screen()
    )
    scale = " (log scale)" if positions.logarithmic else ""
    figure.update_xaxes(row=len(names), showticklabels=True, title=AGAINST[against_of(curve)].title + scale)
    figure.update_layout(
        template=template(), height=height * max(len(names), 5) // 5, showlegend=False, hovermode="closest",
        clickmode="event+select", dragmode=False, margin={"t": 40, "r": 16, "b": 46, "l": 64},
    )  # fmt: skip
    return figure


def position_axis(curve: pd.DataFrame) -> Axis:
    """The axis of what a series is drawn against, with a tick at each of its networks."""
    against = against_of(curve)
    return share_axis(curve[against]) if against == "sparsity" else width_axis(curve[against])


def curve_axis(curve: pd.DataFrame, name: str) -> Axis:
    """The axis of a quantity: it holds all means and their bars, and begins at zero but for the test error."""
    down, up = interval(curve, name)
    ends = np.concatenate([curve[name] - down, curve[name] + up])
    return fit_axis(ends, from_zero=name not in OWN_SCALE)


def _add_band(figure: go.Figure, curve: pd.DataFrame, name: str, row: int) -> None:
    """The intervals as an area: along their lower ends, and back along their upper ones."""
    down, up = interval(curve, name)
    position, mean = curve[against_of(curve)].to_numpy(), curve[name].to_numpy(float)
    figure.add_trace(
        go.Scatter(
            x=np.concatenate([position, position[::-1]]), y=np.concatenate([mean - down, (mean + up)[::-1]]),
            mode="lines", fill="toself", fillcolor=COLOURS[name], opacity=0.15, line={"width": 0}, hoverinfo="skip",
            name=f"{name.replace('_', ' ')}, interval",
        ),
        row, 1,
    )  # fmt: skip


def _add_curve(figure: go.Figure, curve: pd.DataFrame, name: str, row: int) -> None:
    label, colour, (down, up) = name.replace("_", " "), COLOURS[name], interval(curve, name)
    unit = TITLES[name].partition(" (")[2].rstrip(")")
    position = curve[against_of(curve)]
    texts = [_hover(values, name, label, unit) for values in curve.to_dict("records")]
    figure.add_trace(
        go.Scatter(
            x=position, y=curve[name], mode="lines+markers", name=label, customdata=position,
            line={"color": colour, "width": 1.8}, marker={"size": 8},
            error_y={
                "array": up, "arrayminus": down, "symmetric": False, "color": colour, "thickness": 1, "width": 3
            },
            text=texts, hovertemplate="%{text}<extra></extra>", selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        ),
        row, 1,
    )  # fmt: skip


def _hover(values: Mapping, name: str, label: str, unit: str) -> str:
    low, high = values[f"{name}_low"], values[f"{name}_high"]
    spread = f" ({low:.4g} to {high:.4g})" if np.isfinite(low) else ""
    seeds = f"{values['num_models']} seed{'s' * (values['num_models'] > 1)}"
    place = AGAINST[values["against"]].place(values[values["against"]])
    return f"<b>{label} {values[name]:.4g}{spread}</b> {unit}<br>{place}, {seeds}"


def _add_title(figure: go.Figure, title: str, row: int) -> None:
    number = "" if row == 1 else str(row)
    figure.add_annotation(
        text=title, xref="x domain", yref=f"y{number} domain", x=0, y=1.02, xanchor="left", yanchor="bottom",
        showarrow=False, font={"size": 12, "color": INK},
    )  # fmt: skip


def _add_marks(figure: go.Figure, marks: Marks, positions: Axis) -> None:
    # The labels stand away from each other: that of the smaller position to its left.
    is_late = marks.peak is not None and marks.threshold is not None and marks.peak > marks.threshold
    if marks.peak is not None:
        figure.add_vline(x=marks.peak, line={"color": ACCENT, "width": 1, "dash": "dash"})
        _add_label(figure, marks.peak, " peak of the test error ", "left" if is_late else "right", ACCENT, positions)
    if marks.threshold is not None:
        figure.add_vline(x=marks.threshold, line={"color": INK, "width": 1, "dash": "dot"})
        _add_label(figure, marks.threshold, " train labels fitted ", "right" if is_late else "left", INK, positions)
    if marks.chosen is not None:
        figure.add_vline(x=marks.chosen, line={"color": FAINT, "width": 9}, layer="below")


def _add_label(figure: go.Figure, position: float, text: str, anchor: str, colour: str, positions: Axis) -> None:
    x = np.log10(position) if positions.logarithmic else position
    figure.add_annotation(
        text=text, xref="x", yref="y domain", x=x, y=1.02, xanchor=anchor, yanchor="bottom",
        showarrow=False, font={"size": 11, "color": colour}, yshift=14,
    )  # fmt: skip
