"""Where an axis or a colour scale begins and ends, and its ticks, the same on screen and in print."""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from lrviz.tolerance import TOLERANCE

_FLAT = 1 / 16
"""How far an axis reaches to both sides of values that are all equal, as a fraction of them."""

_LEAST_DECADES = 0.7
"""Least extent of a logarithmic axis: it holds two of the ticks 1, 2, 5, 10, ... at least."""

_LARGEST = 1e100
"""Numbers beyond this, which no measure takes, stand at the end of an axis; those below its inverse count as zero."""

PLANE_TITLES = ("u (L2 distance)", "v (L2 distance)")
"""What the axes of the plane say."""

_DIGITS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """The extent of an axis.

    Attributes:
        low: Its lower end.
        high: Its upper end, above the lower one.
        logarithmic: Whether equal distances are equal ratios.
        ticks: Where it has ticks, in ascending order; empty if what draws the axis chooses them.
        labels: What stands at each tick.
    """

    low: float
    high: float
    logarithmic: bool = False
    ticks: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()

    def on_screen(self) -> dict:
        """Settings of a Plotly axis."""
        ends = [self.low, self.high]
        kind = {"type": "log", "range": np.log10(ends).tolist()} if self.logarithmic else {"range": ends}
        return kind | ({"tickvals": self.ticks, "ticktext": self.labels} if self.ticks else {})


def fit_axis(
    values: ArrayLike,
    *,
    logarithmic: bool = False,
    from_zero: bool = False,
    room: float = 0.06,
    magnitude: float = 0.0,
) -> Axis:
    """The axis that shows some values; readable as well where all are equal up to rounding, or where there is none.

    Args:
        values: What is shown; what is not finite is not, and on a logarithmic axis neither is what is not positive.
        logarithmic: Whether equal distances are to be equal ratios.
        from_zero: Let a linear axis begin, or end, at zero at the latest.
        room: Share of the extent that is left free at both ends.
        magnitude: Size of what the values are differences of, so that their rounding is known for what it is.
    """
    numbers = np.asarray(values, float).ravel()
    finite = np.clip(numbers[np.isfinite(numbers)], -_LARGEST, _LARGEST)
    finite[np.abs(finite) < 1 / _LARGEST] = 0
    if logarithmic:
        return _logarithmic_axis(finite[finite > 0], room)
    low, high = _linear_ends(np.append(finite, 0.0) if from_zero else finite, magnitude)
    extent = high - low
    return Axis(
        low=low - room * extent * (not (from_zero and low == 0)),
        high=high + room * extent * (not (from_zero and high == 0)),
    )


def width_axis(widths: ArrayLike, *, least_gap: float = 0.04) -> Axis:
    """The logarithmic axis of widths, with a tick at each of them.

    Args:
        widths: The widths.
        least_gap: A label that is nearer to the next wider one than this, as a share of the axis, is left out.
    """
    every = np.unique(np.asarray(widths, float)).tolist()
    return _with_ticks(fit_axis(every, logarithmic=True), every, list(map(tick_label, every)), least_gap)


def share_axis(shares: ArrayLike, *, least_gap: float = 0.04) -> Axis:
    """The axis of shares of a whole, with a tick in per cent at each of them; arguments as of `width_axis`."""
    every = np.unique(np.asarray(shares, float)).tolist()
    return _with_ticks(fit_axis(every), every, [f"{100 * share:.4g} %" for share in every], least_gap)


def _with_ticks(axis: Axis, ticks: list[float], labels: list[str], least_gap: float) -> Axis:
    """An axis with a tick at each of some values, which have a label where it is free."""
    places, ends = np.array(ticks), np.array([axis.low, axis.high])
    if axis.logarithmic:
        places, ends = np.log10(places), np.log10(ends)
    places = (places - ends[0]) / (ends[1] - ends[0])
    edge, shown = math.inf, []
    for place, label in zip(places[::-1].tolist(), reversed(labels), strict=True):
        is_free = edge - place >= least_gap
        shown.append(label if is_free else "")
        edge = place if is_free else edge
    return replace(axis, ticks=tuple(ticks), labels=tuple(reversed(shown)))


def _linear_ends(values: Float[np.ndarray, " n"], magnitude: float) -> tuple[float, float]:
    if not values.size:
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    size = max(abs(low), abs(high), magnitude)
    if high - low > TOLERANCE.flat * size:
        return low, high
    middle = (low + high) / 2
    return (middle - size * _FLAT, middle + size * _FLAT) if size else (0.0, 1.0)


def _logarithmic_axis(values: Float[np.ndarray, " n"], room: float) -> Axis:
    low, high = widen(*np.log10([values.min(), values.max()]).tolist()) if values.size else (0.0, 1.0)
    free = room * (high - low)
    low, high = 10 ** (low - free), 10 ** (high + free)
    ticks = logarithmic_ticks(low, high)
    return Axis(low=low, high=high, logarithmic=True, ticks=ticks, labels=tuple(map(tick_label, ticks)))


def widen(low: float, high: float) -> tuple[float, float]:
    """The ends of a logarithmic axis, as logarithms to the base 10, so far apart that there is room for two ticks."""
    missing = max(_LEAST_DECADES - (high - low), 0.0) / 2
    return low - missing, high + missing


def logarithmic_ticks(low: float, high: float) -> tuple[float, ...]:
    """Powers of ten, every few of them if there are many, or 1, 2, 5, 10, ... if there are few."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    decades = math.log10(high / low)
    digits, step = ((1, 2, 5), 1) if decades < 2 else ((1,), math.ceil(decades / 6))
    powers = range(first - first % step, last + 1, step)
    ticks = [float(f"{digit}e{power}") for power in powers for digit in digits]
    return tuple(tick for tick in ticks if low <= tick <= high)


def tick_label(value: float) -> str:
    """A tick's number: in full where that is short, else with a power of ten.

    >>> [tick_label(value) for value in (0.02, 5, 20_000, 2e6, 1e-5)]
    ['0.02', '5', '20,000', '2×10⁶', '10⁻⁵']
    """
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:,.6g}"
    digits, power = f"{value:.3e}".split("e")
    mantissa = f"{float(digits):g}"
    return ("" if mantissa == "1" else f"{mantissa}×") + "10" + str(int(power)).translate(_DIGITS)
