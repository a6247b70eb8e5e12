"""Cut convex polygons along lines, many at a time; ragged as in `polygons`."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from lrviz.geometry.polygons import Offsets, PerVertex, Vertices, largest, next_vertex, polygon_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Polygons:
    """Convex polygons, counter-clockwise, whose sides have labels.

    Attributes:
        coordinates: (N, 2) vertices.
        offsets: (P + 1,) where each polygon starts.
        labels: (N,) the label of the side that leaves each vertex.
    """

    coordinates: Vertices
    offsets: Offsets
    labels: Int[np.ndarray, "vertices"]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def owner(self) -> Int[np.ndarray, "vertices"]:
        """The polygon of every vertex."""
        return polygon_of(self.offsets)

    def take(self, chosen: Int[np.ndarray, "chosen"]) -> "Polygons":
        """Some of the polygons, in the given order; any may come several times."""
        vertex, offsets = gather(self.offsets, chosen)
        return Polygons(coordinates=self.coordinates[vertex], offsets=offsets, labels=self.labels[vertex])

    @classmethod
    def join(cls, one: "Polygons", two: "Polygons") -> "Polygons":
        """All polygons of two sets, in order."""
        return cls(
            coordinates=np.concatenate([one.coordinates, two.coordinates]),
            offsets=np.concatenate([one.offsets, one.offsets[-1] + two.offsets[1:]]),
            labels=np.concatenate([one.labels, two.labels]),
        )


def gather(
    offsets: Offsets, chosen: Int[np.ndarray, "chosen"]
) -> tuple[Int[np.ndarray, "gathered"], Int[np.ndarray, "chosen_plus_1"]]:
    """The vertices of some polygons, one polygon after the other, and their new offsets.

    >>> gather(np.array([0, 3, 3, 5]), np.array([2, 0]))
    (array([3, 4, 0, 1, 2]), array([0, 2, 5]))
    """
    count = np.diff(offsets)[chosen]
    starts = np.concatenate([[0], np.cumsum(count)])
    return np.arange(starts[-1]) + np.repeat(offsets[:-1][chosen] - starts[:-1], count), starts


def clip(polygons: Polygons, distance: PerVertex, label: Int[np.ndarray, "polygons"]) -> Polygons:
    """The part of every polygon on the positive side of a line; nothing where no vertex lies there.

    Args:
        polygons: P polygons.
        distance: (N,) of every vertex from its polygon's line, times any factor; exactly 0 where it lies on the line.
        label: (P,) what to call the new sides.
    """
    owner, following = polygons.owner, next_vertex(polygons.offsets)
    ahead = distance[following]
    some = (largest(distance, polygons.offsets, 0.0) > 0)[owner]
    stays, crosses = some & (distance >= 0), some & (distance * ahead < 0)
    leaves = (ahead < 0) & (distance >= 0)
    start, end = polygons.coordinates[crosses], polygons.coordinates[following[crosses]]
    crossing = _meet(start, end, distance[crosses], ahead[crosses])
    count = stays.astype(np.int64) + crosses
    place = np.cumsum(count) - count
    coordinates, labels = np.empty((count.sum(), 2)), np.empty(count.sum(), polygons.labels.dtype)
    coordinates[place[stays]] = polygons.coordinates[stays]
    # The side that leaves a vertex on the line for the other side is the cut.
    labels[place[stays]] = np.where(leaves & ~crosses, label[owner], polygons.labels)[stays]
    coordinates[(place + stays)[crosses]] = crossing
    labels[(place + stays)[crosses]] = np.where(leaves, label[owner], polygons.labels)[crosses]
    sizes = np.bincount(owner, count, len(polygons)).astype(np.int64)
    return Polygons(coordinates=coordinates, offsets=np.concatenate([[0], np.cumsum(sizes)]), labels=labels)


def _meet(start: Vertices, end: Vertices, here: PerVertex, there: PerVertex) -> Vertices:
    """Where sides meet their line; the same to the last bit from either end."""
    turned: Bool[np.ndarray, "n"] = here < 0
    share: Float[np.ndarray, "n"] = np.where(turned, there / (there - here), here / (here - there))
    one, two = np.where(turned[:, None], end, start), np.where(turned[:, None], start, end)
    return one + share[:, None] * (two - one)
