"""The table of many models measured on many paths, and what it says about widths, as in Gamba et al. 2022.

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
from lrviz.measures.definitions import PATH_QUANTITIES
from lrviz.measures.path import mean_and_spread
from lrviz.measures.table_files import check_ranges, check_types, read_table
from lrviz.results.pieces import PathMeasures
from lrviz.results.status import Status

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
    "width": (1, 1e6),
    "label_noise": (0, 1),
    "radius": (0, 1e6),
    "num_segments": (1, 1e9),
    "path_segments": (1, 1e9),
    **dict.fromkeys(ERRORS, (0, 1)),
    **dict.fromkeys(("length", "path_length", "seconds", *ALWAYS), (0, 1e100)),
}
"""Least and largest number of columns that are drawn or divided by."""

SUFFIXES = (".csv", ".parquet")

PEAK_HEIGHT = 0.01
"""A peak of the test error is higher than this; smaller ups and downs are left to the seeds."""

RANGES = ("all", "from the peak", "labels fitted")
"""Which widths are ranked: all, those from the peak of the test error on, and those that fit their training labels."""

MAX_PERMUTED = 8
"""Up to this many widths, p-values come from all orders of them; beyond, from Student's distribution."""

FITTED = 0.05
"""Up to this train error a network counts as fitting its training labels."""

_ENDS = ("_low", "_high", "_se")

SERIES = (
    "family", "batch_norm", "data", "num_train_images", "label_noise", "path", "image_kind", "num_anchors", "radius",
)  # fmt: skip
"""What all points of one curve against width have in common."""


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
        check_ranges(table, _LIMITS)
    except ValueError as error:
        raise InvalidData(
            f"Expected numbers in the columns of numbers in {shorten(name, 80)}, got other values ({error}): "
            "measure again."
        ) from error
    return table


def _completed(table: pd.DataFrame) -> pd.DataFrame:
    """A table of an earlier version, with what it did not measure as unknown; its paths were measured whole."""
    unknown = [name + suffix for name in MEASURES if name not in ALWAYS for suffix in ("", "_sd")]
    added = {name: np.nan for name in unknown if name not in table.columns}
    for name, same in (("path_segments", "num_segments"), ("path_length", "length")):
        if name not in table.columns and same in table.columns:
            added[name] = table[same]
    return table.assign(**added)


def aggregate(table: pd.DataFrame) -> pd.DataFrame:
    """Average over the paths of every model, then over the models of a width that differ in their seed.

    Snapshots and paths that are not complete are left out.

    Args:
        table: As from `read_results`.

    Returns:
        One row per series (`SERIES`) and `width`, sorted by width within a series: `num_models`, `num_paths` (of all
        models), and for every measure and error its mean over models, `<name>_sd` over models (NaN for one),
        `<name>_low` and `<name>_high`, the ends of its interval, and `<name>_se`, its standard error, by
        `lrviz.measures.bootstrap` (NaN for one path of one model); for every measure also `<name>_paths_sd`, its
        standard deviation over the paths of a model, averaged over models.
    """
    kept = _finished(table)
    by_model = kept.groupby([*SERIES, "width", "seed", "model"])
    means = by_model[[*ERRORS, *MEASURES]].mean()
    spread = by_model[list(MEASURES)].std().add_suffix("_paths_sd")
    models = means.join(spread).assign(num_paths=by_model.size())
    by_width = models.groupby([*SERIES, "width"])
    result = by_width[list(means)].mean().assign(num_models=by_width.size(), num_paths=by_width["num_paths"].sum())
    result = result.join(by_width[list(means)].std().add_suffix("_sd")).join(by_width[list(spread)].mean())
    return result.join(_intervals(kept)).reset_index()


def _finished(table: pd.DataFrame) -> pd.DataFrame:
    return table[~table["is_snapshot"] & (table["status"] == Status.COMPLETE)]


def _resamples(kept: pd.DataFrame) -> dict[tuple, Resamples]:
    return {series: resample(paths, MEASURES, ERRORS) for series, paths in kept.groupby(list(SERIES))}


def _intervals(kept: pd.DataFrame) -> pd.DataFrame:
    """The ends of the intervals of all measures and errors, by series and width."""
    parts = []
    for series, resamples in _resamples(kept).items():
        index = pd.MultiIndex.from_tuples([(*series, width) for width in resamples.widths], names=[*SERIES, "width"])
        columns = {
            name + end: values
            for name in (*ERRORS, *MEASURES)
            for end, values in zip(_ENDS, (*resamples.interval(name), resamples.standard_error(name)), strict=True)
        }
        parts.append(pd.DataFrame(columns, index=index))
    empty = pd.DataFrame({name + end: [] for name in (*ERRORS, *MEASURES) for end in _ENDS}, dtype=float)
    index = pd.MultiIndex.from_arrays([[] for _ in (*SERIES, "width")], names=[*SERIES, "width"])
    return pd.concat(parts) if parts else empty.set_index(index)


def correlations(aggregated: pd.DataFrame, table: pd.DataFrame | None = None) -> pd.DataFrame:
    """Spearman's rank correlation over the widths of every measure with the test error.

    Below the peak of the test error, and of the width that fits the labels, a network cannot fit its data; the paper's
    claim is about what comes after it.

    Args:
        aggregated: As from `aggregate`.
        table: What was aggregated, for the intervals.

    Returns:
        One row per series, `measure` and `widths`, one of `RANGES`: `correlation`, `low` and `high` (its interval by
        `lrviz.measures.bootstrap`; NaN without the table), `p_value` (of no correlation, two-sided), `num_widths`; NaN
        where there are fewer than three widths or one of the two is constant. A range that a series does not have,
        such as "from the peak" without one, has no rows.
    """
    resamples = {} if table is None else _resamples(_finished(table))
    rows = [
        {
            **dict(zip(SERIES, series, strict=True)),
            "measure": measure,
            "widths": name,
            **_rank_correlation(part[measure].to_numpy(), part["test_error"].to_numpy()),
            **_rank_interval(resamples.get(series), measure, part["width"].to_numpy()),
        }
        for series, curve in aggregated.groupby(list(SERIES))
        for name, part in _ranges(curve)
        for measure in MEASURES
    ]
    found = ["correlation", "low", "high", "p_value", "num_widths"]
    return pd.DataFrame(rows, columns=[*SERIES, "measure", "widths", *found])


def find_peak(curve: pd.DataFrame) -> int | None:
    """The width where the test error of one series, after it has fallen or begun, peaks; None if it only falls.

    A peak lies above both a narrower and a wider network by more than `PEAK_HEIGHT`.

    Args:
        curve: The rows of one series of `aggregate`.
    """
    error = curve.sort_values("width")["test_error"].to_numpy()
    widths = np.sort(curve["width"].to_numpy())
    before, after = np.minimum.accumulate(error), np.minimum.accumulate(error[::-1])[::-1]
    height = np.minimum(error - before, error - after)
    return int(widths[height.argmax()]) if len(height) and height.max() > PEAK_HEIGHT else None


def find_threshold(curve: pd.DataFrame) -> int | None:
    """The smallest width from which on a series fits its training labels, noisy ones included; None if none does.

    Args:
        curve: The rows of one series of `aggregate`.
    """
    curve = curve.sort_values("width")
    unfitted = np.flatnonzero(curve["train_error"].to_numpy() > FITTED)
    first = unfitted[-1] + 1 if len(unfitted) else 0
    return int(curve["width"].iloc[first]) if first < len(curve) else None


def describe(curve: pd.DataFrame) -> str:
    """What one series shows, in two sentences.

    Args:
        curve: The rows of one series of `aggregate`.
    """
    return f"{_describe_error(curve)} {_describe_measures(curve)}"


def _describe_error(curve: pd.DataFrame) -> str:
    peak, threshold = find_peak(curve), find_threshold(curve)
    if len(curve) == 1:
        return f"The test error is {curve['test_error'].iloc[0]:.3f} at the only width, {curve['width'].iloc[0]}."
    error = curve.set_index("width")["test_error"]
    last = f"{error.iloc[-1]:.3f} at width {error.index[-1]}"
    labels = "no network fits its training labels"
    if threshold is not None:
        labels = f"from width {threshold} on the networks fit their training labels, noise included"
    if peak is None:
        start = f"{error.iloc[0]:.3f} at width {error.index[0]}"
        descent = " (second descent only)" if threshold is not None and error.iloc[-1] < error.iloc[0] else ""
        return f"The test error goes from {start} to {last} without a peak{descent}; {labels}."
    return f"The test error peaks at width {peak} ({error[peak]:.3f}) and falls to {last}; {labels}."


def _describe_measures(curve: pd.DataFrame) -> str:
    values = curve.set_index("width")
    if len(curve) == 1:
        (density, deviation) = values[["density", "deviation"]].iloc[0]
        return f"Its density is {density:.3g} pieces per unit of L2 distance, and its deviation {deviation:.3g}."
    density, deviation = values["density"], values["deviation"]
    factor = density.iloc[-1] / density.iloc[0]
    trend = "grows at every step" if (density.diff().dropna() > 0).all() else "changes"
    top = deviation.idxmax()
    if top == deviation.index[-1]:
        shape = "and the deviation is largest at the widest network"
    elif top == deviation.index[0]:
        shape = "while the deviation is largest at the narrowest network and then falls"
    else:
        fall = 1 - deviation.iloc[-1] / deviation[top]
        shape = f"while the deviation is largest at width {top} and {fall:.0%} lower at the widest network"
    return f"The density {trend}, {factor:.3g}-fold in all, {shape}."


def _ranges(curve: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    starts = dict(zip(RANGES, (0, find_peak(curve), find_threshold(curve)), strict=True))
    return [(name, curve[curve["width"] >= start]) for name, start in starts.items() if start is not None]


def _rank_correlation(measure: np.ndarray, error: np.ndarray) -> dict[str, float]:
    result = {"correlation": np.nan, "p_value": np.nan, "num_widths": len(measure)}
    if len(measure) >= 3 and np.ptp(measure) > 0 and np.ptp(error) > 0:
        found = stats.spearmanr(measure, error)
        result |= {"correlation": float(found.statistic), "p_value": float(found.pvalue)}
        if len(measure) <= MAX_PERMUTED:
            result["p_value"] = _permutation_p_value(measure, error)
    return result


def _rank_interval(resamples: Resamples | None, measure: str, widths: np.ndarray) -> dict[str, float]:
    ends = (np.nan, np.nan)
    if resamples is not None:
        ends = resamples.correlation_interval(measure, "test_error", widths)
    return dict(zip(("low", "high"), ends, strict=True))


def _permutation_p_value(measure: np.ndarray, error: np.ndarray) -> float:
    """The share of all orders of one of two samples with at least as strong a rank correlation."""
    first, second = (ranks - ranks.mean() for ranks in (stats.rankdata(measure), stats.rankdata(error)))
    orders = np.array(list(permutations(first)))
    strength = np.abs(orders @ second)
    return float((strength >= abs(first @ second) * (1 - 1e-9)).mean())
