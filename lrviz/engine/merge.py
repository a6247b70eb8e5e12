"""From the cells of many tiles to regions: join what cuts separated, and find each region's neighbours.

Regions are convex, so the parts of one region make up their convex hull, and two regions share at most one edge. Both
are found by geometry: of several units that draw one line any may be named, and which one is up to rounding.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64
from scipy.spatial import KDTree

from lrviz.engine.compiled.ready import ready_core
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

_APART = 4 * TOLERANCE.straight
"""How far apart two sides may be that lie on each other in part."""

_Span = tuple[float, float]


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


def _joined(parts: "list[Fragments] | list[Edges]", name: str) -> np.ndarray:
    return getattr(parts[0], name) if len(parts) == 1 else np.concatenate([getattr(part, name) for part in parts])


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """Every edge once.

    Attributes:
        regions: (E, 2) the regions on its sides, -1 for outside.
        unit: (E,) the unit that drew it, -1 for the border.
        ends: (E, 2, 2) its two ends, in the window's local coordinates.
    """

    regions: Int[np.ndarray, "E 2"]
    unit: Int[np.ndarray, "E"]
    ends: Float[np.ndarray, "E 2 2"]


def _ranges(first: Int[np.ndarray, "n"], count: Int[np.ndarray, "n"]) -> Int[np.ndarray, "total"]:
    """The numbers first, first + 1, ... of every range, `count` of each, one range after the other."""
    return np.repeat(first - np.cumsum(count) + count, count) + np.arange(count.sum())


# --- joining ---------------------------------------------------------------------------------------------------------


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


# --- neighbours ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """Directed sides of polygons, their owner on the left."""

    owner: Int[np.ndarray, "n"]
    start: Float[np.ndarray, "n 2"]
    end: Float[np.ndarray, "n 2"]
    unit: Int[np.ndarray, "n"]

    def __len__(self) -> int:
        return len(self.owner)

    def __getitem__(self, index: np.ndarray) -> "_Sides":
        return _Sides(owner=self.owner[index], start=self.start[index], end=self.end[index], unit=self.unit[index])

    @property
    def length(self) -> Float[np.ndarray, "n"]:
        return np.hypot(*(self.end - self.start).T)

    @property
    def ends(self) -> Float[np.ndarray, "n 2 2"]:
        return np.stack([self.start, self.end], 1)

    def paired(self, one: np.ndarray, two: np.ndarray, ends: Float[np.ndarray, "n 2 2"]) -> Edges:
        """Edges between pairs of sides that lie on each other, from one end to the other."""
        unit = np.where(self.unit[one] >= 0, self.unit[one], np.maximum(self.unit[two], -1))
        return Edges(regions=np.stack([self.owner[one], self.owner[two]], 1), unit=unit, ends=ends)

    def as_border(self, ends: Float[np.ndarray, "n 2 2"]) -> Edges:
        """Edges with nothing behind them, from one end to the other."""
        outside = np.full(len(self), -1)
        return Edges(regions=np.stack([self.owner, outside], 1), unit=outside, ends=ends)


def find_edges(cells: Fragments) -> Edges:
    """Find what lies behind every side: by pattern where that is confirmed by position, else by position alone.

    Args:
        cells: One cell per pattern, sorted by pattern.
    """
    parts = _find_edges(cells)
    return _one_edge_a_pair(Edges(**{name: _joined(parts, name) for name in ("regions", "unit", "ends")}))


def _find_edges(cells: Fragments) -> list[Edges]:
    directed = _Sides(owner=cells.owner, start=cells.start, end=cells.end, unit=cells.unit)
    inner = np.flatnonzero((cells.unit >= 0) | (cells.unit == CUT))
    partner = _partners_by_pattern(cells, directed, inner)
    lost = inner[partner[inner] < 0]
    if len(lost):
        partner[lost] = _partners_by_position(directed[lost], lost)
    one = np.flatnonzero(partner >= 0)
    one = one[directed.owner[one] < directed.owner[partner[one]]]
    border = np.ones(len(directed), dtype=bool)
    border[inner] = False
    ends = np.stack([directed.start[one], directed.end[one]], 1)
    outer = directed[np.flatnonzero(border)]
    parts = [directed.paired(one, partner[one], ends), outer.as_border(outer.ends)]
    lost = inner[partner[inner] < 0]
    if len(lost):
        parts += _match_parts(directed[lost])
    return parts


def _partners_by_pattern(cells: Fragments, directed: _Sides, inner: np.ndarray) -> Int[np.ndarray, "n"]:
    """For every side the side that lies on it, found by the pattern that its unit's key predicts; -1 if not found."""
    core = ready_core()
    if core is not None:
        is_known = (cells.unit >= 0) & (cells.flip != 0)
        return core.find_partners(cells.pattern, cells.offsets, cells.start, cells.flip, is_known, TOLERANCE.touching)
    partner, number = np.full(len(directed), -1), len(cells.count)
    known = inner[(cells.unit[inner] >= 0) & (cells.flip[inner] != 0)]
    if not len(known):
        return partner
    target = cells.pattern[directed.owner[known]] ^ cells.flip[known]
    place = np.minimum(np.searchsorted(cells.pattern, target), number - 1)
    found = cells.pattern[place] == target
    known, place = known[found], place[found]
    here, back = directed.owner[known] * number + place, place * number + directed.owner[known]
    order = np.argsort(here, kind="stable")
    match = order[np.minimum(np.searchsorted(here[order], back), len(order) - 1)] if len(order) else order
    fits = (here[match] == back) & _lie_on_each_other(directed[known], directed[known[match]], TOLERANCE.touching)
    one, two = known[fits], known[match[fits]]
    partner[one] = two
    mutual = partner[partner[one]] == one
    partner[one[~mutual]] = -1
    return partner


def _lie_on_each_other(one: _Sides, two: _Sides, tolerance: float | np.ndarray) -> Bool[np.ndarray, "n"]:
    gap = np.maximum(np.hypot(*(one.start - two.end).T), np.hypot(*(one.end - two.start).T))
    return gap <= tolerance


def _partners_by_position(directed: _Sides, index: np.ndarray) -> Int[np.ndarray, "n"]:
    """The same by position: the side nearest to each one that runs back along it; -1 if there is none."""
    middle, length = (directed.start + directed.end) / 2, directed.length
    partner = np.full(len(directed), -1)
    if len(directed) < 2:
        return partner
    nearest = KDTree(middle).query(middle, k=min(6, len(directed)))[1]
    slack = np.minimum(TOLERANCE.touching, length / 8)
    for column in nearest.T:
        fits = (partner < 0) & (directed.owner != directed.owner[column])
        fits &= _lie_on_each_other(directed, directed[column], slack)
        partner[fits] = column[fits]
    matched = np.flatnonzero(partner >= 0)
    partner[matched[partner[partner[matched]] != matched]] = -1
    return np.where(partner >= 0, index[partner], -1)


def _match_parts(directed: _Sides) -> list[Edges]:
    """Edges between sides that lie on each other in part, and what of the sides has nothing behind it.

    The longer of two such sides has the middle of the shorter one, or of a part of it, within half its length. Sides
    that are nearest to each other come first: nothing else lies behind what they share, such as beyond a sliver.
    """
    middle, length = (directed.start + directed.end) / 2, directed.length
    near = KDTree(middle).query_ball_point(middle, 0.5 * length + np.median(length))
    one = np.repeat(np.arange(len(directed)), [len(some) for some in near])
    two = np.concatenate([np.asarray(some, dtype=np.int64) for some in near])
    apart = (directed.owner[one] != directed.owner[two]) & (length[one] >= length[two])
    one, two = one[apart], two[apart]
    direction = (directed.end - directed.start) / np.maximum(length, np.finfo(float).tiny)[:, None]
    opposite = np.einsum("nd,nd->n", direction[one], direction[two]) < 0
    one, two = one[opposite], two[opposite]
    low, high = (
        np.einsum("nd,nd->n", point[two] - directed.start[one], direction[one])
        for point in (directed.end, directed.start)
    )
    off = np.maximum(
        *(np.abs(cross(direction[one], point[two] - directed.start[one])) for point in (directed.start, directed.end))
    )
    low, high, least = np.maximum(low, 0), np.minimum(high, length[one]), np.minimum(_APART, length[two] / 8)
    fits = np.flatnonzero((off <= _APART) & (high - low > least))
    fits = fits[np.argsort(off[fits], kind="stable")]
    one, two, low, high, least = one[fits], two[fits], low[fits], high[fits], least[fits]
    shift = np.einsum("nd,nd->n", directed.start[one] - directed.start[two], direction[two])
    taken: list[list[_Span]] = [[] for _ in range(len(directed))]
    pairs, spans = [], []
    for pair, (here, there) in enumerate(zip(one.tolist(), two.tolist(), strict=True)):
        beyond = [(shift[pair] - end, shift[pair] - start) for start, end in taken[there]]
        for start, end in _free(low[pair], high[pair], taken[here] + beyond):
            if end - start > least[pair]:
                taken[here].append((start, end))
                taken[there].append((shift[pair] - end, shift[pair] - start))
                pairs.append(pair)
                spans.append((start, end))
    one, two, span = one[pairs], two[pairs], np.array(spans).reshape(-1, 2)
    ends = directed.start[one][:, None] + direction[one][:, None] * span[..., None]
    return [directed.paired(one, two, ends), _uncovered(directed, direction, length, taken)]


def _free(low: float, high: float, spans: list[_Span]) -> Iterator[_Span]:
    """What is left of an interval without some others."""
    for start, end in sorted(spans):
        if start > low:
            yield low, min(start, high)
        low = max(low, end)
        if low >= high:
            return
    yield low, high


def _uncovered(directed: _Sides, direction: np.ndarray, length: np.ndarray, taken: list[list[_Span]]) -> Edges:
    """The parts of sides that no other side covers, as border."""
    owner, ends = [], []
    for side, spans in enumerate(taken):
        for low, high in _free(0.0, length[side], spans):
            if high - low > min(2 * _APART, length[side] / 4) or not spans:
                owner.append(side)
                ends.append(directed.start[side] + np.outer([low, high], direction[side]))
    return directed[np.array(owner, dtype=np.int64)].as_border(np.array(ends).reshape(-1, 2, 2))


def _one_edge_a_pair(edges: Edges) -> Edges:
    """Put the edges of a pair of regions together: two convex regions share one straight edge."""
    low, high = np.sort(edges.regions, 1).T
    key = np.where(low >= 0, low * (edges.regions.max(initial=0) + 1) + high, -1 - np.arange(len(low)))
    ordered = np.sort(key)
    if (ordered[1:] != ordered[:-1]).all():
        return edges
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    ends = edges.ends[first]
    for extra in np.setdiff1d(np.arange(len(key)), first):
        pair = ends[group[extra]]
        points, along = np.concatenate([pair, edges.ends[extra]]), pair[1] - pair[0]
        place = points @ along
        ends[group[extra]] = points[[place.argmin(), place.argmax()]]
    return Edges(regions=edges.regions[first], unit=edges.unit[first], ends=ends)
