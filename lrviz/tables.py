"""Results as tables of numbers."""

import csv
import os
from pathlib import Path

import numpy as np

from lrviz import measures
from lrviz.regions import Regions

Columns = dict[str, np.ndarray]


def measure_regions(regions: Regions, class_names: tuple[str, ...] = ()) -> Columns:
    """The measures of every region, by column; units as in `lrviz.measures`.

    Args:
        regions: The regions.
        class_names: Names of the outputs; their numbers if empty.
    """
    names = np.array(class_names or [str(index) for index in range(regions.num_outputs)])
    return {
        "pattern": np.array([f"{pattern:016x}" for pattern in regions.pattern]),
        "class": names[regions.predicted],
        "u": regions.centroid[:, 0],
        "v": regions.centroid[:, 1],
        "corners": np.diff(regions.offsets),
        "area": regions.area,
        "inner_radius": measures.inner_radius(regions),
        "outer_radius": measures.outer_radius(regions),
        "slope": measures.slope_norm(regions),
        "slope_predicted": measures.slope_norm(regions, "predicted"),
        "slope_margin": measures.slope_norm(regions, "margin"),
        **{name: measures.colour_values(regions, name) for name in ("jump", "similarity", "deviation")},
    }


def save_csv(path: Path | str | os.PathLike[str], columns: Columns) -> None:
    """Write columns of one length as comma-separated text with a header; numbers keep all their digits."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
