"""Which operations of a traced network lrviz understands, and how they become affine steps and ReLUs."""

from collections.abc import Callable
from typing import Any

import torch
from torch import fx

aten = torch.ops.aten

_FIRST = """
    conv1d conv2d conv3d convolution conv_transpose1d conv_transpose2d linear
    _native_batch_norm_legit_no_training avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d
    _adaptive_avg_pool2d mean sum view reshape _unsafe_view flatten unflatten permute transpose t squeeze unsqueeze
    expand slice select index_select narrow flip roll split split_with_sizes chunk unbind constant_pad_nd pad
    reflection_pad2d replication_pad2d pixel_shuffle pixel_unshuffle upsample_nearest2d upsample_bilinear2d neg clone
    contiguous alias detach lift_fresh_copy _to_copy dropout div mm bmm
"""
_ALL = "add sub rsub cat stack"
_ONE = "mul matmul"

AFFINE: dict[str, str] = (
    dict.fromkeys(_FIRST.split(), "first") | dict.fromkeys(_ALL.split(), "all") | dict.fromkeys(_ONE.split(), "one")
)
AFFINE["addmm"] = "second"
"""Affine operations, and which of their arguments may depend on the input: the first, the second, any one, or all."""

Build = Callable[..., fx.Node]


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

    def maximum(self, x: Any, y: Any) -> fx.Node:
        """max(a, b) = a + relu(b - a)."""
        return self.add(x, self.relu(self.subtract(y, x)))


def _leaky_relu(build: _Builder, x: fx.Node, negative_slope: float = 0.01) -> fx.Node:
    return build.add(build.scale(build.relu(x), 1 - negative_slope), build.scale(x, negative_slope))


def _prelu(build: _Builder, x: fx.Node, weight: fx.Node) -> fx.Node:
    shape = [1, -1] + [1] * (x.meta["val"].dim() - 2)
    weight = build.call(aten.view.default, weight, shape)
    return build.add(build.scale(build.relu(x), build.call(aten.rsub.Scalar, weight, 1)), build.scale(x, weight))


def _clamp(build: _Builder, x: fx.Node, low: float | None = None, high: float | None = None) -> fx.Node:
    """clamp(x, low, high) = low + relu(x - low) - relu(x - high), for low <= high."""
    if low is None and high is None:
        return x
    if low is None:
        return build.subtract(x, build.relu(build.subtract(x, high)))
    lower = build.add(build.relu(build.subtract(x, low)), low)
    return lower if high is None else build.subtract(lower, build.relu(build.subtract(x, high)))


def _hardtanh(build: _Builder, x: fx.Node, low: float = -1.0, high: float = 1.0) -> fx.Node:
    return _clamp(build, x, low, high)


def _relu6(build: _Builder, x: fx.Node) -> fx.Node:
    return _clamp(build, x, 0.0, 6.0)


def _clamp_min(build: _Builder, x: fx.Node, low: float) -> fx.Node:
    return _clamp(build, x, low)


def _clamp_max(build: _Builder, x: fx.Node, high: float) -> fx.Node:
    return _clamp(build, x, None, high)


def _abs(build: _Builder, x: fx.Node) -> fx.Node:
    """|x| = 2 relu(x) - x."""
    return build.subtract(build.scale(build.relu(x), 2.0), x)


def _maximum(build: _Builder, x: fx.Node, y: fx.Node) -> fx.Node:
    return build.maximum(x, y)


def _minimum(build: _Builder, x: fx.Node, y: fx.Node) -> fx.Node:
    """min(a, b) = a - relu(a - b)."""
    return build.subtract(x, build.relu(build.subtract(x, y)))


def _pooling_rows(size: int, out: int, kernel: int, stride: int, padding: int, dilation: int) -> list[list[int]]:
    """For each place of the kernel, the input position that every output reads; padding reads a valid neighbour."""
    taps: list[list[int]] = [[] for _ in range(kernel)]
    for j in range(out):
        places = [j * stride - padding + i * dilation for i in range(kernel)]
        inside = [p for p in places if 0 <= p < size]
        for i, place in enumerate(places):
            taps[i].append(place if 0 <= place < size else inside[0])
    return taps


def _max_pool(build: _Builder, x: fx.Node, num_axes: int, *args: Any) -> fx.Node:
    """Max-pooling, one axis after the other, each as a chain of max(a, b)."""

    def setting(position: int, default: Any) -> list[int]:
        value = args[position] if len(args) > position and args[position] not in (None, [], ()) else default
        value = [value] if isinstance(value, int) else list(value)
        return value * num_axes if len(value) == 1 else value

    kernel = setting(0, None)
    stride, padding, dilation = setting(1, kernel), setting(2, 0), setting(3, 1)
    result, sizes = x, x.meta["val"].shape
    for axis in range(num_axes):
        dim = len(sizes) - num_axes + axis
        out = int(build.source.meta["val"].shape[dim])
        taps = _pooling_rows(int(sizes[dim]), out, kernel[axis], stride[axis], padding[axis], dilation[axis])
        result = _maximum_of_taps(build, result, dim, taps)
    return result


def _maximum_of_taps(build: _Builder, x: fx.Node, dim: int, taps: list[list[int]]) -> fx.Node:
    parts = []
    for tap in taps:
        index = build.call(torch.tensor, tap)
        parts.append(build.call(aten.index_select.default, x, dim, index))
    while len(parts) > 1:
        pairs = [build.maximum(a, b) for a, b in zip(parts[::2], parts[1::2], strict=False)]
        parts = pairs + parts[len(pairs) * 2 :]
    return parts[0]


def _max_pool1d(build: _Builder, x: fx.Node, *args: Any) -> fx.Node:
    return _max_pool(build, x, 1, *args)


def _max_pool2d(build: _Builder, x: fx.Node, *args: Any) -> fx.Node:
    return _max_pool(build, x, 2, *args)


REWRITES: dict[str, Build] = {
    "leaky_relu": _leaky_relu,
    "prelu": _prelu,
    "hardtanh": _hardtanh,
    "relu6": _relu6,
    "clamp": _clamp,
    "clamp_min": _clamp_min,
    "clamp_max": _clamp_max,
    "abs": _abs,
    "maximum": _maximum,
    "minimum": _minimum,
    "max_pool1d": _max_pool1d,
    "max_pool2d": _max_pool2d,
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
