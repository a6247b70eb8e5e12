"""Several models on one window: their measures side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lrviz.measures.boundary import Boundary
from lrviz.measures.overlay import agreement
from lrviz.measures.summary import Summary
from lrviz.measures.tables import Columns
from lrviz.results.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One model of a comparison, with what was measured in the window.

    Attributes:
        model: Its name.
        width: Its base width k; 0 if it is not compared with others of its family.
        seed: The seed that it was trained with; None if that is unknown.
        train_error: Fraction of training images that it classifies otherwise than it was taught.
        test_error: Fraction of test images that it classifies wrongly.
        summary: The measures of its regions.
        boundary: Its decision boundary.
    """

    model: str
    width: int
    seed: int | None
    train_error: float
    test_error: float
    summary: Summary
    boundary: Boundary

    @property
    def is_complete(self) -> bool:
        """Whether its regions cover the whole window."""
        return self.summary.status == Status.COMPLETE


MEASURES = (
    "num_regions", "density", "mean_slope", "mean_jump", "mean_similarity", "deviation_per_area", "boundary_length",
    "num_class_areas",
)  # fmt: skip
"""The measures of a window that can be drawn against width, fields of `lrviz.measures.summary.Summary`."""

ERRORS = ("train_error", "test_error")


def compare(members: Sequence[Member]) -> Columns:
    """The table of a comparison: a row for every model, units as in `lrviz.measures.summary.Summary`.

    Its `agreement` is that with the first model. What no model has, such as a width, has no column.
    """
    return {
        "model": np.array([member.model for member in members]),
        **known_numbers("width", [member.width or None for member in members]),
        **known_numbers("seed", [member.seed for member in members]),
        **{name: np.array([value_of(member, name) for member in members]) for name in (*MEASURES, *ERRORS)},
        "agreement": np.array([agreement(members[0].boundary, member.boundary) for member in members]),
        "num_regions": np.array([member.summary.num_regions for member in members]),
        "status": np.array([member.summary.status for member in members]),
    }


def known_numbers(name: str, values: Sequence[int | None]) -> Columns:
    """A column of whole numbers, NaN where one is unknown; none if all are.

    >>> known_numbers("width", [None, None])
    {}
    """
    if all(value is None for value in values):
        return {}
    if None in values:
        return {name: np.array([np.nan if value is None else value for value in values])}
    return {name: np.array(values)}


def value_of(member: Member, name: str) -> float:
    """One of `MEASURES` or `ERRORS` of a model."""
    return float(getattr(member if name in ERRORS else member.summary, name))


class Spread(NamedTuple):
    """A quantity against width: its mean over seeds and its standard deviation (NaN where there is one seed)."""

    widths: np.ndarray
    mean: np.ndarray
    sd: np.ndarray


def spread_over_seeds(members: Sequence[Member], name: str) -> Spread:
    """Mean and sample standard deviation over the seeds of each width, of the models where the value is defined.

    Args:
        members: The models.
        name: One of `MEASURES` or `ERRORS`.
    """
    values: dict[int, list[float]] = {}
    for member in members:
        if np.isfinite(value_of(member, name)):
            values.setdefault(member.width, []).append(value_of(member, name))
    widths = sorted(values)
    return Spread(
        widths=np.array(widths),
        mean=np.array([np.mean(values[k]) for k in widths]),
        sd=np.array([np.std(values[k], ddof=1) if len(values[k]) > 1 else np.nan for k in widths]),
    )
