"""A step of a traced network, which is made for one input, on many rows at once; and the proof that it is affine.

A value of one input has a shape such as (1, channels, height, width). Of many inputs, a row each, it is stored as
(rows, channels, height, width): a leading axis of one is left away.
"""

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import fx
from torch.utils import _pytree as pytree

from lrviz.network.kernels import FASTER
from lrviz.network.maxima import largest_entry
from lrviz.network.operations import Refused, aten, operation_name, row_shape
from lrviz.network.refusals import NOT_FINITE, refusing
from lrviz.tolerance import TOLERANCE

_SIZED = frozenset(["view", "_unsafe_view", "expand"])
"""Operations whose second argument is the size of the result."""

_COPYING = {aten.view.default: aten.reshape.default, aten._unsafe_view.default: aten.reshape.default}
"""Values may lie in memory in another order than when they were traced."""

_PRODUCT = "it multiplies or divides values that depend on the input"

Values = Mapping[fx.Node, Any]
Constants = Mapping[str, Any]


class NotFinite(Refused):
    """A step whose result is not finite."""


def call_rows(node: fx.Node, values: Values, constants: Constants, num_rows: int) -> Any:
    """Run a step on all rows of its inputs.

    Args:
        node: The step.
        values: (rows, ...) of its inputs that depend on the network's input; all have the same number of rows.
        constants: Its other inputs by name.
        num_rows: Number of rows.

    Raises:
        UnsupportedOperation: It fails.
        MemoryError: The memory is not enough for that many rows.
    """
    with refusing(node):
        return _call_rows(node, values, constants, num_rows)


def _call_rows(node: fx.Node, values: Values, constants: Constants, num_rows: int) -> Any:
    if node.target is operator.getitem:
        return values[node.args[0]][node.args[1]]  # type: ignore[index]
    if node.target is largest_entry:
        x, entries, shape = node.args
        return largest_entry(values[x].reshape(num_rows, -1), constants[entries.name], shape)  # type: ignore[index,union-attr,arg-type]
    call = _call_mapped if node.meta.get("mapped") else _call_folded
    return call(node, values, constants, num_rows)


def _call_folded(node: fx.Node, values: Values, constants: Constants, num_rows: int) -> Any:
    """The rows take the place of the first axis, or are counted along it if it is not one."""

    def fold(argument: fx.Node) -> Any:
        if argument not in values:
            return constants[argument.name]
        return pytree.tree_map(
            lambda shaped, rows: rows if _is_single(shaped.shape) else rows.flatten(0, 1),
            argument.meta["val"],
            values[argument],
        )

    output = _call(node, fold, FASTER.get(node.target, node.target))
    return pytree.tree_map(
        lambda rows, shaped: rows if _is_single(shaped.shape) else rows.unflatten(0, (num_rows, shaped.shape[0])),
        _as_tuple(output),
        node.meta["val"],
    )


def _call_mapped(node: fx.Node, values: Values, constants: Constants, num_rows: int) -> Any:
    """Each row by itself, in the shape that it has for one input."""
    inputs = [argument for argument in node.all_input_nodes if argument in values]

    def one(*rows: Any) -> Any:
        return _call_one(node, dict(zip(inputs, rows, strict=True)), constants)

    output = torch.vmap(one)(*(values[argument] for argument in inputs))
    return pytree.tree_map(
        lambda rows, shaped: rows.reshape(num_rows, *row_shape(shaped.shape)), output, node.meta["val"]
    )


def _call_one(node: fx.Node, rows: Values, constants: Constants) -> Any:
    """Run a step on one input, given a row for each of its inputs."""

    def restore(argument: fx.Node) -> Any:
        if argument not in rows:
            return constants[argument.name]
        return pytree.tree_map(lambda row, shaped: row.reshape(shaped.shape), rows[argument], argument.meta["val"])

    return _as_tuple(_call(node, restore, node.target))


def _pick(values: Values, row: int) -> Values:
    return {argument: pytree.tree_map(lambda rows: rows[row], value) for argument, value in values.items()}


def _call(node: fx.Node, look_up: Callable[[fx.Node], Any], target: Any) -> Any:
    args, kwargs = fx.map_arg((node.args, node.kwargs), look_up)  # type: ignore[misc]
    return _COPYING.get(target, target)(*args, **kwargs)


def _is_single(shape: torch.Size) -> bool:
    return shape[:1] in ((), (1,))


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def prove_affine(node: fx.Node, constants: Constants) -> None:
    """Find out the shape of a step and how to run it on many rows, and prove that it is affine in its inputs.

    Steps are sums, products, quotients and moves of numbers. If such a function satisfies f(x + y) + f(0) = f(x) + f(y)
    at random x and y, it does so everywhere, but with probability zero.

    Args:
        node: The step; its inputs' shapes are known. It gets `meta["val"]`, a result without values, and
            `meta["mapped"]`, whether rows must be run by themselves.
        constants: Its inputs that are weights, by name.

    Raises:
        Refused: It is not affine.
        NotFinite: Its result is not finite.
    """
    generator = torch.Generator(device="cpu").manual_seed(0)
    values = {
        argument: pytree.tree_map(lambda shaped: _probes(shaped.shape, generator), argument.meta["val"])
        for argument in node.all_input_nodes
        if argument.op != "get_attr"
    }
    alone = [_call_one(node, _pick(values, row), constants) for row in range(3)]
    node.meta["val"] = pytree.tree_map(lambda tensor: tensor.to("meta"), alone[0])
    for output in pytree.tree_leaves(alone):
        if output.dtype != torch.float64:
            raise Refused(f"its result is {str(output.dtype).removeprefix('torch.')}")
    if not all(map(_is_finite, alone)):
        # What is affine, and finite at x and y, is so at zero: there, a quotient of two of its inputs is not.
        raise Refused(_PRODUCT) if _is_finite(alone[0]) and _is_finite(alone[2]) else NotFinite(NOT_FINITE)
    x, zero, y, both = rows = _first_that_agrees(node, values, constants, alone)
    if not _is_close(both + zero, x + y, rows):
        raise Refused(_PRODUCT)


def _is_finite(value: Any) -> bool:
    return all(bool(output.isfinite().all()) for output in pytree.tree_leaves(value))


def _first_that_agrees(node: fx.Node, values: Values, constants: Constants, alone: list[Any]) -> torch.Tensor:
    """The step's flat results on all rows, in the first way that gives the first three what they have by themselves."""
    shapes = [row_shape(output.shape) for output in pytree.tree_leaves(alone[0]) if output.numel()]
    expected = torch.stack([_flat(output, 1)[0] for output in alone])
    for _ in _ways(node):
        try:
            value = _call_rows(node, values, constants, 4)
            rows = _flat(value, 4)
        except (RuntimeError, ValueError, IndexError, TypeError):
            continue
        # The first axis may be another one than that of the rows, though the numbers are the same.
        received = [output.shape for output in pytree.tree_leaves(value) if output.numel()]
        if received == [(4, *shape) for shape in shapes] and _is_close(rows[:3], expected, expected):
            return rows
    raise Refused("it cannot be run on many inputs at once")


def _flat(value: Any, num_rows: int) -> torch.Tensor:
    return torch.cat([tensor.reshape(num_rows, -1) for tensor in pytree.tree_leaves(value) if tensor.numel()], 1)


def _ways(node: fx.Node) -> Iterator[None]:
    """Ways to run a step on many rows, the fastest first; each changes the node."""
    args, shape = node.args, pytree.tree_leaves(node.meta["val"])[0].shape
    node.meta["mapped"] = False
    if operation_name(node) in _SIZED and shape[:1] == (1,):
        node.args = (args[0], [-1, *shape[1:]], *args[2:])
        yield
        node.args = args
    yield
    node.meta["mapped"] = True
    yield


def _probes(shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    """Rows x, 0, y, x + y."""
    x, y = torch.randn(2, *row_shape(shape), dtype=torch.float64, device="cpu", generator=generator)
    return torch.stack([x, torch.zeros_like(x), y, x + y])


def _is_close(a: torch.Tensor, b: torch.Tensor, scale: torch.Tensor) -> bool:
    if a.numel() == 0:
        return True
    return bool((a - b).abs().max() <= TOLERANCE.step * scale.abs().max())
