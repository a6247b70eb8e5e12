"""How nodes use ONNX operators."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Literal = int | float | list[Any] | None
"""An input whose value has to be known."""


class NotConverted(Exception):
    """A use of an operator that is not converted; the message says what is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """How one node uses its operator.

    Attributes:
        attributes: By name.
        version: Of the operator set.
        num_outputs: Results that are asked for.
        kind: Precision in which the graph computes.
    """

    attributes: Mapping[str, Any]
    version: int
    num_outputs: int
    kind: torch.dtype = torch.float32

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute."""
        return self.attributes.get(name, default)

    def numbers(self, name: str, given: Literal = None) -> list[Any] | None:
        """A list that is an input, or was an attribute in older versions; None if it is neither."""
        value = self.attributes.get(name) if given is None else given
        return None if value is None else list(value) if isinstance(value, Sequence) else [value]


Operator = Callable[..., Any]
"""What an operator computes: a function of a `Use` and of its inputs."""


def simple(function: Callable[..., Any]) -> Operator:
    """An operator without attributes."""
    return lambda use, *inputs: function(*inputs)


def chain(function: Callable[[Tensor, Tensor], Tensor]) -> Operator:
    """An operator of any number of inputs from one of two."""

    def apply(use: Use, first: Tensor, *others: Tensor) -> Tensor:
        for other in others:
            first = function(first, other)
        return first

    return apply


def by_axes(*functions: Any) -> dict[int, Any]:
    """Functions for one axis, two and three by their number."""
    return dict(enumerate(functions, 1))


def reduce(function: Callable[..., Tensor]) -> Operator:
    """A sum, mean, maximum ... over some axes, or over all but with care: none if none are given and that is asked."""

    def apply(use: Use, x: Tensor, axes: Literal = None) -> Tensor:
        chosen = use.numbers("axes", axes)
        if not chosen and use.get("noop_with_empty_axes", 0):
            return x
        return function(x, dim=tuple(chosen or range(x.dim())), keepdim=bool(use.get("keepdims", 1)))

    return apply
