"""The table of many models measured on many paths, and its averages over paths and seeds, as in Gamba et al. 2022.

A row holds one model on one path. What is summed along a segment has its mean over the classes and over the path's
segments, as in the code published with the paper; `lrviz.measures.definitions.PATH_QUANTITIES` defines every measure.
A deviation, multiplied by `num_segments` and divided by `length`, becomes the mean of |f - chord| along the path, in
logits. Where only some of the `path_segments` segments of a path were chosen, at random, all means are unbiased
estimates of those of the whole path, of length `path_length`.

Beside each stands `<name>_sd`, the standard deviation over the segments (of their means over the classes).
"""

import io
import os
from itertools import permutations
from pathlib import Path
from textwrap import shorten

import numpy as np
import pandas as pd
from scipy import stats

from lrviz.errors import InvalidData, UnreadableFile
from lrviz.measures.bootstrap import Resamples, resample
from lrviz.measures.definitions import ERROR_QUANTITIES, PATH_QUANTITIES
from lrviz.measures.findings import FEWEST_RANKED, RANGES, against_of, find_fitted, find_peak
from lrviz.measures.path import mean_and_spread
from lrviz.measures.ranks import rank
from lrviz.measures.table_files import check_ranges, check_types, read_table
from lrviz.results.pieces import PathMeasures
from lrviz.results.status import Status
from lrviz.tolerance import TOLERANCE

MEASURES = tuple(PATH_QUANTITIES)
"""What a path is measured by; columns of the table."""

ALWAYS = MEASURES[:4]
"""Those that every table has; the others may be unknown (NaN)."""

ERRORS = ("train_error", "test_error")

COLUMNS: dict[str, type] = {
    "model": str,
    "family": str,
    "width": int,
    "batch_norm": bool,
    "data": str,
    "num_train_images": int,
    "label_noise": float,
    "seed": int,
    "epochs": int,
    "is_snapshot": bool,
    "sparsity": float,
    "train_error": float,
    "test_error": float,
    "path": str,
    "image_kind": str,
    "images": str,
    "image_index": int,
    "num_anchors": int,
    "radius": float,
    "num_segments": int,
    "path_segments": int,
    "length": float,
    "path_length": float,
    "num_pieces": int,
    **{name + suffix: float for name in MEASURES for suffix in ("", "_sd")},
    "status": str,
    "seconds": float,
    "lrviz_version": str,
    "engine_version": int,
    "program": str,
}
"""The columns of the table, in order, and what they hold."""

_LIMITS: dict[str, tuple[float, float]] = {
    "width": (0, 1e6),
    "label_noise": (0, 1),
    "sparsity": (0, 1),
    "radius": (0, 1e100),
    "num_segments": (1, 1e9),
    "path_segments": (1, 1e9),
    **{name: ERROR_QUANTITIES[name].limits for name in ERRORS},
    **dict.fromkeys(("length", "path_length", "seconds", *ALWAYS), (0, 1e100)),
}
"""Least and largest number of columns that are drawn or divided by."""

SUFFIXES = (".csv", ".parquet")

MAX_PERMUTED = 8
"""Up to this many networks, p-values come from all orders of them; beyond, from Student's distribution."""

_ENDS = ("_low", "_high", "_se")

SERIES = (
    "family", "batch_norm", "data", "num_train_images", "label_noise", "path", "image_kind", "num_anchors", "radius",
    "num_segments",
)  # fmt: skip
"""What all networks of one series have in common; whole paths and segments chosen at random are kept apart."""

_PATHS = ("path", "image_kind", "num_anchors", "radius", "num_segments")
"""Those of them that tell kinds of paths apart."""

FIXED = {"width": (), "epochs": ("width",), "sparsity": ("width",)}
"""What those of a series against each of `AGAINST` have in common besides."""


def summarise_path(
    measures: PathMeasures, path_segments: int | None = None, path_length: float | None = None
) -> dict[str, float]:
    """The measures of a path as columns of the table; a path of one segment has no standard deviation (NaN).

    Args:
        measures: Of all segments of the path, or of some that were chosen at random.
        path_segments: Segments of the whole path; those that were measured if None.
        path_length: Length of the whole path, likewise.
    """
    per_segment = {
        "density": measures.num_pieces / measures.length,
        **{name: getattr(measures, name) for name in MEASURES[1:]},
    }
    summary: dict[str, float] = {}
    for name, values in per_segment.items():
        mean, spread = mean_and_spread(values.reshape(len(values), -1).mean(1, keepdims=True))
        summary[name], summary[f"{name}_sd"] = float(mean[0]), float(spread[0])
    # Pieces of the whole path by its length, not the mean of ratios: unbiased for segments chosen at random as well.
    whole = path_segments or len(measures), path_length or float(measures.length.sum())
    summary["density"] = float(measures.num_pieces.mean() * whole[0] / whole[1])
    return summary


def write_results(table: pd.DataFrame, path: Path | str | os.PathLike[str]) -> None:
    """Write a table as .csv, with all digits, or as .parquet."""
    if Path(path).suffix.lower() == ".csv":
        table.to_csv(path, index=False)
    else:
        table.to_parquet(path, index=False)


def read_results(source: Path | str | os.PathLike[str] | io.BytesIO, name: str | None = None) -> pd.DataFrame:
    """Read a table that `lrviz measure` wrote.

    Args:
        source: A .csv or .parquet file, or an open one.
        name: The file's name; that of `source` if it is a path.

    Returns:
        The table with the columns and types of `COLUMNS`, in this order.

    Raises:
        InvalidData: There is no such file, or it is no such table.
    """
    if name is None:
        name = Path(str(source)).name
    try:
        table = read_table(source, name, COLUMNS)
    except UnreadableFile as error:
        raise InvalidData(
            f"Expected measured results in {shorten(name, 80)}, found no readable file ({error}): check the path."
        ) from error
    except ValueError as error:
        raise InvalidData(
            f"Expected a .csv or .parquet table of measured paths in {shorten(name, 80)}, got a file that "
            f"cannot be read: {error}. Measure again."
        ) from error
    return _checked(table, name)


def _checked(table: pd.DataFrame, name: str) -> pd.DataFrame:
    table = _completed(table)
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        raise InvalidData(
            f"Expected the columns of measured paths in {shorten(name, 80)}, got a table without {', '.join(missing)}: "
            "measure again."
        )
    try:
        table = check_types(table, COLUMNS)
        check_ranges(table, _LIMITS, unknown=ERRORS)
    except ValueError as error:
        raise InvalidData(
            f"Expected numbers in the columns of numbers in {shorten(name, 80)}, got other values ({error}): "
            "measure again."
        ) from error
    return table


def _completed(table: pd.DataFrame) -> pd.DataFrame:
    """A table of an earlier version, with what it did not measure as unknown.

    Its paths were measured whole, and its networks not pruned.
    """
    unknown = [name + suffix for name in MEASURES if name not in ALWAYS for suffix in ("", "_sd")]
    added = {name: np.nan for name in unknown if name not in table.columns}
    for name, same in (("path_segments", "num_segments"), ("path_length", "length")):
        if name not in table.columns and same in table.columns:
            added[name] = table[same]
    if "sparsity" not in table.columns:
        added["sparsity"] = 0.0
    return table.assign(**added)


def series_columns(against: str) -> list[str]:
    """What tells the series of `aggregate` apart."""
    return [*SERIES, *FIXED[against]]


def aggregate(table: pd.DataFrame, against: str = "width") -> pd.DataFrame:
    """Average over the paths of every model, over the models of a seed at a position, and over these seeds.

    Paths that are not complete are left out. Against width, so are snapshots, pruned networks and those of no width;
    against epochs there are the trainings that have snapshots, against sparsity the networks that were pruned.

    Args:
        table: As from `read_results`.
        against: What the series are drawn against, one of `lrviz.measures.findings.AGAINST`.

    Returns:
        One row per series (`series_columns`) and position (the column that `against` names; its name is in the column
        `against`), sorted by position within a series: `num_models`, `num_paths` (of all models), and for every measure
        and error its mean, `<name>_sd` over seeds (NaN for one), `<name>_low` and `<name>_high`, the ends
        of its interval, and `<name>_se`, its standard error, by `lrviz.measures.bootstrap` (NaN for one path of one
        model); for every measure also `<name>_paths_sd`, its standard deviation over the paths of a model, averaged
        over models.
    """
    kept, series = select_paths(table, against), series_columns(against)
    by_model = kept.groupby([*series, against, "seed", "model"])
    means = by_model[[*ERRORS, *MEASURES]].mean()
    spread = by_model[list(MEASURES)].std().add_suffix("_paths_sd")
    models = means.join(spread).assign(num_paths=by_model.size())
    by_position = models.groupby([*series, against])
    by_seed = models.groupby([*series, against, "seed"])[list(means)].mean().groupby([*series, against])
    result = by_seed.mean().assign(num_models=by_position.size(), num_paths=by_position["num_paths"].sum())
    result = result.join(by_seed.std().add_suffix("_sd")).join(by_position[list(spread)].mean())
    return result.join(_intervals(kept, against)).reset_index().assign(against=against)


def select_paths(table: pd.DataFrame, against: str) -> pd.DataFrame:
    """The finished paths of those networks that have a place in series against one of `AGAINST`; width 0 is none."""
    finished = table[table["status"] == Status.COMPLETE]
    is_pruned = finished["family"].str.endswith(" pruned")
    if against == "sparsity":
        return finished[is_pruned]
    if against == "epochs":
        training = finished["model"].str.replace(r"-epoch\d+$", "", regex=True)
        same = [training, *(finished[name] for name in _PATHS)]
        return finished[finished["is_snapshot"].groupby(same).transform("any").astype(bool)]
    return finished[~finished["is_snapshot"] & ~is_pruned & (finished["width"] > 0)]


def _resamples(kept: pd.DataFrame, against: str) -> dict[tuple, Resamples]:
    groups = kept.groupby(series_columns(against))
    return {series: resample(paths, MEASURES, ERRORS, against=against) for series, paths in groups}


def _intervals(kept: pd.DataFrame, against: str) -> pd.DataFrame:
    """The ends of the intervals of all measures and errors, by series and position."""
    names = [*series_columns(against), against]
    parts = []
    for series, resamples in _resamples(kept, against).items():
        index = pd.MultiIndex.from_tuples([(*series, position) for position in resamples.positions], names=names)
        columns = {
            name + end: values
            for name in (*ERRORS, *MEASURES)
            for end, values in zip(_ENDS, (*_interval(resamples, name), resamples.standard_error(name)), strict=True)
        }
        parts.append(pd.DataFrame(columns, index=index))
    empty = pd.DataFrame({name + end: [] for name in (*ERRORS, *MEASURES) for end in _ENDS}, dtype=float)
    index = pd.MultiIndex.from_arrays([[] for _ in names], names=names)
    return pd.concat(parts) if parts else empty.set_index(index)


def _interval(resamples: Resamples, name: str) -> list[np.ndarray]:
    """The ends of an interval, which is cut off where there are no such errors and measures."""
    limits = (ERROR_QUANTITIES | PATH_QUANTITIES)[name].limits
    return [np.clip(end, *limits) for end in resamples.interval(name)]


def correlations(aggregated: pd.DataFrame, table: pd.DataFrame | None = None) -> pd.DataFrame:
    """Spearman's rank correlation of every measure with the test error, over the networks of each series.

    Below the peak of the test error, and of the width that fits the labels, a network cannot fit its data; the paper's
    claim is about what comes after it.

    Args:
        aggregated: As from `aggregate`.
        table: What was aggregated, for the intervals.

    Returns:
        One row per series, `measure` and `range`, one of `RANGES`: `correlation`, `low` and `high` (its interval by
        `lrviz.measures.bootstrap`; NaN without the table), `p_value` (of no correlation, two-sided), `num_points`; NaN
        where there are fewer than three points or one of the two is constant. A range that a series does not have,
        such as "from the peak" without one, has no rows.
    """
    against = against_of(aggregated) if len(aggregated) else "width"
    names = series_columns(against)
    resamples = {} if table is None else _resamples(select_paths(table, against), against)
    rows = [
        {
            **dict(zip(names, series, strict=True)),
            "measure": measure,
            "range": name,
            **_rank_correlation(part[measure].to_numpy(), part["test_error"].to_numpy()),
            **_rank_interval(resamples.get(series), measure, part[against].to_numpy()),
        }
        for series, curve in aggregated.groupby(names)
        for name, part in _ranges(curve, against)
        for measure in MEASURES
    ]
    found = ["correlation", "low", "high", "p_value", "num_points"]
    return pd.DataFrame(rows, columns=[*names, "measure", "range", *found])


def _ranges(curve: pd.DataFrame, against: str) -> list[tuple[str, pd.DataFrame]]:
    positions, peak = curve[against], find_peak(curve)
    from_peak = curve[positions >= (np.inf if peak is None else peak)]
    parts = zip(RANGES, (curve, from_peak, curve[positions.isin(find_fitted(curve))]), strict=True)
    return [(name, part) for name, part in parts if len(part)]


def _rank_correlation(measure: np.ndarray, error: np.ndarray) -> dict[str, float]:
    result = {"correlation": np.nan, "p_value": np.nan, "num_points": len(measure)}
    first, second = rank(measure), rank(error)
    if len(measure) >= FEWEST_RANKED and np.ptp(first) > 0 and np.ptp(second) > 0:
        found = stats.spearmanr(first, second)
        result |= {"correlation": float(found.statistic), "p_value": float(found.pvalue)}
        if len(measure) <= MAX_PERMUTED:
            result["p_value"] = _permutation_p_value(first, second)
    return result


def _rank_interval(resamples: Resamples | None, measure: str, positions: np.ndarray) -> dict[str, float]:
    ends = (np.nan, np.nan)
    if resamples is not None:
        ends = resamples.correlation_interval(measure, "test_error", positions)
    return dict(zip(("low", "high"), ends, strict=True))


def _permutation_p_value(first: np.ndarray, second: np.ndarray) -> float:
    """The share of all orders of the ranks of one of two samples with at least as strong a correlation."""
    first, second = first - first.mean(), second - second.mean()
    orders = np.array(list(permutations(first)))
    strength = np.abs(orders @ second)
    return float((strength >= abs(first @ second) * (1 - TOLERANCE.flat)).mean())
