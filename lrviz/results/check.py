"""Whether regions are what they claim to be: convex polygons that fill the window, with every side paired."""

import numpy as np
from jaxtyping import Bool, Int

from lrviz.geometry.polygons import cross, polygon_of, side_lengths, sides, signed_areas, smallest, total
from lrviz.geometry.validity import Validity, area_faults, count_faults, polygon_faults, rounding
from lrviz.results.regions import Regions
from lrviz.results.status import Status
from lrviz.tolerance import TOLERANCE


def check(regions: Regions) -> Validity:
    """Check every invariant of regions, on their stored numbers alone.

    Regions are convex, counter-clockwise and of positive area; their areas add up to the window's when they are
    complete; their patterns differ. Two regions share at most one edge, for they are convex; an edge of a unit lies
    between two regions; the edges of a region add up to its perimeter; the function is continuous across them.

    Returns:
        Something that is true where all of this holds, and else says in `faults` what does not.
    """
    faults = [*_array_faults(regions), *polygon_faults(regions.coordinates, regions.offsets, _extent(regions) / 2)]
    if not faults:
        faults = [*_size_faults(regions), *_edge_faults(regions), *value_faults(regions)]
    return Validity(faults=tuple(faults))


def _extent(regions: Regions) -> float:
    return float(np.ptp(regions.window, axis=0).max())


def _array_faults(regions: Regions) -> list[str]:
    names = ("bias", "slope", "area", "centroid", "edge_length", "edge_coordinates")
    wrong = [name for name in names if not np.isfinite(getattr(regions, name)).all()]
    faults = [f"{name} holds numbers that are not finite." for name in wrong]
    if (regions.edge_regions < 0).all(1).any():
        faults.append("Edges lie between regions that do not exist.")
    return faults


def _size_faults(regions: Regions) -> list[str]:
    corners = regions.window - regions.window[0]
    window_area = float(cross(corners, np.roll(corners, -1, 0)).sum()) / 2
    slack = rounding(regions.window)
    side, perimeter = sides(regions.coordinates, regions.offsets), _perimeter(regions)
    difference = np.abs(signed_areas(regions.coordinates, regions.offsets) - regions.area)
    outward = cross(regions.coordinates - regions.centroid[polygon_of(regions.offsets)], side)
    nearest = smallest(outward / np.maximum(np.hypot(*side.T), slack), regions.offsets, 0.0)
    wrong = {
        "have no positive area": regions.area <= 0,
        "have another area than their polygon": difference > TOLERANCE.drawn * regions.area + slack * perimeter,
        "have their centroid outside": nearest < -TOLERANCE.dent * _extent(regions) - slack,
        "share their pattern with another": _repeated(regions.pattern[:, None].view(np.int64)),
    }
    covered = area_faults(regions.area, window_area, complete=regions.status == Status.COMPLETE)
    return [*count_faults("regions", wrong), *covered]


def _perimeter(regions: Regions) -> np.ndarray:
    return total(side_lengths(regions.coordinates, regions.offsets), regions.offsets)


def _edge_faults(regions: Regions) -> list[str]:
    outside = regions.edge_regions < 0
    inner = np.asarray(~outside.any(1))
    length = np.hypot(*(regions.edge_coordinates[:, 1] - regions.edge_coordinates[:, 0]).T)
    slack = TOLERANCE.gap * _extent(regions) / 2 + rounding(regions.window)
    same = np.zeros_like(inner)
    same[inner] = _repeated(np.sort(regions.edge_regions[inner], 1))
    edges = {
        "have one region on both sides": regions.edge_regions[:, 0] == regions.edge_regions[:, 1],
        "of a unit have no neighbour": ~inner & (regions.edge_unit >= 0),
        "between two regions have no unit": inner & (regions.edge_unit < 0),
        "lie between the same two regions as others": same,
        "have another length than their ends": np.abs(length - regions.edge_length) > slack,
    }
    owner, along = regions.edge_regions.ravel(), np.repeat(regions.edge_length, 2)
    covered = np.bincount(owner[owner >= 0], along[owner >= 0], len(regions))
    perimeter = _perimeter(regions)
    # A side that is moved by the width of a sliver, which has no neighbours, moves the tip of a thin region by more.
    tip = TOLERANCE.sliver * _extent(regions) / 2 * perimeter**2 / (2 * regions.area)
    missing = np.abs(covered - perimeter) > slack * np.diff(regions.offsets) + tip
    return [
        *count_faults("edges", edges),
        *count_faults("regions", {"have edges that do not add up to their perimeter": missing}),
    ]


def _repeated(rows: Int[np.ndarray, "n m"]) -> Bool[np.ndarray, "n"]:
    """Which rows stand there more than once."""
    _, place, count = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    return (count > 1)[place.ravel()]


def value_faults(regions: Regions) -> list[str]:
    """Where neighbours differ at the ends of their edge, by more than the rounding of the terms that they add up."""
    inner = (regions.edge_regions >= 0).all(1)
    one, two = regions.edge_regions[inner].T
    ends = regions.edge_coordinates[inner].transpose(1, 0, 2)
    gap = np.maximum(*(np.abs(regions.values(one, point) - regions.values(two, point)).max(1) for point in ends))
    apart = np.asarray(gap > TOLERANCE.continuous * largest_terms(regions))
    return count_faults("inner edges", {"lie between maps that differ there": apart})


def largest_terms(regions: Regions) -> float:
    """How large the terms are at most that the values of regions are summed from."""
    reach = np.abs(regions.window).max()
    return float(np.abs(regions.bias).max(initial=0.0) + np.abs(regions.slope).max(initial=0.0) * reach)
