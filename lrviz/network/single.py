"""Programs that were exported for a fixed number of inputs, run on one input at a time."""

from typing import Any

import torch
from torch import fx, nn
from torch.utils._pytree import tree_leaves, tree_map

from lrviz.errors import LrvizError, UnsupportedOperation
from lrviz.network.allocation import MAX_NUMBERS, bounded

_CHECK = "_guards_fn"
"""What exported programs call to refuse inputs of another size."""

_CLOSE = 1e-3
"""Largest difference between an input's outputs by itself and in a batch, relative to the largest: single precision."""


class OneAtATime(nn.Module):
    """Steps for one input, which may hold that size as a constant."""

    def __init__(self, steps: nn.Module) -> None:
        super().__init__()
        self.steps = steps

    def forward(self, x: torch.Tensor) -> Any:
        """What the steps return for inputs (n, *input_shape)."""
        if len(x) == 1:
            return self.steps(x)
        return tree_map(lambda *rows: torch.cat(rows), *(self.steps(row[None]) for row in x))


def without_batch(exported: nn.Module, shape: tuple[int, ...], dtype: torch.dtype) -> nn.Module:
    """What a program does with one input, if it was exported for several at once.

    Args:
        exported: The module of an exported program; it stays as it is.
        shape: (n, *input_shape) of the inputs that it takes.
        dtype: Their precision.

    Raises:
        InvalidNetwork: It would be larger than any memory.
        UnsupportedOperation: It does something else with one input than with several.
    """
    graph = fx.Graph()
    graph.output(graph.graph_copy(exported.graph, {}))  # type: ignore[arg-type]
    graph.set_codegen(exported.graph._codegen)  # type: ignore[union-attr, arg-type]
    for check in graph.find_nodes(op="call_module", target=_CHECK):
        graph.erase_node(check)
    for node in graph.nodes:
        value = node.meta.get("val")
        if isinstance(value, torch.Tensor) and value.shape[:1] == shape[:1]:
            node.args = tuple(_for_one(argument, tuple(value.shape)) for argument in node.args)
    single = OneAtATime(fx.GraphModule(exported, graph))
    try:
        with torch.no_grad(), bounded(MAX_NUMBERS * shape[0]):
            batch = torch.randn(shape, dtype=dtype, generator=torch.Generator("cpu").manual_seed(0), device="cpu")
            same = is_close(single(batch), exported(batch))
    except LrvizError:
        raise
    except Exception as error:  # whatever the steps raise for one input
        raise _refusal(shape[0]) from error
    if not same:
        raise _refusal(shape[0])
    return single


def _for_one(argument: Any, shape: tuple[int, ...]) -> Any:
    """An argument of a step; if it is the shape of the step's result, that of the result for one input."""
    if not isinstance(argument, list | tuple) or len(argument) != len(shape) or argument[0] != shape[0]:
        return argument
    is_shape = all(given in (-1, size) for given, size in zip(argument, shape, strict=True))
    return [1, *argument[1:]] if is_shape else argument


def is_close(received: Any, expected: Any) -> bool:
    """Whether outputs of inputs by themselves are those of the same inputs in a batch."""
    pairs = zip(tree_leaves(received), tree_leaves(expected), strict=True)
    return all(
        a.shape == b.shape and bool((a - b).abs().max() <= _CLOSE * b.abs().max())
        for a, b in pairs
        if isinstance(b, torch.Tensor)
    )


def _refusal(number: int) -> UnsupportedOperation:
    return UnsupportedOperation(
        f"Expected an exported program that takes one input at a time, got one that takes {number} at once and returns "
        "something else for one: export it in eval mode, for a batch of 1 or of any size (dynamic_shapes)."
    )
