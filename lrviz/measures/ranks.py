"""Ranks of numbers that carry rounding errors."""

import numpy as np
from jaxtyping import Float
from scipy import stats

from lrviz.tolerance import TOLERANCE


def rank(values: Float[np.ndarray, "*series n"]) -> Float[np.ndarray, "*series n"]:
    """Ranks (..., n) along the last axis, from 1; values that rounding alone tells apart share their mean rank.

    Where a value is NaN, all of its series are equal.

    >>> rank(np.array([0.2, 0.1 + 0.2, 0.3]))
    array([1. , 2.5, 2.5])
    """
    order = values.argsort(-1)
    ordered = np.take_along_axis(values, order, -1)
    is_step = np.diff(ordered, axis=-1) > TOLERANCE.flat * np.abs(values).max(-1, keepdims=True)
    level = np.zeros(values.shape)
    np.put_along_axis(level, order[..., 1:], is_step.cumsum(-1).astype(float), -1)
    return stats.rankdata(level, axis=-1)
