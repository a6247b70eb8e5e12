"""Convex polygons as pixels: which polygon each pixel centre lies in."""

import base64
import io
from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Float, Int, Integer, UInt8
from numba import njit
from PIL import Image

from lrviz.geometry.polygons import next_vertex


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
    labels = np.full((len(v), len(u)), -1, np.int32)
    step = (u[-1] - u[0]) / (len(u) - 1)
    # Copies, since read-only arrays are another type, for which everything is compiled again.
    _fill_polygons(np.array(coordinates), next_vertex(offsets), np.array(offsets), u[0], step, np.array(v), labels)
    return labels


@njit(nogil=True, cache=True)
@no_type_check
def _fill_polygons(coordinates, following, offsets, origin, step, v, labels):  # type: ignore[no-untyped-def]
    """Enter each polygon into labels (H, W).

    Edges are followed from their lower end, so that an edge gives the same number to the polygons on its two sides.
    """
    width = labels.shape[1]
    left, right = np.zeros(len(v), np.int64), np.zeros(len(v), np.int64)
    for polygon in range(len(offsets) - 1):
        bottom, top = len(v), 0
        for start in range(offsets[polygon], offsets[polygon + 1]):
            end = following[start]
            down = coordinates[end, 1] < coordinates[start, 1]
            low, high = (end, start) if down else (start, end)
            first, last = np.searchsorted(v, coordinates[low, 1]), np.searchsorted(v, coordinates[high, 1])
            run, rise = coordinates[high, 0] - coordinates[low, 0], coordinates[high, 1] - coordinates[low, 1]
            for row in range(first, last):
                u = coordinates[low, 0] + (v[row] - coordinates[low, 1]) / rise * run
                # PyTorch replaces Python's own `min` and `max` while another thread traces a network.
                column = int(np.minimum(np.maximum(np.ceil((u - origin) / step), 0), width))
                if down:
                    left[row] = column
                else:
                    right[row] = column
            bottom, top = np.minimum(bottom, first), np.maximum(top, last)
        for row in range(bottom, top):
            labels[row, left[row] : right[row]] = polygon


def pixel_runs(
    labels: Integer[np.ndarray, "height width"],
) -> tuple[Integer[np.ndarray, " runs"], Int[np.ndarray, " runs"]]:
    """Equal neighbours in a row as one run: a picture in a tenth of its size.

    >>> pixel_runs(np.array([[7, 7, 8], [8, 8, 8]]))
    (array([7, 8, 8]), array([2, 1, 3]))

    Returns:
        The label and the length of every run, row by row; none reaches into the next row.
    """
    begins = np.ones(labels.shape, bool)
    np.not_equal(labels[:, 1:], labels[:, :-1], out=begins[:, 1:])
    place = np.flatnonzero(begins)
    return labels.ravel()[place], np.diff(place, append=labels.size)


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


def pixel_bounds(
    u: Float[np.ndarray, " width"], v: Float[np.ndarray, " height"], window: Float[np.ndarray, "corners 2"]
) -> Float[np.ndarray, "2 2"]:
    """The bounds [[u low, v low], [u high, v high]] of the square pixels of a window, with given centres."""
    step = float(max(u[1] - u[0] if len(u) > 1 else 0, v[1] - v[0] if len(v) > 1 else 0))
    half = (step or float(np.ptp(window, axis=0).max())) / 2
    return np.array([[u[0] - half, v[0] - half], [u[-1] + half, v[-1] + half]])


def with_alpha(
    rgb: UInt8[np.ndarray, "height width 3"], inside: Bool[np.ndarray, "height width"]
) -> UInt8[np.ndarray, "height width 4"]:
    """An RGBA image that is transparent outside."""
    return np.dstack([rgb, np.where(inside, 255, 0).astype(np.uint8)])


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
