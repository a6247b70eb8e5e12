"""Results in a notebook: a small picture, and a line of numbers under it."""

from collections.abc import Sequence
from functools import singledispatch
from html import escape

import numpy as np

from lrviz.figures.colouring import colour_regions
from lrviz.figures.rasterise import data_uri, with_alpha
from lrviz.figures.region_map.data import paint, window_bounds
from lrviz.figures.style import class_colour, class_colours
from lrviz.measures.curve import exact_curve, thin
from lrviz.results.archive import Archive
from lrviz.results.pieces import PathPieces, Pieces
from lrviz.results.regions import Regions
from lrviz.results.samples import Samples

_SIDE = 320
_HEIGHT = 140


def show(result: Archive) -> str:
    """A result as HTML."""
    facts = escape(" · ".join(result.facts()))
    return f"<figure>{picture(result)}<figcaption>{type(result).__name__}: {facts}</figcaption></figure>"


@singledispatch
def picture(result: Archive) -> str:
    """A small picture of a result as HTML; nothing where there is nothing to see."""
    return ""


@picture.register
def _(result: Regions) -> str:
    if len(result) == 0:
        return ""
    image = paint(result, colour_regions(result, "region"), "thin", window_bounds(result), side=_SIDE)
    return _image(image, "the regions of the window")


@picture.register
def _(result: Samples) -> str:
    rgb = class_colours(result.values.shape[2])[result.predicted]
    return _image(with_alpha(rgb, result.predicted >= 0), "the predicted class at every pixel")


@picture.register
def _(result: Pieces) -> str:
    return _lines(result.length * result.breakpoints, result.values) if len(result) else ""


@picture.register
def _(result: PathPieces) -> str:
    if len(result) == 0:
        return ""
    curve = exact_curve(result)
    return _lines(curve.position, curve.values)


def _image(pixels: np.ndarray, text: str) -> str:
    height, width = (round(_SIDE * size / max(pixels.shape[:2])) for size in pixels.shape[:2])
    return f'<img src="{data_uri(pixels)}" alt="{text}" width="{max(width, 1)}" height="{max(height, 1)}">'


def _lines(position: np.ndarray, values: np.ndarray) -> str:
    """All outputs against the distance along the path."""
    low, extent = values.min(), np.ptp(values) or 1.0
    lines = []
    for output, column in enumerate(values.T):
        x, y = thin(position, column, _SIDE)
        points = _points(_SIDE * x / position[-1], _HEIGHT * (1 - (y - low) / extent))
        colour = class_colour(output)
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.2"/>')
    label = 'role="img" aria-label="all outputs along the path"'
    return f'<svg {label} viewBox="0 -4 {_SIDE} {_HEIGHT + 8}" width="{_SIDE}">{"".join(lines)}</svg>'


def _points(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
