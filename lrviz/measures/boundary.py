"""The exact decision boundary: every region cut where its two largest outputs are equal.

Inside a region the outputs are affine, so the part of it where one class wins is a convex polygon, and the boundary
consists of straight segments: inside regions, or along their edges where outputs tie there. Where outputs tie on a
whole area, the lowest index counts as the class, as with `argmax`.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from lrviz.arrays import Comparable, frozen_array
from lrviz.geometry.clip import Polygons
from lrviz.geometry.polygons import next_vertex, signed_areas
from lrviz.measures.contacts import ClassPolygons, meet_neighbours
from lrviz.measures.winners import OutputMaps, find_candidates, find_class_polygons
from lrviz.results.regions import Regions
from lrviz.results.status import Status


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Boundary(Comparable):
    """Where a network changes its mind in a window, and the polygons in which it does not.

    Attributes:
        coordinates: (N, 2) vertices of the class polygons in plane coordinates, counter-clockwise.
        offsets: (P + 1,) where each polygon starts.
        polygon_region: (P,) the region that it is a part of.
        polygon_class: (P,) the class that wins there.
        area: (P,) in squared units of L2 distance.
        segments: (E, 2, 2) the two ends of every segment of the boundary.
        segment_classes: (E, 2) the classes that are equal there, the lower first.
        segment_regions: (E, 2) the regions on its two sides: one region twice for a segment inside it.
        links: (L, 2) pairs of polygons of one class that share more than a point of an edge between two regions.
        num_outputs: Number of classes.
        window: (C, 2) corners of the window.
        status: Whether the regions are complete.
    """

    coordinates: Float[np.ndarray, "vertices 2"]
    offsets: Int[np.ndarray, "polygons_plus_1"]
    polygon_region: Int[np.ndarray, "polygons"]
    polygon_class: Int[np.ndarray, "polygons"]
    area: Float[np.ndarray, "polygons"]
    segments: Float[np.ndarray, "segments 2 2"]
    segment_classes: Int[np.ndarray, "segments 2"]
    segment_regions: Int[np.ndarray, "segments 2"]
    links: Int[np.ndarray, "links 2"]
    num_outputs: int
    window: Float[np.ndarray, "corners 2"]
    status: Status

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, name, frozen_array(value))

    def __len__(self) -> int:
        return len(self.segments)

    @property
    def length(self) -> float:
        """Length of the whole boundary, in units of L2 distance."""
        return float(np.linalg.norm(self.segments[:, 1] - self.segments[:, 0], axis=1).sum())


def find_boundary(regions: Regions) -> Boundary:
    """The decision boundary in a window, exact up to rounding.

    Args:
        regions: The regions of the window; of a partial result, the boundary in what was found.
    """
    maps = OutputMaps(regions)
    candidates = find_candidates(regions, maps)
    polygons, region, winner = find_class_polygons(regions, maps, candidates)
    known = ClassPolygons(region=region, winner=winner, num_outputs=regions.num_outputs)
    links, *along_edges = meet_neighbours(regions, maps, candidates, known)
    inside = _inner_segments(polygons, region, winner)
    ends, classes, sides = (np.concatenate(parts) for parts in zip(inside, along_edges, strict=True))
    return Boundary(
        coordinates=polygons.coordinates,
        offsets=polygons.offsets,
        polygon_region=region,
        polygon_class=winner,
        area=signed_areas(polygons.coordinates, polygons.offsets),
        segments=ends,
        segment_classes=np.sort(classes, axis=1),
        segment_regions=sides,
        links=links,
        num_outputs=regions.num_outputs,
        window=regions.window,
        status=regions.status,
    )


def class_areas(boundary: Boundary) -> Float[np.ndarray, "classes"]:
    """Area (K,) in which every class wins, in squared units of L2 distance."""
    return np.bincount(boundary.polygon_class, boundary.area, boundary.num_outputs).astype(float)


def find_class_areas(regions: Regions) -> Float[np.ndarray, "classes"]:
    """The `class_areas` of a window, without looking for the rest of its boundary, which takes as long again."""
    maps = OutputMaps(regions)
    polygons, _, winner = find_class_polygons(regions, maps, find_candidates(regions, maps))
    area = signed_areas(polygons.coordinates, polygons.offsets)
    return np.bincount(winner, area, regions.num_outputs).astype(float)


def connected_areas(boundary: Boundary) -> Int[np.ndarray, "polygons"]:
    """The connected area of one class that every class polygon belongs to, numbered from 0.

    Areas that meet in a point only are not connected.
    """
    number, (one, two) = len(boundary.polygon_class), boundary.links.T
    graph = coo_array((np.ones(len(one), dtype=bool), (one, two)), shape=(number, number))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def num_class_areas(boundary: Boundary) -> int:
    """Number of connected areas of one class: the fragmentation of Somepalli et al. 2022 (dbViz), exact."""
    return int(connected_areas(boundary).max(initial=-1)) + 1


def _inner_segments(
    polygons: Polygons, region: Int[np.ndarray, "polygons"], winner: Int[np.ndarray, "polygons"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The boundary inside regions: ends, classes and regions of the sides that were cut by a higher class."""
    owner, following = polygons.owner, next_vertex(polygons.offsets)
    cut = np.flatnonzero(polygons.labels > winner[owner])
    ends = np.stack([polygons.coordinates[cut], polygons.coordinates[following[cut]]], 1)
    classes = np.stack([winner[owner[cut]], polygons.labels[cut]], 1)
    return ends, classes, np.repeat(region[owner[cut]][:, None], 2, axis=1)
