"""f along a path as a Plotly figure: curves, chords, the shaded deviation, images, and breakpoints by layer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, UInt8
from plotly.subplots import make_subplots

from lrviz.figures.axis import fit_axis
from lrviz.figures.breakpoints import add_breakpoints, rug_height
from lrviz.figures.rasterise import data_uri
from lrviz.figures.style import ACCENT, CLASS_COLOURS, FAINT, INK, template
from lrviz.measures.curve import Curve, thin

NUM_COLUMNS = 1000
"""Columns of pixels that lines are thinned to."""

QUIET = "#5b6875"
"""Colour of small notes."""

MODEL_COLOURS = ("#00798c", "#d1495b", "#b6820f", "#8f5da8", "#2e4057", "#66a182")
"""One colour per model, that colour-blind readers tell apart."""

_HOVER_COLUMNS = 500
_PLOT, _STRIP, _TOP, _BOTTOM, _GAP = 330, 62, 30, 48, 18
_ROOM = 0.035
_IMAGE_WIDTH = 0.055
_MOST_IMAGES = 16

UnitName = Callable[[int], str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """One output of one model along the path.

    Attributes:
        name: what the legend calls it.
        colour: its colour.
        curve: the model's outputs.
        output: which of them.
        layer_names: names of the layers of the model's network.
        unit_name: names a unit of that network.
    """

    name: str
    colour: str
    curve: Curve
    output: int
    layer_names: tuple[str, ...] = ()
    unit_name: UnitName = str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The part of a path that is drawn, in L2 distance from its start.

    Attributes:
        low: where it begins.
        high: where it ends.
        baseline: "zero", "chord" or "view", see `lrviz.views.view.BASELINES`.
    """

    low: float
    high: float
    baseline: str = "zero"

    @property
    def room(self) -> float:
        """What the axis shows beyond either end, so that images at the ends are whole."""
        return _ROOM * (self.high - self.low)

    @property
    def range(self) -> list[float]:
        """The range of the axis."""
        return [self.low - self.room, self.high + self.room]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathDrawing:
    """What a figure of a path shows.

    Attributes:
        lines: what to draw; the deviation of the first one is shaded, and the breakpoints are those of its curve.
        stretch: which part of the path.
        images: the image at every anchor of the path, to show above it.
        all_chords: whether every line has its chord, and none is shaded, as fits the classes of one model.
    """

    lines: Sequence[Line]
    stretch: Stretch
    images: Sequence[UInt8[np.ndarray, "3 h w"]] | UInt8[np.ndarray, "n 3 h w"] = ()
    all_chords: bool = False

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers whose breakpoints are shown."""
        return self.lines[0].layer_names if self.lines else ()

    @property
    def is_shaded(self) -> bool:
        """Whether the deviation of the first line is shaded."""
        return not self.all_chords and self.stretch.baseline != "view"

    def has_chord(self, index: int) -> bool:
        """Whether the chord of a line is drawn."""
        return self.stretch.baseline != "view" and (index == 0 or self.all_chords)

    def chord_colour(self, line: Line) -> str:
        """The colour of a line's chord: the line's own where there are several."""
        return line.colour if self.all_chords else INK


def class_lines(line: Line, class_names: tuple[str, ...]) -> tuple[Line, ...]:
    """All outputs of a line's model, each in the colour of its class."""
    return tuple(
        replace(line, name=class_names[k], colour=CLASS_COLOURS[k % len(CLASS_COLOURS)], output=k)
        for k in range(line.curve.values.shape[1])
    )


def line_points(line: Line, stretch: Stretch) -> Float[np.ndarray, "2 n"]:
    """Positions and values of a line, its baseline subtracted, at all knots that the axis shows and at its ends."""
    curve = line.curve
    low, high = max(stretch.range[0], 0.0), min(stretch.range[1], curve.length)
    if low >= high:
        return np.zeros((2, 0))
    inner = curve.knots_between(low, high)
    position = np.concatenate([[low], curve.position[inner], [high]])
    values = np.concatenate(
        [curve.at(position[:1], line.output), curve.values[inner, line.output], curve.at(position[-1:], line.output)]
    )
    return np.stack([position, values - baseline_at(line, stretch, position)])


def baseline_at(line: Line, stretch: Stretch, position: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """What is subtracted from a line."""
    if stretch.baseline == "chord":
        return line.curve.chord_at(position, line.output)
    if stretch.baseline == "view":
        ends = np.clip([stretch.low, stretch.high], 0, line.curve.length)
        first, last = line.curve.at(ends, line.output)
        return first + (last - first) / max(ends[1] - ends[0], np.finfo(float).tiny) * (position - ends[0])
    return np.zeros_like(position)


def path_figure(drawing: PathDrawing) -> go.Figure:
    """The interactive figure of a drawing."""
    lines, stretch = drawing.lines, drawing.stretch
    figure = _frame(stretch, rug_height(len(drawing.layer_names)))
    for index, line in reversed(list(enumerate(lines))):
        if drawing.has_chord(index):
            figure.add_trace(_chord(line, drawing, first=index == 0), 2, 1)
        figure.add_trace(_curve(line, stretch, shaded=drawing.is_shaded and index == 0), 2, 1)
    for line in lines[:1] if drawing.all_chords else lines:
        figure.add_trace(hover_trace(line, stretch), 2, 1)
    if lines:
        _mark_anchors(figure, drawing)
        figure.update_yaxes(row=2, range=value_range(drawing))
        add_breakpoints(figure, 3, lines[0].curve, stretch.range, lines[0].layer_names, lines[0].unit_name)
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
        newselection={"line": {"color": ACCENT, "width": 1.5, "dash": "solid"}},
        activeselection={"fillcolor": ACCENT, "opacity": 0.08},
    )  # fmt: skip
    figure.update_xaxes(range=stretch.range, tickformat=_tick_format(stretch), nticks=12)
    figure.update_xaxes(row=1, visible=False)
    figure.update_yaxes(row=1, visible=False, range=[0, 1], fixedrange=True)
    figure.update_xaxes(row=3, title="L2 distance along the path")
    return figure


def _tick_format(stretch: Stretch) -> str:
    """Enough digits to tell the ticks of a deep zoom apart."""
    return f".{int(np.clip(np.ceil(-np.log10((stretch.high - stretch.low) / 50)), 0, 14))}f"


def _curve(line: Line, stretch: Stretch, *, shaded: bool) -> go.Scatter:
    """A line; shaded down or up to the trace before it, its chord."""
    every_position, every_value = line_points(line, stretch)
    position, values = thin(every_position, every_value, NUM_COLUMNS)
    return go.Scatter(
        x=position, y=values, mode="lines", name=line.name, line={"color": line.colour, "width": 1.6},
        fill="tonexty" if shaded else "none", fillcolor=_translucent(line.colour), hoverinfo="skip",
    )  # fmt: skip


def _chord(line: Line, drawing: PathDrawing, *, first: bool) -> go.Scatter:
    """The chord at the positions at which the line is drawn."""
    stretch = drawing.stretch
    every_position, every_value = line_points(line, stretch)
    position, _ = thin(every_position, every_value, NUM_COLUMNS)
    return go.Scatter(
        x=position, y=chord_values(line, stretch, position), mode="lines", hoverinfo="skip", name="chord",
        showlegend=first, legendrank=1,
        line={"color": drawing.chord_colour(line), "width": 0.8 if drawing.all_chords else 1.2, "dash": "4px,3px"},
    )  # fmt: skip


def _translucent(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.22)"


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
    what = f"{line.name}: {baseline_title(stretch)}"
    heads = [f"<b>{what} = {y:.5g}</b> logit at {x:.8g}" for x, y in zip(position, drawn, strict=True)]
    if stretch.baseline != "zero":
        heads = [f"{head}<br>f = {value:.5g} logit" for head, value in zip(heads, values, strict=True)]
    return go.Scatter(
        x=position, y=drawn, mode="markers", name=line.name,
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


def _mark_anchors(figure: go.Figure, drawing: PathDrawing) -> None:
    """Lines at the anchors, and the images above them."""
    for x in seen_anchors(drawing).values():
        figure.add_vline(x=x, line={"width": 1, "color": FAINT}, layer="below", row=2, col=1)  # type: ignore[arg-type]
    shown = shown_images(drawing)
    for x, (name, image) in shown.items():
        _place_image(figure, x, image, drawing.stretch)
        figure.add_annotation(
            text=name if len(shown) < 10 else name.removeprefix("anchor "), x=x, xref="x2", y=1, yref="y2 domain",
            yanchor="bottom", showarrow=False, font={"size": 10, "color": QUIET}, yshift=-2,
        )  # fmt: skip


def seen_anchors(drawing: PathDrawing) -> dict[int, float]:
    """Numbers and positions of the anchors in the view."""
    curve, stretch = drawing.lines[0].curve, drawing.stretch
    position = curve.position[curve.anchors]
    return {k: float(x) for k, x in enumerate(position) if stretch.low <= x <= stretch.high}


def shown_images(drawing: PathDrawing) -> dict[float, tuple[str, UInt8[np.ndarray, "3 h w"]]]:
    """Images by position, with their names: those of the anchors in the view, and of its ends if these are few."""
    images, stretch = drawing.images, drawing.stretch
    curve = drawing.lines[0].curve
    anchors = curve.position[curve.anchors]
    if len(images) < len(anchors):
        return {}
    shown = {x: (f"anchor {k}", images[k]) for k, x in seen_anchors(drawing).items()}
    if len(shown) < 3:
        ends = (max(stretch.low, 0.0), min(stretch.high, curve.length))
        shown = {x: ("", image_at(anchors, images, x)) for x in ends} | shown
    return {x: shown[x] for x in sorted(shown)[:: 1 + len(shown) // _MOST_IMAGES]}


def image_at(
    anchors: Float[np.ndarray, "n"],
    images: Sequence[UInt8[np.ndarray, "3 h w"]] | UInt8[np.ndarray, "n 3 h w"],
    position: float,
) -> UInt8[np.ndarray, "3 h w"]:
    """The image at a position of the path, between two anchors."""
    left = int(np.clip(np.searchsorted(anchors, position, side="right") - 1, 0, len(anchors) - 2))
    share = (position - anchors[left]) / (anchors[left + 1] - anchors[left])
    return np.rint((1 - share) * images[left] + share * images[left + 1].astype(float)).astype(np.uint8)


def _place_image(figure: go.Figure, x: float, image: UInt8[np.ndarray, "3 h w"], stretch: Stretch) -> None:
    pixels = np.repeat(np.repeat(image.transpose(1, 2, 0), 2, 0), 2, 1)
    figure.add_layout_image(
        source=data_uri(pixels, flip=False), xref="x", yref="y", x=x, y=0.12, xanchor="center", yanchor="bottom",
        sizex=_IMAGE_WIDTH * (stretch.high - stretch.low), sizey=0.88, sizing="contain", layer="above",
    )  # fmt: skip


def value_range(drawing: PathDrawing) -> list[float]:
    """What all lines take; the chord as well, unless it is so far away that the line would look flat."""
    stretch, first = drawing.stretch, drawing.lines[0]
    own = np.concatenate([line_points(line, stretch)[1] for line in drawing.lines])
    if not own.size:
        return [-1.0, 1.0]
    low, high = float(own.min()), float(own.max())
    if drawing.is_shaded:
        chord = chord_values(first, stretch, line_points(first, stretch)[0])
        both = min(low, float(chord.min())), max(high, float(chord.max()))
        if both[1] - both[0] <= 4 * (high - low):
            low, high = both
    magnitude = max(float(np.abs(line.curve.values[:, line.output]).max()) for line in drawing.lines)
    axis = fit_axis([low, high], magnitude=magnitude)
    return [axis.low, axis.high]


def chord_values(line: Line, stretch: Stretch, position: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """The chords of a line at some positions, its baseline subtracted."""
    return line.curve.chord_at(position, line.output) - baseline_at(line, stretch, position)


def value_title(stretch: Stretch) -> str:
    """What the vertical axis shows, with its unit."""
    return f"{baseline_title(stretch)} (logit)"


def baseline_title(stretch: Stretch) -> str:
    """What is drawn."""
    return {"zero": "f", "chord": "f − chord", "view": "f − line of the view"}[stretch.baseline]
