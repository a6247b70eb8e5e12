"""Small figures beside the maps, on screen and in print: the slope of a region as an image, the histogram of a map."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, Int, UInt8
from matplotlib.figure import Figure, SubFigure
from plotly.subplots import make_subplots

from lrviz.figures.axis import logarithmic_ticks, tick_label, widen
from lrviz.figures.colouring import LOGARITHMIC, Colouring
from lrviz.figures.legend import bar_style
from lrviz.figures.paper import FONT_POINTS, as_is, typeset, wrap
from lrviz.figures.style import INK, Scale, colour_table, fit_scale, literal, plotly_scale, template, to_hex
from lrviz.results.regions import Regions

_NUM_BINS = 48
_SLOPE_MAP, _SLOPE_UNIT = "vik", "logit per unit of normalised input"
_COMPARED = ("region 1", "region 2", "difference")
_PLAIN = "#5b7c99"
"""Colour of bars that stand for no colour of the map."""

_BAR_WIDTH = 0.96
_LETTERS = "ABC"


# ---- the slope of a region ----


def slope_image(
    slope: Float[np.ndarray, "channels height width"], *, title: str | None = None, height: int = 300
) -> go.Figure:
    """The slope of one output over the pixels of the input, summed over the colour channels.

    Args:
        slope: Change of logit per unit of each normalised input.
        title: A heading.
        height: Height of the figure in pixels.
    """
    total, scale = _over_pixels(slope)
    figure = go.Figure(
        go.Heatmap(
            z=total, zmin=scale.low, zmax=scale.high, colorscale=plotly_scale(scale.name),
            hovertemplate="row %{y}, column %{x}<br>%{z:.3~g}<extra></extra>",
            colorbar={**bar_style(_SLOPE_UNIT), "nticks": 5},
        )
    )  # fmt: skip
    figure.update_layout(
        template=template(), title=title, height=height, margin={"l": 12, "r": 12, "t": 36 if title else 10, "b": 12}
    )
    figure.update_xaxes(showticklabels=False, ticks="", constrain="domain", scaleanchor="y")
    figure.update_yaxes(showticklabels=False, ticks="", constrain="domain", autorange="reversed")
    return figure


def print_slope(place: Figure | SubFigure, slope: Float[np.ndarray, "channels height width"], title: str) -> None:
    """The same in print."""
    from matplotlib.colors import ListedColormap  # noqa: PLC0415

    total, scale = _over_pixels(slope)
    axes = place.add_subplot()
    colours = ListedColormap(colour_table(scale.name) / 255)
    image = axes.imshow(total, cmap=colours, vmin=scale.low, vmax=scale.high, interpolation="none")
    axes.set(xticks=[], yticks=[])
    room = 0.9 * place.bbox.width / place.dpi
    axes.set_title(wrap(as_is(title), room, FONT_POINTS), fontsize="medium")
    unit = wrap(_SLOPE_UNIT, room, FONT_POINTS)
    place.colorbar(image, ax=axes, label=unit, location="bottom", pad=0.04, aspect=16).outline.set(visible=False)


def slope_comparison(
    one: Float[np.ndarray, "channels height width"], other: Float[np.ndarray, "channels height width"]
) -> go.Figure:
    """The slopes of one output in two regions on one scale, and their difference on its own.

    Args:
        one: Change of logit per unit of each normalised input, in the first region.
        other: The same in the second.
    """
    figure = make_subplots(1, 3, horizontal_spacing=0.04, subplot_titles=_COMPARED)
    for number, (total, scale, is_shared) in enumerate(_compare_over_pixels(one, other), 1):
        name = "coloraxis" if is_shared else "coloraxis2"
        hover = "row %{y}, column %{x}<br>%{z:.3~g}<extra></extra>"
        figure.add_trace(go.Heatmap(z=total, coloraxis=name, hovertemplate=hover), 1, number)
        left, right = (0.02, 0.64) if is_shared else (0.7, 1.0)
        bar = {
            **bar_style(""), "orientation": "h", "x": (left + right) / 2, "len": right - left, "y": -0.04,
            "yanchor": "top", "thickness": 8, "nticks": 5 if is_shared else 3, "tickangle": 0, "ypad": 0,
        }  # fmt: skip
        axis = {"cmin": scale.low, "cmax": scale.high, "colorscale": plotly_scale(scale.name), "colorbar": bar}
        figure.update_layout({name: axis})
    figure.update_layout(template=template(), height=220, margin={"l": 4, "r": 4, "t": 24, "b": 56})
    figure.add_annotation(
        text=_SLOPE_UNIT, xref="paper", yref="paper", x=0.5, y=0, yshift=-38, yanchor="top", showarrow=False,
        font={"size": 12},
    )  # fmt: skip
    figure.update_annotations(font_size=12)
    for number in (1, 2, 3):
        figure.update_xaxes(showticklabels=False, ticks="", constrain="domain", col=number)
        anchor = "x" if number == 1 else f"x{number}"
        figure.update_yaxes(
            showticklabels=False, ticks="", constrain="domain", autorange="reversed", scaleanchor=anchor, col=number
        )
    return figure


def print_slope_comparison(
    place: Figure | SubFigure,
    one: Float[np.ndarray, "channels height width"],
    other: Float[np.ndarray, "channels height width"],
    title: str,
) -> None:
    """The same in print."""
    from matplotlib.colors import ListedColormap  # noqa: PLC0415
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    all_axes = place.subplots(1, 3)
    for axes, name, (total, scale, is_shared) in zip(
        all_axes, _COMPARED, _compare_over_pixels(one, other), strict=True
    ):
        colours = ListedColormap(colour_table(scale.name) / 255)
        image = axes.imshow(total, cmap=colours, vmin=scale.low, vmax=scale.high, interpolation="none")
        axes.set(xticks=[], yticks=[])
        axes.set_title(name, fontsize="medium")
        if axes is not all_axes[0]:
            under, aspect = (list(all_axes[:2]), 32) if is_shared else (axes, 16)
            label = f"{title} ({_SLOPE_UNIT})" if is_shared else ""
            ticks = MaxNLocator(5 if is_shared else 2)
            bar = place.colorbar(image, ax=under, label=label, location="bottom", pad=0.04, aspect=aspect, ticks=ticks)
            bar.outline.set(visible=False)


def _compare_over_pixels(
    one: Float[np.ndarray, "channels h w"], other: Float[np.ndarray, "channels h w"]
) -> Iterator[tuple[Float[np.ndarray, "h w"], Scale, bool]]:
    """Each picture, its scale, and whether that is the one of both regions."""
    first, second = one.sum(0), other.sum(0)
    scale = fit_scale(np.stack([first, second]), _SLOPE_MAP, symmetric=True)
    yield first, scale, True
    yield second, scale, True
    yield second - first, fit_scale(second - first, _SLOPE_MAP, symmetric=True), False


def _over_pixels(slope: Float[np.ndarray, "channels h w"]) -> tuple[Float[np.ndarray, "h w"], Scale]:
    total = slope.sum(0)
    return total, fit_scale(total, _SLOPE_MAP, symmetric=True)


# ---- the images ----


def print_images(
    place: Figure | SubFigure, images: Sequence[UInt8[np.ndarray, "3 h w"]], labels: Sequence[str]
) -> None:
    """The images of a triplet under each other, with their letters and labels."""
    all_axes = place.subplots(len(images), 1, squeeze=False)[:, 0]
    for letter, axes, image, label in zip(_LETTERS, all_axes, images, labels, strict=True):
        axes.imshow(image.transpose(1, 2, 0), interpolation="none")
        axes.set(xticks=[], yticks=[])
        axes.set_title(as_is(f"{letter} {label}".strip()), fontsize="medium")


# ---- the histogram ----


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Bins:
    """How a quantity is distributed over regions; a logarithm has ticks that tell the number itself.

    Attributes:
        title: The quantity and its unit.
        middle: (B,) of every bin.
        counts: (B,) regions in it.
        colours: Of every bin.
        low: Where the axis begins.
        high: Where it ends.
        median: Of all regions; NaN if there is none.
        is_logarithm: Whether all these are logarithms of the quantity, to the base 10.
    """

    title: str
    middle: Float[np.ndarray, " bins"]
    counts: Int[np.ndarray, " bins"]
    colours: list[str]
    low: float
    high: float
    median: float
    is_logarithm: bool

    def told(self, value: float) -> str:
        """A value of the axis in words."""
        return f"{10**value if self.is_logarithm else value:.3g}"

    @property
    def ticks(self) -> tuple[list[float], list[str]]:
        """Where a logarithmic axis has ticks, and what they say."""
        ticks = logarithmic_ticks(10**self.low, 10**self.high)
        return np.log10(ticks).tolist(), [tick_label(tick) for tick in ticks]


def _bin(regions: Regions, colouring: Colouring) -> _Bins:
    values, title = colouring.values, colouring.title
    if values is None:
        values, title = np.log10(np.maximum(regions.area, 1e-300)), "log10 area (squared L2 distance)"
    finite = values[np.isfinite(values)]
    scale = colouring.scale or fit_scale(finite, "oslo")
    is_logarithm = colouring.values is None or colouring.quantity in (*LOGARITHMIC, "density")
    low, high = widen(scale.low, scale.high) if is_logarithm else (scale.low, scale.high)
    counts, edges = np.histogram(np.clip(finite, scale.low, scale.high), _NUM_BINS, (low, high))
    middle = (edges[1:] + edges[:-1]) / 2
    return _Bins(
        title=title.replace("log10 of ", "").replace("log10 ", ""), middle=middle, counts=counts, low=low,
        colours=[to_hex(rgb) for rgb in scale.colours(middle)] if colouring.scale else [_PLAIN] * _NUM_BINS,
        high=high, median=float(np.median(finite)) if finite.size else np.nan, is_logarithm=is_logarithm,
    )  # fmt: skip


def histogram(regions: Regions, colouring: Colouring, *, height: int = 300) -> go.Figure:
    """How the shown quantity is distributed over the regions, in the colours of the map.

    A categorical colouring gives the area of each category; colouring by region gives the distribution of the area.
    """
    if colouring.quantity == "class":
        figure = _area_by_class(regions, colouring)
    else:
        figure = _distribution(_bin(regions, colouring))
    figure.update_layout(template=template(), height=height, margin={"t": 12, "r": 12}, bargap=0.04, showlegend=False)
    return figure


def print_histogram(place: Figure | SubFigure, regions: Regions, colouring: Colouring) -> None:
    """The same in print."""
    axes = place.add_subplot()
    if colouring.quantity == "class":
        names, colours, shares = _shares(regions, colouring)
        axes.barh(names, shares, color=colours)
        axes.invert_yaxis()
        axes.set(xlabel="share of the area", xlim=(0, 1))
        return
    bins = _bin(regions, colouring)
    step = (bins.high - bins.low) / len(bins.counts)
    axes.bar(bins.middle, bins.counts, _BAR_WIDTH * step, color=bins.colours)
    title = wrap(bins.title, 0.7 * place.bbox.width / place.dpi, FONT_POINTS)
    axes.set(xlabel=typeset(title), ylabel="regions", xlim=(bins.low, bins.high))
    if bins.is_logarithm:
        axes.set_xticks(*bins.ticks)
    if np.isfinite(bins.median):
        axes.axvline(bins.median, color=INK, linewidth=0.6, linestyle=":")
        axes.set_title(f"median {bins.told(bins.median)}", fontsize="medium")


def _shares(regions: Regions, colouring: Colouring) -> tuple[list[str], list[str], list[float]]:
    """Name, colour and share of the area of every class."""
    area = np.bincount(regions.predicted, regions.area)
    shares = np.sort(area[area > 0])[::-1] / (area.sum() or 1.0)  # as the classes are listed, the largest first
    return (
        [name for name, _ in colouring.categories],
        [colour for _, colour in colouring.categories],
        shares.tolist(),
    )


def _area_by_class(regions: Regions, colouring: Colouring) -> go.Figure:
    names, colours, shares = _shares(regions, colouring)
    figure = go.Figure(
        go.Bar(
            x=shares, y=names, orientation="h", marker={"color": colours},
            hovertemplate="%{y}: %{x:.1%}<extra></extra>",
        )
    )  # fmt: skip
    figure.update_xaxes(title="share of the area", tickformat=".0%", range=[0, 1])
    figure.update_yaxes(autorange="reversed")
    return figure


def _distribution(bins: _Bins) -> go.Figure:
    figure = go.Figure(
        go.Bar(
            x=bins.middle, y=bins.counts, marker={"color": bins.colours, "line": {"width": 0}},
            customdata=[bins.told(value) for value in bins.middle],
            hovertemplate="%{customdata}: %{y:,} regions<extra></extra>",
        )
    )  # fmt: skip
    if np.isfinite(bins.median):
        on_left = bins.median > (bins.low + bins.high) / 2
        figure.add_vline(x=bins.median, line={"width": 1, "color": INK, "dash": "dot"})
        figure.add_annotation(
            text=f"median {bins.told(bins.median)}", x=bins.median, y=1, yref="paper", yanchor="top", showarrow=False,
            xanchor="right" if on_left else "left", xshift=-4 if on_left else 4, font={"size": 11},
        )  # fmt: skip
    ticks = dict(zip(("tickvals", "ticktext"), bins.ticks, strict=True)) if bins.is_logarithm else {}
    figure.update_xaxes(title=literal(bins.title), range=[bins.low, bins.high], **ticks)
    figure.update_yaxes(title="regions", tickformat="~s")
    return figure
