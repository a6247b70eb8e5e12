"""The breakpoints along a path, a lane for every layer: counts when they are many, single ticks when they are few."""

from collections.abc import Callable, Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int

from lrviz.figures.style import LAYER_COLOURS, to_hex, to_rgb
from lrviz.measures.curve import Curve

MAX_TICKS = 1200
"""More breakpoints in the view are counted in bins."""

NUM_BINS = 240
_LANE, _LEAST, _MOST = 19, 60, 210


def rug_height(num_layers: int) -> int:
    """Pixels that the lanes of so many layers take."""
    return int(np.clip(_LANE * num_layers, _LEAST, _MOST))


def count_breakpoints(
    curve: Curve, edges: Float[np.ndarray, "bins_plus_1"], num_layers: int
) -> Int[np.ndarray, "layers bins"]:
    """How many breakpoints of each layer lie in each bin."""
    bins = np.searchsorted(edges, curve.position, side="right") - 1
    inside = (curve.layer >= 0) & (bins >= 0) & (bins < len(edges) - 1)
    flat = np.bincount(curve.layer[inside] * (len(edges) - 1) + bins[inside], minlength=num_layers * (len(edges) - 1))
    return flat.reshape(num_layers, len(edges) - 1)


def add_breakpoints(
    figure: go.Figure,
    row: int,
    curve: Curve,
    shown: Sequence[float],
    layer_names: tuple[str, ...],
    unit_name: Callable[[int], str],
) -> None:
    """Add the lanes to a row of a figure.

    Args:
        figure: with subplots.
        row: which of them.
        curve: whose knots to show.
        shown: lowest and highest position of the axis.
        layer_names: names of the layers.
        unit_name: names a unit.
    """
    inner = curve.knots_between(shown[0], shown[1])
    number = int((curve.layer[inner] >= 0).sum())
    if number <= MAX_TICKS:
        traces = _ticks(curve, inner, layer_names, unit_name)
        note = f"{number:,} breakpoints"
    else:
        edges = np.linspace(shown[0], shown[1], NUM_BINS + 1)
        counts = count_breakpoints(curve, edges, len(layer_names))
        traces = _lanes(counts, edges, layer_names)
        note = f"{number:,} breakpoints, darkest: {counts.max():,} in {edges[1] - edges[0]:.3g} of length"
    figure.add_traces(traces, rows=[row] * len(traces), cols=[1] * len(traces))
    _label_lanes(figure, row, len(layer_names), note if curve.is_exact else "breakpoints are being found")


def _lanes(counts: Int[np.ndarray, "layers bins"], edges: np.ndarray, layer_names: tuple[str, ...]) -> list[go.Heatmap]:
    """A heat map for every layer in its colour, all on one scale: the square root, so that rare ones are seen."""
    middle = (edges[1:] + edges[:-1]) / 2
    return [
        go.Heatmap(
            x=middle, y=[layer + 1], z=counts[layer : layer + 1], zmin=0, zmax=int(counts.max()), showscale=False,
            colorscale=_square_root_scale(layer_colour(layer)), name=f"layer {layer + 1}",
            hovertemplate=f"layer {layer + 1} ({name}): %{{z:,}} breakpoints in {edges[1] - edges[0]:.3g} "
            "around %{x:.6g}<extra></extra>",
        )
        for layer, name in enumerate(layer_names)
    ]  # fmt: skip


def _ticks(
    curve: Curve, inner: slice, layer_names: tuple[str, ...], unit_name: Callable[[int], str]
) -> list[go.Scatter]:
    """A tick for every breakpoint, in the lane and colour of its layer."""
    traces = []
    for layer, name in enumerate(layer_names):
        chosen = np.arange(inner.start, inner.stop)[curve.layer[inner] == layer]
        traces.append(
            go.Scatter(
                x=curve.position[chosen], y=np.full(len(chosen), layer + 1), mode="markers", showlegend=False,
                marker={
                    "symbol": "line-ns", "size": 0.7 * rug_height(len(layer_names)) / len(layer_names),
                    "line": {"width": 1.2, "color": layer_colour(layer)},
                },
                name=f"layer {layer + 1}", hoverinfo="text",
                hovertext=[
                    f"layer {layer + 1} ({name}), unit {unit_name(int(unit))}<br>switches at {x:.10g}"
                    for x, unit in zip(curve.position[chosen], curve.unit[chosen], strict=True)
                ],
            )
        )  # fmt: skip
    return traces


def _square_root_scale(colour: str) -> list[list[float | str]]:
    """From white to a colour, by the square root of the value."""
    share = np.linspace(0, 1, 11)
    rgb = to_rgb(["#ffffff", colour]).astype(float)
    steps = np.rint(rgb[0] + share[:, None] * (rgb[1] - rgb[0])).astype(np.uint8)
    return [[float(x * x), to_hex(step)] for x, step in zip(share, steps, strict=True)]


def layer_colour(layer: int) -> str:
    """The colour of a layer, from 0."""
    return LAYER_COLOURS[layer % len(LAYER_COLOURS)]


def _label_lanes(figure: go.Figure, row: int, num_layers: int, note: str) -> None:
    step = -(-num_layers // 10)
    lanes = list(range(1, num_layers + 1, step))
    figure.update_yaxes(
        row=row,
        range=[num_layers + 0.5, 0.5],
        tickvals=lanes,
        ticktext=[f"layer {k}" for k in lanes],
        ticks="",
        fixedrange=True,
    )
    figure.add_annotation(
        text=note, xref=f"x{row} domain", yref=f"y{row} domain", x=1, y=1, xanchor="right", yanchor="bottom",
        showarrow=False, font={"size": 10.5, "color": "#5b6875"}, yshift=-2,
    )  # fmt: skip
