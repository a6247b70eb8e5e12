"""Results as tables of numbers."""

import csv
import os
from pathlib import Path

import numpy as np

from lrviz.measures import window as measures
from lrviz.measures.definitions import PATH_QUANTITIES
from lrviz.measures.path import mean_and_spread
from lrviz.results.pieces import PathMeasures
from lrviz.results.regions import Regions

Columns = dict[str, np.ndarray]

PER_CLASS = tuple(name for name, quantity in PATH_QUANTITIES.items() if quantity.per_class)
"""What every class of a path is measured by: fields of `PathMeasures`."""


def measure_regions(regions: Regions, class_names: tuple[str, ...] = ()) -> Columns:
    """The measures of every region, by column; units as in `lrviz.measures.window`.

    Args:
        regions: The regions.
        class_names: Names of the outputs; their numbers if empty.
    """
    names = np.array(_name_outputs(regions.num_outputs, class_names))
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
        **{name: measures.colour_values(regions, name) for name in ("jump", "similarity", "variation", "deviation")},
    }


def measure_segments(path: PathMeasures, class_names: tuple[str, ...] = ()) -> Columns:
    """The measures of every segment of a path, by column: means over the classes, then those of every class.

    They are those of `lrviz.measures.definitions.PATH_QUANTITIES`; `mean_difference` is the deviation divided by the
    length, the mean of |f - chord| in logits.

    Args:
        path: The measures.
        class_names: Names of the outputs; their numbers if empty.
    """
    names = _name_outputs(path.deviation.shape[1], class_names)
    kinds = {name: getattr(path, name) for name in PER_CLASS}
    return {
        "segment": np.arange(1, len(path) + 1),
        "length": path.length,
        "num_pieces": path.num_pieces,
        "density": path.num_pieces / path.length,
        "mean_difference": path.deviation.mean(1) / path.length,
        **{kind: values.mean(1) for kind, values in kinds.items()},
        "joint_similarity": path.joint_similarity,
        **{f"{kind}_{name}": values[:, k] for kind, values in kinds.items() for k, name in enumerate(names)},
    }


def measure_classes(path: PathMeasures, class_names: tuple[str, ...] = ()) -> Columns:
    """The measures of every class along a path, by column: means over the segments, and standard deviations.

    Args:
        path: The measures.
        class_names: Names of the outputs; their numbers if empty.
    """
    names = _name_outputs(path.deviation.shape[1], class_names)
    columns = {"class": np.array(names), "mean_difference": path.deviation.sum(0) / path.length.sum()}
    for kind in PER_CLASS:
        columns[kind], columns[f"{kind}_sd"] = mean_and_spread(getattr(path, kind))
    return columns


def _name_outputs(number: int, class_names: tuple[str, ...]) -> list[str]:
    """A name for every output: its number where it has none, and beside it where several have the same."""
    named = dict(enumerate(class_names[:number]))
    return [
        str(k) if k not in named else f"{named[k]} ({k})" if class_names.count(named[k]) > 1 else named[k]
        for k in range(number)
    ]


def save_csv(path: Path | str | os.PathLike[str], columns: Columns) -> None:
    """Write columns of one length as comma-separated text with a header; numbers keep all their digits."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
