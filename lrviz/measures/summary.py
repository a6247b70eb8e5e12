"""All measures of a window at a glance."""

from dataclasses import dataclass

import numpy as np

from lrviz.errors import InvalidData
from lrviz.measures.boundary import Boundary, find_boundary, num_class_areas
from lrviz.measures.interpolation import deviation
from lrviz.measures.window import (
    density,
    inner_length,
    inner_radius,
    jump,
    mean_slope,
    outer_radius,
    similarity,
    weighted_mean,
)
from lrviz.results.regions import Regions
from lrviz.results.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The measures of a window, as a table shows them.

    What is not defined, such as the jump in a window without inner edges or the deviation of a partial result, is NaN.

    Attributes:
        num_regions: Number of regions found.
        area: What they cover, in squared units of L2 distance.
        density: Regions per squared unit of L2 distance.
        mean_area: Area per region.
        median_area: Half of the regions are smaller.
        mean_inner_radius: Mean over regions of `inner_radius`.
        mean_outer_radius: Mean over regions of `outer_radius`.
        num_classes: Number of classes predicted somewhere.
        mean_slope: Area-weighted mean of the Frobenius norm of the slope, all outputs together.
        mean_slope_predicted: Likewise of the norm of the predicted class's slope.
        mean_slope_margin: Likewise of the norm of the margin's slope.
        total_variation: Sum over inner edges of length times jump, all outputs together.
        mean_jump: Edge-length weighted mean jump, all outputs together.
        mean_similarity: Edge-length weighted mean similarity, all outputs together.
        deviation: Mean over outputs of the integral of the absolute deviation.
        deviation_per_area: The same divided by the area: a mean absolute deviation in logits.
        boundary_length: Length of the decision boundary, in units of L2 distance.
        num_class_areas: Number of connected areas of one class.
        status: Whether the regions are complete.
    """

    num_regions: int
    area: float
    density: float
    mean_area: float
    median_area: float
    mean_inner_radius: float
    mean_outer_radius: float
    num_classes: int
    mean_slope: float
    mean_slope_predicted: float
    mean_slope_margin: float
    total_variation: float
    mean_jump: float
    mean_similarity: float
    deviation: float
    deviation_per_area: float
    boundary_length: float
    num_class_areas: int
    status: Status


def summary(regions: Regions, boundary: Boundary | None = None) -> Summary:
    """All measures of a window at a glance.

    Args:
        regions: The regions of the window.
        boundary: Their decision boundary, if it is known already.

    Raises:
        InvalidData: There is no region.
    """
    if len(regions) == 0:
        raise InvalidData("Measures need at least one region; got none. Find regions without cancelling first.")
    area, jumps = float(regions.area.sum()), jump(regions)
    boundary = find_boundary(regions) if boundary is None else boundary
    deviations = float(deviation(regions).sum(0).mean())
    return Summary(
        num_regions=len(regions),
        area=area,
        density=density(regions),
        mean_area=area / len(regions),
        median_area=float(np.median(regions.area)),
        mean_inner_radius=float(inner_radius(regions).mean()),
        mean_outer_radius=float(outer_radius(regions).mean()),
        num_classes=len(np.unique(boundary.polygon_class)),
        mean_slope=mean_slope(regions),
        mean_slope_predicted=mean_slope(regions, "predicted"),
        mean_slope_margin=mean_slope(regions, "margin"),
        total_variation=float(inner_length(regions) @ jumps),
        mean_jump=weighted_mean(jumps, inner_length(regions)),
        mean_similarity=weighted_mean(similarity(regions), inner_length(regions)),
        deviation=deviations,
        deviation_per_area=deviations / area,
        boundary_length=boundary.length,
        num_class_areas=num_class_areas(boundary),
        status=regions.status,
    )
