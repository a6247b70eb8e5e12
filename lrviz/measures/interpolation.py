"""How far a network in a window is from the affine map through its values at the window's corners."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from lrviz.geometry.polygons import largest, polygon_of, smallest
from lrviz.results.regions import Regions
from lrviz.tolerance import TOLERANCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpolation:
    """An affine map of the plane.

    Attributes:
        center: (2,) a point of the window.
        value: (K,) the map's value there.
        slope: (K, 2) change of logit per unit of L2 distance.
        rounding: (K,) the map tells no smaller values apart.
    """

    center: Float[np.ndarray, "2"]
    value: Float[np.ndarray, "outputs"]
    slope: Float[np.ndarray, "outputs 2"]
    rounding: Float[np.ndarray, "outputs"]

    def at(self, points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "points outputs"]:
        """Values (n, K) at plane coordinates (n, 2)."""
        return self.value + (points - self.center) @ self.slope.T


def corner_values(regions: Regions) -> Float[np.ndarray, "corners outputs"]:
    """Outputs (C, K) at the window's corners, from the regions that hold them; NaN where no region does."""
    if len(regions) == 0:
        return np.full((len(regions.window), regions.num_outputs), np.nan)
    distance = np.stack([np.abs(regions.coordinates - corner).max(1) for corner in regions.window])
    nearest = distance.argmin(1)
    holder = np.searchsorted(regions.offsets, nearest, side="right") - 1
    size = np.ptp(regions.window, axis=0).max()
    reach = 1e3 * TOLERANCE.distance * size + 8 * np.finfo(float).eps * np.abs(regions.window).max()
    values = regions.values(holder, regions.window)
    return np.where(distance.min(1)[:, None] <= reach, values, np.nan)


def interpolation(regions: Regions) -> Interpolation:
    """The affine map through the network's values at the window's corners.

    For a triangle it takes these values; for any other window it is the least-squares plane through them.
    """
    return interpolate(regions.window, corner_values(regions))


def interpolate(corners: Float[np.ndarray, "corners 2"], values: Float[np.ndarray, "corners outputs"]) -> Interpolation:
    """The affine map through values (C, K) at the corners (C, 2) of a window: the least-squares plane for C > 3."""
    center = corners.mean(0)
    size = np.ptp(corners, axis=0).max()
    system = np.column_stack([np.ones(len(values)), (corners - center) / size])
    solution = np.linalg.pinv(system) @ values
    rounding = TOLERANCE.rounding * np.abs(values).max(0)
    return Interpolation(center=center, value=solution[0], slope=solution[1:].T / size, rounding=rounding)


def deviation(
    regions: Regions, outputs: slice = slice(None), plane: Interpolation | None = None
) -> Float[np.ndarray, "regions chosen"]:
    """Integral over each region of |f - interpolation of f at the window's corners|, exact, per output.

    Where the difference changes its sign inside a region, the region is split along that line. For a triangle the
    interpolation takes f's values at the corners; for any other window it is the least-squares plane through them.
    Where the two differ by no more than rounding errors in all of a region, the integral is 0.

    Args:
        regions: The regions.
        outputs: Which outputs.
        plane: The interpolation; that of the regions themselves if None.

    Returns:
        (R, chosen) logits times squared L2 distance; their sum over regions is the deviation of the window. NaN if
        the result is partial and a corner of the window is missing.
    """
    plane = plane or interpolation(regions)
    chosen = np.arange(regions.num_outputs)[outputs]
    result = np.empty((len(regions), len(chosen)))
    center_values = regions.centroid_values[:, outputs] - plane.at(regions.centroid)[:, outputs]
    rounding = (regions.value_rounding + plane.rounding)[:, outputs]
    triangles = _Triangles(regions)
    for column, k in enumerate(chosen):
        slope = regions.slope[:, k] - plane.slope[k]
        result[:, column] = triangles.integrate_absolute(center_values[:, column], slope, rounding[:, column])
    return result


class _Triangles:
    """Every region cut into triangles from its first vertex, in coordinates local to its centroid."""

    def __init__(self, regions: Regions) -> None:
        self.area, self.offsets = regions.area, regions.offsets
        self.count = np.maximum(np.diff(regions.offsets), 2)
        self.owner = polygon_of(regions.offsets)
        self.vertices = regions.coordinates - regions.centroid[self.owner]

    def integrate_absolute(self, value: np.ndarray, slope: np.ndarray, rounding: np.ndarray) -> np.ndarray:
        """Integral (R,) over each region of |value + slope @ local point|, for value (R,) and slope (R, 2).

        Values up to `rounding` (R,) are rounding errors of zero.
        """
        at_vertices = value[self.owner] + np.einsum("nd,nd->n", slope[self.owner], self.vertices)
        low, high = (extreme(at_vertices, self.offsets, 0.0) for extreme in (smallest, largest))
        result = np.abs(value) * self.area
        changing = np.flatnonzero((low < 0) & (high > 0))
        result[changing] = self._integrate_changing(changing, at_vertices)
        result[np.maximum(-low, high) <= rounding] = 0.0
        return result

    def _integrate_changing(self, regions: np.ndarray, at_vertices: np.ndarray) -> np.ndarray:
        number = self.count[regions] - 2
        owner = np.repeat(np.arange(len(regions)), number)
        step = np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)
        apex = np.repeat(self.offsets[regions], number)
        corners = np.stack([apex, apex + step + 1, apex + step + 2])
        a, b, c = self.vertices[corners]
        area = ((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])) / 2
        return np.bincount(owner, integrate_absolute(at_vertices[corners], area), len(regions))


def integrate_absolute(values: Float[np.ndarray, "3 n"], area: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Integral of |g| over triangles, g affine with these values (3, n) at their corners.

    If one corner's value a has another sign than the values b and c, the line g = 0 cuts off a triangle of area
    A a^2 / ((a - b) (a - c)), over which g integrates to S = A a^3 / (3 (a - b) (a - c)), and
    the whole is |S| + |I - S| with I = A (a + b + c) / 3.

    >>> integrate_absolute(np.array([[1.0], [-1.0], [0.0]]), np.array([1.0])).round(6)
    array([0.333333])
    """
    whole = area * values.sum(0) / 3
    positive = values > 0
    odd = np.where(positive.sum(0) == 1, positive.argmax(0), positive.argmin(0))
    columns = np.arange(values.shape[1])
    a, b, c = (values[(odd + i) % 3, columns] for i in range(3))
    mixed = (values.min(0) < 0) & (values.max(0) > 0)
    cut_off = a / np.where(mixed, a - b, 1.0) * (a / np.where(mixed, a - c, 1.0))
    part = area * cut_off * a / 3
    return np.where(mixed, np.abs(part) + np.abs(whole - part), np.abs(whole))
