"""What meets at the edges between regions: polygons of one class are linked, those of two classes bound each other."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from lrviz.measures.window import inner_edges
from lrviz.measures.winners import Candidates, OutputMaps
from lrviz.results.regions import Regions
from lrviz.tolerance import TOLERANCE

_SHARE = 8
"""Two stretches of an edge have one in common if it is longer than this part of the edge, whatever the tolerance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPolygons:
    """Class polygons, ascending by region and class.

    Attributes:
        region: (P,) the region that each is a part of.
        winner: (P,) its class.
        num_outputs: Number of classes.
    """

    region: Int[np.ndarray, "polygons"]
    winner: Int[np.ndarray, "polygons"]
    num_outputs: int

    def find(self, region: Int[np.ndarray, "n"], winner: Int[np.ndarray, "n"]) -> Int[np.ndarray, "n"]:
        """The polygon (n,) of a region and a class; -1 where there is none."""
        keys, wanted = self.region * self.num_outputs + self.winner, region * self.num_outputs + winner
        place = np.searchsorted(keys, wanted)
        found = place < len(keys)
        found[found] = keys[place[found]] == wanted[found]
        return np.where(found, place, -1)


class Contacts(NamedTuple):
    """Where polygons of one class touch (L, 2), and the boundary along edges: ends, classes, regions."""

    links: Int[np.ndarray, "links 2"]
    ends: Float[np.ndarray, "segments 2 2"]
    classes: Int[np.ndarray, "segments 2"]
    regions: Int[np.ndarray, "segments 2"]


class _Stretches(NamedTuple):
    """Parts of edges along which one class wins on one side, one edge after the other."""

    edge: Int[np.ndarray, "stretches"]
    winner: Int[np.ndarray, "stretches"]
    low: Float[np.ndarray, "stretches"]
    high: Float[np.ndarray, "stretches"]


def meet_neighbours(regions: Regions, maps: OutputMaps, candidates: Candidates, polygons: ClassPolygons) -> Contacts:
    """Compare the classes on the two sides of every edge between two regions, stretch by stretch."""
    inner = inner_edges(regions)
    sides, ends = regions.edge_regions[inner], regions.edge_coordinates[inner]
    one, two = (_win_along(ends, sides[:, k], maps, candidates) for k in (0, 1))
    first, second = _pairs(one.edge, two.edge, len(ends))
    edge = one.edge[first]
    low, high = np.maximum(one.low[first], two.low[second]), np.minimum(one.high[first], two.high[second])
    length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    least = np.minimum(TOLERANCE.touching * np.ptp(regions.window, axis=0).max() / 2, length / _SHARE)
    meets = (high - low) * length[edge] > least[edge]
    edge, low, high = edge[meets], low[meets], high[meets]
    classes = np.stack([one.winner[first[meets]], two.winner[second[meets]]], 1)
    differs = classes[:, 0] != classes[:, 1]
    links = np.stack([polygons.find(sides[edge, k], classes[:, k]) for k in (0, 1)], 1)
    start, along = ends[edge, 0], (ends[:, 1] - ends[:, 0])[edge]
    stretch = np.stack([start + low[:, None] * along, start + high[:, None] * along], 1)
    return Contacts(
        links=links[~differs & (links >= 0).all(1)],
        ends=stretch[differs],
        classes=classes[differs],
        regions=sides[edge[differs]],
    )


def _win_along(
    ends: Float[np.ndarray, "edges 2 2"], region: Int[np.ndarray, "edges"], maps: OutputMaps, candidates: Candidates
) -> _Stretches:
    """Where along edges each class wins, seen from the region on one side."""
    count = candidates.count[region]
    edge = np.repeat(np.arange(len(ends)), count)
    turn = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count)
    own = region[edge]
    winner = candidates.classes[candidates.offsets[own] + turn]
    low, high = np.zeros(len(edge)), np.ones(len(edge))
    for k in range(count.max(initial=0)):
        busy = np.flatnonzero(count[edge] > max(k, 1))
        rival = candidates.rival(own[busy], k, winner[busy])
        here, there = (maps.difference(own[busy], winner[busy], rival, ends[edge[busy], e]) for e in (0, 1))
        level = (here == 0) & (there == 0)
        wins = _wins_beside(own[busy], winner[busy], rival, maps)
        here, there = (np.where(level, np.where(wins, 1.0, -1.0), value) for value in (here, there))
        cut = np.divide(here, here - there, out=np.zeros_like(here), where=here != there)
        low[busy] = np.maximum(low[busy], np.where(here < 0, np.where(there > 0, cut, 1.0), 0.0))
        high[busy] = np.minimum(high[busy], np.where(there < 0, np.where(here > 0, cut, 0.0), 1.0))
    return _Stretches(edge=edge, winner=winner, low=low, high=high)


def _wins_beside(
    region: Int[np.ndarray, "n"], one: Int[np.ndarray, "n"], other: Int[np.ndarray, "n"], maps: OutputMaps
) -> Bool[np.ndarray, "n"]:
    """Whether one class beats another inside a region, where they tie along an edge of it."""
    lead = maps.difference(region, one, other, maps.centroid[region])
    return (lead > 0) | ((lead == 0) & (one <= other))


def _pairs(
    one: Int[np.ndarray, "n"], two: Int[np.ndarray, "m"], num_edges: int
) -> tuple[Int[np.ndarray, "pairs"], Int[np.ndarray, "pairs"]]:
    """All pairs of an entry of one list and an entry of another that belong to one edge; both lists ascend."""
    number, start = np.bincount(two, minlength=num_edges), np.searchsorted(two, np.arange(num_edges))
    count = number[one]
    first = np.repeat(np.arange(len(one)), count)
    step = np.arange(len(first)) - np.repeat(np.cumsum(count) - count, count)
    return first, start[one[first]] + step
