"""What one region amounts to, without measuring all others."""

from dataclasses import replace

import numpy as np

from lrviz.measures.interpolation import deviation, interpolation
from lrviz.measures.locate import edges_of
from lrviz.measures.window import colour_values
from lrviz.results.regions import Regions

REGION_QUANTITIES = ("slope", "jump", "variation", "deviation", "similarity", "area")
"""What `measure_region` measures, names of `lrviz.measures.window.QUANTITIES`."""


def neighbourhood(regions: Regions, region: int) -> Regions:
    """A region, its neighbours after it, and the edges between it and them, longest first."""
    regions.polygon(region)  # is there
    edges = edges_of(regions, region)
    sides = regions.edge_regions[edges]
    others = np.where(sides[:, 0] == region, sides[:, 1], sides[:, 0])
    chosen = np.append(region, others)
    of_regions = {name: getattr(regions, name)[chosen] for name in ("pattern", "bias", "slope", "area", "centroid")}
    of_edges = {name: getattr(regions, name)[edges] for name in ("edge_unit", "edge_layer", "edge_length")}
    return replace(
        regions,
        coordinates=np.concatenate([regions.polygon(int(index)) for index in chosen]),
        offsets=np.concatenate([[0], np.cumsum(np.diff(regions.offsets)[chosen])]),
        edge_regions=np.column_stack([np.zeros(len(edges), int), np.arange(1, len(edges) + 1)]),
        edge_coordinates=regions.edge_coordinates[edges],
        **of_regions,
        **of_edges,
    )


def measure_region(regions: Regions, region: int, class_index: int | None = None) -> dict[str, float]:
    """The `REGION_QUANTITIES` of a region, as in `lrviz.measures.window.colour_values`; NaN for what is not defined.

    Args:
        regions: The regions of a window.
        region: Which of them.
        class_index: The output that they are of; all outputs together if None.
    """
    near = neighbourhood(regions, region)
    names = [name for name in REGION_QUANTITIES if name != "deviation"]
    values = {name: float(colour_values(near, name, class_index)[0]) for name in names}
    outputs = slice(None) if class_index is None else slice(class_index, class_index + 1)
    difference = deviation(near, outputs, interpolation(regions))[0].mean()
    values["deviation"] = float(difference) / values["area"] if values["area"] > 0 else float("nan")
    return {name: values[name] for name in REGION_QUANTITIES}
