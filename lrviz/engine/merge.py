"""From the cells of many tiles to regions: join what cuts separated, and find each region's neighbours."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt64
from scipy.spatial import KDTree

from lrviz.engine.tiles import CUT

_TOUCHING = 1e-7
"""Edges whose middles are this close, in local coordinates, may be two sides of one edge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragments:
    """Cells of several tiles, in the window's local coordinates.

    Attributes:
        count: (N,) number of vertices.
        start: (M, 2) vertices, cell after cell.
        unit: (M,) unit that drew the edge behind each vertex; negative for the sides of the window, CUT for cuts.
        flip: (M,) XOR between the patterns on the two sides of the edge.
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
    def offsets(self) -> np.ndarray:
        """(N + 1,) where the vertices of each cell start."""
        return np.concatenate([[0], np.cumsum(self.count)])

    @property
    def end(self) -> np.ndarray:
        """(M, 2) the far end of every edge."""
        offsets = self.offsets
        following = np.arange(1, len(self.start) + 1)
        following[offsets[1:] - 1] = offsets[:-1]
        return self.start[following]

    @property
    def owner(self) -> np.ndarray:
        """(M,) the cell of every edge."""
        return np.repeat(np.arange(len(self.count)), self.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edges:
    """Every edge once.

    Attributes:
        regions: (E, 2) the regions on its sides, -1 for outside.
        index: (E,) the place of the edge among the fragments' directed edges.
    """

    regions: Int[np.ndarray, "E 2"]
    index: Int[np.ndarray, "E"]


def merge_fragments(fragments: Fragments) -> tuple[Fragments, np.ndarray]:
    """Join cells of equal pattern: they are parts of one convex region that cuts separated.

    Returns:
        One cell per pattern, sorted by pattern, and (R,) the index of the largest of its fragments.
    """
    order = np.lexsort((-fragments.area, fragments.pattern))
    first = np.concatenate([[True], np.diff(fragments.pattern[order]) != 0]) if len(order) else np.zeros(0, bool)
    starts = np.flatnonzero(first)
    largest = order[starts]
    sizes = np.diff(np.append(starts, len(order)))
    group = np.empty(len(order), dtype=np.int64)
    group[order] = np.repeat(np.arange(len(starts)), sizes)

    owner_group = group[fragments.owner]
    single = sizes[owner_group] == 1
    kept = np.flatnonzero(single)
    whole = _Sides(
        group=owner_group[kept],
        rank=kept.astype(float),
        start=fragments.start[kept],
        unit=fragments.unit[kept],
        flip=fragments.flip[kept],
    )
    joined = _join_sides(fragments, np.flatnonzero(~single & (fragments.unit != CUT)), owner_group)
    sides = whole.followed_by(joined).sorted()
    area = _sum_by(group, fragments.area, len(starts))
    moments = [_sum_by(group, fragments.area * fragments.centroid[:, axis], len(starts)) for axis in (0, 1)]
    return Fragments(
        count=np.bincount(sides.group, minlength=len(starts)),
        start=sides.start,
        unit=sides.unit,
        flip=sides.flip,
        pattern=fragments.pattern[largest],
        area=area,
        centroid=np.stack(moments, 1) / area[:, None],
    ), largest


def _sum_by(group: np.ndarray, values: np.ndarray, number: int) -> np.ndarray:
    return np.bincount(group, values, number).astype(float)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """Directed sides of polygons: to which polygon each belongs, and its place in counter-clockwise order."""

    group: np.ndarray
    rank: np.ndarray
    start: np.ndarray
    unit: np.ndarray
    flip: np.ndarray

    def followed_by(self, other: "_Sides") -> "_Sides":
        names = ("group", "rank", "start", "unit", "flip")
        return _Sides(**{name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in names})

    def sorted(self) -> "_Sides":
        order = np.lexsort((self.rank, self.group))
        names = ("group", "rank", "start", "unit", "flip")
        return _Sides(**{name: getattr(self, name)[order] for name in names})


def _join_sides(fragments: Fragments, chosen: np.ndarray, group: np.ndarray) -> _Sides:
    """Chain the parts of every side: all edges of a convex region that one unit drew lie on one line."""
    chosen = chosen[np.lexsort((fragments.unit[chosen], group[chosen]))]
    start, end = fragments.start[chosen], fragments.end[chosen]
    unit, owner = fragments.unit[chosen], group[chosen]
    new = np.concatenate([[True], (np.diff(unit) != 0) | (np.diff(owner) != 0)]) if len(chosen) else np.zeros(0, bool)
    run, first = np.cumsum(new) - 1, np.flatnonzero(new)
    direction = np.add.reduceat(end - start, first) if len(first) else np.zeros((0, 2))
    along = np.einsum("nd,nd->n", start, direction[run])
    order = np.lexsort((along, run))
    last = np.append(first[1:], len(chosen)) - 1 if len(first) else first
    start, end = start[order][first], end[order][last]
    owner, unit, flip = owner[first], unit[first], fragments.flip[chosen][first]
    middle = (start + end) / 2
    sizes = np.maximum(np.bincount(owner), 1)
    center = np.stack([_sum_by(owner, middle[:, axis], len(sizes)) / sizes for axis in (0, 1)], 1)
    around = middle - center[owner]
    return _Sides(group=owner, rank=np.arctan2(around[:, 1], around[:, 0]), start=start, unit=unit, flip=flip)


def find_edges(cells: Fragments) -> Edges:
    """Find the neighbour behind every edge by its pattern; where that fails, by position.

    Args:
        cells: One cell per pattern, sorted by pattern.
    """
    owner, inner = cells.owner, np.flatnonzero((cells.unit >= 0) | (cells.unit == CUT))
    target = cells.pattern[owner[inner]] ^ cells.flip[inner]
    place = np.minimum(np.searchsorted(cells.pattern, target), max(len(cells.pattern) - 1, 0))
    found = (cells.pattern[place] == target) & (cells.unit[inner] >= 0) if len(inner) else np.zeros(0, bool)
    neighbour = np.full(len(owner), -1, dtype=np.int64)
    neighbour[inner[found]] = place[found]
    lost = inner[~found]
    if len(lost):
        neighbour[lost] = _match_by_position(cells, lost, owner)
    pair = np.sort(np.stack([owner, neighbour], 1), 1)
    twosided = np.flatnonzero(neighbour >= 0)
    _, unique = np.unique(pair[twosided, 0] * len(cells.count) + pair[twosided, 1], return_index=True)
    index = np.sort(np.concatenate([twosided[unique], np.flatnonzero(neighbour < 0)]))
    return Edges(regions=np.stack([owner, neighbour], 1)[index], index=index)


def _match_by_position(cells: Fragments, lost: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Neighbours (n,) across edges whose two sides changed by more than one unit, or -1."""
    middle = (cells.start[lost] + cells.end[lost]) / 2
    result = np.full(len(lost), -1, dtype=np.int64)
    distances, nearest = KDTree(middle).query(middle, k=min(4, len(lost)))
    nearest, distances = nearest.reshape(len(lost), -1), distances.reshape(len(lost), -1)
    direction = cells.end[lost] - cells.start[lost]
    for column in range(nearest.shape[1]):
        other = nearest[:, column]
        opposite = np.einsum("nd,nd->n", direction, direction[other]) < 0
        fits = (result < 0) & (distances[:, column] < _TOUCHING) & opposite & (owner[lost] != owner[lost[other]])
        result[fits] = owner[lost[other[fits]]]
    return result
