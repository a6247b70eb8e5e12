"""The commands that measure again what a table holds."""

import math
import shlex
from collections import defaultdict
from typing import NamedTuple

import pandas as pd

from lrviz.models.attack import DISTANCE
from lrviz.models.paths import NUM_ANCHORS, RADIUS
from lrviz.views.numerals import write_ranges
from lrviz.views.selection import JOINED, MOVED, TRANSLATED


class _Options(NamedTuple):
    """What a command sets for all of its paths, and the data that it needs."""

    kind: str
    num_anchors: int
    radius: float
    segments: int | None
    data: str
    gradients: bool

    def words(self) -> list[str]:
        usual = DISTANCE if self.kind in MOVED else RADIUS
        words = [f"--anchors {self.num_anchors}"] if self.kind in TRANSLATED and self.num_anchors != NUM_ANCHORS else []
        words += (
            [f"--radius {self.radius!r}".removesuffix(".0")] if self.kind not in JOINED and self.radius != usual else []
        )
        words += [] if self.segments is None else [f"--segments {self.segments}"]
        return [*words, *["--gradients"] * self.gradients]


def measure_commands(table: pd.DataFrame) -> list[str]:
    """The commands of `lrviz measure` that give the rows of a table again.

    Models that were measured on the same paths share a command. Where it needs images of a data set, a placeholder
    stands for its place.

    Args:
        table: As from `lrviz.measures.sweeps.read_results`.
    """
    paths: dict[tuple[str, _Options], list[str]] = defaultdict(list)
    for row in table.itertuples():
        segments = None if row.num_segments == row.path_segments else row.num_segments
        gradients = math.isfinite(row.input_similarity)
        options = _Options(row.path, row.num_anchors, row.radius, segments, row.data, gradients)
        paths[row.model, options].append(row.images)
    models: dict[tuple[_Options, tuple[str, ...]], list[str]] = defaultdict(list)
    for (model, options), images in paths.items():
        models[options, _join(options.kind, images)].append(model)
    return [_command(names, texts, options) for (options, texts), names in models.items()]


def _join(kind: str, references: list[str]) -> tuple[str, ...]:
    """The texts that name paths from some images; those from images of one source in one text."""
    indices: dict[str, list[int]] = defaultdict(list)
    whole = []
    for reference in references:
        source, _, index = reference.rpartition(":")
        if kind in JOINED or not (index.isascii() and index.isdigit()):
            whole.append(f"{kind}:{reference}")
        else:
            indices[source].append(int(index))
    return (*whole, *(f"{kind}:{source}:{write_ranges(numbers)}" for source, numbers in indices.items()))


def _command(models: list[str], paths: tuple[str, ...], options: _Options) -> str:
    words = [f"--models {shlex.quote(model)}" for model in models]
    words += [f"--paths {shlex.quote(path)}" for path in paths] + options.words()
    if not all(path.partition(":")[2].startswith(("samples", "random")) for path in paths):
        words.append(f"--data {shlex.quote(options.data)}")
    return " ".join(["lrviz measure", *words, "--out measured.csv"])
