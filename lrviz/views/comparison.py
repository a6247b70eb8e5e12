"""Several models on one window: what defines the comparison, and its measures side by side."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from lrviz.errors import InvalidView
from lrviz.files import shown
from lrviz.measures.summary import Summary
from lrviz.measures.tables import Columns
from lrviz.results.status import Status
from lrviz.views.view import ViewSpec

SEPARATOR = ","
"""Stands between the models of a link."""

MAX_MODELS = 64
"""Most models of a comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareSpec:
    """Models, and the one view that all of them are shown in.

    Attributes:
        models: Names of shipped models, or their files, in the order in which they are shown.
        view: Triplet, window, colour and budget; its model is the first of the models.

    Raises:
        InvalidView: No model is given, one is given twice, or a name holds a comma.
    """

    models: tuple[str, ...]
    view: ViewSpec

    def __post_init__(self) -> None:
        if not self.models:
            raise InvalidView("A comparison needs at least one model; got none. Choose a width.")
        if len(self.models) > MAX_MODELS:
            raise InvalidView(
                f"A comparison shows up to {MAX_MODELS} models; got {len(self.models):,}. Leave out some."
            )
        if len(set(self.models)) < len(self.models):
            raise InvalidView(f"A comparison shows every model once; got {shown(self.models)}. Leave out the twin.")
        if any(SEPARATOR in name for name in self.models):
            raise InvalidView(f"A comparison needs names without a comma; got {shown(self.models)}. Rename the file.")
        object.__setattr__(self, "view", replace(self.view, model=self.models[0]))

    @property
    def views(self) -> tuple[ViewSpec, ...]:
        """The view of each model."""
        return tuple(replace(self.view, model=model) for model in self.models)

    def to_query(self) -> dict[str, str]:
        """The comparison as the parameters of a link."""
        query = self.view.to_query()
        del query["model"]
        return {"models": SEPARATOR.join(self.models), **query}

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "CompareSpec":
        """Read a link's parameters; unknown ones are ignored.

        Raises:
            InvalidView: A parameter is missing, or its value is not usable.
        """
        models = tuple(name.strip() for name in query.get("models", "").split(SEPARATOR) if name.strip())
        if not models:
            raise InvalidView("A link to a comparison needs the parameter models, their names with commas between.")
        return cls(models=models, view=ViewSpec.from_query({**query, "model": models[0]}))

    def to_json(self) -> str:
        """The link's parameters as one line of JSON."""
        return json.dumps(self.to_query())


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One model of a comparison, with what was measured in the window.

    Attributes:
        model: Its name.
        width: Its base width k.
        seed: The seed that it was trained with.
        train_error: Fraction of training images that it classifies otherwise than it was taught.
        test_error: Fraction of test images that it classifies wrongly.
        summary: The measures of its regions.
    """

    model: str
    width: int
    seed: int
    train_error: float
    test_error: float
    summary: Summary

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
    """The table of a comparison: a row for every model, units as in `lrviz.measures.summary.Summary`."""
    return {
        "model": np.array([member.model for member in members]),
        "width": np.array([member.width for member in members]),
        "seed": np.array([member.seed for member in members]),
        **{name: np.array([value_of(member, name) for member in members]) for name in (*MEASURES, *ERRORS)},
        "num_regions": np.array([member.summary.num_regions for member in members]),
        "status": np.array([member.summary.status for member in members]),
    }


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
