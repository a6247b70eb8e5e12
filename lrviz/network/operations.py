"""Which operations of a traced network lrviz understands, and how they become affine steps, ReLUs and maxima."""

from collections.abc import Callable
from math import prod
from typing import Any, TypeAlias

import torch
from torch import fx

from lrviz.network.maxima import largest_entry, pool_entries

aten = torch.ops.aten

_FIRST = """
    conv1d conv2d conv3d convolution conv_transpose1d conv_transpose2d conv_transpose3d linear
    _native_batch_norm_legit_no_training avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d
    adaptive_avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d mean sum view _unsafe_view permute transpose squeeze
    unsqueeze expand repeat slice select index index_select flip roll split split_with_sizes unbind pad constant_pad_nd
    pixel_shuffle pixel_unshuffle upsample_nearest2d upsample_bilinear2d neg clone alias detach div mm
"""
_ALL = "add sub rsub cat stack"
_ONE = "mul matmul"

AFFINE: dict[str, str] = (
    dict.fromkeys(_FIRST.split(), "first") | dict.fromkeys(_ALL.split(), "all") | dict.fromkeys(_ONE.split(), "one")
)
AFFINE["addmm"] = "second"
"""Affine operations, and which of their arguments may depend on the input: the first, the second, any one, or all."""

Build = Callable[..., fx.Node]
Bound: TypeAlias = float | int | fx.Node | None


def operation_name(node: fx.Node) -> str:
    """The short name of a node's operation: `conv2d` for `aten.conv2d.default`."""
    name = getattr(node.target, "_schema", None)
    return name.name.split("::")[-1] if name is not None else str(getattr(node.target, "__name__", node.target))


def supported_operations() -> list[str]:
    """Every operation that a network may use, sorted."""
    return sorted([name for name in AFFINE if not name.startswith("_")] + ["relu", *REWRITES])


class _Builder:
    """Adds nodes behind a place in the graph, each with the meta data of the node that it replaces."""

    def __init__(self, graph: fx.Graph, source: fx.Node) -> None:
        self.graph, self.source = graph, source

    def call(self, target: Any, *args: Any) -> fx.Node:
        node = self.graph.call_function(target, args)
        node.meta = dict(self.source.meta)
        return node

    def relu(self, x: Any) -> fx.Node:
        return self.call(aten.relu.default, x)

    def scale(self, x: Any, factor: Any) -> fx.Node:
        return self.call(aten.mul.Tensor, x, factor)

    def add(self, x: Any, y: Any) -> fx.Node:
        return self.call(aten.add.Tensor, x, y)

    def subtract(self, x: Any, y: Any) -> fx.Node:
        return self.call(aten.sub.Tensor, x, y)

    def largest(self, x: Any, entries: fx.Node, shape: tuple[int, ...]) -> fx.Node:
        """The maxima (batch, *shape) of a table of entries among the flattened features of x."""
        return self.call(largest_entry, x, entries, shape)


def _leaky_relu(build: _Builder, x: fx.Node, negative_slope: float = 0.01) -> fx.Node:
    return build.add(build.scale(build.relu(x), 1 - negative_slope), build.scale(x, negative_slope))


def _prelu(build: _Builder, x: fx.Node, weight: fx.Node) -> fx.Node:
    shape = [1, -1] + [1] * (x.meta["val"].dim() - 2)
    weight = build.call(aten.view.default, weight, shape)
    return build.add(build.scale(build.relu(x), build.call(aten.rsub.Scalar, weight, 1)), build.scale(x, weight))


def _clamp(build: _Builder, x: fx.Node, low: Bound = None, high: Bound = None) -> fx.Node:
    """clamp(x, low, high) = low + relu(x - low) - relu(x - high), for low <= high."""
    if low is None and high is None:
        return x
    if low is None:
        return build.subtract(x, build.relu(build.subtract(x, high)))
    lower = build.add(build.relu(build.subtract(x, low)), low)
    return lower if high is None else build.subtract(lower, build.relu(build.subtract(x, high)))


def _hardtanh(build: _Builder, x: fx.Node, low: Bound = -1.0, high: Bound = 1.0) -> fx.Node:
    return _clamp(build, x, low, high)


def _clamp_min(build: _Builder, x: fx.Node, low: Bound) -> fx.Node:
    return _clamp(build, x, low)


def _clamp_max(build: _Builder, x: fx.Node, high: Bound) -> fx.Node:
    return _clamp(build, x, None, high)


def _abs(build: _Builder, x: fx.Node) -> fx.Node:
    """|x| = 2 relu(x) - x."""
    return build.subtract(build.scale(build.relu(x), 2.0), x)


def _maximum(build: _Builder, x: Any, y: Any) -> fx.Node:
    """The larger of two tensors, place by place, after both have the shape of the result."""
    shape = tuple(int(size) for size in build.source.meta["val"].shape[1:])
    parts = [
        build.call(aten.flatten.using_ints, build.add(one, build.scale(other, 0.0)), 1)
        for one, other in ((x, y), (y, x))
    ]
    both = build.call(aten.cat.default, parts, 1)
    return build.largest(both, build.call(_pair_entries, prod(shape)), shape)


def _pair_entries(number: int) -> torch.Tensor:
    return torch.arange(2 * number, device="cpu").view(2, number).T.contiguous()


def _minimum(build: _Builder, x: Any, y: Any) -> fx.Node:
    """min(a, b) = -max(-a, -b)."""
    return build.scale(_maximum(build, build.scale(x, -1.0), build.scale(y, -1.0)), -1.0)


def _max_pool(build: _Builder, x: fx.Node, num_axes: int, *args: Any) -> fx.Node:
    """Max-pooling over the last axes."""

    def setting(position: int, default: Any) -> tuple[int, ...]:
        value = args[position] if len(args) > position and args[position] not in (None, [], ()) else default
        value = [value] if isinstance(value, int) else list(value)
        return tuple(value * num_axes if len(value) == 1 else value)

    kernel = setting(0, None)
    steps = setting(1, kernel), setting(2, 0), setting(3, 1)
    size, shape = (tuple(int(n) for n in node.meta["val"].shape[1:]) for node in (x, build.source))
    entries = build.call(pool_entries, size, shape, kernel, *steps)
    return build.largest(x, entries, shape)


def _max_pool1d(build: _Builder, x: fx.Node, *args: Any) -> fx.Node:
    return _max_pool(build, x, 1, *args)


def _max_pool2d(build: _Builder, x: fx.Node, *args: Any) -> fx.Node:
    return _max_pool(build, x, 2, *args)


def _max_pool3d(build: _Builder, x: fx.Node, *args: Any) -> fx.Node:
    return _max_pool(build, x, 3, *args)


REWRITES: dict[str, Build] = {
    "leaky_relu": _leaky_relu,
    "prelu": _prelu,
    "hardtanh": _hardtanh,
    "clamp": _clamp,
    "clamp_min": _clamp_min,
    "clamp_max": _clamp_max,
    "abs": _abs,
    "maximum": _maximum,
    "minimum": _minimum,
    "max_pool1d": _max_pool1d,
    "max_pool2d": _max_pool2d,
    "max_pool3d": _max_pool3d,
}
"""Piecewise linear operations, and the ReLUs that they become."""


def rewrite(graph: fx.Graph, node: fx.Node, x: tuple[Any, ...], kwargs: dict[str, Any]) -> fx.Node:
    """Append what a piecewise linear node becomes, given its already converted arguments."""
    name = operation_name(node)
    names = [argument.name for argument in node.target._schema.arguments]  # type: ignore[union-attr]
    values = list(x) + [kwargs[key] for key in names[len(x) :] if key in kwargs]
    if name == "max" and len(values) == 2:
        name = "maximum"
    if name == "min" and len(values) == 2:
        name = "minimum"
    return REWRITES[name](_Builder(graph, node), *values)
