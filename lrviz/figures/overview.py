"""The whole triangle of a triplet, sampled: a picture with the three images at its corners."""

from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Polygon, Rectangle

from lrviz.figures.boundary import outlines, print_outlines
from lrviz.figures.colouring import Colouring, class_name, colour_numbers, colour_predicted
from lrviz.figures.frame import frame_plane, placed, print_frame, print_image
from lrviz.figures.legend import legend, print_legend
from lrviz.figures.rasterise import data_uri, pixel_bounds, with_alpha
from lrviz.figures.style import ACCENT, FAINT, INK, literal
from lrviz.measures.class_map import class_outlines
from lrviz.results.samples import Samples

OVERVIEW_QUANTITIES = ("class", "slope", "margin")
_TITLES = {
    "slope": "slope of the predicted class (logit per unit L2 distance)",
    "margin": "margin of the predicted class (logit)",
}
_MAPS = {"slope": "batlow", "margin": "devon_r"}
_THUMBNAIL = 0.17
_ASPECT = 1.16
"""Width over height of what is shown, so that the frame fills its half of the page."""
_LETTERS = "ABC"
_MOST_CLASSES, _FEW_CLASSES = 10, 7
"""Classes that a legend in the picture lists, and how many of more than these, so that the triangle stays in sight."""

_TOO_SMALL = 0.04
"""A window below this share of what is shown is ringed."""


def overview(
    samples: Samples,
    quantity: str,
    *,
    images: tuple[UInt8[np.ndarray, "3 h w"], ...] = (),
    labels: tuple[str, ...] = (),
    class_names: tuple[str, ...] = (),
    title: str | None = None,
    height: int = 560,
) -> go.Figure:
    """Draw a sampled triangle.

    Args:
        samples: The network at the pixels of the triangle's bounding box.
        quantity: One of `OVERVIEW_QUANTITIES`.
        images: The triplet, 0 to 255.
        labels: What to call the three images, such as their classes.
        class_names: Names of the outputs.
        title: A heading.
        height: Height of the figure in pixels.
    """
    figure = go.Figure()
    colouring = colour_overview(samples, quantity, class_names)
    figure.add_layout_image(_pixel_picture(samples, colouring))
    figure.add_traces(outlines(class_outlines(samples.predicted, samples.u, samples.v, samples.values)))
    all_fit = len(colouring.categories) <= _MOST_CLASSES
    figure.add_traces(legend(colouring, most=_MOST_CLASSES if all_fit else _FEW_CLASSES))
    figure.add_trace(_hover(samples, quantity, class_names))
    figure.add_trace(_triangle(samples.window))
    bounds = _add_corners(figure, samples.window, images, labels)
    frame_plane(figure, bounds, title=title, height=height)
    apex = samples.window[:, 0][samples.window[:, 1].argmax()]
    side = {"x": 0.985, "xanchor": "right"} if apex < bounds[:, 0].mean() else {"x": 0.015, "xanchor": "left"}
    figure.update_xaxes(constraintoward=side["xanchor"])
    figure.update_layout(hoverdistance=4, legend={**side, "y": 0.985, "bgcolor": "rgba(255,255,255,0.8)"})
    return figure


def blank_overview(
    triangle: Float[np.ndarray, "3 2"],
    *,
    images: tuple[UInt8[np.ndarray, "3 h w"], ...] = (),
    labels: tuple[str, ...] = (),
    height: int = 560,
) -> go.Figure:
    """The triangle and its images before anything is sampled."""
    figure = go.Figure(_triangle(triangle))
    bounds = _add_corners(figure, triangle, images, labels)
    frame_plane(figure, bounds, title=None, height=height)
    return figure


def with_window(drawn: go.Figure, window: Float[np.ndarray, "corners 2"]) -> go.Figure:
    """An overview with a window (C, 2) outlined in it, and a ring around that when it is too small to see."""
    figure = go.Figure(drawn)
    (u0, v0), (u1, v1) = window.min(0), window.max(0)
    left, right = figure.layout.xaxis.range
    figure.add_shape(
        type="path", path="M" + " L".join(f"{u},{v}" for u, v in window) + " Z", line={"width": 2, "color": ACCENT}
    )
    if max(u1 - u0, v1 - v0) < _TOO_SMALL * (right - left):
        figure.add_trace(
            go.Scatter(
                x=[(u0 + u1) / 2], y=[(v0 + v1) / 2], mode="markers", hoverinfo="skip", showlegend=False, name="window",
                marker={"size": 20, "color": "rgba(0,0,0,0)", "line": {"width": 2, "color": ACCENT}},
                selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
            )
        )  # fmt: skip
    figure.add_annotation(
        x=(u0 + u1) / 2, y=v1, text="window", showarrow=False, yanchor="bottom", yshift=9,
        font={"size": 11, "color": ACCENT}, bgcolor="rgba(255,255,255,0.85)", borderpad=2, bordercolor=FAINT,
    )  # fmt: skip
    return figure


def pixel_values(samples: Samples, quantity: str) -> Float[np.ndarray, "height width"]:
    """A continuous quantity (H, W) of the predicted class at every pixel; NaN outside."""
    inside = samples.predicted >= 0
    if quantity == "margin":
        top = np.sort(samples.values, axis=2)[..., -2:] if samples.values.shape[2] > 1 else samples.values
        values = top[..., -1] - top[..., 0]
    else:
        best = np.maximum(samples.predicted, 0)[..., None, None]
        values = np.linalg.norm(np.take_along_axis(samples.slope, best, 2)[..., 0, :], axis=2)
    return np.where(inside, values, np.nan)


def colour_overview(samples: Samples, quantity: str, class_names: tuple[str, ...] = ()) -> Colouring:
    """The colour of every pixel, row by row."""
    if quantity == "class":
        return colour_predicted(samples.predicted, samples.values.shape[2], class_names)
    values = pixel_values(samples, quantity).ravel()
    return colour_numbers(values, _MAPS[quantity], quantity=quantity, title=_TITLES[quantity])


def _pixel_picture(samples: Samples, colouring: Colouring) -> dict:
    """The pixels as a layout image, drawn larger with sharp corners so that a coarse sampling looks like one."""
    pixels = with_alpha(colouring.rgb.reshape(*samples.predicted.shape, 3), samples.predicted >= 0)
    enlarge = max(1, 512 // max(samples.predicted.shape))
    bounds = pixel_bounds(samples.u, samples.v, samples.window)
    return placed(pixels.repeat(enlarge, 0).repeat(enlarge, 1), bounds)


def _hover(samples: Samples, quantity: str, class_names: tuple[str, ...]) -> go.Heatmap:
    """Unseen pixels that answer the pointer: what is coloured comes first, and in bold."""
    names = np.array([*(literal(class_name(k, class_names)) for k in range(samples.values.shape[2])), ""], dtype=object)
    measured = "slope" if quantity == "class" else quantity
    values = pixel_values(samples, measured).astype(np.float32)
    name, _, unit = _TITLES[measured].partition(" (")
    lines = ["predicted class %{text}", f"{name} %{{z:.3~g}} {unit.rstrip(')')}"]
    first, second = lines if quantity == "class" else lines[::-1]
    return go.Heatmap(
        x=samples.u, y=samples.v, z=values, text=names[samples.predicted], opacity=0, showscale=False,
        hoverongaps=False,
        hovertemplate=f"<b>{first}</b><br>{second}<br>u %{{x:.3~f}}, v %{{y:.3~f}} (sampled)<extra></extra>",
    )  # fmt: skip


def _triangle(corners: Float[np.ndarray, "corners 2"]) -> go.Scatter:
    u, v = np.vstack([corners, corners[:1]]).T
    return go.Scatter(
        x=u, y=v, mode="lines+markers", hoverinfo="skip", showlegend=False, name="triangle",
        line={"width": 1.2, "color": INK}, marker={"size": 5, "color": INK},
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
    )  # fmt: skip


class _Corners(NamedTuple):
    """Where the three images stand, outside their corners.

    Attributes:
        places: U of the left and v of the upper side of each.
        size: Of each, in units of the plane.
        bounds: What holds everything.
    """

    places: list[tuple[float, float]]
    size: float
    bounds: Float[np.ndarray, "2 2"]


def _place_images(corners: Float[np.ndarray, "3 2"], number: int) -> _Corners:
    low, high = corners.min(0), corners.max(0)
    size = _THUMBNAIL * float((high - low).max())
    margin = 0.04 * (high - low).max()
    places = []
    for corner in corners[:number]:
        away = corner - corners.mean(0)
        away = away / (np.linalg.norm(away) or 1.0)
        middle = corner + away * size * 0.72 / np.abs(away).max()
        left, top = (float(x) for x in (middle[0] - size / 2, middle[1] + size / 2))
        places.append((left, top))
        low = np.minimum(low, [left, top - size])
        high = np.maximum(high, [left + size, top + 0.45 * size])
    return _Corners(places, size, _with_aspect(np.stack([low - margin, high + margin])))


def _add_corners(
    figure: go.Figure, corners: np.ndarray, images: tuple[np.ndarray, ...], labels: tuple[str, ...]
) -> Float[np.ndarray, "2 2"]:
    """Put the images outside their corners; return the bounds that hold everything."""
    places, size, bounds = _place_images(corners, len(images))
    for number, (image, (left, top)) in enumerate(zip(images, places, strict=True)):
        enlarged = np.repeat(np.repeat(image.transpose(1, 2, 0), 4, 0), 4, 1)
        figure.add_layout_image(
            source=data_uri(enlarged, flip=False), xref="x", yref="y", x=left, y=top, sizex=size, sizey=size,
            sizing="stretch", layer="above",
        )  # fmt: skip
        figure.add_shape(type="rect", x0=left, x1=left + size, y0=top - size, y1=top, line={"width": 1, "color": INK})
        figure.add_annotation(
            x=left + size / 2, y=top, yanchor="bottom", showarrow=False, font={"size": 12},
            text=f"<b>{_LETTERS[number]}</b> {literal(labels[number]) if number < len(labels) else ''}".strip(),
        )  # fmt: skip
    return bounds


def print_overview(
    place: Figure | SubFigure,
    samples: Samples,
    *,
    images: tuple[UInt8[np.ndarray, "3 h w"], ...] = (),
    class_names: tuple[str, ...] = (),
    window: Float[np.ndarray, "corners 2"] | None = None,
) -> None:
    """The predicted classes of a sampled triangle in print, with the images at its corners and the window in it."""
    axes, colouring = place.add_subplot(), colour_overview(samples, "class", class_names)
    pixels = with_alpha(colouring.rgb.reshape(*samples.predicted.shape, 3), samples.predicted >= 0)
    print_image(axes, pixels, pixel_bounds(samples.u, samples.v, samples.window))
    print_outlines(axes, class_outlines(samples.predicted, samples.u, samples.v, samples.values))
    axes.add_patch(Polygon(samples.window, fill=False, edgecolor=INK, linewidth=0.6))
    places, size, bounds = _place_images(samples.window, len(images))
    for number, (image, (left, top)) in enumerate(zip(images, places, strict=True)):
        extent = (left, left + size, top - size, top)
        axes.imshow(image.transpose(1, 2, 0), extent=extent, interpolation="none", zorder=4)
        axes.add_patch(Rectangle((left, top - size), size, size, fill=False, edgecolor=INK, linewidth=0.5, zorder=5))
        above: dict[str, Any] = {"xytext": (0, 1), "textcoords": "offset points", "ha": "center", "fontsize": "small"}
        axes.annotate(_LETTERS[number], (left + size / 2, top), **above)
    if window is not None:
        _print_window(axes, window, bounds)
    print_frame(axes, bounds, num_ticks=4)
    print_legend(place, colouring)


def _print_window(axes: Axes, window: Float[np.ndarray, "corners 2"], bounds: Float[np.ndarray, "2 2"]) -> None:
    axes.add_patch(Polygon(window, fill=False, edgecolor=ACCENT, linewidth=1.0, zorder=6))
    if float(np.ptp(window, axis=0).max()) < _TOO_SMALL * float((bounds[1] - bounds[0]).max()):
        u, v = (window.min(0) + window.max(0)) / 2
        axes.plot([u], [v], marker="o", markersize=9, markerfacecolor="none", markeredgecolor=ACCENT, zorder=6)


def _with_aspect(bounds: Float[np.ndarray, "2 2"]) -> Float[np.ndarray, "2 2"]:
    """The smallest bounds of the usual aspect around given ones."""
    width, height = bounds[1] - bounds[0]
    grown = np.array([max(width, height * _ASPECT), max(height, width / _ASPECT)])
    return bounds.mean(0) + np.array([[-0.5], [0.5]]) * grown
