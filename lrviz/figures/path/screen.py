"""f along a path as a Plotly figure: curves, chords, the shaded deviation, images, and breakpoints by layer."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import UInt8
from plotly.subplots import make_subplots

from lrviz.figures.frame import SELECTION
from lrviz.figures.path.breakpoints import add_breakpoints, rug_height
from lrviz.figures.path.data import (
    PATH_TITLE,
    DrawnLine,
    Line,
    PathDrawing,
    Stretch,
    UnitName,
    baseline_at,
    baseline_title,
    drawn_lines,
    seen_anchors,
    shown_images,
    value_range,
    value_title,
)
from lrviz.figures.rasterise import data_uri
from lrviz.figures.style import FAINT, QUIET, literal, template, translucent
from lrviz.measures.curve import Curve

NUM_COLUMNS = 1000
"""Columns of pixels that lines are thinned to."""

_HOVER_COLUMNS = 500
_PLOT, _STRIP, _TOP, _BOTTOM, _GAP = 330, 62, 30, 48, 18
_IMAGE_WIDTH = 0.055
_NAME = 70
"""Pixels that the name of an anchor takes, with what lies beside it."""


def path_figure(drawing: PathDrawing, *, width: int = 1100) -> go.Figure:
    """The interactive figure of a drawing; on one of few pixels of width, anchors have numbers only."""
    lines, stretch = drawing.lines, drawing.stretch
    figure = _frame(stretch, rug_height(len(drawing.layer_names)))
    for drawn in drawn_lines(drawing, NUM_COLUMNS):
        figure.add_traces(_traces(drawn), rows=2, cols=1)
    for line in lines[:1] if drawing.all_chords else lines:
        figure.add_trace(hover_trace(line, stretch), 2, 1)
    if lines:
        _mark_anchors(figure, drawing, num_names=width // _NAME)
        figure.update_yaxes(row=2, range=value_range(drawing))
        add_breakpoints(figure, 3, lines[0], (stretch.low, stretch.high))
    figure.update_yaxes(row=2, title=value_title(stretch), exponentformat="power")
    return figure


def _frame(stretch: Stretch, rug: int) -> go.Figure:
    height = _TOP + _STRIP + _PLOT + rug + 2 * _GAP + _BOTTOM
    inner = height - _TOP - _BOTTOM
    figure = make_subplots(3, 1, shared_xaxes=True, vertical_spacing=_GAP / inner, row_heights=[_STRIP, _PLOT, rug])
    figure.update_layout(
        template=template(), height=height, hovermode="x", hoverdistance=40, dragmode="select", selectdirection="h",
        margin={"l": 64, "r": 14, "t": _TOP, "b": _BOTTOM},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom",
                "traceorder": "reversed"},
        **SELECTION,
    )  # fmt: skip
    figure.update_xaxes(range=stretch.range, tickformat=_tick_format(stretch), nticks=12)
    figure.update_xaxes(row=1, visible=False)
    figure.update_yaxes(row=1, visible=False, range=[0, 1], fixedrange=True)
    figure.update_xaxes(row=3, title=PATH_TITLE)
    return figure


def _tick_format(stretch: Stretch) -> str:
    """Enough digits to tell the ticks of a deep zoom apart."""
    return f".{int(np.clip(np.ceil(-np.log10((stretch.high - stretch.low) / 50)), 0, 14))}f"


def _traces(drawn: DrawnLine) -> list[go.Scatter]:
    """The chord, and the line after it, so that it can be shaded down or up to it."""
    line = drawn.line
    chord = go.Scatter(
        x=drawn.position, y=drawn.chord, mode="lines", hoverinfo="skip", name="chord", showlegend=drawn.is_first,
        legendrank=1, line={"color": drawn.chord_colour, "width": 1.2 if drawn.is_shaded else 0.8, "dash": "4px,3px"},
    )  # fmt: skip
    curve = go.Scatter(
        x=drawn.position, y=drawn.values, mode="lines", name=literal(line.name),
        line={"color": line.colour, "width": 1.6}, fill="tonexty" if drawn.is_shaded else "none",
        fillcolor=translucent(line.colour, 0.22), hoverinfo="skip",
    )  # fmt: skip
    return [curve] if drawn.chord is None else [chord, curve]


def hover_trace(line: Line, stretch: Stretch) -> go.Scatter:
    """Unseen points on a line that answer the pointer: one for every column of a few pixels, one in every piece."""
    low, high = max(stretch.range[0], 0.0), min(stretch.range[1], line.curve.length)
    position = np.linspace(low, max(high, low), _HOVER_COLUMNS)
    inner = line.curve.position[line.curve.knots_between(low, high)]
    if 0 < len(inner) <= _HOVER_COLUMNS and line.curve.is_exact:
        ends = np.concatenate([[low], inner, [high]])
        position = np.sort(np.concatenate([position, (ends[1:] + ends[:-1]) / 2]))
    values = line.curve.at(position, line.output)
    texts = piece_texts(line.curve, line.curve.piece_at(position), line.unit_name)
    drawn = values - baseline_at(line, stretch, position)
    what = f"{literal(line.name)}: {baseline_title(stretch)}"
    heads = [f"<b>{what} = {y:.5g}</b> logit at {x:.8g}" for x, y in zip(position, drawn, strict=True)]
    if stretch.baseline != "zero":
        heads = [f"{head}<br>f = {value:.5g} logit" for head, value in zip(heads, values, strict=True)]
    return go.Scatter(
        x=position, y=drawn, mode="markers", name=literal(line.name),
        marker={"size": 7, "opacity": 0, "color": line.colour}, showlegend=False, hoverinfo="text",
        hovertext=[head + text for head, text in zip(heads, texts, strict=True)],
    )  # fmt: skip


def piece_texts(curve: Curve, pieces: np.ndarray, unit_name: UnitName) -> list[str]:
    """What the pointer tells about pieces: number, length, and what switches at both ends."""
    if not curve.is_exact:
        return ["<br>sampled: the pieces are being found"] * len(pieces)
    length = np.diff(curve.position)
    names = {int(knot): _knot_name(curve, int(knot), unit_name) for knot in np.unique([pieces, pieces + 1])}
    return [
        f"<br>piece {k + 1:,} of {curve.num_pieces:,}, segment {curve.segment[k] + 1}, length {length[k]:.4g}"
        f"<br>from {names[k]}<br>to {names[k + 1]}"
        for k in pieces.tolist()
    ]


def _knot_name(curve: Curve, knot: int, unit_name: UnitName) -> str:
    if curve.unit[knot] >= 0:
        return f"layer {curve.layer[knot] + 1}, unit {unit_name(int(curve.unit[knot]))}"
    anchor = int(np.searchsorted(curve.anchors, knot))
    return f"anchor {anchor}" if curve.anchors[anchor] == knot else "a unit that changes where others do"


def _mark_anchors(figure: go.Figure, drawing: PathDrawing, num_names: int) -> None:
    """Lines at the anchors, and the images above them, with the full names of so many."""
    for x in seen_anchors(drawing).values():
        figure.add_vline(x=x, line={"width": 1, "color": FAINT}, layer="below", row=2, col=1)  # type: ignore[arg-type]
    shown = shown_images(drawing)
    is_short = len(shown) > num_names
    for x, (name, image) in shown.items():
        _place_image(figure, x, image, drawing.stretch)
        figure.add_annotation(
            text=name.removeprefix("anchor ") if is_short else name, x=x, xref="x2", y=1, yref="y2 domain",
            yanchor="bottom", showarrow=False, font={"size": 10, "color": QUIET}, yshift=-2,
        )  # fmt: skip


def _place_image(figure: go.Figure, x: float, image: UInt8[np.ndarray, "3 h w"], stretch: Stretch) -> None:
    pixels = np.repeat(np.repeat(image.transpose(1, 2, 0), 2, 0), 2, 1)
    figure.add_layout_image(
        source=data_uri(pixels, flip=False), xref="x", yref="y", x=x, y=0.12, xanchor="center", yanchor="bottom",
        sizex=_IMAGE_WIDTH * (stretch.high - stretch.low), sizey=0.88, sizing="contain", layer="above",
    )  # fmt: skip
