"""Convex polygons as pixels: which polygon each pixel centre lies in."""

import base64
import io

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from lrviz.geometry.polygons import next_vertex, polygon_of


def label_pixels(
    coordinates: Float[np.ndarray, "vertices 2"],
    offsets: Int[np.ndarray, " polygons_plus_1"],
    u: Float[np.ndarray, " width"],
    v: Float[np.ndarray, " height"],
) -> Int[np.ndarray, "height width"]:
    """Find the polygon that each point of a regular grid lies in.

    One scan line per row: an edge that runs down bounds its polygon on the left, one that runs up on the right.

    Args:
        coordinates: (N, 2) vertices, each polygon convex and counter-clockwise.
        offsets: (R + 1,) where each polygon starts.
        u: (W,) evenly spaced columns, increasing.
        v: (H,) evenly spaced rows, increasing.

    Returns:
        (H, W) indices of polygons; -1 where there is none.
    """
    start, end, owner = _edges(coordinates, offsets)
    down = end[:, 1] < start[:, 1]
    left = _crossings(start[down], end[down], owner[down], v)
    right = _crossings(start[~down], end[~down], owner[~down], v)
    row, polygon = left[0], left[1]
    step = (u[-1] - u[0]) / (len(u) - 1)
    first = np.clip(np.ceil((left[2] - u[0]) / step), 0, len(u)).astype(np.int64)
    last = np.clip(np.ceil((right[2] - u[0]) / step), 0, len(u)).astype(np.int64)
    length = np.maximum(last - first, 0)
    labels = np.full(len(u) * len(v), -1, np.int32)
    begin = np.repeat(row * len(u) + first - (np.cumsum(length) - length), length)
    labels[begin + np.arange(len(begin))] = np.repeat(polygon, length)
    return labels.reshape(len(v), len(u))


def _edges(coordinates: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start (N, 2), end (N, 2) and polygon (N,) of every edge."""
    return coordinates, coordinates[next_vertex(offsets)], polygon_of(offsets)


def _crossings(
    start: np.ndarray, end: np.ndarray, owner: np.ndarray, v: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, polygon and u of every crossing of an edge with a row, ordered by polygon and row.

    The lower end comes first, so that an edge gives the same number to the polygons on its two sides.
    """
    rises = (start[:, 1] <= end[:, 1])[:, None]
    low, high = np.where(rises, start, end), np.where(rises, end, start)
    first, last = np.searchsorted(v, low[:, 1]), np.searchsorted(v, high[:, 1])
    number = last - first
    edge = np.repeat(np.arange(len(start)), number)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(number) - number - first, number)
    run = (high - low)[edge]
    u = low[edge, 0] + (v[row] - low[edge, 1]) / run[:, 1] * run[:, 0]
    order = np.argsort(owner[edge] * len(v) + row, kind="stable")
    return row[order], owner[edge][order], u[order]


def mark_segments(
    ends: Float[np.ndarray, "edges 2 2"], u: Float[np.ndarray, " width"], v: Float[np.ndarray, " height"]
) -> tuple[Int[np.ndarray, " marks"], Int[np.ndarray, " marks"]]:
    """Pixels on straight lines, half a pixel apart.

    Args:
        ends: (E, 2, 2) the two ends of every line.
        u: (W,) evenly spaced columns.
        v: (H,) evenly spaced rows.

    Returns:
        The flat pixel index and the line of every mark.
    """
    origin, step = np.array([u[0], v[0]]), np.array([u[1] - u[0], v[1] - v[0]])
    pixels = (ends - origin) / step
    number = np.ceil(np.abs(pixels[:, 1] - pixels[:, 0]).max(1) * 2).astype(np.int64) + 1
    line = np.repeat(np.arange(len(ends)), number)
    share = (np.arange(len(line)) - np.repeat(np.cumsum(number) - number, number)) / np.maximum(number[line] - 1, 1)
    place = np.rint(pixels[line, 0] + share[:, None] * (pixels[line, 1] - pixels[line, 0])).astype(np.int64)
    inside = ((place >= 0) & (place < [len(u), len(v)])).all(1)
    return place[inside, 1] * len(u) + place[inside, 0], line[inside]


def pixel_centres(low: float, high: float, number: int) -> Float[np.ndarray, " number"]:
    """Centres of equal pixels between two bounds."""
    return low + (np.arange(number) + 0.5) * (high - low) / number


def shrink(image: UInt8[np.ndarray, "height width channels"], factor: int) -> UInt8[np.ndarray, "h w channels"]:
    """Average blocks of pixels, which smooths edges."""
    height, width, channels = image.shape
    blocks = image.reshape(height // factor, factor, width // factor, factor, channels)
    return blocks.mean((1, 3), dtype=np.float32).round().astype(np.uint8)


def data_uri(image: UInt8[np.ndarray, "height width channels"], *, flip: bool = True) -> str:
    """A PNG data address of an image whose first row is the lowest v (or the top, with `flip=False`)."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image[::-1] if flip else image)).save(buffer, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
