"""Small figures beside the maps: the slope of a region as an image, and the histogram of what is shown."""

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from lrviz.figures.colouring import Colouring
from lrviz.figures.legend import bar_style
from lrviz.figures.style import INK, fit_scale, plotly_scale, template, to_hex
from lrviz.results.regions import Regions


def slope_image(
    slope: Float[np.ndarray, "channels height width"], *, title: str | None = None, height: int = 300
) -> go.Figure:
    """The slope of one output over the pixels of the input, summed over the colour channels.

    Args:
        slope: change of logit per unit of each normalised input.
        title: a heading.
        height: height of the figure in pixels.
    """
    total = slope.sum(0)
    scale = fit_scale(total, "vik", symmetric=True)
    figure = go.Figure(
        go.Heatmap(
            z=total, zmin=scale.low, zmax=scale.high, colorscale=plotly_scale(scale.name),
            hovertemplate="row %{y}, column %{x}<br>%{z:.3~g}<extra></extra>",
            colorbar={**bar_style("logit per unit of the pixel"), "nticks": 5},
        )
    )  # fmt: skip
    figure.update_layout(
        template=template(), title=title, height=height, margin={"l": 12, "r": 12, "t": 36 if title else 10, "b": 12}
    )
    figure.update_xaxes(showticklabels=False, ticks="", constrain="domain", scaleanchor="y")
    figure.update_yaxes(showticklabels=False, ticks="", constrain="domain", autorange="reversed")
    return figure


def histogram(regions: Regions, colouring: Colouring, *, num_bins: int = 48, height: int = 300) -> go.Figure:
    """How the shown quantity is distributed over the regions, in the colours of the map.

    A categorical colouring gives the area of each category; colouring by region gives the distribution of the area.
    """
    if colouring.quantity == "class":
        figure = _area_by_class(regions, colouring)
    else:
        figure = _distribution(regions, colouring, num_bins)
    figure.update_layout(template=template(), height=height, margin={"t": 12, "r": 12}, bargap=0.04, showlegend=False)
    return figure


def _area_by_class(regions: Regions, colouring: Colouring) -> go.Figure:
    area = {colour: 0.0 for _, colour in colouring.categories}
    for rgb in np.unique(colouring.rgb, axis=0):
        area[to_hex(rgb)] = float(regions.area[(colouring.rgb == rgb).all(1)].sum())
    names, colours = zip(*colouring.categories, strict=True) if colouring.categories else ((), ())
    share = np.array([area[colour] for colour in colours]) / (regions.area.sum() or 1.0)
    figure = go.Figure(
        go.Bar(
            x=share, y=names, orientation="h", marker={"color": colours}, hovertemplate="%{y}: %{x:.1%}<extra></extra>"
        )
    )
    figure.update_xaxes(title="share of the area", tickformat=".0%", range=[0, 1])
    figure.update_yaxes(autorange="reversed")
    return figure


def _distribution(regions: Regions, colouring: Colouring, num_bins: int) -> go.Figure:
    values, title = colouring.values, colouring.title
    if values is None:
        values, title = np.log10(np.maximum(regions.area, 1e-300)), "log10 area (squared L2 distance)"
    finite = values[np.isfinite(values)]
    scale = colouring.scale or fit_scale(finite, "oslo")
    counts, edges = np.histogram(np.clip(finite, scale.low, scale.high), num_bins, (scale.low, scale.high))
    middle = (edges[1:] + edges[:-1]) / 2
    colours = [to_hex(rgb) for rgb in scale.colours(middle)] if colouring.scale else "#5b7c99"
    figure = go.Figure(
        go.Bar(
            x=middle, y=counts, marker={"color": colours, "line": {"width": 0}},
            hovertemplate="%{x:.3~g}: %{y:,} regions<extra></extra>",
        )
    )  # fmt: skip
    if finite.size:
        median = float(np.median(finite))
        on_left = median > (scale.low + scale.high) / 2
        figure.add_vline(x=median, line={"width": 1, "color": INK, "dash": "dot"})
        figure.add_annotation(
            text=f"median {median:.3g}", x=median, y=1, yref="paper", yanchor="top", showarrow=False,
            xanchor="right" if on_left else "left", xshift=-4 if on_left else 4, font={"size": 11},
        )  # fmt: skip
    figure.update_xaxes(title=title, range=[scale.low, scale.high])
    figure.update_yaxes(title="regions", tickformat="~s")
    return figure
