"""Ragged polygons: the vertices of many polygons one after the other, and offsets that say where each one starts.

All are counter-clockwise; any may be empty. Functions of vertices return one number per vertex, in the same order.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

Vertices = Float[np.ndarray, "vertices 2"]
Offsets = Int[np.ndarray, "polygons_plus_1"]
PerVertex = Float[np.ndarray, "vertices"]
PerPolygon = Float[np.ndarray, "polygons"]


def next_vertex(offsets: Offsets) -> Int[np.ndarray, "vertices"]:
    """The index of the vertex that follows each one around its polygon.

    >>> next_vertex(np.array([0, 3, 3, 5]))
    array([1, 2, 0, 4, 3])
    """
    following = np.arange(1, offsets[-1] + 1)
    filled = offsets[1:] > offsets[:-1]
    following[offsets[1:][filled] - 1] = offsets[:-1][filled]
    return following


def previous_vertex(offsets: Offsets) -> Int[np.ndarray, "vertices"]:
    """The index of the vertex that precedes each one around its polygon.

    >>> previous_vertex(np.array([0, 3, 3, 5]))
    array([2, 0, 1, 4, 3])
    """
    following = next_vertex(offsets)
    previous = np.empty_like(following)
    previous[following] = np.arange(len(following))
    return previous


def polygon_of(offsets: Offsets) -> Int[np.ndarray, "vertices"]:
    """The polygon that each vertex belongs to.

    >>> polygon_of(np.array([0, 3, 3, 5]))
    array([0, 0, 0, 2, 2])
    """
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def every_other(chosen: Bool[np.ndarray, "vertices"], offsets: Offsets) -> Bool[np.ndarray, "vertices"]:
    """Of chosen vertices that follow each other around a polygon every other one, and never two neighbours.

    >>> every_other(np.array([False, True, True, True, True, True, True]), np.array([0, 4, 7]))
    array([False,  True, False,  True,  True, False, False])
    """
    filled = offsets[1:] > offsets[:-1]
    first, last = offsets[:-1][filled], offsets[1:][filled] - 1
    place, starts = np.arange(len(chosen)), ~chosen
    starts[1:] |= ~chosen[:-1]
    starts[first] = True
    result = chosen & ((place - np.maximum.accumulate(np.where(starts, place, 0))) % 2 == 0)
    result[last] &= ~result[first] | (first == last)
    return result


def total(values: PerVertex, offsets: Offsets) -> PerPolygon:
    """Sum of each polygon's values; 0 for an empty one."""
    return _reduced(np.add, values, offsets, 0.0)


def largest(values: PerVertex, offsets: Offsets, empty: float) -> PerPolygon:
    """Largest of each polygon's values; `empty` where there are none.

    >>> largest(np.array([1.0, 5.0, 2.0]), np.array([0, 2, 2, 3]), np.nan)
    array([ 5., nan,  2.])
    """
    return _reduced(np.maximum, values, offsets, empty)


def smallest(values: PerVertex, offsets: Offsets, empty: float) -> PerPolygon:
    """Smallest of each polygon's values; `empty` where there are none."""
    return _reduced(np.minimum, values, offsets, empty)


def _reduced(function: np.ufunc, values: PerVertex, offsets: Offsets, empty: float) -> PerPolygon:
    result = np.full(len(offsets) - 1, empty)
    filled = offsets[1:] > offsets[:-1]
    if filled.any():
        result[filled] = function.reduceat(values, offsets[:-1][filled])
    return result


def sides(coordinates: Vertices, offsets: Offsets) -> Vertices:
    """From each vertex to the next one."""
    return coordinates[next_vertex(offsets)] - coordinates


def side_lengths(coordinates: Vertices, offsets: Offsets) -> PerVertex:
    """Length of the side that leaves each vertex."""
    return np.hypot(*sides(coordinates, offsets).T)


def signed_areas(coordinates: Vertices, offsets: Offsets) -> PerPolygon:
    """Area of each polygon, positive if it is counter-clockwise; relative to its first vertex to keep digits.

    >>> signed_areas(np.array([[0.0, 0], [2, 0], [0, 1], [0, 0], [0, 1], [1, 0]]), np.array([0, 3, 3, 6]))
    array([ 1. ,  0. , -0.5])
    """
    local = coordinates - coordinates[offsets[:-1][polygon_of(offsets)]]
    return total(cross(local, local[next_vertex(offsets)]), offsets) / 2


def dents(coordinates: Vertices, offsets: Offsets) -> PerVertex:
    """How far each vertex lies inside the straight line between its neighbours; 0 where the polygon is convex."""
    previous = coordinates[previous_vertex(offsets)]
    chord, into = coordinates[next_vertex(offsets)] - previous, coordinates - previous
    length = np.hypot(*chord.T)
    return np.divide(np.maximum(cross(chord, into), 0), length, out=np.zeros_like(length), where=length > 0)


def cross(one: Vertices, two: Vertices) -> PerVertex:
    """The third component of the cross product of each pair of vectors."""
    return one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
