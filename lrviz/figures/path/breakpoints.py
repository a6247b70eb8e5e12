"""The breakpoints along a path, a lane for every layer: counts when they are many, single ticks when they are few."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int
from matplotlib.axes import Axes

from lrviz.figures.path.data import Line
from lrviz.figures.style import QUIET, layer_colour, to_rgb
from lrviz.measures.curve import Curve

MAX_TICKS, NUM_BINS = 1200, 240
"""More breakpoints in the view are counted in bins."""

MAX_PRINTED, NUM_PRINTED_BINS = 5000, 480
"""The same in print."""

_LANE, _LEAST, _MOST = 19, 60, 210
"""Pixels of a lane, and of all of them at least and at most."""


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lanes:
    """The breakpoints of every layer.

    Attributes:
        number: Of all of them.
        knots: The knots of each layer, where they are few.
        counts: (L, B) how many there are in each bin, where they are many; None where they are few.
        edges: (B + 1,) of the bins.
    """

    number: int
    knots: tuple[np.ndarray, ...]
    counts: Int[np.ndarray, "layers bins"] | None
    edges: Float[np.ndarray, "bins_plus_1"]


def find_lanes(line: Line, shown: Sequence[float], max_ticks: int, num_bins: int) -> Lanes:
    """The breakpoints of a line in a part of its path: single ones up to some number, counts above it."""
    curve, num_layers = line.curve, len(line.layer_names)
    inner = curve.knots_between(shown[0], shown[1])
    layer, knots = curve.layer[inner], np.arange(inner.start, inner.stop)
    number, edges = int((layer >= 0).sum()), np.linspace(shown[0], shown[1], num_bins + 1)
    return Lanes(
        number=number, knots=tuple(knots[layer == k] for k in range(num_layers)), edges=edges,
        counts=None if number <= max_ticks else count_breakpoints(curve, edges, num_layers),
    )  # fmt: skip


def add_breakpoints(figure: go.Figure, row: int, line: Line, shown: Sequence[float]) -> None:
    """Add the lanes to a row of a figure.

    Args:
        figure: With subplots.
        row: Which of them.
        line: Whose breakpoints to show.
        shown: Lowest and highest position of the axis.
    """
    lanes = find_lanes(line, shown, MAX_TICKS, NUM_BINS)
    traces = _ticks(line, lanes) if lanes.counts is None else _heat_maps(line, lanes)
    note = f"{lanes.number:,} breakpoints" if line.curve.is_exact else "breakpoints are being found"
    if lanes.counts is not None:
        note += f", at most {lanes.counts.max():,} in {lanes.edges[1] - lanes.edges[0]:.3g} of length"
    figure.add_traces(traces, rows=row, cols=1)
    labelled, ends = _labelled(line, 10)
    figure.update_yaxes(
        row=row, range=ends, tickvals=labelled, ticktext=[f"layer {k}" for k in labelled], ticks="", fixedrange=True
    )
    figure.add_annotation(
        text=note, xref=f"x{row} domain", yref=f"y{row} domain", x=1, y=1, xanchor="right", yanchor="bottom",
        showarrow=False, font={"size": 10.5, "color": QUIET}, yshift=-2,
    )  # fmt: skip


def print_breakpoints(axes: Axes, line: Line, shown: Sequence[float]) -> None:
    """Draw the same in print."""
    lanes, colours = find_lanes(line, shown, MAX_PRINTED, NUM_PRINTED_BINS), _colours(line)
    labelled, ends = _labelled(line, 8)
    if lanes.counts is None:
        for lane, (knots, colour) in enumerate(zip(lanes.knots, colours, strict=True), 1):
            axes.eventplot(line.curve.position[knots], lineoffsets=lane, linelengths=0.8, linewidths=0.4, colors=colour)
    else:
        share = np.sqrt(lanes.counts / lanes.counts.max())
        image = 1 - share[..., None] * (1 - to_rgb(colours)[:, None] / 255)
        axes.imshow(image, extent=(shown[0], shown[1], *ends), aspect="auto", interpolation="none")
    axes.set(ylim=ends, yticks=labelled, ylabel="layer")


def _labelled(line: Line, most: int) -> tuple[list[int], tuple[float, float]]:
    """The lanes that have a label, from 1, and the ends of the axis, the first lane above, or room for one."""
    num_lanes = max(len(line.layer_names), 1)
    return list(range(1, len(line.layer_names) + 1, -(-num_lanes // most))), (num_lanes + 0.5, 0.5)


def _colours(line: Line) -> list[str]:
    return [layer_colour(layer) for layer in range(len(line.layer_names))]


def _heat_maps(line: Line, lanes: Lanes) -> list[go.Heatmap]:
    """A heat map for every layer in its colour, all on one scale: the square root, so that rare ones are seen."""
    counts, edges = lanes.counts, lanes.edges
    assert counts is not None
    return [
        go.Heatmap(
            x=(edges[1:] + edges[:-1]) / 2, y=[lane], z=counts[lane - 1 : lane], zmin=0, zmax=int(counts.max()),
            showscale=False, colorscale=_square_root_scale(colour), name=f"layer {lane}",
            hovertemplate=f"layer {lane} ({name}): %{{z:,}} breakpoints in {edges[1] - edges[0]:.3g} "
            "around %{x:.6g}<extra></extra>",
        )
        for lane, (name, colour) in enumerate(zip(line.layer_names, _colours(line), strict=True), 1)
    ]  # fmt: skip


def _ticks(line: Line, lanes: Lanes) -> list[go.Scatter]:
    """A tick for every breakpoint, in the lane and colour of its layer."""
    curve, num_layers = line.curve, len(line.layer_names)
    return [
        go.Scatter(
            x=curve.position[knots], y=np.full(len(knots), lane), mode="markers", showlegend=False,
            marker={
                "symbol": "line-ns", "size": 0.7 * rug_height(num_layers) / num_layers,
                "line": {"width": 1.2, "color": colour},
            },
            name=f"layer {lane}", hoverinfo="text",
            hovertext=[
                f"layer {lane} ({name}), unit {line.unit_name(int(unit))}<br>switches at {x:.10g}"
                for x, unit in zip(curve.position[knots], curve.unit[knots], strict=True)
            ],
        )
        for lane, (name, colour, knots) in enumerate(
            zip(line.layer_names, _colours(line), lanes.knots, strict=True), 1
        )
    ]  # fmt: skip


def _square_root_scale(colour: str) -> list[list[float | str]]:
    """From the ground to a colour, by the square root of the value."""
    red, green, blue = (int(part) for part in to_rgb([colour])[0])
    return [[float(share**2), f"rgba({red},{green},{blue},{share:.1f})"] for share in np.linspace(0, 1, 11)]
