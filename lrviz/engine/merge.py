"""From the cells of many tiles to regions: the parts of one region, which is convex, make up their convex hull."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from lrviz.engine.tiles import CUT
from lrviz.geometry.polygons import (
    cross,
    every_other,
    next_vertex,
    polygon_of,
    previous_vertex,
    side_lengths,
    sides,
    signed_areas,
    total,
)
from lrviz.tolerance import TOLERANCE

_OF_VERTICES = ("start", "unit", "flip")
_NAMES = ("count", *_OF_VERTICES, "pattern", "area", "centroid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragments:
    """Convex cells of several tiles, in the window's local coordinates.

    Attributes:
        count: (N,) number of vertices.
        start: (M, 2) vertices, cell after cell, counter-clockwise.
        unit: (M,) unit that drew the edge behind each vertex; negative for the sides of the window, CUT for cuts.
        flip: (M,) XOR between the patterns on the two sides of the edge, where it is known beforehand, else 0.
        pattern: (N,) pattern ids.
        area: (N,).
        centroid: (N, 2).
    """

    count: Int[np.ndarray, "N"]
    start: Float[np.ndarray, "M 2"]
    unit: Int[np.ndarray, "M"]
    flip: UInt64[np.ndarray, "M"]
    pattern: UInt64[np.ndarray, "N"]
    area: Float[np.ndarray, "N"]
    centroid: Float[np.ndarray, "N 2"]

    @property
    def offsets(self) -> Int[np.ndarray, "N_plus_1"]:
        """(N + 1,) where the vertices of each cell start."""
        return np.concatenate([[0], np.cumsum(self.count)])

    @property
    def end(self) -> Float[np.ndarray, "M 2"]:
        """(M, 2) the far end of every edge."""
        return self.start[next_vertex(self.offsets)]

    @property
    def owner(self) -> Int[np.ndarray, "M"]:
        """(M,) the cell of every edge."""
        return polygon_of(self.offsets)

    @property
    def drawn_area(self) -> Float[np.ndarray, "N"]:
        """(N,) areas of the polygons with their vertices as they are rounded; `area` where that leaves nothing."""
        drawn = signed_areas(self.start, self.offsets)
        return np.where(drawn > 0, drawn, self.area)

    def take(self, cells: Int[np.ndarray, "n"]) -> "Fragments":
        """Some of the cells, in the given order."""
        return Fragments.take_of([self], cells)

    @classmethod
    def take_of(cls, parts: "list[Fragments]", cells: Int[np.ndarray, "n"]) -> "Fragments":
        """Some of all the cells of several sets, in the given order; one attribute after the other, to save memory."""
        count = _joined(parts, "count")
        vertices = _ranges((np.cumsum(count) - count)[cells], count[cells])
        index = {name: vertices if name in _OF_VERTICES else cells for name in _NAMES}
        return cls(**{name: _joined(parts, name)[index[name]] for name in _NAMES})

    @classmethod
    def join(cls, parts: "list[Fragments]") -> "Fragments":
        """All cells of several sets, in order."""
        return cls(**{name: _joined(parts, name) for name in _NAMES})


def _joined(parts: list[Fragments], name: str) -> np.ndarray:
    return getattr(parts[0], name) if len(parts) == 1 else np.concatenate([getattr(part, name) for part in parts])


def _ranges(first: Int[np.ndarray, "n"], count: Int[np.ndarray, "n"]) -> Int[np.ndarray, "total"]:
    """The numbers first, first + 1, ... of every range, `count` of each, one range after the other."""
    return np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())


def merge_fragments(fragments: Fragments) -> tuple[Fragments, Int[np.ndarray, "R"]]:
    """Join the cells of equal pattern to the convex hull of their vertices.

    Where the parts that were found do not fill their hull, because others were not found, the largest part stands
    alone. Slivers are left out: they are thinner than the sides of their neighbours can be told apart.

    Returns:
        One cell per pattern, sorted by pattern, and (R,) the index of the largest of its fragments.
    """
    merged, largest = _merge(fragments)
    small = np.flatnonzero(merged.area < 4 * TOLERANCE.sliver)
    some = merged.take(small)
    width = 2 * some.area / total(side_lengths(some.start, some.offsets), some.offsets)
    slivers = small[width < TOLERANCE.sliver * min(1.0, float(merged.area.sum()))]
    if not len(slivers):
        return merged, largest
    kept = np.setdiff1d(np.arange(len(largest)), slivers)
    return merged.take(kept), largest[kept]


def _merge(fragments: Fragments) -> tuple[Fragments, Int[np.ndarray, "R"]]:
    order = np.argsort(fragments.pattern, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(fragments.pattern[order]) != 0)) if len(order) else order
    sizes = np.diff(np.append(starts, len(order)))
    largest, several = order[starts], np.flatnonzero(sizes > 1)
    if not len(several):
        return fragments.take(largest), largest
    parts, group = order[_ranges(starts[several], sizes[several])], np.repeat(np.arange(len(several)), sizes[several])
    ranked = np.lexsort((fragments.area[parts], group))
    largest[several] = parts[ranked[np.cumsum(sizes[several]) - 1]]
    hulls, fits = _join_groups(fragments.take(parts), group, fragments.pattern[largest[several]])
    chosen = largest.copy()
    chosen[several[fits]] = len(order) + np.flatnonzero(fits)
    return Fragments.take_of([fragments, hulls], chosen), largest


def _join_groups(
    parts: Fragments, group: Int[np.ndarray, "N"], pattern: UInt64[np.ndarray, "G"]
) -> tuple[Fragments, Bool[np.ndarray, "G"]]:
    """The convex hulls of groups of cells, and which of them their cells fill."""
    number, owner = len(pattern), group[parts.owner]
    weight = 1 / np.bincount(owner, minlength=number)[owner]
    middle = np.stack([np.bincount(owner, weight * parts.start[:, axis], number) for axis in (0, 1)], 1)
    area = np.bincount(group, parts.area, number)
    kept = _hull(parts.start, owner, middle, area)
    count = np.bincount(owner[kept], minlength=number)
    start = parts.start[kept]
    offsets = np.concatenate([[0], np.cumsum(count)])
    unit, flip = _name_sides(parts, owner, start, offsets)
    moments = np.stack([np.bincount(group, parts.area * parts.centroid[:, axis], number) for axis in (0, 1)], 1)
    hull_area = signed_areas(start, offsets)
    hulls = Fragments(
        count=count,
        start=start,
        unit=unit,
        flip=flip,
        pattern=pattern,
        area=hull_area,
        centroid=moments / area[:, None],
    )
    snapped = TOLERANCE.straight * total(side_lengths(start, offsets), offsets)
    return hulls, np.abs(hull_area - area) <= 10 * TOLERANCE.joined * area + snapped


def _hull(
    points: Float[np.ndarray, "M 2"],
    owner: Int[np.ndarray, "M"],
    middle: Float[np.ndarray, "G 2"],
    area: Float[np.ndarray, "G"],
) -> Int[np.ndarray, "H"]:
    """Which points of each group are corners of its hull, group by group, counter-clockwise.

    Sorted by their angle around a point inside, those that turn the wrong way, or hardly turn, are left out until none
    is left. Of neighbours that do one stays for now: a corner that stands there twice hardly turns at either.
    """
    local = points - middle[owner]
    order = np.lexsort((np.arctan2(local[:, 1], local[:, 0]), owner))
    while True:
        place, group = local[order], owner[order]
        offsets = np.concatenate([[0], np.cumsum(np.bincount(group, minlength=len(middle)))])
        out = sides(place, offsets)
        into = out[previous_vertex(offsets)]
        turn, chord = cross(into, out), into + out
        least = np.minimum(TOLERANCE.straight * np.hypot(*chord.T), TOLERANCE.joined * area[group])
        repeated = np.hypot(*out.T) <= np.minimum(TOLERANCE.repeated, TOLERANCE.joined * np.sqrt(area[group]))
        drop = every_other(repeated if repeated.any() else turn <= least, offsets)
        if not drop.any():
            return order
        order = order[~drop]


def _name_sides(
    parts: Fragments,
    owner: Int[np.ndarray, "M"],
    corners: Float[np.ndarray, "H 2"],
    offsets: Int[np.ndarray, "G_plus_1"],
) -> tuple[np.ndarray, np.ndarray]:
    """The unit and flip of every side of hulls: those of the longest side of a cell that lies on it; CUT for none."""
    unit, flip = np.full(len(corners), CUT), np.zeros(len(corners), dtype=np.uint64)
    side = sides(corners, offsets)
    drawn = np.flatnonzero(parts.unit != CUT)
    start, end = parts.start[drawn], parts.end[drawn]
    size = np.diff(offsets)[owner[drawn]]
    pair, place = np.repeat(np.arange(len(drawn)), size), _ranges(offsets[owner[drawn]], size)
    length = np.maximum(np.hypot(*side.T), np.finfo(float).tiny)[place]
    offsets_from_line = [np.abs(cross(side[place], point[pair] - corners[place])) / length for point in (start, end)]
    along = np.einsum("nd,nd->n", end[pair] - start[pair], side[place]) / length
    fits = (along > 0) & (np.maximum(*offsets_from_line) <= TOLERANCE.straight)
    pair, place, along = pair[fits], place[fits], along[fits]
    order = np.lexsort((along, place))
    longest = order[np.append(np.diff(place[order]) != 0, np.ones(min(len(order), 1), dtype=bool))]
    unit[place[longest]], flip[place[longest]] = parts.unit[drawn[pair[longest]]], parts.flip[drawn[pair[longest]]]
    return unit, flip
