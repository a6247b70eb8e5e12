"""Which class wins where: inside a region its outputs are affine, so that each wins on a convex polygon."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from lrviz.geometry.clip import Polygons, clip, gather
from lrviz.geometry.polygons import largest, polygon_of, signed_areas, smallest
from lrviz.measures.window import outer_radius
from lrviz.results.regions import Regions
from lrviz.tolerance import TOLERANCE

UNCUT = -1
"""The label of the sides that a class polygon has from its region."""


class OutputMaps:
    """Differences of outputs in regions, exactly 0 where they are rounding errors."""

    def __init__(self, regions: Regions) -> None:
        self.centroid, self.slope, self.value = regions.centroid, regions.slope, regions.centroid_values
        self.rounding = regions.value_rounding
        # So far off may a vertex be from where the engine's lines meet.
        self.reach = TOLERANCE.distance * np.ptp(regions.window, axis=0).max()

    def difference(
        self,
        region: Int[np.ndarray, "n"],
        one: Int[np.ndarray, "n"],
        other: Int[np.ndarray, "n"],
        points: Float[np.ndarray, "n 2"],
    ) -> Float[np.ndarray, "n"]:
        """One output minus another, by the maps of some regions, at a point for each."""
        slope = self.slope[region, one] - self.slope[region, other]
        value = self.value[region, one] - self.value[region, other]
        result = value + np.einsum("nd,nd->n", slope, points - self.centroid[region])
        slack = self.rounding[region, one] + self.rounding[region, other] + self.reach * np.hypot(*slope.T)
        return np.where(np.abs(result) <= slack, 0.0, result)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The classes that may win somewhere in each region, one region after the other, ascending.

    Attributes:
        offsets: (R + 1,) where each region's classes start.
        classes: (C,) the classes.
    """

    offsets: Int[np.ndarray, "regions_plus_1"]
    classes: Int[np.ndarray, "candidates"]

    @property
    def count(self) -> Int[np.ndarray, "regions"]:
        """How many classes each region has."""
        return np.diff(self.offsets)

    def rival(self, region: Int[np.ndarray, "n"], turn: int, own: Int[np.ndarray, "n"]) -> Int[np.ndarray, "n"]:
        """The class that comes at some turn in some regions; the own one where there is none."""
        place = self.offsets[region] + turn
        exists = place < self.offsets[region + 1]
        return np.where(exists, self.classes[np.where(exists, place, 0)], own)


def find_candidates(regions: Regions, maps: OutputMaps) -> Candidates:
    """A class is out where the one that is largest in the middle is at least as large at all vertices.

    Of classes that tie in a whole region the lowest is in.
    """
    top = maps.value.argmax(1) if len(regions) else np.zeros(0, dtype=np.int64)
    region, rival = np.nonzero(_may_be_overtaken(regions, maps, top))
    vertex, offsets = gather(regions.offsets, region)
    owner = polygon_of(offsets)
    lead = maps.difference(region[owner], top[region[owner]], rival[owner], regions.coordinates[vertex])
    low, high = smallest(lead, offsets, 0.0), largest(lead, offsets, 0.0)
    np.minimum.at(top, region[(low == 0) & (high == 0)], rival[(low == 0) & (high == 0)])
    wins = np.zeros((len(regions), regions.num_outputs), dtype=bool)
    wins[region[low < 0], rival[low < 0]] = True
    wins[np.arange(len(regions)), top] = True
    return Candidates(offsets=np.concatenate([[0], np.cumsum(wins.sum(1))]), classes=np.nonzero(wins)[1])


def _may_be_overtaken(
    regions: Regions, maps: OutputMaps, top: Int[np.ndarray, "regions"]
) -> Bool[np.ndarray, "regions outputs"]:
    """Which outputs may reach the largest one within the circle around a region: few, so that the rest is quick."""
    every = np.arange(len(regions))
    lead = maps.value[every, top][:, None] - maps.value
    slope = np.linalg.norm(maps.slope[every, top][:, None] - maps.slope, axis=2)
    reach = outer_radius(regions)[:, None] + 2 * maps.reach
    near = lead <= slope * reach + 2 * (maps.rounding + maps.rounding[every, top][:, None])
    near[every, top] = False
    return near


def find_class_polygons(
    regions: Regions, maps: OutputMaps, candidates: Candidates
) -> tuple[Polygons, Int[np.ndarray, "polygons"], Int[np.ndarray, "polygons"]]:
    """The polygons in which one class wins, by region and class, their regions and their classes."""
    whole = Polygons(
        coordinates=regions.coordinates, offsets=regions.offsets, labels=np.full(len(regions.coordinates), UNCUT)
    )
    region = np.repeat(np.arange(len(regions)), candidates.count)
    polygons, winner = whole.take(region), candidates.classes
    mixed = candidates.count[region] > 1
    parts = _clip_by_rivals(polygons.take(np.flatnonzero(mixed)), region[mixed], winner[mixed], maps, candidates)
    joined = Polygons.join(polygons.take(np.flatnonzero(~mixed)), parts)
    order = np.argsort(np.concatenate([np.flatnonzero(~mixed), np.flatnonzero(mixed)]))
    joined = joined.take(order)
    kept = np.flatnonzero(signed_areas(joined.coordinates, joined.offsets) > 0)
    return joined.take(kept), region[kept], winner[kept]


def _clip_by_rivals(
    polygons: Polygons,
    region: Int[np.ndarray, "polygons"],
    winner: Int[np.ndarray, "polygons"],
    maps: OutputMaps,
    candidates: Candidates,
) -> Polygons:
    """What remains of polygons where their class is not below any other."""
    for turn in range(candidates.count.max(initial=0)):
        rival, owner = candidates.rival(region, turn, winner), polygons.owner
        lead = maps.difference(region[owner], winner[owner], rival[owner], polygons.coordinates)
        ties = (largest(lead, polygons.offsets, 0.0) <= 0) & (smallest(lead, polygons.offsets, 0.0) >= 0)
        lead[(ties & (winner <= rival))[owner]] = 1.0
        polygons = clip(polygons, lead, rival)
    return polygons
