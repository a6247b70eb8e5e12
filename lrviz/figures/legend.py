"""The legend and the colour bar of a colouring, on screen and in print."""

from collections.abc import Sequence

import plotly.graph_objects as go
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Patch

from lrviz.figures.colouring import Colouring
from lrviz.figures.paper import FONT_POINTS, as_is, wrap
from lrviz.figures.style import FAINT, Scale, colour_table, literal, plotly_scale

_BAR_PIXELS = 370
_MOST_ENTRIES = 14
"""On screen; of more categories the first are listed, which have the largest share."""
_MOST_COLUMNS = 8
_LEGEND_SHARE = 0.35
"""Entries side by side in a printed legend, and the share of a figure's height that it takes, at most."""
_AXIS_INCHES = 0.45
"""What the axis below a printed map takes."""


def legend(colouring: Colouring, *, narrow: bool = False, most: int = _MOST_ENTRIES) -> list[go.Scatter]:
    """An empty trace that carries the colour bar, or one for each category; lower if a legend stands above it."""
    same = {"x": [None], "y": [None], "mode": "markers", "hoverinfo": "skip"}
    if colouring.scale is not None:
        return [go.Scatter(showlegend=False, marker=_bar(colouring.scale, colouring.title, narrow=narrow), **same)]
    square = {"symbol": "square", "size": 11}
    shown, more = colouring.categories[:most], len(colouring.categories) - most
    entries = [go.Scatter(name=literal(name), marker={"color": colour, **square}, **same) for name, colour in shown]
    if more > 0:
        entries.append(go.Scatter(name=f"and {more} smaller", marker={"color": "rgba(0,0,0,0)", **square}, **same))
    return entries


def bar_style(title: str) -> dict:
    """How Plotly draws every colour bar."""
    return {
        "title": {"text": literal(title), "side": "right", "font": {"size": 12}}, "thickness": 12, "outlinewidth": 0,
        "ticks": "outside", "ticklen": 3, "tickcolor": FAINT, "tickfont": {"size": 11}, "xpad": 4,
    }  # fmt: skip


def _bar(scale: Scale, title: str, *, narrow: bool) -> dict:
    """Marker settings that make Plotly draw the colour bar of a scale."""
    return {
        "color": [scale.low],
        "cmin": scale.low,
        "cmax": scale.high,
        "colorscale": plotly_scale(scale.name),
        "showscale": True,
        "size": 0.01,
        "colorbar": {
            **bar_style(title), "x": 1.01, "nticks": 7, "exponentformat": "power", "lenmode": "pixels",
            "len": _BAR_PIXELS - (110 if narrow else 0), "yanchor": "top", "y": 0.70 if narrow else 1.0,
        },
    }  # fmt: skip


def print_legend(figure: Figure | SubFigure, colouring: Colouring, others: Sequence[Artist] = ()) -> None:
    """The categories of a colouring below all else, after other entries."""
    print_entries(
        figure, [*others, *(Patch(facecolor=colour, label=as_is(name)) for name, colour in colouring.categories)]
    )


def print_entries(figure: Figure | SubFigure, handles: Sequence[Artist]) -> None:
    """In as many columns as the figure is wide for, and of as many entries as it is high for."""
    if not handles:
        return
    for num_columns in range(min(len(handles), _MOST_COLUMNS), 0, -1):
        legend = figure.legend(handles=handles, loc="outside lower center", ncols=num_columns, frameon=False)
        size = legend.get_window_extent()
        if size.width <= figure.bbox.width or num_columns == 1:
            break
        legend.remove()
    if size.width > figure.bbox.width and _shorten(handles, figure.bbox.width / size.width):
        legend.remove()
        print_entries(figure, handles)
        return
    num_rows = -(-len(handles) // num_columns)
    most_rows = max(int(_LEGEND_SHARE * figure.bbox.height / (size.height / num_rows)), 1)
    if num_rows > most_rows and len(handles) > 2:
        legend.remove()
        shown = max(most_rows * num_columns - 1, 1)
        rest = Patch(facecolor="none", label=f"and {len(handles) - shown} more")
        print_entries(figure, [*handles[:shown], rest])


def _shorten(handles: Sequence[Artist], share: float) -> bool:
    """Leave a share of the longest label's characters to every label; whether any became shorter."""
    labels = [str(handle.get_label()) for handle in handles]
    most = int(share * max(map(len, labels))) - 2
    for handle, label in zip(handles, labels, strict=True):
        if len(label) > most > 0:
            handle.set_label(label[:most].rstrip("\\") + "…")
    return any(len(label) > most > 0 for label in labels)


def print_bar(figure: Figure | SubFigure, axes: Sequence[Axes], colouring: Colouring, *, aspect: float = 28) -> None:
    """The labelled colour bar of a continuous quantity beside some axes, of a figure that has its legend already."""
    if colouring.scale is None:
        return
    colormap = ListedColormap(colour_table(colouring.scale.name) / 255)
    mappable = ScalarMappable(Normalize(colouring.scale.low, colouring.scale.high), colormap)
    below = sum(legend.get_window_extent().height for legend in figure.legends)
    length = (figure.bbox.height - below) / figure.dpi - _AXIS_INCHES
    label = wrap(as_is(colouring.title), length, FONT_POINTS)
    bar = figure.colorbar(mappable, ax=list(axes), label=label, pad=0.02, aspect=aspect)
    bar.outline.set(visible=False)
    if bar.solids is not None:
        bar.solids.set(rasterized=False, edgecolor="face")
