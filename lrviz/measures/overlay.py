"""Decision boundaries and other things in the plane: how far points are, and where two networks agree."""

import numpy as np
import shapely
from jaxtyping import Float, Int

from lrviz.errors import InvalidData
from lrviz.geometry.clip import gather
from lrviz.geometry.polygons import polygon_of
from lrviz.measures.boundary import Boundary
from lrviz.results.status import Status
from lrviz.tolerance import TOLERANCE


def boundary_distance(boundary: Boundary, points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n"]:
    """L2 distance (n,) of points (n, 2) of the plane to the boundary; infinite where there is none."""
    if len(boundary) == 0:
        return np.full(len(points), np.inf)
    center = boundary.window.mean(0)
    lines = shapely.linestrings(boundary.segments - center)
    places = shapely.points(np.asarray(points, float) - center)
    nearest = shapely.STRtree(lines).nearest(places)
    return shapely.distance(lines[nearest], places)


def agreement(one: Boundary, other: Boundary) -> float:
    """The share of the window's area in which two networks predict the same class, exact.

    It is the reproducibility of Somepalli et al. 2022 (dbViz), which counts pixels. NaN if a result is partial.

    Raises:
        InvalidData: The windows differ, or the numbers of classes do.
    """
    _require_comparable(one, other)
    if one.status != Status.COMPLETE or other.status != Status.COMPLETE:
        return float("nan")
    common = sum(_common_area(one, other, k) for k in range(one.num_outputs))
    return min(common / float(one.area.sum()), 1.0)


def _require_comparable(one: Boundary, other: Boundary) -> None:
    size = np.ptp(one.window, axis=0).max()
    same = one.window.shape == other.window.shape
    if not same or np.abs(one.window - other.window).max() > TOLERANCE.touching * size:
        raise InvalidData("Agreement needs two networks in one window; got two windows. Find regions in the same one.")
    if one.num_outputs != other.num_outputs:
        raise InvalidData(
            f"Agreement needs two networks with the same classes; got {one.num_outputs} and {other.num_outputs}. "
            "Choose networks of one data set."
        )


def _common_area(one: Boundary, other: Boundary, winner: int) -> float:
    """The area in which both predict a class."""
    center = one.window.mean(0)
    here, there = (_polygons(boundary, winner, center) for boundary in (one, other))
    if not (len(here) and len(there)):
        return 0.0
    first, second = shapely.STRtree(there).query(here, predicate="intersects")
    return float(shapely.area(shapely.intersection(here[first], there[second])).sum())


def _polygons(boundary: Boundary, winner: int, center: Float[np.ndarray, "2"]) -> np.ndarray:
    """The polygons of a class, in coordinates that keep their digits."""
    chosen: Int[np.ndarray, "chosen"] = np.flatnonzero(boundary.polygon_class == winner)
    vertices, offsets = gather(boundary.offsets, chosen)
    rings = shapely.linearrings(boundary.coordinates[vertices] - center, indices=polygon_of(offsets))
    return shapely.polygons(rings)
