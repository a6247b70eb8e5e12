"""Which operations of a traced network lrviz understands, and how they become affine steps, ReLUs and maxima."""

from collections.abc import Callable, Sequence
from math import copysign, inf, prod
from typing import Any, TypeAlias

import torch
from torch import fx

from lrviz.network.maxima import axis_entries, box_entries, largest_entry, pair_entries, pool_entries

aten = torch.ops.aten

_AFFINE = """
    conv1d conv2d conv3d convolution conv_transpose1d conv_transpose2d conv_transpose3d linear
    mm bmm mv matmul addmm baddbmm add sub rsub mul div neg sum mean cumsum where lerp addcmul addcdiv
    _native_batch_norm_legit_no_training avg_pool1d avg_pool2d avg_pool3d
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d
    view _unsafe_view permute transpose squeeze unsqueeze expand repeat slice select index index_select gather
    diagonal unfold as_strided flip roll split split_with_sizes unbind cat stack
    index_put slice_scatter select_scatter scatter copy _to_copy clone alias detach
    pad constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d
    replication_pad1d replication_pad2d replication_pad3d col2im im2col
    pixel_shuffle pixel_unshuffle channel_shuffle grid_sampler_2d grid_sampler_3d
    upsample_nearest1d upsample_nearest2d upsample_nearest3d
    _upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d
    upsample_linear1d upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d
    _upsample_bilinear2d_aa _upsample_bicubic2d_aa
"""
_CONSTANT = "zeros_like ones_like full_like empty_like new_zeros new_ones new_full new_empty"

AFFINE = frozenset(_AFFINE.split())
"""Operations that add, multiply, divide and move numbers; whether a use is affine is found out by running it."""

CONSTANT = frozenset(_CONSTANT.split())
"""Operations that only look at the shape of a tensor."""

Build = Callable[..., fx.Node]
Bound: TypeAlias = float | int | fx.Node | None
Pair = Callable[[fx.Node, Any], fx.Node]
Call = Callable[..., fx.Node]


def target_name(target: Any) -> str:
    """The short name of an operation: `conv2d` for `aten.conv2d.default`."""
    schema = getattr(target, "_schema", None)
    return schema.name.split("::")[-1] if schema is not None else str(getattr(target, "__name__", target))


def operation_name(node: fx.Node) -> str:
    """The short name of a node's operation."""
    return target_name(node.target)


def supported_operations() -> list[str]:
    """Every operation that a network may use, sorted."""
    return sorted([name for name in AFFINE if not name.startswith("_")] + ["relu", *REWRITES])


def row_shape(shape: torch.Size) -> torch.Size:
    """Shape of one row of a value that has a shape for one input.

    >>> row_shape(torch.Size([1, 3, 8])), row_shape(torch.Size([4]))
    (torch.Size([3, 8]), torch.Size([4]))
    """
    return shape[1:] if shape[:1] == (1,) else shape


RANDOM = "it is random"
"""Why random operations are refused."""


class Refused(Exception):
    """A use of an operation that is not piecewise linear, not continuous or not finite; the message says why."""


class _Builder:
    """Appends the steps that take the place of one node.

    Args:
        source: The node in the traced graph.
        call: Appends a step.
        look_up: Finds the values of a node that does not depend on the input.
    """

    def __init__(self, source: fx.Node, call: Call, look_up: Callable[[fx.Node], torch.Tensor]) -> None:
        self.source, self.call, self._look_up = source, call, look_up

    def constant(self, bound: Any) -> torch.Tensor | None:
        """The values of a number or weight; None if it depends on the input."""
        if isinstance(bound, fx.Node):
            return self._look_up(bound) if bound.op == "get_attr" else None
        return torch.tensor(float(bound), dtype=torch.float64, device="cpu")

    def relu(self, x: Any) -> fx.Node:
        return self.call(aten.relu.default, x)

    def scale(self, x: Any, factor: Any) -> fx.Node:
        return self.call(aten.mul.Tensor, x, factor)

    def add(self, x: Any, y: Any) -> fx.Node:
        return self.call(aten.add.Tensor, x, y)

    def subtract(self, x: Any, y: Any) -> fx.Node:
        return self.call(aten.sub.Tensor, x, y)

    def largest(self, x: Any, table: Callable[..., torch.Tensor], *settings: Any) -> fx.Node:
        """The maxima of a table of entries among the flattened features of x, in the shape of the result."""
        return self.call(largest_entry, x, self.call(table, *settings), self.shape)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a row of the first result."""
        value = self.source.meta["val"]
        return features(value[0] if isinstance(value, tuple | list) else value)


def _leaky_relu(build: _Builder, x: fx.Node, negative_slope: float = 0.01) -> fx.Node:
    return build.add(build.scale(build.relu(x), 1 - negative_slope), build.scale(x, negative_slope))


def _prelu(build: _Builder, x: fx.Node, weight: fx.Node) -> fx.Node:
    num_axes = x.meta["val"].dim()
    shape = [1, -1, *[1] * num_axes][:num_axes]
    weight = build.call(aten.view.default, weight, shape)
    return build.add(build.scale(build.relu(x), build.call(aten.rsub.Scalar, weight, 1)), build.scale(x, weight))


_NEAR = 1e4
"""Bounds up to here are taken away from and added again: what rounding leaves is small."""


def _at_least(build: _Builder, x: fx.Node, low: Bound) -> fx.Node:
    """max(x, low): low + relu(x - low) is exact where x is small, x + relu(low - x) where x is close to low."""

    def near(x: fx.Node, low: Any) -> fx.Node:
        return build.add(build.relu(build.subtract(x, low)), low)

    def far(x: fx.Node, low: Any) -> fx.Node:
        return build.add(x, build.relu(build.subtract(low, x)))

    return _bounded(build, x, low, -inf, near=near, far=far, other=_maximum)


def _at_most(build: _Builder, x: fx.Node, high: Bound) -> fx.Node:
    """min(x, high): high - relu(high - x) is exact where x is large, x - relu(x - high) where x is close to high."""

    def near(x: fx.Node, high: Any) -> fx.Node:
        return build.subtract(high, build.relu(build.subtract(high, x)))

    def far(x: fx.Node, high: Any) -> fx.Node:
        return build.subtract(x, build.relu(build.subtract(x, high)))

    return _bounded(build, x, high, inf, near=near, far=far, other=_minimum)


def _bounded(build: _Builder, x: fx.Node, bound: Bound, none: float, *, near: Pair, far: Pair, other: Build) -> fx.Node:
    """Bound a value from one side.

    Args:
        build: Appends steps.
        x: The value.
        bound: A number, a weight, another value that depends on the input, or None.
        none: The infinity that bounds nothing.
        near: What to do for bounds that are small.
        far: What to do for bounds that are large.
        other: What to do for bounds that depend on the input.
    """
    if bound is None:
        return x
    values = build.constant(bound)
    if values is None:
        return other(build, x, bound)
    bounds = values != none
    if not bool(bounds.any()):
        return x
    if not bool(values[bounds].isfinite().all()):
        raise Refused("one of its bounds is not finite")
    if not bool(bounds.all()):
        kept = build.call(aten.ne.Scalar, bound, none)
        bound = build.call(aten.where.ScalarOther, kept, bound, 0.0)
        inside = build.call(aten.where.self, kept, x, build.add(bound, copysign(1.0, none)))
        bounded = _bounded(build, inside, bound, none, near=near, far=far, other=other)
        return build.call(aten.where.self, kept, bounded, x)
    return (near if float(values.abs().max()) <= _NEAR else far)(x, bound)


def _clamp(build: _Builder, x: fx.Node, low: Bound = None, high: Bound = None) -> fx.Node:
    return _at_most(build, _at_least(build, x, low), high)


def _hardtanh(build: _Builder, x: fx.Node, low: Bound = -1.0, high: Bound = 1.0) -> fx.Node:
    return _clamp(build, x, low, high)


def _relu6(build: _Builder, x: fx.Node) -> fx.Node:
    return _clamp(build, x, 0.0, 6.0)


def _hardsigmoid(build: _Builder, x: fx.Node) -> fx.Node:
    """hardsigmoid(x) = clamp(x + 3, 0, 6) / 6."""
    return build.scale(_clamp(build, build.add(x, 3.0), 0.0, 6.0), 1 / 6)


def _clamp_min(build: _Builder, x: fx.Node, low: Bound) -> fx.Node:
    return _at_least(build, x, low)


def _clamp_max(build: _Builder, x: fx.Node, high: Bound) -> fx.Node:
    return _at_most(build, x, high)


def _threshold(build: _Builder, x: fx.Node, threshold: float, value: float) -> fx.Node:
    if threshold != value:
        raise Refused(f"it jumps from {value:g} to {threshold:g}")
    return _at_least(build, x, threshold)


def _rrelu(build: _Builder, x: fx.Node, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> fx.Node:
    if training:
        raise Refused(RANDOM)
    return _leaky_relu(build, x, (lower + upper) / 2)


def _abs(build: _Builder, x: fx.Node) -> fx.Node:
    """|x| = 2 relu(x) - x."""
    return build.subtract(build.scale(build.relu(x), 2.0), x)


def _pow(build: _Builder, x: fx.Node, exponent: Any) -> fx.Node:
    if not isinstance(exponent, int | float) or exponent != 1:
        raise Refused("its exponent is not 1")
    return x


def features(value: torch.Tensor) -> tuple[int, ...]:
    """Shape of one row of a value."""
    return tuple(int(size) for size in row_shape(value.shape))


def _maximum(build: _Builder, x: Any, y: Any) -> fx.Node:
    """The larger of two tensors, place by place, after both have the shape of the result."""
    shape = build.source.meta["val"].shape
    if not len(shape):
        raise Refused("it compares single numbers")
    both = [build.add(one, build.scale(other, 0.0)) for one, other in ((x, y), (y, x))]
    return build.largest(build.call(aten.stack.default, both, 1), pair_entries, shape[0], prod(shape[1:]))


def _minimum(build: _Builder, x: Any, y: Any) -> fx.Node:
    """min(a, b) = -max(-a, -b)."""
    return build.scale(_maximum(build, build.scale(x, -1.0), build.scale(y, -1.0)), -1.0)


def _amax(build: _Builder, x: fx.Node, axes: Sequence[int] | int = (), *_: Any) -> fx.Node:
    """The largest over some axes, or over all."""
    shape = x.meta["val"].shape
    chosen = [axes] if isinstance(axes, int) else list(axes) or list(range(len(shape)))
    lead = len(shape) - len(features(x.meta["val"]))
    places = tuple(sorted(place for axis in chosen if (place := axis % len(shape) - lead) >= 0))
    if not places:
        return build.call(aten.view.default, x, list(build.shape))
    return build.largest(x, axis_entries, features(x.meta["val"]), places)


def _amin(build: _Builder, x: fx.Node, axes: Sequence[int] | int = (), *_: Any) -> fx.Node:
    return build.scale(_amax(build, build.scale(x, -1.0), axes), -1.0)


def _max(build: _Builder, x: fx.Node, *args: Any) -> Any:
    """`max` of two tensors, along an axis (with the places, which cannot be used), or over everything."""
    if args and isinstance(args[0], fx.Node):
        return _maximum(build, x, args[0])
    return (_amax(build, x, args[0]), None) if args else _amax(build, x)


def _min(build: _Builder, x: fx.Node, *args: Any) -> Any:
    if args and isinstance(args[0], fx.Node):
        return _minimum(build, x, args[0])
    return (_amin(build, x, args[0]), None) if args else _amin(build, x)


def _max_pool(num_axes: int, *, places: bool) -> Build:
    """Max-pooling over the last axes, with or without the places of the winners, which cannot be used."""

    def build_pool(build: _Builder, x: fx.Node, *args: Any) -> Any:
        def setting(position: int, default: Any) -> tuple[int, ...]:
            value = args[position] if len(args) > position and args[position] not in (None, [], ()) else default
            value = [value] if isinstance(value, int) else list(value)
            return tuple(value * num_axes if len(value) == 1 else value)

        kernel = setting(0, None)
        steps = setting(1, kernel), setting(2, 0), setting(3, 1)
        pooled = build.largest(x, pool_entries, features(x.meta["val"]), build.shape, kernel, *steps)
        return (pooled, None) if places else pooled

    return build_pool


def _adaptive_max_pool(build: _Builder, x: fx.Node, size: Any) -> Any:
    """Bin i of n over m places reaches from floor(i m / n) to ceil((i + 1) m / n)."""
    sizes = [size] if isinstance(size, int) else list(size)
    shape = features(x.meta["val"])
    bounds = tuple(
        tuple((i * extent // number, -(-(i + 1) * extent // number)) for i in range(number))
        for number, extent in zip(build.shape[-len(sizes) :], shape[-len(sizes) :], strict=True)
    )
    return build.largest(x, box_entries, shape, bounds), None


REWRITES: dict[str, Build] = {
    "leaky_relu": _leaky_relu,
    "prelu": _prelu,
    "hardtanh": _hardtanh,
    "clamp": _clamp,
    "clamp_min": _clamp_min,
    "clamp_max": _clamp_max,
    "relu6": _relu6,
    "hardsigmoid": _hardsigmoid,
    "threshold": _threshold,
    "rrelu": _rrelu,
    "abs": _abs,
    "pow": _pow,
    "maximum": _maximum,
    "minimum": _minimum,
    "max": _max,
    "min": _min,
    "amax": _amax,
    "amin": _amin,
    **{f"max_pool{axes}d": _max_pool(axes, places=False) for axes in (1, 2, 3)},
    **{f"max_pool{axes}d_with_indices": _max_pool(axes, places=True) for axes in (1, 2, 3)},
    **{f"adaptive_max_pool{axes}d": _adaptive_max_pool for axes in (1, 2, 3)},
}
"""Piecewise linear operations, and the ReLUs and maxima that they become."""

KEPT = AFFINE | CONSTANT | REWRITES.keys()
KEPT |= {"relu", "hardshrink", "heaviside", "linalg_vector_norm", "log_sigmoid_forward"}
"""Operations that a trace keeps as they are; others are taken apart by PyTorch."""


def rewrite(
    source: fx.Node,
    target: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    call: Call,
    look_up: Callable[[fx.Node], torch.Tensor],
) -> Any:
    """Append what a piecewise linear operation becomes; a tuple for one with several results.

    Args:
        source: The node in the traced graph.
        target: The operation.
        args: Its already converted arguments, and `kwargs` those given by name.
        kwargs: See `args`.
        call: Appends a step.
        look_up: Finds the values of a node that does not depend on the input.

    Raises:
        Refused: This use of it is not piecewise linear, not continuous or not finite.
    """
    name, schema = target_name(target), target._schema.arguments
    given = [kwargs.get(argument.name, argument.default_value) for argument in schema[len(args) :]]
    last = max((place for place, argument in enumerate(schema) if argument.name in kwargs), default=-1) + 1
    values = [*args, *given][: max(last, len(args))]
    return REWRITES[name](_Builder(source, call, look_up), *values)
