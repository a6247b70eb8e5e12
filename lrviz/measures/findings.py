"""What one series of networks shows, in words: against the width, the epochs of a training, or the sparsity."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lrviz.words import chance

PEAK_HEIGHT = 0.01
"""A peak of the test error is higher than this; smaller ups and downs are left to the seeds."""

RANGES = ("all", "from the peak", "labels fitted")
"""Which networks are ranked: all, those from the peak of the test error on, those that fit their training labels."""

FEWEST_RANKED = 3
"""Fewer networks have no rank correlation."""

UNLIKELY = 0.05
"""A correlation counts as sure up to this probability of as strong a one by chance."""

FITTED = 0.05
"""Up to this train error a network counts as fitting its training labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """What a series is drawn against.

    Attributes:
        title: What an axis says.
        place: Where a network stands on it, in words.
        only: Likewise, of a series of one network.
        last: What the last network is called.
        first: What the first one is called.
    """

    title: str
    place: Callable[[float], str]
    only: str
    first: str
    last: str


AGAINST = {
    "width": Against(
        title="width k",
        place=lambda value: f"width {value:g}",
        only="the only width",
        first="the narrowest network",
        last="the widest network",
    ),
    "epochs": Against(
        title="epochs",
        place=lambda value: f"epoch {value:g}",
        only="the only epoch",
        first="the first snapshot",
        last="the end of the training",
    ),
    "sparsity": Against(
        title="sparsity (share of the weights that are zero)",
        place=lambda value: f"sparsity {value:.0%}",
        only="the only sparsity",
        first="the least pruned network",
        last="the sparsest network",
    ),
}
"""Columns of the table that a series can be drawn against."""


def against_of(curve: pd.DataFrame) -> str:
    """What the rows of a series of `lrviz.measures.sweeps.aggregate` are drawn against, one of `AGAINST`."""
    return str(curve["against"].iloc[0])


def find_peak(curve: pd.DataFrame) -> float | None:
    """Where the test error of one series, after it has fallen or begun, peaks; None if it only falls, or ends higher.

    A peak lies above all that comes after it, and above something before it and the end by more than `PEAK_HEIGHT`.

    Args:
        curve: The rows of one series of `lrviz.measures.sweeps.aggregate`.
    """
    error = _by_position(curve)["test_error"]
    values = error.to_numpy()
    is_passed = values >= np.maximum.accumulate(values[::-1])[::-1]
    height = np.where(is_passed, np.minimum(values - np.minimum.accumulate(values), values - values[-1:]), 0.0)
    return error.index.tolist()[height.argmax()] if len(height) and height.max() > PEAK_HEIGHT else None


def find_fitted(curve: pd.DataFrame) -> list[float]:
    """Where one series fits its training labels, noisy ones included; it does not where the train error is unknown.

    Args:
        curve: The rows of one series of `lrviz.measures.sweeps.aggregate`.

    Returns:
        The positions from one on, as of the wide networks of a sweep, or else up to one, as of those that are pruned
        little; empty if neither the last network nor the first one fits.
    """
    error = _by_position(curve)["train_error"]
    positions, unfitted = error.index.tolist(), np.flatnonzero(~(error.to_numpy() <= FITTED))
    if not len(unfitted):
        return positions
    return positions[unfitted[-1] + 1 :] or positions[: unfitted[0]]


def find_threshold(curve: pd.DataFrame) -> float | None:
    """The first position from which on a series fits its training labels, or else the last up to which it does.

    Args:
        curve: The rows of one series of `lrviz.measures.sweeps.aggregate`.

    Returns:
        The end of `find_fitted` that lies inside the series; its first position if all fit, None if none does.
    """
    fitted = find_fitted(curve)
    if not fitted:
        return None
    return fitted[0] if fitted[-1] == _by_position(curve).index[-1] else fitted[-1]


def describe(curve: pd.DataFrame, correlations: pd.DataFrame | None = None) -> str:
    """What one series shows: its test error, its density and deviation, and whether that is what the paper claims.

    Args:
        curve: The rows of one series of `lrviz.measures.sweeps.aggregate`.
        correlations: Those of this series, as from `lrviz.measures.sweeps.correlations`; else nothing is said of them.
    """
    against, values = AGAINST[against_of(curve)], _by_position(curve)
    if len(values) == 1:
        first = values.iloc[0]
        return (
            f"The test error is {_told(first['test_error'])} at {against.only}, {values.index[0]:g}. "
            f"Its density is {first['density']:.3g} pieces per unit of L2 distance, and its deviation "
            f"{first['deviation']:.3g}."
        )
    sentences = [_describe_error(curve, values, against), _describe_measures(values, against)]
    sentences += [] if correlations is None else [_describe_claim(correlations)]
    return " ".join([*sentences, *_describe_images(curve)])


def _by_position(curve: pd.DataFrame) -> pd.DataFrame:
    return curve.set_index(against_of(curve)).sort_index()


def _describe_error(curve: pd.DataFrame, values: pd.DataFrame, against: Against) -> str:
    peak, fitted, error = find_peak(curve), find_fitted(curve), values["test_error"]
    last = f"{_told(error.iloc[-1])} at {against.place(error.index[-1])}"
    labels = _describe_fit(fitted, values["train_error"], against)
    if peak is None:
        start = f"{_told(error.iloc[0])} at {against.place(error.index[0])}"
        is_descent = error.index[-1] in fitted and error.iloc[-1] < error.iloc[0]
        descent = " (second descent only)" if is_descent else ""
        return f"The test error goes from {start} to {last} without a peak{descent}; {labels}."
    return f"The test error peaks at {against.place(peak)} ({error[peak]:.3f}) and falls to {last}; {labels}."


def _told(error: float) -> str:
    return f"{error:.3f}" if np.isfinite(error) else "unknown"


def _describe_fit(fitted: list[float], train_error: pd.Series, against: Against) -> str:
    positions = train_error.index.tolist()
    if train_error.isna().any():
        return "which networks fit their training labels is unknown"
    if not fitted:
        return "no network fits its training labels"
    if fitted == positions:
        return "all networks fit their training labels"
    is_last = fitted[-1] == positions[-1]
    where = f"from {against.place(fitted[0])} on" if is_last else f"up to {against.place(fitted[-1])}"
    return f"{where} the networks fit their training labels, noise included"


def _describe_measures(values: pd.DataFrame, against: Against) -> str:
    density, deviation = values["density"], values["deviation"]
    ratio = density.iloc[-1] / density.iloc[0] if density.iloc[0] > 0 else np.nan
    factor = f", {ratio:.3g}-fold in all" if ratio > 1 else f", to {ratio:.3g} of the first" if ratio < 1 else ""
    top = deviation.idxmax()
    if not deviation[top] > 0:
        shape = "and the deviation is 0 everywhere"
    elif top == deviation.index[-1]:
        shape = f"and the deviation is largest at {against.last}"
    else:
        place = against.first if top == deviation.index[0] else against.place(top)
        fall = 1 - deviation.iloc[-1] / deviation[top]
        shape = f"while the deviation is largest at {place} and {fall:.0%} lower at {against.last}"
    return f"The density {_trend(density)}{factor}, {shape}."


def _trend(values: pd.Series) -> str:
    steps = values.diff().dropna()
    for verb, is_step in (("grows", steps > 0), ("falls", steps < 0)):
        if is_step.all():
            return f"{verb} at every step"
    change = values.iloc[-1] - values.iloc[0]
    return f"{'grows' if change > 0 else 'falls'}, though not at every step" if change else "ends where it began"


def _describe_images(curve: pd.DataFrame) -> list[str]:
    """That the positions cannot be compared image by image, where they were measured on more or fewer of them."""
    number = (curve["num_paths"] / curve["num_models"]).round().astype(int)
    few, many = number.min(), number.max()
    return [] if few == many else [f"The networks were measured on {few} to {many} paths each, so on other images."]


def _describe_claim(correlations: pd.DataFrame) -> str:
    """Whether density and deviation go with the test error, over the networks that fit their labels if three do."""
    is_fitted = ((correlations["range"] == RANGES[-1]) & (correlations["num_points"] >= FEWEST_RANKED)).any()
    found = correlations[correlations["range"] == (RANGES[-1] if is_fitted else RANGES[0])].set_index("measure")
    number = int(found["num_points"].iloc[0])
    which = f"the {number} that fit their labels" if is_fitted else f"all {number}"
    if found.loc[["density", "deviation"], "correlation"].isna().any():
        return f"Over {which}, no correlation can be told."
    parts = [f"the {name} {_relation(found.loc[name])}" for name in ("deviation", "density")]
    return f"Over {which}, {parts[0]} and {parts[1]}."


def _relation(found: pd.Series) -> str:
    """What is sure of a rank correlation: it has an interval without zero, and chance does not make it easily."""
    rho, low, high = (float(found[name]) for name in ("correlation", "low", "high"))
    is_sure = found["p_value"] <= UNLIKELY and (low > 0 or high < 0)
    words = ("goes against the test error", "follows the test error")[int(rho > 0)]
    interval = f"{low:+.2f} to {high:+.2f}" if np.isfinite(low) else "no interval over one seed"
    relation = words if is_sure else "has no sure relation to the test error"
    return f"{relation} (ρ = {rho:+.2f}, {interval}, {chance(found['p_value'])})"
