"""Values written as sums of multiples of steps, entry by entry: what can be proven of a sign that is known."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from lrviz.network.operations import Call, aten, operation_name
from lrviz.tolerance import TOLERANCE


def number(value: float) -> torch.Tensor:
    """A float64 scalar on the CPU."""
    return torch.tensor(float(value), dtype=torch.float64, device="cpu")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sum:
    """A sum of steps, each times a constant factor of any shape that fits, and of a constant.

    Attributes:
        terms: The factor of each step.
        constant: The constant.
    """

    terms: dict[fx.Node, torch.Tensor]
    constant: torch.Tensor

    def __mul__(self, factor: torch.Tensor | float) -> "Sum":
        return Sum(terms={node: own * factor for node, own in self.terms.items()}, constant=self.constant * factor)

    def __add__(self, other: "Sum") -> "Sum":
        terms = dict(self.terms)
        for node, factor in other.terms.items():
            terms[node] = terms[node] + factor if node in terms else factor
        return Sum(terms=terms, constant=self.constant + other.constant)

    def __sub__(self, other: "Sum") -> "Sum":
        return self + other * -1.0

    def is_zero(self, scale: float = 1.0) -> bool:
        """Whether all factors are zero up to rounding, for factors of the size of `scale`."""
        limit = TOLERANCE.step * scale
        return all(bool((value.abs() <= limit).all()) for value in (*self.terms.values(), self.constant))

    @property
    def scale(self) -> float:
        """The largest factor."""
        return max(float(value.abs().max()) for value in (*self.terms.values(), self.constant))


class Sums:
    """Writes steps as sums, and sums as steps.

    Args:
        call: Appends a step, or computes a constant.
        constants: Values of nodes that do not depend on the input, by name.
    """

    def __init__(self, call: Call, constants: dict[str, torch.Tensor]) -> None:
        self.call, self._constants = call, constants
        self._bends: list[tuple[Sum, fx.Node]] = []

    def read(self, value: Any) -> Sum:
        """A step, weight or number as a sum of steps that are no such sums themselves."""
        if is_fixed(value):
            return Sum(terms={}, constant=self.values(value).to(torch.float64))
        name = operation_name(value) if value.op == "call_function" else ""
        read = _READERS.get(name)
        parts = None if read is None else read(self, *value.args, **value.kwargs)
        return Sum(terms={value: number(1)}, constant=number(0)) if parts is None else parts

    def _read_add(self, a: Any, b: Any, alpha: float = 1) -> Sum:
        return self.read(a) + self.read(b) * alpha

    def _read_sub(self, a: Any, b: Any, alpha: float = 1) -> Sum:
        return self.read(a) - self.read(b) * alpha

    def _read_rsub(self, a: Any, b: Any, alpha: float = 1) -> Sum:
        return self.read(b) - self.read(a) * alpha

    def _read_mul(self, a: Any, b: Any) -> Sum:
        return self.read(a) * self.values(b) if is_fixed(b) else self.read(b) * self.values(a)

    def _read_div(self, a: Any, b: Any) -> Sum:
        return self.read(a) * (1 / self.values(b))

    def _read_neg(self, a: Any) -> Sum:
        return self.read(a) * -1.0

    def _read_same(self, a: Any, **_: Any) -> Sum:
        return self.read(a)

    def _read_where(self, condition: Any, a: Any, b: Any) -> Sum | None:
        if not is_fixed(condition):
            return None
        first = self.values(condition).to(torch.float64)
        return self.read(a) * first + self.read(b) * (1 - first)

    def write(self, value: Sum) -> Any:
        """A sum as a step; a constant if it has no terms."""
        total: Any = None
        for node, factor in value.terms.items():
            if bool((factor == 0).all()):
                continue
            term = node if bool((factor == 1).all()) else self.call(aten.mul.Tensor, node, self._constant(factor))
            total = term if total is None else self.call(aten.add.Tensor, total, term)
        if total is None:
            return self._constant(value.constant)
        return self.call(aten.add.Tensor, total, self._constant(value.constant)) if value.constant.any() else total

    def bend(self, value: Sum) -> Sum:
        """The ReLU of a sum."""
        for known, node in self._bends:
            if (known - value).is_zero(value.scale):
                return Sum(terms={node: number(1)}, constant=number(0))
        inner = self.write(value)
        if is_fixed(inner):
            return Sum(terms={}, constant=value.constant.clamp(min=0))
        node = self.call(aten.relu.default, inner)
        self._bends.append((value, node))
        return Sum(terms={node: number(1)}, constant=number(0))

    def given(self, value: Sum, signal: Sum) -> Sum:
        """A sum where a signal is positive: ReLUs whose sign follows from the signal's are replaced."""
        result = Sum(terms={}, constant=value.constant)
        for node, factor in value.terms.items():
            term = Sum(terms={node: number(1)}, constant=number(0))
            if node.target is aten.relu.default:
                term = self._bend_given(node, signal)
            result = result + term * factor
        return result

    def _bend_given(self, node: fx.Node, signal: Sum) -> Sum:
        inner = self.read(node.args[0])
        simple = self.given(inner, signal)
        sign = known_sign(simple, signal)
        if sign:
            return simple if sign > 0 else simple * 0.0
        if (simple - inner).is_zero(inner.scale):
            return Sum(terms={node: number(1)}, constant=number(0))
        return self.bend(simple)

    def values(self, value: Any) -> torch.Tensor:
        """The values of a weight or number."""
        if isinstance(value, fx.Node):
            return self._constants[value.name]
        return value if isinstance(value, torch.Tensor) else torch.tensor(value, dtype=torch.float64, device="cpu")

    def _constant(self, values: torch.Tensor) -> Any:
        first = values.flatten()[:1]
        return float(first) if bool((values == first).all()) else self.call(torch.clone, values)


_READERS: dict[str, Any] = {
    "add": Sums._read_add,
    "sub": Sums._read_sub,
    "rsub": Sums._read_rsub,
    "mul": Sums._read_mul,
    "div": Sums._read_div,
    "neg": Sums._read_neg,
    "where": Sums._read_where,
} | dict.fromkeys(["clone", "alias", "detach", "_to_copy", "lift_fresh_copy"], Sums._read_same)
"""How operations are read as sums."""


def ratio(value: Sum, by: Sum) -> torch.Tensor | None:
    """K with value = k by, entry by entry; None if there is none."""
    if not by.terms:
        return None
    product, square = number(0), number(0)
    for node, factor in by.terms.items():
        product = product + value.terms.get(node, number(0)) * factor
        square = square + factor * factor
    if not bool((square > 0).all()):
        return None
    k = product / square
    return k if (value - by * k).is_zero(max(value.scale, (by * k).scale)) else None


def known_sign(value: Sum, signal: Sum) -> int:
    """The sign of a sum where a signal is positive: 1 or -1, or 0 if it does not follow."""
    slope = ratio(Sum(terms=value.terms, constant=number(0)), Sum(terms=signal.terms, constant=number(0)))
    if slope is None:
        return 0
    rest = value.constant - slope * signal.constant
    for sign in (1, -1):
        if bool((sign * slope >= 0).all()) and bool((sign * rest >= 0).all()):
            return sign
    return 0


def is_fixed(value: Any) -> bool:
    """Whether a value does not depend on the input."""
    return not isinstance(value, fx.Node) or value.op == "get_attr"
