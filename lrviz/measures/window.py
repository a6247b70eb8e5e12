"""What regions amount to: slope, jump, similarity, variation, deviation, density; exact sums, in closed form.

Everywhere `output` says of what: a number is one output; "all" takes all outputs together (Frobenius norm, or cosine
over all numbers); "predicted" is the largest output of each region, and "margin" its largest minus its second largest,
both at the centroid.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Bool, Float

from lrviz.errors import InvalidData
from lrviz.geometry.polygons import largest, polygon_of, sides, smallest, total
from lrviz.measures.definitions import QUANTITIES
from lrviz.measures.interpolation import deviation
from lrviz.measures.path import cosine
from lrviz.results.regions import Regions

Output: TypeAlias = int | np.integer | Literal["all", "predicted", "margin"]
_TOGETHER = ("all", "predicted", "margin")
PerRegion: TypeAlias = Float[np.ndarray, "regions"]
PerEdge: TypeAlias = Float[np.ndarray, "inner_edges"]

_BLOCK = 2**20
"""Numbers of slopes that are compared at once."""


def colour_values(regions: Regions, quantity: str, class_index: int | None = None) -> np.ndarray:
    """One number for every region, to colour it by.

    Args:
        regions: The regions.
        quantity: One of `QUANTITIES`.
        class_index: The output that slope, jump, variation, deviation and similarity are of; all outputs together if
            None, which for the variation is the largest and for the deviation the mean over the outputs.

    Returns:
        (R,) the region's pattern id or class for "region" and "class"; else floats, NaN where there is no value.

    Raises:
        InvalidData: There is no such quantity or class.
    """
    if quantity not in QUANTITIES:
        raise InvalidData(f"Expected a quantity among {', '.join(QUANTITIES)}; got {quantity!r}. Choose one of them.")
    output = _checked(regions, "all" if class_index is None else class_index)
    measures: dict[str, Callable[[], np.ndarray]] = {
        "region": lambda: regions.pattern,
        "class": lambda: regions.predicted,
        "slope": lambda: slope_norm(regions, output),
        "jump": lambda: region_mean(regions, jump(regions, output)),
        "variation": lambda: variation(regions, output),
        "deviation": lambda: _mean_deviation(regions, output),
        "similarity": lambda: region_mean(regions, similarity(regions, output)),
        "area": lambda: regions.area,
        "density": lambda: -np.log10(np.maximum(regions.area, np.finfo(float).tiny)),
    }
    return measures[quantity]()


def _mean_deviation(regions: Regions, output: Output) -> PerRegion:
    chosen = slice(output, output + 1) if isinstance(output, int) else slice(None)
    return _divide(deviation(regions, chosen).mean(1), regions.area)


# --- slope -----------------------------------------------------------------------------------------------------------


def slope_of(regions: Regions, output: Output = "all") -> Float[np.ndarray, "regions numbers"]:
    """The slope of an output in every region, as a row of numbers.

    Args:
        regions: The regions.
        output: See the module.

    Returns:
        (R, 2), or (R, 2 K) for all outputs: change of logit per unit of L2 distance in the plane.
    """
    output = _checked(regions, output)
    if output == "all":
        return regions.slope.reshape(len(regions), 2 * regions.num_outputs)
    if isinstance(output, int):
        return regions.slope[:, output]
    values, rows, first = regions.centroid_values, np.arange(len(regions)), regions.predicted
    slope = regions.slope[rows, first]
    if output == "predicted" or regions.num_outputs == 1:
        return slope
    values[rows, first] = -np.inf
    return slope - regions.slope[rows, values.argmax(1)]


def slope_norm(regions: Regions, output: Output = "all") -> PerRegion:
    """L2 norm (R,) of the slope: the steepest change of the output per unit of L2 distance in the plane."""
    return _norm(slope_of(regions, output))


def mean_slope(regions: Regions, output: Output = "all") -> float:
    """Area-weighted mean of the slope's norm."""
    return weighted_mean(slope_norm(regions, output), regions.area)


# --- change within a region -------------------------------------------------------------------------------------------


def variation(regions: Regions, output: Output = "all") -> PerRegion:
    """The largest change (R,) of an output within every region, exact: its values at the vertices, in logits.

    For "all" it is that of the output that changes most.
    """
    slope = slope_of(regions, output)
    offsets, owner = regions.offsets, polygon_of(regions.offsets)
    local = regions.coordinates - regions.centroid[owner]
    result = np.zeros(len(regions))
    for k in range(0, slope.shape[1], 2):
        values = np.einsum("nd,nd->n", slope[owner, k : k + 2], local)
        np.maximum(result, largest(values, offsets, 0.0) - smallest(values, offsets, 0.0), out=result)
    return result


# --- neighbours ------------------------------------------------------------------------------------------------------


def inner_edges(regions: Regions) -> Bool[np.ndarray, "edges"]:
    """Tell which edges (E,) have a region on both sides."""
    return np.asarray((regions.edge_regions >= 0).all(1))


def inner_length(regions: Regions) -> PerEdge:
    """Length (I,) of every inner edge, in units of L2 distance."""
    return regions.edge_length[inner_edges(regions)]


def jump(regions: Regions, output: Output = "all") -> PerEdge:
    """Norm (I,) of the difference of the slopes on the two sides of every inner edge.

    For "predicted" and "margin" the output may differ from one side to the other, and so may the slope without a bend
    of any single output.
    """
    return _compare_sides(regions, output, lambda here, there: _norm(here - there))


def similarity(regions: Regions, output: Output = "all") -> PerEdge:
    """Cosine (I,) of the angle between the slopes on the two sides of every inner edge.

    Two zero slopes are alike, 1; a zero slope has nothing in common with another one, 0.
    """
    return _compare_sides(regions, output, lambda here, there: cosine(here[:, None], there[:, None])[:, 0])


def total_variation(regions: Regions, output: Output = "all") -> float:
    """Total variation of the slope over the window: the sum over inner edges of length times jump, in logits."""
    return float(inner_length(regions) @ jump(regions, output))


def region_mean(regions: Regions, values: PerEdge) -> PerRegion:
    """Edge-length weighted mean (R,) over each region's inner edges of a value (I,) per inner edge; NaN without any."""
    inner = inner_edges(regions)
    length, sides = regions.edge_length[inner], regions.edge_regions[inner]

    def total(weights: np.ndarray) -> np.ndarray:
        return np.bincount(sides[:, 0], weights, len(regions)) + np.bincount(sides[:, 1], weights, len(regions))

    return _divide(total(length * values), total(length))


def _compare_sides(
    regions: Regions, output: Output, compare: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> PerEdge:
    """What comes of the slopes on the two sides of every inner edge, some edges at a time."""
    slope, sides = slope_of(regions, output), regions.edge_regions[inner_edges(regions)]
    size = max(1, _BLOCK // slope.shape[1])
    parts = [slope[:0, 0]]  # there may be no edge
    for first in range(0, len(sides), size):
        here, there = sides[first : first + size].T
        parts.append(compare(slope[here], slope[there]))
    return np.concatenate(parts)


# --- size ------------------------------------------------------------------------------------------------------------


def density(regions: Regions) -> float:
    """Regions per squared unit of L2 distance, over the area that the regions cover."""
    return len(regions) / float(regions.area.sum()) if len(regions) else float("nan")


def perimeter(regions: Regions) -> PerRegion:
    """Length (R,) of every region's boundary, in units of L2 distance."""
    return total(_norm(sides(regions.coordinates, regions.offsets)), regions.offsets)


def inner_radius(regions: Regions) -> PerRegion:
    """Twice the area over the perimeter (R,), in units of L2 distance.

    It is the radius of the inscribed circle of triangles and of all polygons that have one; for any other convex
    polygon the largest circle inside is smaller than this, but more than half as large.
    """
    return _divide(2 * regions.area, perimeter(regions), 0.0)


def outer_radius(regions: Regions) -> PerRegion:
    """Largest distance (R,) of a vertex from the region's centroid: some circle of this radius holds the region."""
    distance = _norm(regions.coordinates - regions.centroid[polygon_of(regions.offsets)])
    return largest(distance, regions.offsets, 0.0)


# --- arithmetic ------------------------------------------------------------------------------------------------------


def _norm(rows: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("nd,nd->n", rows, rows))


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> float:
    """The mean of values by their weights; NaN where the weights add up to nothing."""
    total = float(weights.sum())
    return float(weights @ values) / total if total > 0 else float("nan")


def _divide(numerator: np.ndarray, denominator: np.ndarray, otherwise: float = float("nan")) -> np.ndarray:
    """The quotient, with a value of its own where the denominator is zero."""
    result = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), otherwise)
    return np.divide(numerator, denominator, out=result, where=denominator != 0)


def _checked(regions: Regions, output: Any) -> Output:
    """The same, a number as an int."""
    if isinstance(output, str) and output in _TOGETHER:
        return output  # type: ignore[return-value]
    if not isinstance(output, int | np.integer) or isinstance(output, bool) or not 0 <= output < regions.num_outputs:
        raise InvalidData(
            f"Expected an output from 0 to {regions.num_outputs - 1}, or {', '.join(_TOGETHER)}; got {output!r}. The "
            "network has no such output."
        )
    return int(output)
