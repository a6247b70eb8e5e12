"""The neighbours of regions: what lies behind each of their sides.

Two convex regions share at most one edge. It is found by geometry: of several units that draw one line any may be
named, and which one is up to rounding.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree

from lrviz.engine.compiled.ready import ready_core
from lrviz.engine.merge import Fragments
from lrviz.engine.tiles import CUT
from lrviz.geometry.polygons import cross
from lrviz.tolerance import TOLERANCE

_APART = 4 * TOLERANCE.straight
"""How far apart two sides may be that lie on each other in part."""

_Span = tuple[float, float]


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

    @classmethod
    def join(cls, parts: "Sequence[Edges]") -> "Edges":
        """The edges of several sets, in order."""
        names = ("regions", "unit", "ends")
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


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
    return _one_edge_a_pair(Edges.join(_find_edges(cells)))


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
