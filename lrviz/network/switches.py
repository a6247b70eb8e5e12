"""Comparisons of values: ReLUs where both sides of one meet at the kink, nothing that lrviz can do where they jump.

What depends on a comparison s > 0 becomes a `Switch`: one thing where s is positive, another one where it is negative.
Operations entry by entry are applied to both sides. As soon as the sides meet where s is zero, the switch becomes an
ordinary value again: one side plus a multiple of relu(s), say. What still jumps may be used where it does no harm, as
sign(x) in sign(x) relu(|x| - 1), but by nothing else.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import fx

from lrviz.network.operations import Call, aten
from lrviz.network.sums import Sum, Sums, is_fixed, known_sign, ratio

_COMPARISONS = {
    "gt": (True, False, False),
    "ge": (True, True, False),
    "lt": (False, False, True),
    "le": (False, True, True),
}
"""What comparisons of a and b are for a > b, a = b and a < b."""

_SIGNS = dict.fromkeys(["sign", "sgn"], (1.0, 0.0, -1.0))
"""Likewise of one value and 0."""

_STEP = "heaviside"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Switch:
    """One thing where a signal is positive, another one where it is negative.

    Attributes:
        signal: The step whose sign counts.
        on: A step, a constant, or again a switch, for a positive signal.
        off: The same for a negative one.
        source: The comparison in the traced graph.
    """

    signal: fx.Node
    on: Any
    off: Any
    source: fx.Node


class _Jump(Exception):
    """The two sides of a switch do not meet."""


class Switches:
    """Turns comparisons into switches, and joins their sides.

    Args:
        call: Appends a step, or computes a constant.
        constants: Values of nodes that do not depend on the input, by name.
    """

    def __init__(self, call: Call, constants: dict[str, torch.Tensor]) -> None:
        self._call, self._sums = call, Sums(call, constants)

    def compare(self, source: fx.Node, name: str, args: tuple[Any, ...]) -> Switch | None:
        """The switch of a comparison or a sign, a node of the traced graph; None if it is neither."""
        if name in _COMPARISONS:
            signal = self._sums.write(self._sums.read(args[0]) - self._sums.read(args[1]))
            sides: tuple[Any, Any, Any] = _COMPARISONS[name]
        elif name in _SIGNS or (name == _STEP and is_fixed(args[1])):
            signal, sides = args[0], _SIGNS.get(name) or (1.0, args[1], 0.0)
        else:
            return None
        if is_fixed(signal):
            return None
        on, zero, off = sides
        if signal.target is aten.relu.default:
            signal, off = signal.args[0], zero
        shape = tuple(source.meta["val"].shape)
        return Switch(signal=signal, on=self._side(on, shape), off=self._side(off, shape), source=source)

    def _side(self, value: Any, shape: tuple[int, ...]) -> Any:
        if isinstance(value, fx.Node):
            return self._call(aten.expand.default, value, list(shape))
        dtype = torch.bool if isinstance(value, bool) else torch.float64
        return self._call(torch.full, shape, value, dtype=dtype, device="cpu")

    def join(self, switch: Switch, on: Any, off: Any) -> Any:
        """What a switch becomes by an operation on both sides: an ordinary value if they meet, else a switch again."""
        if not all(map(_is_constant, (on, off))):
            try:
                return self._sums.write(self._join(self._sums.read(switch.signal), on, off))
            except _Jump:
                pass
        return replace(switch, on=on, off=off)

    def _join(self, s: Sum, on: Any, off: Any) -> Sum:
        sums, below = self._sums, s * -1.0
        a, b = self._settle(on, s), self._settle(off, below)
        slope = ratio(sums.given(a - b, s), s)
        if slope is not None:
            return b + sums.bend(s) * slope
        slope = ratio(sums.given(b - a, below), below)
        if slope is not None:
            return a + sums.bend(below) * slope
        common = sums.given(a, below)
        if (common - sums.given(b, s)).is_zero(max(a.scale, b.scale)):
            return a + b - common
        raise _Jump

    def _settle(self, value: Any, s: Sum) -> Sum:
        """What a side of a switch is where the signal s is positive, as a sum that makes sense everywhere."""
        if isinstance(value, Switch):
            inner = self._sums.given(self._sums.read(value.signal), s)
            sign = known_sign(inner, s)
            return (
                self._settle(value.on if sign > 0 else value.off, s) if sign else self._join(inner, value.on, value.off)
            )
        return self._sums.given(self._sums.read(value), s)


def is_constant(value: Any) -> bool:
    """Whether what an argument became does not depend on the input."""
    return not isinstance(value, Switch) and is_fixed(value)


def _is_constant(value: Any) -> bool:
    """Whether a side of a switch holds constants only."""
    if isinstance(value, Switch):
        return _is_constant(value.on) and _is_constant(value.off)
    return is_fixed(value)
